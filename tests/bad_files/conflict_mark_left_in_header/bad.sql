-- Add the users table
--
-- revision: a1
>>>>>>> feature
-- down_revision: none

-- @upgrade
SELECT 1;
