-- Mark the old rows
--
-- revision: a1
-- down_revision: none

-- @upgrade [sqlite]
UPDATE notes SET text = 'why?' WHERE id = 1;
UPDATE notes
  SET text = :text;
