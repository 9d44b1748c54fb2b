-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade repeat batch=100
UPDATE a SET b = 1;
