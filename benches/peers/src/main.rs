//! limbeck beside its peers: `benches/peers/run.sh` starts what this needs and runs it.
//!
//! # What is fair
//!
//! - The same 500 revisions for everyone, in the same words: a table with a BIGINT primary key and a TEXT column,
//!   an index, one INSERT of two rows. See `workload.rs`.
//! - A library's revisions are in memory, in the form that it embeds them in, before the clock starts: sqlx's a
//!   `Vec<Migration>`, refinery's `Migration::unapplied`, diesel's a source over strings, as `embed_migrations!`
//!   gives; sea-orm's and sqlx_migrator's code runs the same text unprepared; limbeck's are embedded by a build
//!   script.
//! - A library's connection or pool is open and has answered a `SELECT 1` before the clock starts. limbeck, sqlx,
//!   sea-orm and sqlx_migrator work on a pool, with its pings; refinery and diesel on a connection.
//! - A program is timed whole: start, connect, read its files, work, end. The tables say which are.
//! - Each has its documented defaults otherwise. Two are changed: dbmate writes no `schema.sql`, which is not
//!   migrating, and its URL says `sslmode=disable`, which it insists on. refinery, diesel, sqlx, sea-orm,
//!   sqlx_migrator and dbmate run a transaction for each revision; on SQLite sea-orm runs none and Alembic commits
//!   as Python's driver does; on PostgreSQL Alembic runs one for the whole upgrade.
//! - The floor is the database's own client with the pending statements in one transaction, and no record kept.
//! - "One pending": 499 are applied, by the peer itself, and the 500th is timed. "Nothing to do": all 500 are.
//!   Each run begins with a copy of that state, that no session but the copy's check has seen.
//! - The peers take turns, round after round, and who begins changes with the round. Medians, with the median
//!   distance from them.
//! - After each run the database is asked whether it is where it should be: no peer is timed while it does nothing.
//! - Round trips are counted by a proxy, in a pass of its own, a library's without connecting. What is timed
//!   without a delay goes to the server directly.
//! - PostgreSQL has `fsync` off, as the tests have it, and no autovacuum; SQLite writes to files, durably, and a
//!   table says with which settings each peer does.

mod boot;
mod compare;
mod database;
mod figures;
mod options;
mod peers;
mod proxy;
mod replicas;
mod task;
mod workload;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use sqlx::{Connection as _, PgConnection, raw_sql};
use tokio::runtime::{Builder, Handle};

use compare::{Measured, Runner, Scenario};
use database::{Database, Engine, Postgres, Sqlite};
use figures::{Table, Times};
use options::Options;
use peers::Peer;
use proxy::Proxy;

const DELAY: Duration = Duration::from_millis(1);

fn main() -> Result<()> {
    // As `#[tokio::main]` makes it.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let runtime = runtime.handle().clone();
    let scratch = PathBuf::from(variable("PEERS_SCRATCH")?);
    let peers = peers::all(&runtime, &scratch)?;
    let options = Options::from_arguments(&peers)?;
    let peers: Vec<&dyn Peer> = peers
        .iter()
        .map(Box::as_ref)
        .filter(|peer| options.wants(peer.key()))
        .collect();
    let postgres = Postgres::new(runtime.clone(), &variable("PEERS_POSTGRES")?)?;
    let sqlite = Sqlite::new(runtime.clone(), scratch.join("sqlite"))?;
    let bench = Bench {
        runtime,
        options,
        peers,
        postgres,
        sqlite,
    };
    bench.run()
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: run.sh sets it"))
}

struct Bench<'a> {
    runtime: Handle,
    options: Options,
    peers: Vec<&'a dyn Peer>,
    postgres: Postgres,
    sqlite: Sqlite,
}

