//! The user's editor.

use std::path::PathBuf;
use std::process::Command;

use super::error::AuthorError;

/// Opens files in the editor that `VISUAL` or else `EDITOR` names, and waits for its end.
pub(crate) async fn open(paths: Vec<PathBuf>) -> Result<(), AuthorError> {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|variable| {
        let command = std::env::var(variable).ok()?;
        (!command.trim().is_empty()).then_some(command)
    });
    let command = named.ok_or(AuthorError::NoEditor)?;
    // A person types meanwhile: no task of the runtime's may wait for that.
    let mut editor = program(&command);
    editor.args(paths);
    let waited = tokio::task::spawn_blocking(move || editor.status()).await;
    match waited.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(AuthorError::EditorFailed { command, status }),
        Err(source) => Err(AuthorError::EditorStart { command, source }),
    }
}

/// The variable may hold arguments, quoted for the shell: `code --wait`.
#[cfg(unix)]
fn program(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("{command} \"$@\""))
        .arg(command);
    shell
}

#[cfg(not(unix))]
fn program(command: &str) -> Command {
    let mut words = command.split_whitespace();
    let mut program = Command::new(words.next().unwrap_or_default());
    program.args(words);
    program
}
