-- Add the users table
--
-- revision: a1
-- down_revision: none
-- branch_labels: ä,ä

-- @upgrade
SELECT 1;
