-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
SELECT 1;
--@downgrade
SELECT 2;
