//! `man`: the manual page.

use clap::{Arg, Args};

use super::program_text::{answer, program};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::options::{HEADING, Uses};

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
            let page = clap_mangen::Man::new(without_common(one.clone()));
            let name = one.get_name().to_uppercase().replace('_', "\\_");
            text.extend_from_slice(format!(".SH {name}\n").as_bytes());
            page.render_description_section(&mut text)?;
            page.render_synopsis_section(&mut text)?;
            page.render_options_section(&mut text)?;
            text.extend_from_slice(common_options(one).as_bytes());
            page.render_extra_section(&mut text)?;
        }
        answer(&text, call.output)
    }
}

/// The command without the options that the page describes once, at its begin.
fn without_common(command: clap::Command) -> clap::Command {
    command.mut_args(|option| match is_common(&option) {
        true => option.hide(true),
        false => option,
    })
}

/// A paragraph with the names of the common options that the command takes.
fn common_options(command: &clap::Command) -> String {
    let names: Vec<String> = command
        .get_arguments()
        .filter(|option| is_common(option))
        .filter_map(Arg::get_long)
        .map(|name| format!("\\fB\\-\\-{}\\fR", name.replace('-', "\\-")))
        .collect();
    format!(".PP\n{HEADING}: {}\n", names.join(", "))
}

fn is_common(option: &Arg) -> bool {
    option.get_help_heading() == Some(HEADING)
}
