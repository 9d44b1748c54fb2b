-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
CREATE TABLE users (id BIGINT);
=======
CREATE TABLE accounts (id BIGINT);
