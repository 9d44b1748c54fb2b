//! Futures that are dropped: each mutating call, at every point where it waits.
//!
//! The lease is a minute long here, so that nothing passes by letting it expire.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::Duration;

use limbeck::error::RunError;
use limbeck::migrator::TransactionMode;
use limbeck::plan::Purge;
use limbeck::{Error, Migrations, Migrator, Resolution, Target};

use crate::support::servers::{Database, MySqlServer};
use crate::support::{migrations, soak};
use crate::together::mixed;

/// Runs a future until it has waited so often, and drops it right there. True: it was done before.
async fn drop_after(waits: usize, work: impl Future) -> bool {
    let mut left = waits;
    let mut work = Box::pin(work);
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if left == 0 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// What is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Upgrade,
    UpgradeInOne,
    Downgrade,
    Stamp,
    EnsureTables,
    Resolve,
}

const CALLS: [Call; 6] = [
    Call::Upgrade,
    Call::UpgradeInOne,
    Call::Downgrade,
    Call::Stamp,
    Call::EnsureTables,
    Call::Resolve,
];

fn plain() -> Migrations {
    let create = |id: &str| {
        format!("-- @upgrade\nCREATE TABLE {id} (id INT);\nINSERT INTO audit VALUES ('{id}');\n")
    };
    migrations(&[
        (
            "p1",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL);\nINSERT INTO audit VALUES ('p1');\n",
        ),
        ("p2", "p1", "", &create("p2")),
        ("p3", "p2", "", &create("p3")),
    ])
}

/// `p1`, and a step that stops behind its first statement.
fn stopping() -> Migrations {
    migrations(&[
        (
            "p1",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL);\nINSERT INTO audit VALUES ('p1');\n",
        ),
        (
            "s2",
            "p1",
            "",
            "-- @upgrade autocommit\nCREATE TABLE p2 (id INT);\nINSERT INTO nowhere VALUES (1);\n",
        ),
    ])
}

