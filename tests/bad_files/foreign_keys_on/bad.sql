-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade foreign_keys=on
SELECT 1;
