//! Connections, settings, locks and progress: what a run does to those around it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limbeck::error::RunError;
use limbeck::{Dialect, Error, Event, Migrations, Migrator, Outcome};
use sqlx::Connection as _;

use crate::support::{migrations, on_each};

fn two() -> Migrations {
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

fn run_error(error: &Error) -> &RunError {
    match error {
        Error::Run(run) => run,
        other => panic!("{other}"),
    }
}

/// Every future can be spawned, whatever the source of connections.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    #[allow(dead_code)]
    fn of<S: limbeck::migrator::Source>(migrator: &Migrator<S>) {
        send(migrator.upgrade_to_head());
        send(migrator.upgrade("head"));
        send(migrator.downgrade("base"));
        send(migrator.plan_upgrade("head"));
        send(migrator.plan_downgrade("base"));
        send(migrator.stamp("head", limbeck::plan::Purge::Keep));
        send(migrator.require_head());
        send(migrator.wait_for_head(Duration::ZERO));
        send(migrator.status());
        send(migrator.current());
        send(migrator.ledger());
        send(migrator.show("head"));
        send(migrator.resolve("a", limbeck::Resolution::Applied));
    }
    // The database's type is never written: it comes with the pool.
    let _ = |pool: sqlx::SqlitePool| send(Migrator::new(pool, two()).upgrade_to_head());
    let _ = |c: &'static mut sqlx::SqliteConnection| send(Migrator::new(c, two()));
}

