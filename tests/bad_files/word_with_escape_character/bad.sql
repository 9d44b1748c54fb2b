-- Add the users table
--
-- revision: a[31m
-- down_revision: none

-- @upgrade
SELECT 1;
