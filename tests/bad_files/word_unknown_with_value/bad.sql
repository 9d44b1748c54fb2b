-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade locktimeout=2s
SELECT 1;
