//! sqlx's own migrations.

use std::borrow::Cow;

use anyhow::Result;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use tokio::runtime::Handle;

use super::{Peer, Ready, pool_of_postgres, pool_of_sqlite};
use crate::database::Database;
use crate::task::{Set, Task};

pub struct SqlxMigrate {
    runtime: Handle,
}

impl SqlxMigrate {
    pub fn new(runtime: Handle) -> SqlxMigrate {
        SqlxMigrate { runtime }
    }
}

fn migrator(set: Set) -> Result<Migrator> {
    let migrations = set.revisions().iter().map(|revision| {
        Ok(Migration::new(
            i64::try_from(revision.number)?,
            Cow::Borrowed(&revision.name),
            MigrationType::Simple,
            revision.sql.as_str().into_sql_str(),
            false,
        ))
    });
    Ok(Migrator::with_migrations(
        migrations.collect::<Result<_>>()?,
    ))
}

impl Peer for SqlxMigrate {
    fn key(&self) -> &'static str {
        "sqlx"
    }

    fn name(&self, _: &Database) -> &'static str {
        "sqlx migrate"
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let migrator = migrator(task.set)?;
        let url = database.url();
        let runtime = self.runtime.clone();
        Ok(match database {
            Database::Postgres { .. } => {
                let pool = pool_of_postgres(&self.runtime, &url)?;
                Ready::pooled(pool.clone(), move || {
                    Ok(runtime.block_on(migrator.run(&pool))?)
                })
            }
            Database::Sqlite { .. } => {
                let pool = pool_of_sqlite(&self.runtime, &url)?;
                Ready::pooled(pool.clone(), move || {
                    Ok(runtime.block_on(migrator.run(&pool))?)
                })
            }
        })
    }
}
