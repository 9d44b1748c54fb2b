//! A tool of one's own on the public API: `cargo run --example tooling`.
//!
//! Plan, history, ledger and status, each printed its own way, for the graph of the quickstart. A real tool
//! would read `Migrations::from_dir`, or share the service's embedded ones.

use limbeck::{Migrations, Migrator, Plan, Range, Status, Target, plan};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let migrations = limbeck::migrations![
        "quickstart/migrations/1a6f2c80b311_accounts.sql",
        "quickstart/migrations/5c09d7e4a2f8_billing.sql",
        "quickstart/migrations/8b3e61f0c57d_profiles.sql",
        "quickstart/migrations/d240b9f6137a_merge.sql",
        "quickstart/migrations/f71c04a8e962_names_on_invoices.sql",
    ]?;

    println!("# A plan without a database");
    let from_billing = plan::upgrade(migrations.graph(), &["5c09d7e4a2f8"], &[Target::head()])?;
    print_plan(&from_billing, &migrations);

    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("app.db"))
        .create_if_missing(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await?;
    let migrator = Migrator::new(&pool, migrations.clone()).application("tooling 1.0");

    println!("# What a deploy would do");
    print_plan(&migrator.plan_upgrade("head").await?, &migrations);
    print_status(&migrator.status().await?);

    println!("# One branch only");
    let report = migrator.upgrade("billing").await?;
    println!("{} of {}", report.steps.len(), migrations.len());
    print_status(&migrator.status().await?);

    println!("# History");
    let range: Range = "1a6f:heads".parse()?;
    for revision in migrator.history(&range).await? {
        let mark = if revision.applied == Some(true) {
            'x'
        } else {
            ' '
        };
        println!(
            "[{mark}] {} after {:13} {}",
            &revision.revision[..4],
            revision.down_revision.join("+"),
            revision.message.lines().next().unwrap_or_default()
        );
    }

    println!("# Who did what");
    for entry in migrator.ledger().await? {
        println!(
            "{} {} {}, by {}",
            entry.action,
            entry.revision,
            entry.state,
            entry.application.as_deref().unwrap_or("?")
        );
    }

    println!("# A target that leads nowhere");
    match migrator.plan_downgrade("1a6f-3").await {
        Ok(plan) => print_plan(&plan, &migrations),
        Err(error) => println!("{}: {error}", error.kind()),
    }
    Ok(())
}

fn print_plan(plan: &Plan, migrations: &Migrations) {
    let mut walk = plan.walk();
    let mut number = 0;
    while let Some(step) = walk.advance() {
        number += 1;
        let summary = migrations
            .get(&step.revision)
            .map_or("", |revision| revision.summary());
        let heads: Vec<&str> = walk.heads().iter().map(|id| &**id).collect();
        println!(
            "{number}. {} {summary} ({}), then at {}",
            step.action,
            step.revision,
            heads.join(" and ")
        );
    }
}

fn print_status(status: &Status) {
    println!(
        "{}: {} pending, {} edited, {} unknown",
        if status.is_ready() {
            "ready"
        } else {
            "not ready"
        },
        status.pending.len(),
        status.drift.len(),
        status.unknown.len()
    );
}
