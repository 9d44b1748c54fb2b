-- Pairs of schemas that differ in one kind of change each. Above `-- from` and `-- to`: what stands in both. `-- rows` are
-- put into the first one, and `-- keeps` is a query that must still have a row when the second is reached. `-- atlas` and
-- `-- sea-orm` say whether those detect, render and reverse it, by their sources; `-- include` is a filter for limbeck.

-- kind: schema: created
-- atlas: yes yes yes
-- sea-orm: no no no
-- to
CREATE SCHEMA audit;

-- kind: schema: dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- include: schema:audit
-- from
CREATE SCHEMA audit;

-- kind: extension: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE EXTENSION pg_trgm;

-- kind: extension: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE EXTENSION pg_trgm;

-- kind: table: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL);

-- kind: table: added, in another schema
-- atlas: yes yes yes
-- sea-orm: yes yes no
CREATE SCHEMA audit;
-- to
CREATE TABLE audit.people (id bigint PRIMARY KEY, name text NOT NULL);

-- kind: table: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');

-- kind: table: renamed
-- atlas: yes no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint CONSTRAINT people_key PRIMARY KEY, name text NOT NULL);
-- to
-- renamed from: people
CREATE TABLE persons (id bigint CONSTRAINT people_key PRIMARY KEY, name text NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM persons WHERE name = 'Ada';

-- kind: tables: added, each pointing at the other
-- atlas: yes yes yes
-- sea-orm: yes no no
-- to
CREATE TABLE teams (id bigint PRIMARY KEY, head_id bigint);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint REFERENCES teams (id));
ALTER TABLE teams ADD FOREIGN KEY (head_id) REFERENCES people (id);

-- kind: table: comment changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY);
-- from
COMMENT ON TABLE people IS 'who is there';
-- to
COMMENT ON TABLE people IS 'who was there';

-- kind: table: made UNLOGGED
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE UNLOGGED TABLE people (id bigint PRIMARY KEY);
-- rows
INSERT INTO people VALUES (1);
-- keeps
SELECT 1 FROM people;

-- kind: table: storage parameter set
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TABLE people (id bigint PRIMARY KEY) WITH (fillfactor = 70);
-- rows
INSERT INTO people VALUES (1);
-- keeps
SELECT 1 FROM people;

-- kind: table: replica identity changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
ALTER TABLE people REPLICA IDENTITY FULL;

-- kind: table: inherits, added
-- atlas: yes ? ?
-- sea-orm: no no no
CREATE TABLE people (id bigint NOT NULL);
-- to
CREATE TABLE guests (host text) INHERITS (people);

-- kind: partitioned table: added
-- atlas: yes no no
-- sea-orm: no no no
-- to
CREATE TABLE visits (day date NOT NULL, who text) PARTITION BY RANGE (day);
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

-- kind: partition: added
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE visits (day date NOT NULL, who text) PARTITION BY RANGE (day);
-- to
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

-- kind: partition: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE visits (day date NOT NULL, who text) PARTITION BY RANGE (day);
-- from
CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

-- kind: partitioned table: other key
-- atlas: yes no no
-- sea-orm: no no no
-- from
CREATE TABLE visits (day date NOT NULL, who text) PARTITION BY RANGE (day);
-- to
CREATE TABLE visits (day date NOT NULL, who text) PARTITION BY LIST (day);

-- kind: column: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1);

-- kind: column: added, NOT NULL with a default
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL DEFAULT 'nobody');
-- rows
INSERT INTO people VALUES (1);

-- kind: column: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: dropped, NOT NULL without a default
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text NOT NULL);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: renamed
-- atlas: yes no no
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, nick text);
-- to
CREATE TABLE people (
    id bigint PRIMARY KEY,
    -- renamed from: nick
    name text
);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type widened
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(10));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(20));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type narrowed
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(20));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(10));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type changed, with a cast
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
-- rows
INSERT INTO people VALUES (1, '36');
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: column: type changed, with a default
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age text DEFAULT '1');
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age integer DEFAULT 1);
-- rows
INSERT INTO people VALUES (1, '36');
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: column: type changed, under a view and an index
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
CREATE INDEX by_age ON people (age) WHERE age > 60;
CREATE VIEW old AS SELECT id FROM people WHERE age > 60;
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age bigint);
CREATE INDEX by_age ON people (age) WHERE age > 60;
CREATE VIEW old AS SELECT id FROM people WHERE age > 60;
-- rows
INSERT INTO people VALUES (1, 61);
-- keeps
SELECT 1 FROM old;

-- kind: column: type changed, with no cast between the two
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age interval);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age uuid);
-- rows
INSERT INTO people VALUES (1, NULL);

