-- Add the users table
--
-- revision: add-users
-- down_revision: none

-- @upgrade
SELECT 1;
