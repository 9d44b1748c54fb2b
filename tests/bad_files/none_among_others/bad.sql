-- Add the users table
--
-- revision: a1
-- down_revision: b1, none

-- @upgrade
SELECT 1;
