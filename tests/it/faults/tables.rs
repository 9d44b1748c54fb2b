//! Limbeck's own tables, locked by others: every look and every record waits for a short time only, holds nothing of the
//! application's meanwhile, and in the end names who is in the way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use limbeck::migrator::TransactionMode;
use limbeck::{Migrations, Migrator};

use crate::support::migrations;
use crate::support::servers::{mysql_database, postgres_database, sqlite};

const TABLES: [&str; 3] = ["limbeck_version", "limbeck_history", "limbeck_history_lock"];

/// `b` needs the whole of `t`, between two inserts.
fn files(words: &str, verify: &str) -> Migrations {
    let b = format!(
        "{verify}-- @upgrade {words}\nINSERT INTO audit VALUES (1);\nALTER TABLE t ADD COLUMN x INT;\nINSERT INTO audit VALUES (3);\n"
    );
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (1);\nCREATE TABLE audit (n INT);\n",
        ),
        ("b", "a", "", &b),
    ])
}

const VERIFY: &str = "-- @verify\nSELECT n FROM audit WHERE n = 9;\n";

/// Ends a test that hangs.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    let soon = tokio::time::timeout(Duration::from_secs(90), work);
    soon.await.expect("nothing waits without an end")
}

/// A session that says this and stays.
macro_rules! holder {
    ($db:expr, $sql:expr) => {{
        let mut open = $db.pool.acquire().await.expect("a connection");
        let sql: String = $sql.to_string();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut *open)
            .await
            .expect("a lock");
        open
    }};
}

