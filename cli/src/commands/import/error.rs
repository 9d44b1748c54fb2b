//! Why nothing was imported.

use std::path::PathBuf;

use crate::commands::origin::Tool;
use crate::error::CliError;
use limbeck::graph::GraphError;
use limbeck::revision::RevisionErrorKind;

/// What an import stops with, always before anything was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
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
    #[error("{}: this Python did not answer for alembic: {problem}", .path.display())]
    NoAlembic { path: PathBuf, problem: String },
    #[error(
        "{}: this Python could not run the project's env.py, and nothing is written: {problem}: if that Python is \
         not the project's own, name that of its virtual environment with --python, as in \
         --python .venv/bin/python",
        .path.display()
    )]
    ProjectFailed { path: PathBuf, problem: String },
    #[error(
        "env.py wrote SQL for {found}, not for {wanted}: it takes its URL from elsewhere; set that, or leave \
         out --dialect"
    )]
    OtherDialect { wanted: String, found: String },
    #[error(
        "the steps could not be run on the database of --scratch-url, and nothing is written: {problem}: it has to be \
         an empty one of the project's kind; --offline runs them on none"
    )]
    ScratchFailed { problem: String },
    #[error("these commands have no folder: run the program `limbeck` on one")]
    NoFolder,
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> CliError {
        CliError::of(error.kind(), error)
    }
}

impl ImportError {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            ImportError::Unreadable { .. } | ImportError::NotText { .. } => "unreadable_source",
            ImportError::NoMigrations { .. } => "no_migrations",
            ImportError::Source { .. }
            | ImportError::Refused { .. }
            | ImportError::Graph { .. }
            | ImportError::OtherDialect { .. } => "refused_source",
            ImportError::SameFolder { .. } => "same_folder",
            ImportError::IsThere { .. } => "exists",
            ImportError::NoAlembic { .. } => "no_alembic",
            ImportError::ProjectFailed { .. } => "project_failed",
            ImportError::ScratchFailed { .. } => "scratch_failed",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text() {
        let path = || PathBuf::from("old/1_a.sql");
        let io = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let words = |word: &str| word.to_owned();
        let all = [
            ImportError::Unreadable {
                path: path(),
                source: io(),
            },
            ImportError::NotText { path: path() },
            ImportError::NoMigrations {
                path: "old".into(),
                tool: Tool::Sqlx,
                hint: words("what to do"),
            },
            ImportError::source(path(), "what is wrong"),
            ImportError::Source {
                path: path(),
                line: Some(3),
                problem: words("what is wrong"),
            },
            ImportError::Refused {
                path: path(),
                line: Some(3),
                kind: Box::new(RevisionErrorKind::TransactionControl {
                    statement: words("BEGIN"),
                }),
            },
            ImportError::Refused {
                path: path(),
                line: None,
                kind: Box::new(RevisionErrorKind::MarkerInBody),
            },
            ImportError::Graph {
                path: path(),
                error: limbeck::Graph::new([limbeck::graph::Node {
                    id: "a".into(),
                    down_revision: vec!["x".into()],
                    branch_labels: Vec::new(),
                    depends_on: Vec::new(),
                }])
                .expect_err("a parent is missing"),
            },
            ImportError::SameFolder { path: "old".into() },
            ImportError::IsThere {
                revision: words("1"),
                path: path(),
            },
            ImportError::NoAlembic {
                path: "python3".into(),
                problem: words("No module named 'alembic'"),
            },
            ImportError::ProjectFailed {
                path: "python3".into(),
                problem: words("ModuleNotFoundError: No module named 'shop'"),
            },
            ImportError::OtherDialect {
                wanted: words("postgres"),
                found: words("sqlite"),
            },
            ImportError::ScratchFailed {
                problem: words("Refused: the scratch database is not empty"),
            },
            ImportError::NoFolder,
        ];
        let texts: Vec<String> = all
            .iter()
            .map(|error| format!("{}: {error}", error.kind()))
            .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        unreadable_source: old/1_a.sql: could not be read
        unreadable_source: old/1_a.sql: is no UTF-8 text: save it as UTF-8
        no_migrations: old: no migrations of sqlx are in it: what to do
        refused_source: old/1_a.sql: what is wrong
        refused_source: old/1_a.sql:3: what is wrong
        refused_source: old/1_a.sql:3: `BEGIN` begins or ends a transaction: limbeck begins and commits by itself: take it out; SAVEPOINT is allowed in a section without the word `autocommit`, and in one with it each statement commits alone
        refused_source: old/1_a.sql: a section's body holds a line that begins a section of its own: indent the line
        refused_source: old/1_a.sql: revision `a` has `x` in its down_revision, which is not there
        same_folder: old: this is the folder that is read, and it is never written to: name another one for the revision files with --dir
        exists: revision 1 is in old/1_a.sql already: import into an empty folder
        no_alembic: python3: this Python did not answer for alembic: No module named 'alembic'
        project_failed: python3: this Python could not run the project's env.py, and nothing is written: ModuleNotFoundError: No module named 'shop': if that Python is not the project's own, name that of its virtual environment with --python, as in --python .venv/bin/python
        refused_source: env.py wrote SQL for sqlite, not for postgres: it takes its URL from elsewhere; set that, or leave out --dialect
        scratch_failed: the steps could not be run on the database of --scratch-url, and nothing is written: Refused: the scratch database is not empty: it has to be an empty one of the project's kind; --offline runs them on none
        no_folder: these commands have no folder: run the program `limbeck` on one
        ");
    }
}
