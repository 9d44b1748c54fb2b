//! limbeck, in both of its modes.

use anyhow::{Result, ensure};
use limbeck::migrator::{Backend, TransactionMode};
use limbeck::{Migrations, Migrator};
use sqlx::Pool;
use tokio::runtime::Handle;

use super::{Peer, Ready, pool_of_postgres, pool_of_sqlite};
use crate::database::Database;
use crate::task::{Set, Task};
use crate::workload;

pub struct Limbeck {
    runtime: Handle,
    mode: TransactionMode,
}

impl Limbeck {
    pub fn per_revision(runtime: Handle) -> Limbeck {
        Limbeck {
            runtime,
            mode: TransactionMode::PerRevision,
        }
    }

    pub fn single_transaction(runtime: Handle) -> Limbeck {
        Limbeck {
            runtime,
            mode: TransactionMode::SingleTransaction,
        }
    }

    fn on<DB: Backend>(&self, pool: Pool<DB>, task: Task) -> Result<Ready> {
        let runtime = self.runtime.clone();
        let pending = task.pending().len();
        let migrator = Migrator::new(&pool, migrations(task.set)?).transaction_mode(self.mode);
        Ok(Ready::pooled(pool, move || {
            let report = runtime.block_on(migrator.upgrade_to_head())?;
            ensure!(report.steps.len() == pending, "{report:?}");
            Ok(())
        }))
    }
}

fn migrations(set: Set) -> Result<Migrations> {
    Ok(match set {
        Set::All => limbeck::embedded!("all"),
        Set::Nearly => limbeck::embedded!("nearly"),
        Set::Settings => {
            let files = set.revisions().iter().map(|revision| {
                let text = workload::limbeck_file(revision.number, &revision.sql);
                (revision.name.as_str(), &*text.leak())
            });
            Migrations::from_files(files)?
        }
    })
}

impl Peer for Limbeck {
    fn key(&self) -> &'static str {
        match self.mode {
            TransactionMode::SingleTransaction => "limbeck-single",
            _ => "limbeck",
        }
    }

    fn name(&self, _: &Database) -> &'static str {
        match self.mode {
            TransactionMode::SingleTransaction => "limbeck, `SingleTransaction`",
            _ => "limbeck",
        }
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let url = database.url();
        match database {
            Database::Postgres { .. } => self.on(pool_of_postgres(&self.runtime, &url)?, task),
            Database::Sqlite { .. } => self.on(pool_of_sqlite(&self.runtime, &url)?, task),
        }
    }
}
