-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite] autocommit
SELECT 1;
ROLLBACK TO a;
