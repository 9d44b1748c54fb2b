-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres, sqlite]
SELECT 1;
-- @upgrade [mysql, sqlite]
SELECT 2;
