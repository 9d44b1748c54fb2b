-- db: pg

--- A
CREATE FUNCTION old_ok(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT t <> '' $$;
CREATE DOMAIN old_word AS text CHECK (old_ok(VALUE));
CREATE TYPE old_pair AS (a old_word, b int);
CREATE FUNCTION old_uses(old_pair) RETURNS old_word LANGUAGE sql AS 'SELECT $1.a';
CREATE TABLE old_t (p old_pair, w old_word DEFAULT 'x');
CREATE TABLE stays (id int, w old_word);
CREATE FUNCTION of_table(old_t) RETURNS int LANGUAGE sql AS 'SELECT 1';
--- ROWS
INSERT INTO stays VALUES (1, 'w');
--- B
CREATE FUNCTION ok(t text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT t <> '' $$;
CREATE DOMAIN word AS text CHECK (ok(VALUE));
CREATE TYPE pair AS (a word, b int);
CREATE FUNCTION uses(pair) RETURNS word LANGUAGE sql AS 'SELECT $1.a';
CREATE TABLE t (p pair, w word DEFAULT 'x', CHECK (uses(p) <> 'y'));
CREATE FUNCTION of_table(t) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE stays (id int, w text);
