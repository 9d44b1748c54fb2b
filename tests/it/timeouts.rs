//! `statement_timeout=` on MySQL and MariaDB. MariaDB keeps it by a setting, but for some routines; MySQL has such a setting
//! for `SELECT` alone. limbeck ends the rest from a second connection. Statements that would go on for hours end at all; no clock
//! is read but to see that none is ended before its time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use limbeck::error::{RunError, StatementError};
use limbeck::{Error, Event, Migrations, Migrator, Resolution};

use crate::support::migrations;
use crate::support::servers::{Database, MySqlServer, mysql_database};

type Mysql = Database<sqlx::MySql>;

/// Ten to the twelfth rows are read.
const HOURS: &str = "SELECT MAX(a.x + b.x + c.x + e.x + f.x + g.x + h.x + i.x + j.x + k.x + l.x + m.x) AS n \
                     FROM d a, d b, d c, d e, d f, d g, d h, d i, d j, d k, d l, d m";

/// What `statement_timeout=` says in these files.
const LIMIT: Duration = Duration::from_millis(500);

fn files(words: &str, statement: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (n INT NOT NULL);\nCREATE TABLE d (x INT NOT NULL);\n\
             INSERT INTO d VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);\n\
             CREATE PROCEDURE counts() BEGIN DECLARE i BIGINT DEFAULT 0; \
             WHILE i < 1000000000000 DO SET i = i + 1; END WHILE; END;\n\
             CREATE PROCEDURE answers() BEGIN DECLARE i BIGINT DEFAULT 0; \
             WHILE i < 1000000000000 DO SET i = i + 1; SELECT i; END WHILE; END;\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade statement_timeout=500ms {words}\nINSERT INTO audit VALUES (1);\n{statement};\nINSERT INTO audit VALUES (3);\n"
            ),
        ),
    ])
}

fn statement_error(error: &Error) -> &StatementError {
    match error {
        Error::Run(run) => match &**run {
            RunError::Statement(statement) => statement,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

/// The error of the second statement, which is ended since its time is up.
async fn ended(db: &Mysql, words: &str, statement: &str) -> Error {
    let migrator = Migrator::new(&db.pool, files(words, statement));
    let error = migrator.upgrade_to_head().await.expect_err(statement);
    let told = statement_error(&error);
    assert_eq!((told.number, told.path.as_str()), (2, "b.sql"), "{error}");
    // MariaDB's own limit is the first to end most of them.
    let is_servers = MySqlServer::here().pick(told.code.as_deref() == Some("1969"), false);
    let is_said = is_servers || told.message == "canceled after 500 ms, its statement_timeout";
    assert!(is_said, "{error:?}");
    error
}

/// What is left, and how the next call goes on with a statement that is shorter.
async fn goes_on(db: &Mysql, words: &str) {
    let next = Migrator::new(&db.pool, files(words, "DO 0"));
    let report = next.upgrade_to_head().await.expect("short enough");
    assert_eq!(report.current, ["b"]);
    let rows = db.strings("SELECT CONVERT(n, CHAR) FROM audit ORDER BY n");
    assert_eq!(rows.await, ["1", "3"], "{words}");
    db.run("DROP TABLE IF EXISTS u; DROP TABLE audit, d; DROP PROCEDURE counts; DROP PROCEDURE answers")
        .await;
    db.run("DROP TABLE limbeck_version, limbeck_history, limbeck_history_lock")
        .await;
}

async fn every_kind_of_statement_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let statements = [
        format!("INSERT INTO audit {HOURS}"),
        format!("UPDATE audit SET n = ({HOURS})"),
        format!("CREATE TABLE u AS {HOURS}"),
        format!("SET @n = ({HOURS})"),
        HOURS.to_owned(),
        "SELECT SLEEP(3600)".to_owned(),
    ];
    for words in ["", "autocommit"] {
        for statement in &statements {
            let error = ended(&db, words, statement).await;
            let left = if words.is_empty() { "0" } else { "1" };
            // A unit goes whole; DDL is none.
            if !statement.starts_with("CREATE") {
                let rows = db.strings("SELECT CONVERT(COUNT(*), CHAR) FROM audit");
                assert_eq!(rows.await, [left], "{words} {statement}: {error}");
            }
            goes_on(&db, words).await;
        }
    }
}

/// DDL that waits for a lock has the same time, where its section lets it wait longer.
async fn a_statement_that_waits_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let migrator = Migrator::new(&db.pool, files("", "DO 0"));
    let _ = migrator.upgrade("a").await.expect("a");
    let mut reader = db.pool.begin().await.expect("a reader");
    sqlx::raw_sql("SELECT * FROM d")
        .execute(&mut *reader)
        .await
        .expect("a read");
    let _ = ended(&db, "lock_timeout=3600s", "ALTER TABLE d ADD COLUMN y INT").await;
    reader.rollback().await.expect("rollback");
    let columns = "SELECT CONVERT(COUNT(*), CHAR) FROM information_schema.columns \
                   WHERE table_schema = DATABASE() AND table_name = 'd'";
    assert_eq!(db.strings(columns).await, ["1"]);
    goes_on(&db, "").await;
}

/// A routine may commit: what of it took effect is a person's to say.
async fn a_call_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    for call in ["CALL counts()", "CALL answers()"] {
        let error = ended(&db, "", call).await;
        assert!(error.to_string().contains("resolve"), "{error}");
        let migrator = Migrator::new(&db.pool, files("", call));
        migrator
            .resolve("b", Resolution::NotApplied)
            .await
            .expect("it can be settled");
        goes_on(&db, "").await;
    }
}