-- kind: column: type of an array changed
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, names text[]);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, names varchar(40)[]);
-- rows
INSERT INTO people VALUES (1, '{Ada}');
-- keeps
SELECT 1 FROM people WHERE names[1] = 'Ada';

-- kind: column: precision of a time changed
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, born timestamptz(0));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, born timestamptz);
-- rows
INSERT INTO people VALUES (1, '1815-12-10');
-- keeps
SELECT 1 FROM people WHERE born < '1900-01-01';

-- kind: column: NOT NULL set
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: NOT NULL dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text NOT NULL);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default added
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text DEFAULT 'nobody');
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, born timestamptz DEFAULT now());
-- to
CREATE TABLE people (id bigint PRIMARY KEY, born timestamptz DEFAULT now() - interval '1 day');
-- rows
INSERT INTO people VALUES (1, '1815-12-10');
-- keeps
SELECT 1 FROM people WHERE born < '1900-01-01';

-- kind: column: default dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text DEFAULT 'nobody');
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: made a serial
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, number integer NOT NULL);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, number serial);
-- rows
INSERT INTO people VALUES (1, 7);
-- keeps
SELECT 1 FROM people WHERE number = 7;

-- kind: column: identity added
-- atlas: yes ? ?
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: identity dropped
-- atlas: yes ? ?
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: identity, ALWAYS rather than BY DEFAULT
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: identity, options changed
-- atlas: yes no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY 10 CACHE 5) PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: generated, added
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text, loud text GENERATED ALWAYS AS (upper(name)) STORED);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: generated, expression changed
-- atlas: yes no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, loud text GENERATED ALWAYS AS (upper(name)) STORED);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text, loud text GENERATED ALWAYS AS (lower(name)) STORED);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ada';

-- kind: column: generated, dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, loud text GENERATED ALWAYS AS (upper(name)) STORED);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: generated, made an ordinary one
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, loud text GENERATED ALWAYS AS (upper(name)) STORED);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text, loud text);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: collation changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text COLLATE "POSIX");
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: storage changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);
ALTER TABLE people ALTER name SET STORAGE EXTERNAL;
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: comment changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
COMMENT ON COLUMN people.name IS 'as it is said';
-- to
COMMENT ON COLUMN people.name IS 'as it is written';

-- kind: columns: in another order
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, nick text, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');

-- kind: primary key: added
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint NOT NULL, name text);
-- to
CREATE TABLE people (id bigint NOT NULL PRIMARY KEY, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint NOT NULL PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint NOT NULL, name text);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: other columns
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint NOT NULL, name text NOT NULL, PRIMARY KEY (id));
-- to
CREATE TABLE people (id bigint NOT NULL, name text NOT NULL, PRIMARY KEY (id, name));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique constraint: added
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text, CONSTRAINT one_name UNIQUE (name));

-- kind: unique constraint: dropped
-- atlas: yes ? ?
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name text, CONSTRAINT one_name UNIQUE (name));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name text);

-- kind: unique constraint: other columns
-- atlas: yes ? ?
-- sea-orm: yes no no
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text);
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);
-- to
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name, nick);

-- kind: unique constraint: NULLS NOT DISTINCT
-- atlas: yes ? ?
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);
-- to
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE NULLS NOT DISTINCT (name);

-- kind: unique constraint: INCLUDE
-- atlas: yes ? ?
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text);
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);
-- to
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name) INCLUDE (nick);

-- kind: unique constraint: made deferrable
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);
-- to
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name) DEFERRABLE INITIALLY DEFERRED;

-- kind: unique constraint: renamed
-- atlas: yes ? ?
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);
-- to
ALTER TABLE people ADD CONSTRAINT each_name UNIQUE (name);

-- kind: foreign key: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: foreign key: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: foreign key: other table, of another schema
-- atlas: no no no
-- sea-orm: no no no
CREATE SCHEMA sports;
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE sports.teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES sports.teams (id);

-- kind: foreign key: ON DELETE changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE;

-- kind: foreign key: ON UPDATE changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) ON UPDATE CASCADE;
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) ON UPDATE SET NULL;

-- kind: foreign key: made deferrable
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED;

-- kind: foreign key: MATCH FULL
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE teams (id bigint, town text, PRIMARY KEY (id, town));
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint, town text);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id, town) REFERENCES teams (id, town);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id, town) REFERENCES teams (id, town) MATCH FULL;

-- kind: foreign key: columns of SET NULL
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE teams (id bigint, town text, PRIMARY KEY (id, town));
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint, town text);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id, town) REFERENCES teams (id, town) ON DELETE SET NULL;
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id, town) REFERENCES teams (id, town) ON DELETE SET NULL (town);

