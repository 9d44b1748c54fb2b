//! Revisions written from the schema that a service wants: `cargo run --example autogenerate --features autogenerate`.
//!
//! The command line does the same by `limbeck revision --autogenerate`, and a test of a service by the last lines.

use std::path::Path;

use limbeck::autogenerate::{Autogenerate, DraftOptions};
use limbeck::revision::NewRevision;
use limbeck::{Migrations, Migrator};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

/// A service has these in a file, `schema.sql`: first as they were, then as they are wanted now.
const FIRST: &str = "
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    mail TEXT NOT NULL,
    fax TEXT
);";
const NOW: &str = "
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL UNIQUE -- renamed from: mail
);
CREATE TABLE invoices (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id)
);";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(place.path().join("app.db"))
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    let folder = place.path().join("migrations");
    std::fs::create_dir(&folder)?;

    for (id, message, schema) in [
        ("1a6f2c80b311", "Accounts", FIRST),
        ("5c09d7e4a2f8", "Invoices", NOW),
    ] {
        println!("# {message}");
        write_revision(&pool, &folder, id, message, schema).await?;
        let migrator = Migrator::new(&pool, Migrations::from_dir(&folder)?);
        let report = migrator.upgrade_to_head().await?;
        assert_eq!(report.steps.len(), 1);
    }

    // What a test of the service asserts.
    let migrator = Migrator::new(&pool, Migrations::from_dir(&folder)?);
    let comparison = migrator
        .compare_schema(&Autogenerate::from_sql(NOW))
        .await?;
    assert!(comparison.is_empty(), "{:?}", comparison.changes());
    println!("# Nothing differs any more");
    Ok(())
}

async fn write_revision(
    pool: &SqlitePool,
    folder: &Path,
    id: &str,
    message: &str,
    schema: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let migrations = Migrations::from_dir(folder)?;
    let heads = migrations.graph().heads();
    let comparison = Migrator::new(pool, migrations)
        .compare_schema(&Autogenerate::from_sql(schema).path("schema.sql"))
        .await?;
    for change in comparison.changes() {
        println!("{change}");
    }
    // Data are lost on purpose here: the fax numbers go.
    let options = DraftOptions::default().allow_lossy(true);
    // On SQLite one revision is always enough.
    for draft in comparison.drafts(options) {
        let mut revision = NewRevision::new(id)
            .message(message)
            .down_revision(heads.iter().map(|id| &**id));
        for section in draft.sections() {
            revision = revision.section(section);
        }
        std::fs::write(folder.join(format!("{id}.sql")), revision.to_text()?)?;
    }
    Ok(())
}
