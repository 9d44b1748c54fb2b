//! A boot with nothing to do, beside a bare `SELECT 1` through the same pool.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use limbeck::{Backend, Migrations, Migrator, Outcome, Purge, Target};
use sqlx::{Executor, Pool, raw_sql};
use tokio::runtime::Handle;

use crate::database::{Database, Engine};
use crate::figures::{Table, Times, digits};
use crate::peers::{pool_of_postgres, pool_of_sqlite};

/// By what the build script embedded: nothing of it is made before the clock starts.
fn embedded(count: usize) -> Migrations {
    match count {
        10 => limbeck::embedded!("ten"),
        10_000 => limbeck::embedded!("ten_thousand"),
        _ => unreachable!("the build script embeds no other"),
    }
}

pub fn print(runtime: &Handle, engine: &dyn Engine, rounds: usize) -> Result<()> {
    let mut table = Table::new(&[
        "milliseconds",
        "`SELECT 1`",
        "the call, on a `Migrator` that stands",
        "above `SELECT 1`",
        "`embedded!()`, `Migrator::new` and the call",
        "above `SELECT 1`",
    ]);
    for count in [10, 10_000] {
        let database = engine.empty(&format!("boot_{count}"))?;
        let url = database.url();
        let found = match database {
            Database::Postgres { .. } => {
                let pool = pool_of_postgres(runtime, &url)?;
                runtime.block_on(measure(&pool, count, rounds))?
            }
            Database::Sqlite { .. } => {
                let pool = pool_of_sqlite(runtime, &url)?;
                runtime.block_on(measure(&pool, count, rounds))?
            }
        };
        let [select, call, boot] = found;
        let above = |times: &Times| match (times.median(), select.median()) {
            (Some(one), Some(bare)) => digits(one - bare),
            _ => "–".to_owned(),
        };
        table.row(&[
            format!("{count} revisions"),
            select.cell(),
            call.cell(),
            above(&call),
            boot.cell(),
            above(&boot),
        ]);
        engine.remove(&database)?;
    }
    table.print();
    Ok(())
}

/// The three, interleaved.
async fn measure<DB: Backend>(pool: &Pool<DB>, count: usize, rounds: usize) -> Result<[Times; 3]>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let standing = Migrator::new(pool, embedded(count));
    // The state alone matters here, and 10,000 tables are slow to make.
    let stamped = standing.stamp(Target::head(), Purge::Keep).await?;
    ensure!(!stamped.heads.is_empty(), "the stamp wrote no head");
    let mut all: [Times; 3] = Default::default();
    for round in 0..rounds {
        for place in 0..3 {
            let index = (place + round) % 3;
            let began = Instant::now();
            match index {
                0 => {
                    raw_sql("SELECT 1").execute(pool).await?;
                }
                1 => {
                    let report = standing.upgrade_to_head().await?;
                    ensure!(report.outcome == Outcome::AlreadyThere, "{report:?}");
                }
                _ => {
                    let migrator = Migrator::new(pool, embedded(count));
                    let report = migrator.upgrade_to_head().await?;
                    ensure!(report.outcome == Outcome::AlreadyThere, "{report:?}");
                }
            }
            all[index].push(began.elapsed());
            // The ping of a connection that comes back is over before the next one acquires it.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    Ok(all)
}
