-- Pairs of schemas that differ in one kind of change each. Above `-- from` and `-- to`: what stands in both. `-- rows` are
-- put into the first one, and `-- keeps` is a query that must still have a row when the second is reached. `-- atlas` and
-- `-- sea-orm` say whether those detect, render and reverse it, by their sources; `-- include` is a filter for limbeck.
-- These serve MariaDB and MySQL; `-- only` names the one that has the kind.

-- kind: table: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) NOT NULL);

-- kind: table: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');

-- kind: table: renamed
-- atlas: yes no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
-- to
-- renamed from: people
CREATE TABLE persons (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM persons WHERE name = 'Ada';

-- kind: tables: added, each pointing at the other
-- atlas: yes yes yes
-- sea-orm: yes no no
-- to
CREATE TABLE teams (id bigint PRIMARY KEY, head_id bigint);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
ALTER TABLE teams ADD CONSTRAINT its_head FOREIGN KEY (head_id) REFERENCES people (id);

-- kind: table: comment changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY) COMMENT 'who is there';
-- to
CREATE TABLE people (id bigint PRIMARY KEY) COMMENT 'who was there';

-- kind: table: engine changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY) ENGINE = MyISAM;
-- to
CREATE TABLE people (id bigint PRIMARY KEY) ENGINE = InnoDB;
-- rows
INSERT INTO people VALUES (1);
-- keeps
SELECT 1 FROM people;

-- kind: table: character set changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) DEFAULT CHARACTER SET latin1;
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) DEFAULT CHARACTER SET utf8mb4;
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: table: collation changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: table: row format changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY) ROW_FORMAT = DYNAMIC;
-- to
CREATE TABLE people (id bigint PRIMARY KEY) ROW_FORMAT = COMPACT;
-- rows
INSERT INTO people VALUES (1);
-- keeps
SELECT 1 FROM people;

-- kind: table: system versioning added
-- only: mariadb
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TABLE people (id bigint PRIMARY KEY) WITH SYSTEM VERSIONING;
-- rows
INSERT INTO people VALUES (1);
-- keeps
SELECT 1 FROM people;

-- kind: partitioned table: added
-- atlas: yes no no
-- sea-orm: no no no
-- to
CREATE TABLE visits (day date NOT NULL, who varchar(40))
PARTITION BY RANGE (year(day)) (PARTITION p2025 VALUES LESS THAN (2026), PARTITION rest VALUES LESS THAN MAXVALUE);

-- kind: partitioned table: partitions changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE visits (day date NOT NULL, who varchar(40))
PARTITION BY RANGE (year(day)) (PARTITION p2025 VALUES LESS THAN (2026));
-- to
CREATE TABLE visits (day date NOT NULL, who varchar(40))
PARTITION BY RANGE (year(day)) (PARTITION p2025 VALUES LESS THAN (2026), PARTITION p2026 VALUES LESS THAN (2027));
-- rows
INSERT INTO visits VALUES ('2025-03-01', 'Ada');
-- keeps
SELECT 1 FROM visits WHERE who = 'Ada';

-- kind: column: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1);

-- kind: column: added, NOT NULL with a default
-- atlas: yes yes yes
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'nobody');
-- rows
INSERT INTO people VALUES (1);

-- kind: column: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), nick varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: dropped, NOT NULL without a default
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), nick varchar(40) NOT NULL);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: renamed
-- atlas: yes no no
-- sea-orm: yes yes no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, nick varchar(40));
-- to
CREATE TABLE people (
    id bigint PRIMARY KEY,
    -- renamed from: nick
    name varchar(40)
);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type widened
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age bigint);
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: column: type narrowed
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(10));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: type changed, with a cast
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age varchar(10));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- rows
INSERT INTO people VALUES (1, '36');
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: column: type changed, under a view and an index
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age int, KEY by_age (age));
CREATE VIEW old AS SELECT id FROM people WHERE age > 60;
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age bigint, KEY by_age (age));
CREATE VIEW old AS SELECT id FROM people WHERE age > 60;
-- rows
INSERT INTO people VALUES (1, 61);
-- keeps
SELECT 1 FROM old;

-- kind: column: type changed, on both sides of a foreign key
-- atlas: yes ? ?
-- sea-orm: yes no no
-- from
CREATE TABLE teams (id int PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id int, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- to
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint, CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id));
-- rows
INSERT INTO teams VALUES (1);
INSERT INTO people VALUES (1, 1);
-- keeps
SELECT 1 FROM people WHERE team_id = 1;

-- kind: column: UNSIGNED set
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age int UNSIGNED);
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: column: precision of a time changed
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, born datetime);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, born datetime(6));
-- rows
INSERT INTO people VALUES (1, '1815-12-10');
-- keeps
SELECT 1 FROM people WHERE born < '1900-01-01';

