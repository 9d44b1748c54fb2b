-- Add the users table
--
-- revision: a1
-- down_revision: none
-- depends_on: a1

-- @upgrade
SELECT 1;
