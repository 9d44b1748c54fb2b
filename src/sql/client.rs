//! Commands of the programs `psql`, `mysql` (`mariadb`) and `sqlite3`, which no server knows.

use super::error::{SplitError, SplitErrorKind};
use super::lexer::{Keyword, Lexeme, Token};
use crate::dialect::{Dialect, Family};

/// Commands of `mysql` and `mariadb` that are words: no statement of any database begins so. `DELIMITER` is read, `USE` is a
/// statement as well.
const WORDS: [&str; 23] = [
    "CHARSET",
    "CLEAR",
    "CONNECT",
    "EDIT",
    "EGO",
    "EXIT",
    "GO",
    "NOPAGER",
    "NOTEE",
    "NOWARNING",
    "PAGER",
    "PRINT",
    "PROMPT",
    "QUERY_ATTRIBUTES",
    "QUIT",
    "REHASH",
    "RESETCONNECTION",
    "SANDBOX",
    "SOURCE",
    "STATUS",
    "SYSTEM",
    "TEE",
    "WARNINGS",
];

/// The words that `psql` takes without a backslash. `HELP` is a statement of MySQL's.
const PSQL_WORDS: [&str; 3] = ["EXIT", "HELP", "QUIT"];

/// Commands that `mysql` has and `psql` has not.
const MYSQL_BACKSLASHES: [&str; 4] = ["\\G", "\\P", "\\R", "\\u"];

/// The command that begins with a statement's first token, if it is one: it stands first in its line.
pub(super) fn at_start(
    dialect: Dialect,
    sql: &str,
    first: Lexeme,
    keyword: Keyword,
) -> Option<SplitError> {
    let rest = &sql[first.end..];
    let word = keyword.as_str();
    let is_psql = dialect.family() == Family::Postgres && PSQL_WORDS.contains(&word);
    let program = if first.token == Token::Punct(b'.') {
        let is_word = rest.starts_with(|c: char| c.is_ascii_alphabetic());
        is_word.then_some("sqlite3")
    } else if rest.trim_start().starts_with(':') {
        // A label.
        None
    } else if is_psql {
        Some("psql")
    } else {
        WORDS.contains(&word).then_some("mysql")
    }?;
    begins_line(sql, first.start).then(|| error(program, sql, first.start))
}

/// The command that begins with this backslash outside of strings. No database has a token that does, but for MySQL's `\N`.
pub(super) fn at_backslash(dialect: Dialect, sql: &str, backslash: usize) -> Option<SplitError> {
    let next = sql[backslash + 1..].chars().next()?;
    let is_command = next.is_ascii_alphabetic() || matches!(next, '.' | '!' | '?' | '#');
    let command = command(sql, backslash);
    let program = match dialect.family() {
        Family::Mysql => "mysql",
        Family::Sqlite if MYSQL_BACKSLASHES.contains(&command) => "mysql",
        // A command of sqlite3 begins with a dot.
        Family::Sqlite | Family::Postgres => "psql",
    };
    is_command.then(|| error(program, sql, backslash))
}

fn error(program: &'static str, sql: &str, start: usize) -> SplitError {
    const SHOWN: usize = 32;
    let command = command(sql, start).chars().take(SHOWN).collect();
    let kind = match program {
        "psql" => SplitErrorKind::PsqlCommand { command },
        program => SplitErrorKind::ClientCommand { command, program },
    };
    SplitError::new(kind, start)
}

fn command(sql: &str, start: usize) -> &str {
    let rest = &sql[start..];
    let end = rest.find(|c: char| c.is_whitespace() || c == ';');
    &rest[..end.unwrap_or(rest.len())]
}

/// Tells whether nothing but white space stands before this place in its line.
fn begins_line(sql: &str, at: usize) -> bool {
    let before = sql[..at].trim_end_matches([' ', '\t', '\r']);
    before.is_empty() || before.ends_with('\n')
}
