-- db: lite pg mdb my
-- lost: gone points

--- A
CREATE TABLE gone (id int PRIMARY KEY);
CREATE TABLE points (id int PRIMARY KEY, x int, FOREIGN KEY (x) REFERENCES gone (id));
--- ROWS
INSERT INTO gone VALUES (5); INSERT INTO points VALUES (1, 5);
--- B
CREATE TABLE points (id int PRIMARY KEY, x int);
