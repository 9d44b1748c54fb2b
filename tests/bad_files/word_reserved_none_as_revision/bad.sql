-- Add the users table
--
-- revision: None
-- down_revision: none

-- @upgrade
SELECT 1;
