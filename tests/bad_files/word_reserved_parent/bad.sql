-- Add the users table
--
-- revision: a1
-- down_revision: head

-- @upgrade
SELECT 1;
