//! SQLite: what is read, what is written, and that both agree.

mod generator;
mod property;
mod rebuild;
mod reflection;

use limbeck::autogenerate::{Autogenerate, Comparison, Draft, DraftOptions};
use limbeck::revision::NewRevision;
use limbeck::{Migrations, Migrator, Revision};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _};

/// A database in memory with this schema, foreign keys on as sqlx has them.
async fn database(sql: &str) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(":memory:")
        .foreign_keys(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .expect("SQLite");
    run(&pool, sql).await;
    pool
}

async fn run(pool: &SqlitePool, sql: &str) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(pool)
        .await
    {
        panic!("{error}:\n{sql}");
    }
}

/// The rows of a query, as literals in one line each.
async fn rows(pool: &SqlitePool, sql: &str) -> Vec<String> {
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_all(pool)
        .await;
    let rows = rows.unwrap_or_else(|error| panic!("{error}:\n{sql}"));
    rows.iter()
        .map(|row| {
            let cells = (0..row.len()).map(|at| {
                row.try_get_unchecked::<Option<String>, _>(at)
                    .expect("text")
                    .unwrap_or_else(|| "NULL".to_owned())
            });
            cells.collect::<Vec<_>>().join("|")
        })
        .collect()
}

async fn compare(pool: &SqlitePool, desired: &str) -> Comparison {
    let compared = Autogenerate::from_sql(desired).compare(pool).await;
    compared.unwrap_or_else(|error| panic!("{error}:\n{desired}"))
}

fn told(comparison: &Comparison) -> Vec<String> {
    comparison
        .changes()
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// What differs between two texts.
async fn differences(live: &str, desired: &str) -> Vec<String> {
    told(&compare(&database(live).await, desired).await)
}

fn file(draft: Draft) -> Revision {
    let mut revision = NewRevision::new("r1").message("generated");
    for section in draft.sections() {
        revision = revision.section(section);
    }
    let text = revision.to_text().expect("a file that can be read");
    Revision::parse("r1.sql", text).expect("a revision")
}

/// The revision that the comparison writes; none where nothing differs.
fn revision(comparison: &Comparison, options: DraftOptions) -> Option<Revision> {
    let mut drafts = comparison.drafts(options);
    assert!(drafts.len() < 2, "one revision does it on SQLite");
    drafts.pop().map(file)
}

fn migrator(pool: &SqlitePool, revision: &Revision) -> Migrator<sqlx::Pool<sqlx::Sqlite>> {
    let migrations = Migrations::new([revision.clone()]).expect("a graph");
    Migrator::new(pool.clone(), migrations)
}

fn lossy() -> DraftOptions {
    DraftOptions::default().allow_lossy(true)
}

/// Up, nothing found; down, nothing found: by what a comparison writes. Gives the file's text.
async fn there_and_back(pool: &SqlitePool, live: &str, desired: &Autogenerate) -> String {
    let comparison = desired.compare(pool).await.expect("a comparison");
    let revision = revision(&comparison, lossy()).expect("a difference");
    let text = revision.text().to_owned();
    let migrator = migrator(pool, &revision);
    let up = migrator.upgrade_to_head().await;
    let _ = up.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let left = told(&desired.compare(pool).await.expect("a comparison"));
    assert!(left.is_empty(), "after the upgrade: {left:?}\n{text}");
    let down = migrator.downgrade("base").await;
    let _ = down.unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    let left = told(&compare(pool, live).await);
    assert!(left.is_empty(), "after the downgrade: {left:?}\n{text}");
    text
}
