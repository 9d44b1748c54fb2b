-- Add the users table
--
-- revision:
-- down_revision: none

-- @upgrade
SELECT 1;