-- kind: column: NOT NULL set
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: NOT NULL dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) NOT NULL);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default added
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) DEFAULT 'nobody');
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) DEFAULT 'nobody');
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) DEFAULT 'somebody');
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default made an expression
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) DEFAULT 'nobody');
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) DEFAULT (concat('no', 'body')));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: default dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) DEFAULT 'nobody');
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: ON UPDATE added
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, seen datetime);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, seen datetime ON UPDATE current_timestamp());
-- rows
INSERT INTO people VALUES (1, '2026-01-01');
-- keeps
SELECT 1 FROM people WHERE seen = '2026-01-01';

-- kind: column: AUTO_INCREMENT added
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: AUTO_INCREMENT dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: generated, added, virtual
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40) AS (ucase(name)) VIRTUAL);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: generated, added, stored
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40) AS (ucase(name)) STORED);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: generated, expression changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40) AS (ucase(name)) STORED);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40) AS (lcase(name)) STORED);
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE BINARY loud = 'ada';

-- kind: column: generated, dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40) AS (ucase(name)) STORED);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: generated, made an ordinary one
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40) AS (ucase(name)) STORED);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), loud varchar(40));
-- rows
INSERT INTO people (id, name) VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE loud = 'ADA';

-- kind: column: character set changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) CHARACTER SET latin1) DEFAULT CHARACTER SET utf8mb4;
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) DEFAULT CHARACTER SET utf8mb4;
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: collation changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) DEFAULT CHARACTER SET utf8mb4;
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) COLLATE utf8mb4_bin) DEFAULT CHARACTER SET utf8mb4;
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: comment changed
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) COMMENT 'as it is said');
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) COMMENT 'as it is written');
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: column: made INVISIBLE
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40) INVISIBLE);
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: columns: in another order
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), nick varchar(40));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, nick varchar(40), name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada', 'A');

-- kind: primary key: added
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint NOT NULL, name varchar(40));
-- to
CREATE TABLE people (id bigint NOT NULL PRIMARY KEY, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint NOT NULL PRIMARY KEY, name varchar(40));
-- to
CREATE TABLE people (id bigint NOT NULL, name varchar(40));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: primary key: other columns
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint NOT NULL, name varchar(40) NOT NULL, PRIMARY KEY (id));
-- to
CREATE TABLE people (id bigint NOT NULL, name varchar(40) NOT NULL, PRIMARY KEY (id, name));
-- rows
INSERT INTO people VALUES (1, 'Ada');
-- keeps
SELECT 1 FROM people WHERE name = 'Ada';

-- kind: unique key: added
-- atlas: yes yes yes
-- sea-orm: yes ? no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);

-- kind: unique key: dropped
-- atlas: yes yes yes
-- sea-orm: yes ? no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);

-- kind: unique key: other columns
-- atlas: yes yes yes
-- sea-orm: yes ? no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), nick varchar(40));
-- from
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name);
-- to
ALTER TABLE people ADD CONSTRAINT one_name UNIQUE (name, nick);

-- kind: foreign key: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: foreign key: dropped
-- atlas: yes no no
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint);
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: foreign key: other table
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE clubs (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint, KEY its_team (team_id));
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);
-- to
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES clubs (id);

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

-- kind: foreign key: renamed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE people (id bigint PRIMARY KEY, team_id bigint, KEY by_team (team_id));
-- from
ALTER TABLE people ADD CONSTRAINT its_team FOREIGN KEY (team_id) REFERENCES teams (id);
-- to
ALTER TABLE people ADD CONSTRAINT team_of FOREIGN KEY (team_id) REFERENCES teams (id);

-- kind: check constraint: added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- to
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);

-- kind: check constraint: added, without a name
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- to
ALTER TABLE people ADD CHECK (age >= 18);

-- kind: check constraint: of a column, added
-- atlas: yes ? ?
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age int CHECK (age >= 18));
-- rows
INSERT INTO people VALUES (1, 36);
-- keeps
SELECT 1 FROM people WHERE age = 36;

-- kind: check constraint: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- from
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);

-- kind: check constraint: expression changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, age int);
-- from
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 18);
-- to
ALTER TABLE people ADD CONSTRAINT adult CHECK (age >= 21);

-- kind: check constraint: made NOT ENFORCED
-- only: mysql
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, age int, CONSTRAINT adult CHECK (age > 17));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, age int, CONSTRAINT adult CHECK (age > 17) NOT ENFORCED);

-- kind: index: added
-- atlas: yes yes yes
-- sea-orm: yes yes no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE INDEX by_name ON people (name);

-- kind: index: dropped
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);

-- kind: index: other columns
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40), nick varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name, nick);

-- kind: index: made unique
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE UNIQUE INDEX by_name ON people (name);

-- kind: index: prefix length
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name (10));

-- kind: index: descending
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name DESC);

-- kind: index: full text, added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE FULLTEXT INDEX by_name ON people (name);

-- kind: index: spatial, added
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE places (id bigint PRIMARY KEY, spot point NOT NULL);
-- to
CREATE SPATIAL INDEX by_spot ON places (spot);

