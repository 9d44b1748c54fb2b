//! sea-orm-migration.

use anyhow::Result;
use async_trait::async_trait;
use sea_orm_migration::sea_orm::{ConnectionTrait as _, Database as SeaDatabase, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTraitSelf, SchemaManager};
use tokio::runtime::Handle;

use super::{Peer, Ready, connect};
use crate::database::Database;
use crate::task::{Revision, Set, Task};

pub struct SeaOrm {
    runtime: Handle,
}

impl SeaOrm {
    pub fn new(runtime: Handle) -> SeaOrm {
        SeaOrm { runtime }
    }
}

struct One(&'static Revision);

impl MigrationName for One {
    fn name(&self) -> &str {
        &self.0.name
    }
}

#[async_trait]
impl MigrationTrait for One {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(&self.0.sql)
            .await?;
        Ok(())
    }
}

struct Migrator(Set);

impl MigratorTraitSelf for Migrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        self.0
            .revisions()
            .iter()
            .map(|revision| Box::new(One(revision)) as Box<dyn MigrationTrait>)
            .collect()
    }
}

impl Peer for SeaOrm {
    fn key(&self) -> &'static str {
        "sea-orm"
    }

    fn name(&self, _: &Database) -> &'static str {
        "sea-orm-migration"
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let runtime = self.runtime.clone();
        let migrator = Migrator(task.set);
        let connection = runtime.block_on(async {
            let connection = SeaDatabase::connect(database.url()).await?;
            connection.execute_unprepared("SELECT 1").await?;
            Ok::<_, DbErr>(connection)
        })?;
        let pooled = connection.clone();
        let go = move || Ok(runtime.block_on(migrator.up(&pooled, None))?);
        Ok(match database {
            Database::Postgres { .. } => {
                let pool = connection.get_postgres_connection_pool().clone();
                connect::wait(&pool);
                Ready::pooled(pool, go)
            }
            Database::Sqlite { .. } => {
                let pool = connection.get_sqlite_connection_pool().clone();
                connect::wait(&pool);
                Ready::pooled(pool, go)
            }
        })
    }
}
