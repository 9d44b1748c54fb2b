//! Text into statements.

use std::ops::Range;

use super::classify::classify;
use super::client;
use super::conflict;
use super::error::{SplitError, SplitErrorKind};
use super::kind::Class;
use super::lexer::{Backslash, Keyword, Lexer, Token};
use super::tracker::Tracker;
use crate::dialect::{Dialect, Family};

/// One statement of a text that [`split`] was given.
///
/// The pieces of all statements, one after the other, are the whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    source: &'a str,
    span: Range<usize>,
    piece: Range<usize>,
}

impl<'a> Statement<'a> {
    /// The statement from its first token to its last: without white space and comments around it and
    /// without what ended it. This is what to send to the server.
    ///
    /// A leading comment is not part of it, so a hint that is one (`pg_hint_plan`) is only in the
    /// [`piece`](Self::piece).
    #[must_use]
    pub fn text(&self) -> &'a str {
        &self.source[self.span.clone()]
    }

    /// The byte range of [`text`](Self::text) in what was split.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Everything from the end of the statement before: white space, comments, `DELIMITER` commands
    /// and empty statements, the statement, what ended it. The last one's goes to the end of the text.
    #[must_use]
    pub fn piece(&self) -> &'a str {
        &self.source[self.piece.clone()]
    }

    /// The byte range of [`piece`](Self::piece) in what was split.
    #[must_use]
    pub fn piece_span(&self) -> Range<usize> {
        self.piece.clone()
    }
}

/// Splits `sql` into its statements. Pieces without any token, such as a comment alone or what stands
/// between the semicolons of `;;`, give none; a last statement needs no semicolon.
///
/// A semicolon ends a statement unless it stands
///
/// - in a string, a quoted identifier or a comment, by the database's own rules for these: PostgreSQL's
///   `E'…'`, dollar quotes and nested comments; SQLite's brackets, and its comment that the end of the
///   text closes; MySQL's backslashes, `#` and `-- `;
/// - SQLite: in a trigger's body. As for `sqlite3_complete`, `CREATE TRIGGER` ends with `; END ;`;
/// - PostgreSQL: in parentheses (`CREATE RULE … DO (…; …)`), or in the `BEGIN ATOMIC … END` of a
///   function or procedure;
/// - MySQL and MariaDB: in the body of a procedure, function, trigger, event or package, or in a
///   compound statement such as `BEGIN NOT ATOMIC`, blocks of every kind nested in it. No `DELIMITER` is
///   needed. Where the `mysql` client's `DELIMITER` command stands, alone on its line, what it sets
///   ends statements and nothing else does. The content of `/*! … */` is code, but for the versions that
///   the server leaves out by definition (MariaDB: `/*!50700` to `/*!99999`).
///
/// # Errors
///
/// [`SplitError`] if something is opened and never closed, at the marks of a merge conflict, at a command of `psql`,
/// `mysql` or `sqlite3`, for PostgreSQL also at `COPY … FROM STDIN`, for MySQL and MariaDB also at a `DELIMITER` that cannot be one, and at a backslash
/// that makes the text ambiguous (see [below](#backslashes)).
///
/// # Backslashes
///
/// Whether the backslash of `'C:\'` or `'it\'s'` takes away the quote's meaning is a setting of the server's, which is
/// not known here: MySQL's `NO_BACKSLASH_ESCAPES`, PostgreSQL's `standard_conforming_strings`. The text is read by the
/// default. Where that cannot be right, since a string then has no end or a backslash stands outside of strings, and
/// the other reading has no such fault, the other one holds. Where both are without fault, and a MySQL or MariaDB of the
/// other setting would run several statements where one was read, the text is refused.
pub fn split(dialect: Dialect, sql: &str) -> Result<Vec<Statement<'_>>, SplitError> {
    if let Some(mark) = conflict::unresolved(sql) {
        return Err(conflict_error(sql, mark));
    }
    let default = Backslash::by_default(dialect);
    let (first, stray) = read(dialect, default, sql);
    let is_sound = first.is_ok() && stray.is_none();
    let command = stray.and_then(|at| client::at_backslash(dialect, sql, at));
    let first = first.and_then(|statements| command.map_or(Ok(statements), Err));
    if !may_depend_on_backslashes(dialect, sql) {
        return first;
    }
    let (other, stray) = read(dialect, default.other(), sql);
    let other_is_sound = other.is_ok() && stray.is_none();
    match (first, (other, other_is_sound)) {
        // PostgreSQL runs the several statements of one message in one transaction: they are as good as one.
        (Ok(statements), (Ok(others), true)) if is_sound && dialect.is_mysql_family() => {
            match several(dialect, &statements, &others) {
                None => Ok(statements),
                Some(statement) => Err(SplitError::new(
                    SplitErrorKind::AmbiguousBackslash,
                    statement.span.start + statement.text().find('\\').unwrap_or_default(),
                )),
            }
        }
        (_, (Ok(others), true)) if !is_sound => Ok(others),
        (first, _) => first,
    }
}

fn conflict_error(sql: &str, mark: Range<usize>) -> SplitError {
    let kind = SplitErrorKind::ConflictMarker {
        mark: sql[mark.clone()].chars().take(60).collect(),
    };
    SplitError::new(kind, mark.start)
}

/// Whether a backslash stands before a quote that ends a string.
fn may_depend_on_backslashes(dialect: Dialect, sql: &str) -> bool {
    match dialect.family() {
        Family::Sqlite => false,
        Family::Postgres => sql.contains("\\'"),
        Family::Mysql => sql.contains("\\'") || sql.contains("\\\""),
    }
}

type Split<'a> = Result<Vec<Statement<'a>>, SplitError>;

