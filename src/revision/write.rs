//! New revision files.

use std::fmt::Write as _;

use chrono::{DateTime, FixedOffset, SecondsFormat};

use super::error::{RevisionError, RevisionErrorKind as Kind};
use super::header::{Key, bad_word, is_lint, read_date};
use super::section::{ForeignKeys, Mode, SectionKind, Word, begins_section};
use super::template::{FileTemplate, FileTemplateError};
use super::timeout::Timeout;
use super::word::check_word;
use super::{Dialect, Revision};

/// What errors call a file that has no path yet.
const PATH: &str = "<new revision>";

/// A revision file to be written.
///
/// What [`to_text`](Self::to_text) writes reads back as the same: reading it with
/// [`Revision::parse`] and turning that into a `NewRevision` gives an equal one.
///
/// ```
/// # use limbeck::Revision;
/// # use limbeck::revision::{NewRevision, NewSection, SectionKind};
/// let text = NewRevision::new("3f2a9c1d7b04")
///     .message("Add the users table")
///     .down_revision(["1c0e5a77d9b2"])
///     .section(NewSection::new(SectionKind::Upgrade).body("CREATE TABLE users (id BIGINT);"))
///     .section(NewSection::new(SectionKind::Downgrade).body("DROP TABLE users;"))
///     .to_text()?;
/// assert_eq!(text, "\
/// -- Add the users table
/// --
/// -- revision: 3f2a9c1d7b04
/// -- down_revision: 1c0e5a77d9b2
///
/// -- @upgrade
/// CREATE TABLE users (id BIGINT);
///
/// -- @downgrade
/// DROP TABLE users;
/// ");
/// assert_eq!(Revision::parse("users.sql", text)?.summary(), "Add the users table");
/// # Ok::<(), limbeck::revision::RevisionError>(())
/// ```
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewRevision {
    id: String,
    down_revision: Vec<String>,
    branch_labels: Vec<String>,
    depends_on: Vec<String>,
    message: String,
    /// As the file has it.
    create_date: Option<String>,
    requires_binary: Option<String>,
    lint: Vec<String>,
    /// Everything below the header, from its first line that is not empty: empty or ended by LF.
    tail: String,
    /// How many sections `tail` was made of. Reading it must find as many.
    sections: usize,
}

impl NewRevision {
    /// A revision with this id, no message, `down_revision: none`, and no section.
    pub fn new(id: impl Into<String>) -> Self {
        NewRevision {
            id: id.into(),
            down_revision: Vec::new(),
            branch_labels: Vec::new(),
            depends_on: Vec::new(),
            message: String::new(),
            create_date: None,
            requires_binary: None,
            lint: Vec::new(),
            tail: String::new(),
            sections: 0,
        }
    }

    /// The message, of any number of lines. White space at the ends of lines and empty lines around
    /// the whole are dropped. Default: none.
    pub fn message(mut self, message: impl AsRef<str>) -> Self {
        let message = message.as_ref().replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<&str> = message.split('\n').map(str::trim_end).collect();
        let is_text = |line: &&str| !line.is_empty();
        let start = lines.iter().position(is_text).unwrap_or(0);
        let end = lines
            .iter()
            .rposition(is_text)
            .map_or(start, |last| last + 1);
        self.message = lines[start..end].join("\n");
        self
    }

    /// The full ids of the revisions that this one follows. Default: none.
    pub fn down_revision(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.down_revision = ids.into_iter().map(Into::into).collect();
        self
    }

