-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres]
\restrict abc
SELECT 1;
