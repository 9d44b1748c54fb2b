-- Add the users table
--
-- revision: a1
-- down_revision: none
-- please note: remarks go up

-- @upgrade
