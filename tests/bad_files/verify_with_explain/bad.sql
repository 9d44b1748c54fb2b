-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
-- @verify
EXPLAIN ANALYZE DELETE FROM a;
