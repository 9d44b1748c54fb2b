-- A name on each invoice
--
-- revision: f71c04a8e962
-- down_revision: d240b9f6137a
-- create_date: 2026-11-12T11:45:00Z

-- @upgrade
ALTER TABLE invoices ADD COLUMN addressee TEXT NOT NULL DEFAULT '';
UPDATE invoices SET addressee = (SELECT display_name FROM profiles p WHERE p.account_id = invoices.account_id);

-- @downgrade
ALTER TABLE invoices DROP COLUMN addressee;
