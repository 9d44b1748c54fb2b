-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade statement_timeout=1000h
SELECT 1;
