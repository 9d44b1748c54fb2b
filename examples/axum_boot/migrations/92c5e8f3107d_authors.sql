-- Notes have an author
--
-- revision: 92c5e8f3107d
-- down_revision: 4d1f0b7ac623
-- create_date: 2026-11-22T10:00:00Z

-- @upgrade
ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody';

-- @verify
SELECT id FROM notes WHERE author = '';

-- @downgrade
ALTER TABLE notes DROP COLUMN author;
