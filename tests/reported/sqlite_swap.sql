-- db: lite

--- A
CREATE TABLE t (a INT, b TEXT, CHECK (a > 0)); CREATE TABLE one (i INTEGER PRIMARY KEY); CREATE TABLE two (j TEXT PRIMARY KEY, k REFERENCES one);
CREATE INDEX ti ON t (a); CREATE VIEW v AS SELECT a, b FROM t;
--- ROWS
INSERT INTO t VALUES (1,'b'); INSERT INTO one VALUES (1); INSERT INTO two VALUES ('2', 1);
--- B
CREATE TABLE t (
 b INT, -- renamed from: a
 a TEXT, -- renamed from: b
 CHECK (b > 0)
);
-- renamed from: two
CREATE TABLE one (j TEXT PRIMARY KEY, k REFERENCES two);
-- renamed from: one
CREATE TABLE two (i INTEGER PRIMARY KEY);
CREATE INDEX ti ON t (b); CREATE VIEW v AS SELECT b AS a, a AS b FROM t;