macro_rules! say {
    ($connection:expr, $sql:expr) => {
        sqlx::raw_sql($sql)
            .execute(&mut *$connection)
            .await
            .expect($sql)
    };
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::*;

    const PID: &str = "SELECT pg_backend_pid()::text";

    /// The number of this session, as an error names it.
    async fn named(open: &mut sqlx::PgConnection) -> String {
        use sqlx::Row as _;
        let row = sqlx::raw_sql(PID).fetch_one(open).await.expect("a session");
        format!("session {} of the server", row.get::<String, _>(0))
    }

    fn migrator(
        db: &crate::support::servers::Database<sqlx::Postgres>,
        files: Migrations,
    ) -> Migrator<sqlx::PgPool> {
        Migrator::new(&db.pool, files)
            .lock_timeout(Duration::from_millis(100))
            .lock_retry_for(Duration::from_millis(300))
            .lock_wait(Duration::from_millis(300))
    }

    const AUDIT: &str = "SELECT n::text FROM audit ORDER BY n";

    /// Readers are shut out of each table: the look ends, names the holder, and shows no literal of its SQL.
    #[tokio::test]
    async fn looks() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let migrator = migrator(&db, files("", ""));
        let _ = migrator.upgrade("a").await.expect("a");
        for table in TABLES {
            let mut open = holder!(
                db,
                format!(
                    "SET application_name = 'the report'; BEGIN; LOCK TABLE {table}; SELECT 'secret'"
                )
            );
            let session = named(&mut open).await;
            for error in [
                soon(migrator.upgrade_to_head()).await.expect_err(table),
                soon(migrator.status()).await.expect_err(table),
                soon(migrator.require_head()).await.expect_err(table),
            ] {
                assert_eq!(error.kind(), "blocked", "{error}");
                assert!(error.is_lock_timeout(), "{error}");
                let text = error.to_string();
                assert!(text.contains("held by the report on host"), "{text}");
                assert!(text.contains(&session), "{text}");
                assert!(!text.contains("secret"), "{text}");
            }
            say!(open, "ROLLBACK");
        }
        assert_eq!(
            migrator.upgrade_to_head().await.expect("free").current,
            ["b"]
        );
    }

    /// Writers are shut out of each table, in each kind of step.
    #[tokio::test]
    async fn records() {
        let locks = [
            "BEGIN; LOCK TABLE limbeck_version IN SHARE MODE",
            "BEGIN; LOCK TABLE limbeck_history IN SHARE MODE",
            "BEGIN; LOCK TABLE limbeck_history_lock IN SHARE MODE",
            "BEGIN; SELECT * FROM limbeck_version FOR UPDATE",
            "BEGIN; SELECT * FROM limbeck_history_lock FOR UPDATE",
        ];
        for lock in locks {
            for (words, verify, mode) in [
                ("", "", TransactionMode::PerRevision),
                ("", VERIFY, TransactionMode::PerRevision),
                ("", "", TransactionMode::SingleTransaction),
                ("autocommit", "", TransactionMode::PerRevision),
            ] {
                let needs_lease = words == "autocommit";
                if lock.contains("_lock ") && !needs_lease {
                    continue;
                }
                let Some(db) = postgres_database().await else {
                    return;
                };
                let migrator = migrator(&db, files(words, verify)).transaction_mode(mode);
                let _ = migrator.upgrade("a").await.expect("a");
                let mut open = holder!(db, lock);
                let session = named(&mut open).await;
                let error = soon(migrator.upgrade_to_head()).await.expect_err(lock);
                let text = format!("{lock}, {words} {verify} {mode:?}: {error}");
                assert!(error.is_lock_timeout(), "{text}");
                assert!(text.contains(&session), "{text}");
                if needs_lease {
                    let _ = soon(migrator.upgrade_to_head()).await.expect_err(lock);
                } else {
                    assert_eq!(db.strings(AUDIT).await, [""; 0], "{text}");
                }
                say!(open, "ROLLBACK");
                let report = soon(migrator.upgrade_to_head()).await.expect("free");
                assert_eq!(report.current, ["b"]);
                assert_eq!(db.strings(AUDIT).await, ["1", "3"], "{text}");
            }
        }
    }

    /// A step whose record waits has given the application's table back: a reader gets through, and the step ends
    /// once the record can be written, with its body's effect once.
    #[tokio::test]
    async fn the_applications_table_is_free() {
        for (words, verify) in [("", ""), ("", VERIFY), ("autocommit", "")] {
            let Some(db) = postgres_database().await else {
                return;
            };
            let started = std::sync::Arc::new(AtomicBool::new(false));
            let told = started.clone();
            let migrator = Migrator::new(&db.pool, files(words, verify))
                .lock_timeout(Duration::from_millis(100))
                .on_event(move |event| {
                    if matches!(event, limbeck::Event::StepStarted { step, .. } if *step.revision == *"b") {
                        told.store(true, Ordering::Relaxed);
                    }
                });
            let _ = migrator.upgrade("a").await.expect("a");
            let mut open = holder!(db, "BEGIN; SELECT * FROM limbeck_version FOR UPDATE");
            let release = async {
                while !started.load(Ordering::Relaxed) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                for _ in 0..3 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    db.strings("SELECT id::text FROM t").await;
                }
                say!(open, "ROLLBACK");
            };
            let both = async { tokio::join!(migrator.upgrade_to_head(), release) };
            let (report, ()) = soon(both).await;
            assert_eq!(report.expect("the record is free").current, ["b"]);
            assert_eq!(db.strings(AUDIT).await, ["1", "3"], "{words} {verify}");
        }
    }

    /// Code is not called twice.
    #[tokio::test]
    async fn code_fails_instead() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let calls = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = calls.clone();
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            ("b", "a", "", "-- @upgrade rust\n"),
        ]);
        let migrator = migrator(&db, files).on_upgrade("b", move |_: &mut sqlx::PgConnection| {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(()) })
        });
        let _ = migrator.upgrade("a").await.expect("a");
        let mut open = holder!(db, "BEGIN; SELECT * FROM limbeck_version FOR UPDATE");
        let error = soon(migrator.upgrade_to_head()).await.expect_err("locked");
        assert_eq!(error.kind(), "blocked", "{error}");
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        say!(open, "ROLLBACK");
    }

    /// A revision's own statements, and the caller's session behind them, have the limit that the session had.
    #[tokio::test]
    async fn the_bound_is_limbecks_alone() {
        use sqlx::Connection as _;
        let see = "-- @upgrade{}\nINSERT INTO seen SELECT current_setting('lock_timeout');\nCREATE TABLE x{n} (n INT);\n\
             INSERT INTO seen SELECT current_setting('lock_timeout');\n";
        let step = |n: &str, words: &str| see.replace("{n}", n).replace("{}", words);
        let files = || {
            migrations(&[
                (
                    "a",
                    "",
                    "",
                    "-- @upgrade\nCREATE TABLE seen (v TEXT);\nINSERT INTO seen SELECT current_setting('lock_timeout');\n",
                ),
                ("b", "a", "", &step("1", "")),
                ("c", "b", "", "-- @upgrade\n"),
                (
                    "d",
                    "c",
                    "",
                    &format!(
                        "-- @require\nSELECT 1 WHERE current_setting('lock_timeout') NOT IN ('0', '7s');\n{}",
                        step("2", "")
                    ),
                ),
                ("e", "d", "", &step("3", "")),
            ])
        };
        for mode in [
            TransactionMode::PerRevision,
            TransactionMode::SingleTransaction,
        ] {
            for set in ["", "SET lock_timeout = '7s'"] {
                let Some(db) = postgres_database().await else {
                    return;
                };
                let mut own = sqlx::PgConnection::connect(&db.url)
                    .await
                    .expect("a session");
                sqlx::raw_sql(set).execute(&mut own).await.expect("it");
                let report = Migrator::new(&mut own, files())
                    .transaction_mode(mode)
                    .upgrade_to_head()
                    .await;
                assert_eq!(report.expect("a run").current, ["e"]);
                let wanted = if set.is_empty() { "0" } else { "7s" };
                let seen = db.strings("SELECT DISTINCT v FROM seen").await;
                assert_eq!(seen, [wanted], "{mode:?}");
                let left: String = sqlx::query_scalar("SELECT current_setting('lock_timeout')")
                    .fetch_one(&mut own)
                    .await
                    .expect("it");
                assert_eq!(left, wanted);
            }
        }
    }
}

