-- Notes
--
-- revision: 4d1f0b7ac623
-- down_revision: none
-- create_date: 2026-11-22T09:00:00Z

-- @upgrade
CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
INSERT INTO notes (body) VALUES ('the first note came with the schema');

-- @downgrade
DROP TABLE notes;
