-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
CREATE TABLE users (id BIGINT);
  BEGIN;
