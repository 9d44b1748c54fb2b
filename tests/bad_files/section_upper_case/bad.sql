-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @Upgrade
SELECT 1;
