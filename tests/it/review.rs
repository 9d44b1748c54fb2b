//! Legal but unusual migrations, and what they must not do to the run, the pool or the next run.

use std::time::Duration;

use limbeck::{
    Dialect, Error, Migrations, Migrator, Resolution, RunError, TransactionMode, UnfinishedReason,
};

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
    assert_eq!(report.expect("upgrade").heads, ["d"]);
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
        assert_eq!(report.heads, Vec::<String>::new());
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
        assert_eq!(report.expect("taken over").heads, ["b"]);
        assert_eq!(db.strings("SELECT state FROM limbeck_history WHERE revision = 'b'").await, ["done"]);
    }
}

/// An interrupted function can be settled either way.
#[cfg(feature = "mysql")]
#[tokio::test]
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
        migrator().upgrade_to_head().await.expect("the rest").heads,
        ["a"]
    );
}

/// A procedure that returns rows before it fails is blamed itself.
#[cfg(feature = "mysql")]
#[tokio::test]
async fn a_call_that_returns_rows_and_fails_is_named() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    assert_eq!(db.dialect, Dialect::Mariadb);
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
