//! The one error above those of the layers, and theirs.

use std::error::Error as StdError;
use std::fmt;

pub use crate::aim::TargetError;
#[cfg(feature = "autogenerate")]
pub use crate::autogenerate::AutogenerateError;
#[cfg(feature = "_sqlx")]
pub use crate::backend::Rejection;
pub use crate::dialect::{UnknownDialect, UrlError};
#[cfg(feature = "_sqlx")]
pub use crate::executor::{
    Aftermath, DatabaseState, RunError, StatementError, Unfinished, UnfinishedReason, Violation,
};
pub use crate::graph::GraphError;
pub use crate::migrations::MigrationsError;
pub use crate::prepare::RefusedError;
pub use crate::revision::{RevisionError, RevisionErrorKind};
pub use crate::snippet::Snippet;
pub use crate::standing::StandingError;

/// Any error of limbeck's.
///
/// Each layer has its own enum, and this holds them. What most callers ask is answered here:
/// [`revision`](Error::revision), [`path`](Error::path), [`kind`](Error::kind) and the `is_…` methods.
///
/// `{}` is the error in as many lines as it takes, without its [`source`](std::error::Error::source). `{:#}` is one line, with
/// its causes. [`snippet`](Error::snippet) shows the line of a file that it is about.
///
/// ```no_run
/// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
/// use limbeck::Error;
/// use limbeck::error::{DatabaseState, RunError};
///
/// match migrator.upgrade_to_head().await {
///     Err(error) if error.is_connection() => eprintln!("later again: {error:#}"),
///     Err(Error::Run(error)) => {
///         if let RunError::Statement(failed) = &*error {
///             eprintln!("{}:{}: {}", failed.path, failed.line, failed.message);
///         }
///         if error.state() == DatabaseState::RolledBack {
///             eprintln!("nothing is left of the step");
///         }
///         return Err(Error::Run(error));
///     }
///     other => drop(other?),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A file is no revision file.
    Revision(RevisionError),
    /// Files do not form a set that can be run.
    Migrations(MigrationsError),
    /// A target leads nowhere.
    Target(TargetError),
    /// A step was refused before the first write.
    Refused(RefusedError),
    /// The database is where this binary must not run.
    Standing(StandingError),
    /// A run stopped.
    #[cfg(feature = "_sqlx")]
    Run(Box<RunError>),
    /// The database's schema could not be compared with the desired one.
    #[cfg(feature = "autogenerate")]
    Autogenerate(crate::autogenerate::AutogenerateError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            f.write_str(&one_line(self))
        } else {
            fmt::Display::fmt(self.layer(), f)
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.layer().source()
    }
}

/// The error and its causes, each said once, in one line.
fn one_line(error: &dyn StdError) -> String {
    let mut line = joined(&error.to_string());
    let mut next = error.source();
    while let Some(cause) = next {
        let of_server = server_message(cause);
        let is_last = of_server.is_some();
        let text = joined(&of_server.unwrap_or_else(|| cause.to_string()));
        if !line.contains(&text) {
            let ends = line.trim_end_matches(['.', ';']).len();
            line.truncate(ends);
            line.push_str(": ");
            line.push_str(&text);
        }
        // Below sqlx's error stands the server's again, with the line of the server's source.
        next = cause.source().filter(|_| !is_last);
    }
    line
}

/// The message of a server's error, which sqlx wraps.
fn server_message(cause: &(dyn StdError + 'static)) -> Option<String> {
    #[cfg(feature = "_sqlx")]
    if let Some(error) = cause.downcast_ref::<sqlx::Error>() {
        return Some(error.as_database_error()?.message().to_owned());
    }
    let _ = cause;
    None
}

/// The lines of a text as one.
fn joined(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match all.chars().last() {
            None => {}
            Some(':' | '.' | ';' | ',' | '?' | '!') => all.push(' '),
            Some(_) => all.push_str("; "),
        }
        all.push_str(line);
    }
    all
}

impl From<RevisionError> for Error {
    fn from(error: RevisionError) -> Self {
        Error::Revision(error)
    }
}

impl From<MigrationsError> for Error {
    fn from(error: MigrationsError) -> Self {
        Error::Migrations(error)
    }
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        Error::Target(error)
    }
}

impl From<RefusedError> for Error {
    fn from(error: RefusedError) -> Self {
        Error::Refused(error)
    }
}

impl From<StandingError> for Error {
    fn from(error: StandingError) -> Self {
        Error::Standing(error)
    }
}

#[cfg(feature = "autogenerate")]
impl From<crate::autogenerate::AutogenerateError> for Error {
    fn from(error: crate::autogenerate::AutogenerateError) -> Self {
        Error::Autogenerate(error)
    }
}

#[cfg(feature = "_sqlx")]
impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        Error::Run(Box::new(error))
    }
}

#[cfg(feature = "_sqlx")]
impl From<crate::executor::Error> for Error {
    fn from(error: crate::executor::Error) -> Self {
        use crate::executor::Error as Layer;
        match error {
            Layer::Target(error) => Error::Target(error),
            Layer::Refused(error) => Error::Refused(error),
            Layer::Standing(error) => Error::Standing(error),
            Layer::Run(error) => Error::Run(error),
        }
    }
}