/// A `SLEEP` takes an end for itself and answers as if it had slept. What is in a transaction is rolled back all the same.
async fn a_sleep_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let _ = ended(&db, "", "DO SLEEP(3600)").await;
    goes_on(&db, "").await;
}

/// There is no second connection: the server's own setting is all there is.
async fn a_select_on_a_lent_connection_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let mut connection = db.pool.acquire().await.expect("a connection");
    let migrator = Migrator::new(&mut connection, files("", HOURS));
    let error = migrator.upgrade_to_head().await.expect_err("too long");
    let told = statement_error(&error);
    let code = MySqlServer::here().pick("1969", "3024");
    assert_eq!(
        (told.number, told.code.as_deref()),
        (2, Some(code)),
        "{error}"
    );
    drop(migrator);
    drop(connection);
    goes_on(&db, "").await;
}

async fn a_batch_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let files = |sleep: &str| {
        let section = format!(
            "-- @upgrade repeat statement_timeout=500ms\nUPDATE t SET x = 1 WHERE x = 0 AND {sleep} LIMIT 1;\n"
        );
        migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY, x INT);\nINSERT INTO t VALUES (1, 0), (2, 0);\n",
            ),
            ("b", "a", "", &section),
        ])
    };
    let slow = Migrator::new(&db.pool, files("id + SLEEP(3600 * (id = 2)) > 0"));
    let error = slow.upgrade_to_head().await.expect_err("too long");
    assert_eq!(statement_error(&error).number, 1, "{error}");
    let rows = "SELECT CONVERT(x, CHAR) FROM t ORDER BY id";
    assert_eq!(db.strings(rows).await, ["1", "0"], "a batch is done");
    let next = Migrator::new(&db.pool, files("id > 0"));
    let report = next.upgrade_to_head().await.expect("short enough");
    assert_eq!(report.current, ["b"]);
    assert_eq!(db.strings(rows).await, ["1", "1"]);
}

async fn a_check_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    for slow in [
        "SELECT 1 FROM (SELECT SLEEP(3600) AS s) x WHERE s = 5".to_owned(),
        format!("SELECT n FROM audit WHERE n = ({HOURS}) FOR UPDATE"),
    ] {
        for section in [
            format!(
                "-- @require statement_timeout=500ms\nSELECT 1 FROM d WHERE x = 77;\n{slow};\n-- @upgrade\nDO 0;\n"
            ),
            format!(
                "-- @upgrade\nDO 0;\n-- @verify statement_timeout=500ms\nSELECT 1 FROM d WHERE x = 77;\n{slow};\n"
            ),
        ] {
            let mut all: Vec<limbeck::Revision> = files("", "DO 0").iter().cloned().collect();
            all.truncate(1);
            let b = crate::support::file("b", "a", "", &section);
            all.push(limbeck::Revision::parse("b.sql", b).expect("a revision"));
            let all = Migrations::new(all).expect("a graph");
            let migrator = Migrator::new(&db.pool, all);
            db.run("DROP TABLE IF EXISTS limbeck_version, limbeck_history, limbeck_history_lock, audit, d")
                .await;
            db.run("DROP PROCEDURE IF EXISTS counts; DROP PROCEDURE IF EXISTS answers")
                .await;
            let _ = migrator.upgrade("a").await.expect("a");
            db.run("INSERT INTO audit VALUES (1)").await;
            let error = migrator.upgrade_to_head().await.expect_err("too long");
            assert_eq!(statement_error(&error).number, 2, "{error}");
        }
    }
}

