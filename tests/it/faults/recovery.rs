//! Every kind of statement, and both states that a process can leave when it dies at its boundary: the ledger says `running`, and
//! the statement took effect, or it did not. Where a transaction holds it with its record, there is no such state. The next boot
//! finds out which it was or asks a person; it never guesses.
//!
//! The two states are made by triggers on the ledger: limbeck itself writes every row, as it would before a
//! kill. One trigger refuses the record behind the statement; the other one takes the lease away in the
//! transaction of the record before it, so that the fence keeps the statement from running.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use limbeck::error::{RunError, UnfinishedReason};
use limbeck::{Error, Event, Migrations, Migrator, Resolution};
use sqlx::Row as _;

use crate::support::migrations;
use crate::support::servers::{Database, MySqlServer, mysql_database};
use crate::support::soak::tell;

/// What the next boot does about an interrupted statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// There is no doubt: a transaction holds the statement, its neighbours and their record.
    Together,
    /// It sees in the catalog which of the two states it is.
    FindsOut,
    /// It runs the statement again in either state, which does no harm.
    Repeats,
    /// It asks.
    Asks,
}
use Answer::{Asks, FindsOut, Repeats, Together};

struct Case {
    kind: &'static str,
    /// What stands there before, beside `t (id INT PRIMARY KEY, x INT)` with two rows and an empty `log`.
    setup: &'static str,
    /// `@db` is the database's name, `@engine` an engine without transactions.
    statement: &'static str,
    answer: Answer,
    /// The only server that has it.
    only: Option<MySqlServer>,
}

impl Case {
    fn setup(&self, name: &str) -> String {
        Case::named(self.setup, name)
    }

    fn statement(&self, name: &str) -> String {
        Case::named(self.statement, name)
    }

    const fn only(mut self, server: MySqlServer) -> Case {
        self.only = Some(server);
        self
    }

    fn is_of(&self, server: MySqlServer) -> bool {
        self.only.is_none_or(|only| only == server)
    }

    fn named(text: &str, name: &str) -> String {
        let engine = MySqlServer::here().pick("Aria", "MyISAM");
        text.replace("@db", name).replace("@engine", engine)
    }
}

const fn case(
    kind: &'static str,
    setup: &'static str,
    statement: &'static str,
    answer: Answer,
) -> Case {
    Case {
        kind,
        setup,
        statement,
        answer,
        only: None,
    }
}

const fn mariadb(
    kind: &'static str,
    setup: &'static str,
    statement: &'static str,
    answer: Answer,
) -> Case {
    case(kind, setup, statement, answer).only(MySqlServer::Mariadb)
}

const fn mysql(
    kind: &'static str,
    setup: &'static str,
    statement: &'static str,
    answer: Answer,
) -> Case {
    case(kind, setup, statement, answer).only(MySqlServer::Mysql)
}

