//! SQLite's databases in memory, as sqlx 0.9 opens them: what the crate's documentation says of `sqlite::memory:`.

use std::str::FromStr as _;

use limbeck::{Migrator, Outcome};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::support::migrations;

const URL: &str = "sqlite::memory:";

fn lasting() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .idle_timeout(None)
        .max_lifetime(None)
}

fn migrator(pool: &SqlitePool) -> Migrator<SqlitePool> {
    let files = migrations(&[("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n")]);
    Migrator::new(pool, files)
}

#[tokio::test]
async fn all_connections_of_a_pool_share_one_and_others_have_their_own() {
    let pool = lasting().connect(URL).await.expect("a pool");
    let mut first = pool.acquire().await.expect("a connection");
    // The pool opens a second one for this.
    let report = migrator(&pool).upgrade_to_head().await.expect("an upgrade");
    assert_eq!(report.outcome, Outcome::Migrated);
    sqlx::raw_sql("INSERT INTO t VALUES (7)")
        .execute(&mut *first)
        .await
        .expect("the table is there");
    drop(first);
    let report = migrator(&pool).upgrade_to_head().await.expect("a look");
    assert_eq!(report.outcome, Outcome::AlreadyThere);

    let other = lasting().connect(URL).await.expect("another pool");
    assert_eq!(
        migrator(&other).status().await.expect("status").pending,
        ["a"]
    );
}

#[tokio::test]
async fn options_that_are_read_once_name_one_database() {
    let options = SqliteConnectOptions::from_str(URL).expect("a URL");
    let one = lasting()
        .connect_with(options.clone())
        .await
        .expect("a pool");
    let other = lasting().connect_with(options).await.expect("another pool");
    let _ = migrator(&one).upgrade_to_head().await.expect("an upgrade");
    assert!(
        migrator(&other)
            .status()
            .await
            .expect("status")
            .pending
            .is_empty()
    );
}

#[tokio::test]
async fn it_goes_with_the_last_connection() {
    let pool = lasting()
        .max_connections(1)
        .connect(URL)
        .await
        .expect("a pool");
    let _ = migrator(&pool).upgrade_to_head().await.expect("an upgrade");
    let last = pool.acquire().await.expect("the connection");
    last.close().await.expect("closed");
    let status = migrator(&pool).status().await.expect("status");
    assert_eq!(status.pending, ["a"]);
    // As `idle_timeout` and `max_lifetime` do, whose defaults are ten and thirty minutes.
    let mut again = pool.acquire().await.expect("a connection");
    again.ping().await.expect("another database");
}
