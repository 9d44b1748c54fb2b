//! `stamp`: the version table, set by hand.

use clap::Args;
use limbeck::plan::Purge;
use limbeck::target::{Bound, TargetError};
use limbeck::{Range, Target};

use super::run_steps::{ScriptArgs, finish, parse_all, script};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;

/// Say that the database is at these revisions, without running anything.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  limbeck stamp head\n  limbeck stamp --purge 1a6f")]
#[non_exhaustive]
pub struct StampArgs {
    /// Where the database is said to be.
    #[arg(value_name = "REV", required = true, allow_negative_numbers = true)]
    pub revisions: Vec<String>,

    /// Remove all rows of the version table first, also those that these files do not know.
    #[arg(long)]
    pub purge: bool,

    /// Whether a script is wanted.
    #[command(flatten)]
    pub script: ScriptArgs,
}

impl Run for StampArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let purge = if self.purge {
            Purge::Clear
        } else {
            Purge::Keep
        };
        if self.script.sql {
            let (from, to) = match &self.revisions[..] {
                [range] if range.contains(':') => ends(range)?,
                revisions => (Vec::new(), parse_all(revisions)?),
            };
            return script(&self.script, call, |database| {
                database.stamp_sql(&from, &to, purge)
            });
        }
        let targets = parse_all(&self.revisions)?;
        let migrations = call.context.migrations()?;
        let opened = call.open(Access::Write, &migrations).await?;
        let report = opened.database.stamp(targets, purge).await;
        finish(opened, report, &migrations, call.output).await
    }
}

/// Both ends of a stamp's range.
fn ends(text: &str) -> Result<(Vec<Target>, Vec<Target>), TargetError> {
    let range: Range = text.parse()?;
    let end = |bound: &Bound, open: Vec<Target>| match bound {
        Bound::Open => Ok(open),
        Bound::At(target) => Ok(vec![target.clone()]),
        Bound::Current => Err(TargetError::Malformed {
            expression: text.to_owned(),
            reason: "a script is written without a database: `current` means nothing there",
        }),
    };
    Ok((
        end(range.lower(), Vec::new())?,
        end(range.upper(), vec![Target::heads()])?,
    ))
}