-- kind: foreign key: renamed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);
-- to
ALTER TABLE people ADD CONSTRAINT team_of FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: foreign key: validated
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) NOT VALID;
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: check constraint: added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
-- to
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);

-- kind: check constraint: added, without a name
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
-- to
ALTER TABLE people ADD CHECK (age >= 18);

-- kind: check constraint: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
-- from
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);

-- kind: check constraint: expression changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
-- from
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);
-- to
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 21);

-- kind: check constraint: renamed
-- atlas: ? ? ?
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age integer);
-- from
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);
-- to
ALTER TABLE people ADD CONSTRAINT grown CHECK (age >= 18);

-- kind: check constraint: comment changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age integer CONSTRAINT adult CHECK (age >= 18));
-- to
COMMENT ON CONSTRAINT adult ON people IS 'by law';

-- kind: exclusion constraint: added
-- atlas: ? ? ?
-- sea-orm: no no no
CREATE TABLE stays (id bigint PRIMARY KEY, during tsrange);
-- to
ALTER TABLE stays ADD CONSTRAINT alone EXCLUDE USING gist (during WITH &&);

-- kind: exclusion constraint: dropped
-- atlas: ? ? ?
-- sea-orm: no no no
CREATE TABLE stays (id bigint PRIMARY KEY, during tsrange);
-- from
ALTER TABLE stays ADD CONSTRAINT alone EXCLUDE USING gist (during WITH &&);

-- kind: exclusion constraint: changed
-- atlas: ? ? ?
-- sea-orm: no no no
CREATE TABLE stays (id bigint PRIMARY KEY, during tsrange);
-- from
ALTER TABLE stays ADD CONSTRAINT alone EXCLUDE USING gist (during WITH &&);
-- to
ALTER TABLE stays ADD CONSTRAINT alone EXCLUDE USING gist (during WITH &&) WHERE (id > 7);

-- kind: index: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE INDEX by_name ON people (name);

-- kind: index: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);

-- kind: index: other columns
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name, nick);

-- kind: index: made unique
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE UNIQUE INDEX by_name ON people (name);

-- kind: index: partial, added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE INDEX by_name ON people (name) WHERE name IS NOT NULL;

-- kind: index: partial, predicate changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name) WHERE name IS NOT NULL;
-- to
CREATE INDEX by_name ON people (name) WHERE name > 'm';

-- kind: index: on an expression, added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE INDEX by_name ON people (lower(name));

-- kind: index: expression changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (lower(name));
-- to
CREATE INDEX by_name ON people (upper(name));

-- kind: index: operator class
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name text_pattern_ops);

-- kind: index: method
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people USING hash (name);

-- kind: index: INCLUDE
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text, nick text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name) INCLUDE (nick);

-- kind: index: NULLS NOT DISTINCT
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE UNIQUE INDEX by_name ON people (name);
-- to
CREATE UNIQUE INDEX by_name ON people (name) NULLS NOT DISTINCT;

-- kind: index: descending
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name DESC NULLS LAST);

-- kind: index: collation of a column
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name COLLATE "POSIX");

-- kind: index: storage parameter
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name) WITH (fillfactor = 70);

-- kind: index: renamed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX names ON people (name);

-- kind: index: comment changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
CREATE INDEX by_name ON people (name);
-- to
COMMENT ON INDEX by_name IS 'for the list';

-- kind: enum: created
-- atlas: yes yes yes
-- sea-orm: no no no
-- to
CREATE TYPE mood AS ENUM ('sad', 'happy');

-- kind: enum: created, with a column
-- atlas: yes yes yes
-- sea-orm: yes ? no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood DEFAULT 'sad');

-- kind: enum: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TYPE mood AS ENUM ('sad', 'happy');

-- kind: enum: value added at the end
-- atlas: yes yes no
-- sea-orm: yes no no
-- from
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- to
CREATE TYPE mood AS ENUM ('sad', 'happy', 'proud');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- rows
INSERT INTO people VALUES (1, 'sad');
-- keeps
SELECT 1 FROM people WHERE mood = 'sad';

-- kind: enum: value added in the middle
-- atlas: yes yes no
-- sea-orm: yes no no
-- from
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- to
CREATE TYPE mood AS ENUM ('sad', 'fair', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- rows
INSERT INTO people VALUES (1, 'sad');
-- keeps
SELECT 1 FROM people WHERE mood = 'sad';

-- kind: enum: value added, and used by a default
-- atlas: yes ? no
-- sea-orm: yes no no
-- from
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- to
CREATE TYPE mood AS ENUM ('sad', 'happy', 'proud');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood DEFAULT 'proud');
-- rows
INSERT INTO people VALUES (1, 'sad');
-- keeps
SELECT 1 FROM people WHERE mood = 'sad';

