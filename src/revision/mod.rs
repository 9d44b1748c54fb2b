//! Revision files: one SQL file per revision, read, checked and written. Pure: no I/O.

mod check;
mod checksum;
mod embedded;
mod error;
mod header;
mod nearest;
mod section;
mod store;
mod template;
mod text;
mod timeout;
mod word;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, FixedOffset};

pub use check::FileStatement;
pub use checksum::{Checksum, ChecksumError};
#[doc(hidden)]
pub use embedded::EmbeddedRevision;
pub use error::{RevisionError, RevisionErrorKind};
pub use section::{ForeignKeys, Mode, Section, SectionKind};
pub(crate) use store::Store;
pub use template::{FileTemplate, FileTemplateError, slug};
pub use timeout::{Timeout, TimeoutError};
pub use word::WordError;
pub(crate) use word::{is_forbidden, is_reserved};
pub use write::{NewRevision, NewSection};

use crate::Dialect;
use crate::graph::RevisionId;
use crate::snippet::Snippet;
use crate::sql;
use error::Fault;
use header::{Header, Key, Layout};

/// One revision: a file whose header, sections and SQL were checked.
///
/// # The file
///
/// ```text
/// -- Add the users table
/// --
/// -- revision: 3f2a9c1d7b04
/// -- down_revision: 1c0e5a77d9b2
/// -- create_date: 2026-11-22T12:00:00Z
///
/// -- @upgrade
/// CREATE TABLE users (id BIGINT PRIMARY KEY);
///
/// -- @downgrade
/// DROP TABLE users;
/// ```
///
/// *The header* is the comment block at the top. Its last paragraph holds the keys, one `key: value` a
/// line; what stands above the empty `--` line is the message, of any number of lines and paragraphs,
/// or none at all. Indented lines belong to it too. Lines that begin with `-- lint:` in column 1 are
/// the linter's, neither message nor key.
///
/// | key | value |
/// |---|---|
/// | `revision` | required: the id, up to 255 characters without white space, control characters, comma or one of <code>@ + - :</code>, and not `head`, `heads`, `base`, `current` or `none` in any case |
/// | `down_revision` | required: `none`, one full id, or several separated by commas (a merge) |
/// | `branch_labels` | optional list of words under the same rule as ids |
/// | `depends_on` | optional list of ids, unambiguous partial ids and labels |
/// | `create_date` | optional, a `date-time` of RFC 3339, section 5.6 |
/// | `requires_binary` | optional: the id of a revision that a binary must embed to run on this schema |
///
/// *A section* begins with a line `-- @upgrade`, `-- @downgrade`, `-- @require` or `-- @verify` in
/// column 1, wherever that line stands, and ends before the next one. After the name come the databases
/// that it is for, in brackets, then words: `-- @upgrade [postgres, sqlite] autocommit lock_timeout=2s`.
/// A comment so close to one of the four that it was most likely meant as one (`-- @Upgrade`,
/// `--@downgrade`, `-- @down`) is an error: indent it, and it is a comment.
///
/// | word | sections | meaning |
/// |---|---|---|
/// | `autocommit` | `@upgrade`, `@downgrade` | [`Mode::Autocommit`] |
/// | `repeat` | `@upgrade`, `@downgrade` | [`Mode::Repeat`]; exactly one statement |
/// | `rust` | `@upgrade`, `@downgrade` | [`Mode::Rust`]; no SQL |
/// | `lock_timeout=`, `statement_timeout=` | all | a [`Timeout`] |
/// | `foreign_keys=off` | `@upgrade`, `@downgrade` that serve SQLite | [`ForeignKeys::Off`]; not beside `autocommit` or `repeat` |
///
/// The first three exclude each other, and `batch`, `target`, `pause` and `background` are reserved.
/// `@upgrade` must be there for some database, and may be empty. Each kind of section can stand once
/// for each database.
///
/// *The SQL* of a section is split and looked at as each database that the section serves would read
/// it. A file is refused when all of them would refuse a section: for an unterminated string, comment,
/// dollar quote or body, for `BEGIN`, `COMMIT` or `ROLLBACK` (in sections of every mode: limbeck writes
/// its own records between statements), for a statement that cannot run inside a transaction where the
/// section runs in one, for anything but queries in `@require` and `@verify`.
/// [`statements`](Self::statements) answers for one database.
#[derive(Clone)]
pub struct Revision {
    path: Cow<'static, str>,
    header: Header,
    checksum: Checksum,
    /// What `content` is made from when it is first asked for: empty once [`Revision::parse`] made it.
    embedded: &'static str,
    content: OnceLock<Content>,
}

