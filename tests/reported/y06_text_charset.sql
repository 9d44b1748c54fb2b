-- db: mdb

-- lossy: no
-- withheld: alter column a.tt: collation (lossy: text takes more bytes in utf8mb4 than in latin1: a tinytext may be cut, or refused)
--- A
CREATE TABLE a (id int PRIMARY KEY, tt tinytext) CHARSET=latin1;
--- ROWS
INSERT INTO a VALUES (1, REPEAT('ä',250));
--- B
CREATE TABLE a (id int PRIMARY KEY, tt tinytext) CHARSET=utf8mb4;
