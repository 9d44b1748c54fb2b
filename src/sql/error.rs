//! Why a text cannot be split.

use super::lexer::MAX_DELIMITER;

/// A text that cannot be split into statements, with the place where that shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct SplitError {
    kind: SplitErrorKind,
    offset: usize,
}

impl SplitError {
    pub(super) fn new(kind: SplitErrorKind, offset: usize) -> Self {
        SplitError { kind, offset }
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> &SplitErrorKind {
        &self.kind
    }

    /// The byte offset of what is wrong: where the thing that never ends begins.
    /// [`position`](super::position) makes a line and a column of it.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// What keeps a text from being split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitErrorKind {
    /// A string literal without its closing quote.
    #[error("a string is not closed")]
    UnterminatedString,
    /// A quoted identifier without its closing quote.
    #[error("a quoted identifier is not closed")]
    UnterminatedIdentifier,
    /// A block comment without its `*/`. SQLite lets a comment run to the end of the text, so there
    /// this is no error.
    #[error("a comment is not closed")]
    UnterminatedComment,
    /// A dollar-quoted string without its second tag.
    #[error("a dollar-quoted string is not closed: `{tag}` does not stand there again")]
    UnterminatedDollarQuote {
        /// The opening tag with its dollar signs.
        tag: String,
    },
    /// PostgreSQL: a parenthesis that is never closed, so that no `;` after it can end a statement.
    #[error("a parenthesis is not closed")]
    UnterminatedParenthesis,
    /// A body, such as a trigger's `BEGIN`, without its `END`.
    #[error("a statement's body has no `END`")]
    UnterminatedBody,
    /// A command of the `psql` program. No server knows any of them.
    #[error("`{command}` is a command of psql, not SQL")]
    PsqlCommand {
        /// The command's name with its backslash.
        command: String,
    },
    /// A command of the program `mysql` (`mariadb`) or `sqlite3`. No server knows any of them.
    #[error("`{command}` is a command of {program}, not SQL")]
    ClientCommand {
        /// The command's name, with its dot or backslash.
        command: String,
        /// The program.
        program: &'static str,
    },
    /// A mark that git left where a merge is not resolved.
    #[error("`{mark}` marks a merge conflict that is not resolved")]
    ConflictMarker {
        /// The line.
        mark: String,
    },
    /// PostgreSQL: `COPY … FROM STDIN`. Its rows travel outside the SQL text, so that it cannot work
    /// in a file.
    #[error("`COPY … FROM STDIN` takes its rows from a client: use INSERT")]
    CopyFromStdin,
    /// MySQL, MariaDB: a backslash before a quote, where the server's `NO_BACKSLASH_ESCAPES` decides which statements
    /// the text holds.
    #[error(
        "a backslash before a quote: under `NO_BACKSLASH_ESCAPES` this would be several statements; write a quote in \
         a string as two, and no backslash at its end"
    )]
    AmbiguousBackslash,
    /// MySQL: a `DELIMITER` command whose argument cannot be used.
    #[error(
        "`{delimiter}` cannot be a delimiter: one to {MAX_DELIMITER} bytes without backslash can"
    )]
    InvalidDelimiter {
        /// The argument, quotes removed.
        delimiter: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every variant's text, in one table.
    #[test]
    fn texts() {
        let all = [
            SplitErrorKind::UnterminatedString,
            SplitErrorKind::UnterminatedIdentifier,
            SplitErrorKind::UnterminatedComment,
            SplitErrorKind::UnterminatedDollarQuote {
                tag: "$body$".to_owned(),
            },
            SplitErrorKind::UnterminatedParenthesis,
            SplitErrorKind::UnterminatedBody,
            SplitErrorKind::PsqlCommand {
                command: "\\restrict".to_owned(),
            },
            SplitErrorKind::ClientCommand {
                command: ".read".to_owned(),
                program: "sqlite3",
            },
            SplitErrorKind::ConflictMarker {
                mark: "<<<<<<< HEAD".to_owned(),
            },
            SplitErrorKind::CopyFromStdin,
            SplitErrorKind::AmbiguousBackslash,
            SplitErrorKind::InvalidDelimiter {
                delimiter: "\\".to_owned(),
            },
        ];
        // A new variant must be added above: this match then stops compiling.
        let _ = |kind: &SplitErrorKind| match kind {
            SplitErrorKind::UnterminatedString
            | SplitErrorKind::UnterminatedIdentifier
            | SplitErrorKind::UnterminatedComment
            | SplitErrorKind::UnterminatedDollarQuote { .. }
            | SplitErrorKind::UnterminatedParenthesis
            | SplitErrorKind::UnterminatedBody
            | SplitErrorKind::PsqlCommand { .. }
            | SplitErrorKind::ClientCommand { .. }
            | SplitErrorKind::ConflictMarker { .. }
            | SplitErrorKind::CopyFromStdin
            | SplitErrorKind::AmbiguousBackslash
            | SplitErrorKind::InvalidDelimiter { .. } => (),
        };
        let texts: Vec<String> = all
            .into_iter()
            .map(|kind| SplitError::new(kind, 0).to_string())
            .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        a string is not closed
        a quoted identifier is not closed
        a comment is not closed
        a dollar-quoted string is not closed: `$body$` does not stand there again
        a parenthesis is not closed
        a statement's body has no `END`
        `\restrict` is a command of psql, not SQL
        `.read` is a command of sqlite3, not SQL
        `<<<<<<< HEAD` marks a merge conflict that is not resolved
        `COPY … FROM STDIN` takes its rows from a client: use INSERT
        a backslash before a quote: under `NO_BACKSLASH_ESCAPES` this would be several statements; write a quote in a string as two, and no backslash at its end
        `\` cannot be a delimiter: one to 15 bytes without backslash can
        ");
    }
}