/// A revision's text and what is found in it, made on first use where a build script did the checks.
#[derive(Clone)]
struct Content {
    text: Cow<'static, str>,
    outline: Result<Outline, RevisionError>,
}

#[derive(Clone)]
struct Outline {
    layout: Layout,
    sections: Vec<Section>,
}

impl Revision {
    /// Reads a file's text and checks all of it.
    ///
    /// `path` is for messages only. A `text` that is a `&'static str`, such as `include_str!` gives, is not copied
    /// unless CRLF has to go.
    ///
    /// ```
    /// use limbeck::Revision;
    ///
    /// # fn main() -> Result<(), limbeck::error::RevisionError> {
    /// let text = "-- Accounts\n--\n-- revision: 1a6f2c80b311\n-- down_revision: none\n\n-- @upgrade\nCREATE TABLE accounts (id BIGINT);\n";
    /// let revision = Revision::parse("migrations/accounts.sql", text)?;
    /// assert_eq!((revision.id(), revision.message()), ("1a6f2c80b311", "Accounts"));
    ///
    /// let error = Revision::parse("migrations/accounts.sql", "-- revison: 1a6f2c80b311\n").unwrap_err();
    /// assert_eq!((error.line(), error.column()), (1, 4));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`RevisionError`] with the first thing that is wrong, and its place.
    pub fn parse(
        path: impl Into<String>,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<Revision, RevisionError> {
        let path = path.into();
        let text = text::normalize(text.into());
        let checksum = Checksum::of(&text);
        match read(&text) {
            Ok((header, outline)) => Ok(Revision {
                path: Cow::Owned(path),
                header,
                checksum,
                embedded: "",
                content: OnceLock::from(Content {
                    text,
                    outline: Ok(outline),
                }),
            }),
            Err(fault) => Err(fault.in_file(&path, &text)),
        }
    }

    /// Reads a file's bytes and checks all of them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and for bytes that are not UTF-8.
    pub fn parse_bytes(
        path: impl Into<String>,
        bytes: impl Into<Cow<'static, [u8]>>,
    ) -> Result<Revision, RevisionError> {
        let path = path.into();
        let text = match bytes.into() {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(error) => return Err(invalid_utf8(&path, bytes, error)),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Cow::Owned(text),
                Err(error) => {
                    return Err(invalid_utf8(&path, error.as_bytes(), error.utf8_error()));
                }
            },
        };
        Revision::parse(path, text)
    }

