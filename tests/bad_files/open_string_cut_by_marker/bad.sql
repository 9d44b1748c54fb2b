-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
INSERT INTO help VALUES ('
-- @downgrade
');
