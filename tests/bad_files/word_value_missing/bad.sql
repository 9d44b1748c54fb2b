-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade lock_timeout
SELECT 1;
