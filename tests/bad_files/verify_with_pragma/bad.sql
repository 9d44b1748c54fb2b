-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
-- @verify
PRAGMA foreign_key_check;
