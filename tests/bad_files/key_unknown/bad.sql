-- Add the users table
--
-- revision: a1
-- down_revision: none
-- author: Ada

-- @upgrade
SELECT 1;
