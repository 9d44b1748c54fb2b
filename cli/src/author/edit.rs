//! `edit`: a revision's file in the user's editor.

use std::path::PathBuf;

use clap::Args;

use super::error::AuthorError;
use super::{answer, editor, folder};
use crate::context::Context;
use crate::error::CliError;
use crate::lists::named;
use crate::output::Output;

/// Arguments of `edit`.
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

pub(crate) async fn edit(
    args: &EditArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    folder(context)?;
    let migrations = context.migrations()?;
    let (ids, _) = named(&args.revision, &migrations, context, output).await?;
    let paths: Vec<PathBuf> = ids
        .iter()
        .filter_map(|id| migrations.get(id))
        .map(|revision| PathBuf::from(revision.path()))
        .collect();
    if paths.is_empty() {
        return Err(AuthorError::NoRevision {
            expression: args.revision.clone(),
        }
        .into());
    }
    editor::open(paths.clone()).await?;
    answer("edited", &paths, &context.migrations()?, output)?;
    Ok(0)
}