#[rustfmt::skip]
const CASES: &[Case] = &[
    case("CREATE TABLE", "", "CREATE TABLE n (id INT)", FindsOut),
    case("CREATE TABLE … LIKE", "", "CREATE TABLE n LIKE t", FindsOut),
    case("CREATE TABLE IF NOT EXISTS, not there", "", "CREATE TABLE IF NOT EXISTS n (id INT)", Repeats),
    case("CREATE TABLE IF NOT EXISTS, there", "CREATE TABLE n (id INT)", "CREATE TABLE IF NOT EXISTS n (id INT, y INT)", Repeats),
    mariadb("CREATE OR REPLACE TABLE, another definition", "CREATE TABLE n (id INT)", "CREATE OR REPLACE TABLE n (id BIGINT)", FindsOut),
    case("CREATE TABLE … SELECT", "", "CREATE TABLE n SELECT id FROM t", Asks),
    case("CREATE TABLE IF NOT EXISTS … SELECT", "", "CREATE TABLE IF NOT EXISTS n SELECT id FROM t", Asks),
    case("CREATE TEMPORARY TABLE", "", "CREATE TEMPORARY TABLE n (id INT)", Together),
    case("DROP TABLE", "CREATE TABLE n (id INT)", "DROP TABLE n", FindsOut),
    case("DROP TABLE of several", "CREATE TABLE n (id INT); CREATE TABLE m (id INT)", "DROP TABLE n, m", Asks),
    case("DROP TABLE IF EXISTS, there", "CREATE TABLE n (id INT)", "DROP TABLE IF EXISTS n", Repeats),
    case("DROP TABLE IF EXISTS, not there", "", "DROP TABLE IF EXISTS n", Repeats),
    case("DROP TABLE IF EXISTS of several", "CREATE TABLE n (id INT)", "DROP TABLE IF EXISTS n, m", Repeats),
    case("RENAME TABLE", "CREATE TABLE n (id INT)", "RENAME TABLE n TO m", FindsOut),
    case("RENAME TABLE of several", "CREATE TABLE n (id INT); CREATE TABLE k (x INT)", "RENAME TABLE n TO m, k TO l", FindsOut),
    case("RENAME TABLE, a swap of two that differ", "CREATE TABLE n (id INT); CREATE TABLE m (x INT)", "RENAME TABLE n TO aside, m TO n, aside TO m", Asks),
    case("RENAME TABLE, a swap of two alike", "CREATE TABLE n (id INT); INSERT INTO n VALUES (1); CREATE TABLE m (id INT); INSERT INTO m VALUES (2)", "RENAME TABLE n TO aside, m TO n, aside TO m", Asks),
    case("ALTER TABLE RENAME", "CREATE TABLE n (id INT)", "ALTER TABLE n RENAME TO m", FindsOut),
    case("ALTER TABLE ADD COLUMN", "", "ALTER TABLE t ADD COLUMN y INT", FindsOut),
    case("ALTER TABLE DROP COLUMN", "", "ALTER TABLE t DROP COLUMN x", FindsOut),
    mariadb("ALTER TABLE ADD COLUMN IF NOT EXISTS, not there", "", "ALTER TABLE t ADD COLUMN IF NOT EXISTS y INT", Repeats),
    mariadb("ALTER TABLE ADD COLUMN IF NOT EXISTS, there", "", "ALTER TABLE t ADD COLUMN IF NOT EXISTS x INT", Repeats),
    mariadb("ALTER TABLE DROP COLUMN IF EXISTS", "", "ALTER TABLE t DROP COLUMN IF EXISTS x", Repeats),
    case("ALTER TABLE, several actions", "", "ALTER TABLE t ADD COLUMN y INT, DROP COLUMN x", FindsOut),
    case("ALTER TABLE MODIFY", "", "ALTER TABLE t MODIFY x BIGINT NOT NULL DEFAULT 0", FindsOut),
    case("ALTER TABLE MODIFY that changes nothing", "", "ALTER TABLE t MODIFY x INT", Repeats),
    case("ALTER TABLE ENGINE that changes nothing", "", "ALTER TABLE t ENGINE = InnoDB", Repeats),
    case("ALTER TABLE FORCE", "", "ALTER TABLE t FORCE", Repeats),
    case("ALTER TABLE CONVERT TO CHARACTER SET", "CREATE TABLE n (s VARCHAR(9)) CHARACTER SET latin1", "ALTER TABLE n CONVERT TO CHARACTER SET utf8mb4", FindsOut),
    case("ALTER TABLE COMMENT", "", "ALTER TABLE t COMMENT = 'of tests'", FindsOut),
    case("ALTER TABLE AUTO_INCREMENT=n", "CREATE TABLE n (id INT AUTO_INCREMENT PRIMARY KEY)", "ALTER TABLE n AUTO_INCREMENT = 50", Asks),
    case("ALTER TABLE ADD INDEX", "", "ALTER TABLE t ADD INDEX t_x (x)", FindsOut),
    case("ALTER TABLE ADD INDEX without a name", "", "ALTER TABLE t ADD INDEX (x)", FindsOut),
    case("ALTER TABLE DROP INDEX", "CREATE INDEX t_x ON t (x)", "ALTER TABLE t DROP INDEX t_x", FindsOut),
    case("ALTER TABLE ADD FOREIGN KEY", "CREATE TABLE n (t INT, KEY (t)) ENGINE = InnoDB", "ALTER TABLE n ADD CONSTRAINT n_t FOREIGN KEY (t) REFERENCES t (id)", FindsOut),
    case("ALTER TABLE DROP FOREIGN KEY", "CREATE TABLE n (t INT, KEY (t), CONSTRAINT n_t FOREIGN KEY (t) REFERENCES t (id)) ENGINE = InnoDB", "ALTER TABLE n DROP FOREIGN KEY n_t", FindsOut),
    case("ALTER TABLE ADD CHECK", "", "ALTER TABLE t ADD CONSTRAINT t_c CHECK (x > -1)", FindsOut),
    case("ALTER TABLE DROP PARTITION", "CREATE TABLE n (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (5), PARTITION p1 VALUES LESS THAN (9)); INSERT INTO n VALUES (1), (7)", "ALTER TABLE n DROP PARTITION p0", FindsOut),
    case("ALTER TABLE TRUNCATE PARTITION", "CREATE TABLE n (id INT) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (5), PARTITION p1 VALUES LESS THAN (9)); INSERT INTO n VALUES (1), (7)", "ALTER TABLE n TRUNCATE PARTITION p0", Asks),
    case("CREATE INDEX", "", "CREATE INDEX t_x ON t (x)", FindsOut),
    case("CREATE UNIQUE INDEX", "", "CREATE UNIQUE INDEX t_x ON t (x)", FindsOut),
    mariadb("CREATE INDEX IF NOT EXISTS", "", "CREATE INDEX IF NOT EXISTS t_x ON t (x)", Repeats),
    mariadb("CREATE OR REPLACE INDEX, another definition", "CREATE INDEX t_x ON t (x)", "CREATE OR REPLACE INDEX t_x ON t (x, id)", FindsOut),
    case("DROP INDEX", "CREATE INDEX t_x ON t (x)", "DROP INDEX t_x ON t", FindsOut),
    mariadb("DROP INDEX IF EXISTS", "CREATE INDEX t_x ON t (x)", "DROP INDEX IF EXISTS t_x ON t", Repeats),
    case("CREATE VIEW", "", "CREATE VIEW v AS SELECT id FROM t", FindsOut),
    case("CREATE OR REPLACE VIEW", "CREATE VIEW v AS SELECT x FROM t", "CREATE OR REPLACE VIEW v AS SELECT id FROM t", Repeats),
    case("ALTER VIEW", "CREATE VIEW v AS SELECT x FROM t", "ALTER VIEW v AS SELECT id FROM t", FindsOut),
    case("DROP VIEW", "CREATE VIEW v AS SELECT x FROM t", "DROP VIEW v", FindsOut),
    case("CREATE TRIGGER", "", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1", FindsOut),
    mariadb("CREATE OR REPLACE TRIGGER", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1", "CREATE OR REPLACE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 2", Repeats),
    case("DROP TRIGGER", "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1", "DROP TRIGGER g", FindsOut),
    case("CREATE PROCEDURE", "", "CREATE PROCEDURE p()\nBEGIN\n  INSERT INTO t VALUES (9, 9);\nEND", FindsOut),
    mariadb("CREATE OR REPLACE PROCEDURE", "CREATE PROCEDURE p() INSERT INTO t VALUES (8, 8)", "CREATE OR REPLACE PROCEDURE p() INSERT INTO t VALUES (9, 9)", Repeats),
    case("ALTER PROCEDURE", "CREATE PROCEDURE p() INSERT INTO t VALUES (8, 8)", "ALTER PROCEDURE p COMMENT 'of tests'", Asks),
    case("DROP PROCEDURE", "CREATE PROCEDURE p() INSERT INTO t VALUES (8, 8)", "DROP PROCEDURE p", FindsOut),
    case("CREATE FUNCTION", "", "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1", FindsOut),
    case("DROP FUNCTION", "CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1", "DROP FUNCTION f", FindsOut),
    case("CREATE EVENT", "", "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DO DELETE FROM log", FindsOut),
    case("ALTER EVENT", "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DO DELETE FROM log", "ALTER EVENT e DISABLE", Asks),
    case("DROP EVENT", "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DO DELETE FROM log", "DROP EVENT e", FindsOut),
    mariadb("CREATE SEQUENCE", "", "CREATE SEQUENCE s START WITH 5", Asks),
    mariadb("ALTER SEQUENCE RESTART", "CREATE SEQUENCE s", "ALTER SEQUENCE s RESTART 50", Asks),
    mariadb("DROP SEQUENCE", "CREATE SEQUENCE s", "DROP SEQUENCE s", Asks),
    case("CREATE USER", "", "CREATE USER '@db'@'localhost'", Asks),
    case("CREATE USER IF NOT EXISTS", "", "CREATE USER IF NOT EXISTS '@db'@'localhost'", Repeats),
    case("DROP USER", "CREATE USER '@db'@'localhost'", "DROP USER '@db'@'localhost'", Asks),
    case("GRANT", "CREATE USER '@db'@'localhost'", "GRANT SELECT ON t TO '@db'@'localhost'", Repeats),
    case("REVOKE", "CREATE USER '@db'@'localhost'; GRANT SELECT ON t TO '@db'@'localhost'", "REVOKE SELECT ON t FROM '@db'@'localhost'", Asks),
    case("CREATE DATABASE", "", "CREATE DATABASE @db_other", Asks),
    case("DROP DATABASE", "CREATE DATABASE @db_other", "DROP DATABASE @db_other", Asks),
    mysql("CREATE INDEX of an expression", "", "CREATE INDEX t_x ON t ((x + 1))", FindsOut),
    mysql("ALTER TABLE ALTER INDEX INVISIBLE", "CREATE INDEX t_x ON t (x)", "ALTER TABLE t ALTER INDEX t_x INVISIBLE", FindsOut),
    mysql("ALTER TABLE ADD COLUMN INVISIBLE", "", "ALTER TABLE t ADD COLUMN y INT INVISIBLE", FindsOut),
    mysql("ALTER TABLE ADD CHECK NOT ENFORCED", "", "ALTER TABLE t ADD CONSTRAINT t_c CHECK (x > 5) NOT ENFORCED", FindsOut),
    mysql("ALTER TABLE, INSTANT", "", "ALTER TABLE t ADD COLUMN y INT, ALGORITHM = INSTANT", FindsOut),
    mysql("CREATE PROCEDURE IF NOT EXISTS", "", "CREATE PROCEDURE IF NOT EXISTS p() INSERT INTO t VALUES (9, 9)", Repeats),
    mysql("CREATE TRIGGER IF NOT EXISTS", "", "CREATE TRIGGER IF NOT EXISTS g BEFORE INSERT ON t FOR EACH ROW SET NEW.x = 1", Repeats),
    mysql("ALTER DATABASE", "", "ALTER DATABASE CHARACTER SET latin1", Asks),
    mysql("DO of a lock", "", "DO RELEASE_LOCK('@db')", Together),
    case("ALTER TABLE RENAME COLUMN", "", "ALTER TABLE t RENAME COLUMN x TO y", FindsOut),
    case("ALTER TABLE RENAME INDEX", "CREATE INDEX t_x ON t (x)", "ALTER TABLE t RENAME INDEX t_x TO t_y", FindsOut),
    case("ALTER TABLE ALTER COLUMN SET DEFAULT", "", "ALTER TABLE t ALTER COLUMN x SET DEFAULT 3", FindsOut),
    case("ALTER TABLE ADD a generated COLUMN", "", "ALTER TABLE t ADD COLUMN y INT AS (x + 1) STORED", FindsOut),
    case("ALTER TABLE DROP PRIMARY KEY", "", "ALTER TABLE t DROP PRIMARY KEY", FindsOut),
    case("ALTER TABLE PARTITION BY", "", "ALTER TABLE t PARTITION BY HASH (id) PARTITIONS 2", FindsOut),
    case("CREATE FULLTEXT INDEX", "CREATE TABLE n (s TEXT) ENGINE = InnoDB", "CREATE FULLTEXT INDEX n_s ON n (s)", FindsOut),
    case("CREATE ROLE", "", "CREATE ROLE '@db'", Asks),
    case("TRUNCATE", "", "TRUNCATE t", Asks),
    case("CALL", "CREATE PROCEDURE p() INSERT INTO t VALUES (8, 8)", "CALL p()", Asks),
    mariadb("DO", "CREATE SEQUENCE s", "DO NEXTVAL(s)", Together),
    mariadb("BEGIN NOT ATOMIC", "", "BEGIN NOT ATOMIC INSERT INTO t VALUES (8, 8); END", Asks),
    case("ANALYZE TABLE", "", "ANALYZE TABLE t", Repeats),
    case("OPTIMIZE TABLE", "", "OPTIMIZE TABLE t", Repeats),
    case("SET", "", "SET @a = 5", Together),
    case("FLUSH", "", "FLUSH TABLES t", Asks),
    case("SELECT of a function that writes to MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine; CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO n VALUES (1); RETURN 1; END", "SELECT f()", Asks),
    case("SET by a function that writes to MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine; CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO n VALUES (1); RETURN 1; END", "SET @a = f()", Asks),
    case("DO of a function that writes to MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine; CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO n VALUES (1); RETURN 1; END", "DO f()", Asks),
    case("SELECT of a function that writes to InnoDB", "CREATE TABLE n (id INT) ENGINE = InnoDB; CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN INSERT INTO n VALUES (1); RETURN 1; END", "SELECT f()", Together),
    case("INSERT … SELECT, InnoDB", "CREATE TABLE n (id INT) ENGINE = InnoDB", "INSERT INTO n SELECT id FROM t", Together),
    case("INSERT … SELECT from information_schema, InnoDB", "CREATE TABLE n (id VARCHAR(64)) ENGINE = InnoDB", "INSERT INTO n SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 't'", Together),
    case("UPDATE, InnoDB", "", "UPDATE t SET x = x + 1", Together),
    case("DELETE of two tables, InnoDB", "CREATE TABLE n (id INT) ENGINE = InnoDB; INSERT INTO n VALUES (1)", "DELETE t, n FROM t JOIN n ON t.id = n.id", Together),
    case("REPLACE, InnoDB", "", "REPLACE INTO t VALUES (1, 7)", Together),
    case("INSERT … SELECT, MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine", "INSERT INTO n SELECT id FROM t", Asks),
    mariadb("INSERT … SELECT, MyISAM", "CREATE TABLE n (id INT) ENGINE = MyISAM", "INSERT INTO n SELECT id FROM t", Asks),
    case("UPDATE, MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine; INSERT INTO n VALUES (1)", "UPDATE n SET id = id + 1", Asks),
    // MySQL refuses those that follow (1785, `enforce_gtid_consistency`).
    mariadb("DELETE of two tables, one of them MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine; INSERT INTO n VALUES (1)", "DELETE t, n FROM t JOIN n ON t.id = n.id", Asks),
    mariadb("INSERT, InnoDB with a trigger that writes to MyISAM or Aria", "CREATE TABLE n (id INT) ENGINE = @engine; CREATE TRIGGER g AFTER INSERT ON t FOR EACH ROW INSERT INTO n VALUES (NEW.id)", "INSERT INTO t VALUES (8, 8)", Asks),
];

/// What an interrupted statement left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Applied,
    NotApplied,
}

fn files(statement: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE log (n INT);\nCREATE TABLE t (id INT PRIMARY KEY, x INT) ENGINE = InnoDB;\nINSERT INTO t VALUES (1, 1), (2, 2);\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade\nINSERT INTO log VALUES (1);\n{statement};\nINSERT INTO log VALUES (3);\n"
            ),
        ),
    ])
}

