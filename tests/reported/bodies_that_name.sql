-- The last word of a function's body is a table that is made as well: the function comes behind it.
-- db: pg

--- A
CREATE TABLE kept (id integer PRIMARY KEY);
--- ROWS
INSERT INTO kept VALUES (1);
--- B
CREATE TABLE kept (id integer PRIMARY KEY);
CREATE TABLE zz (id integer PRIMARY KEY, n integer);
CREATE FUNCTION zcount() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM zz';
CREATE FUNCTION acount() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 1 + zcount()';
CREATE TABLE aa (id bigint DEFAULT acount(), z integer REFERENCES zz);
CREATE MATERIALIZED VIEW am AS SELECT acount() AS n;
--- AFTER
INSERT INTO zz VALUES (1, 1);
INSERT INTO aa (z) VALUES (1);
