-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade lock_timeout=0
SELECT 1;