    /// The labels of the branch that begins here. Default: none.
    pub fn branch_labels(mut self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.branch_labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// What must be applied before this one: ids, partial ids and labels. Default: nothing.
    pub fn depends_on(mut self, revisions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.depends_on = revisions.into_iter().map(Into::into).collect();
        self
    }

    /// When the file is made: a `DateTime` of any offset, written as RFC 3339 has it. Default: not said.
    ///
    /// ```
    /// # use limbeck::revision::NewRevision;
    /// use chrono::{SubsecRound as _, Utc};
    ///
    /// let new = NewRevision::new("1a6f2c80b311").create_date(Utc::now().trunc_subsecs(0));
    /// ```
    pub fn create_date(mut self, date: impl Into<DateTime<FixedOffset>>) -> Self {
        self.create_date = Some(date.into().to_rfc3339_opts(SecondsFormat::AutoSi, true));
        self
    }

    /// The id of a revision that a binary must embed to run on a schema that has this one. Default:
    /// none.
    pub fn requires_binary(mut self, id: impl Into<String>) -> Self {
        self.requires_binary = Some(id.into());
        self
    }

    /// Adds a section below those that are there. Default: none, which is no whole file yet: an
    /// `@upgrade` section has to be there.
    pub fn section(mut self, section: NewSection) -> Self {
        if !self.tail.is_empty() {
            self.tail.push('\n');
        }
        section.write(&mut self.tail);
        self.sections += 1;
        self
    }

    /// The file's text.
    ///
    /// # Errors
    /// What [`Revision::parse`] says to the text, with places in it, so that what is written can
    /// always be read; and [`RevisionErrorKind::MarkerInBody`](Kind::MarkerInBody).
    pub fn to_text(&self) -> Result<String, RevisionError> {
        let mut text = String::new();
        for line in self.message.lines() {
            let comment = match line {
                "" => "--".to_owned(),
                line => format!("-- {line}"),
            };
            if begins_section(&comment).is_some() || is_lint(&comment) {
                text.push(' ');
            }
            text.push_str(&comment);
            text.push('\n');
        }
        if !self.message.is_empty() {
            text.push_str("--\n");
        }
        write_words(&mut text, Key::Revision, &[&self.id])?;
        if self.down_revision.is_empty() {
            text.push_str("-- down_revision: none\n");
        }
        write_words(&mut text, Key::DownRevision, &self.down_revision)?;
        write_words(&mut text, Key::BranchLabels, &self.branch_labels)?;
        write_words(&mut text, Key::DependsOn, &self.depends_on)?;
        if let Some(date) = &self.create_date {
            begin_key(&mut text, Key::CreateDate);
            if read_date(date).is_none() {
                return Err(at_end(
                    &text,
                    Kind::BadDate {
                        value: date.clone(),
                    },
                ));
            }
            text.push_str(date);
            text.push('\n');
        }
        write_words(
            &mut text,
            Key::RequiresBinary,
            self.requires_binary.as_slice(),
        )?;
        for comment in &self.lint {
            text.push_str(comment);
            text.push('\n');
        }
        if !self.tail.is_empty() {
            text.push('\n');
            text.push_str(&self.tail);
        }
        let read = Revision::parse(PATH, text)?;
        match read.sections().get(self.sections) {
            Some(stray) => Err(RevisionError::new(
                PATH,
                (stray.line(), 1),
                Kind::MarkerInBody,
            )),
            None => Ok(read.text().to_owned()),
        }
    }

    /// The file's name by a template, with `/` behind each folder that it is in.
    ///
    /// # Errors
    /// [`FileTemplateError::NoDate`] if the template has a part of the date and this revision has no
    /// `create_date`, or one of five digits for its year; [`FileTemplateError::TooLong`]; [`FileTemplateError::Nameless`] if
    /// an empty message leaves a folder without a name.
    pub fn file_name(&self, template: &FileTemplate) -> Result<String, FileTemplateError> {
        let date = self
            .create_date
            .as_deref()
            .filter(|date| read_date(date).is_some());
        template.render(&self.id, &self.message, date)
    }
}

/// The same file again, its header in the writer's form, everything below it as it stands.
impl TryFrom<&Revision> for NewRevision {
    type Error = RevisionError;

