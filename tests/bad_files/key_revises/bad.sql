-- Add the users table
--
-- revision: a1
-- Revises: none

-- @upgrade
SELECT 1;