on_each! {
    /// The caller's own connection serves, and is handed back as it was.
    async fn a_borrowed_connection_is_enough(db) {
        let mut connection = db.pool.acquire().await.expect("a connection");
        let there = Migrator::new(&mut connection, two()).upgrade("a").await.expect("on a lent connection");
        assert_eq!(there.current, ["a"]);
        {
            let migrator = Migrator::new(&mut *connection, two());
            assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").current, ["b"]);
            assert_eq!(migrator.downgrade("a").await.expect("downgrade").current, ["a"]);
        }
        sqlx::raw_sql("SELECT 1").execute(&mut *connection).await.expect("it still works");

        let mut transaction = connection.begin().await.expect("a transaction");
        // On MySQL a transaction is open for others to see when it has done something.
        sqlx::raw_sql("SELECT version_num FROM limbeck_version").execute(&mut *transaction).await.expect("a read");
        let error = Migrator::new(&mut *transaction, two()).upgrade_to_head().await.expect_err("in a transaction");
        assert!(matches!(run_error(&error), RunError::InTransaction), "{error}");
        transaction.rollback().await.expect("rollback");
    }

    /// A pool of one connection is enough for every kind of step.
    async fn a_pool_of_one_is_enough(db) {
        let options = (*db.pool.connect_options()).clone();
        let pool = db.pool.options().clone().max_connections(1).connect_lazy_with(options);
        let migrator = Migrator::new(&pool, crate::together::mixed(db.dialect)).lease(Duration::from_secs(1));
        assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").current, ["r6"]);
        assert_eq!(migrator.downgrade("base").await.expect("downgrade").current, Vec::<String>::new());
        assert!(migrator.status().await.expect("the pool still works").holder.is_none());
    }

    /// A name with quotes, spaces and SQL in it is a name.
    async fn odd_names_are_quoted(db) {
        let name = "odd \"name\" `x`; DROP TABLE a; --'";
        let migrator = Migrator::new(&db.pool, two()).version_table(name).history_table("o'd\"d`h").application("it's \\ me; x=y */");
        assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").current, ["b"]);
        assert_eq!(migrator.downgrade("a").await.expect("downgrade").current, ["a"]);
        assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").steps.len(), 1);
        let ledger = migrator.ledger().await.expect("ledger");
        assert!(ledger.iter().all(|row| row.application.as_deref() == Some("it's \\ me; x=y */")));
    }

    /// Progress is told in its order.
    async fn an_observer_hears_of_each_step(db) {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = heard.clone();
        let migrator = Migrator::new(&db.pool, two()).on_event(move |event| {
            let text = match event {
                Event::Planned { steps, .. } => format!("planned {}", steps.len()),
                Event::StepStarted { step, number, total, message, .. } => {
                    format!("started {} {number}/{total} {message}", step.revision)
                }
                Event::StatementStarted { number, total, statement, .. } => {
                    format!("sent {number}/{total} {}", &statement[..12.min(statement.len())])
                }
                Event::StatementDone { number, total, .. } => format!("statement {number}/{total}"),
                Event::StepFinished { step, report, .. } => format!("finished {} {}", step.revision, report.statements),
                _ => "other".to_owned(),
            };
            told.lock().expect("a lock").push(text);
        });
        let _ = migrator.upgrade_to_head().await.expect("upgrade");
        let mut expected = vec![
            "planned 2",
            "started a 1/2 Revision a", "sent 1/1 CREATE TABLE", "statement 1/1", "finished a 1",
            "started b 2/2 Revision b", "sent 1/1 CREATE TABLE", "statement 1/1", "finished b 1",
        ];
        if !db.dialect.is_mysql_family() {
            // A step is one transaction: its statements are not sent by themselves.
            expected.retain(|told| !told.starts_with("sent"));
        }
        assert_eq!(*heard.lock().expect("a lock"), expected);
    }

    /// A holder that died leaves its lease to whoever waits for as long as it said; a live one is named.
    async fn a_dead_holders_lease_is_taken_over(db) {
        let migrator = Migrator::new(&db.pool, crate::together::mixed(db.dialect));
        let _ = migrator.upgrade("r2").await.expect("r2");
        db.run(
            "UPDATE limbeck_history_lock SET epoch = epoch + 1, holder = 'x:1:0', lease_ms = 1000, \
             host = 'far-away', pid = 4711, application = 'the-other 1.2'",
        ).await;
        let impatient = Migrator::new(&db.pool, crate::together::mixed(db.dialect)).lock_wait(Duration::from_millis(300));
        let error = impatient.upgrade_to_head().await.expect_err("held");
        assert!(error.is_lock_timeout(), "{error}");
        let text = error.to_string();
        assert!(text.contains("held by the-other 1.2 on host far-away, process 4711"), "{text}");
        assert_eq!(migrator.status().await.expect("status").holder.expect("a holder").pid, Some(4711));
        let report = migrator.upgrade_to_head().await.expect("taken over");
        assert_eq!(report.current, ["r6"]);
        assert_eq!(db.strings("SELECT holder FROM limbeck_history_lock").await, ["NULL"]);
    }

    /// A holder that lost its lease in the middle of a step writes nothing any more.
    async fn a_lost_lease_fences_its_holder(db) {
        let steal = "UPDATE limbeck_history_lock SET epoch = epoch + 1";
        for words in ["autocommit", "repeat"] {
            let files = migrations(&[
                ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"),
                ("b", "a", "", &format!("-- @upgrade {words}\n{steal};\n")),
            ]);
            let error = Migrator::new(&db.pool, files).upgrade_to_head().await.expect_err("fenced");
            assert!(matches!(run_error(&error), RunError::LeaseLost { .. }), "{error}");
            assert_eq!(error.revision(), Some("b"));
            assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, ["a"]);
            assert_eq!(db.strings("SELECT revision FROM limbeck_history WHERE revision = 'b' AND state = 'done'").await.len(), 0);
            db.run("DELETE FROM limbeck_history WHERE revision = 'b'").await;
        }
    }

    /// A writer that ignores the lock, as Alembic does, makes the step roll back, or is named where it cannot.
    async fn a_writer_that_ignores_the_lock_is_noticed(db) {
        if db.dialect == Dialect::Sqlite {
            return; // Its lock is the database's own: nobody can ignore it.
        }
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40));\n"),
            ("b", "a", "", "-- @upgrade rust\n"),
            ("c", "b", "", "-- @upgrade\nINSERT INTO audit VALUES ('c');\n"),
        ]);
        let other = db.pool.clone();
        let migrator = Migrator::new(&db.pool, files).on_upgrade("b", move |connection| {
            let other = other.clone();
            Box::pin(async move {
                sqlx::raw_sql("INSERT INTO audit VALUES ('b by limbeck')").execute(connection).await?;
                let mut other = other.acquire().await?;
                sqlx::raw_sql("INSERT INTO audit VALUES ('b by the other')").execute(&mut *other).await?;
                sqlx::raw_sql("UPDATE limbeck_version SET version_num = 'b'").execute(&mut *other).await?;
                Ok(())
            })
        });
        let result = migrator.upgrade_to_head().await;
        let rows = db.strings("SELECT rev FROM audit ORDER BY rev").await;
        if db.dialect == Dialect::Postgres {
            assert_eq!(result.expect("planned again").current, ["c"]);
            assert_eq!(rows, ["b by the other", "c"]);
        } else {
            let error = result.expect_err("what ran cannot be undone");
            assert!(matches!(run_error(&error), RunError::Overtaken { .. }), "{error}");
            assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, ["b"]);
            assert_eq!(rows, ["b by limbeck", "b by the other"]);
            migrator.resolve("b", limbeck::Resolution::Abandoned).await.expect("settled");
            assert_eq!(migrator.upgrade_to_head().await.expect("the rest").current, ["c"]);
        }
    }

    /// A downgrade beside booting replicas stops with `HeadsMoved`, or wins; it never loops.
    async fn a_downgrade_beside_boots_ends(db) {
        let migrator = Migrator::new(&db.pool, crate::together::mixed(db.dialect));
        let _ = migrator.upgrade_to_head().await.expect("upgrade");
        let mut boots = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let options = (*db.pool.connect_options()).clone();
            let pool = db.pool.options().clone().connect_lazy_with(options);
            let files = crate::together::mixed(db.dialect);
            boots.spawn(async move { Migrator::new(pool, files).upgrade_to_head().await });
        }
        let down = migrator.downgrade("r1").await;
        match &down {
            Ok(report) => assert_eq!(report.steps.len(), 5),
            Err(error) => assert!(error.is_heads_moved(), "{error}"),
        }
        while let Some(report) = boots.join_next().await {
            match report.expect("no panic") {
                Ok(report) => assert_eq!(report.current, ["r6"]),
                Err(error) => assert!(matches!(run_error(&error), RunError::Contended { .. }), "{error}"),
            }
        }
        assert_eq!(migrator.upgrade_to_head().await.expect("a last boot").current, ["r6"]);
        assert_eq!(db.strings("SELECT revision FROM limbeck_history WHERE state = 'running'").await.len(), 0);
    }

    /// A future dropped while it waits or works leaves a pool that works and no lock.
    async fn a_dropped_future_leaves_no_lock(db) {
        for polls in (1..60).step_by(3) {
            let migrator = Migrator::new(&db.pool, crate::together::mixed(db.dialect)).lease(Duration::from_millis(200));
            let work = migrator.upgrade_to_head();
            let mut left = polls;
            let mut work = std::pin::pin!(work);
            let done = std::future::poll_fn(|context| {
                if left == 0 {
                    return std::task::Poll::Ready(None);
                }
                left -= 1;
                work.as_mut().poll(context).map(Some)
            });
            let _ = tokio::time::timeout(Duration::from_secs(20), done).await.expect("no hang");
        }
        let migrator = Migrator::new(&db.pool, crate::together::mixed(db.dialect));
        match migrator.upgrade_to_head().await {
            Ok(report) => assert_eq!(report.current, ["r6"]),
            // A statement that no transaction holds was interrupted: that is said, and settled by hand.
            Err(error) => {
                let RunError::Unfinished(unfinished) = run_error(&error) else { panic!("{error}") };
                assert_eq!(unfinished.reason, limbeck::error::UnfinishedReason::InDoubt, "{error}");
                return;
            }
        }
        assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["r1", "r2", "r3", "r4", "r6"]);
    }
}