type Mysql = Database<sqlx::MySql>;

async fn name_of(db: &Mysql) -> String {
    db.strings("SELECT DATABASE()").await.remove(0)
}

/// All rows of a query, each as one line.
async fn lines(db: &Mysql, query: &str) -> Vec<String> {
    let mut connection = db.pool.acquire().await.expect("a connection");
    let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(query.to_owned()))
        .fetch_all(&mut *connection)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter()
        .map(|row| {
            let cells = (0..row.len()).map(|index| {
                let cell: Option<String> = row.try_get_unchecked(index).expect("text");
                cell.unwrap_or_else(|| "NULL".to_owned())
            });
            cells.collect::<Vec<_>>().join(" | ")
        })
        .collect()
}

/// Everything that a revision can have changed: definitions, rows, routines, users, databases.
async fn dump(db: &Mysql) -> Vec<String> {
    let name = name_of(db).await;
    let mut dump = Vec::new();
    let tables = lines(
        db,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
         AND table_name NOT LIKE 'limbeck%' ORDER BY 1",
    )
    .await;
    for table in tables {
        dump.extend(lines(db, &format!("SHOW CREATE TABLE `{table}`")).await);
        let mut rows = lines(db, &format!("SELECT * FROM `{table}`")).await;
        rows.sort();
        dump.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
    }
    for query in [
        "SELECT trigger_name, event_manipulation, action_statement FROM information_schema.triggers \
         WHERE trigger_schema = DATABASE() ORDER BY 1",
        "SELECT routine_name, routine_type, dtd_identifier, routine_definition, routine_comment \
         FROM information_schema.routines WHERE routine_schema = DATABASE() ORDER BY 1",
        "SELECT event_name, event_definition, status FROM information_schema.events \
         WHERE event_schema = DATABASE() ORDER BY 1",
    ] {
        dump.extend(lines(db, query).await);
    }
    dump.extend(
        lines(
            db,
            &format!("SELECT user FROM mysql.user WHERE user = '{name}'"),
        )
        .await,
    );
    dump.extend(
        lines(
            db,
            &format!("SELECT table_priv FROM mysql.tables_priv WHERE user = '{name}'"),
        )
        .await,
    );
    dump.extend(lines(db, &format!("SHOW DATABASES LIKE '{name}\\_other'")).await);
    dump.into_iter()
        .map(|line| line.replace(&name, "@db"))
        .collect()
}