-- kind: enum: value removed
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TYPE mood AS ENUM ('sad', 'fair', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- to
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- rows
INSERT INTO people VALUES (1, 'sad');
-- keeps
SELECT 1 FROM people WHERE mood = 'sad';

-- kind: enum: value renamed
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- to
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE TABLE people (id bigint PRIMARY KEY, mood mood);
-- rows
INSERT INTO people VALUES (1, 'sad');
-- keeps
SELECT 1 FROM people WHERE mood = 'sad';

-- kind: domain: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE DOMAIN age AS integer CHECK (VALUE >= 0);

-- kind: domain: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE DOMAIN age AS integer CHECK (VALUE >= 0);

-- kind: domain: check changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE DOMAIN age AS integer CHECK (VALUE >= 0);
CREATE TABLE people (id bigint PRIMARY KEY, age age);
-- to
CREATE DOMAIN age AS integer CHECK (VALUE >= 1);
CREATE TABLE people (id bigint PRIMARY KEY, age age);
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: domain: default and NOT NULL changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE DOMAIN age AS integer;
CREATE TABLE people (id bigint PRIMARY KEY, age age);
-- to
CREATE DOMAIN age AS integer DEFAULT 1 NOT NULL;
CREATE TABLE people (id bigint PRIMARY KEY, age age);
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: composite type: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE TYPE place AS (town text, street text);

-- kind: composite type: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TYPE place AS (town text, street text);

-- kind: composite type: attribute added
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TYPE place AS (town text, street text);
-- to
CREATE TYPE place AS (town text, street text, door integer);

-- kind: sequence: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE SEQUENCE numbers;

-- kind: sequence: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE SEQUENCE numbers;

-- kind: sequence: options changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE SEQUENCE numbers;
-- to
CREATE SEQUENCE numbers INCREMENT BY 10 MAXVALUE 1000 CYCLE;

-- kind: view: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: view: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: view: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
-- to
CREATE VIEW named AS SELECT id, name FROM people WHERE name IS NOT NULL;

-- kind: view: other columns
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE VIEW named AS SELECT id, name FROM people WHERE name IS NOT NULL;
-- to
CREATE VIEW named AS SELECT name FROM people WHERE name IS NOT NULL;

-- kind: views: one on another, both changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
CREATE VIEW first AS SELECT min(id) AS id FROM named;
-- to
CREATE VIEW named AS SELECT id AS number FROM people WHERE name IS NOT NULL;
CREATE VIEW first AS SELECT min(number) AS id FROM named;

-- kind: view: options changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
-- to
CREATE VIEW named WITH (security_barrier) AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: materialised view: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE MATERIALIZED VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: materialised view: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE MATERIALIZED VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: materialised view: changed, with an index
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE MATERIALIZED VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
CREATE INDEX named_by_id ON named (id);
-- to
CREATE MATERIALIZED VIEW named AS SELECT id FROM people WHERE name > 'm';
CREATE INDEX named_by_id ON named (id);

-- kind: function: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';

-- kind: function: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';

-- kind: function: body changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
-- to
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n + n';

-- kind: function: type of its result changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
-- to
CREATE FUNCTION twice(n integer) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT n::bigint * 2';

-- kind: procedure: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE PROCEDURE tidy() LANGUAGE sql AS 'SELECT 1';

-- kind: procedure: body changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE PROCEDURE tidy() LANGUAGE sql AS 'SELECT 1';
-- to
CREATE PROCEDURE tidy() LANGUAGE sql AS 'SELECT 2';

-- kind: trigger: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.name := trim(new.name); RETURN new; END $$;
-- to
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION tidy();

-- kind: trigger: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.name := trim(new.name); RETURN new; END $$;
-- from
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION tidy();

-- kind: trigger: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.name := trim(new.name); RETURN new; END $$;
-- from
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION tidy();
-- to
CREATE TRIGGER tidy BEFORE INSERT OR UPDATE OF name ON people FOR EACH ROW EXECUTE FUNCTION tidy();

-- kind: row level security: switched on
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
ALTER TABLE people ENABLE ROW LEVEL SECURITY;

-- kind: row level security: forced
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
ALTER TABLE people ENABLE ROW LEVEL SECURITY;
-- to
ALTER TABLE people FORCE ROW LEVEL SECURITY;

-- kind: policy: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- to
CREATE POLICY own ON people USING (name = current_user);

-- kind: policy: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE POLICY own ON people USING (name = current_user);

-- kind: policy: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name text);
-- from
CREATE POLICY own ON people USING (name = current_user);
-- to
CREATE POLICY own ON people FOR SELECT USING (name = session_user);
