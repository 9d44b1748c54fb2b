-- @upgrade
SELECT 1;