/// SQLite: a table rebuild keeps the rows that refer to the table, and the pragmas are as before.
#[tokio::test]
async fn a_table_is_rebuilt_with_foreign_keys_off() {
    let db = crate::support::servers::sqlite().await;
    let rebuild = |check: &str| {
        migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE);\nCREATE VIEW v AS SELECT id FROM p;\nINSERT INTO p VALUES (1), (2);\nINSERT INTO c VALUES (1), (2);\n",
            ),
            (
                "b",
                "a",
                "",
                &format!(
                    "-- @upgrade [sqlite] foreign_keys=off\nCREATE TABLE p2 (id INTEGER PRIMARY KEY, x TEXT);\nINSERT INTO p2 (id) SELECT id FROM p WHERE {check};\nDROP TABLE p;\nALTER TABLE p2 RENAME TO p;\n"
                ),
            ),
        ])
    };
    let options = (*db.pool.connect_options()).clone();
    let pool = db
        .pool
        .options()
        .clone()
        .max_connections(1)
        .connect_lazy_with(options);
    let error = Migrator::new(&pool, rebuild("id = 1"))
        .upgrade_to_head()
        .await
        .expect_err("a row lost its parent");
    assert!(error.to_string().contains("foreign_key_check"), "{error}");
    assert_eq!(db.strings("SELECT p FROM c ORDER BY p").await.len(), 2);
    let report = Migrator::new(&pool, rebuild("1 = 1"))
        .upgrade_to_head()
        .await
        .expect("rebuilt");
    assert_eq!(report.current, ["b"]);
    assert_eq!(db.strings("SELECT p FROM c ORDER BY p").await.len(), 2);
    let mut connection = pool.acquire().await.expect("the one connection");
    for (pragma, expected) in [("foreign_keys", 1), ("legacy_alter_table", 0)] {
        let value: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("PRAGMA {pragma}")))
            .fetch_one(&mut *connection)
            .await
            .expect("a pragma");
        assert_eq!(value, expected, "{pragma}");
    }
}

