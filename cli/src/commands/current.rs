//! `current`: the rows of the version table.

use clap::Args;
use limbeck::Migrations;
use limbeck::graph::RevisionId;
use limbeck::ledger::LedgerEntry;

use super::revision_list::{answer, unknown};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::document::{ListDocument, Listed};
use crate::error::CliError;
use crate::text::Writer;

/// Show where the database is.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  limbeck current -v\n  limbeck current --check-heads")]
#[non_exhaustive]
pub struct CurrentArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,

    /// Exit with 3 unless every head is applied.
    #[arg(long)]
    pub check_heads: bool,
}

impl Run for CurrentArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let opened = call.open(Access::Read, &migrations).await?;
        let (rows, pending) = if self.check_heads {
            let status = opened.database.status().await?;
            (status.current, Some(status.pending))
        } else {
            (opened.database.current().await?, None)
        };
        let are_known = rows.iter().all(|id| migrations.graph().contains(id));
        let ledger = if are_known {
            Vec::new()
        } else {
            opened.database.ledger().await?
        };
        opened.close().await;

        let document = ListDocument {
            revisions: rows
                .iter()
                .map(|id| current_row(&migrations, &rows, id, &ledger))
                .collect(),
            at_heads: pending.as_ref().map(Vec::is_empty),
        };
        answer(
            &document,
            &migrations,
            self.verbose,
            Writer::line,
            call.output,
        )?;
        match pending {
            Some(pending) if !pending.is_empty() => {
                call.output.note(&format!(
                    "the database is not at the heads: {} not applied",
                    pending.join(", ")
                ));
                Ok(Exit::Found)
            }
            _ => Ok(Exit::Done),
        }
    }
}

/// A row of the version table.
fn current_row(
    migrations: &Migrations,
    rows: &[RevisionId],
    id: &str,
    ledger: &[LedgerEntry],
) -> Listed {
    match migrations.infos([id], Some(rows)).pop() {
        Some(info) => Listed {
            info,
            unknown: false,
        },
        None => unknown(id, ledger),
    }
}
