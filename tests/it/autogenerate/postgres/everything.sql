-- Everything that is compared on PostgreSQL 12 and later, once at least.
CREATE EXTENSION IF NOT EXISTS plpgsql;
CREATE SCHEMA app;
COMMENT ON SCHEMA app IS 'it''s the application''s';
CREATE SCHEMA "Odd Schema";

CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s fine', 'happy');
COMMENT ON TYPE mood IS 'how one is';
CREATE TYPE app.level AS ENUM ('low', 'high');
CREATE TYPE "Odd Schema"."select" AS ENUM ('Ünïcode', 'B');

CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CHECK (VALUE > 0);
COMMENT ON DOMAIN positive IS 'more than nothing';
CREATE DOMAIN app.email AS character varying(200) COLLATE "C" CONSTRAINT has_at CHECK (VALUE ~ '@') CONSTRAINT no_blank CHECK (VALUE !~ ' ');
CREATE DOMAIN moods AS mood[];

CREATE TYPE address AS (street text, city character varying(80) COLLATE "C", level app.level);
COMMENT ON TYPE address IS 'where';
COMMENT ON COLUMN address.street IS 'with the number';

CREATE SEQUENCE counter;
COMMENT ON SEQUENCE counter IS 'counts';
CREATE SEQUENCE app.small_steps AS smallint INCREMENT BY -3 MINVALUE -300 MAXVALUE 30 START WITH 20 CACHE 5 CYCLE;

CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT n * 2';
CREATE FUNCTION twice(n bigint, by numeric DEFAULT 2) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT n * by $$;
COMMENT ON FUNCTION twice(integer) IS 'doubles';
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $body$
BEGIN
    -- @upgrade is no marker here
    NEW.changed_at := now();
    RETURN NEW;
END
$body$;
CREATE FUNCTION pairs(OUT a integer, OUT b text, VARIADIC rest integer[]) RETURNS SETOF record LANGUAGE sql AS $$ SELECT 1, 'x' $$;
CREATE PROCEDURE app.clean(keep integer DEFAULT 10) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 INCREMENT BY 5 CACHE 10) PRIMARY KEY,
    email app.email NOT NULL,
    name text COLLATE "C" NOT NULL DEFAULT 'nobody; really',
    mood mood DEFAULT 'ok',
    moods moods,
    past mood[] DEFAULT '{sad,ok}',
    home address,
    score numeric(8,2) DEFAULT 0.00 CHECK (score >= 0),
    age positive,
    born date,
    seen timestamp(3) with time zone DEFAULT '2020-01-01 12:00:00+02',
    span interval DEFAULT '1 day 02:03:04',
    ratio double precision DEFAULT 0.1,
    raw bytea DEFAULT '\xdeadbeef',
    tags text[] NOT NULL DEFAULT ARRAY[]::text[],
    doc jsonb,
    bits bit(4) DEFAULT B'0101',
    initials character(2),
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
    changed_at timestamp without time zone DEFAULT now(),
    number integer NOT NULL DEFAULT nextval('counter'),
    CONSTRAINT users_email UNIQUE (email) INCLUDE (name) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT "Born, or not" CHECK (born IS NULL OR born > '1900-01-01'::date) NO INHERIT
);
COMMENT ON TABLE users IS 'people';
COMMENT ON COLUMN users.name IS 'what they are called';
COMMENT ON CONSTRAINT users_email ON users IS 'one each';
ALTER TABLE users ADD CONSTRAINT late CHECK (ratio < 100) NOT VALID;
ALTER TABLE users ALTER COLUMN doc SET STORAGE EXTERNAL;
CREATE INDEX users_name ON users (name);
COMMENT ON INDEX users_name IS 'looks them up';
CREATE UNIQUE INDEX users_lower_name ON users (lower(name)) WHERE mood <> 'sad'::mood;
CREATE INDEX users_pattern ON users (name text_pattern_ops DESC NULLS LAST, born DESC);
CREATE INDEX users_doc ON users USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX users_covering ON users (born) INCLUDE (name, mood);
CREATE INDEX users_hash ON users USING hash (email);
CREATE INDEX users_brin ON users USING brin (changed_at) WITH (pages_per_range = 32);
CREATE INDEX users_collated ON users (name COLLATE "POSIX");

CREATE TABLE app.items (
    id serial PRIMARY KEY,
    owner bigint NOT NULL REFERENCES users ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE,
    parent integer CONSTRAINT items_parent REFERENCES app.items (id) ON DELETE CASCADE,
    during tsrange,
    level app.level NOT NULL DEFAULT 'low',
    odd "Odd Schema"."select",
    EXCLUDE USING gist (during WITH &&) WHERE (level = 'high'::app.level)
) WITH (fillfactor = 70);
ALTER TABLE app.items ADD CONSTRAINT items_owner_later FOREIGN KEY (owner) REFERENCES users (id) MATCH FULL NOT VALID;
ALTER TABLE app.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.items FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON app.items FOR SELECT TO PUBLIC USING (owner > 0);
CREATE POLICY "Never Delete" ON app.items AS RESTRICTIVE FOR DELETE USING (false);
CREATE POLICY add_some ON app.items FOR INSERT WITH CHECK (level = 'low'::app.level AND EXISTS (SELECT FROM users u WHERE u.id = owner));
COMMENT ON POLICY own ON app.items IS 'all of them';

