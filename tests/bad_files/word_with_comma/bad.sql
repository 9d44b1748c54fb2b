-- Add the users table
--
-- revision: a1, a2
-- down_revision: none

-- @upgrade
SELECT 1;
