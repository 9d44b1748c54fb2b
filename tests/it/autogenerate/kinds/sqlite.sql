-- Pairs of schemas that differ in one kind of change each. Above `-- from` and `-- to`: what stands in both. `-- rows` are
-- put into the first one, and `-- keeps` is a query that must still have a row when the second is reached. `-- atlas` and
-- `-- sea-orm` say whether those detect, render and reverse it, by their sources; `-- include` is a filter for limbeck.

-- kind: table: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);

-- kind: table: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');

-- kind: table: renamed
-- atlas: yes no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
-- to
-- renamed from: people
CREATE TABLE persons (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM persons WHERE name = 'Ada';

-- kind: tables: added, each pointing at the other
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- to
CREATE TABLE teams (id INTEGER PRIMARY KEY, head_id INTEGER REFERENCES people (id));
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES teams (id));

-- kind: table: STRICT set
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT) STRICT;
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: table: STRICT removed
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT) STRICT;
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: table: WITHOUT ROWID set
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE tags (name TEXT NOT NULL PRIMARY KEY, hits INTEGER);
-- to
CREATE TABLE tags (name TEXT NOT NULL PRIMARY KEY, hits INTEGER) WITHOUT ROWID;
-- rows
INSERT INTO tags VALUES ('a', 1);
-- keeps
SELECT 1 FROM tags WHERE name = 'a';

-- kind: table: WITHOUT ROWID removed
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE tags (name TEXT NOT NULL PRIMARY KEY, hits INTEGER) WITHOUT ROWID;
-- to
CREATE TABLE tags (name TEXT NOT NULL PRIMARY KEY, hits INTEGER);
-- rows
INSERT INTO tags VALUES ('a', 1);
-- keeps
SELECT 1 FROM tags WHERE name = 'a';

-- kind: table: virtual, added
-- atlas: ? ? ?
-- sea-orm: no no no
-- to
CREATE VIRTUAL TABLE notes USING fts5 (body);

-- kind: column: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1);

-- kind: column: added, NOT NULL with a default
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'nobody');
-- rows
INSERT INTO people VALUES (1);

-- kind: column: added, with a default that is no constant
-- atlas: yes yes no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, born TEXT DEFAULT CURRENT_TIMESTAMP);
-- rows
INSERT INTO people VALUES (1);

-- kind: column: dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: dropped, NOT NULL without a default
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT NOT NULL);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: renamed
-- atlas: yes no no
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, nick TEXT);
-- to
CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    -- renamed from: nick
    name TEXT
);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type widened
-- atlas: no no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(10));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type narrowed
-- atlas: no no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(20));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name VARCHAR(10));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type changed, with a cast
-- atlas: yes yes no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, age TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER);
-- rows
INSERT INTO people VALUES (1, '36');
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: column: type changed, under a view, a trigger and a foreign key
-- atlas: yes no no
-- sea-orm: yes no no
CREATE TABLE seen (id INTEGER PRIMARY KEY, people_id INTEGER REFERENCES people (id) ON DELETE CASCADE);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, age REAL);
CREATE VIEW old AS SELECT id FROM people WHERE age > 60;
CREATE TRIGGER see AFTER INSERT ON people BEGIN INSERT INTO seen (people_id) VALUES (new.id); END;
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, age NUMERIC);
CREATE VIEW old AS SELECT id FROM people WHERE age > 60;
CREATE TRIGGER see AFTER INSERT ON people BEGIN INSERT INTO seen (people_id) VALUES (new.id); END;
-- rows
INSERT INTO people VALUES (1, 61.5);
-- keeps
SELECT 1 FROM people JOIN seen ON seen.people_id = people.id WHERE age = 61.5;

-- kind: column: NOT NULL set
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: NOT NULL dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default added
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'nobody');
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default changed
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'nobody');
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'somebody');
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT DEFAULT 'nobody');
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: generated, added, virtual
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT GENERATED ALWAYS AS (upper(name)) VIRTUAL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: generated, added, stored
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT GENERATED ALWAYS AS (upper(name)) STORED);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: generated, expression changed
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT GENERATED ALWAYS AS (upper(name)) VIRTUAL);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT GENERATED ALWAYS AS (lower(name)) VIRTUAL);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ada';

-- kind: column: generated, dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT GENERATED ALWAYS AS (upper(name)) STORED);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: generated, made an ordinary one
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT GENERATED ALWAYS AS (upper(name)) STORED);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, loud TEXT);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: collation changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'ada';

-- kind: columns: in another order
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, nick TEXT, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');

