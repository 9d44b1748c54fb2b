-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [oracle]
SELECT 1;
