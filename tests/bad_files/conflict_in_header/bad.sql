-- Add the users table
--
-- revision: a1
<<<<<<< HEAD
-- down_revision: b2
=======
-- down_revision: c3
>>>>>>> feature

-- @upgrade
SELECT 1;
