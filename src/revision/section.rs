//! The sections of a file and the lines that begin them.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use super::error::{Fault, RevisionErrorKind as Kind};
use super::nearest::nearest;
use super::text::{first_code, lines_from, offset_in, position};
use super::timeout::{Timeout, TimeoutError};
use crate::Dialect;

/// What a section is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SectionKind {
    /// `-- @upgrade`: what the revision does.
    Upgrade,
    /// `-- @downgrade`: what undoes it.
    Downgrade,
    /// `-- @require`: queries before the step; a row from any of them stops it.
    Require,
    /// `-- @verify`: queries after the step; a row from any of them rolls it back.
    Verify,
}

impl SectionKind {
    /// Every kind.
    pub const ALL: [SectionKind; 4] = [
        SectionKind::Upgrade,
        SectionKind::Downgrade,
        SectionKind::Require,
        SectionKind::Verify,
    ];

    /// The name as it stands in a file after the `@`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            SectionKind::Upgrade => "upgrade",
            SectionKind::Downgrade => "downgrade",
            SectionKind::Require => "require",
            SectionKind::Verify => "verify",
        }
    }

    /// Whether the section holds queries that look for violations, and changes nothing.
    #[must_use]
    pub fn is_query(self) -> bool {
        matches!(self, SectionKind::Require | SectionKind::Verify)
    }
}

/// As in a file: `@upgrade`.
impl fmt::Display for SectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.name())
    }
}

/// How a section is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Mode {
    /// In one transaction with its bookkeeping, where the database has transactional DDL.
    #[default]
    Transactional,
    /// `autocommit`: each statement by itself, outside a transaction.
    Autocommit,
    /// `repeat`: the one statement in transactions of its own until it affects no row.
    Repeat,
    /// `rust`: code that is registered on the `Migrator`, and no SQL.
    Rust,
}

/// Whether SQLite enforces foreign keys while a section runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ForeignKeys {
    /// As the connection is set.
    #[default]
    AsSet,
    /// `foreign_keys=off`: switched off around the transaction, checked before the commit.
    Off,
}

/// One section of a revision file: what its first line says and where its body stands.
///
/// [`Revision::body`](crate::Revision::body) gives the body's text,
/// [`Revision::statements`](crate::Revision::statements) its statements for a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Section {
    pub(super) kind: SectionKind,
    pub(super) databases: Vec<Dialect>,
    pub(super) mode: Mode,
    pub(super) lock_timeout: Option<Timeout>,
    pub(super) statement_timeout: Option<Timeout>,
    pub(super) foreign_keys: ForeignKeys,
    pub(super) body: Range<usize>,
    pub(super) line: usize,
}

impl Section {
    /// What the section is for.
    #[must_use]
    pub fn kind(&self) -> SectionKind {
        self.kind
    }

    /// The databases in its brackets, as written; empty where it has none and serves the rest.
    #[must_use]
    pub fn databases(&self) -> &[Dialect] {
        &self.databases
    }

    /// How it is run.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How long a statement may wait for a lock, if the section says so.
    #[must_use]
    pub fn lock_timeout(&self) -> Option<Duration> {
        self.lock_timeout.map(Timeout::duration)
    }

    /// How long a statement may run, if the section says so. On MySQL, where a setting limits a `SELECT` alone, a second
    /// connection ends any other; without a pool there is none.
    #[must_use]
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.statement_timeout.map(Timeout::duration)
    }

    /// Whether SQLite's foreign keys are switched off around it.
    #[must_use]
    pub fn foreign_keys(&self) -> ForeignKeys {
        self.foreign_keys
    }

    /// The bytes of [`Revision::text`](crate::Revision::text) that are its body: everything after
    /// its first line, up to the next section or the end.
    #[must_use]
    pub fn body(&self) -> Range<usize> {
        self.body.clone()
    }

    /// The line of the file that begins it, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The line of the file in which its body begins.
    #[must_use]
    pub fn body_line(&self) -> usize {
        self.line + 1
    }
}

