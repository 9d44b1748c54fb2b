-- Add the users table
--
-- revision: a1
-- down_revision: none
-- create_date: 2026-02-30T12:00:00Z

-- @upgrade
SELECT 1;
