-- Mark the old rows
--
-- revision: a1
-- down_revision: none

-- @upgrade
SELECT 1;

-- @verify [sqlite]
SELECT 1 FROM notes WHERE id = @id;
