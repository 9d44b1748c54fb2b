-- Add the users table
--
-- revision: a1
-- down_revision: none

-- @upgrade [postgres]
COPY users FROM STDIN;
1
\.
