-- db: pg

--- A
CREATE TABLE p (a int, b int NOT NULL DEFAULT 1, CHECK (a > 0)); CREATE TABLE c (a int, extra text) INHERITS (p); CREATE TABLE g () INHERITS (c);
CREATE TABLE loose (a int, b int NOT NULL DEFAULT 3);
CREATE TABLE parts (id int, v text) PARTITION BY RANGE (id); CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts2 (id int, v text DEFAULT 'two'); ALTER TABLE parts ATTACH PARTITION parts2 FOR VALUES FROM (10) TO (20);
--- ROWS
INSERT INTO p VALUES (1); INSERT INTO c VALUES (2); INSERT INTO g VALUES (3); INSERT INTO parts VALUES (1, 'a'), (11, 'b');
--- B
CREATE TABLE p (a bigint, b int DEFAULT 2, CHECK (a > 1 OR a = 1)); CREATE TABLE c (a bigint DEFAULT 4, extra text) INHERITS (p); CREATE TABLE g (own int) INHERITS (c);
CREATE TABLE loose (a int, b int NOT NULL DEFAULT 3);
CREATE TABLE parts (id int, v varchar(9) DEFAULT 'all', n int DEFAULT 0) PARTITION BY RANGE (id); CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts2 (id int, v varchar(9) DEFAULT 'two', n int DEFAULT 2); ALTER TABLE parts ATTACH PARTITION parts2 FOR VALUES FROM (10) TO (20);
CREATE INDEX pv ON parts (v);
