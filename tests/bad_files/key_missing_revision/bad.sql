-- Add the users table
--
-- down_revision: none

-- @upgrade
SELECT 1;
