-- Add the benutzer table
--
-- revision: a1
-- down_revision: none

-- @upgrade
INSERT INTO "grüße" VALUES ('f�r dich');
