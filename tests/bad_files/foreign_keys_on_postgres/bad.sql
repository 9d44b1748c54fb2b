-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres] foreign_keys=off
SELECT 1;
