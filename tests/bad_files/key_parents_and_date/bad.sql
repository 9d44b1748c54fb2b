-- Date: 2026
-- Parents: none

-- @upgrade