/// SQLite: an in-memory database lives as long as its pool, through every kind of step.
#[tokio::test]
async fn an_in_memory_database_survives_its_migration() {
    let pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .expect("in memory");
    let migrator = Migrator::new(&pool, crate::together::mixed(Dialect::Sqlite));
    assert_eq!(
        migrator.upgrade_to_head().await.expect("upgrade").current,
        ["r6"]
    );
    assert_eq!(
        migrator.upgrade_to_head().await.expect("again").outcome,
        Outcome::AlreadyThere
    );
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use super::*;
    use crate::support::servers::postgres_database;

    /// A migration's own settings reach neither limbeck's tables, nor the next step, nor the caller.
    #[tokio::test]
    async fn settings_of_a_migration_end_with_its_step() {
        let Some(db) = postgres_database().await else {
            return;
        };
        db.run("CREATE SCHEMA other").await;
        let files = migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nSET search_path = other;\nSET lock_timeout = '7s';\nCREATE TABLE a (id INT);\nSELECT pg_catalog.set_config('search_path', '', false);\n",
            ),
            ("b", "a", "", "-- @upgrade\nCREATE TABLE b (id INT);\n"),
            (
                "c",
                "b",
                "",
                "-- @upgrade autocommit\nSET search_path = other;\nSET statement_timeout = '9s';\n",
            ),
            ("d", "c", "", "-- @upgrade\nCREATE TABLE d (id INT);\n"),
        ]);
        // The pool's own setting, made after connecting, holds for every step.
        let options = (*db.pool.connect_options()).clone();
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(1)
            .after_connect(|connection, _| Box::pin(async move {
                sqlx::raw_sql("SET work_mem = '6543kB'; CREATE SCHEMA IF NOT EXISTS mine; SET search_path = mine")
                    .execute(connection)
                    .await
                    .map(drop)
            }))
            .connect_lazy_with(options);
        let mut connection = pool.acquire().await.expect("a connection");
        let report = Migrator::new(&mut *connection, files)
            .upgrade_to_head()
            .await
            .expect("upgrade");
        assert_eq!(report.current, ["d"]);
        let places = db.strings("SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('mine', 'other', 'public') ORDER BY 1").await;
        assert_eq!(
            places,
            [
                "mine.b",
                "mine.d",
                "mine.limbeck_history",
                "mine.limbeck_history_lock",
                "mine.limbeck_version",
                "other.a"
            ]
        );
        for (setting, expected) in [
            ("search_path", "mine"),
            ("work_mem", "6543kB"),
            ("lock_timeout", "0"),
            ("statement_timeout", "0"),
        ] {
            let value: String = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SHOW {setting}")))
                .fetch_one(&mut *connection)
                .await
                .expect("a setting");
            assert_eq!(value, expected, "{setting}");
        }
    }

    /// DDL that waits for a table goes back, tries again, and gets through when the table is free.
    #[tokio::test]
    async fn ddl_that_waits_for_a_table_tries_again() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            (
                "b",
                "a",
                "",
                "-- @upgrade\nINSERT INTO t VALUES (1);\nALTER TABLE t ADD COLUMN x INT;\n",
            ),
        ]);
        let migrator = Migrator::new(&db.pool, files).lock_timeout(Duration::from_millis(100));
        let _ = migrator.upgrade("a").await.expect("a");
        let mut reader = db.pool.begin().await.expect("a reader");
        sqlx::raw_sql("SELECT * FROM t")
            .execute(&mut *reader)
            .await
            .expect("a read");
        let release = async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            reader.rollback().await.expect("rollback");
        };
        let (report, ()) = tokio::join!(migrator.upgrade_to_head(), release);
        assert_eq!(report.expect("in the end").current, ["b"]);
        assert_eq!(
            db.strings("SELECT id::text FROM t").await,
            ["1"],
            "the insert was not done twice"
        );

        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            (
                "b",
                "a",
                "",
                "-- @upgrade\nINSERT INTO t VALUES (1);\nALTER TABLE t ADD COLUMN x INT;\n",
            ),
            (
                "c",
                "b",
                "",
                "-- @upgrade\nALTER TABLE t ADD COLUMN y INT;\n",
            ),
        ]);
        let mut reader = db.pool.begin().await.expect("a reader");
        sqlx::raw_sql("SELECT * FROM t")
            .execute(&mut *reader)
            .await
            .expect("a read");
        let migrator = Migrator::new(&db.pool, files)
            .lock_timeout(Duration::from_millis(50))
            .lock_retry_for(Duration::from_millis(300));
        let error = migrator
            .upgrade_to_head()
            .await
            .expect_err("the reader stays");
        assert!(
            error.is_statement() && error.to_string().contains("lock timeout"),
            "{error}"
        );
        let RunError::Statement(statement) = run_error(&error) else {
            panic!("{error}")
        };
        assert_eq!(statement.blockers.len(), 1, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("in the way: held by") && text.contains("SELECT * FROM t"),
            "{text}"
        );
        reader.rollback().await.expect("rollback");
        assert_eq!(
            migrator
                .upgrade_to_head()
                .await
                .expect("free again")
                .current,
            ["c"]
        );
    }

    /// Who waits too long is told who holds the lock.
    #[tokio::test]
    async fn the_holder_of_the_transaction_lock_is_named() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let files = || {
            migrations(&[
                ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"),
                (
                    "b",
                    "a",
                    "",
                    "-- @upgrade\nSELECT pg_sleep(1.5);\nCREATE TABLE b (id INT);\n",
                ),
            ])
        };
        let _ = Migrator::new(&db.pool, files())
            .upgrade("a")
            .await
            .expect("a");
        let holder = Migrator::new(&db.pool, files()).application("the-slow-one 3");
        let waiter = Migrator::new(&db.pool, files()).lock_wait(Duration::from_millis(400));
        let waiting = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            waiter.upgrade_to_head().await
        };
        let (held, waited) = tokio::join!(holder.upgrade_to_head(), waiting);
        assert_eq!(held.expect("the holder").current, ["b"]);
        let text = waited.expect_err("too long").to_string();
        assert!(
            text.contains("held by the-slow-one 3 on host") && text.contains("at revision b"),
            "{text}"
        );
        assert!(text.contains("pg_sleep"), "{text}");
    }

    /// `statement_timeout=` holds for a statement that allows no transaction too, without a setting in the session.
    #[tokio::test]
    async fn a_time_out_ends_a_concurrent_index_build() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let files = |words: &str| {
            migrations(&[
                ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
                (
                    "b",
                    "a",
                    "",
                    &format!(
                        "-- @upgrade autocommit{words}\nCREATE INDEX CONCURRENTLY t_id ON t (id);\n"
                    ),
                ),
            ])
        };
        let _ = Migrator::new(&db.pool, files(""))
            .upgrade("a")
            .await
            .expect("a");
        // An older transaction keeps the build from ending.
        let mut older = db.pool.begin().await.expect("a transaction");
        sqlx::raw_sql("INSERT INTO t VALUES (9)")
            .execute(&mut *older)
            .await
            .expect("a write");
        let limited = Migrator::new(&db.pool, files(" statement_timeout=300ms"));
        let error = limited.upgrade_to_head().await.expect_err("too long");
        assert!(error.is_statement(), "{error}");
        assert!(
            error.to_string().contains("canceled after 300 ms"),
            "{error}"
        );
        // Its removal waits for the older transaction too, and gives way to the error: then the next call does it.
        older.rollback().await.expect("rollback");
        let left = "SELECT relname::text FROM pg_class WHERE relname = 't_id'";
        assert_eq!(db.strings(left).await.len(), 1, "the invalid index");
        let next = Migrator::new(&db.pool, files(""));
        assert_eq!(next.upgrade_to_head().await.expect("built").current, ["b"]);
        let valid = "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 't_id'::regclass";
        assert_eq!(db.strings(valid).await, ["true"]);
    }

    /// Also while code of the user's runs in it, whose statements tell nothing.
    #[tokio::test]
    async fn the_holder_that_runs_code_is_named() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let files = || migrations(&[("a", "", "", "-- @upgrade rust\n")]);
        let holder = Migrator::new(&db.pool, files()).on_upgrade("a", |connection| {
            Box::pin(async move {
                sqlx::raw_sql("SELECT pg_sleep(2)")
                    .execute(connection)
                    .await?;
                Ok(())
            })
        });
        let waiter = Migrator::new(&db.pool, files())
            .on_upgrade("a", |_| Box::pin(async { Ok(()) }))
            .lock_wait(Duration::from_millis(400));
        let waiting = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            waiter.upgrade_to_head().await
        };
        let (held, waited) = tokio::join!(holder.upgrade_to_head(), waiting);
        assert_eq!(held.expect("the holder").current, ["a"]);
        let text = waited.expect_err("too long").to_string();
        let pid = format!("process {}, session ", std::process::id());
        assert!(
            text.contains(&pid) && text.contains("at revision a"),
            "{text}"
        );
        assert!(text.contains("pg_sleep"), "{text}");
        let shown = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() \
                     AND application_name LIKE 'limbeck pid%'";
        assert_eq!(db.strings(shown).await.len(), 0, "nothing of it stays");
    }

    /// Code that ends the step's transaction is caught before the head moves.
    #[tokio::test]
    async fn code_that_commits_is_caught() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let files = migrations(&[("a", "", "", "-- @upgrade rust\n")]);
        let migrator = Migrator::new(&db.pool, files).on_upgrade("a", |connection| {
            Box::pin(async move {
                sqlx::raw_sql("COMMIT").execute(connection).await?;
                Ok(())
            })
        });
        let error = migrator.upgrade_to_head().await.expect_err("caught");
        let source = std::error::Error::source(&error)
            .expect("a source")
            .to_string();
        assert!(
            source.contains("ended the transaction"),
            "{error}: {source}"
        );
        assert_eq!(
            migrator.current().await.expect("current"),
            Vec::<String>::new()
        );
    }
}

