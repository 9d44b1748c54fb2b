-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade
SELECT 1;
<<<<<<< HEAD
-- @downgrade
SELECT 2;
||||||| merged common ancestors
=======
-- @downgrade
SELECT 3;
>>>>>>> feature
