-- A new table of a type lost its keys, checks, defaults and NOT NULL; a new child its own inherited columns.
-- db: pg

--- A
CREATE TYPE addr AS (street text, zip integer, seen timestamptz);
CREATE TABLE p (a integer, b integer DEFAULT 1);
--- ROWS
INSERT INTO p VALUES (1, 2);
--- B
CREATE TYPE addr AS (street text, zip integer, seen timestamptz);
CREATE TABLE p (a integer, b integer DEFAULT 1);
CREATE TABLE typed OF addr (
    zip WITH OPTIONS NOT NULL DEFAULT 7,
    street WITH OPTIONS CHECK (street <> ''),
    PRIMARY KEY (zip)
);
CREATE TABLE plain OF addr;
CREATE TABLE c (a integer NOT NULL, b integer, extra text) INHERITS (p);
CREATE TABLE d () INHERITS (p);
--- AFTER
INSERT INTO typed (street) VALUES ('Elm');
INSERT INTO c (a) VALUES (1);
