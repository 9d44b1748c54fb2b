-- Mark the old rows
--
-- revision: a1
-- down_revision: none

-- @upgrade [mysql, mariadb]
SET @now = 1;
UPDATE notes SET text = ? WHERE made = @now;
