//! A service's boot, from nothing to a migrated database: `cargo run --example quickstart`.
//!
//! SQLite in a temporary file, revisions compiled into the binary, two branches and their merge.

use limbeck::{Event, Migrator, Range};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("app.db"))
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;

    // The graph: 1a6f ─┬─ 5c09 (billing) ─┬─ d240 ─ f71c
    //                  └─ 8b3e (web) ─────┘
    let migrations = limbeck::migrations![
        "migrations/1a6f2c80b311_accounts.sql",
        "migrations/5c09d7e4a2f8_billing.sql",
        "migrations/8b3e61f0c57d_profiles.sql",
        "migrations/d240b9f6137a_merge.sql",
        "migrations/f71c04a8e962_names_on_invoices.sql",
    ]?;

    let migrator = Migrator::new(&pool, migrations).on_event(|event| {
        if let Event::StepFinished { step, report, .. } = event {
            println!(
                "  {} {} ({} statements)",
                step.action, step.revision, report.statements
            );
        }
    });

    println!("boot of the first replica:");
    let report = migrator.upgrade_to_head().await?;
    println!(
        "  {} steps in {:.1?}, at {}",
        report.steps.len(),
        report.duration,
        report.current.join(", ")
    );

    println!("boot of the second replica:");
    let report = migrator.upgrade_to_head().await?;
    println!("  {:?}, in {:.1?}", report.outcome, report.duration);

    println!("one team takes its branch back; the merge goes with it, the other branch stays:");
    let report = migrator.downgrade("web@1a6f2c80b311").await?;
    println!("  at {}", report.current.join(", "));

    println!("history, newest first:");
    for revision in migrator.history(&Range::all()).await? {
        let mark = match (revision.current, revision.applied) {
            (Some(true), _) => "at",
            (_, Some(true)) => "applied",
            _ => "pending",
        };
        println!("  {:8} {} {}", mark, revision.revision, revision.message);
    }
    Ok(())
}
