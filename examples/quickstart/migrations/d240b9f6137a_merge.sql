-- Merge billing and web
--
-- revision: d240b9f6137a
-- down_revision: 5c09d7e4a2f8, 8b3e61f0c57d
-- create_date: 2026-11-09T10:00:00Z

-- @upgrade

-- @downgrade
