-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres]
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$
<<<<<<< HEAD
SELECT 2
=======
SELECT 3
>>>>>>> feature
$$;
