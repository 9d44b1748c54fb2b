-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade statement_timeout=0s
SELECT 1;
