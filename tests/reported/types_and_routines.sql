-- db: pg

--- A
CREATE TYPE e AS ENUM ('a', 'b');
CREATE TYPE c AS (v e, n int);
CREATE DOMAIN d AS e DEFAULT 'a';
CREATE TABLE t (id int, x e DEFAULT 'a', xs e[] DEFAULT '{a,b}', y c, ys c[], z d);
CREATE FUNCTION takes(e) RETURNS e LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION makes(int) RETURNS TABLE (a e, b c) LANGUAGE sql AS 'SELECT NULL::e, NULL::c';
CREATE PROCEDURE does(x c, y d) LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE INDEX i ON t (takes(x)); CREATE VIEW v AS SELECT takes(x) AS x, (y).n FROM t WHERE x = 'a';
CREATE FUNCTION isin(e) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 = 'a' $$;
ALTER TABLE t ADD CHECK (isin(x) OR x = 'b');
--- ROWS
INSERT INTO t VALUES (1, 'a', '{b}', ROW('b', 2), ARRAY[ROW('a', 1)]::c[], 'b');
--- B
CREATE TYPE e AS ENUM ('a', 'n', 'b');
CREATE TYPE c AS (v e, n bigint);
CREATE DOMAIN d AS e DEFAULT 'b';
CREATE TABLE t (id int, x e DEFAULT 'a', xs e[] DEFAULT '{a,b}', y c, ys c[], z d);
CREATE FUNCTION takes(e) RETURNS e LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION makes(int) RETURNS TABLE (a e, b c) LANGUAGE sql AS 'SELECT NULL::e, NULL::c';
CREATE PROCEDURE does(x c, y d) LANGUAGE plpgsql AS 'BEGIN NULL; END';
CREATE INDEX i ON t (takes(x)); CREATE VIEW v AS SELECT takes(x) AS x, (y).n FROM t WHERE x = 'a';
CREATE FUNCTION isin(e) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 = 'a' $$;
ALTER TABLE t ADD CHECK (isin(x) OR x = 'b');
