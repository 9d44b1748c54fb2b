//! Legal but unusual migrations, and what they must not do to the run, the pool or the next run.

use std::time::Duration;

use limbeck::error::{RunError, UnfinishedReason};
use limbeck::migrator::TransactionMode;
use limbeck::{Dialect, Error, Migrations, Migrator, Resolution};

use crate::support::{migrations, on_each, servers};

fn run_error(error: &Error) -> &RunError {
    match error {
        Error::Run(run) => run,
        other => panic!("{other}"),
    }
}

/// A deferred constraint that is violated speaks at the commit: the step is rolled back, and it is not taken
/// for another process's move of the heads.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_deferred_constraint_is_no_lost_swap() {
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT UNIQUE DEFERRABLE INITIALLY DEFERRED);\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\nCREATE TABLE b (id INT);\nINSERT INTO t VALUES (1), (1);\n",
        ),
        ("c", "b", "", "-- @upgrade\nCREATE TABLE c (id INT);\n"),
    ]);
    for mode in [
        TransactionMode::PerRevision,
        TransactionMode::SingleTransaction,
    ] {
        let migrator = Migrator::new(&db.pool, files.clone()).transaction_mode(mode);
        let error = migrator.upgrade_to_head().await.expect_err("a violation");
        assert!(
            matches!(run_error(&error), RunError::Bookkeeping { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("duplicate key") && error.to_string().contains("committing"),
            "{error}"
        );
        assert!(error.to_string().contains("rolled back"), "{error}");
        if mode == TransactionMode::PerRevision {
            assert_eq!(error.revision(), Some("b"));
            assert_eq!(migrator.current().await.expect("current"), ["a"]);
            let failed = "SELECT revision FROM limbeck_history WHERE state = 'failed'";
            assert_eq!(db.strings(failed).await, ["b"]);
            db.run("DELETE FROM limbeck_version; DROP TABLE t").await;
        } else {
            assert_eq!(
                migrator.current().await.expect("current"),
                Vec::<String>::new()
            );
        }
    }
}

/// The ledger's numbers may be behind, as after a restore: that too is told as what it is.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_clash_in_the_ledger_is_no_lost_swap() {
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    let migrator = Migrator::new(&db.pool, chain());
    let _ = migrator.upgrade("a").await.expect("a");
    db.run("ALTER SEQUENCE limbeck_history_id_seq RESTART")
        .await;
    let error = migrator.upgrade_to_head().await.expect_err("a clash");
    assert!(
        error.to_string().contains("limbeck_history_pkey"),
        "{error}"
    );
}

/// What fails behind the `COMMIT` in a message leaves the step done, and is not told as its rollback.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn an_error_behind_the_commit_does_not_undo_the_step() {
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    let revoking = "-- @upgrade\nCREATE TABLE c (id INT);\nCREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql \
                    AS 'BEGIN RETURN NULL; END';\nALTER TABLE limbeck_history_lock RENAME COLUMN layout TO lay;\n";
    let files = migrations(&[
        ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"),
        ("c", "a", "", revoking),
        ("d", "c", "", "-- @upgrade\nCREATE TABLE d (id INT);\n"),
    ]);
    let migrator = Migrator::new(&db.pool, files);
    let error = migrator
        .upgrade_to_head()
        .await
        .expect_err("the look fails");
    assert!(!error.to_string().contains("rolled back"), "{error}");
    assert_eq!(
        db.strings("SELECT version_num FROM limbeck_version").await,
        ["c"]
    );
    let failed = db.strings("SELECT revision FROM limbeck_history WHERE state = 'failed'");
    assert_eq!(failed.await, Vec::<String>::new());
}

fn chain() -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE a (id INT);\n-- @downgrade\nDROP TABLE a;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\nCREATE TABLE b (id INT);\n-- @downgrade\nDROP TABLE b;\n",
        ),
    ])
}

/// A table rebuild switches foreign keys off for itself, not for its neighbours in the same run.
#[tokio::test]
async fn foreign_keys_off_is_for_one_step() {
    let db = servers::sqlite().await;
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE p (id INTEGER PRIMARY KEY);\n\
             CREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE);\n\
             INSERT INTO p VALUES (1), (2);\nINSERT INTO c VALUES (1), (2);\n",
        ),
        ("b", "a", "", "-- @upgrade\nDELETE FROM p WHERE id = 1;\n"),
        (
            "c",
            "b",
            "",
            "-- @upgrade foreign_keys=off\nDROP TABLE p;\nCREATE TABLE p (id INTEGER PRIMARY KEY);\nINSERT INTO p VALUES (2);\n",
        ),
        ("d", "c", "", "-- @upgrade\nDELETE FROM p WHERE id = 2;\n"),
    ]);
    let report = Migrator::new(&db.pool, files).upgrade_to_head().await;
    assert_eq!(report.expect("upgrade").current, ["d"]);
    assert_eq!(db.strings("SELECT p FROM c").await, Vec::<String>::new());
}

