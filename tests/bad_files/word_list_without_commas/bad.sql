-- Add the users table
--
-- revision: a1
-- down_revision: b1 b2

-- @upgrade
SELECT 1;
