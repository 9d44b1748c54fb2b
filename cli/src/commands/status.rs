//! `status`: the state of the database.

use clap::Args;
use limbeck::Status;
use limbeck::graph::RevisionId;
use serde::Serialize;

use crate::call::{Call, Exit, Run};
use crate::code;
use crate::connect::Access;
use crate::error::CliError;
use crate::text;

/// Show where the database stands: pending, unknown, edited and unfinished revisions, and who holds the lock.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck status --json")]
#[non_exhaustive]
pub struct StatusArgs {}

/// Where the database stands.
#[derive(Debug, Serialize)]
struct StatusDocument<'a> {
    ready: bool,
    #[serde(flatten)]
    status: &'a Status,
    /// Pending, and run by a program that has the code registered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code: Vec<RevisionId>,
}

impl Run for StatusArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let opened = call.open(Access::Read, &migrations).await?;
        let status = opened.database.status().await;
        opened.close().await;
        let status = status?;
        let document = StatusDocument {
            ready: status.is_ready(),
            status: &status,
            code: code::of_upgrades(&migrations, &status.pending),
        };
        call.output
            .answer(&document, || text::status(&status, &document.code))?;
        Ok(Exit::Done)
    }
}
