//! `plan`: the steps of a run, without running it.

use clap::Args;
use limbeck::{Target, plan};

use super::run_steps::{parse_all, planned, show_plan};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;

/// Show the steps of a run, without running it.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  limbeck plan\n  limbeck plan --from= --to=billing@head\n  limbeck plan --downgrade --to=-1"
)]
#[non_exhaustive]
pub struct PlanArgs {
    /// The current heads, separated by commas, empty for a fresh database. Default: where the database is.
    #[arg(long, value_name = "HEADS", allow_hyphen_values = true)]
    pub from: Option<String>,

    /// Where to go; may be given several times. Default for an upgrade: heads.
    #[arg(
        long,
        value_name = "TARGET",
        allow_hyphen_values = true,
        required_if_eq("downgrade", "true")
    )]
    pub to: Vec<String>,

    /// Plan a downgrade.
    #[arg(long)]
    pub downgrade: bool,
}

impl Run for PlanArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let mut targets = parse_all(&self.to)?;
        if targets.is_empty() {
            targets.push(Target::heads());
        }
        if self.downgrade && targets.len() > 1 {
            return Err(CliError::usage("a downgrade has one target"));
        }
        let migrations = call.context.migrations()?;
        let plan = match &self.from {
            Some(heads) => {
                let heads: Vec<&str> = heads
                    .split(',')
                    .map(str::trim)
                    .filter(|head| !head.is_empty())
                    .collect();
                let graph = migrations.graph();
                match &targets[..] {
                    [target] if self.downgrade => plan::downgrade(graph, &heads, target)?,
                    targets => plan::upgrade(graph, &heads, targets)?,
                }
            }
            None => planned(targets, self.downgrade, &migrations, call).await?,
        };
        show_plan(&plan, &migrations, call.output)
    }
}
