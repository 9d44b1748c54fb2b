-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade autocommit
BEGIN;
SELECT 1;
COMMIT;
