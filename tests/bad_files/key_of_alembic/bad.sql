-- Add the users table
--
-- Revision ID: a1
-- Revises: none

-- @upgrade
SELECT 1;
