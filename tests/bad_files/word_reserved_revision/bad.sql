-- Add the users table
--
-- revision: HEAD
-- down_revision: none

-- @upgrade
SELECT 1;
