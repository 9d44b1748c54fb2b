//! Why no revision was written or opened.

use std::path::PathBuf;
use std::process::ExitStatus;

use limbeck::graph::{GraphError, RevisionId};
use limbeck::revision::{FileTemplateError, RevisionErrorKind};

use crate::error::CliError;
use crate::files::FileError;
use crate::text::Names;

/// What an authoring command stops with. Where it is about a new revision, nothing was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorError {
    /// The migrations are part of the program.
    #[error(
        "the migrations are compiled into this program: there is no folder to write to; use the program \
         `limbeck` with --dir, and build this one again"
    )]
    Embedded,
    /// `init` found something.
    #[error(
        "{} is not empty{}: `limbeck revision -m MESSAGE` adds to the revisions of a folder, --dir names \
         another folder",
        .path.display(),
        match .files { 0 => String::new(), 1 => " (it has 1 .sql file)".to_owned(), n => format!(" (it has {n} .sql files)") }
    )]
    NotEmpty { path: PathBuf, files: usize },
    /// Nobody said which head to go on from.
    #[error(
        "there are {} heads: {}; say with --head which one the new revision follows, or join them first \
         with `limbeck merge`",
        .heads.len(),
        Names(.heads)
    )]
    MultipleHeads { heads: Vec<RevisionId> },
    /// A new revision beside one that follows already.
    #[error(
        "`{revision}` is not a head: {} {}; --splice begins a new branch there",
        Names(.children),
        follow(.children.len())
    )]
    NotAHead {
        revision: RevisionId,
        children: Vec<RevisionId>,
    },
    /// A merge of what was built upon.
    #[error(
        "`{revision}` is not a head, and a merge joins heads: {}; --splice joins others too",
        Names(.heads)
    )]
    MergeOfNoHead {
        revision: RevisionId,
        heads: Vec<RevisionId>,
    },
    /// A merge of a revision and of what follows it.
    #[error("`{ancestor}` is below `{revision}` already: leave it out")]
    MergeOfAncestor {
        ancestor: RevisionId,
        revision: RevisionId,
    },
    /// A merge of fewer than two.
    #[error("a merge joins two heads or more, and {}", one_head(.heads))]
    NothingToMerge { heads: Vec<RevisionId> },
    /// What differs is not what the next revision is about.
    #[error(
        "the database is not at the heads of the folder: {reason}; only what differs there is for a new revision to do"
    )]
    NotAtHead { reason: String },
    /// The base, where a revision is wanted.
    #[error("`{expression}` names no revision")]
    NoRevision { expression: String },
    /// Several revisions, where one is wanted.
    #[error("`{expression}` names several revisions: {}; name one", Names(.revisions))]
    SeveralRevisions {
        expression: String,
        revisions: Vec<RevisionId>,
    },
    /// No revision file can hold it.
    #[error("nothing was written: {kind}")]
    Unwritable { kind: RevisionErrorKind },
    /// With the new one the graph would be broken.
    #[error("nothing was written: {error}")]
    Misfit { error: GraphError },
    /// The id is another file's.
    #[error("nothing was written: revision `{revision}` is in {other} already")]
    IdTaken { revision: String, other: String },
    /// The file's name.
    #[error("nothing was written: {error}")]
    Name { error: FileTemplateError },
    /// The file would not be read.
    #[error(
        "nothing was written: {name} is in a folder of its own, and those are read with --subfolders alone: give it each \
         time, or name the file without a folder"
    )]
    InFolder { name: String },
    /// The file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nobody said which editor.
    #[error("no editor is named: set VISUAL or EDITOR in the environment")]
    NoEditor,
    /// The editor did not start.
    #[error("the editor `{command}` could not be started")]
    EditorStart {
        command: String,
        source: std::io::Error,
    },
    /// The editor says that something went wrong.
    #[error("the editor `{command}` ended with {status}")]
    EditorFailed { command: String, status: ExitStatus },
}

impl From<AuthorError> for CliError {
    fn from(error: AuthorError) -> CliError {
        CliError::of(error.kind(), error)
    }
}

impl AuthorError {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            AuthorError::Embedded => "embedded",
            AuthorError::NotEmpty { .. } => "not_empty",
            AuthorError::MultipleHeads { .. } => "multiple_heads",
            AuthorError::NotAHead { .. } | AuthorError::MergeOfNoHead { .. } => "not_a_head",
            AuthorError::NothingToMerge { .. } | AuthorError::MergeOfAncestor { .. } => {
                "nothing_to_merge"
            }
            AuthorError::NotAtHead { .. } => "not_at_head",
            AuthorError::NoRevision { .. } | AuthorError::SeveralRevisions { .. } => {
                "invalid_target"
            }
            AuthorError::Unwritable { .. } => "invalid_file",
            AuthorError::Misfit { .. } | AuthorError::IdTaken { .. } => "invalid_graph",
            AuthorError::Name { .. } | AuthorError::InFolder { .. } => "file_template",
            AuthorError::File(error) => error.kind(),
            AuthorError::NoEditor
            | AuthorError::EditorStart { .. }
            | AuthorError::EditorFailed { .. } => "editor",
        }
    }
}

fn follow(children: usize) -> &'static str {
    if children == 1 {
        "follows it"
    } else {
        "follow it"
    }
}

fn one_head(heads: &[RevisionId]) -> String {
    match heads {
        [] => "there is none".to_owned(),
        [head] => format!("there is one: `{head}`"),
        _ => format!("one was named of {}", Names(heads)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paint;
    use crate::redact::Redactor;

    /// Those that no test of the binary can bring about; tests/it/cli_author.rs has the others.
    #[test]
    fn what_is_hard_to_meet_reads_well_too() {
        let errors = [
            AuthorError::Embedded,
            AuthorError::File(FileError::NoRandom {
                source: getrandom::Error::UNSUPPORTED,
            }),
            AuthorError::Name {
                error: FileTemplateError::NoDate,
            },
            AuthorError::File(FileError::Write {
                path: "migrations/a1.sql".into(),
                source: std::io::ErrorKind::StorageFull.into(),
            }),
            AuthorError::EditorStart {
                command: "vi".to_owned(),
                source: std::io::ErrorKind::NotFound.into(),
            },
        ];
        let texts = errors.map(|error| {
            let kind = error.kind();
            let told = CliError::from(error).render(false, &Redactor::default());
            let told = paint::finished(&told);
            format!("{kind}\n{}", anstream::adapter::strip_str(&told))
        });
        insta::assert_snapshot!(texts.concat(), @r"
        embedded
        error: the migrations are compiled into this program: there is no folder to write to; use the program `limbeck` with --dir, and build this one again
        io
        error: the system gives no random numbers
          caused by: getrandom: this target is not supported
        file_template
        error: nothing was written: the file's name wants a date, and the revision has no `create_date`
        io
        error: migrations/a1.sql could not be written, and no file was left behind
          caused by: no storage space
        editor
        error: the editor `vi` could not be started
          caused by: entity not found
        ");
    }
}