    /// The full id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.header.id
    }

    /// The full ids of the revisions that this one follows; empty for a base (`none`).
    #[must_use]
    pub fn down_revision(&self) -> &[RevisionId] {
        &self.header.down_revision
    }

    /// The full id, shared.
    pub(crate) fn shared_id(&self) -> &RevisionId {
        &self.header.id
    }

    /// The labels of the branch that begins here.
    #[must_use]
    pub fn branch_labels(&self) -> &[Arc<str>] {
        &self.header.branch_labels
    }

    /// What must be applied before this one, as written: ids, partial ids and labels.
    #[must_use]
    pub fn depends_on(&self) -> &[Arc<str>] {
        &self.header.depends_on
    }

    /// The message, its lines joined by `\n`; empty where there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.header.message
    }

    /// The message's first line.
    #[must_use]
    pub fn summary(&self) -> &str {
        self.header.message.lines().next().unwrap_or_default()
    }

    /// When the file was made.
    #[must_use]
    pub fn create_date(&self) -> Option<DateTime<FixedOffset>> {
        header::read_date(self.create_date_text()?)
    }

    /// When the file was made, as written.
    pub(crate) fn create_date_text(&self) -> Option<&str> {
        self.header.create_date.as_deref()
    }

    /// The id of the revision that a binary must embed to run on a schema that has this one.
    #[must_use]
    pub fn requires_binary(&self) -> Option<&str> {
        self.header.requires_binary.as_deref()
    }

    /// The checksum of [`text`](Self::text).
    #[must_use]
    pub fn checksum(&self) -> &Checksum {
        &self.checksum
    }

    /// The file's path, as it was given. In a set that was merged from several packages' the package stands before it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same revision, as one of this package.
    pub(crate) fn in_package(mut self, package: &str) -> Revision {
        self.path = Cow::Owned(format!("{package}/{}", self.path));
        if !self.embedded.is_empty() {
            // An error in it names the path.
            self.content = OnceLock::new();
        }
        self
    }

    /// The file's text, without byte-order mark, its lines ended by LF.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.content().text
    }

    /// Whether the text is what was checked.
    ///
    /// A revision that [`parse`](Self::parse) returned always is. One that a build script checked and
    /// generated code embeds was not looked at since: here its text is read, once, and compared with
    /// the checksum that the build wrote down. What runs migrations asks this of every revision of its
    /// plan before the first write; until it was asked, [`sections`](Self::sections) may be empty.
    ///
    /// # Errors
    /// [`RevisionErrorKind::Stale`] if file and generated code do not belong together, or what
    /// `parse` would say to the text.
    pub fn check(&self) -> Result<(), RevisionError> {
        match &self.content().outline {
            Ok(_) => Ok(()),
            Err(error) => Err(error.clone()),
        }
    }

    /// The sections in the file's order. Empty only where [`check`](Self::check) gives an error.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        self.outline().map_or(&[], |outline| &outline.sections)
    }

    /// The section of this kind that serves a database: one that names it in brackets; for MariaDB
    /// else one that names MySQL; else the one without brackets.
    #[must_use]
    pub fn section(&self, kind: SectionKind, database: Dialect) -> Option<&Section> {
        section::serving(self.sections(), kind, database)
    }

    /// A section's text, from the line after its marker on. `section` must be one of this revision's.
    #[must_use]
    pub fn body(&self, section: &Section) -> &str {
        self.text().get(section.body()).unwrap_or_default()
    }

    /// A section's statements as `database` would split them, none for a `rust` section. `section`
    /// must be one of this revision's.
    ///
    /// # Errors
    /// What a file is refused for when every database would refuse it, here for this one.
    pub fn statements(
        &self,
        section: &Section,
        database: Dialect,
    ) -> Result<Vec<FileStatement<'_>>, RevisionError> {
        let cut_by = check::next_marker(self.sections(), section);
        check::statements(self.text(), section, cut_by, database)
            .map_err(|fault| fault.in_file(self.path(), self.text()))
    }

    /// That line, with a mark under the first of these words in it, or under all of its value.
    pub(crate) fn snippet_of(&self, key: &str, words: &[&str]) -> Option<Snippet> {
        let line = self.line_of(key)?;
        let text = self.text().split('\n').nth(line - 1)?;
        let value = text.find(':').map_or(0, |colon| colon + 1);
        let value = value + (text[value..].len() - text[value..].trim_start().len());
        let found = words.iter().find_map(|word| {
            let bounds = |c: char| c == ',' || c.is_whitespace();
            let mut places = text[value..].match_indices(word);
            let (at, _) = places.find(|(at, _)| {
                let (before, after) = (&text[..value + at], &text[value + at + word.len()..]);
                before.ends_with(|c| bounds(c) || c == ':')
                    && (after.is_empty() || after.starts_with(bounds))
            })?;
            Some((value + at, word.chars().count()))
        });
        let column = |at: usize| (line, 1 + text[..at].chars().count());
        Some(match found {
            Some((at, length)) => Snippet::in_line(self.path(), column(at), text).under(length),
            None => Snippet::in_line(self.path(), column(value), text).up_to_end(),
        })
    }

    /// The line in which a key of the header stands, for errors about what its value means.
    #[must_use]
    pub fn line_of(&self, key: &str) -> Option<usize> {
        self.outline()?.layout.line(Key::from_name(key)?)
    }

    fn outline(&self) -> Option<&Outline> {
        self.content().outline.as_ref().ok()
    }

    fn content(&self) -> &Content {
        self.content.get_or_init(|| {
            let text = text::normalize(Cow::Borrowed(self.embedded));
            let found = Checksum::of(&text);
            let outline = if found == self.checksum {
                read(&text)
                    .map(|(_, outline)| outline)
                    .map_err(|fault| fault.in_file(&self.path, &text))
            } else {
                let kind = RevisionErrorKind::Stale {
                    checked: self.checksum,
                    found,
                };
                Err(RevisionError::new(&self.path, (1, 1), kind))
            };
            Content { text, outline }
        })
    }
}

