-- Add the users table
--
-- revision: a1
-- down_revision: none
-- depends_on: ,

-- @upgrade
SELECT 1;