/// The section of `kind` that serves `database`: one that names it; for MariaDB else one that names
/// MySQL; else the one without brackets.
pub(super) fn serving(
    sections: &[Section],
    kind: SectionKind,
    database: Dialect,
) -> Option<&Section> {
    let of_kind = || sections.iter().filter(|section| section.kind == kind);
    let naming = |name: Dialect| of_kind().find(|section| section.databases.contains(&name));
    let as_mysql = || match database {
        Dialect::Mariadb => naming(Dialect::Mysql),
        _ => None,
    };
    naming(database)
        .or_else(as_mysql)
        .or_else(|| of_kind().find(|section| section.databases.is_empty()))
}

/// The databases that `section`, one of `sections`, serves.
pub(super) fn served<'s>(
    sections: &'s [Section],
    section: &'s Section,
) -> impl Iterator<Item = Dialect> + 's {
    // The marker's line tells sections apart: no two begin in one line.
    Dialect::ALL.into_iter().filter(move |&database| {
        serving(sections, section.kind, database).is_some_and(|found| found.line == section.line)
    })
}

/// A word after a section's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Autocommit,
    Repeat,
    Rust,
    LockTimeout,
    StatementTimeout,
    ForeignKeys,
}

impl Word {
    pub(super) const ALL: [Word; 6] = [
        Word::Autocommit,
        Word::Repeat,
        Word::Rust,
        Word::LockTimeout,
        Word::StatementTimeout,
        Word::ForeignKeys,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Word::Autocommit => "autocommit",
            Word::Repeat => "repeat",
            Word::Rust => "rust",
            Word::LockTimeout => "lock_timeout",
            Word::StatementTimeout => "statement_timeout",
            Word::ForeignKeys => "foreign_keys",
        }
    }

    /// The word as a whole, with an example of its value.
    pub(super) fn written(self) -> &'static str {
        match self {
            Word::LockTimeout => "lock_timeout=2s",
            Word::StatementTimeout => "statement_timeout=30s",
            Word::ForeignKeys => "foreign_keys=off",
            Word::Autocommit | Word::Repeat | Word::Rust => self.name(),
        }
    }

    pub(super) fn mode(self) -> Option<Mode> {
        match self {
            Word::Autocommit => Some(Mode::Autocommit),
            Word::Repeat => Some(Mode::Repeat),
            Word::Rust => Some(Mode::Rust),
            _ => None,
        }
    }

    fn excludes(self, other: Word) -> bool {
        let both_modes = self.mode().is_some() && other.mode().is_some();
        // There is no one transaction around these that the switch could go around.
        let no_transaction = |word| matches!(word, Word::Autocommit | Word::Repeat);
        both_modes
            || (self == Word::ForeignKeys && no_transaction(other))
            || (other == Word::ForeignKeys && no_transaction(self))
    }
}

/// Words that the design keeps for later.
const RESERVED: [&str; 4] = ["batch", "target", "pause", "background"];

/// What a line in column 1 that speaks of sections is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker<'l> {
    /// It begins a section; what follows its name.
    Section(SectionKind, &'l str),
    /// It was most likely meant to begin this one. Taken for a comment, it would hand its SQL to the
    /// section above it.
    NearMiss(SectionKind),
}

/// What a line, without its `\n`, says about sections. Other comments with an `@`, such as
/// `-- @param`, say nothing.
pub(super) fn begins_section(line: &str) -> Option<Marker<'_>> {
    let comment = line.strip_prefix("--")?;
    let at = comment.trim_start_matches([' ', '\t']).strip_prefix('@')?;
    let name_end = at
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
        .unwrap_or(at.len());
    let (name, rest) = at.split_at(name_end);
    let exact = SectionKind::ALL
        .into_iter()
        .find(|kind| kind.name() == name);
    if let Some(kind) = exact
        && comment.starts_with(" @")
        && (rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '['))
    {
        return Some(Marker::Section(kind, rest));
    }
    exact
        .or(match name.to_ascii_lowercase().as_str() {
            "up" => Some(SectionKind::Upgrade),
            "down" | "rollback" | "undo" | "revert" => Some(SectionKind::Downgrade),
            _ => None,
        })
        .or_else(|| {
            let name = nearest(name, SectionKind::ALL.map(SectionKind::name))?;
            SectionKind::ALL
                .into_iter()
                .find(|kind| kind.name() == name)
        })
        .map(Marker::NearMiss)
}

