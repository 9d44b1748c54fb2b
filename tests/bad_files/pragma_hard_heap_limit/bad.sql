-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite] autocommit
PRAGMA hard_heap_limit;
PRAGMA hard_heap_limit = 100000000;