/// The connection goes back to its pool as it was: pragmas, attached files, temporary objects, time-outs.
#[tokio::test]
async fn a_pooled_sqlite_connection_goes_back_as_it_was() {
    let db = servers::sqlite().await;
    let options = (*db.pool.connect_options()).clone();
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options);
    let changing = "-- @upgrade autocommit statement_timeout=100ms lock_timeout=7s\nPRAGMA foreign_keys = OFF;\n\
                    PRAGMA synchronous = OFF;\nATTACH ':memory:' AS other;\nCREATE TEMP TABLE kept (id INT);\n\
                    PRAGMA recursive_triggers = ON;\n";
    let slow = "-- @upgrade statement_timeout=50ms\nCREATE TABLE b (id INT);\nWITH RECURSIVE n (i) AS \
                (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;\n";
    let files = migrations(&[("a", "", "", changing), ("b", "a", "", slow)]);
    let state = "SELECT foreign_keys || ' ' || synchronous || ' ' || timeout || ' ' || recursive_triggers FROM \
                 pragma_foreign_keys, pragma_synchronous, pragma_busy_timeout, pragma_recursive_triggers \
                 UNION ALL SELECT name FROM pragma_database_list UNION ALL SELECT name FROM temp.sqlite_master";
    let read = async || -> Vec<String> {
        let all: Vec<String> = sqlx::query_scalar(state)
            .fetch_all(&pool)
            .await
            .expect("state");
        all.into_iter().filter(|name| name != "temp").collect()
    };
    let before = read().await;
    let error = Migrator::new(&pool, files)
        .upgrade_to_head()
        .await
        .expect_err("the time-out");
    assert!(
        error.is_statement() && error.revision() == Some("b"),
        "{error}"
    );
    assert_eq!(read().await, before);
    // A limit that stayed would end this.
    tokio::time::sleep(Duration::from_millis(60)).await;
    let count = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT count(*) FROM n";
    let counted: i64 = sqlx::query_scalar(count)
        .fetch_one(&pool)
        .await
        .expect("no limit is left");
    assert_eq!(counted, 300_000);
}

/// Three steps down, the second of which fails behind a statement that stays.
fn half_down(table: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE a (id INT);\n-- @downgrade\nDROP TABLE a;\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade\nCREATE TABLE b (id INT);\n-- @downgrade autocommit\nDROP TABLE b;\nDROP TABLE {table};\n"
            ),
        ),
        (
            "c",
            "b",
            "",
            "-- @upgrade\nCREATE TABLE c (id INT);\n-- @downgrade\nDROP TABLE c;\n",
        ),
    ])
}

