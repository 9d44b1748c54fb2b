-- Add the users table
--
-- revision: a1
-- down_revision: none
--
-- Thanks to Ada.

-- @upgrade
