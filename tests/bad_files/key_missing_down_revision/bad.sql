-- Add the users table
--
-- revision: a1

-- @upgrade
SELECT 1;
