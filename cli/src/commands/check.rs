//! `check`: whether the database is as the desired schema says.

use clap::Args;
use limbeck::autogenerate::Comparison;
use serde::Serialize;

use super::desired_schema::{self, ChangeDocument, DesiredArgs};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::database::Database;
use crate::error::CliError;

/// Compare the database with the desired schema, and exit with 3 where they differ.
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

impl CheckArgs {
    /// Says which of the differences no revision made. What fails there only explains a difference, and is left away.
    async fn by_hand(&self, database: &dyn Database, found: &Comparison) -> Option<String> {
        let applied = database.applied_schema().await.ok()?;
        let desired = self.desired.set(applied.desired);
        let comparison = database.compare(&desired).await.ok()?;
        let mended: Vec<String> = comparison
            .changes()
            .iter()
            .map(ToString::to_string)
            .collect();
        let changes = found.changes().iter();
        let of_both = changes.filter(|change| mended.contains(&change.to_string()));
        let which = match (of_both.count(), found.changes().len()) {
            (0, _) => return None,
            (1, 1) => "this is".to_owned(),
            (all, of) if all == of => "all of this is".to_owned(),
            (1, _) => "1 of these is".to_owned(),
            (several, _) => format!("{several} of these are"),
        };
        Some(format!(
            "{which} no revision's work: `limbeck diff` says how the database differs from what its applied \
             revisions make"
        ))
    }
}

impl Run for CheckArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let wanted = self.desired.read()?;
        let migrations = desired_schema::migrations_if_any(call)?;
        let opened = call.open(Access::Read, &migrations).await?;
        let comparison = opened.database.compare(&wanted).await;
        let by_hand = match &comparison {
            Ok(comparison) if !comparison.is_empty() && !migrations.is_empty() => {
                self.by_hand(&*opened.database, comparison).await
            }
            _ => None,
        };
        let behind = match &comparison {
            // What it says of the revisions only explains a difference.
            Ok(comparison) if !comparison.is_empty() && !migrations.is_empty() => {
                let status = opened.database.status().await;
                status
                    .ok()
                    .and_then(|status| desired_schema::behind(&status))
            }
            _ => None,
        };
        opened.close().await;
        let comparison = comparison?;

        let mut notes = desired_schema::notes(&comparison);
        if let Some(behind) = behind {
            notes.push(format!(
                "the database is not at the heads: {behind}; what differs may be what is pending"
            ));
        }
        notes.extend(by_hand);
        if !call.output.is_json() {
            for note in &notes {
                call.output.note(&format!("note: {note}"));
            }
        }
        let changes = comparison.changes();
        let document = CheckDocument {
            changes: changes.iter().map(ChangeDocument::new).collect(),
            notes,
        };
        let schema = self.desired.shown();
        call.output.answer(&document, || {
            if changes.is_empty() {
                return format!("nothing differs from {schema}\n");
            }
            let list = desired_schema::listed(changes);
            format!("{list}{}\n", desired_schema::counted(changes, &schema))
        })?;
        Ok(if changes.is_empty() {
            Exit::Done
        } else {
            Exit::Found
        })
    }

    fn scratch_url(&self) -> Option<&str> {
        self.desired.scratch_url.as_deref()
    }
}
