-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite] foreign_keys=off autocommit
SELECT 1;
