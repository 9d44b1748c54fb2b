-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @require
COMMIT;
-- @upgrade
