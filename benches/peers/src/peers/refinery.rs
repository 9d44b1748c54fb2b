//! refinery, on tokio-postgres and rusqlite.

use anyhow::Result;
use refinery::{Migration, Runner};
use tokio::runtime::Handle;
use tokio_postgres::NoTls;

use super::{Peer, Ready};
use crate::database::Database;
use crate::task::{Set, Task};

pub struct Refinery {
    runtime: Handle,
}

impl Refinery {
    pub fn new(runtime: Handle) -> Refinery {
        Refinery { runtime }
    }
}

fn runner(set: Set) -> Result<Runner> {
    let migrations = set.revisions().iter().map(|revision| {
        let name = format!("V{}__{}", revision.number, revision.name);
        Ok(Migration::unapplied(&name, &revision.sql)?)
    });
    Ok(Runner::new(&migrations.collect::<Result<Vec<_>>>()?))
}

impl Peer for Refinery {
    fn key(&self) -> &'static str {
        "refinery"
    }

    fn name(&self, _: &Database) -> &'static str {
        "refinery"
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let runner = runner(task.set)?;
        let runtime = self.runtime.clone();
        Ok(match database {
            Database::Postgres { .. } => {
                let mut client = runtime.block_on(async {
                    let (client, connection) =
                        tokio_postgres::connect(&database.url(), NoTls).await?;
                    tokio::spawn(connection);
                    client.batch_execute("SELECT 1").await?;
                    anyhow::Ok(client)
                })?;
                Ready::new(move || {
                    runtime.block_on(runner.run_async(&mut client))?;
                    Ok(())
                })
            }
            Database::Sqlite { path } => {
                let mut connection = rusqlite::Connection::open(path)?;
                connection.query_row("SELECT 1", [], |_| Ok(()))?;
                Ready::new(move || {
                    runner.run(&mut connection)?;
                    Ok(())
                })
            }
        })
    }
}
