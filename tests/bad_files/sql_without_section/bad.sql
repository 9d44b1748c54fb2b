-- Add the users table
--
-- revision: a1
-- down_revision: none

CREATE TABLE users (id BIGINT);
