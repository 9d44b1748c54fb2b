//! `heads`: the revisions that none follows.

use clap::Args;

use super::revision_list::{answer, listed, rows};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::text::Writer;

/// List the revisions that none follows.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck heads -v")]
#[non_exhaustive]
pub struct HeadsArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,

    /// Leave out what another revision consumes by depends_on: the rows of a version table that is up to date.
    #[arg(long)]
    pub resolve_dependencies: bool,
}

impl Run for HeadsArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let graph = migrations.graph();
        let ids = if self.resolve_dependencies {
            graph.effective_heads()
        } else {
            graph.heads()
        };
        let rows = rows(false, &migrations, call).await?;
        let document = listed(&migrations, &ids, rows.as_deref());
        answer(
            &document,
            &migrations,
            self.verbose,
            Writer::line,
            call.output,
        )?;
        Ok(Exit::Done)
    }
}
