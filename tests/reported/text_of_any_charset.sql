-- db: mdb my
-- lossy: no
-- withheld: alter column a.b: collation (lossy: text takes more bytes in utf8mb4 than in latin1: a text may be cut, or refused)

--- A
CREATE TABLE a (id int PRIMARY KEY, b text, c tinytext, d tinytext, e varchar(20), f mediumtext CHARACTER SET utf8mb3) CHARSET=latin1;
--- ROWS
INSERT INTO a VALUES (1, REPEAT('ä', 60000), REPEAT('ä', 250), 'x', 'ä', 'é');
--- B
CREATE TABLE a (id int PRIMARY KEY, b text, c text, d mediumtext, e varchar(20), f mediumtext) CHARSET=utf8mb4;
