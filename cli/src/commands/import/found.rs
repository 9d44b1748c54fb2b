//! What is found in another tool's folder, and the revision file that it becomes.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike as _, NaiveDateTime, Utc};
use limbeck::revision::{
    ForeignKeys, Mode, NewRevision, NewSection, RevisionErrorKind, SectionKind,
};
use limbeck::sql::{
    self, Class, DdlVerb, InTransaction, ObjectKind, Statement, TransactionControl,
};
use limbeck::{Dialect, Revision};

use super::error::ImportError;
use crate::commands::origin::{FILL_IN, Origin};

/// A folder that was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub migrations: Vec<Migration>,
    pub left_out: Vec<LeftOut>,
    /// What a person should know beside that.
    pub notes: Vec<String>,
}

/// A file that is imported in no form.
#[derive(Debug, serde::Serialize)]
pub(super) struct LeftOut {
    pub path: PathBuf,
    pub reason: String,
}

/// One migration of another tool's.
#[derive(Debug)]
pub(super) struct Migration {
    pub id: String,
    pub down_revision: Vec<String>,
    pub branch_labels: Vec<String>,
    pub depends_on: Vec<String>,
    pub message: String,
    /// RFC 3339.
    pub date: Option<DateTime<Utc>>,
    /// None where the id alone says it: Alembic's table holds limbeck's ids.
    pub origin: Option<Origin>,
    /// The new file's name, without `.sql`: the old one's.
    pub stem: String,
    pub source: PathBuf,
    pub bodies: Vec<Body>,
}

impl Migration {
    /// One of a chain, where the version is the id.
    pub(super) fn numbered(origin: Origin, message: &str, stem: &str, source: &Path) -> Self {
        Migration {
            id: origin.version.clone(),
            down_revision: Vec::new(),
            branch_labels: Vec::new(),
            depends_on: Vec::new(),
            message: message.to_owned(),
            date: date_of_version(&origin.version),
            origin: Some(origin),
            stem: stem.to_owned(),
            source: source.to_owned(),
            bodies: Vec::new(),
        }
    }
}

/// Makes each migration the parent of the next. They stand in the old tool's order.
pub(super) fn chain(migrations: &mut [Migration]) -> Result<(), ImportError> {
    let twice: Vec<(PathBuf, PathBuf)> = migrations
        .windows(2)
        .filter(|pair| pair[0].id == pair[1].id)
        .map(|pair| (pair[0].source.clone(), pair[1].source.clone()))
        .collect();
    none_twice(&twice)?;
    for next in 1..migrations.len() {
        migrations[next].down_revision = vec![migrations[next - 1].id.clone()];
    }
    Ok(())
}

/// Refuses files of one version, each pair by name.
pub(super) fn none_twice(pairs: &[(PathBuf, PathBuf)]) -> Result<(), ImportError> {
    let Some((_, first)) = pairs.first() else {
        return Ok(());
    };
    let pairs = pairs
        .iter()
        .map(|(one, other)| format!("{} and {}", one.display(), other.display()));
    Err(ImportError::source(
        first,
        format!(
            "a tool runs only one file of a version, and these have the same: {}",
            pairs.collect::<Vec<_>>().join("; ")
        ),
    ))
}

/// What goes up or down.
#[derive(Debug)]
pub(super) struct Body {
    pub kind: SectionKind,
    pub mode: Mode,
    pub foreign_keys: ForeignKeys,
    pub sql: Sql,
    /// The one database that it is written for, if that is known.
    pub dialect: Option<Dialect>,
    pub source: PathBuf,
}

#[derive(Debug)]
pub(super) enum Sql {
    /// A file as it stands: its lines are the source's.
    Verbatim(String),
    /// What the tool wrote when it was asked.
    Rendered(String),
    /// Nobody knows yet, for this reason; and what was seen of it, kept as a comment.
    FillIn { reason: String, seen: String },
}

impl Body {
    pub(super) fn verbatim(kind: SectionKind, mode: Mode, text: String, source: &Path) -> Self {
        Body {
            kind,
            mode,
            foreign_keys: ForeignKeys::default(),
            sql: Sql::Verbatim(text),
            dialect: None,
            source: source.to_owned(),
        }
    }

