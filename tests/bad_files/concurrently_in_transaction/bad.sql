-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres]
CREATE INDEX CONCURRENTLY ix ON users (email);
