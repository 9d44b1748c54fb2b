-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
SELECT 1;
-- @upgrade foreign_keys=off
SELECT 1;
