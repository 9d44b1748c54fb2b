-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade autocommit=on
SELECT 1;
