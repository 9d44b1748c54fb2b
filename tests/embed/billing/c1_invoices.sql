-- Invoices
--
-- revision: c1
-- down_revision: none
-- branch_labels: billing

-- @upgrade
CREATE TABLE invoices (id BIGINT PRIMARY KEY);

-- @downgrade
DROP TABLE invoices;
