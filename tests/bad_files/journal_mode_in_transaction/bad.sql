-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
PRAGMA journal_mode = WAL;
