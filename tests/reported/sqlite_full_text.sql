-- A column that a full-text table reads was dropped below it.
-- db: lite
-- withheld: drop column t.c (manual: the virtual table f, which limbeck does not change, needs it)
-- withheld: drop table gone (manual: the virtual table g, which limbeck does not change, needs it)

--- A
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, c TEXT, n INTEGER);
CREATE VIRTUAL TABLE f USING fts5(a, c, content='t', content_rowid='id');
CREATE TABLE gone (x TEXT);
CREATE TABLE other (n INTEGER);
CREATE VIRTUAL TABLE g USING fts5(x, content=gone);
--- ROWS
INSERT INTO other VALUES (1);
--- B
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER);
CREATE VIRTUAL TABLE f USING fts5(a, content='t', content_rowid='id');
CREATE TABLE more (id INTEGER PRIMARY KEY);
CREATE TABLE other (n INTEGER);
--- AFTER
SELECT a, c FROM f WHERE f MATCH 'two';