/// Reads the sections that follow the header, which ends at byte `from`; `last_key` is where an error
/// about the file as a whole points to.
pub(super) fn parse(text: &str, from: usize, last_key: usize) -> Result<Vec<Section>, Fault> {
    let mut sections: Vec<Section> = Vec::new();
    let mut places = Vec::new();
    for (number, (start, line)) in (position(text, from).0..).zip(lines_from(text, from)) {
        match begins_section(line) {
            Some(Marker::Section(kind, rest)) => {
                close(&mut sections, start);
                let section = first_line(text, kind, rest, number)?;
                places.push(start);
                sections.push(section);
            }
            Some(Marker::NearMiss(nearest)) => {
                let marker = line.trim_end().to_owned();
                return Err(Fault::new(start, Kind::UnknownSection { marker, nearest }));
            }
            None => {}
        }
    }
    close(&mut sections, text.len());
    let before = places.first().copied().unwrap_or(text.len());
    nothing_but_comments(text, from..before, sections.first().map(Section::line))?;
    agree(&sections, &places)?;
    if sections
        .iter()
        .any(|section| section.kind == SectionKind::Upgrade)
    {
        Ok(sections)
    } else {
        Err(Fault::new(
            places.first().copied().unwrap_or(last_key),
            Kind::NoUpgrade,
        ))
    }
}

fn close(sections: &mut [Section], end: usize) {
    if let Some(last) = sections.last_mut() {
        last.body.end = end;
    }
}

fn nothing_but_comments(
    text: &str,
    range: Range<usize>,
    cut_by: Option<usize>,
) -> Result<(), Fault> {
    let start = range.start;
    match first_code(&text[range]) {
        Ok(None) => Ok(()),
        Ok(Some(offset)) => Err(Fault::new(start + offset, Kind::BeforeFirstSection)),
        Err(offset) => {
            let kind = Kind::Unterminated {
                what: "the comment",
                cut_by,
            };
            Err(Fault::new(start + offset, kind))
        }
    }
}

/// Reads what follows a section's name in its first line.
fn first_line(text: &str, kind: SectionKind, rest: &str, line: usize) -> Result<Section, Fault> {
    let end = offset_in(text, rest) + rest.len();
    let body_start = (end + 1).min(text.len());
    let mut section = Section {
        kind,
        databases: Vec::new(),
        mode: Mode::Transactional,
        lock_timeout: None,
        statement_timeout: None,
        foreign_keys: ForeignKeys::AsSet,
        body: body_start..text.len(),
        line,
    };
    let mut rest = rest.trim_start();
    if let Some(inside) = rest.strip_prefix('[') {
        let Some((names, after)) = inside.split_once(']') else {
            return Err(Fault::new(offset_in(text, rest), Kind::UnclosedBracket));
        };
        section.databases = databases(text, names)?;
        rest = after;
    }
    words(text, rest, &mut section)?;
    Ok(section)
}

fn databases(text: &str, names: &str) -> Result<Vec<Dialect>, Fault> {
    let mut databases = Vec::new();
    for name in names.split(',') {
        let name = name.trim();
        let fault = |kind| Fault::new(offset_in(text, name), kind);
        if name.is_empty() {
            return Err(fault(Kind::MissingDatabase));
        }
        let Ok(database) = name.parse::<Dialect>() else {
            let nearest = match name.to_ascii_lowercase().as_str() {
                "postgresql" | "pg" | "pgsql" => Some(Dialect::Postgres),
                _ => nearest(name, Dialect::ALL.map(Dialect::name))
                    .and_then(|name| name.parse().ok()),
            };
            return Err(fault(Kind::UnknownDatabase {
                name: name.to_owned(),
                nearest,
            }));
        };
        if databases.contains(&database) {
            return Err(fault(Kind::DuplicateDatabase { database }));
        }
        databases.push(database);
    }
    Ok(databases)
}

