-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [mariadb] autocommit
SELECT 1;
FLUSH TABLES a WITH READ LOCK;