    /// A file's, as `verbatim` makes it of its text. One that is no text is to be filled in.
    pub(super) fn of_file(
        kind: SectionKind,
        path: &Path,
        verbatim: impl FnOnce(String) -> Body,
    ) -> Result<Self, ImportError> {
        match read_text(path) {
            Ok(text) => Ok(verbatim(text)),
            Err(ImportError::NotText { .. }) => {
                let reason = format!("{} is not UTF-8", name(path));
                Ok(Body::fill_in(kind, reason, path))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) fn fill_in(kind: SectionKind, reason: impl Into<String>, source: &Path) -> Self {
        Body {
            kind,
            mode: Mode::Rust,
            foreign_keys: ForeignKeys::default(),
            sql: Sql::FillIn {
                reason: reason.into(),
                seen: String::new(),
            },
            dialect: None,
            source: source.to_owned(),
        }
    }

    /// The SQL that it runs, if it runs any.
    pub(super) fn sql_text(&self) -> Option<&str> {
        match &self.sql {
            Sql::Verbatim(text) | Sql::Rendered(text) => Some(text),
            Sql::FillIn { .. } => None,
        }
    }

    /// With what the step printed and sent.
    pub(super) fn seen(mut self, text: String) -> Self {
        if let Sql::FillIn { seen, .. } = &mut self.sql {
            *seen = text;
        }
        self
    }

    /// Takes a `BEGIN` and `COMMIT` around the whole file out: limbeck's own transaction has their place.
    pub(super) fn unwrap(&mut self) {
        let Sql::Verbatim(text) = &self.sql else {
            return;
        };
        let dialects: Vec<Dialect> = match self.dialect {
            Some(dialect) => vec![dialect],
            None => Dialect::ALL.to_vec(),
        };
        let unwrapped = dialects
            .into_iter()
            .find_map(|dialect| without_outer_transaction(dialect, text));
        if let Some(text) = unwrapped {
            self.sql = Sql::Verbatim(text);
            self.mode = Mode::Transactional;
        }
    }

    /// Gives the rebuild of a table `foreign_keys=off`. Its `DROP TABLE` would delete the rows of other tables that refer to
    /// it by ON DELETE CASCADE: alembic, diesel and refinery run it on connections that do not look at foreign keys, and
    /// limbeck's do, unless the section says so. `PRAGMA foreign_keys`, which does nothing in a transaction, is taken out.
    pub(super) fn keep_referring_rows(&mut self) {
        let may_be_sqlites = self
            .dialect
            .is_none_or(|dialect| dialect == Dialect::Sqlite);
        if self.mode != Mode::Transactional || !may_be_sqlites {
            return;
        }
        let (Sql::Verbatim(text) | Sql::Rendered(text)) = &mut self.sql else {
            return;
        };
        let Some(rebuild) = Rebuild::find(text) else {
            return;
        };
        if let Some(table) = rebuild.renamed {
            let reason = format!(
                "it rebuilds a table without a look at foreign keys and renames `{table}` too, and then the tables that \
                 refer to `{table}` do not follow: write the two into revisions of their own, the first with \
                 foreign_keys=off"
            );
            let seen = std::mem::take(text);
            *self = Body::fill_in(self.kind, reason, &self.source).seen(seen);
            return;
        }
        for pragma in rebuild.pragmas.into_iter().rev() {
            text.replace_range(pragma, "");
        }
        self.foreign_keys = ForeignKeys::Off;
    }

    /// Makes a body that no revision file may hold one to be filled in, so that the rest comes over.
    pub(super) fn open_if_refused(&mut self) {
        if let Err(error) = self.check() {
            let text = self.text();
            *self = Body::fill_in(self.kind, error.to_string(), &self.source).seen(text);
        }
    }

    /// A `rust` section without code is refused before anything runs, and a comment in it is none.
    fn text(&self) -> String {
        match &self.sql {
            Sql::Verbatim(text) | Sql::Rendered(text) => text.clone(),
            Sql::FillIn { reason, seen } => {
                let mut text = format!(
                    "{FILL_IN} {}.\n\
                     -- Write the SQL here and take the word `rust` from the line above, or register code for it. \
                     Until then\n-- this does not run.",
                    one_line(reason)
                );
                if !seen.is_empty() {
                    text += " What was seen of it:";
                }
                for line in seen.lines() {
                    // Without what would end the comment.
                    let line = line.replace(['\r', '\0', '\u{b}', '\u{c}'], " ");
                    text += format!("\n--   | {line}").trim_end();
                }
                text
            }
        }
    }

    fn section(&self) -> NewSection {
        NewSection::new(self.kind)
            .databases(self.dialect)
            .mode(self.mode)
            .foreign_keys(self.foreign_keys)
            .body(self.text())
    }

    /// Whether a revision file may hold it, told by the places of the source: alone, below a header whose
    /// lines are counted.
    pub(super) fn check(&self) -> Result<(), ImportError> {
        let above = match self.kind {
            SectionKind::Upgrade => "-- revision: a\n-- down_revision: none\n\n",
            _ => "-- revision: a\n-- down_revision: none\n\n-- @upgrade\n",
        };
        let mut marker = format!("-- {}", self.kind);
        if let Some(dialect) = self.dialect {
            marker += &format!(" [{}]", dialect.name());
        }
        match self.mode {
            Mode::Autocommit => marker += " autocommit",
            Mode::Rust => marker += " rust",
            _ => {}
        }
        if self.foreign_keys == ForeignKeys::Off {
            marker += " foreign_keys=off";
        }
        let lines_above = above.lines().count() + 1;
        let sections = above.matches("-- @").count() + 1;
        let text = format!("{above}{marker}\n{}", self.text());
        let (line, kind) = match Revision::parse("", text) {
            Ok(revision) => match revision.sections().get(sections) {
                Some(stray) => (stray.line(), RevisionErrorKind::MarkerInBody),
                None => return Ok(()),
            },
            Err(error) => (error.line(), error.kind().clone()),
        };
        Err(ImportError::Refused {
            path: self.source.clone(),
            line: matches!(self.sql, Sql::Verbatim(_))
                .then(|| line.saturating_sub(lines_above).max(1)),
            kind: Box::new(kind),
        })
    }
}

/// SQLite's way to change a table: a new one takes the old one's place.
struct Rebuild {
    /// The places of `PRAGMA foreign_keys`.
    pragmas: Vec<Range<usize>>,
    /// A table that is renamed beside it, to a name that no other had.
    renamed: Option<String>,
}

impl Rebuild {
    fn find(text: &str) -> Option<Rebuild> {
        let statements = sql::split(Dialect::Sqlite, text).ok()?;
        let mut pragmas = Vec::new();
        let mut dropped = HashSet::new();
        let mut renamed = Vec::new();
        for statement in &statements {
            let kind = sql::classify(Dialect::Sqlite, statement.text());
            if kind.in_transaction() == InTransaction::Ignored {
                pragmas.push(with_semicolon(text, statement));
            }
            dropped.extend(tables(&kind, DdlVerb::Drop));
            let words: Vec<&str> = statement.text().split_whitespace().collect();
            let to = words.windows(2).position(|pair| {
                pair[0].eq_ignore_ascii_case("rename") && pair[1].eq_ignore_ascii_case("to")
            });
            if let Some(to) = to {
                // The rest is a table's name, which is read as one.
                let new = format!("DROP TABLE {}", words[to + 2..].join(" "));
                let new = sql::classify(Dialect::Sqlite, &new);
                let old = tables(&kind, DdlVerb::Alter);
                renamed.extend(old.into_iter().zip(tables(&new, DdlVerb::Drop)));
            }
        }
        let is_rebuild = renamed.iter().any(|(_, new)| dropped.contains(new));
        (is_rebuild || !pragmas.is_empty()).then(|| Rebuild {
            pragmas,
            renamed: renamed
                .into_iter()
                .find(|(_, new)| !dropped.contains(new))
                .map(|(old, _)| old),
        })
    }
}

/// The tables that a statement does this to, as SQLite compares names.
fn tables(kind: &sql::Kind, verb: DdlVerb) -> Vec<String> {
    let ddl = kind
        .ddl()
        .filter(|ddl| ddl.verb == verb && ddl.object == ObjectKind::Table);
    let names = ddl.into_iter().flat_map(|ddl| &ddl.names);
    names.map(|name| name.name.to_lowercase()).collect()
}

/// The text without its first and last statement, if these begin and commit a transaction and no other statement does.
/// Lines stay where they are.
fn without_outer_transaction(dialect: Dialect, text: &str) -> Option<String> {
    let statements = sql::split(dialect, text).ok()?;
    let [first, inner @ .., last] = &statements[..] else {
        return None;
    };
    let control = |statement: &Statement<'_>| match sql::classify(dialect, statement.text()).class()
    {
        Class::Transaction(control) => Some(*control),
        _ => None,
    };
    let is_around = control(first) == Some(TransactionControl::Begin)
        && control(last) == Some(TransactionControl::Commit)
        && inner.iter().all(|statement| control(statement).is_none());
    if !is_around {
        return None;
    }
    let (begin, commit) = (with_semicolon(text, first), with_semicolon(text, last));
    Some(format!(
        "{}{}{}",
        &text[..begin.start],
        &text[begin.end..commit.start],
        &text[commit.end..]
    ))
}

/// A statement's place with its semicolon. The last one's piece goes to the end of the text, comments included.
fn with_semicolon(text: &str, statement: &Statement<'_>) -> Range<usize> {
    let span = statement.span();
    let rest = &text[span.end..];
    match rest.trim_start().strip_prefix(';') {
        Some(after) => span.start..text.len() - after.len(),
        None => span,
    }
}

/// The revision file's text.
pub(super) fn text(migration: &Migration) -> Result<String, ImportError> {
    let mut message = migration.message.clone();
    if let Some(origin) = &migration.origin {
        if !message.is_empty() {
            message += "\n\n";
        }
        message += &origin.to_string();
    }
    let mut new = NewRevision::new(&migration.id)
        .message(message)
        .down_revision(&migration.down_revision)
        .branch_labels(&migration.branch_labels)
        .depends_on(&migration.depends_on);
    if let Some(date) = migration.date {
        new = new.create_date(date);
    }
    for body in &migration.bodies {
        body.check()?;
        new = new.section(body.section());
    }
    new.to_text().map_err(|error| ImportError::Refused {
        path: migration.source.clone(),
        line: None,
        kind: Box::new(error.kind().clone()),
    })
}

/// The name that a file has without its extension, and the words behind its first `_`.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ").trim().to_owned()
}

/// Tools number migrations by the second in which they were made, in UTC: `20240501120000`.
fn date_of_version(version: &str) -> Option<DateTime<Utc>> {
    if version.len() != 14 {
        return None;
    }
    let time = NaiveDateTime::parse_from_str(version, "%Y%m%d%H%M%S").ok()?;
    // A running number may have as many digits.
    (time.year() >= 1990).then(|| time.and_utc())
}

pub(super) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").trim_end_matches('.').to_owned()
}

