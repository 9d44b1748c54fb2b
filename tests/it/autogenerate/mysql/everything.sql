-- A schema that uses every feature that limbeck compares on MariaDB and MySQL. A line that ends in `-- MariaDB` or
-- `-- MySQL` is that server's alone; what else only one of them has stands in its own file beside this one.
CREATE SEQUENCE ticket_numbers START WITH 5 INCREMENT BY 3 MINVALUE 2 MAXVALUE 100000 NOCACHE CYCLE; -- MariaDB
CREATE SEQUENCE plain_numbers; -- MariaDB

CREATE TABLE teams (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  code CHAR(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  name VARCHAR(80) NOT NULL DEFAULT 'it''s \\ "quoted" `é`' COMMENT 'what''s shown; \\ 日本',
  leader INT UNSIGNED,
  UNIQUE KEY by_code (code),
  KEY by_name (name(10), code DESC) COMMENT 'a "prefix"'
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COMMENT='teams; it''s all of them';

CREATE TABLE people (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT,
  team_id INT UNSIGNED,
  second_team INT UNSIGNED NULL,
  email VARCHAR(190) NOT NULL,
  state ENUM('new', 'it''s', 'old,er') NOT NULL DEFAULT 'new',
  flags SET('a', 'b', 'c') DEFAULT 'a,c',
  balance DECIMAL(12,4) UNSIGNED ZEROFILL DEFAULT 1.5 CHECK (balance >= 0),
  ratio DOUBLE DEFAULT -1.5e-3,
  born DATE DEFAULT NULL,
  at_time TIME(2) DEFAULT '12:00:00.50',
  born_year YEAR DEFAULT 1999,
  created DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  maybe TIMESTAMP NULL,
  bits BIT(5) DEFAULT b'10101',
  raw VARBINARY(16) DEFAULT X'4142',
  big BLOB,
  note MEDIUMTEXT COLLATE utf8mb4_bin DEFAULT ('long ' ),
  squeezed TEXT COMPRESSED, -- MariaDB
  settings JSON,
  uid UUID DEFAULT UUID(), -- MariaDB
  host INET6, -- MariaDB
  hidden INT DEFAULT (1 + 2) INVISIBLE,
  number BIGINT DEFAULT (NEXT VALUE FOR ticket_numbers), -- MariaDB
  twice INT GENERATED ALWAYS AS (hidden * 2) VIRTUAL COMMENT 'computed',
  thrice INT GENERATED ALWAYS AS (hidden * 3) STORED,
  mail_host VARCHAR(190) GENERATED ALWAYS AS (substring_index(email, '@', -1)) STORED,
  place POINT NOT NULL,
  token VARCHAR(36) DEFAULT (uuid()), -- MySQL
  tags JSON DEFAULT (json_array()), -- MySQL
  PRIMARY KEY (id),
  UNIQUE KEY by_email (email),
  UNIQUE KEY by_note (note) USING HASH, -- MariaDB
  KEY by_twice (twice),
  KEY ignored_one (born) IGNORED, -- MariaDB
  KEY ignored_one (born) INVISIBLE, -- MySQL
  KEY shouted ((upper(email)), born DESC), -- MySQL
  UNIQUE KEY by_sum ((hidden + born_year)), -- MySQL
  KEY hashed (born, at_time) USING HASH,
  FULLTEXT KEY words (note),
  SPATIAL KEY places (place),
  CONSTRAINT team FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE SET NULL ON UPDATE CASCADE,
  FOREIGN KEY (second_team) REFERENCES teams (id),
  CONSTRAINT sane CHECK (born IS NULL OR born > '1900-01-01'),
  CONSTRAINT lax CHECK (ratio > 1e9) NOT ENFORCED, -- MySQL
  CHECK (hidden <> 7)
) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8 STATS_PERSISTENT=0;

-- A circle of foreign keys.
ALTER TABLE teams ADD CONSTRAINT led_by FOREIGN KEY (leader) REFERENCES people (id);

CREATE TABLE `odd ``name``` (
  `select` INT PRIMARY KEY,
  `a b` INT DEFAULT 1 CHECK (`a b` > 0),
  `ünïcode` VARCHAR(10) DEFAULT 'ä',
  `from``to` INT AS (`a b` + 1) VIRTUAL,
  KEY `key of it` (`a b`, `ünïcode`(3))
) COMMENT='odd';

CREATE TABLE composite (
  a INT NOT NULL,
  b INT NOT NULL,
  c INT,
  PRIMARY KEY (b, a),
  KEY (c, b)
) ENGINE=Aria TRANSACTIONAL=0; -- MariaDB
) ENGINE=MyISAM DELAY_KEY_WRITE=1; -- MySQL

CREATE TABLE child_of_two (
  x INT,
  y INT
);

CREATE TABLE by_range (id INT, y INT, PRIMARY KEY (id, y)) PARTITION BY RANGE (y)
  (PARTITION early VALUES LESS THAN (10), PARTITION late VALUES LESS THAN MAXVALUE COMMENT 'rest');
CREATE TABLE by_hash (id INT) PARTITION BY LINEAR HASH (id) PARTITIONS 3;
CREATE TABLE by_list (id INT, s INT) PARTITION BY LIST COLUMNS (id) SUBPARTITION BY HASH (s) SUBPARTITIONS 2
  (PARTITION one VALUES IN (1, 2), PARTITION other DEFAULT); -- MariaDB
  (PARTITION one VALUES IN (1, 2), PARTITION other VALUES IN (3)); -- MySQL

CREATE FUNCTION shout(what VARCHAR(20) CHARACTER SET latin1, times INT UNSIGNED)
  RETURNS VARCHAR(100) CHARACTER SET utf8mb4
  DETERMINISTIC NO SQL SQL SECURITY INVOKER COMMENT 'loud; ''really'''
BEGIN
  DECLARE said VARCHAR(100) DEFAULT '';
  WHILE times > 0 DO
    SET said = CONCAT(said, UPPER(what), '!');
    SET times = times - 1;
  END WHILE;
  RETURN said;
END;
CREATE FUNCTION unit() RETURNS INT NO SQL RETURN 1;
CREATE PROCEDURE tidy(IN before_day DATE, OUT gone INT, INOUT kind ENUM('x', 'y'))
  MODIFIES SQL DATA
BEGIN
  IF before_day IS NOT NULL THEN
    DELETE FROM people WHERE born < before_day;
    SET gone = ROW_COUNT();
  END IF; -- a comment; with a semicolon
END;

CREATE VIEW b_base AS SELECT id, email, state, shout(email, 2) AS loud FROM people WHERE state <> 'new';
CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW c_middle (number, address) AS
  SELECT id, email FROM b_base WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW a_top AS SELECT t.name, b.address FROM teams t JOIN c_middle b ON b.number = t.leader
  UNION ALL SELECT `ünïcode`, 'é''s' FROM `odd ``name```;
CREATE ALGORITHM = TEMPTABLE VIEW `weird ``view``` AS
  WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n, unit() AS o FROM r;

CREATE TRIGGER people_first BEFORE INSERT ON people FOR EACH ROW SET NEW.hidden = IFNULL(NEW.hidden, 1);
CREATE TRIGGER people_second BEFORE INSERT ON people FOR EACH ROW
BEGIN
  IF NEW.email = '' THEN SET NEW.email = 'nobody; at all'; END IF;
END;
CREATE TRIGGER people_zeroth BEFORE INSERT ON people FOR EACH ROW PRECEDES people_first SET @z = 1;
CREATE TRIGGER `odd trigger` AFTER DELETE ON `odd ``name``` FOR EACH ROW DELETE FROM child_of_two WHERE x = OLD.`select`;

CREATE EVENT every_day ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ENDS '2036-01-01 00:00:00'
  ON COMPLETION PRESERVE DISABLE COMMENT 'tidies; daily' DO CALL tidy(CURRENT_DATE, @g, @k);
CREATE EVENT compound ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2031-02-03 04:05:06' DISABLE DO BEGIN DELETE FROM child_of_two; END;
CREATE EVENT once_only ON SCHEDULE AT '2037-01-01 00:00:00' DISABLE DO DELETE FROM child_of_two;