-- kind: index: method
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40)) ENGINE = MEMORY;
-- from
CREATE INDEX by_name ON people (name) USING BTREE;
-- to
CREATE INDEX by_name ON people (name) USING HASH;

-- kind: index: made IGNORED
-- only: mariadb
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name) IGNORED;

-- kind: index: made INVISIBLE
-- only: mysql
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name) INVISIBLE;

-- kind: index: on an expression, added
-- only: mysql
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE INDEX by_name ON people ((lower(name)));

-- kind: index: expression changed
-- only: mysql
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people ((lower(name)));
-- to
CREATE INDEX by_name ON people ((upper(name)), id);

-- kind: index: on values of an array, added
-- only: mysql
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, tags json);
-- to
CREATE INDEX by_tag ON people ((cast(tags -> '$.all' AS unsigned ARRAY)));

-- kind: index: comment changed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX by_name ON people (name) COMMENT 'for the list';

-- kind: index: renamed
-- atlas: yes yes yes
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE INDEX by_name ON people (name);
-- to
CREATE INDEX names ON people (name);

-- kind: enum: value added at the end
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, mood enum('sad', 'happy'));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, mood enum('sad', 'happy', 'proud'));
-- rows
INSERT INTO people VALUES (1, 'happy');
-- keeps
SELECT 1 FROM people WHERE mood = 'happy';

-- kind: enum: value added in the middle
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, mood enum('sad', 'happy'));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, mood enum('sad', 'fair', 'happy'));
-- rows
INSERT INTO people VALUES (1, 'happy');
-- keeps
SELECT 1 FROM people WHERE mood = 'happy';

-- kind: enum: value removed
-- atlas: yes yes yes
-- sea-orm: yes no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, mood enum('sad', 'fair', 'happy'));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, mood enum('sad', 'happy'));
-- rows
INSERT INTO people VALUES (1, 'happy');
-- keeps
SELECT 1 FROM people WHERE mood = 'happy';

-- kind: set: value added
-- atlas: yes yes yes
-- sea-orm: no no no
-- from
CREATE TABLE people (id bigint PRIMARY KEY, moods set('sad', 'happy'));
-- to
CREATE TABLE people (id bigint PRIMARY KEY, moods set('sad', 'happy', 'proud'));
-- rows
INSERT INTO people VALUES (1, 'happy');
-- keeps
SELECT 1 FROM people WHERE moods = 'happy';

-- kind: sequence: created
-- only: mariadb
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE SEQUENCE numbers;

-- kind: sequence: dropped
-- only: mariadb
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE SEQUENCE numbers;

-- kind: sequence: options changed
-- only: mariadb
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE SEQUENCE numbers;
-- to
CREATE SEQUENCE numbers INCREMENT BY 10 MAXVALUE 1000 CYCLE;

-- kind: view: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: view: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;

-- kind: view: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
-- to
CREATE VIEW named AS SELECT id, name FROM people WHERE name IS NOT NULL;

-- kind: view: options changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
-- to
CREATE SQL SECURITY INVOKER VIEW named AS SELECT id FROM people WHERE name IS NOT NULL WITH CHECK OPTION;

-- kind: views: one on another, both changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE VIEW named AS SELECT id FROM people WHERE name IS NOT NULL;
CREATE VIEW first AS SELECT min(id) AS id FROM named;
-- to
CREATE VIEW named AS SELECT id AS number FROM people WHERE name IS NOT NULL;
CREATE VIEW first AS SELECT min(number) AS id FROM named;

-- kind: function: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;

-- kind: function: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;

-- kind: function: body changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n * 2;
-- to
CREATE FUNCTION twice(n int) RETURNS int DETERMINISTIC RETURN n + n;

-- kind: procedure: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE PROCEDURE tidy() SELECT 1;

-- kind: procedure: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE PROCEDURE tidy() SELECT 1;

-- kind: procedure: body changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE PROCEDURE tidy() SELECT 1;
-- to
CREATE PROCEDURE tidy() SELECT 2;

-- kind: trigger: created
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- to
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW SET new.name = trim(new.name);

-- kind: trigger: dropped
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW SET new.name = trim(new.name);

-- kind: trigger: changed
-- atlas: no no no
-- sea-orm: no no no
CREATE TABLE people (id bigint PRIMARY KEY, name varchar(40));
-- from
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW SET new.name = trim(new.name);
-- to
CREATE TRIGGER tidy BEFORE INSERT ON people FOR EACH ROW SET new.name = lower(new.name);

-- kind: event: created
-- atlas: no no no
-- sea-orm: no no no
-- to
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO SELECT 1;

-- kind: event: dropped
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO SELECT 1;

-- kind: event: schedule changed
-- atlas: no no no
-- sea-orm: no no no
-- from
CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO SELECT 1;
-- to
CREATE EVENT tidy ON SCHEDULE EVERY 2 DAY STARTS '2030-01-01 00:00:00' DO SELECT 1;
