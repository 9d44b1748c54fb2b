//! Texts about the program itself, for shells and `man`.

use serde::Serialize;

use super::with_own_options;
use crate::call::{Call, Exit};
use crate::error::CliError;
use crate::output::Output;

#[derive(Serialize)]
struct TextDocument {
    text: String,
}

pub(super) fn answer(text: &[u8], output: &Output) -> Result<Exit, CliError> {
    let document = TextDocument {
        text: String::from_utf8_lossy(text).into_owned(),
    };
    output.answer_raw(&document, || document.text.clone())?;
    Ok(Exit::Done)
}

/// The whole command line of the program, where this is the program. A command has the options that it takes.
pub(super) fn program(call: &Call<'_>) -> Result<clap::Command, CliError> {
    match call.program {
        Some(program) => Ok(with_own_options(program())),
        None => Err(CliError::usage(
            "these would be the program limbeck's: a service makes its own, of its whole parser, with clap_complete \
             and clap_mangen",
        )),
    }
}
