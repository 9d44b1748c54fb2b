-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade auto_commit
SELECT 1;
