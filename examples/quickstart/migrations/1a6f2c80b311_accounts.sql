-- Accounts
--
-- revision: 1a6f2c80b311
-- down_revision: none
-- create_date: 2026-11-02T09:00:00Z

-- @upgrade
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE
);

-- @downgrade
DROP TABLE accounts;
