-- Dumped from: production
-- Date: 2026-11-22
SELECT 1;
