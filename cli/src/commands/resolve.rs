//! `resolve`: answers of a person to what a run cannot know.

use clap::Args;
use limbeck::graph::RevisionId;
use limbeck::{Resolution, plan};
use serde::Serialize;

use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;

/// Settle what a run cannot: an interrupted statement, a step that is given up, an edit that is meant.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck resolve 1a6f --applied")]
#[non_exhaustive]
pub struct ResolveArgs {
    /// The revision of the unfinished step, or the one that was edited.
    #[arg(value_name = "REV")]
    pub revision: String,

    /// The answer.
    #[command(flatten)]
    pub answer: Answer,
}

/// What a person found, one of these.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
#[non_exhaustive]
pub struct Answer {
    /// The interrupted statement took effect: the step goes on after it.
    #[arg(long)]
    pub applied: bool,

    /// The interrupted statement did not take effect: it runs again.
    #[arg(long)]
    pub not_applied: bool,

    /// The unfinished step is given up: what it did was undone by hand.
    #[arg(long)]
    pub abandoned: bool,

    /// The edit of the applied revision is meant: its new checksum is recorded.
    #[arg(long)]
    pub accept: bool,
}

/// What `resolve` settled.
#[derive(Debug, Serialize)]
struct ResolveDocument<'a> {
    revision: &'a str,
    resolution: Resolution,
}

impl Run for ResolveArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let answer = &self.answer;
        let resolution = match (answer.applied, answer.not_applied, answer.abandoned) {
            (true, _, _) => Resolution::Applied,
            (_, true, _) => Resolution::NotApplied,
            (_, _, true) => Resolution::Abandoned,
            _ => Resolution::Accepted,
        };
        let migrations = call.context.migrations()?;
        // A step of a revision that the files do not hold can be settled too: by its full id.
        let named = match self.revision.parse() {
            Ok(target) => plan::resolve(migrations.graph(), &target).unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let revision: RevisionId = match &named[..] {
            [one] => RevisionId::clone(one),
            _ => RevisionId::from(&*self.revision),
        };
        let opened = call.open(Access::Write, &migrations).await?;
        let settled = opened.database.resolve(&revision, resolution).await;
        opened.close().await;
        settled?;
        let document = ResolveDocument {
            revision: &revision,
            resolution,
        };
        call.output.answer(&document, || match resolution {
            Resolution::Applied => {
                format!(
                    "{revision}: the interrupted statement counts as done; run the command again\n"
                )
            }
            Resolution::NotApplied => {
                format!(
                    "{revision}: the interrupted statement will run again; run the command again\n"
                )
            }
            Resolution::Abandoned => format!("{revision}: the unfinished step is given up\n"),
            Resolution::Accepted => format!("{revision}: its new checksum is recorded\n"),
            _ => format!("{revision}: settled\n"),
        })?;
        Ok(Exit::Done)
    }
}