/// MariaDB: a statement alone is tried again while a reader keeps its table, and the error names who that is.
#[cfg(feature = "mysql")]
async fn ddl_on_mariadb_waits_and_names_who_is_in_the_way() {
    let Some(db) = crate::support::servers::mysql_database().await else {
        return;
    };
    let files = || {
        migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (1);\n",
            ),
            (
                "b",
                "a",
                "",
                "-- @upgrade\nINSERT INTO t VALUES (2);\nALTER TABLE t ADD COLUMN x INT;\n",
            ),
        ])
    };
    let migrator = Migrator::new(&db.pool, files())
        .lock_timeout(Duration::from_secs(1))
        .lock_retry_for(Duration::from_millis(1500));
    let _ = migrator.upgrade("a").await.expect("a");
    let mut reader = db.pool.begin().await.expect("a reader");
    sqlx::raw_sql("SELECT * FROM t")
        .execute(&mut *reader)
        .await
        .expect("a read");
    let error = migrator
        .upgrade_to_head()
        .await
        .expect_err("the reader stays");
    let RunError::Statement(statement) = run_error(&error) else {
        panic!("{error}")
    };
    assert_eq!(
        (statement.number, statement.code.as_deref()),
        (2, Some("1205")),
        "{error}"
    );
    assert!(!statement.blockers.is_empty(), "{error}");
    reader.rollback().await.expect("rollback");
    assert_eq!(
        migrator
            .upgrade_to_head()
            .await
            .expect("free again")
            .current,
        ["b"]
    );
    assert_eq!(
        db.strings("SELECT CONVERT(id, CHAR) FROM t ORDER BY id")
            .await,
        ["1", "2"]
    );
}

mod mysql_family {
    use super::*;
    crate::support::on_mysql!(ddl_on_mariadb_waits_and_names_who_is_in_the_way);
}
