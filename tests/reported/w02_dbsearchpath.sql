-- db: pg

--- A
CREATE SCHEMA app;
CREATE TABLE app.t (id int);
--- ROWS
ALTER DATABASE "{database}" SET search_path = app, public;
INSERT INTO app.t VALUES (1);
--- B
CREATE SCHEMA app;
CREATE TABLE app.t (id int, b int);
CREATE VIEW app.v AS SELECT id FROM app.t;
