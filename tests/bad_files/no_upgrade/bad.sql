-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @downgrade
DROP TABLE users;
