//! The peers, each made ready before the clock starts.

mod connect;
mod diesel;
mod limbeck;
mod process;
mod refinery;
mod sea_orm;
mod sqlx_migrate;
mod sqlx_migrator;

use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use sqlx::{Database as Driver, Pool};
use tokio::runtime::Handle;

use crate::database::Database;
use crate::task::Task;
pub use connect::{pool_of_postgres, pool_of_sqlite, wait};

/// What is measured of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The call, on a connection that stands.
    Library,
    /// Its whole process: start, connect, read files, work, end.
    Process,
}

pub trait Peer {
    /// For the command line.
    fn key(&self) -> &'static str;

    /// For the table.
    fn name(&self, database: &Database) -> &'static str;

    fn kind(&self) -> Kind {
        Kind::Library
    }

    /// Everything that the clock does not see.
    fn ready(&self, database: &Database, task: Task) -> Result<Ready>;
}

type Go = Box<dyn FnMut() -> Result<()>>;

/// A peer that only waits to be let go. Dropping it closes its connections, and is not timed either.
pub struct Ready {
    go: Go,
    at_rest: Box<dyn Fn() -> bool>,
}

impl Ready {
    fn new(go: impl FnMut() -> Result<()> + 'static) -> Ready {
        Ready {
            go: Box::new(go),
            at_rest: Box::new(|| true),
        }
    }

    /// Of a pool, which pings a connection that comes back, after the call has returned.
    fn pooled<DB: Driver>(pool: Pool<DB>, go: impl FnMut() -> Result<()> + 'static) -> Ready {
        Ready {
            go: Box::new(go),
            at_rest: Box::new(move || connect::at_rest(&pool)),
        }
    }

    pub fn go(&mut self) -> Result<()> {
        (self.go)()
    }

    /// Waits until nothing more is sent.
    pub fn rest(&self) {
        while !(self.at_rest)() {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// All of them, limbeck first: the others' ratios are to it.
pub fn all(runtime: &Handle, scratch: &Path) -> Result<Vec<Box<dyn Peer>>> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name}: see run.sh"));
    Ok(vec![
        Box::new(limbeck::Limbeck::per_revision(runtime.clone())),
        Box::new(limbeck::Limbeck::single_transaction(runtime.clone())),
        Box::new(sqlx_migrate::SqlxMigrate::new(runtime.clone())),
        Box::new(refinery::Refinery::new(runtime.clone())),
        Box::new(diesel::Diesel),
        Box::new(sea_orm::SeaOrm::new(runtime.clone())),
        Box::new(sqlx_migrator::SqlxMigrator::new(runtime.clone())),
        Box::new(process::Alembic::new(variable("PEERS_ALEMBIC")?, scratch)),
        Box::new(process::Dbmate::new(variable("PEERS_DBMATE")?, scratch)),
        Box::new(process::Client::new(scratch)),
    ])
}