on_each! {
    /// A downgrade of several steps that stopped half way in one of them goes on when it is called again.
    async fn a_downgrade_goes_on_behind_what_it_did(db) {
        db.run("CREATE TABLE spare (id INT)").await;
        let migrator = Migrator::new(&db.pool, half_down("nowhere"));
        let _ = migrator.upgrade_to_head().await.expect("upgrade");
        let error = migrator.downgrade("base").await.expect_err("a failure");
        assert!(error.is_statement(), "{error}");
        assert_eq!(migrator.current().await.expect("current"), ["b"]);
        // SQLite and PostgreSQL run DDL together with its record; the first statement stays.
        assert_eq!(migrator.status().await.expect("status").unfinished.expect("half done").statements_done, 1);
        let migrator = Migrator::new(&db.pool, half_down("spare"));
        assert!(migrator.downgrade("base").await.expect_err("edited").is_drift());
        migrator.resolve("b", Resolution::Accepted).await.expect("accepted");
        let report = migrator.downgrade("base").await.expect("the rest");
        assert_eq!(report.steps.len(), 2);
        assert_eq!(report.current, Vec::<String>::new());
    }

    /// A process that waits for the lease takes the step over when the holder dies in it.
    async fn a_waiter_takes_over_what_began_while_it_waited(db) {
        let files = |second: &str| migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"),
            ("b", "a", "", &format!("-- @upgrade autocommit\nCREATE TABLE b (id INT);\n{second}")),
        ]);
        let _ = Migrator::new(&db.pool, files("")).upgrade("a").await.expect("a");
        db.run("UPDATE limbeck_history_lock SET epoch = epoch + 1, holder = 'x', lease_ms = 1500").await;
        let waiter = Migrator::new(&db.pool, files("")).lock_wait(Duration::from_secs(20));
        let waits = waiter.upgrade_to_head();
        let holder = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            db.run("INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, state, \
                    statements, statements_done, rows_affected, started_at) VALUES ('limbeck_version', 'b', 'a', '', 'm', \
                    'upgrade', 'running', 1, 0, 0, '2026-01-01 00:00:00')").await;
            db.run("UPDATE limbeck_history_lock SET beat = beat + 1").await;
        };
        let (report, ()) = tokio::join!(waits, holder);
        assert_eq!(report.expect("taken over").current, ["b"]);
        assert_eq!(db.strings("SELECT state FROM limbeck_history WHERE revision = 'b'").await, ["done"]);
    }

    /// A step that goes on in another session has what its own statements had set in theirs.
    async fn a_resumed_step_has_the_settings_of_its_session(db) {
        let migrator = Migrator::new(&db.pool, sets_its_session(db.dialect));
        let error = migrator.upgrade_to_head().await.expect_err("no such table");
        assert!(error.is_statement(), "{error}");
        let table = if db.dialect == Dialect::Postgres { "other.later" } else { "later" };
        db.run(&format!("CREATE TABLE {table} (id INT)")).await;
        let _ = migrator.upgrade_to_head().await.expect("the rest");
        let cast = if db.dialect.is_mysql_family() { "CAST(id AS CHAR)" } else { "CAST(id AS TEXT)" };
        assert_eq!(db.strings(&format!("SELECT {cast} FROM {table}")).await, ["7"]);
    }

    /// A stamp is a first write too: what a taken over database has is recorded.
    async fn a_stamp_records_the_baseline(db) {
        let width = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)";
        db.run(&format!("{width}; INSERT INTO alembic_version VALUES ('a')")).await;
        let migrator = Migrator::new(&db.pool, chain()).version_table("alembic_version");
        let _ = migrator.stamp("b", limbeck::plan::Purge::Keep).await.expect("stamp");
        let rows = db.strings("SELECT CONCAT_WS(' ', action, revision) FROM limbeck_history ORDER BY id").await;
        assert_eq!(rows, ["baseline a", "stamp b"]);
    }

    /// Steps in groups of one message: the statement that fails is that of its own revision.
    async fn one_transaction_of_many_steps_names_the_right_one(db) {
        if db.dialect.is_mysql_family() {
            return;
        }
        let files: Vec<(String, String, String)> = (0..150)
            .map(|n| {
                let down = if n == 0 { String::new() } else { format!("r{:03}", n - 1) };
                let section = match n {
                    40 => "-- @require\nSELECT 1 WHERE 1 = 0;\n-- @upgrade\nCREATE TABLE r40 (id INT);\n-- @verify\nSELECT id FROM r40;\n".to_owned(),
                    60 => "-- @upgrade statement_timeout=30s lock_timeout=3s\nCREATE TABLE r60 (id INT); -- the end".to_owned(),
                    70 => "-- @upgrade\n-- nothing\n".to_owned(),
                    130 => "-- @upgrade\nCREATE TABLE r130 (id INT);\nINSERT INTO r130 VALUES (1);\nINSERT INTO nowhere VALUES (1);\n".to_owned(),
                    _ => format!("-- @upgrade\nCREATE TABLE r{n} (id INT);\n"),
                };
                (format!("r{n:03}"), down, section)
            })
            .collect();
        let files: Vec<_> = files.iter().map(|(id, down, section)| (id.as_str(), down.as_str(), "", section.as_str())).collect();
        let migrator = Migrator::new(&db.pool, migrations(&files)).transaction_mode(TransactionMode::SingleTransaction);
        let error = migrator.upgrade_to_head().await.expect_err("r130");
        assert_eq!(error.revision(), Some("r130"), "{error}");
        assert!(error.to_string().contains("r130.sql:") && error.to_string().contains("statement 3 of 3"), "{error}");
        assert_eq!(db.tables().await, Vec::<String>::new());
        db.run("CREATE TABLE nowhere (id INT)").await;
        assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").steps.len(), 150);
    }

    /// Ids and bodies that are legal and odd: quotes, a comment at the very end, a megabyte, many rows.
    async fn odd_ids_and_bodies_pass_through(db) {
        let odd = "a'b\"c`d\\e;f$$g#h/*i*/😀%s{}?";
        let long = format!("{}'\"`\\;$$é😀", "x".repeat(240));
        let big = "x".repeat(1_000_000);
        let text = if db.dialect.is_mysql_family() { "LONGTEXT" } else { "TEXT" };
        let body = format!(
            "-- @upgrade\nCREATE TABLE t (s {text});\nINSERT INTO t VALUES ('{big}');\nSELECT s FROM t -- the end\n\
             -- @downgrade\nDROP TABLE t -- {big}\n"
        );
        let empty = "-- @upgrade\n-- only a comment\n;;\n-- @downgrade\n";
        let files = migrations(&[(odd, "", "-- branch_labels: l'x", &body), (&long, odd, "", empty)]);
        let migrator = Migrator::new(&db.pool, files);
        assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").current, [long.as_str()]);
        let status = migrator.status().await.expect("status");
        assert!(status.is_ready() && status.unverified.is_empty(), "{status:?}");
        assert_eq!(migrator.downgrade("base").await.expect("downgrade").steps.len(), 2);
    }
}