impl Bench<'_> {
    fn run(&self) -> Result<()> {
        let mut budgets = Table::new(&["budget", "milliseconds", "ratio", "limit", ""]);
        if !self.options.scenarios.is_empty() && !self.peers.is_empty() {
            println!(
                "500 revisions of a table, an index and two rows each; {} rounds (four times as many of the short \
                 scenarios); median ± median distance from it; ratios to limbeck.\n",
                self.options.rounds
            );
            self.compare_on_postgres(&mut budgets)?;
            self.compare_on_sqlite(&mut budgets)?;
            println!("### Budgets\n");
            budgets.print();
        }
        if self.options.boot {
            self.boot()?;
        }
        if self.options.replicas {
            println!("### 100 replicas at the same moment, PostgreSQL\n");
            replicas::print(&self.runtime, &self.postgres, self.options.rounds)?;
        }
        Ok(())
    }

    fn runners<'a>(&'a self, engine: &'a dyn Engine) -> Result<Vec<Runner<'a>>> {
        self.peers
            .iter()
            .map(|peer| Runner::new(*peer, engine, &self.options.scenarios))
            .collect()
    }

    fn compare_on_postgres(&self, budgets: &mut Table) -> Result<()> {
        let place = self.postgres.empty("somewhere")?;
        let version = self.postgres.ask(&place, "SHOW server_version")?;
        let runners = self.runners(&self.postgres)?;
        let names: Vec<String> = runners.iter().map(|one| one.name(&place)).collect();
        let counting = Proxy::start(self.postgres.port(), Duration::ZERO)?;
        println!("### Round trips on PostgreSQL\n");
        println!(
            "Without connecting, a process's with it. A pool's pings are counted: a `SELECT 1` through one is {}.\n",
            self.round_trips_of_select(&place, &counting)?
        );
        compare::print_round_trips(&runners, &names, &self.options.scenarios, &counting)?;

        println!("### PostgreSQL {version}, without a delay\n");
        let measured = self.measure(&runners, None)?;
        compare::print_times(&runners, &names, &measured);
        let median = |key| compare::median_of(&runners, &measured, key, Scenario::Fresh);
        let fresh = [
            (
                "limbeck",
                "diesel",
                1.0,
                "500 fresh, PostgreSQL: limbeck / diesel_migrations",
            ),
            (
                "limbeck-single",
                "client",
                1.15,
                "500 fresh, PostgreSQL: `SingleTransaction` / `psql -1`",
            ),
        ];
        for (one, other, limit, what) in fresh {
            compare::budget(budgets, what, median(one), median(other), limit);
        }

        let slow = Proxy::start(self.postgres.port(), DELAY)?;
        let select = self.time_of_select(&place.through(slow.port()))?;
        println!(
            "### PostgreSQL {version}, {} ms of delay each way\n\nA `SELECT 1` takes {} ms.\n",
            DELAY.as_millis(),
            select.cell()
        );
        let measured = self.measure(&runners, Some(&slow))?;
        compare::print_times(&runners, &names, &measured);
        let median = |key| compare::median_of(&runners, &measured, key, Scenario::Fresh);
        let what = "500 fresh, PostgreSQL, 1 ms each way: limbeck / sqlx migrate";
        compare::budget(budgets, what, median("limbeck"), median("sqlx"), 0.5);
        Ok(())
    }

    fn compare_on_sqlite(&self, budgets: &mut Table) -> Result<()> {
        let place = self.sqlite.empty("somewhere")?;
        let version = self.sqlite_version()?;
        println!("### SQLite {version}, on files\n");
        compare::print_settings(&self.peers, &self.sqlite)?;
        let runners = self.runners(&self.sqlite)?;
        let names: Vec<String> = runners.iter().map(|one| one.name(&place)).collect();
        let measured = self.measure(&runners, None)?;
        compare::print_times(&runners, &names, &measured);
        let median = |key| compare::median_of(&runners, &measured, key, Scenario::Fresh);
        let fresh = [
            (
                "limbeck",
                "diesel",
                1.0,
                "500 fresh, SQLite: limbeck / diesel_migrations",
            ),
            (
                "limbeck-single",
                "client",
                1.5,
                "500 fresh, SQLite: `SingleTransaction` / `sqlite3`",
            ),
        ];
        for (one, other, limit, what) in fresh {
            compare::budget(budgets, what, median(one), median(other), limit);
        }
        Ok(())
    }

    fn measure(&self, runners: &[Runner<'_>], proxy: Option<&Proxy>) -> Result<Vec<Measured>> {
        compare::measure(runners, &self.options.scenarios, self.options.rounds, proxy)
    }

    fn boot(&self) -> Result<()> {
        let rounds = self.options.rounds * 20;
        println!("### A boot with nothing to do, PostgreSQL\n");
        boot::print(&self.runtime, &self.postgres, rounds)?;
        println!("### A boot with nothing to do, SQLite\n");
        boot::print(&self.runtime, &self.sqlite, rounds)
    }

    /// The library that the crates link; the programs bring their own.
    fn sqlite_version(&self) -> Result<String> {
        let connection = rusqlite::Connection::open_in_memory()?;
        Ok(connection.query_row("SELECT sqlite_version()", [], |row| row.get(0))?)
    }

    fn round_trips_of_select(&self, place: &Database, proxy: &Proxy) -> Result<u64> {
        let url = place.through(proxy.port()).url();
        let pool = peers::pool_of_postgres(&self.runtime, &url)?;
        let before = proxy.round_trips();
        self.runtime.block_on(raw_sql("SELECT 1").execute(&pool))?;
        peers::wait(&pool);
        Ok(proxy.round_trips() - before)
    }

    fn time_of_select(&self, place: &Database) -> Result<Times> {
        self.runtime.block_on(async {
            let mut connection = PgConnection::connect(&place.url()).await?;
            let mut times = Times::default();
            for _ in 0..50 {
                let began = Instant::now();
                raw_sql("SELECT 1").execute(&mut connection).await?;
                times.push(began.elapsed());
            }
            connection.close().await?;
            Ok(times)
        })
    }
}
