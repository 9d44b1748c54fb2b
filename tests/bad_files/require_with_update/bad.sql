-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @require
SELECT 1;
UPDATE a SET b = 1;
-- @upgrade
