//! The ledger stays small, and what is read of it does not grow with it.

use limbeck::error::StandingError;
use limbeck::ledger::State;
use limbeck::{Dialect, Error, Migrations, Migrator, Outcome};

use crate::support::soak;
use crate::support::{migrations, on_each};

/// `a` is fine; `b` runs these statements, with a comment that makes its file another.
fn files(statements: &str, edit: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade\nDROP TABLE t;\n",
        ),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade\n{statements};\n-- @downgrade\n-- {edit}\nDROP TABLE kept;\n"),
        ),
    ])
}

/// Fails with a text of twenty thousand characters.
fn long(dialect: Dialect) -> String {
    let name = "x".repeat(20_000);
    match dialect {
        Dialect::Postgres => format!("INSERT INTO t VALUES (CAST('{name}' AS INT))"),
        _ => format!("INSERT INTO t SELECT 1 FROM {name}"),
    }
}

on_each! {
    /// A step that fails at every boot leaves one row, which counts; it carries no SQL of the downgrade, and no long text.
    async fn a_step_that_fails_at_every_boot_is_one_row(db) {
        let fails = || files("INSERT INTO nowhere VALUES (1)", "");
        for _ in 0..5 {
            let error = Migrator::new(&db.pool, fails()).upgrade_to_head().await.expect_err("a failure");
            let text = error.to_string();
            let rows = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger");
            assert_eq!(rows.len(), 2, "{rows:#?}");
            assert_eq!(rows[1].state, State::Failed);
            assert!(rows[1].error.as_ref().is_some_and(|error| error.starts_with(&text)), "{rows:#?}");
        }
        let rows = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger");
        assert!(rows[1].error.as_ref().is_some_and(|error| error.ends_with("\n(5 times)")), "{rows:#?}");
        assert!(rows[1].finished_at > rows[1].started_at, "{rows:#?}");
        assert_eq!(db.strings("SELECT down_sql FROM limbeck_history WHERE revision = 'b'").await, ["NULL"]);

        // Another error is another row, and one of another file too.
        for _ in 0..3 {
            let _ = Migrator::new(&db.pool, files(&long(db.dialect), "")).upgrade_to_head().await.expect_err("a long one");
            let _ = Migrator::new(&db.pool, files("INSERT INTO nowhere VALUES (1)", "edited")).upgrade_to_head().await.expect_err("edited");
        }
        let rows = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger");
        for row in &rows {
            assert!(row.error.as_ref().is_none_or(|error| error.chars().count() < 5_000), "{row:#?}");
        }
        let kept = db.strings("SELECT revision FROM limbeck_history WHERE down_sql IS NOT NULL").await;
        assert_eq!(kept, ["a"]);

        // The end of it is recorded as ever.
        let _ = Migrator::new(&db.pool, files("CREATE TABLE kept (id INT)", "")).upgrade_to_head().await.expect("corrected");
        let last = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger").pop().expect("a row");
        assert_eq!((last.state, last.error), (State::Done.into(), None));
    }

    /// Files that are edited to and fro, and errors that differ each time, come to an end too.
    async fn failures_that_differ_are_bounded(db) {
        for n in 0..24 {
            let name = ["bee", "sea", "dee", "eff", "gee", "jay", "kay", "ell"][n % 8].repeat(1 + n / 8);
            let wrong = format!("INSERT INTO {name} VALUES (1)");
            let _ = Migrator::new(&db.pool, files(&wrong, "")).upgrade_to_head().await.expect_err("a failure");
        }
        let rows = Migrator::new(&db.pool, files("", "")).ledger().await.expect("the ledger");
        assert_eq!(rows.len(), 1 + 8, "{rows:#?}");
        assert!(rows[8].error.as_ref().is_some_and(|error| error.contains("ellellell") && error.ends_with("(17 times)")), "{rows:#?}");
    }

    /// An old binary, a drift and a status read what they need: the same of a ledger of twenty thousand rows as of one of a
    /// hundred. What they say is the same.
    async fn what_is_read_does_not_grow_with_the_ledger(db) {
        let _ = Migrator::new(&db.pool, chain(9)).upgrade_to_head().await.expect("the newest");
        let mut bytes = Vec::new();
        let mut figures = Vec::new();
        for rows in [soak::times(100, 1_000), soak::times(20_000, 1_000_000)] {
            fill(db.dialect, rows, |statement| { let db = &db; async move { db.run(&statement).await } }).await;
            let old = Migrator::new(&db.pool, chain(3));
            let report = old.upgrade_to_head().await.expect("ahead");
            assert!(matches!(&report.outcome, Outcome::Ahead { unknown, .. } if unknown.len() == 6), "{report:?}");
            assert_eq!(old.status().await.expect("a status").unknown.len(), 6);
            let error = Migrator::new(&db.pool, edited(9)).upgrade_to_head().await.expect_err("edited");
            let Error::Standing(StandingError::Drift { edited: found, .. }) = &error else { panic!("{error}") };
            assert_eq!(found.len(), 1);
            let options = db.pool.options().clone();
            let connect = (*db.pool.connect_options()).clone();
            let measured = tokio::task::spawn_blocking(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let began = std::time::Instant::now();
                let counted = allocation_counter::measure(|| runtime.block_on(async {
                    let pool = options.connect_lazy_with(connect);
                    let _ = Migrator::new(&pool, chain(3)).status().await.expect("ahead");
                    let _ = Migrator::new(&pool, edited(9)).status().await.expect("drift");
                    let _ = Migrator::new(&pool, edited(3)).require_head().await.expect_err("both");
                    pool.close().await;
                }));
                (counted, began.elapsed())
            });
            let (counted, took) = measured.await.expect("measured");
            bytes.push(counted.bytes_total);
            figures.push(format!("{rows} rows: {took:.1?}, {} KiB at most", counted.bytes_max / 1024));
        }
        let figure = figures.join("; ");
        soak::tell(&format!("a status, one over an edit, and a probe: {}", db.dialect), 2, 0, figure);
        assert!(bytes[1] < bytes[0] + bytes[0] / 4, "{bytes:?}");
    }

    /// A chain that is far ahead is read in a few statements, also where its rows are not neighbours.
    async fn a_binary_that_is_far_behind_knows_what_is_ahead(db) {
        let _ = Migrator::new(&db.pool, chain(150)).stamp("head", limbeck::plan::Purge::Keep).await.expect("a stamp");
        db.run(&format!("UPDATE limbeck_history SET id = {} - id", 100_000)).await;
        let status = Migrator::new(&db.pool, chain(3)).status().await.expect("a status");
        assert_eq!(status.unknown.len(), 147);
        assert!(status.is_ready(), "{status:?}");
    }
}

