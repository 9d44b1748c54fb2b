/* Add the users table */
-- @upgrade
SELECT 1;