/// A database where everything stands that a case needs, and its migrator.
async fn prepared(case: &Case) -> Option<(Mysql, Migrator<sqlx::MySqlPool>)> {
    let db = mysql_database().await?;
    let name = name_of(&db).await;
    let migrator = Migrator::new(&db.pool, files(&case.statement(&name)));
    let _ = migrator.upgrade("a").await.expect("a");
    if !case.setup.is_empty() {
        db.run(&case.setup(&name)).await;
    }
    Some((db, migrator))
}

/// Users and databases are the server's: they would outlive the test.
async fn clear(db: &Mysql) {
    let name = name_of(db).await;
    db.run(&format!(
        "DROP USER IF EXISTS '{name}'@'localhost'; DROP DATABASE IF EXISTS {name}_other; DROP DATABASE {name}"
    ))
    .await;
    db.pool.close().await;
}

fn is_in_doubt(error: &Error) -> bool {
    let Error::Run(run) = error else { return false };
    matches!(&**run, RunError::Unfinished(unfinished) if unfinished.reason == UnfinishedReason::InDoubt)
}

/// One case in one state: what the next boot did, or what was wrong with it. None: there is no server.
async fn outcome(
    case: &Case,
    left: Left,
    undisturbed: &[String],
) -> Result<Option<Answer>, String> {
    let Some((db, migrator)) = prepared(case).await else {
        return Ok(None);
    };
    db.run(match left {
        Left::Applied => {
            "CREATE TRIGGER limbeck_fault BEFORE UPDATE ON limbeck_history FOR EACH ROW BEGIN \
             IF OLD.statements_done < 2 AND NEW.statements_done >= 2 THEN \
             SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'killed here'; END IF; END"
        }
        Left::NotApplied => {
            "CREATE TRIGGER limbeck_fault AFTER UPDATE ON limbeck_history FOR EACH ROW BEGIN \
             IF OLD.statements_done = 1 AND NEW.statement_running = 2 THEN \
             UPDATE limbeck_history_lock SET holder = NULL; END IF; END"
        }
    })
    .await;
    let first = migrator.upgrade_to_head().await;
    db.run("DROP TRIGGER limbeck_fault").await;
    let in_doubt = db
        .strings(
            "SELECT CONVERT(statement_running, CHAR) FROM limbeck_history WHERE state = 'running'",
        )
        .await;
    let outcome = match first {
        Ok(_) if left == Left::NotApplied => Ok(Together),
        Ok(_) => Err("the record behind the statement was not refused".to_owned()),
        Err(_) => next_boot(case, left, &db, migrator, in_doubt == ["2"]).await,
    };
    let found = dump(&db).await;
    clear(&db).await;
    let outcome = outcome?;
    if found != undisturbed {
        let other = |of: &[String], than: &[String]| -> Vec<String> {
            of.iter()
                .filter(|line| !than.contains(line))
                .cloned()
                .collect()
        };
        let missing = other(undisturbed, &found);
        return Err(format!(
            "{outcome:?}; missing {missing:?}, surplus {:?}",
            other(&found, undisturbed)
        ));
    }
    Ok(Some(outcome))
}