fn revisions(length: usize, edit: &str) -> Migrations {
    let revisions = (0..length).map(|n| {
        let down = if n == 0 { "none".to_owned() } else { format!("r{}", n - 1) };
        let edit = if n == 1 { edit } else { "" };
        let text = format!("-- R\n--\n-- revision: r{n}\n-- down_revision: {down}\n\n-- @upgrade\n{edit}-- @downgrade\n");
        limbeck::Revision::parse(format!("r{n}.sql"), text).expect("a valid file")
    });
    Migrations::new(revisions).expect("a graph")
}

fn chain(length: usize) -> Migrations {
    revisions(length, "")
}

/// With the second revision edited.
fn edited(length: usize) -> Migrations {
    revisions(length, "SELECT 2;\n")
}

/// Rows that decide nothing: failures of the head, a revision that went down and up again, steps of others.
async fn fill<F: Future<Output = ()>>(dialect: Dialect, rows: usize, run: impl Fn(String) -> F) {
    let now = match dialect {
        Dialect::Sqlite => "'2026-11-22T12:00:00.000Z'",
        Dialect::Postgres => "clock_timestamp()",
        _ => "UTC_TIMESTAMP(6)",
    };
    let ids: Vec<usize> = (0..rows).collect();
    for chunk in ids.chunks(500) {
        let values: Vec<String> = chunk
            .iter()
            .map(|n| {
                let (revision, action, state) = match n % 4 {
                    0 => ("r8".to_owned(), "upgrade", "failed"),
                    1 if n % 8 == 1 => ("r2".to_owned(), "downgrade", "done"),
                    1 => ("r2".to_owned(), "upgrade", "done"),
                    2 => (format!("x{}", n % 50), "upgrade", "done"),
                    _ => (format!("y{n}"), "upgrade", "done"),
                };
                format!("('limbeck_version', '{revision}', '', '', 'M', '{action}', '{state}', 1, 1, 0, {now})")
            })
            .collect();
        run(format!(
            "INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, state, statements, \
             statements_done, rows_affected, started_at) VALUES {}",
            values.join(", ")
        ))
        .await;
    }
}

