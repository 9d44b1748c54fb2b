-- Add the users table
--
-- revison: a1
-- down_revision: none

-- @upgrade
SELECT 1;
