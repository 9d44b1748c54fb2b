//! `man`: the manual page.

use clap::Args;

use super::program_text::{answer, program};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::options::Uses;

/// Print the manual page.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:\n  limbeck man | man -l -")]
#[non_exhaustive]
pub struct ManArgs {}

/// One page for all commands: `man` looks for `limbeck`, not for its parts.
impl Run for ManArgs {
    const USES: Uses = Uses::Nothing;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let command = program(call)?.disable_help_subcommand(true);
        let page = clap_mangen::Man::new(command.clone());
        let mut text = Vec::new();
        page.render(&mut text)?;
        for one in command.get_subcommands() {
            let page = clap_mangen::Man::new(one.clone());
            let name = one.get_name().to_uppercase().replace('_', "\\_");
            text.extend_from_slice(format!(".SH {name}\n").as_bytes());
            page.render_description_section(&mut text)?;
            page.render_synopsis_section(&mut text)?;
            page.render_options_section(&mut text)?;
            page.render_extra_section(&mut text)?;
        }
        answer(&text, call.output)
    }
}
