-- db: pg
-- withheld: alter domain pos (manual: arrays, rows or other domains hold values of it, which the server does not check there)
-- withheld: add column typed.city (manual: it stands on something that stays as it is)
-- withheld: alter column typed.street: type (manual: it stands on something that stays as it is)
-- withheld: alter column typed.zip: type (manual: it stands on something that stays as it is)
-- withheld: alter composite type addr (manual: the table typed is of this type, which would have to be made anew)
-- withheld: alter view v (manual: it stands on something that stays as it is)

--- A
CREATE TYPE addr AS (street text, zip int);
CREATE DOMAIN pos AS int CHECK (VALUE > 0);
CREATE DOMAIN posarr AS pos[];
CREATE TABLE typed OF addr (PRIMARY KEY (zip));
CREATE TABLE t (id int, a addr, aa addr[], p pos, pa posarr);
CREATE FUNCTION fa(x addr) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT (x).street $$;
CREATE INDEX ti ON t (fa(a));
CREATE VIEW v AS SELECT (a).zip FROM t;
--- ROWS
INSERT INTO t VALUES (1, ROW('x',1), ARRAY[ROW('y',2)]::addr[], 3, '{1,2}'); INSERT INTO typed VALUES ('a',1);
--- B
CREATE TYPE addr AS (street varchar(80), zip bigint, city text);
CREATE DOMAIN pos AS int CHECK (VALUE > 1);
CREATE DOMAIN posarr AS pos[];
CREATE TABLE typed OF addr (PRIMARY KEY (zip));
CREATE TABLE t (id int, a addr, aa addr[], p pos, pa posarr);
CREATE FUNCTION fa(x addr) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT (x).street $$;
CREATE INDEX ti ON t (fa(a));
CREATE VIEW v AS SELECT (a).zip FROM t;
