-- db: pg
-- note: the column x of k, which it inherits, is to be its own as well: no ALTER TABLE changes that
-- note: the column x of k2, which it inherits, is its own as well: no ALTER TABLE changes that

--- A
CREATE TABLE b (x int NOT NULL, y int); CREATE TABLE k () INHERITS (b); CREATE TABLE k2 (x int NOT NULL, y int) INHERITS (b);
--- ROWS
INSERT INTO k VALUES (1,2);
--- B
CREATE TABLE b (x int NOT NULL, y int); CREATE TABLE k (x int NOT NULL, y int) INHERITS (b); CREATE TABLE k2 () INHERITS (b);
