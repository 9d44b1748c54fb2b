-- Names
--
-- revision: a2
-- down_revision: b1
-- requires_binary: a2

-- @upgrade
ALTER TABLE accounts ADD COLUMN name TEXT;
