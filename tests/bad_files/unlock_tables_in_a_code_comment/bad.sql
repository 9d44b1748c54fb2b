-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [mysql]
/*!40000 UNLOCK TABLES */;
