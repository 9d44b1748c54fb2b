-- db: pg
-- withheld: create table t (manual: it needs the collation mine, which limbeck does not make: make it first)
-- withheld: create view v (manual: it needs the aggregate total(integer), which limbeck does not make: make it first)

--- A
CREATE TABLE keep (id int);
--- B
CREATE TABLE keep (id int, more int);
CREATE COLLATION mine (locale = 'C');
CREATE TABLE t (a text COLLATE mine);
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
CREATE VIEW v AS SELECT total(id) FROM keep;
