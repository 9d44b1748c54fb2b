-- Add the users table
--
-- revision: a1
-- down_revision: none
-- revision: a2

-- @upgrade
SELECT 1;
