-- Mark the old rows
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres]
UPDATE notes SET tags = tags - 'a' WHERE tags ? 'a';
UPDATE notes SET text = $1;
