//! Why a command stopped, and how that is told.

use std::error::Error as StdError;
use std::fmt::{self, Write as _};
use std::io;

use limbeck::migrations::MigrationsError;
use limbeck::target::TargetError;

use crate::paint;
use crate::redact::Redactor;

/// What a command stops with. A command's errors may have types of their own: each becomes this one in the file that
/// defines it.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: &'static str,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

const IO: &str = "io";
const USAGE: &str = "usage";

impl CliError {
    /// Of this kind, as `--json` calls it.
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> CliError {
        CliError {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// An error of a type of its own, with that one's text and causes.
    pub(crate) fn of(kind: &'static str, error: impl StdError + Send + Sync + 'static) -> CliError {
        CliError::new(kind, error.to_string()).caused_by(error)
    }

    /// Options that exclude each other in a way that clap cannot say.
    pub(crate) fn usage(message: impl Into<String>) -> CliError {
        CliError::new(USAGE, message)
    }

    /// With a cause.
    pub(crate) fn caused_by(self, source: impl StdError + Send + Sync + 'static) -> CliError {
        CliError {
            source: Some(Box::new(source)),
            ..self
        }
    }

    /// Whether the one who reads standard output has gone: nothing is wrong then.
    pub(crate) fn is_closed_output(&self) -> bool {
        self.source_of_type::<io::Error>()
            .is_some_and(|error| self.kind == IO && error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// 2 for wrong usage, else 1.
    pub(crate) fn exit_code(&self) -> u8 {
        if self.kind == USAGE { 2 } else { 1 }
    }

    fn source_of_type<E: StdError + 'static>(&self) -> Option<&E> {
        self.source.as_deref()?.downcast_ref()
    }

    /// What standard error gets: `error: …` and the causes below, or one line of JSON.
    pub(crate) fn render(&self, json: bool, redactor: &Redactor) -> String {
        let causes = causes(self);
        if json {
            let mut message = self.to_string();
            for cause in causes {
                let _ = write!(message, ": {cause}");
            }
            return json_line(self.kind, &redactor.clean(&message));
        }
        let mut text = self.to_string();
        for cause in causes {
            let _ = write!(text, "\n  caused by: {cause}");
        }
        let of_library = self.source_of_type::<limbeck::Error>();
        if let Some(snippet) = of_library.and_then(limbeck::Error::snippet) {
            let _ = write!(text, "\n{snippet}");
        }
        format!("{} {}\n", paint::bad("error:"), redactor.clean(&text))
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for CliError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        CliError::new(IO, "standard input or output failed").caused_by(error)
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> CliError {
        CliError::new("json", "the answer could not be written as JSON").caused_by(error)
    }
}

impl From<limbeck::Error> for CliError {
    fn from(error: limbeck::Error) -> CliError {
        CliError::of(error.kind(), error)
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> CliError {
        limbeck::Error::from(error).into()
    }
}

impl From<MigrationsError> for CliError {
    fn from(error: MigrationsError) -> CliError {
        limbeck::Error::from(error).into()
    }
}

/// The last line of standard error under `--json`.
pub(crate) fn json_line(kind: &str, message: &str) -> String {
    let line = serde_json::json!({ "error": { "kind": kind, "message": message } });
    format!("{line}\n")
}

/// The texts below an error's own, each said once. Of a server's errors only its message: sqlx adds the line
/// of the server's source.
fn causes(error: &dyn StdError) -> Vec<String> {
    let mut said = error.to_string();
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let of_server = cause
            .downcast_ref::<sqlx::Error>()
            .and_then(|error| error.as_database_error());
        let text = match of_server {
            Some(error) => error.message().to_owned(),
            None => cause.to_string(),
        };
        if !said.contains(&text) {
            said.push_str(&text);
            causes.push(text);
        }
        // The server's error again, as a type of its own.
        next = if of_server.is_some() {
            None
        } else {
            cause.source()
        };
    }
    causes
}