/// An interrupted function can be settled either way.
#[cfg(feature = "mysql")]
async fn interrupted_code_is_settled_as_applied() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let files = migrations(&[("a", "", "", "-- @upgrade rust\n")]);
    let migrator = || {
        Migrator::new(&db.pool, files.clone())
            .on_upgrade("a", |_| Box::pin(async { Err("it ran".into()) }))
    };
    migrator().ensure_tables().await.expect("tables");
    db.run("INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, state, statements, \
            statements_done, statement_running, statement, rows_affected, started_at) VALUES ('limbeck_version', 'a', '', \
            '', 'm', 'upgrade', 'running', 1, 0, 1, '(code)', 0, '2026-01-01 00:00:00')").await;
    let error = migrator().upgrade_to_head().await.expect_err("in doubt");
    let RunError::Unfinished(unfinished) = run_error(&error) else {
        panic!("{error}")
    };
    assert_eq!(unfinished.reason, UnfinishedReason::InDoubt);
    migrator()
        .resolve("a", Resolution::Applied)
        .await
        .expect("settled");
    assert_eq!(
        migrator()
            .upgrade_to_head()
            .await
            .expect("the rest")
            .current,
        ["a"]
    );
}

/// A procedure that returns rows before it fails is blamed itself.
#[cfg(feature = "mysql")]
async fn a_call_that_returns_rows_and_fails_is_named() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let files = migrations(&[(
        "a",
        "",
        "",
        "-- @upgrade\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; SIGNAL SQLSTATE '45000' SET \
         MESSAGE_TEXT = 'own reason'; END//\nDELIMITER ;\nCALL p();\n",
    )]);
    let error = Migrator::new(&db.pool, files)
        .upgrade_to_head()
        .await
        .expect_err("the signal");
    assert!(
        error.is_statement() && error.to_string().contains("statement 2 of 2"),
        "{error}"
    );
    assert!(error.to_string().contains("own reason"), "{error}");
}

/// Statements that set what the fourth needs, in the session alone; the fourth fails at first.
fn sets_its_session(dialect: Dialect) -> Migrations {
    let body = match dialect {
        Dialect::Sqlite => {
            "CREATE TABLE t (id INT);\nPRAGMA recursive_triggers = ON;\nINSERT INTO later SELECT recursive_triggers + 6 FROM pragma_recursive_triggers;\n"
        }
        Dialect::Postgres => {
            "CREATE TABLE t (id INT);\nCREATE SCHEMA other;\nSET search_path = other;\nINSERT INTO later VALUES (7);\n"
        }
        _ => {
            "CREATE TABLE t (id INT);\nSET @n = 6;\nSELECT @n + 1 INTO @n;\nINSERT INTO later VALUES (@n);\n"
        }
    };
    migrations(&[("a", "", "", &format!("-- @upgrade autocommit\n{body}"))])
}

/// A caller's transaction that has failed already is a typed error too.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_failed_transaction_of_the_callers_is_typed() {
    use sqlx::Connection as _;
    let Some(db) = servers::postgres_database().await else {
        return;
    };
    let mut connection = db.pool.acquire().await.expect("a connection");
    let mut transaction = connection.begin().await.expect("a transaction");
    let failed = sqlx::raw_sql("SELECT 1 / 0")
        .execute(&mut *transaction)
        .await;
    assert!(failed.is_err());
    let error = Migrator::new(&mut *transaction, chain())
        .upgrade_to_head()
        .await
        .expect_err("in a transaction");
    assert!(
        matches!(run_error(&error), RunError::InTransaction),
        "{error}"
    );
}

