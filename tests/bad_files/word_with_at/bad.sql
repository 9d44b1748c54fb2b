-- Add the users table
--
-- revision: a1
-- down_revision: none
-- branch_labels: a@b

-- @upgrade
SELECT 1;
