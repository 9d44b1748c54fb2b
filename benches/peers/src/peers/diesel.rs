//! diesel_migrations, on a source that gives what its macro's does.

use std::fmt;

use anyhow::{Result, anyhow};
use diesel::backend::Backend;
use diesel::connection::{BoxableConnection, Connection};
use diesel::migration::{
    self, Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion,
};
use diesel::{PgConnection, SqliteConnection};
use diesel_migrations::MigrationHarness;

use super::{Peer, Ready};
use crate::database::Database;
use crate::task::{Revision, Task};

pub struct Diesel;

#[derive(Clone, Copy)]
struct Source(&'static [Revision]);

#[derive(Clone, Copy)]
struct One(&'static Revision);

/// Each in a transaction: the default.
struct Metadata;

impl MigrationMetadata for Metadata {}

impl fmt::Display for One {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

impl MigrationName for One {
    fn version(&self) -> MigrationVersion<'_> {
        MigrationVersion::from(self.0.name.as_str())
    }
}

impl<DB: Backend> Migration<DB> for One {
    fn run(&self, connection: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        Ok(connection.batch_execute(&self.0.sql)?)
    }

    fn revert(&self, _: &mut dyn BoxableConnection<DB>) -> migration::Result<()> {
        Err("nothing is reverted here".into())
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        &Metadata
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl<DB: Backend> MigrationSource<DB> for Source {
    fn migrations(&self) -> migration::Result<Vec<Box<dyn Migration<DB>>>> {
        Ok(self
            .0
            .iter()
            .map(|revision| Box::new(One(revision)) as Box<dyn Migration<DB>>)
            .collect())
    }
}

fn on<C>(url: &str, source: Source) -> Result<Ready>
where
    C: Connection + MigrationHarness<<C as Connection>::Backend> + 'static,
{
    let mut connection = C::establish(url)?;
    connection.batch_execute("SELECT 1")?;
    Ok(Ready::new(move || {
        match connection.run_pending_migrations(source) {
            Ok(_) => Ok(()),
            Err(error) => Err(anyhow!(error)),
        }
    }))
}

impl Peer for Diesel {
    fn key(&self) -> &'static str {
        "diesel"
    }

    fn name(&self, _: &Database) -> &'static str {
        "diesel_migrations"
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let source = Source(task.set.revisions());
        match database {
            Database::Postgres { .. } => on::<PgConnection>(&database.url(), source),
            Database::Sqlite { path } => {
                on::<SqliteConnection>(&path.display().to_string(), source)
            }
        }
    }
}
