-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade foreign_keys
SELECT 1;
