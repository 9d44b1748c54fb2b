-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade repeat
UPDATE a SET b = 1 WHERE b IS NULL;
UPDATE c SET d = 1;
