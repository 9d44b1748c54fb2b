//! `ensure_version`: limbeck's tables, made where they are missing.

use clap::Args;
use limbeck::graph::RevisionId;
use serde::Serialize;

use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;
use crate::text;

/// Create limbeck's tables where they are missing.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck ensure_version --database-url sqlite:app.db")]
#[non_exhaustive]
pub struct EnsureVersionArgs {}

/// The heads alone.
#[derive(Debug, Serialize)]
struct HeadsDocument {
    heads: Vec<RevisionId>,
}

impl Run for EnsureVersionArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let opened = call.open(Access::Write, &migrations).await?;
        let heads = match opened.database.ensure_tables().await {
            Ok(()) => opened.database.current().await,
            Err(error) => Err(error),
        };
        opened.close().await;
        let document = HeadsDocument { heads: heads? };
        call.output
            .answer(&document, || text::heads(&document.heads))?;
        Ok(Exit::Done)
    }
}
