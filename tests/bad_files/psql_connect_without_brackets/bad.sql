-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
SELECT 1;
\connect shop
SELECT 2;
