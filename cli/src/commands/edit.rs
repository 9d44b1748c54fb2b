//! `edit`: a revision's file in the user's editor.

use std::path::PathBuf;

use clap::Args;

use super::authoring::{AuthorError, answer, editor, folder};
use super::revision_list::named;
use crate::call::{Call, Exit, Run};
use crate::error::CliError;

/// Open a revision's file in the editor.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The files are checked when the editor ends. A revision that is applied somewhere is better \
                  left as it is: databases notice the edit, and refuse to run until `limbeck resolve REV \
                  --accept`.\n\n\
                  Examples:\n  \
                  limbeck edit head\n  \
                  EDITOR='code --wait' limbeck edit 1a6f"
)]
#[non_exhaustive]
pub struct EditArgs {
    /// The revision: an id or a part of one, a label, head, heads, current, …
    #[arg(value_name = "REV", allow_negative_numbers = true)]
    pub revision: String,
}

impl Run for EditArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        folder(call.context)?;
        let migrations = call.context.migrations()?;
        let (ids, _) = named(&self.revision, &migrations, call).await?;
        let paths: Vec<PathBuf> = ids
            .iter()
            .filter_map(|id| migrations.get(id))
            .map(|revision| PathBuf::from(revision.path()))
            .collect();
        if paths.is_empty() {
            return Err(AuthorError::NoRevision {
                expression: self.revision.clone(),
            }
            .into());
        }
        editor::open(paths.clone()).await?;
        answer("edited", &paths, &call.context.migrations()?, call.output)?;
        Ok(Exit::Done)
    }
}