/// DDL that waits for a table is tried again, and DML waits as long as the session says.
#[cfg(feature = "mysql")]
async fn ddl_that_waits_is_tried_again_and_dml_waits_by_itself() {
    use sqlx::Connection as _;
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    db.run("CREATE TABLE t (id INT PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 1)")
        .await;
    for (id, statement) in [
        ("a", "ALTER TABLE t ADD COLUMN x INT"),
        ("b", "UPDATE t SET n = 5 WHERE id = 1"),
    ] {
        let file = format!("-- @upgrade\n{statement};\n");
        let migrator = Migrator::new(&db.pool, migrations(&[(id, "", "", &file)]))
            .version_table(format!("version_{id}"))
            .lock_timeout(Duration::from_secs(1));
        let mut connection = db.pool.acquire().await.expect("a connection");
        let mut holds = connection.begin().await.expect("a transaction");
        sqlx::raw_sql("UPDATE t SET n = n + 1")
            .execute(&mut *holds)
            .await
            .expect("a lock");
        let ends = async {
            tokio::time::sleep(Duration::from_millis(2600)).await;
            holds.rollback().await.expect("rollback");
        };
        let (report, ()) = tokio::join!(migrator.upgrade_to_head(), ends);
        assert_eq!(report.expect(statement).current, [id]);
    }
}

/// The character set that a migration chooses is not the one that limbeck's own statements are read in.
#[cfg(feature = "mysql")]
async fn a_character_set_of_a_migration_is_its_own() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let files = migrations(&[
        (
            "ä1",
            "",
            "",
            "-- @upgrade\nSET NAMES latin1;\nSET sql_select_limit = 1;\nCREATE TABLE a (id INT);\n",
        ),
        (
            "ö2",
            "ä1",
            "",
            "-- @upgrade\nSET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES';\nCREATE TABLE \"b\" (id INT);\nSET autocommit = 0;\nINSERT INTO b VALUES (1);\n",
        ),
        ("ü3", "ö2", "", "-- @upgrade\nINSERT INTO a VALUES (1);\n"),
    ]);
    let mut connection = db.pool.acquire().await.expect("a connection");
    let migrator = Migrator::new(&mut *connection, files);
    let report = migrator.upgrade_to_head().await.expect("upgrade");
    assert_eq!(report.current, ["ü3"]);
    let ledger = migrator.ledger().await.expect("ledger");
    assert_eq!(
        ledger
            .iter()
            .map(|row| row.message.as_str())
            .collect::<Vec<_>>(),
        ["Revision ä1", "Revision ö2", "Revision ü3"]
    );
    drop(migrator);
    drop(connection);
    assert_eq!(db.strings("SELECT CAST(id AS CHAR) FROM b").await, ["1"]);
}

/// Without a time-out of its own SQLite refuses at once what another process holds for a moment.
#[tokio::test]
async fn a_busy_sqlite_is_waited_for() {
    let db = servers::sqlite().await;
    let options = (*db.pool.connect_options())
        .clone()
        .busy_timeout(Duration::ZERO);
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect_lazy_with(options);
    let files: String = (0..30)
        .map(|n| format!("CREATE TABLE t{n} (id INT);\nPRAGMA recursive_triggers = ON;\n"))
        .collect();
    let files = migrations(&[("a", "", "", &format!("-- @upgrade autocommit\n{files}"))]);
    let writes = async {
        let mut connection = db.pool.acquire().await.expect("a connection");
        for _ in 0..40 {
            let held = sqlx::raw_sql("BEGIN IMMEDIATE")
                .execute(&mut *connection)
                .await;
            tokio::time::sleep(Duration::from_millis(10)).await;
            if held.is_ok() {
                sqlx::raw_sql("COMMIT")
                    .execute(&mut *connection)
                    .await
                    .expect("COMMIT");
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    let migrator = Migrator::new(&pool, files);
    let (report, ()) = tokio::join!(migrator.upgrade_to_head(), writes);
    assert_eq!(report.expect("upgrade").statements(), 60);
}

mod mysql_family {
    use super::*;
    crate::support::on_mysql!(
        interrupted_code_is_settled_as_applied,
        a_call_that_returns_rows_and_fails_is_named,
        ddl_that_waits_is_tried_again_and_dml_waits_by_itself,
        a_character_set_of_a_migration_is_its_own
    );
}
