-- Profiles, on the web team's branch
--
-- revision: 8b3e61f0c57d
-- down_revision: 1a6f2c80b311
-- branch_labels: web
-- create_date: 2026-11-05T08:12:00Z

-- @upgrade
CREATE TABLE profiles (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    display_name TEXT NOT NULL
);
INSERT INTO profiles (account_id, display_name)
SELECT id, substr(email, 1, instr(email, '@') - 1) FROM accounts;

-- @verify
SELECT a.id, a.email FROM accounts a WHERE a.id NOT IN (SELECT account_id FROM profiles);

-- @downgrade
DROP TABLE profiles;
