//! Pools of sqlx's, open and warm.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use sqlx::{Database as Driver, PgPool, Pool, SqlitePool, raw_sql};
use tokio::runtime::Handle;

/// With the defaults of a pool.
pub fn pool_of_postgres(runtime: &Handle, url: &str) -> Result<PgPool> {
    runtime.block_on(async {
        let pool = PgPool::connect(url).await?;
        raw_sql("SELECT 1").execute(&pool).await?;
        wait(&pool);
        Ok(pool)
    })
}

/// With the defaults of a pool.
pub fn pool_of_sqlite(runtime: &Handle, url: &str) -> Result<SqlitePool> {
    runtime.block_on(async {
        let pool = SqlitePool::connect(url).await?;
        raw_sql("SELECT 1").execute(&pool).await?;
        wait(&pool);
        Ok(pool)
    })
}

/// Whether every connection has come back.
pub fn at_rest<DB: Driver>(pool: &Pool<DB>) -> bool {
    pool.num_idle() == pool.size() as usize
}

/// Not a task of the runtime: the ones that bring connections back run meanwhile on its workers.
pub fn wait<DB: Driver>(pool: &Pool<DB>) {
    while !at_rest(pool) {
        thread::sleep(Duration::from_millis(1));
    }
}
