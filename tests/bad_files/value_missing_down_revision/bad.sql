-- Add the users table
--
-- revision: a1
-- down_revision:   

-- @upgrade
SELECT 1;
