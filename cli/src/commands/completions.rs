//! `completions`: the script that lets a shell complete the commands.

use clap::Args;

use super::program_text::{answer, program};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::options::Uses;

/// Print what a shell needs to complete these commands.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck completions bash > /etc/bash_completion.d/limbeck")]
#[non_exhaustive]
pub struct CompletionsArgs {
    /// Which shell.
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

impl Run for CompletionsArgs {
    const USES: Uses = Uses::Nothing;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let mut program = program(call)?;
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut program, "limbeck", &mut text);
        answer(&text, call.output)
    }
}
