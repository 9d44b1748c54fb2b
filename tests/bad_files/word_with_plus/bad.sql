-- Add the users table
--
-- revision: a1
-- down_revision: none
-- depends_on: b1+1

-- @upgrade
SELECT 1;
