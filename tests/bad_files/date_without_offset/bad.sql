-- Add the users table
--
-- revision: a1
-- down_revision: none
-- create_date: 2026-11-22 12:00:00.123456

-- @upgrade
SELECT 1;
