-- db: my mdb

--- A
CREATE TABLE t (id int PRIMARY KEY, a int, b int, g int AS (a + 1) STORED, CONSTRAINT one CHECK (a > 0), CONSTRAINT two CHECK (b > 0), KEY i (a), KEY j (b));
CREATE TABLE other (x int);
--- ROWS
INSERT INTO t (id, a, b) VALUES (1, 1, 2); INSERT INTO other VALUES (7);
--- B
CREATE TABLE t (id int PRIMARY KEY, c int, -- renamed from: a
 b int, g int AS (c + 1) STORED, CONSTRAINT two CHECK (c > 0), CONSTRAINT one CHECK (b > 0), KEY j (c), KEY i (b));
-- renamed from: other
CREATE TABLE previous (x int);
CREATE TABLE other (y text);
