//! What can be said about a section's SQL before any database sees it.

use super::error::{Fault, RevisionErrorKind as Kind};
use super::section::{Mode, Section, served};
use super::text::first_code;
use crate::Dialect;
use crate::sql::{self, Class, InTransaction, SplitErrorKind};

/// One statement of a section, with its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStatement<'r> {
    text: &'r str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'r> FileStatement<'r> {
    /// The statement, from its first token to its last: what is sent to the database.
    #[must_use]
    pub fn text(&self) -> &'r str {
        self.text
    }

    /// The byte of [`Revision::text`](crate::Revision::text) at which it begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The line of the file in which it begins, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in which it begins, counted from 1, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }
}

/// Checks every section, each for the databases that it serves. A section is refused when all of them
/// would refuse it: one without brackets may be meant for one database alone, and which one a service
/// runs on is known later.
pub(super) fn check(text: &str, sections: &[Section]) -> Result<(), Fault> {
    for section in sections {
        let cut_by = next_marker(sections, section);
        let as_read_by = |database| statements(text, section, cut_by, database).map(drop);
        let mut refused: Option<Fault> = None;
        for database in served(sections, section) {
            match (as_read_by(database), refused) {
                (Ok(()), _) => {
                    refused = None;
                    break;
                }
                // A `$` is a parameter to SQLite alone: another database says better what is wrong.
                (Err(fault), Some(first))
                    if matches!(*first.kind, Kind::UnboundParameter { .. }) =>
                {
                    refused = Some(fault);
                }
                (Err(_), Some(first)) => refused = Some(first),
                (Err(fault), None) => refused = Some(fault),
            }
        }
        if let Some(fault) = refused {
            return Err(fault);
        }
        if meant_for_postgres(&text[section.body.clone()])
            && served(sections, section).any(|database| database == Dialect::Postgres)
            && let Err(fault) = as_read_by(Dialect::Postgres)
            && matches!(
                *fault.kind,
                Kind::Unterminated {
                    what: DOLLAR_QUOTE,
                    ..
                }
            )
        {
            return Err(fault);
        }
    }
    Ok(())
}

/// Whether a text may hold PostgreSQL's dollar quotes. Elsewhere a dollar sign outside of quotes is a
/// parameter or part of a name, which no migration begins with one. But `mysql`'s DELIMITER command is
/// mostly given `$$`, and an escaped quote shows a MySQL string, which PostgreSQL would end there.
fn meant_for_postgres(body: &str) -> bool {
    let delimiter = "DELIMITER";
    let sets_delimiter = |line: &str| {
        line.trim_start()
            .get(..delimiter.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(delimiter))
    };
    body.contains('$') && !body.contains("\\'") && !body.lines().any(sets_delimiter)
}

/// The line of the marker that ends `section`'s body, if it is not the file's end that does.
pub(super) fn next_marker(sections: &[Section], section: &Section) -> Option<usize> {
    // Sections are in the file's order.
    let after = sections.partition_point(|other| other.line <= section.line);
    sections.get(after).map(Section::line)
}

/// The statements of one section for one database; `cut_by` is [`next_marker`]'s answer.
pub(super) fn statements<'t>(
    text: &'t str,
    section: &Section,
    cut_by: Option<usize>,
    database: Dialect,
) -> Result<Vec<FileStatement<'t>>, Fault> {
    let base = section.body.start;
    let body = text.get(section.body()).unwrap_or_default();
    let unterminated =
        |offset, what| Fault::new(base + offset, Kind::Unterminated { what, cut_by });
    if section.mode == Mode::Rust {
        return match first_code(body) {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(offset)) => Err(Fault::new(base + offset, Kind::SqlInRust)),
            Err(offset) => Err(unterminated(offset, COMMENT)),
        };
    }
    let split = sql::split(database, body).map_err(|error| {
        let kind = match (unended(error.kind()), error.kind()) {
            (Some(what), _) => return unterminated(error.offset(), what),
            (None, SplitErrorKind::ConflictMarker { mark }) => {
                Kind::ConflictMarker { mark: mark.clone() }
            }
            (None, problem) => Kind::Sql {
                problem: problem.clone(),
            },
        };
        Fault::new(base + error.offset(), kind)
    })?;
    // SQLite itself lets a comment run to the end of its text.
    let last = split.last().map_or(0, |statement| statement.span().end);
    // In its comments, a CR is a character like any other.
    if let Some(offset) = open_comment(&body[last..].replace('\r', " ")) {
        return Err(unterminated(last + offset, COMMENT));
    }

    let mut places = Places::new(body, section.body_line());
    let statements: Vec<_> = split
        .iter()
        .map(|statement| {
            let start = statement.span().start;
            let (line, column) = places.at(start);
            FileStatement {
                text: statement.text(),
                offset: base + start,
                line,
                column,
            }
        })
        .collect();
    for statement in &statements {
        allowed(section, database, statement.text)
            .map_err(|kind| Fault::new(statement.offset, kind))?;
        if let Some(parameter) = sql::unbound(database, statement.text) {
            let kind = Kind::UnboundParameter {
                parameter: statement.text[parameter.clone()].to_owned(),
                database,
            };
            return Err(Fault::new(statement.offset + parameter.start, kind));
        }
    }
    match (section.mode, statements.as_slice()) {
        (Mode::Repeat, []) => {
            // No statement to point at: the marker, in the line above the body or the file's last.
            let above = &text[..base.saturating_sub(1)];
            let marker = above.rfind('\n').map_or(0, |newline| newline + 1);
            Err(Fault::new(marker, Kind::RepeatCount { found: 0 }))
        }
        (Mode::Repeat, [_, second, ..]) => Err(Fault::new(
            second.offset,
            Kind::RepeatCount {
                found: statements.len(),
            },
        )),
        _ => Ok(statements),
    }
}