/// Costs an allocation for each id: the text is neither read nor hashed before it is asked for.
impl From<&EmbeddedRevision> for Revision {
    fn from(embedded: &EmbeddedRevision) -> Revision {
        fn list<W: for<'w> From<&'w str>>(words: &[&str]) -> Vec<W> {
            words.iter().map(|&word| word.into()).collect()
        }
        Revision {
            path: Cow::Borrowed(embedded.path),
            header: Header {
                id: embedded.id.into(),
                down_revision: list(embedded.down_revision),
                branch_labels: list(embedded.branch_labels),
                depends_on: list(embedded.depends_on),
                message: Cow::Borrowed(embedded.message),
                create_date: embedded.create_date.map(Cow::Borrowed),
                requires_binary: embedded.requires_binary.map(RevisionId::from),
            },
            checksum: Checksum::from_sha256(*embedded.sha256),
            embedded: embedded.text,
            content: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revision")
            .field("path", &self.path)
            .field("header", &self.header)
            .field("checksum", &self.checksum)
            .finish_non_exhaustive()
    }
}

fn read(text: &str) -> Result<(Header, Outline), Fault> {
    if let Some(offset) = text.find('\0') {
        return Err(Fault::new(offset, RevisionErrorKind::Nul));
    }
    if let Some(mark) = sql::unresolved_conflict(text) {
        return Err(conflict(text, mark));
    }
    parts(text).map_err(|fault| named_conflict(text, fault))
}

fn parts(text: &str) -> Result<(Header, Outline), Fault> {
    let (header, layout) = header::parse(text)?;
    let sections = section::parse(text, layout.end, layout.last_key)?;
    check::check(text, &sections)?;
    Ok((header, Outline { layout, sections }))
}

fn conflict(text: &str, mark: Range<usize>) -> Fault {
    let kind = RevisionErrorKind::ConflictMarker {
        mark: text[mark.clone()].to_owned(),
    };
    Fault::new(mark.start, kind)
}

/// The same fault, or the mark of a merge conflict: in the fault's line, or in that which ended the header too early.
fn named_conflict(text: &str, fault: Fault) -> Fault {
    let line_start = text[..fault.offset].rfind('\n').map_or(0, |end| end + 1);
    let header_end = text::lines_from(text, 0)
        .find(|(_, line)| !line.trim().is_empty() && !line.starts_with("--"))
        .filter(|(end, _)| fault.offset <= *end)
        .map(|(end, _)| end);
    let mark = std::iter::once(line_start)
        .chain(header_end)
        .find_map(|start| sql::conflict_mark(text, start));
    match mark {
        Some(mark) => conflict(text, mark),
        None => fault,
    }
}

fn invalid_utf8(path: &str, bytes: &[u8], error: std::str::Utf8Error) -> RevisionError {
    let valid = error.valid_up_to();
    let before = std::str::from_utf8(&bytes[..valid]).expect("what is valid up to here");
    // Places are those of the normalized text, so that the byte-order mark takes no column.
    let before = text::normalize(Cow::Owned(before.to_owned()));
    let line = bytes[valid..].split(|&byte| byte == b'\n').next();
    let rest = String::from_utf8_lossy(line.unwrap_or_default());
    let text = format!("{before}{rest}");
    let kind = RevisionErrorKind::InvalidUtf8 { byte: bytes[valid] };
    RevisionError::in_text(path, &text, before.len(), kind)
}
