//! What comparing a schema costs: 500 tables with 5 columns and 2 indexes each, the scratch database included.
//!
//! ```text
//! cargo bench --bench autogenerate --all-features
//! ```
//!
//! `same` finds nothing; `fresh` writes a revision with all of it. PostgreSQL and MariaDB are asked where
//! `LIMBECK_TEST_POSTGRES_URL` and `LIMBECK_TEST_MYSQL_URL` name a server (`tests/servers.sh` starts one); each bench
//! makes a database of its own there. `docs/performance.md` holds one run's figures.

use std::fmt::Write as _;

use divan::Bencher;
use limbeck::autogenerate::{Autogenerate, DraftOptions, Reflect};
use sqlx::{Connection as _, Executor as _, Pool};
use tokio::runtime::Runtime;

const TABLES: usize = 500;

fn main() {
    divan::main();
}

fn schema() -> String {
    let mut sql = String::new();
    for n in 0..TABLES {
        write!(
            sql,
            "CREATE TABLE t{n} (id BIGINT NOT NULL PRIMARY KEY, email VARCHAR(100) NOT NULL, name VARCHAR(50), \
             amount NUMERIC(12, 2) DEFAULT 0, made TIMESTAMP);\n\
             CREATE UNIQUE INDEX t{n}_email ON t{n} (email);\n\
             CREATE INDEX t{n}_name ON t{n} (name, made);\n"
        )
        .expect("a String takes every write");
    }
    sql
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

fn compare<DB: Reflect>(bencher: Bencher<'_, '_>, runtime: &Runtime, pool: &Pool<DB>) {
    let desired = Autogenerate::from_sql(schema());
    let same = runtime
        .block_on(desired.compare(pool))
        .expect("a comparison");
    assert!(same.is_empty(), "{:?}", same.changes().first());
    bencher.bench_local(|| {
        runtime
            .block_on(desired.compare(pool))
            .expect("a comparison")
    });
}

fn draft<DB: Reflect>(bencher: Bencher<'_, '_>, runtime: &Runtime, pool: &Pool<DB>) {
    let desired = Autogenerate::from_sql(schema());
    bencher.bench_local(|| {
        let comparison = runtime
            .block_on(desired.compare(pool))
            .expect("a comparison");
        let drafts = comparison.drafts(DraftOptions::default());
        assert_eq!(drafts.len(), 1);
        drafts
    });
}

async fn sqlite(filled: bool) -> (tempfile::TempDir, sqlx::SqlitePool) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!(
        "sqlite://{}?mode=rwc",
        folder.path().join("bench.db").display()
    );
    let pool = sqlx::SqlitePool::connect(&url).await.expect("SQLite");
    if filled {
        let sql = format!("BEGIN; {} COMMIT;", schema());
        pool.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql)))
            .await
            .expect("the schema");
    }
    (folder, pool)
}

/// A database of its own beside the one that the variable names; none where it names none.
macro_rules! on_server {
    ($name:ident, $variable:literal, $connection:ty, $pool:ty) => {
        async fn $name(filled: bool) -> Option<$pool> {
            let Ok(admin) = std::env::var($variable) else {
                eprintln!(concat!("LEFT OUT: ", $variable, " is not set"));
                return None;
            };
            let name = format!("bench_{}_{filled}", std::process::id());
            let run = |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
            let mut connection = <$connection>::connect(&admin).await.expect("the server");
            let made = format!("DROP DATABASE IF EXISTS {name}");
            connection.execute(run(made)).await.expect("DROP DATABASE");
            let made = format!("CREATE DATABASE {name}");
            connection
                .execute(run(made))
                .await
                .expect("CREATE DATABASE");
            let (server, _) = admin.rsplit_once('/').expect("a URL with a database");
            let pool = <$pool>::connect(&format!("{server}/{name}"))
                .await
                .expect("the database");
            if filled {
                pool.execute(run(schema())).await.expect("the schema");
            }
            Some(pool)
        }
    };
}
on_server!(
    postgres,
    "LIMBECK_TEST_POSTGRES_URL",
    sqlx::PgConnection,
    sqlx::PgPool
);
on_server!(
    mariadb,
    "LIMBECK_TEST_MYSQL_URL",
    sqlx::MySqlConnection,
    sqlx::MySqlPool
);

#[divan::bench(sample_count = 20)]
fn sqlite_same(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let (_folder, pool) = runtime.block_on(sqlite(true));
    compare(bencher, &runtime, &pool);
}

#[divan::bench(sample_count = 20)]
fn sqlite_fresh(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    let (_folder, pool) = runtime.block_on(sqlite(false));
    draft(bencher, &runtime, &pool);
}

#[divan::bench(sample_count = 10)]
fn postgres_same(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    if let Some(pool) = runtime.block_on(postgres(true)) {
        compare(bencher, &runtime, &pool);
    }
}

#[divan::bench(sample_count = 10)]
fn postgres_fresh(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    if let Some(pool) = runtime.block_on(postgres(false)) {
        draft(bencher, &runtime, &pool);
    }
}

#[divan::bench(sample_count = 10)]
fn mariadb_same(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    if let Some(pool) = runtime.block_on(mariadb(true)) {
        compare(bencher, &runtime, &pool);
    }
}

#[divan::bench(sample_count = 10)]
fn mariadb_fresh(bencher: Bencher<'_, '_>) {
    let runtime = runtime();
    if let Some(pool) = runtime.block_on(mariadb(false)) {
        draft(bencher, &runtime, &pool);
    }
}