/// Statements about as long as their time, and between them those that are much shorter: what ends one never meets the next.
/// Each is in the database once.
async fn only_the_statement_whose_time_is_up_is_ended() {
    let Some(db) = mysql_database().await else {
        return;
    };
    const PAIRS: usize = 20;
    for words in ["", "autocommit"] {
        let mut sleeps: Vec<usize> = (0..PAIRS).map(|pair| 485 + pair % 5 * 4).collect();
        let mut ended = 0;
        loop {
            let body: String = sleeps
                .iter()
                .enumerate()
                .map(|(pair, ms)| {
                    let (slow, quick) = (2 * pair, 2 * pair + 1);
                    let slow = format!(
                        "INSERT INTO t SELECT {slow} FROM one WHERE SLEEP({ms} / 1000) = 0"
                    );
                    format!("{slow};\nINSERT INTO t VALUES ({quick});\n")
                })
                .collect();
            let all = migrations(&[
                (
                    "a",
                    "",
                    "",
                    "-- @upgrade\nCREATE TABLE t (n INT PRIMARY KEY);\nCREATE TABLE one (x INT);\nINSERT INTO one VALUES (1);\n",
                ),
                (
                    "b",
                    "a",
                    "",
                    &format!("-- @upgrade statement_timeout=500ms {words}\n{body}"),
                ),
            ]);
            let begun: Arc<Mutex<Option<Instant>>> = Arc::default();
            let noted = begun.clone();
            let migrator = Migrator::new(&db.pool, all).on_event(move |event| {
                if let Event::StatementStarted { .. } = event {
                    *noted.lock().expect("a time") = Some(Instant::now());
                }
            });
            let Err(error) = migrator.upgrade_to_head().await else {
                break;
            };
            let number = statement_error(&error).number;
            let took = begun.lock().expect("a time").expect("it began").elapsed();
            assert!(took >= LIMIT, "{number} after {took:?}: {error}");
            assert_eq!(number % 2, 1, "{error}");
            sleeps[number / 2] = 0;
            ended += 1;
        }
        let rows = db.strings("SELECT CONVERT(COUNT(*), CHAR) FROM t").await;
        assert_eq!(rows, [(2 * PAIRS).to_string()], "{words}, {ended} ended");
        db.run("DROP TABLE t, one, limbeck_version, limbeck_history, limbeck_history_lock")
            .await;
    }
}

/// A script has no second connection, and says what its setting does.
#[test]
fn a_script_says_which_statements_are_limited() {
    let script = |dialect| {
        let pool = sqlx::mysql::MySqlPoolOptions::new()
            .connect_lazy("mysql://nobody@127.0.0.1:1/none")
            .expect("a URL");
        let migrator = Migrator::new(pool, files("", "DO 0")).script_dialect(dialect);
        let range = limbeck::Range::all();
        migrator.upgrade_sql(&range).expect("a script")
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let _guard = runtime.as_ref().expect("a runtime").enter();
    let mysql = script(limbeck::Dialect::Mysql);
    assert!(
        mysql.contains("SET SESSION max_execution_time = 500"),
        "{mysql}"
    );
    assert!(
        mysql.contains("-- statement_timeout: MySQL itself ends a SELECT"),
        "{mysql}"
    );
    let mariadb = script(limbeck::Dialect::Mariadb);
    assert!(
        mariadb.contains("SET SESSION max_statement_time = 0.500000"),
        "{mariadb}"
    );
    assert!(!mariadb.contains("statement_timeout"), "{mariadb}");
}

crate::support::on_mysql!(
    every_kind_of_statement_is_ended,
    a_statement_that_waits_is_ended,
    a_call_is_ended,
    a_select_on_a_lent_connection_is_ended,
    a_batch_is_ended,
    a_check_is_ended,
    only_the_statement_whose_time_is_up_is_ended,
);

/// MariaDB ends it by a setting, and hears of no error.
mod mysql_only {
    #[tokio::test]
    async fn a_sleep_is_ended() {
        let test = super::a_sleep_is_ended();
        super::MySqlServer::Mysql.scope(test).await;
    }
}
