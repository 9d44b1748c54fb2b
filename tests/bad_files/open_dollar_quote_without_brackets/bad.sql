-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
CREATE FUNCTION f() RETURNS void AS $$ BEGIN NULL; $ LANGUAGE plpgsql;
