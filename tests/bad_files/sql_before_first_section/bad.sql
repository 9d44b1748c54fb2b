-- Add the users table
--
-- revision: a1
-- down_revision: none

/* soon */ CREATE TABLE users (id BIGINT);

-- @upgrade
