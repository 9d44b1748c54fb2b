//! `show`: all that the files say of revisions.

use clap::Args;

use super::revision_list::{answer, listed, named};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::text::Writer;

/// Show the revisions that an identifier names: an id or a part of one, a label, heads, current, …
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  limbeck show 1a6f\n  limbeck show billing@head")]
#[non_exhaustive]
pub struct ShowArgs {
    /// The identifier.
    #[arg(value_name = "REV", allow_negative_numbers = true)]
    pub revision: String,
}

impl Run for ShowArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let (ids, rows) = named(&self.revision, &migrations, call).await?;
        let document = listed(&migrations, &ids, rows.as_deref());
        answer(&document, &migrations, true, Writer::line, call.output)?;
        Ok(Exit::Done)
    }
}
