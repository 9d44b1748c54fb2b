//! `upgrade`: the steps to a target above, run, shown or written as a script.

use clap::Args;
use limbeck::target::{Bound, TargetError};
use limbeck::{Range, Target};

use super::run_steps::{ScriptArgs, finish, parse_all, planned, script, show_plan};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;

/// Upgrade to a target: a revision, head, heads, +2, label@head, …
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  limbeck upgrade head\n  limbeck upgrade +1 --dry-run\n  limbeck upgrade 1a6f:head --sql --dialect postgres > upgrade.sql"
)]
#[non_exhaustive]
pub struct UpgradeArgs {
    /// Where to go; several targets are reached in one run.
    #[arg(value_name = "TARGET", required = true, allow_negative_numbers = true)]
    pub targets: Vec<String>,

    /// Show the steps and run none.
    #[arg(long, conflicts_with = "sql")]
    pub dry_run: bool,

    /// Whether a script is wanted.
    #[command(flatten)]
    pub script: ScriptArgs,
}

impl Run for UpgradeArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        if self.script.sql {
            let [target] = &self.targets[..] else {
                return Err(CliError::usage(
                    "a script has one target, or one range FROM:TO",
                ));
            };
            let range = script_range(target)?;
            return script(&self.script, call, |database| database.upgrade_sql(&range));
        }
        let targets = parse_all(&self.targets)?;
        let migrations = call.context.migrations()?;
        if self.dry_run {
            let plan = planned(targets, false, &migrations, call).await?;
            return show_plan(&plan, &migrations, call.output);
        }
        let opened = call.open(Access::Write, &migrations).await?;
        let report = opened.database.upgrade(targets).await;
        finish(opened, report, &migrations, call.output).await
    }
}

/// A range, or from an empty database to a target.
fn script_range(text: &str) -> Result<Range, TargetError> {
    if text.contains(':') {
        text.parse()
    } else {
        Ok(Range::new(Bound::Open, text.parse::<Target>()?))
    }
}