macro_rules! for_database {
    ($module:ident, $database:ty, $others:expr, $locks:expr) => {
        mod $module {
            use super::*;

            type Db = Database<$database>;

            fn migrator(db: &Db, files: Migrations) -> Migrator<sqlx::Pool<$database>> {
                Migrator::new(&db.pool, files)
                    .lease(Duration::from_secs(60))
                    .lock_wait(Duration::from_secs(20))
            }

            /// Waits until nothing of the dropped run is left; says what is, after ten seconds.
            async fn quiet(db: &Db) -> Result<(), String> {
                let mut seen = Vec::new();
                for _ in 0..500 {
                    // What a dropped call had sent to SQLite's thread still runs there, and its connection comes back behind it.
                    let pool = &db.pool;
                    if db.dialect == limbeck::Dialect::Sqlite
                        && pool.num_idle() < pool.size() as usize
                    {
                        seen = vec!["a connection".to_owned()];
                        tokio::time::sleep(Duration::from_millis(5)).await;
                        continue;
                    }
                    seen = db.strings($others).await;
                    seen.extend(db.strings($locks).await);
                    if db
                        .tables()
                        .await
                        .contains(&"limbeck_history_lock".to_owned())
                    {
                        let held =
                            "SELECT holder FROM limbeck_history_lock WHERE holder IS NOT NULL";
                        seen.extend(db.strings(held).await);
                    }
                    if seen.is_empty() {
                        return Ok(());
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(format!("still there: {seen:?}"))
            }

            async fn clear(db: &Db) {
                for table in db.tables().await {
                    db.run(&format!("DROP TABLE {table}")).await;
                }
            }

            async fn prepare(db: &Db, call: Call) {
                match call {
                    Call::Downgrade => {
                        let _ = migrator(db, mixed(db.dialect))
                            .upgrade_to_head()
                            .await
                            .expect("head");
                    }
                    Call::Resolve => {
                        migrator(db, stopping())
                            .upgrade_to_head()
                            .await
                            .expect_err("it stops");
                    }
                    _ => {}
                }
            }

            async fn run(db: &Db, call: Call, waits: usize) -> bool {
                match call {
                    Call::Upgrade => {
                        drop_after(waits, migrator(db, mixed(db.dialect)).upgrade_to_head()).await
                    }
                    Call::UpgradeInOne => {
                        let migrator = migrator(db, plain())
                            .transaction_mode(TransactionMode::SingleTransaction);
                        drop_after(waits, migrator.upgrade_to_head()).await
                    }
                    Call::Downgrade => {
                        drop_after(waits, migrator(db, mixed(db.dialect)).downgrade("base")).await
                    }
                    Call::Stamp => {
                        drop_after(
                            waits,
                            migrator(db, plain()).stamp(Target::head(), Purge::Keep),
                        )
                        .await
                    }
                    Call::EnsureTables => {
                        drop_after(waits, migrator(db, plain()).ensure_tables()).await
                    }
                    Call::Resolve => {
                        drop_after(
                            waits,
                            migrator(db, stopping()).resolve("s2", Resolution::Abandoned),
                        )
                        .await
                    }
                }
            }

            /// What is wrong after the call was dropped there, judged by the state that it comes to.
            async fn judge(db: &Db, call: Call) -> Result<(), String> {
                quiet(db).await?;
                let begun: &[&str] = match (call, db.dialect.is_mysql_family()) {
                    (Call::Resolve, _) => &["s2"],
                    (_, true) => &["r1", "r2", "r3", "r4", "r5", "r6"],
                    (_, false) => &["r3", "r5"],
                };
                if db.tables().await.contains(&"limbeck_history".to_owned()) {
                    let running = db
                        .strings("SELECT revision FROM limbeck_history WHERE state = 'running'")
                        .await;
                    if running.iter().any(|id| !begun.contains(&id.as_str())) {
                        return Err(format!("half done: {running:?}"));
                    }
                }
                let audit = "SELECT rev FROM audit ORDER BY rev";
                let told = |error: Error| format!("the next call: {error}");
                match call {
                    Call::Upgrade | Call::Downgrade => {
                        // A downgrade's unfinished step is its own to finish.
                        let next = migrator(db, mixed(db.dialect));
                        if call == Call::Downgrade {
                            let _ = next.downgrade("base").await.map_err(told)?;
                        }
                        let report = next.upgrade_to_head().await.map_err(told)?;
                        let ran = db.strings(audit).await;
                        if report.current != ["r6"] || ran != ["r1", "r2", "r3", "r4", "r6"] {
                            return Err(format!("at {:?} with {ran:?}", report.current));
                        }
                        let batches = db.strings("SELECT id FROM r2 WHERE done = 1").await.len();
                        if batches != 3 {
                            return Err(format!("{batches} of 3 rows once"));
                        }
                    }
                    Call::UpgradeInOne => {
                        let report = migrator(db, plain())
                            .upgrade_to_head()
                            .await
                            .map_err(told)?;
                        let ran = db.strings(audit).await;
                        if report.current != ["p3"] || ran != ["p1", "p2", "p3"] {
                            return Err(format!("at {:?} with {ran:?}", report.current));
                        }
                    }
                    Call::Stamp | Call::EnsureTables => {
                        let next = migrator(db, plain());
                        let _ = next
                            .stamp(Target::head(), Purge::Keep)
                            .await
                            .map_err(told)?;
                        let heads = next.current().await.map_err(told)?;
                        let rows = db
                            .strings("SELECT revision FROM limbeck_history ORDER BY revision")
                            .await;
                        if heads != ["p3"] || rows != ["p1", "p2", "p3"] {
                            return Err(format!("at {heads:?} with {rows:?}"));
                        }
                    }
                    Call::Resolve => {
                        match migrator(db, stopping())
                            .resolve("s2", Resolution::Abandoned)
                            .await
                        {
                            Err(Error::Run(run))
                                if matches!(*run, RunError::NothingToResolve { .. }) => {}
                            other => other.map_err(told)?,
                        }
                        let mut rows = db
                            .strings("SELECT state FROM limbeck_history WHERE revision = 's2'")
                            .await;
                        rows.dedup();
                        if rows != ["failed"] {
                            return Err(format!("{rows:?}"));
                        }
                        db.run("DROP TABLE p2").await;
                        let report = migrator(db, plain())
                            .upgrade_to_head()
                            .await
                            .map_err(told)?;
                        if report.current != ["p3"] {
                            return Err(format!("at {:?}", report.current));
                        }
                    }
                }
                Ok(())
            }

            pub async fn every_call(db: Db, name: &str) {
                let (mut runs, mut wrong) = (0, Vec::new());
                for call in CALLS {
                    // A sample takes other points each time that it is run.
                    let step = soak::times(4, 1);
                    let mut waits = std::process::id() as usize % step;
                    loop {
                        prepare(&db, call).await;
                        let is_done = run(&db, call, waits).await;
                        runs += 1;
                        if let Err(what) = judge(&db, call).await {
                            wrong.push(format!("{call:?} dropped after {waits} waits: {what}"));
                            let _ = quiet(&db).await;
                        }
                        clear(&db).await;
                        if is_done {
                            break;
                        }
                        waits += step;
                    }
                }
                soak::tell(
                    &format!("future dropped at an await, {name}"),
                    runs,
                    wrong.len(),
                    "",
                );
                assert!(wrong.is_empty(), "{}", wrong.join("\n"));
            }
        }
    };
}

for_database!(
    sqlite,
    sqlx::Sqlite,
    "SELECT 'x' WHERE false",
    "SELECT 'x' WHERE false"
);
for_database!(
    postgres,
    sqlx::Postgres,
    "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
     AND state <> 'idle'",
    "SELECT l.pid::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
     WHERE locktype = 'advisory' AND datname = current_database()"
);
for_database!(
    of_mysql,
    sqlx::MySql,
    "SELECT CONVERT(info USING utf8mb4) FROM information_schema.processlist WHERE db = DATABASE() \
     AND id <> CONNECTION_ID() AND command NOT IN ('Sleep', 'Daemon')",
    "SELECT CONVERT(trx_id USING utf8mb4) FROM information_schema.innodb_trx t \
     JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()"
);

#[tokio::test]
async fn on_sqlite() {
    sqlite::every_call(crate::support::servers::sqlite().await, "SQLite").await;
}

#[tokio::test]
async fn on_postgres() {
    if let Some(db) = crate::support::servers::postgres_database().await {
        postgres::every_call(db, "PostgreSQL").await;
    }
}

async fn on_the_server() {
    if let Some(db) = crate::support::servers::mysql_database().await {
        of_mysql::every_call(db, MySqlServer::here().name()).await;
    }
}

crate::support::on_mysql!(on_the_server);
