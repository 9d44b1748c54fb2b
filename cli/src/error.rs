//! Why a command stopped, and how that is told.

use std::error::Error as StdError;
use std::fmt::Write as _;

use limbeck::error::UrlError;
use limbeck::{Dialect, Error};

use crate::commands::{AdoptError, AuthorError, ImportError};
use crate::files::FileError;
use crate::paint;
use crate::redact::Redactor;
use crate::tls;

/// What a command stops with.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// limbeck's own.
    #[error(transparent)]
    Limbeck(#[from] Error),
    /// No revision was written or opened.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// A revision file was not written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another tool's migrations could not be taken over.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A database of another tool's could not be taken over.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// A command that needs a database was given none.
    #[error(
        "no database is named: give --database-url, or set DATABASE_URL in the environment or a .env file{}",
        if *.unreadable_dotenv { " (the .env file has a line that cannot be read)" } else { "" }
    )]
    NoUrl { unreadable_dotenv: bool },
    /// The URL names no database.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The program was built without this database.
    #[error(
        "this program was built without {dialect}: build it with the feature `{}` of limbeck-cli",
        feature(*.dialect)
    )]
    LeftOut { dialect: Dialect },
    /// The URL cannot be read.
    #[error("the database URL cannot be read{}", tls::modes(.source))]
    InvalidUrl { source: sqlx::Error },
    /// No connection. Where no retry helps, with the reason.
    #[error("no connection to {database}{}", .reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Connect {
        database: String,
        reason: Option<String>,
        source: sqlx::Error,
    },
    /// The server did not answer in time.
    #[error("no connection to {database}: it did not answer within {seconds} s")]
    ConnectTimeout { database: String, seconds: u64 },
    /// The desired schema's file.
    #[error("the desired schema, {path}, could not be read: --schema names another file")]
    UnreadableSchema {
        path: String,
        source: std::io::Error,
    },
    /// A script of no database in particular.
    #[error("what the script is for is not known: give --dialect, or a database URL")]
    NoDialect,
    /// The person at the terminal said no.
    #[error("nothing was changed: the downgrade was not confirmed")]
    NotConfirmed,
    /// Options that exclude each other in a way that clap cannot say.
    #[error("{0}")]
    Usage(String),
    /// Standard output or input failed.
    #[error("standard input or output failed")]
    Io(#[from] std::io::Error),
    /// The answer is no JSON.
    #[error("the answer could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<limbeck::target::TargetError> for CliError {
    fn from(error: limbeck::target::TargetError) -> Self {
        CliError::Limbeck(error.into())
    }
}

impl From<limbeck::migrations::MigrationsError> for CliError {
    fn from(error: limbeck::migrations::MigrationsError) -> Self {
        CliError::Limbeck(error.into())
    }
}

impl CliError {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            CliError::Limbeck(error) => error.kind(),
            CliError::Author(error) => error.kind(),
            CliError::File(error) => error.kind(),
            CliError::Import(error) => error.kind(),
            CliError::Adopt(error) => error.kind(),
            CliError::NoUrl { .. } => "no_database_url",
            CliError::LeftOut { .. } => "left_out",
            CliError::Url(_) | CliError::InvalidUrl { .. } => "invalid_database_url",
            CliError::Connect {
                reason: Some(_), ..
            } => "rejected",
            CliError::Connect { .. } | CliError::ConnectTimeout { .. } => "connection",
            CliError::UnreadableSchema { .. } => "unreadable_schema",
            CliError::NoDialect => "no_dialect",
            CliError::NotConfirmed => "not_confirmed",
            CliError::Usage(_) => "usage",
            CliError::Io(_) => "io",
            CliError::Json(_) => "json",
        }
    }

    /// Whether the one who reads standard output has gone: nothing is wrong then.
    pub(super) fn is_closed_output(&self) -> bool {
        matches!(self, CliError::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// 2 for wrong usage, else 1.
    pub(super) fn exit_code(&self) -> u8 {
        if matches!(self, CliError::Usage(_)) {
            2
        } else {
            1
        }
    }

    /// What standard error gets: `error: …` and the causes below, or one line of JSON.
    pub(super) fn render(&self, json: bool, redactor: &Redactor) -> String {
        let causes = causes(self);
        if json {
            let mut message = self.to_string();
            for cause in causes {
                let _ = write!(message, ": {cause}");
            }
            return json_line(self.kind(), &redactor.clean(&message));
        }
        let mut text = self.to_string();
        for cause in causes {
            let _ = write!(text, "\n  caused by: {cause}");
        }
        if let CliError::Limbeck(error) = self
            && let Some(snippet) = error.snippet()
        {
            let _ = write!(text, "\n{snippet}");
        }
        format!("{} {}\n", paint::bad("error:"), redactor.clean(&text))
    }
}

/// The feature of limbeck-cli that brings a database.
fn feature(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite",
        Dialect::Postgres => "postgres",
        _ => "mysql",
    }
}

/// The last line of standard error under `--json`.
pub(super) fn json_line(kind: &str, message: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_left_out_names_its_feature() {
        for (dialect, feature) in [
            (Dialect::Sqlite, "sqlite"),
            (Dialect::Postgres, "postgres"),
            (Dialect::Mysql, "mysql"),
            (Dialect::Mariadb, "mysql"),
        ] {
            let error = CliError::LeftOut { dialect };
            let expected = format!(
                "this program was built without {dialect}: build it with the feature `{feature}` of limbeck-cli"
            );
            assert_eq!((error.kind(), error.to_string()), ("left_out", expected));
        }
    }
}