const COMMENT: &str = "the comment";
const DOLLAR_QUOTE: &str = "the dollar-quoted string";

/// What it is that has no end, if that is the splitter's complaint.
fn unended(kind: &SplitErrorKind) -> Option<&'static str> {
    Some(match kind {
        SplitErrorKind::UnterminatedString => "the string",
        SplitErrorKind::UnterminatedIdentifier => "the quoted name",
        SplitErrorKind::UnterminatedComment => COMMENT,
        SplitErrorKind::UnterminatedDollarQuote { .. } => DOLLAR_QUOTE,
        SplitErrorKind::UnterminatedParenthesis => "the parenthesis",
        SplitErrorKind::UnterminatedBody => "the body",
        _ => return None,
    })
}

/// Where a comment begins that has no end, in a text of white space, comments and semicolons.
fn open_comment(mut text: &str) -> Option<usize> {
    let mut offset = 0;
    loop {
        match first_code(text) {
            Err(comment) => return Some(offset + comment),
            Ok(Some(code)) if text[code..].starts_with(';') => {
                offset += code + 1;
                text = &text[code + 1..];
            }
            Ok(_) => return None,
        }
    }
}

/// Whether the section may hold this statement where `database` runs it.
fn allowed(section: &Section, database: Dialect, statement: &str) -> Result<(), Kind> {
    let kind = sql::classify(database, statement);
    let written = || statement.chars().take(WRITTEN).collect::<String>();
    if let Class::Transaction(_) = kind.class() {
        return Err(Kind::TransactionControl {
            statement: written(),
        });
    }
    if matches!(kind.class(), Class::Lock) && database.is_mysql_family() {
        return Err(Kind::TableLocks {
            statement: written(),
        });
    }
    if matches!(kind.class(), Class::Process) {
        return Err(Kind::ProcessSetting {
            statement: written(),
        });
    }
    if matches!(kind.class(), Class::Savepoint) && section.mode != Mode::Transactional {
        return Err(Kind::SavepointAlone {
            statement: written(),
        });
    }
    if section.kind.is_query() && !(matches!(kind.class(), Class::Query) && selects(statement)) {
        return Err(Kind::NotASelect {
            statement: written(),
            section: section.kind,
        });
    }
    match (section.mode, kind.in_transaction()) {
        (Mode::Autocommit, _) => Ok(()),
        (_, InTransaction::Refused) => Err(Kind::NeedsAutocommit {
            statement: written(),
            database,
        }),
        (_, InTransaction::Ignored) => Err(Kind::IgnoredInTransaction {
            statement: written(),
        }),
        _ => Ok(()),
    }
}

/// More of a statement than an error shows.
const WRITTEN: usize = 100;

/// Whether a statement that reads gives rows only where it finds some: SHOW always gives some, and
/// EXPLAIN may run what it explains.
fn selects(statement: &str) -> bool {
    let word_end = statement
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(statement.len());
    ["EXPLAIN", "SHOW", "DESCRIBE", "DESC"]
        .iter()
        .all(|word| !statement[..word_end].eq_ignore_ascii_case(word))
}

/// Lines and columns of ascending offsets, each byte looked at once.
struct Places<'t> {
    text: &'t str,
    offset: usize,
    line: usize,
    column: usize,
}

impl<'t> Places<'t> {
    fn new(text: &'t str, line: usize) -> Self {
        Places {
            text,
            offset: 0,
            line,
            column: 1,
        }
    }

    /// `offset` is at a character and never before the last one asked for.
    fn at(&mut self, offset: usize) -> (usize, usize) {
        let passed = &self.text[self.offset..offset];
        self.offset = offset;
        match passed.rfind('\n') {
            Some(newline) => {
                self.line += passed.bytes().filter(|&byte| byte == b'\n').count();
                self.column = 1 + passed[newline + 1..].chars().count();
            }
            None => self.column += passed.chars().count(),
        }
        (self.line, self.column)
    }
}
