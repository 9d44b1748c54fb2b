-- Add the users table
--
-- revision: a1
-- down_revision: none

/* to do

-- @upgrade
SELECT 1;
