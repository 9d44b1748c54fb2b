-- @upgrades come first
--
-- revision: a1
-- down_revision: none

-- @upgrade
