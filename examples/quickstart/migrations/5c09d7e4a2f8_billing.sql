-- Invoices, on the billing team's branch
--
-- revision: 5c09d7e4a2f8
-- down_revision: 1a6f2c80b311
-- branch_labels: billing
-- create_date: 2026-11-04T15:30:00Z

-- @upgrade
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    cents INTEGER NOT NULL CHECK (cents >= 0)
);
CREATE INDEX invoices_by_account ON invoices (account_id);

-- @downgrade
DROP TABLE invoices;
