//! A call of a command, and how it ends.

use std::process::ExitCode;
use std::time::Duration;

use limbeck::Migrations;

use crate::connect::{Access, Opened};
use crate::context::Context;
use crate::error::CliError;
use crate::options::Uses;
use crate::output::Output;
use crate::progress;

/// A command: implemented by its arguments.
pub(crate) trait Run {
    /// The common options that it uses. By itself all of them.
    const USES: Uses = Uses::Database;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError>;

    /// A URL beside the database's, whose password is printed no more than that one's.
    fn scratch_url(&self) -> Option<&str> {
        None
    }
}

impl<R: Run> Run for Box<R> {
    const USES: Uses = R::USES;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        R::run(self, call).await
    }

    fn scratch_url(&self) -> Option<&str> {
        R::scratch_url(self)
    }
}

/// How a command that did its work ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// Something is as `check` or `current --check-heads` asks.
    Found,
    /// Another program's code, which is this one's too.
    Of(u8),
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Found => 3,
            Exit::Of(code) => code,
        }
    }
}

/// The surroundings of a command.
pub(crate) struct Call<'a> {
    pub context: &'a dyn Context,
    pub output: &'a Output,
    /// The whole command line, where it is limbeck's own.
    pub program: Option<fn() -> clap::Command>,
}

impl Call<'_> {
    /// Runs a command and prints its answer, or its error.
    pub(crate) async fn execute(&self, command: &impl Run) -> ExitCode {
        ExitCode::from(match command.run(self).await {
            Ok(exit) => exit.code(),
            Err(error) => tell(&error, self.output),
        })
    }

    /// Opens the database for a command that cannot do without.
    pub(crate) async fn open(
        &self,
        access: Access,
        migrations: &Migrations,
    ) -> Result<Opened, CliError> {
        let observer = progress::observer(migrations.clone(), self.output.clone());
        let opened = self
            .context
            .open(migrations.clone(), access, Duration::MAX, Some(observer))
            .await?;
        if let Some(file) = &opened.missing_file {
            self.output.note(&format!(
                "note: there is no file {file} yet: it counts as an empty database"
            ));
        }
        Ok(opened)
    }
}

/// Tells an error on standard error, and gives the exit code.
pub(crate) fn tell(error: &CliError, output: &Output) -> u8 {
    if error.is_closed_output() {
        return 0;
    }
    let text = error.render(output.is_json(), output.redactor());
    output.error(&text);
    error.exit_code()
}
