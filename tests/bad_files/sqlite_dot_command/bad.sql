-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
.read users.sql