async fn next_boot(
    case: &Case,
    left: Left,
    db: &Mysql,
    migrator: Migrator<sqlx::MySqlPool>,
    in_doubt: bool,
) -> Result<Answer, String> {
    let ran = Arc::new(AtomicUsize::new(0));
    let counted = ran.clone();
    let migrator = migrator.on_event(move |event| {
        if let Event::StatementDone { number: 2, .. } = event {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let error = match migrator.upgrade_to_head().await {
        Ok(_) => {
            return Ok(match (in_doubt, ran.load(Ordering::Relaxed)) {
                (false, _) => Together,
                (true, 0) => FindsOut,
                // That it did not take effect is seen, or does not matter.
                (true, _) if left == Left::NotApplied && case.answer == FindsOut => FindsOut,
                (true, _) => Repeats,
            });
        }
        Err(error) => error,
    };
    let text = error.to_string();
    if !is_in_doubt(&error) {
        return Err(text);
    }
    let statement = case.statement(&name_of(db).await);
    let flat = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    if !text.contains(&flat) {
        return Err(format!("the error does not show the statement: {text}"));
    }
    let resolution = match left {
        Left::Applied => Resolution::Applied,
        Left::NotApplied => Resolution::NotApplied,
    };
    migrator.resolve("b", resolution).await.expect("settled");
    match migrator.upgrade_to_head().await {
        Ok(_) => Ok(Asks),
        Err(error) => Err(format!("after the answer: {error}")),
    }
}

/// What came of a case in its two states.
type Both = [Result<Option<Answer>, String>; 2];

/// Both crash states of every kind, over the whole table.
async fn every_kind_of_statement_in_both_crash_states() {
    let here = MySqlServer::here();
    let cases = || CASES.iter().filter(|case| case.is_of(here));
    let chosen: Vec<usize> = (0..CASES.len())
        .filter(|at| CASES[*at].is_of(here))
        .collect();
    let next = Arc::new(Mutex::new(chosen.into_iter()));
    let found: Arc<Mutex<BTreeMap<usize, Both>>> = Arc::default();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (next, found) = (next.clone(), found.clone());
        workers.spawn(here.scope(async move {
            loop {
                let index = next.lock().expect("a lock").next();
                let Some(index) = index else { return };
                let case = &CASES[index];
                let Some((db, migrator)) = prepared(case).await else {
                    return;
                };
                let report = migrator.upgrade_to_head().await;
                assert_eq!(report.expect(case.kind).current, ["b"], "{}", case.kind);
                let undisturbed = dump(&db).await;
                clear(&db).await;
                let both = [
                    outcome(case, Left::Applied, &undisturbed).await,
                    outcome(case, Left::NotApplied, &undisturbed).await,
                ];
                found.lock().expect("a lock").insert(index, both);
            }
        }));
    }
    while let Some(ended) = workers.join_next().await {
        ended.expect("a worker");
    }
    let found = std::mem::take(&mut *found.lock().expect("a lock"));
    if found.is_empty() {
        return;
    }
    let mut wrong = Vec::new();
    for (index, both) in &found {
        let case = &CASES[*index];
        println!("{} | {:?}", case.kind, case.answer);
        for (left, outcome) in [Left::Applied, Left::NotApplied].into_iter().zip(both) {
            if *outcome != Ok(Some(case.answer)) {
                wrong.push(format!("{}, {left:?}: {outcome:?}", case.kind));
            }
        }
    }
    let count = |answer| cases().filter(|case| case.answer == answer).count();
    tell(
        &format!(
            "died at a statement's boundary, {}, every kind of statement",
            here.name()
        ),
        found.len() * 2,
        wrong.len(),
        format!(
            "of {} kinds {} seen in the catalog, {} harmless to repeat, {} in one transaction with \
             their record, {} asked about",
            cases().count(),
            count(FindsOut),
            count(Repeats),
            count(Together),
            count(Asks)
        ),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

crate::support::on_mysql!(every_kind_of_statement_in_both_crash_states);