-- kind: primary key: added
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER NOT NULL, name TEXT);
-- to
CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER NOT NULL, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: other columns
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id));
-- to
CREATE TABLE people (id INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (id, name));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: AUTOINCREMENT set
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: AUTOINCREMENT removed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique constraint: added
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, CONSTRAINT one_name UNIQUE (name));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique constraint: added, without a name
-- atlas: yes no no
-- sea-orm: yes no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique constraint: dropped
-- atlas: yes ? ?
-- sea-orm: yes ? no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, CONSTRAINT one_name UNIQUE (name));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique constraint: other columns
-- atlas: yes ? ?
-- sea-orm: yes ? no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT, CONSTRAINT one_name UNIQUE (name));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT, CONSTRAINT one_name UNIQUE (name, nick));
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique constraint: ON CONFLICT changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, CONSTRAINT one_name UNIQUE (name));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, CONSTRAINT one_name UNIQUE (name) ON CONFLICT IGNORE);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: foreign key: added
-- atlas: yes yes no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: foreign key: dropped
-- atlas: yes yes no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER);
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: foreign key: dropped, without a name
-- atlas: yes yes no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER REFERENCES teams (id));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER);
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: foreign key: other table
-- atlas: yes yes no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
CREATE TABLE clubs (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES clubs (id));
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: foreign key: ON DELETE changed
-- atlas: yes yes no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE);
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: foreign key: ON UPDATE changed
-- atlas: yes yes no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) ON UPDATE CASCADE);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: foreign key: made deferrable
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE teams (id INTEGER PRIMARY KEY);
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, team_id INTEGER, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id) DEFERRABLE INITIALLY DEFERRED);
-- rows
INSERT INTO people VALUES (1, NULL);
-- keeps
SELECT 1 FROM people;

-- kind: check constraint: added
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER, CONSTRAINT adult CHECK (age >= 18));
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: check constraint: added, without a name
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER, CHECK (age >= 18));
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: check constraint: dropped
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER, CONSTRAINT adult CHECK (age >= 18));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER);
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: check constraint: expression changed
-- atlas: yes yes no
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER, CONSTRAINT adult CHECK (age >= 18));
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, age INTEGER, CONSTRAINT adult CHECK (age >= 21));
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: index: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
CREATE INDEX by_name ON people (name);

-- kind: index: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
CREATE INDEX by_name ON people (name);
-- to
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);

-- kind: index: other columns
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, nick TEXT);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name, nick);

-- kind: index: made unique
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE UNIQUE INDEX by_name ON people (name);

-- kind: index: partial, added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE INDEX by_name ON people (name) WHERE name IS NOT NULL;

-- kind: index: partial, predicate changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE INDEX by_name ON people (name) WHERE name IS NOT NULL;
-- to
CREATE INDEX by_name ON people (name) WHERE name > 'm';

-- kind: index: on an expression, added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE INDEX by_name ON people (lower(name));

-- kind: index: expression changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE INDEX by_name ON people (lower(name));
-- to
CREATE INDEX by_name ON people (upper(name));

-- kind: index: descending
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name DESC);

-- kind: index: collation of a column
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name COLLATE NOCASE);

-- kind: index: renamed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX names ON people (name);

-- kind: view: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: view: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: view: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
-- to
CREATE VIEW named AS SELECT id, name FROM people WHERE name IS NOT NULL;

-- kind: views: one on another, both changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
CREATE VIEW first AS SELECT min(id) AS id FROM named;
-- to
CREATE VIEW named AS SELECT id AS number FROM people WHERE name IS NOT NULL;
CREATE VIEW first AS SELECT min(number) AS id FROM named;

-- kind: trigger: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- to
CREATE TRIGGER tidy AFTER INSERT ON people BEGIN UPDATE people SET name = trim(name) WHERE id = new.id; END;

-- kind: trigger: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE TRIGGER tidy AFTER INSERT ON people BEGIN UPDATE people SET name = trim(name) WHERE id = new.id; END;

-- kind: trigger: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
-- from
CREATE TRIGGER tidy AFTER INSERT ON people BEGIN UPDATE people SET name = trim(name) WHERE id = new.id; END;
-- to
CREATE TRIGGER tidy AFTER INSERT ON people BEGIN UPDATE people SET name = lower(name) WHERE id = new.id; END;

-- kind: trigger: on a view, created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT);
CREATE VIEW named AS SELECT id, name FROM people WHERE name IS NOT NULL;
-- to
CREATE TRIGGER put INSTEAD OF INSERT ON named BEGIN INSERT INTO people (name) VALUES (new.name); END;
