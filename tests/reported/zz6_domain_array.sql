-- db: pg
-- withheld: alter domain pos (manual: arrays, rows or other domains hold values of it, which the server does not check there)

--- A
CREATE DOMAIN pos AS int CHECK (VALUE > 0); CREATE TABLE t (p pos[]);
--- ROWS
INSERT INTO t VALUES ('{1,2}');
--- B
CREATE DOMAIN pos AS int CHECK (VALUE >= 0); CREATE TABLE t (p pos[]);
