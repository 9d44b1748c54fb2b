//! `branches`: the revisions that several follow.

use clap::Args;
use limbeck::graph::RevisionId;

use super::revision_list::{answer, listed, rows};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::text::Writer;

/// List the revisions that several follow.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck branches")]
#[non_exhaustive]
pub struct BranchesArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,
}

impl Run for BranchesArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let rows = rows(false, &migrations, call).await?;
        let ids: Vec<RevisionId> = migrations.graph().branch_points().cloned().collect();
        let document = listed(&migrations, &ids, rows.as_deref());
        answer(
            &document,
            &migrations,
            self.verbose,
            Writer::branch,
            call.output,
        )?;
        Ok(Exit::Done)
    }
}