/// The statements by one reading, and the first backslash that no server takes which reads so.
fn read(dialect: Dialect, backslash: Backslash, sql: &str) -> (Split<'_>, Option<usize>) {
    let mut lexer = Lexer::reading(dialect, backslash, sql);
    let statements = split_tokens(dialect, sql, &mut lexer);
    (statements, lexer.stray_backslash())
}

/// A statement in which several begin by the other reading, each as a statement does: a server that reads so would run
/// them without a word. Whatever else is read otherwise there is an error.
fn several<'s, 'a>(
    dialect: Dialect,
    statements: &'s [Statement<'a>],
    others: &[Statement<'a>],
) -> Option<&'s Statement<'a>> {
    let mut rest = others;
    statements.iter().find(|statement| {
        let before = rest.partition_point(|other| other.span.end <= statement.span.start);
        let inside = rest.partition_point(|other| other.span.start < statement.span.end);
        let within = &rest[before.min(inside)..inside];
        rest = &rest[before.min(inside)..];
        let runs = |other: &Statement<'_>| *classify(dialect, other.text()).class() != Class::Other;
        within.len() > 1 && within.iter().all(runs)
    })
}

fn split_tokens<'a>(
    dialect: Dialect,
    sql: &'a str,
    lexer: &mut Lexer<'a>,
) -> Result<Vec<Statement<'a>>, SplitError> {
    let mut statements: Vec<Statement<'a>> = Vec::new();
    let mut tracker = Tracker::new(dialect);
    let mut piece_start = 0;
    let mut span: Option<Range<usize>> = None;
    while let Some(lexeme) = lexer.next()? {
        let keyword = Keyword::of(lexeme, sql);
        if matches!(lexeme.token, Token::Punct(_))
            && let Some(mark) = conflict::mark_at(sql, lexeme.start)
        {
            return Err(conflict_error(sql, mark));
        }
        if lexeme.token == Token::Delimiter
            && (lexer.has_own_delimiter() || tracker.ends_statement())
            && !lexer.in_code_comment()
        {
            if let Some(span) = span.take() {
                let piece = piece_start..lexeme.end;
                piece_start = lexeme.end;
                statements.push(Statement {
                    source: sql,
                    span,
                    piece,
                });
            }
            tracker = Tracker::new(dialect);
            continue;
        }
        if span.is_none()
            && dialect.is_mysql_family()
            && keyword.as_str() == "DELIMITER"
            && lexer.delimiter_command(lexeme)?
        {
            continue;
        }
        if span.is_none()
            && let Some(command) = client::at_start(dialect, sql, lexeme, keyword)
        {
            return Err(command);
        }
        span.get_or_insert(lexeme.start..lexeme.end).end = lexeme.end;
        if !lexer.has_own_delimiter() && lexeme.token != Token::Delimiter {
            tracker.token(lexeme, keyword)?;
        }
    }
    if let Some(span) = span {
        tracker.finish()?;
        statements.push(Statement {
            source: sql,
            span,
            piece: piece_start..sql.len(),
        });
    } else if let Some(last) = statements.last_mut() {
        last.piece.end = sql.len();
    }
    Ok(statements)
}

/// How many times the lexer looks at a byte, whatever comes of it.
#[cfg(any(test, fuzzing))]
pub(crate) fn lexer_steps(dialect: Dialect, sql: &str) -> usize {
    let mut lexer = Lexer::new(dialect, sql);
    let _ = split_tokens(dialect, sql, &mut lexer);
    lexer.steps
}

#[cfg(test)]
mod tests {
    use super::lexer_steps as steps;
    use super::*;

    #[test]
    fn work_is_linear_on_hostile_text() {
        let openers = [
            "'",
            "\"",
            "`",
            "[",
            "/*",
            "/*!",
            "/*!50700",
            "/* /*! ",
            "--",
            "-- \n",
            "#",
            "$",
            "$a",
            "$a$",
            "$$",
            "$a$b",
            "$1",
            "E'",
            "E''\n",
            "E'' --\n",
            "E'\\",
            "e",
            "(",
            ")",
            ";",
            "@",
            "@@",
            "@.",
            "\\",
            "BEGIN ",
            "CASE ",
            "IF ",
            "END ",
            "END;",
            "BEGIN ATOMIC ",
            "CREATE TRIGGER ",
            "; END",
            "DELIMITER ",
            "DELIMITER $$\n$",
            "LOOP ",
            "x: ",
            "<<",
            "é",
            "\0",
            "*",
            "/",
            "*/",
            "/*/",
            "\n",
            "1",
            "1e",
            "a.",
        ];
        let prefixes = [
            "",
            "CREATE PROCEDURE p() BEGIN ",
            "CREATE FUNCTION f() BEGIN ATOMIC ",
            "CREATE TRIGGER t ",
            "DELIMITER ---------------\n",
            "DELIMITER $$$$$$$$$$$$$$;\n",
            "/*! ",
        ];
        let mut long_tag = format!("${}$", "a".repeat(20_000));
        long_tag.push_str(&"$aaaaaaaaaa".repeat(2_000));
        for dialect in Dialect::ALL {
            for prefix in prefixes {
                for opener in openers {
                    for other in ["", "'", "$", "-", "a"] {
                        let text = format!("{prefix}{}", format!("{opener}{other}").repeat(2_000));
                        let steps = steps(dialect, &text);
                        let bound = 8 * text.len() + 64;
                        assert!(
                            steps <= bound,
                            "{dialect}: {prefix:?} then {opener:?}{other:?}: {steps} steps of {bound}"
                        );
                    }
                }
            }
            assert!(steps(dialect, &long_tag) <= 8 * long_tag.len());
        }
    }
}
