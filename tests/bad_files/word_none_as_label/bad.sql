-- Add the users table
--
-- revision: a1
-- down_revision: none
-- branch_labels: none

-- @upgrade
SELECT 1;
