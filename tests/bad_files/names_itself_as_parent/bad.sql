-- Add the users table
--
-- revision: a1
-- down_revision: b1, a1

-- @upgrade
SELECT 1;
