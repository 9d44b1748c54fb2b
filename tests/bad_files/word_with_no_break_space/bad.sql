-- Add the users table
--
-- revision: a b
-- down_revision: none

-- @upgrade
SELECT 1;
