//! Why nothing was imported.

use std::path::PathBuf;

use super::origin::Tool;
use crate::graph::GraphError;
use crate::revision::RevisionErrorKind;

/// What an import stops with, always before anything was written, but for [`ImportError::Write`].
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ImportError {
    #[error("{}: could not be read", .path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: is no UTF-8 text: save it as UTF-8", .path.display())]
    NotText { path: PathBuf },
    #[error("{}: no migrations of {tool} are in it: {hint}", .path.display())]
    NoMigrations {
        path: PathBuf,
        tool: Tool,
        hint: String,
    },
    /// What the other tool's file says, or how it is named.
    #[error("{}: {problem}", place(.path, *.line))]
    Source {
        path: PathBuf,
        line: Option<usize>,
        problem: String,
    },
    /// What would be written is no revision file.
    #[error("{}: {kind}{}", place(.path, *.line), help(.kind))]
    Refused {
        path: PathBuf,
        line: Option<usize>,
        kind: Box<RevisionErrorKind>,
    },
    #[error("{}: {error}", .path.display())]
    Graph { path: PathBuf, error: GraphError },
    #[error(
        "{}: this is the folder that is read, and it is never written to: name another one for the revision \
         files with --dir",
        .path.display()
    )]
    SameFolder { path: PathBuf },
    #[error("revision {revision} is in {} already: import into an empty folder", .path.display())]
    IsThere { revision: String, path: PathBuf },
    #[error("{}: is there already, and nothing is written over it", .path.display())]
    FileIsThere { path: PathBuf },
    #[error("{}: could not be written, and no file was left behind", .path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: this Python did not answer for alembic: {problem}", .path.display())]
    NoAlembic { path: PathBuf, problem: String },
    #[error(
        "env.py wrote SQL for {found}, not for {wanted}: it takes its URL from elsewhere; set that, or leave \
         out --dialect"
    )]
    OtherDialect { wanted: String, found: String },
    #[error("these commands have no folder: run the program `limbeck` on one")]
    NoFolder,
}

impl ImportError {
    pub(in crate::cli) fn kind(&self) -> &'static str {
        match self {
            ImportError::Unreadable { .. } | ImportError::NotText { .. } => "unreadable_source",
            ImportError::NoMigrations { .. } => "no_migrations",
            ImportError::Source { .. }
            | ImportError::Refused { .. }
            | ImportError::Graph { .. }
            | ImportError::OtherDialect { .. } => "refused_source",
            ImportError::SameFolder { .. } => "same_folder",
            ImportError::IsThere { .. } | ImportError::FileIsThere { .. } => "exists",
            ImportError::Write { .. } => "io",
            ImportError::NoAlembic { .. } => "no_alembic",
            ImportError::NoFolder => "no_folder",
        }
    }

    /// An error about a whole file of the other tool's.
    pub(super) fn source(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        ImportError::Source {
            path: path.into(),
            line: None,
            problem: problem.into(),
        }
    }
}

fn place(path: &std::path::Path, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    }
}

fn help(kind: &RevisionErrorKind) -> String {
    kind.help()
        .map_or_else(String::new, |help| format!(": {help}"))
}
