-- db: pg

--- A
CREATE TABLE t (a int, b int, CONSTRAINT one CHECK (a > 0), CONSTRAINT two CHECK (b > 0), CONSTRAINT three UNIQUE (a));
CREATE INDEX i ON t (b); CREATE INDEX j ON t (a, b);
CREATE TABLE other (x int);
--- ROWS
INSERT INTO t VALUES (1, 2); INSERT INTO other VALUES (3);
--- B
CREATE TABLE t (a int, b int, CONSTRAINT two CHECK (a > 0), CONSTRAINT one CHECK (b > 0), CONSTRAINT i UNIQUE (a), CONSTRAINT free CHECK (a < 100));
CREATE INDEX j ON t (b); CREATE INDEX three ON t (a, b);
-- renamed from: other
CREATE TABLE previous (x int);
CREATE TABLE other (y text);
