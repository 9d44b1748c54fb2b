//! `check`: whether the database is as the desired schema says.

use clap::Args;
use serde::Serialize;

use super::connect::Access;
use super::context::Context;
use super::desired::{self, ChangeDocument, DesiredArgs};
use super::error::CliError;
use super::output::Output;
use super::runs::open;
use limbeck::Migrations;
use limbeck::migrations::MigrationsError;

/// Arguments of `check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Exit codes: 0 nothing differs, 3 something does.\n\n\
                  Examples:\n  \
                  limbeck check\n  \
                  limbeck upgrade head && limbeck check --schema db/schema.sql --exclude 'table:audit_*'")]
#[non_exhaustive]
pub struct CheckArgs {
    /// What is compared.
    #[command(flatten)]
    pub desired: DesiredArgs,
}

#[derive(Debug, Serialize)]
struct CheckDocument {
    changes: Vec<ChangeDocument>,
    notes: Vec<String>,
}

pub(super) async fn check(
    args: &CheckArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let wanted = args.desired.read()?;
    let migrations = match context.migrations() {
        // A database can be compared before it has any revisions.
        Err(error) if is_missing_folder(&error) => Migrations::new([])?,
        migrations => migrations?,
    };
    let opened = open(Access::Read, &migrations, context, output).await?;
    let comparison = opened.database.compare(&wanted).await;
    let behind = match &comparison {
        // What it says of the revisions only explains a difference.
        Ok(comparison) if !comparison.is_empty() && !migrations.is_empty() => {
            let status = opened.database.status().await;
            status.ok().and_then(|status| desired::behind(&status))
        }
        _ => None,
    };
    opened.close().await;
    let comparison = comparison?;

    let mut notes = desired::notes(&comparison);
    if let Some(behind) = behind {
        notes.push(format!(
            "the database is not at the heads: {behind}; what differs may be what is pending"
        ));
    }
    if !output.is_json() {
        for note in &notes {
            output.note(&format!("note: {note}"));
        }
    }
    let changes = comparison.changes();
    let document = CheckDocument {
        changes: changes.iter().map(ChangeDocument::new).collect(),
        notes,
    };
    let schema = args.desired.shown();
    output.answer(&document, || {
        if changes.is_empty() {
            return format!("nothing differs from {schema}\n");
        }
        let list = desired::listed(changes);
        format!("{list}{}\n", desired::counted(changes, &schema))
    })?;
    Ok(if changes.is_empty() { 0 } else { 3 })
}

fn is_missing_folder(error: &CliError) -> bool {
    matches!(
        error,
        CliError::Limbeck(limbeck::Error::Migrations(MigrationsError::Io { source, .. }))
            if source.kind() == std::io::ErrorKind::NotFound
    )
}
