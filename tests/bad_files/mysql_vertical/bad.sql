-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [mariadb]
SELECT 1\G
SELECT 2;
