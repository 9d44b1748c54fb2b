-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
CREATE TRIGGER t AFTER INSERT ON a BEGIN
  DELETE FROM b;
