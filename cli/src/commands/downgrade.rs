//! `downgrade`: the steps back to a target, run, shown or written as a script.

use clap::Args;
use limbeck::Target;
use limbeck::target::TargetError;

use super::run_steps::{ScriptArgs, finish, planned, script, show_plan};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;
use crate::text;

/// Undo everything above a target: a revision, base, -1, label@base, …
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  limbeck downgrade -1\n  limbeck downgrade base --yes\n  limbeck downgrade head:1a6f --sql"
)]
#[non_exhaustive]
pub struct DowngradeArgs {
    /// The revision that stays, or base. With --sql a range, FROM:TO.
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    pub target: String,

    /// Show the steps and run none.
    #[arg(long, conflicts_with = "sql")]
    pub dry_run: bool,

    /// Do not ask, on a terminal, whether the steps shown are meant.
    #[arg(long)]
    pub yes: bool,

    /// Whether a script is wanted.
    #[command(flatten)]
    pub script: ScriptArgs,
}

impl Run for DowngradeArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        if self.script.sql {
            let range = if self.target.contains(':') {
                self.target.parse()?
            } else {
                return Err(TargetError::Malformed {
                    expression: self.target.clone(),
                    reason: "a downgrade's script needs both ends: `from:to`",
                }
                .into());
            };
            return script(&self.script, call, |database| {
                database.downgrade_sql(&range)
            });
        }
        let target: Target = self.target.parse()?;
        let migrations = call.context.migrations()?;
        if self.dry_run {
            let plan = planned(vec![target], true, &migrations, call).await?;
            return show_plan(&plan, &migrations, call.output);
        }
        let opened = call.open(Access::Write, &migrations).await?;
        if !self.yes && call.output.can_ask() {
            let plan = opened.database.plan_downgrade(target.clone()).await?;
            if !plan.is_empty() {
                let shown = text::plan(&migrations, &plan);
                if !call.output.confirm(&format!("{shown}Undo this?"))? {
                    return Err(CliError::new(
                        "not_confirmed",
                        "nothing was changed: the downgrade was not confirmed",
                    ));
                }
            }
        }
        let report = opened.database.downgrade(target).await;
        finish(opened, report, &migrations, call.output).await
    }
}
