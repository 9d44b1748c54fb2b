-- Add the users table
--
-- revision: a1
-- down_revision: none
-- and a remark

-- @upgrade
