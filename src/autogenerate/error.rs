//! Why two schemas could not be compared.

use crate::backend::Rejection;
use crate::snippet::Snippet;

/// Why no schema was read or compared. The live database is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AutogenerateError {
    /// The catalog could not be read.
    #[error("the schema of the {what} database could not be read")]
    Reflect {
        /// `live` or `scratch`.
        what: &'static str,
        /// What the server or the connection said.
        source: sqlx::Error,
    },
    /// The catalog holds something that was not expected.
    #[error("the schema could not be read: {0}")]
    Catalog(String),
    /// A statement of the desired schema failed on the scratch database.
    #[error(
        "{path}:{line}:{column}: statement {statement} of the desired schema failed on the scratch database, \
         and nothing was changed: {message}"
    )]
    Desired {
        /// The file, or `<desired schema>`.
        path: String,
        /// Its line, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
        /// Which statement it is, from 1.
        statement: usize,
        /// What the server said.
        message: String,
        /// The line, with a mark at the place.
        snippet: Option<Box<Snippet>>,
    },
    /// The desired schema is no SQL that can be split.
    #[error("{path}:{line}:{column}: {message}")]
    Syntax {
        /// The file, or `<desired schema>`.
        path: String,
        /// Its line, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The line, with a mark at the place.
        snippet: Option<Box<Snippet>>,
    },
    /// No scratch database could be made.
    #[error(
        "no scratch database could be made: {message}; where the role may not create databases, name an empty one \
         of your own with --scratch-url"
    )]
    NoScratch {
        /// What the server said.
        message: String,
    },
    /// The URL of the user's scratch database is none.
    #[error("the scratch database's URL cannot be used: {reason}")]
    InvalidScratchUrl {
        /// What is wrong, without the URL.
        reason: String,
    },
    /// No connection to the user's scratch database.
    #[error("no connection to the scratch database")]
    ScratchConnection {
        /// What the server or the connection said.
        source: sqlx::Error,
    },
    /// The scratch database is the live one.
    #[error(
        "the scratch database is the live one ({name}): the desired schema is built on the scratch one, so it must \
         be another"
    )]
    ScratchIsLive {
        /// The database's name.
        name: String,
    },
    /// The scratch database of the user is not empty.
    #[error(
        "the scratch database {name} is not empty (it has {found}): what is in it could be lost, so name an empty one"
    )]
    ScratchNotEmpty {
        /// The database's name.
        name: String,
        /// One thing that is in it.
        found: String,
    },
    /// The connection failed.
    #[error("the connection failed")]
    Connection(#[from] sqlx::Error),
}

impl AutogenerateError {
    /// The line of the desired schema that the error is about, where it is about one.
    #[must_use]
    pub fn snippet(&self) -> Option<&Snippet> {
        match self {
            AutogenerateError::Desired { snippet, .. }
            | AutogenerateError::Syntax { snippet, .. } => snippet.as_deref(),
            _ => None,
        }
    }

    /// A short, stable name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            AutogenerateError::Reflect { .. } | AutogenerateError::Catalog(_) => {
                "reflection_failed"
            }
            AutogenerateError::Desired { .. } => "desired_schema_failed",
            AutogenerateError::Syntax { .. } => "invalid_schema_file",
            AutogenerateError::NoScratch { .. } | AutogenerateError::ScratchConnection { .. } => {
                "no_scratch"
            }
            AutogenerateError::InvalidScratchUrl { .. } => "invalid_scratch_url",
            AutogenerateError::ScratchIsLive { .. } => "scratch_is_live",
            AutogenerateError::ScratchNotEmpty { .. } => "scratch_not_empty",
            AutogenerateError::Connection(error) if Rejection::of(error).is_some() => "rejected",
            AutogenerateError::Connection(_) => "connection",
        }
    }

    /// The file of the desired schema, or what it was called, where the error is about its text.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            AutogenerateError::Desired { path, .. } | AutogenerateError::Syntax { path, .. } => {
                Some(path)
            }
            _ => None,
        }
    }
}