-- Two that need each other.
CREATE TABLE chicken (id integer PRIMARY KEY, egg integer);
CREATE TABLE egg (id integer PRIMARY KEY, chicken integer REFERENCES chicken);
ALTER TABLE chicken ADD CONSTRAINT chicken_egg FOREIGN KEY (egg) REFERENCES egg;

CREATE UNLOGGED TABLE cache (key text PRIMARY KEY, value text);
ALTER TABLE cache REPLICA IDENTITY FULL;

CREATE TABLE measurements (at date NOT NULL, place integer NOT NULL DEFAULT 0, value double precision, PRIMARY KEY (at, place)) PARTITION BY RANGE (at);
CREATE TABLE measurements_2020 PARTITION OF measurements FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE measurements_2021 PARTITION OF measurements FOR VALUES FROM ('2021-01-01') TO ('2022-01-01') PARTITION BY LIST (place);
CREATE TABLE measurements_2021_a PARTITION OF measurements_2021 FOR VALUES IN (1, 2);
CREATE TABLE measurements_other PARTITION OF measurements DEFAULT;
CREATE INDEX measurements_value ON measurements (value);
CREATE INDEX measurements_2020_only ON measurements_2020 (place);
ALTER TABLE measurements ADD CONSTRAINT finite CHECK (value < 1e300);
ALTER TABLE measurements_2020 ALTER COLUMN value SET DEFAULT 1;

CREATE TABLE animals (id integer, name text NOT NULL);
CREATE TABLE dogs (breed text) INHERITS (animals);
ALTER TABLE dogs ALTER COLUMN name SET DEFAULT 'Rex';
CREATE INDEX dogs_name ON dogs (name);

CREATE TABLE "Odd Schema"."Table ""quoted""" ("Column, one" integer, "select" text DEFAULT 'a''b\c', "ünï" integer, PRIMARY KEY ("Column, one"));
CREATE INDEX "Index USING x" ON "Odd Schema"."Table ""quoted""" ("select", (("ünï" + 1)));
COMMENT ON COLUMN "Odd Schema"."Table ""quoted"""."select" IS E'line\nbreak \\ and "quotes"';

CREATE VIEW active AS SELECT u.id, u.name, u.mood FROM users u WHERE u.mood <> 'sad'::mood;
CREATE VIEW active_items WITH (security_barrier) AS SELECT a.name, i.id AS item FROM active a JOIN app.items i ON i.owner = a.id;
CREATE VIEW app.simple AS SELECT id, email, name FROM users WHERE age > 18 WITH LOCAL CHECK OPTION;
COMMENT ON VIEW active IS 'the active ones';
COMMENT ON COLUMN active.name IS 'their name';
CREATE VIEW grouped AS SELECT u.id, u.name, count(*) AS items FROM users u JOIN app.items i ON i.owner = u.id GROUP BY u.id;
CREATE RECURSIVE VIEW ancestors (id, parent) AS SELECT id, parent FROM app.items UNION ALL SELECT i.id, a.parent FROM app.items i JOIN ancestors a ON a.id = i.parent;
CREATE MATERIALIZED VIEW totals AS SELECT owner, count(*) AS n FROM app.items GROUP BY owner;
CREATE UNIQUE INDEX totals_owner ON totals (owner);
COMMENT ON MATERIALIZED VIEW totals IS 'sums';
CREATE VIEW above AS SELECT * FROM totals WHERE n > 1;

CREATE FUNCTION of_row(users) RETURNS text LANGUAGE sql STABLE AS $$ SELECT $1.name $$;
CREATE FUNCTION insert_simple() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE OF name, mood ON users FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION app.touch();
CREATE TRIGGER "After All" AFTER INSERT ON users REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION app.touch();
COMMENT ON TRIGGER touch ON users IS 'keeps the time';
ALTER TABLE users ENABLE ALWAYS TRIGGER touch;
ALTER TABLE users DISABLE TRIGGER "After All";
CREATE TRIGGER instead INSTEAD OF INSERT ON active FOR EACH ROW EXECUTE FUNCTION insert_simple();
CREATE CONSTRAINT TRIGGER late_check AFTER INSERT ON chicken DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION insert_simple();
CREATE TRIGGER parted AFTER INSERT ON measurements FOR EACH ROW EXECUTE FUNCTION insert_simple();
