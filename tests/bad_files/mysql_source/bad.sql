-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
source users.sql
SELECT 1;
