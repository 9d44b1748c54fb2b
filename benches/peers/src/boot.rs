//! A boot with nothing to do, beside a bare `SELECT 1` through the same pool.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use limbeck::migrator::Backend;
use limbeck::plan::Purge;
use limbeck::{Migrations, Migrator, Outcome, Target};
use sqlx::{Executor, Pool, raw_sql};
use tokio::runtime::Handle;

use crate::database::{Database, Engine};
use crate::figures::{Table, Times, digits, verdict};
use crate::peers::{pool_of_postgres, pool_of_sqlite, wait};

/// Above the `SELECT 1`, in milliseconds.
const BUDGET: f64 = 2.0;

/// As `limbeck::embedded!` does at its first use in a process, each time: it reads the graph once.
macro_rules! first_use {
    ($name:literal) => {{
        use limbeck::embedding::{Embedded, EmbeddedRevision, GraphTables};
        let embedded: Embedded = include!(concat!(env!("OUT_DIR"), "/limbeck_", $name, ".rs"));
        Migrations::from_embedded(Box::leak(Box::new(embedded)))
    }};
}

/// By what the build script embedded: nothing of it is made before the clock starts.
fn embedded(count: usize) -> Migrations {
    match count {
        10 => first_use!("ten"),
        10_000 => first_use!("ten_thousand"),
        _ => unreachable!("the build script embeds no other"),
    }
}

#[derive(Clone, Copy)]
enum Session {
    /// One for each measurement, which has answered a `SELECT 1`: what a service has when it boots.
    New,
    /// The same one throughout: the database's caches of its catalog are filled.
    Kept,
}

pub fn print(runtime: &Handle, engine: &dyn Engine, rounds: usize) -> Result<()> {
    let mut table = Table::new(&[
        "milliseconds",
        "`SELECT 1`",
        "the call alone",
        "above `SELECT 1`",
        "",
        "`embedded!()`, `Migrator::new` and the call",
        "above `SELECT 1`",
        "",
    ]);
    for count in [10, 10_000] {
        let database = engine.empty(&format!("boot_{count}"))?;
        for (session, name) in [
            (Session::New, "a new session"),
            (Session::Kept, "a session in use"),
        ] {
            let url = database.url();
            let found = match database {
                Database::Postgres { .. } => {
                    let open = || pool_of_postgres(runtime, &url);
                    measure(runtime, &open, session, count, rounds)?
                }
                Database::Sqlite { .. } => {
                    let open = || pool_of_sqlite(runtime, &url);
                    measure(runtime, &open, session, count, rounds)?
                }
            };
            let [select, call, boot] = &found;
            let mut cells = vec![format!("{count} revisions, {name}"), select.cell()];
            for times in [call, boot] {
                cells.push(times.cell());
                if let (Some(one), Some(bare)) = (times.median(), select.median()) {
                    cells.push(digits(one - bare));
                    cells.push(verdict(one <= bare + BUDGET).to_owned());
                }
            }
            table.row(&cells);
        }
        engine.remove(&database)?;
    }
    table.print();
    println!("The budget is {BUDGET} ms above.\n");
    Ok(())
}

/// The three, interleaved.
fn measure<DB: Backend>(
    runtime: &Handle,
    open: &dyn Fn() -> Result<Pool<DB>>,
    session: Session,
    count: usize,
    rounds: usize,
) -> Result<[Times; 3]>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let mut pool = open()?;
    let migrations = embedded(count);
    // The state alone matters here, and 10,000 tables are slow to make.
    let stamp = Migrator::new(&pool, migrations.clone());
    let stamped = runtime.block_on(stamp.stamp(Target::head(), Purge::Keep))?;
    ensure!(stamped.heads.len() == 1, "the stamp wrote no head");
    let mut all: [Times; 3] = Default::default();
    for round in 0..rounds {
        for place in 0..3 {
            if let Session::New = session {
                runtime.block_on(pool.close());
                pool = open()?;
            }
            let index = (place + round) % 3;
            let standing = Migrator::new(&pool, migrations.clone());
            let time: Result<Duration> = runtime.block_on(async {
                let began = Instant::now();
                let report = match index {
                    0 => {
                        raw_sql("SELECT 1").execute(&pool).await?;
                        return Ok(began.elapsed());
                    }
                    1 => standing.upgrade_to_head().await?,
                    _ => {
                        let migrator = Migrator::new(&pool, embedded(count));
                        migrator.upgrade_to_head().await?
                    }
                };
                let time = began.elapsed();
                ensure!(report.outcome == Outcome::AlreadyThere, "{report:?}");
                Ok(time)
            });
            all[index].push(time?);
            // The ping of a connection that comes back is over before the next one acquires it.
            wait(&pool);
        }
    }
    runtime.block_on(pool.close());
    Ok(all)
}
