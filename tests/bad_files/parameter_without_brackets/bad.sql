-- Mark the old rows
--
-- revision: a1
-- down_revision: none

-- @upgrade
UPDATE notes SET text=?;
