-- Add the users table
--
-- Revison: a1
-- Downrevision: none

-- @upgrade
SELECT 1;