    /// # Errors
    /// As [`Revision::check`]: never for a revision that was parsed.
    fn try_from(revision: &Revision) -> Result<Self, RevisionError> {
        revision.check()?;
        let layout = revision.outline().map(|outline| &outline.layout);
        let layout = layout.expect("a revision that passes its check has an outline");
        let mut new = NewRevision::new(revision.id())
            .down_revision(revision.down_revision())
            .branch_labels(revision.branch_labels().iter().map(|label| &**label))
            .depends_on(revision.depends_on().iter().map(|word| &**word));
        // As it was read: a lone CR in it is no line break of the file's.
        new.message = revision.message().to_owned();
        new.create_date = revision.create_date_text().map(str::to_owned);
        new.requires_binary = revision.requires_binary().map(str::to_owned);
        new.lint = layout.lint.clone();
        new.sections = revision.sections().len();
        new.tail = without_crlf(&revision.text()[layout.end..])
            .split_inclusive('\n')
            .skip_while(|line| line.trim().is_empty())
            .collect();
        if !new.tail.is_empty() && !new.tail.ends_with('\n') {
            new.tail.push('\n');
        }
        Ok(new)
    }
}

/// Reading turns each CRLF into LF, so none may be written: of several CRs before an LF all go.
fn without_crlf(text: &str) -> String {
    let lines: Vec<&str> = text
        .split('\n')
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    lines.join("\n")
}

fn begin_key(text: &mut String, key: Key) {
    text.push_str("-- ");
    text.push_str(key.name());
    text.push_str(": ");
}

/// Nothing for no words.
fn write_words(
    text: &mut String,
    key: Key,
    words: &[impl AsRef<str>],
) -> Result<(), RevisionError> {
    for (index, word) in words.iter().map(AsRef::as_ref).enumerate() {
        match index {
            0 => begin_key(text, key),
            _ => text.push_str(", "),
        }
        // Here rather than by reading the text back: a word with a line break in it could add keys.
        check_word(word).map_err(|problem| at_end(text, bad_word(key, word, problem)))?;
        text.push_str(word);
    }
    if !words.is_empty() {
        text.push('\n');
    }
    Ok(())
}

fn at_end(text: &str, kind: Kind) -> RevisionError {
    RevisionError::in_text(PATH, text, text.len(), kind)
}

/// A section of a [`NewRevision`].
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewSection {
    kind: SectionKind,
    databases: Vec<Dialect>,
    mode: Mode,
    lock_timeout: Option<Timeout>,
    statement_timeout: Option<Timeout>,
    foreign_keys: ForeignKeys,
    body: String,
}

impl NewSection {
    /// An empty section for every database that no other one of its kind names, with no words.
    pub fn new(kind: SectionKind) -> Self {
        NewSection {
            kind,
            databases: Vec::new(),
            mode: Mode::default(),
            lock_timeout: None,
            statement_timeout: None,
            foreign_keys: ForeignKeys::default(),
            body: String::new(),
        }
    }

    /// The databases that it is for. Default: those that no other section of its kind names.
    pub fn databases(mut self, databases: impl IntoIterator<Item = Dialect>) -> Self {
        self.databases = databases.into_iter().collect();
        self
    }

    /// How it is run. Default: [`Mode::Transactional`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// How long a statement may wait for a lock. Default: as the `Migrator` is set.
    pub fn lock_timeout(mut self, timeout: Timeout) -> Self {
        self.lock_timeout = Some(timeout);
        self
    }

    /// How long a statement may run. Default: as the `Migrator` is set.
    pub fn statement_timeout(mut self, timeout: Timeout) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }

    /// Whether SQLite enforces foreign keys meanwhile. Default: [`ForeignKeys::AsSet`].
    pub fn foreign_keys(mut self, foreign_keys: ForeignKeys) -> Self {
        self.foreign_keys = foreign_keys;
        self
    }

    /// The SQL. Empty lines around it are dropped. Default: none.
    pub fn body(mut self, sql: impl Into<String>) -> Self {
        self.body = sql.into();
        self
    }

    fn write(&self, text: &mut String) {
        let mut line = format!("-- {}", self.kind);
        if !self.databases.is_empty() {
            let names: Vec<&str> = self
                .databases
                .iter()
                .map(|database| database.name())
                .collect();
            line = format!("{line} [{}]", names.join(", "));
        }
        if let Some(word) = Word::ALL
            .into_iter()
            .find(|word| word.mode() == Some(self.mode))
        {
            line = format!("{line} {}", word.name());
        }
        for (word, timeout) in [
            (Word::LockTimeout, self.lock_timeout),
            (Word::StatementTimeout, self.statement_timeout),
        ] {
            if let Some(timeout) = timeout {
                write!(line, " {}={timeout}", word.name()).expect("writing to a string");
            }
        }
        if self.foreign_keys == ForeignKeys::Off {
            line = format!("{line} {}", Word::ForeignKeys.written());
        }
        text.push_str(&line);
        text.push('\n');
        let body = without_crlf(&self.body);
        let body = body.trim_start_matches('\n').trim_end();
        if !body.is_empty() {
            text.push_str(body);
            text.push('\n');
        }
    }
}
