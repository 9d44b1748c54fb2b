-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade -- the table
SELECT 1;
