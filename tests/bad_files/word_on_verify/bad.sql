-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
-- @verify foreign_keys=off
SELECT 1;
