-- Add the users table
--
-- revision: a1
-- down_revision: none

||||||| 3f2a9c1
-- @upgrade
SELECT 1;