/// A file's text as it stands, which checksums are over.
pub(super) fn read_text(path: &Path) -> Result<String, ImportError> {
    let bytes = std::fs::read(path).map_err(unreadable(path))?;
    String::from_utf8(bytes).map_err(|_| ImportError::NotText {
        path: path.to_owned(),
    })
}

pub(super) fn without_bom(text: String) -> String {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// A text with each kind of line ends that a checkout may give it, the usual one first, and as it stands.
pub(super) fn with_line_ends(text: &str) -> Vec<String> {
    let unix = text.replace("\r\n", "\n");
    let windows = unix.replace('\n', "\r\n");
    let mut texts = vec![unix, windows, text.to_owned()];
    let mut seen = HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    texts
}

/// Everything in a folder, in the order of the names.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        paths.push(entry.map_err(unreadable(folder))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Whether a path is a folder's. A link that leads nowhere is an error: the old tool would stop there too.
pub(super) fn is_folder(path: &Path) -> Result<bool, ImportError> {
    let metadata = std::fs::metadata(path).map_err(unreadable(path))?;
    Ok(metadata.is_dir())
}

/// True once a file in the folder, or in one below it, is the one looked for. Links to folders are not followed.
pub(super) fn any_file(
    folder: &Path,
    is_it: &mut dyn FnMut(PathBuf) -> bool,
) -> Result<bool, ImportError> {
    for path in entries(folder)? {
        let is_found = match is_folder(&path)? {
            true => !path.is_symlink() && any_file(&path, is_it)?,
            false => is_it(path),
        };
        if is_found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a folder that the old tool passes over holds SQL, or what cannot be looked at: nothing stops there.
pub(super) fn holds_sql(folder: &Path) -> bool {
    any_file(folder, &mut |path| name(&path).ends_with(".sql")).unwrap_or(true)
}

/// The last part of a path, as text.
pub(super) fn name(path: &Path) -> String {
    path.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

pub(super) fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError {
    let path = path.to_owned();
    move |source| ImportError::Unreadable { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_be_a_date() {
        assert_eq!(
            date_of_version("20240501123456").map(|time| time.to_rfc3339()),
            Some("2024-05-01T12:34:56+00:00".to_owned())
        );
        for version in ["1", "00000000000000", "20241301000000", "2024050112345"] {
            assert_eq!(date_of_version(version), None, "{version}");
        }
    }

    #[test]
    fn a_refusal_names_the_line_of_the_source() {
        let refused = |kind, mode, text: &str| {
            let body = Body::verbatim(kind, mode, text.to_owned(), Path::new("1_a.sql"));
            match body.check().expect_err("it is refused") {
                ImportError::Refused { line, kind, .. } => (line, kind.name()),
                other => panic!("{other}"),
            }
        };
        for kind in [SectionKind::Upgrade, SectionKind::Downgrade] {
            for mode in [Mode::Transactional, Mode::Autocommit] {
                let text = "\n-- one\nCREATE TABLE a (b INT);\nBEGIN;\n";
                assert_eq!(refused(kind, mode, text).0, Some(4));
                let (line, name) = refused(kind, mode, "SELECT 1;\n-- @verify\nSELECT 2;\n");
                assert_eq!((line, name), (Some(2), "marker_in_body"));
                assert_eq!(refused(kind, mode, "SELECT '").0, Some(1));
            }
        }
    }
}