fn words(text: &str, line: &str, section: &mut Section) -> Result<(), Fault> {
    let mut seen: Vec<Word> = Vec::new();
    for written in line.split_whitespace() {
        let fault = |kind| Fault::new(offset_in(text, written), kind);
        if written.starts_with(['[', ']']) {
            return Err(fault(Kind::MisplacedBracket));
        }
        let (name, value) = match written.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (written, None),
        };
        let Some(word) = Word::ALL.into_iter().find(|word| word.name() == name) else {
            if let Some(word) = RESERVED.into_iter().find(|&reserved| reserved == name) {
                return Err(fault(Kind::ReservedWord { word }));
            }
            let known = Word::ALL.map(Word::name).into_iter().chain(RESERVED);
            let nearest = nearest(name, known);
            return Err(fault(Kind::UnknownWord {
                word: written.to_owned(),
                nearest,
            }));
        };
        if seen.contains(&word) {
            return Err(fault(Kind::DuplicateWord { word: word.name() }));
        }
        if let Some(first) = seen.iter().find(|first| first.excludes(word)) {
            let (first, second) = (first.name(), word.name());
            return Err(fault(Kind::ConflictingWords { first, second }));
        }
        let takes_no = word.mode().is_some() || word == Word::ForeignKeys;
        if section.kind.is_query() && takes_no {
            let section = section.kind;
            return Err(fault(Kind::WordNotHere {
                word: word.name(),
                section,
            }));
        }
        apply(word, value, section).map_err(fault)?;
        seen.push(word);
    }
    let serves_sqlite =
        section.databases.is_empty() || section.databases.contains(&Dialect::Sqlite);
    if section.foreign_keys == ForeignKeys::Off && !serves_sqlite {
        return Err(Fault::new(
            foreign_keys_in(text, line),
            Kind::ForeignKeysElsewhere,
        ));
    }
    Ok(())
}

/// Where `foreign_keys=` stands in a section's line that has it.
fn foreign_keys_in(text: &str, line: &str) -> usize {
    let start = offset_in(text, line);
    start + line.find(Word::ForeignKeys.name()).unwrap_or(0)
}

fn apply(word: Word, value: Option<&str>, section: &mut Section) -> Result<(), Kind> {
    if let Some(mode) = word.mode() {
        section.mode = mode;
        return match value {
            None => Ok(()),
            Some(_) => Err(Kind::UnexpectedValue { word: word.name() }),
        };
    }
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Err(Kind::MissingValue { word: word.name() });
    };
    let timeout = || {
        value
            .parse()
            .map_err(|problem: TimeoutError| Kind::BadTimeout {
                word: word.name(),
                value: value.to_owned(),
                problem,
            })
    };
    match word {
        Word::LockTimeout => section.lock_timeout = Some(timeout()?),
        Word::StatementTimeout => section.statement_timeout = Some(timeout()?),
        Word::ForeignKeys if value == "off" => section.foreign_keys = ForeignKeys::Off,
        Word::ForeignKeys => {
            return Err(Kind::BadForeignKeys {
                value: value.to_owned(),
            });
        }
        Word::Autocommit | Word::Repeat | Word::Rust => {}
    }
    Ok(())
}

/// Whether the sections can stand beside each other: each database has at most one of each kind, and
/// each section has a database.
fn agree(sections: &[Section], places: &[usize]) -> Result<(), Fault> {
    for kind in SectionKind::ALL {
        let mut lines: [Option<usize>; Dialect::ALL.len()] = [None; Dialect::ALL.len()];
        let mut rest: Option<usize> = None;
        for (section, &place) in sections.iter().zip(places) {
            if section.kind != kind {
                continue;
            }
            let duplicate = |database, first_line| {
                Fault::new(
                    place,
                    Kind::DuplicateSection {
                        section: kind,
                        database,
                        first_line,
                    },
                )
            };
            if section.databases.is_empty() {
                match rest.replace(section.line) {
                    Some(first_line) => return Err(duplicate(None, first_line)),
                    None => continue,
                }
            }
            for &database in &section.databases {
                let slot = &mut lines[database as usize];
                if let Some(first_line) = slot.replace(section.line) {
                    return Err(duplicate(Some(database), first_line));
                }
            }
        }
    }
    // At most 4 kinds of 5 sections are left, so looking each up again stays cheap.
    for (section, &place) in sections.iter().zip(places) {
        let mut databases = served(sections, section).peekable();
        if databases.peek().is_none() {
            return Err(Fault::new(
                place,
                Kind::NothingServed {
                    section: section.kind,
                },
            ));
        }
        if section.foreign_keys == ForeignKeys::Off
            && !databases.any(|database| database == Dialect::Sqlite)
        {
            return Err(Fault::new(place, Kind::ForeignKeysElsewhere));
        }
    }
    Ok(())
}