/// A status, one over an edit, and a probe.
async fn read_all<DB: limbeck::migrator::Backend>(pool: &sqlx::Pool<DB>) {
    let _ = Migrator::new(pool, chain(3)).status().await.expect("ahead");
    let _ = Migrator::new(pool, edited(9))
        .status()
        .await
        .expect("drift");
    let _ = Migrator::new(pool, edited(3))
        .require_head()
        .await
        .expect_err("both");
}

/// The steps of SQLite's machine for them do not grow with the ledger.
#[tokio::test]
async fn sqlite_looks_only_at_rows_that_decide() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let db = crate::support::servers::sqlite().await;
    let _ = Migrator::new(&db.pool, chain(9))
        .upgrade_to_head()
        .await
        .expect("the newest");
    let mut steps = Vec::new();
    for rows in [100, 20_000] {
        fill(db.dialect, rows, |statement| {
            let db = &db;
            async move { db.run(&statement).await }
        })
        .await;
        let count = std::sync::Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let pool = sqlx::sqlite::SqlitePoolOptions::new()
            .max_connections(1)
            .after_connect(move |connection, _| {
                let counted = counted.clone();
                Box::pin(async move {
                    let mut handle = connection.lock_handle().await?;
                    handle.set_progress_handler(100, move || {
                        counted.fetch_add(1, Ordering::Relaxed);
                        true
                    });
                    Ok(())
                })
            });
        let pool = pool
            .connect_with((*db.pool.connect_options()).clone())
            .await
            .expect("the file");
        read_all(&pool).await;
        steps.push(count.load(Ordering::Relaxed));
        pool.close().await;
    }
    assert!(
        steps[0] > 0 && steps[1] < steps[0] * 2 + 20,
        "hundreds of steps: {steps:?}"
    );
}

/// Nor do the rows that MariaDB reads for them.
async fn looks_only_at_rows_that_decide() {
    use crate::support::servers::MySqlServer;
    let Some(db) = crate::support::servers::mysql_database().await else {
        return;
    };
    let _ = Migrator::new(&db.pool, chain(9))
        .upgrade_to_head()
        .await
        .expect("the newest");
    let mut reads = Vec::new();
    for rows in [100, 20_000] {
        fill(db.dialect, rows, |statement| {
            let db = &db;
            async move { db.run(&statement).await }
        })
        .await;
        let pool = sqlx::mysql::MySqlPoolOptions::new().max_connections(1);
        let pool = pool
            .connect_with((*db.pool.connect_options()).clone())
            .await
            .expect("the database");
        let of = MySqlServer::here().pick(
            "information_schema.SESSION_STATUS",
            "performance_schema.session_status",
        );
        let count = || {
            sqlx::AssertSqlSafe(format!(
                "SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) FROM {of} WHERE VARIABLE_NAME LIKE 'HANDLER_READ%'"
            ))
        };
        let before: i64 = sqlx::query_scalar(count())
            .fetch_one(&pool)
            .await
            .expect("a count");
        read_all(&pool).await;
        let after: i64 = sqlx::query_scalar(count())
            .fetch_one(&pool)
            .await
            .expect("a count");
        reads.push(after - before);
        pool.close().await;
    }
    assert!(
        reads[0] > 0 && reads[1] < reads[0] * 2 + 200,
        "rows: {reads:?}"
    );
}

mod mysql_family {
    use super::*;
    crate::support::on_mysql!(looks_only_at_rows_that_decide);
}
