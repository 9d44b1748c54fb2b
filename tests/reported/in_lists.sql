-- db: pg

--- A
CREATE TABLE keep (id int);
--- B
CREATE TABLE keep (id int);
CREATE DOMAIN kind AS varchar CHECK (VALUE IN ('a', 'b'));
CREATE TABLE t (id int PRIMARY KEY, a varchar(9) CHECK (a IN ('x', 'y')) DEFAULT 'x', k kind,
    g boolean GENERATED ALWAYS AS (a IN ('x', 'z')) STORED, CHECK (coalesce(a, 'x') NOT IN ('q', 'r')));
CREATE INDEX part ON t (id) WHERE a IN ('x', 'y');
CREATE VIEW v AS SELECT id FROM t WHERE a IN ('x', 'y');
CREATE MATERIALIZED VIEW m AS SELECT id FROM t WHERE a IN ('x', 'y');
CREATE POLICY p ON t USING (a IN ('x', 'y'));
CREATE FUNCTION nop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW WHEN (NEW.a IN ('x', 'y')) EXECUTE FUNCTION nop();
CREATE RULE r AS ON UPDATE TO t WHERE NEW.a IN ('x', 'y') DO ALSO NOTHING;
CREATE TABLE two (id int PRIMARY KEY, b int UNIQUE);
ALTER TABLE two ADD UNIQUE (id); ALTER TABLE two ADD UNIQUE (b);
