-- Add the users table
--
-- revision: a1
-- Down_Revision: none

-- @upgrade
SELECT 1;
