-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade autocommit [mysql]
SELECT 1;
