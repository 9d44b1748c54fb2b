-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [mysql]
START TRANSACTION;
INSERT INTO a VALUES ('ä'); COMMIT;
