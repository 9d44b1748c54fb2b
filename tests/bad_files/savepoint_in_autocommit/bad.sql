-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade autocommit
SAVEPOINT a;
SELECT 1;
RELEASE a;
