-- Add the users table
--
-- revision: a1
-- down_revision: none
-- requires_binary: a:b

-- @upgrade
SELECT 1;
