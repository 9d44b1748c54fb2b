-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
PRAGMA foreign_keys = off;
DROP TABLE users;
