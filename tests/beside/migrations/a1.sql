-- revision: a1
-- down_revision: none

-- @upgrade
CREATE TABLE users (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL);
