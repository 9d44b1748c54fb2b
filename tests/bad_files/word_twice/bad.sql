-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade lock_timeout=2s lock_timeout=3s
SELECT 1;
