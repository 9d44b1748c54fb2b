//! sqlx_migrator.

use anyhow::Result;
use async_trait::async_trait;
use sqlx::{Database as Driver, Executor, Pool, raw_sql};
use sqlx_migrator::{Error, Info as _, Migrate, Migration, Migrator, Operation, Plan};
use tokio::runtime::Handle;

use super::{Peer, Ready, pool_of_postgres, pool_of_sqlite};
use crate::database::Database;
use crate::task::{Revision, Set, Task};

const APP: &str = "peers";

pub struct SqlxMigrator {
    runtime: Handle,
}

impl SqlxMigrator {
    pub fn new(runtime: Handle) -> SqlxMigrator {
        SqlxMigrator { runtime }
    }

    fn on<DB>(&self, pool: Pool<DB>, set: Set) -> Result<Ready>
    where
        DB: Driver,
        Migrator<DB>: Migrate<DB>,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    {
        let runtime = self.runtime.clone();
        let mut migrator = Migrator::<DB>::new();
        let revisions = set.revisions();
        migrator.add_migrations(
            revisions
                .iter()
                .enumerate()
                .map(|(index, revision)| {
                    let parent = index.checked_sub(1).map(|before| &revisions[before]);
                    Box::new(One { revision, parent }) as Box<dyn Migration<DB>>
                })
                .collect(),
        )?;
        Ok(Ready::pooled(pool.clone(), move || {
            runtime.block_on(async {
                let mut connection = pool.acquire().await?;
                migrator.run(&mut connection, &Plan::apply_all()).await?;
                Ok(())
            })
        }))
    }
}

struct Sql(&'static str);

#[async_trait]
impl<DB> Operation<DB> for Sql
where
    DB: Driver,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn up(&self, connection: &mut DB::Connection) -> Result<(), Error> {
        raw_sql(self.0).execute(connection).await?;
        Ok(())
    }
}

struct One {
    revision: &'static Revision,
    parent: Option<&'static Revision>,
}

impl<DB> Migration<DB> for One
where
    DB: Driver,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    fn app(&self) -> &str {
        APP
    }

    fn name(&self) -> &str {
        &self.revision.name
    }

    fn parents(&self) -> Vec<Box<dyn Migration<DB>>> {
        self.parent
            .map(|parent| Box::new((APP, parent.name.as_str())) as Box<dyn Migration<DB>>)
            .into_iter()
            .collect()
    }

    fn operations(&self) -> Vec<Box<dyn Operation<DB>>> {
        vec![Box::new(Sql(&self.revision.sql))]
    }
}

impl Peer for SqlxMigrator {
    fn key(&self) -> &'static str {
        "sqlx_migrator"
    }

    fn name(&self, _: &Database) -> &'static str {
        "sqlx_migrator"
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let url = database.url();
        match database {
            Database::Postgres { .. } => self.on(pool_of_postgres(&self.runtime, &url)?, task.set),
            Database::Sqlite { .. } => self.on(pool_of_sqlite(&self.runtime, &url)?, task.set),
        }
    }
}
