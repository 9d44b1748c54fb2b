//! What shells and `man` read of the commands.

use clap::CommandFactory as _;
use serde::Serialize;

use super::Cli;
use super::command::CompletionsArgs;
use super::error::CliError;
use super::output::Output;

#[derive(Serialize)]
struct TextDocument {
    text: String,
}

pub(super) fn completions(args: &CompletionsArgs, output: &Output) -> Result<u8, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "limbeck", &mut text);
    answer(&text, output)
}

/// One page for all commands: `man` looks for `limbeck`, not for its parts.
pub(super) fn man(output: &Output) -> Result<u8, CliError> {
    let command = Cli::command().disable_help_subcommand(true);
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
    answer(&text, output)
}

fn answer(text: &[u8], output: &Output) -> Result<u8, CliError> {
    let document = TextDocument {
        text: String::from_utf8_lossy(text).into_owned(),
    };
    output.answer_raw(&document, || document.text.clone())?;
    Ok(0)
}
