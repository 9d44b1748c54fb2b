//! A hundred replicas that boot at the same moment: pools of one process, one connection each.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use limbeck::{Migrations, Migrator};
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, raw_sql};
use tokio::runtime::Handle;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::database::{Database, Engine};
use crate::figures::{Table, Times, digits, ratio, verdict};
use crate::task::Set;

const REPLICAS: usize = 100;

/// How long a waiter of limbeck's sleeps before it looks again.
const POLL: Duration = Duration::from_millis(200);

pub fn print(runtime: &Handle, engine: &dyn Engine, rounds: usize) -> Result<()> {
    let nearly = at(runtime, engine, limbeck::embedded!("nearly"), Set::Nearly)?;
    let head = at(runtime, engine, limbeck::embedded!("all"), Set::All)?;
    let mut select = Times::default();
    let mut nothing = Times::default();
    let mut alone = Times::default();
    let mut pending = Times::default();
    for round in 0..rounds {
        eprintln!("replicas: round {}", round + 1);
        select.push(runtime.block_on(selects(&head))?);
        let (time, steps) = runtime.block_on(boots(&head, REPLICAS))?;
        ensure!(steps == 0, "{steps} steps on a database at the head");
        nothing.push(time);
        for (replicas, times) in [(1, &mut alone), (REPLICAS, &mut pending)] {
            let database = engine.copy(&nearly, "work")?;
            let (time, steps) = runtime.block_on(boots(&database, replicas))?;
            ensure!(
                steps == 1,
                "{steps} steps of {replicas} replicas, with one pending"
            );
            engine.verify(&database, Set::All.revisions().len())?;
            engine.remove(&database)?;
            times.push(time);
        }
    }
    let mut table = Table::new(&["milliseconds until all are done", "time", "ratio"]);
    let mut row = |name: &str, times: &Times, base: &Times| {
        table.row(&[
            name.to_owned(),
            times.cell(),
            ratio(times.median(), base.median()),
        ]);
    };
    row("100 times `SELECT 1`", &select, &select);
    row("100 replicas, nothing to do", &nothing, &select);
    row("one replica, one pending", &alone, &alone);
    row("100 replicas, one pending", &pending, &alone);
    table.print();
    if let (Some(alone), Some(pending)) = (alone.median(), pending.median()) {
        let limit = alone * 1.3 + POLL.as_secs_f64() * 1e3;
        println!(
            "Budget with one pending: 1.3 × {} + one poll of {} = {} ms; measured: {} ms: {}.\n",
            digits(alone),
            POLL.as_millis(),
            digits(limit),
            digits(pending),
            verdict(pending <= limit)
        );
    }
    Ok(())
}

/// A database that limbeck brought to a set's head.
fn at(runtime: &Handle, engine: &dyn Engine, migrations: Migrations, set: Set) -> Result<Database> {
    let database = engine.empty(&format!("replicas_{}", set.name()))?;
    runtime.block_on(async {
        let pool = PgPool::connect(&database.url()).await?;
        let report = Migrator::new(&pool, migrations).upgrade_to_head().await?;
        pool.close().await;
        ensure!(report.steps.len() == set.revisions().len(), "{report:?}");
        Ok(())
    })?;
    Ok(database)
}

async fn pools(database: &Database, count: usize) -> Result<Vec<PgPool>> {
    let mut pools = Vec::new();
    for _ in 0..count {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .connect(&database.url())
            .await?;
        raw_sql("SELECT 1").execute(&pool).await?;
        pools.push(pool);
    }
    Ok(pools)
}

async fn close(pools: Vec<PgPool>) {
    for pool in pools {
        pool.close().await;
    }
}

/// How long it takes all of them: from the first that is let go to the last that is done.
async fn together<T, F>(work: Vec<F>) -> Result<(Duration, Vec<T>)>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(work.len()));
    let mut tasks = JoinSet::new();
    for one in work {
        let barrier = barrier.clone();
        tasks.spawn(async move {
            barrier.wait().await;
            let began = Instant::now();
            let result = one.await;
            (began, Instant::now(), result)
        });
    }
    let mut span: Option<(Instant, Instant)> = None;
    let mut results = Vec::new();
    for (began, ended, result) in tasks.join_all().await {
        let (first, last) = span.get_or_insert((began, ended));
        *first = began.min(*first);
        *last = ended.max(*last);
        results.push(result?);
    }
    let (first, last) = span.context("nothing ran")?;
    Ok((last - first, results))
}

async fn selects(database: &Database) -> Result<Duration> {
    let pools = pools(database, REPLICAS).await?;
    let work = pools.iter().cloned().map(|pool| async move {
        raw_sql("SELECT 1").execute(&pool).await?;
        Ok(())
    });
    let (time, _) = together(work.collect()).await?;
    close(pools).await;
    Ok(time)
}

/// With the steps that they ran in all.
async fn boots(database: &Database, count: usize) -> Result<(Duration, usize)> {
    let pools = pools(database, count).await?;
    let work = pools.iter().map(|pool| {
        let migrator = Migrator::new(pool, limbeck::embedded!("all"));
        async move { Ok(migrator.upgrade_to_head().await?.steps.len()) }
    });
    let (time, steps) = together(work.collect()).await?;
    close(pools).await;
    Ok((time, steps.iter().sum()))
}