#[cfg(feature = "mysql")]
mod mysql_family {
    use super::*;

    async fn named(open: &mut sqlx::MySqlConnection) -> String {
        use sqlx::Row as _;
        let row = sqlx::raw_sql("SELECT CONVERT(CONNECTION_ID(), CHAR)")
            .fetch_one(open)
            .await
            .expect("a session");
        format!("session {} of the server", row.get::<String, _>(0))
    }

    const AUDIT: &str = "SELECT CONVERT(n, CHAR) FROM audit ORDER BY n";

    /// Each table by `LOCK TABLES`, and each row that a record changes: a look and a record end, name the holder, and the
    /// next call goes on.
    async fn looks_and_records() {
        let locks = TABLES
            .map(|table| format!("LOCK TABLES {table} WRITE"))
            .into_iter()
            .chain(TABLES.map(|table| format!("LOCK TABLES {table} READ")))
            .chain([
                "START TRANSACTION; SELECT * FROM limbeck_version FOR UPDATE".to_owned(),
                "START TRANSACTION; SELECT * FROM limbeck_history_lock FOR UPDATE".to_owned(),
                "START TRANSACTION; SELECT * FROM limbeck_history FOR UPDATE".to_owned(),
            ]);
        for lock in locks {
            let Some(db) = mysql_database().await else {
                return;
            };
            let migrator = Migrator::new(&db.pool, files("", ""))
                .lock_timeout(Duration::from_secs(1))
                .lock_retry_for(Duration::from_millis(100))
                .lock_wait(Duration::from_millis(100));
            let _ = migrator.upgrade("a").await.expect("a");
            let mut open = holder!(db, lock);
            let session = named(&mut open).await;
            let error = soon(migrator.upgrade_to_head()).await.expect_err(&lock);
            let text = format!("{lock}: {error}");
            assert!(error.is_lock_timeout(), "{text}");
            assert!(text.contains(&session), "{text}");
            say!(open, "ROLLBACK");
            say!(open, "UNLOCK TABLES");
            drop(open);
            let report = soon(migrator.upgrade_to_head()).await.expect("free");
            assert_eq!(report.current, ["b"]);
            assert_eq!(db.strings(AUDIT).await, ["1", "3"], "{text}");
        }
    }

    /// A step that waits for its record holds no table and no row of the application's, and goes on when it can.
    async fn the_applications_table_is_free() {
        let Some(db) = mysql_database().await else {
            return;
        };
        let migrator = Migrator::new(&db.pool, files("", "")).lock_timeout(Duration::from_secs(1));
        let _ = migrator.upgrade("a").await.expect("a");
        let mut open = holder!(
            db,
            "START TRANSACTION; SELECT * FROM limbeck_version FOR UPDATE"
        );
        let release = async {
            while db
                .strings("SELECT CONVERT(COUNT(*), CHAR) FROM audit")
                .await
                != ["2"]
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            db.run("SET SESSION lock_wait_timeout = 5; UPDATE audit SET n = n; ALTER TABLE t ADD COLUMN y INT").await;
            say!(open, "ROLLBACK");
        };
        let both = async { tokio::join!(migrator.upgrade_to_head(), release) };
        let (report, ()) = soon(both).await;
        assert_eq!(report.expect("the record is free").current, ["b"]);
        assert_eq!(db.strings(AUDIT).await, ["1", "3"]);
    }

    crate::support::on_mysql!(looks_and_records, the_applications_table_is_free);
}

/// SQLite has one lock for all.
#[tokio::test]
async fn another_writer_on_sqlite() {
    for begin in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        for words in ["", "autocommit"] {
            let db = sqlite().await;
            let options = (*db.pool.connect_options()).clone();
            let pool = sqlx::sqlite::SqlitePoolOptions::new()
                .connect_with(options.busy_timeout(Duration::from_millis(20)))
                .await
                .expect("SQLite");
            let migrator =
                Migrator::new(&pool, files(words, "")).lock_wait(Duration::from_millis(100));
            let _ = migrator.upgrade("a").await.expect("a");
            let mut open = holder!(db, begin);
            let error = soon(migrator.upgrade_to_head()).await.expect_err(begin);
            assert!(error.is_lock_timeout(), "{error}");
            say!(open, "ROLLBACK");
            let report = soon(migrator.upgrade_to_head()).await.expect("free");
            assert_eq!(report.current, ["b"]);
        }
    }
}
