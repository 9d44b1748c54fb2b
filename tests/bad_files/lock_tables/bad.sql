-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [mysql, mariadb]
LOCK TABLES a WRITE;
INSERT INTO a VALUES (1);
UNLOCK TABLES;
