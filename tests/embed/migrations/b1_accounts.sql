-- Accounts, and a "quoted" \ message – of
-- two lines
--
-- revision: b1
-- down_revision: none
-- create_date: 2026-11-22T12:00:00Z

-- @upgrade
CREATE TABLE accounts (id BIGINT PRIMARY KEY);

-- @downgrade
DROP TABLE accounts;
