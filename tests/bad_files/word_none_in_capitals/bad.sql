-- Add the users table
--
-- revision: a1
-- down_revision: None

-- @upgrade
SELECT 1;