impl Error {
    /// The error of the layer.
    fn layer(&self) -> &(dyn StdError + 'static) {
        match self {
            Error::Revision(error) => error,
            Error::Migrations(error) => error,
            Error::Target(error) => error,
            Error::Refused(error) => error,
            Error::Standing(error) => error,
            #[cfg(feature = "_sqlx")]
            Error::Run(error) => &**error,
            #[cfg(feature = "autogenerate")]
            Error::Autogenerate(error) => error,
        }
    }

    /// The line of the file that the error is about, with a mark under what is wrong: for a terminal, below the error itself.
    /// None where it is about no line, or about one whose text is not at hand.
    #[must_use]
    pub fn snippet(&self) -> Option<Snippet> {
        match self {
            Error::Revision(error) | Error::Refused(RefusedError::Revision(error)) => {
                error.snippet().cloned()
            }
            Error::Migrations(error) => error.snippet().cloned(),
            Error::Target(_) | Error::Refused(_) | Error::Standing(_) => None,
            #[cfg(feature = "_sqlx")]
            Error::Run(error) => error.snippet(),
            #[cfg(feature = "autogenerate")]
            Error::Autogenerate(error) => error.snippet().cloned(),
        }
    }

    /// The revision that the error is about, where it is about one.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        match self {
            Error::Revision(_) => None,
            Error::Migrations(MigrationsError::Graph { error, .. }) => error.revision(),
            Error::Migrations(
                MigrationsError::Duplicate { revision, .. }
                | MigrationsError::UnknownRequiredBinary { revision, .. },
            ) => Some(revision),
            Error::Migrations(_) | Error::Target(_) => None,
            Error::Refused(error) => error.revision(),
            Error::Standing(
                StandingError::BinaryTooOld { revision, .. }
                | StandingError::UnknownRevision { revision },
            ) => Some(revision),
            Error::Standing(_) => None,
            #[cfg(feature = "_sqlx")]
            Error::Run(error) => error.revision(),
            #[cfg(feature = "autogenerate")]
            Error::Autogenerate(_) => None,
        }
    }

    /// The file that the error is about, where it is about one: as text, like each path that limbeck answers with. What is no
    /// Unicode in it is U+FFFD.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Error::Revision(error) => Some(error.path()),
            Error::Migrations(error) => error.path(),
            Error::Refused(error) => error.path(),
            Error::Target(_) | Error::Standing(_) => None,
            #[cfg(feature = "_sqlx")]
            Error::Run(error) => error.path(),
            #[cfg(feature = "autogenerate")]
            Error::Autogenerate(error) => error.path(),
        }
    }

    /// The state in which the error leaves the database: as data what the message says in words.
    #[cfg(feature = "_sqlx")]
    #[must_use]
    pub fn state(&self) -> DatabaseState {
        match self {
            Error::Run(error) => error.state(),
            Error::Refused(_) | Error::Standing(_) => DatabaseState::Unchanged,
            #[cfg(feature = "autogenerate")]
            Error::Autogenerate(_) => DatabaseState::Unchanged,
            Error::Revision(_) | Error::Migrations(_) | Error::Target(_) => {
                DatabaseState::NothingSent
            }
        }
    }

    /// A short, stable name of the error, as the command line's `--json` gives it: for a target one of
    /// [`TargetError::kind`], else the variant's.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Error::Revision(_) => "invalid_file",
            Error::Migrations(MigrationsError::Revision(_)) => "invalid_file",
            Error::Migrations(MigrationsError::Io { .. }) => "io",
            Error::Migrations(MigrationsError::Subfolder { .. }) => "subfolder",
            Error::Migrations(_) => "invalid_graph",
            Error::Target(error) => error.kind(),
            Error::Refused(error) => error.kind(),
            Error::Standing(error) => error.kind(),
            #[cfg(feature = "_sqlx")]
            Error::Run(error) => error.kind(),
            #[cfg(feature = "autogenerate")]
            Error::Autogenerate(error) => error.kind(),
        }
    }

    /// Tells whether the lock, or limbeck's own tables, which others had locked, were not to be had in time.
    #[must_use]
    pub fn is_lock_timeout(&self) -> bool {
        matches!(self.kind(), "lock_timeout" | "blocked")
    }

    /// Whether an applied revision was edited since.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        matches!(self, Error::Standing(StandingError::Drift { .. }))
    }

    /// Whether the database and this binary have gone different ways.
    #[must_use]
    pub fn is_diverged(&self) -> bool {
        matches!(self, Error::Standing(StandingError::Diverged { .. }))
    }

    /// Whether the target is not applied yet, for callers that only verify.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        matches!(self, Error::Standing(StandingError::Behind { .. }))
    }

    /// Whether a statement of a revision failed.
    #[must_use]
    pub fn is_statement(&self) -> bool {
        self.kind() == "statement_failed"
    }

    /// Whether the connection failed, and the same call may work later. A wrong password, an unknown database and whatever
    /// else no retry helps against is [`RunError::Rejected`].
    #[must_use]
    pub fn is_connection(&self) -> bool {
        self.kind() == "connection"
    }

    /// Whether another process moved the heads under a downgrade or stamp.
    #[must_use]
    pub fn is_heads_moved(&self) -> bool {
        self.kind() == "heads_moved"
    }
}

#[cfg(all(test, feature = "_sqlx"))]
mod tests;
