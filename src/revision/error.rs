//! Why a file is no revision, and where in it.

use std::borrow::Cow;
use std::fmt;

use super::header::Key;
use super::section::{SectionKind, Word};
use super::timeout::TimeoutError;
use super::word::WordError;
use crate::Dialect;
use crate::snippet::Snippet;
use crate::sql::SplitErrorKind;

/// A file that is no revision: which file, where in it, why, and where possible what to do.
///
/// Displayed as `migrations/a.sql:12:4: …`, with a second line `help: …` where there is advice.
/// Lines and columns count from 1, columns in characters, both in the file as an editor shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionError(Box<Located>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Located {
    path: String,
    line: usize,
    column: usize,
    kind: RevisionErrorKind,
    snippet: Option<Snippet>,
}

impl RevisionError {
    pub(super) fn new(
        path: &str,
        (line, column): (usize, usize),
        kind: RevisionErrorKind,
    ) -> RevisionError {
        RevisionError(Box::new(Located {
            path: path.to_owned(),
            line,
            column,
            kind,
            snippet: None,
        }))
    }

    /// The error at this byte of the file's text, with the line that it is about.
    pub(super) fn in_text(
        path: &str,
        text: &str,
        offset: usize,
        kind: RevisionErrorKind,
    ) -> RevisionError {
        let snippet = Snippet::at(path, text, offset);
        let snippet = match kind.extent() {
            Extent::Word => snippet,
            Extent::Line => snippet.up_to_end(),
            Extent::Characters(count) => snippet.under(count),
        };
        let place = super::text::position(text, offset);
        let mut error = RevisionError::new(path, place, kind);
        error.0.snippet = Some(snippet);
        error
    }

    /// The file's path, as it was given.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column, counted from 1, in characters.
    #[must_use]
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// What is wrong there.
    #[must_use]
    pub fn kind(&self) -> &RevisionErrorKind {
        &self.0.kind
    }

    /// What to do about it, where there is advice.
    #[must_use]
    pub fn help(&self) -> Option<Cow<'static, str>> {
        self.0.kind.help()
    }

    /// The line, with a mark under what is wrong; none where the file's text is not at hand.
    #[must_use]
    pub fn snippet(&self) -> Option<&Snippet> {
        self.0.snippet.as_ref()
    }
}

impl fmt::Display for RevisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Located {
            path,
            line,
            column,
            kind,
            snippet: _,
        } = &*self.0;
        write!(f, "{path}:{line}:{column}: {kind}")?;
        match kind.help() {
            Some(help) => write!(f, "\nhelp: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RevisionError {}

/// Declares the enum together with the list of its variants' names, so that neither can lack one that
/// the other has.
macro_rules! kinds {
    ($(#[$outer:meta])* pub enum $kind:ident { $($(#[$inner:meta])* $variant:ident $({ $($(#[$doc:meta])* $field:ident: $type:ty,)* })? = $name:literal,)* }) => {
        $(#[$outer])*
        pub enum $kind { $($(#[$inner])* $variant $({ $($(#[$doc])* $field: $type,)* })?,)* }

        impl $kind {
            /// The name of every variant, in the order of the enum.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The variant's name for machines: lower-case words joined by `_`, which never change.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $($kind::$variant { .. } => $name,)* }
            }
        }
    };
}

kinds! {
/// What is wrong with a revision file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RevisionErrorKind {
    /// A byte that is part of no UTF-8 character.
    #[error("the file is not UTF-8: byte 0x{byte:02x} belongs to no character")]
    InvalidUtf8 {
        /// The first such byte.
        byte: u8,
    } = "invalid_utf8",
    /// A NUL byte, which no database accepts in SQL.
    #[error("a NUL byte")]
    Nul = "nul",
    /// The file does not begin with a comment block, or that block holds no key.
    #[error("this file has no header")]
    NoHeader = "no_header",
    /// A comment paragraph stands below the paragraph of keys.
    #[error("the header goes on below its keys, which end in line {keys_end}")]
    KeysNotLast {
        /// The line of the last key.
        keys_end: usize,
    } = "keys_not_last",
    /// A line among the keys is no `key: value`.
    #[error("`{}` stands among the header's keys and is no `key: value`", shown(.line))]
    NotAKey {
        /// The line without its `--`.
        line: String,
    } = "not_a_key",
    /// A key that no header has.
    #[error("unknown key `{}`", shown(.key))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The known key that is nearest to it.
        nearest: Option<&'static str>,
    } = "unknown_key",
    /// A key for the second time.
    #[error("`{key}` stands here for the second time, first in line {first_line}")]
    DuplicateKey {
        /// The key.
        key: &'static str,
        /// The line of the first one.
        first_line: usize,
    } = "duplicate_key",
    /// A required key is not there.
    #[error("the header has no `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
    } = "missing_key",
    /// A key without a value.
    #[error("`{key}` has no value")]
    EmptyValue {
        /// The key.
        key: &'static str,
    } = "empty_value",
    /// Nothing between two commas of a list, before the first, or after the last.
    #[error("a comma with nothing beside it in `{key}`")]
    EmptyItem {
        /// The list's key.
        key: &'static str,
    } = "empty_item",
    /// The same word twice in one list.
    #[error("`{}` stands twice in `{key}`", shown(.item))]
    DuplicateItem {
        /// The list's key.
        key: &'static str,
        /// The word.
        item: String,
    } = "duplicate_item",
    /// A word that can name no revision or branch.
    #[error("`{}` cannot stand in `{key}`: {problem}", shown(.word))]
    BadWord {
        /// The key.
        key: &'static str,
        /// The word.
        word: String,
        /// Why not.
        problem: WordError,
    } = "bad_word",
    /// `none` in `down_revision` beside an id.
    #[error("`none` stands in `down_revision` beside other revisions")]
    NoneAmongOthers = "none_among_others",
    /// The revision's own id in `down_revision` or `depends_on`.
    #[error("revision `{}` names itself in `{key}`", shown(.revision))]
    SelfReference {
        /// The key.
        key: &'static str,
        /// The id.
        revision: String,
    } = "self_reference",
    /// A `create_date` that RFC 3339 does not know.
    #[error("`{}` is no RFC 3339 date and time", shown(.value))]
    BadDate {
        /// The value.
        value: String,
    } = "bad_date",
    /// SQL between the header and the first section.
    #[error("SQL before the first section")]
    BeforeFirstSection = "before_first_section",
    /// A line that looks like the beginning of a section and is none.
    #[error("`{}` begins no section", shown(.marker))]
    UnknownSection {
        /// What stands there, from the dashes on.
        marker: String,
        /// The section that is nearest to it.
        nearest: SectionKind,
    } = "unknown_section",
    /// No `-- @upgrade` in the file.
    #[error("the file has no `-- @upgrade` section")]
    NoUpgrade = "no_upgrade",
    /// Two sections of one kind for one database.
    #[error("a second {section} section for {}, the first begins in line {first_line}",
        database.map_or("the databases that no other one names", Dialect::name))]
    DuplicateSection {
        /// The section's kind.
        section: SectionKind,
        /// The database that both name, or `None` where both have no brackets.
        database: Option<Dialect>,
        /// The line of the first one's marker.
        first_line: usize,
    } = "duplicate_section",
    /// A section without brackets while others of its kind serve every database.
    #[error("no database is left for this {section} section: others name them all")]
    NothingServed {
        /// The section's kind.
        section: SectionKind,
    } = "nothing_served",
    /// A name in a section's brackets that is no database.
    #[error("unknown database `{}`", shown(.name))]
    UnknownDatabase {
        /// The name as written.
        name: String,
        /// The database that is nearest to it.
        nearest: Option<Dialect>,
    } = "unknown_database",
    /// One database twice in a section's brackets.
    #[error("`{database}` stands twice in the brackets")]
    DuplicateDatabase {
        /// The database.
        database: Dialect,
    } = "duplicate_database",
    /// Brackets that name no database, or a comma in them with nothing beside it.
    #[error("a database is missing in the brackets")]
    MissingDatabase = "missing_database",
    /// `[` without `]`.
    #[error("this `[` has no `]` in its line")]
    UnclosedBracket = "unclosed_bracket",
    /// Brackets elsewhere than directly after the section's name.
    #[error("brackets stand once, directly after the section's name")]
    MisplacedBracket = "misplaced_bracket",
    /// A word after a section's name that is none.
    #[error("unknown word `{}`", shown(.word))]
    UnknownWord {
        /// The word as written.
        word: String,
        /// The known word that is nearest to it.
        nearest: Option<&'static str>,
    } = "unknown_word",
    /// A word that a later version of limbeck will give a meaning.
    #[error("`{word}` is reserved: this version of limbeck does not know what it means yet")]
    ReservedWord {
        /// The word.
        word: &'static str,
    } = "reserved_word",
    /// One word twice in a section's line.
    #[error("`{word}` stands twice in this line")]
    DuplicateWord {
        /// The word.
        word: &'static str,
    } = "duplicate_word",
    /// Two words that exclude each other.
    #[error("`{first}` and `{second}` exclude each other")]
    ConflictingWords {
        /// The one that stands first.
        first: &'static str,
        /// The other.
        second: &'static str,
    } = "conflicting_words",
    /// A word that this kind of section cannot have.
    #[error("{section} takes no `{word}`")]
    WordNotHere {
        /// The word.
        word: &'static str,
        /// The section's kind.
        section: SectionKind,
    } = "word_not_here",
    /// A word that needs a value and has none.
    #[error("`{word}` needs a value")]
    MissingValue {
        /// The word.
        word: &'static str,
    } = "missing_value",
    /// A word that takes no value and has one.
    #[error("`{word}` takes no value")]
    UnexpectedValue {
        /// The word.
        word: &'static str,
    } = "unexpected_value",
    /// A timeout that is none.
    #[error("`{}` {problem}", shown(.value))]
    BadTimeout {
        /// The word before the `=`.
        word: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        problem: TimeoutError,
    } = "bad_timeout",
    /// `foreign_keys=` with something else than `off`.
    #[error("`foreign_keys` takes `off` alone, not `{}`", shown(.value))]
    BadForeignKeys {
        /// The value.
        value: String,
    } = "bad_foreign_keys",
    /// `foreign_keys=off` on a section that does not serve SQLite.
    #[error("`foreign_keys=off` is SQLite's, and this section does not serve it")]
    ForeignKeysElsewhere = "foreign_keys_elsewhere",
    /// A string, quoted name, comment, dollar quote or body whose end is missing.
    #[error("{what} that begins here has no end")]
    Unterminated {
        /// What it is, with its article: `the string`.
        what: &'static str,
        /// The line of the section marker that cut it short, if one did.
        cut_by: Option<usize>,
    } = "unterminated",
    /// SQL that could not be split into statements for another reason.
    #[error("{problem}")]
    Sql {
        /// The splitter's reason.
        problem: SplitErrorKind,
    } = "sql",
    /// A mark that git left where a merge is not resolved.
    #[error("`{}` marks a merge conflict that is not resolved", shown(.mark))]
    ConflictMarker {
        /// The line.
        mark: String,
    } = "conflict_marker",
    /// A statement that begins or ends a transaction.
    #[error("`{}` begins or ends a transaction", shown(.statement))]
    TransactionControl {
        /// The statement.
        statement: String,
    } = "transaction_control",
    /// A statement with a placeholder for a value, which nobody gives: SQLite would take NULL for it.
    #[error("`{}` is a parameter, and nothing binds a value to it", shown(.parameter))]
    UnboundParameter {
        /// The placeholder: `?`, `:name`, `$1`.
        parameter: String,
        /// The database that takes it for a placeholder.
        database: Dialect,
    } = "unbound_parameter",
    /// A savepoint in a section whose statements run without a transaction around them.
    #[error("`{}` needs a transaction around it, and this section has none", shown(.statement))]
    SavepointAlone {
        /// The statement.
        statement: String,
    } = "savepoint_alone",
    /// MySQL and MariaDB: LOCK TABLES, UNLOCK TABLES, FLUSH TABLES WITH READ LOCK.
    #[error(
        "`{}` takes or ends locks of the session's: limbeck's own record of the statement would release them \
         without a word",
        shown(.statement)
    )]
    TableLocks {
        /// The statement.
        statement: String,
    } = "table_locks",
    /// SQLite: a pragma that sets a limit of the whole process.
    #[error("`{}` sets something of the whole process, which would outlast the run", shown(.statement))]
    ProcessSetting {
        /// The statement.
        statement: String,
    } = "process_setting",
    /// A statement that the database refuses inside a transaction, in a section that runs in one.
    #[error("`{}` cannot run inside a transaction in {database}, and this section runs in one", shown(.statement))]
    NeedsAutocommit {
        /// The statement.
        statement: String,
        /// The database that refuses it.
        database: Dialect,
    } = "needs_autocommit",
    /// A statement that does nothing inside a transaction, in a section that runs in one: SQLite's
    /// `PRAGMA foreign_keys`.
    #[error("`{}` does nothing inside a transaction, and this section runs in one", shown(.statement))]
    IgnoredInTransaction {
        /// The statement.
        statement: String,
    } = "ignored_in_transaction",
    /// A `repeat` section with no statement, or with several.
    #[error("a `repeat` section holds exactly one statement, and this one holds {found}")]
    RepeatCount {
        /// How many it holds.
        found: usize,
    } = "repeat_count",
    /// SQL in a `rust` section.
    #[error("a `rust` section holds no SQL: its code is registered on the `Migrator`")]
    SqlInRust = "sql_in_rust",
    /// A statement in `@require` or `@verify` that is no query.
    #[error("`{}` is no SELECT, and {section} holds nothing else", shown(.statement))]
    NotASelect {
        /// The statement.
        statement: String,
        /// The section's kind.
        section: SectionKind,
    } = "not_a_select",
    /// A body given to [`NewRevision`](super::NewRevision) holds a line that would begin a section.
    #[error("a section's body holds a line that begins a section of its own")]
    MarkerInBody = "marker_in_body",
    /// The text compiled into the binary is not the one that was checked when it was built.
    #[error("the text compiled in has checksum {found}, the build checked one with {checked}")]
    Stale {
        /// What the build wrote down.
        checked: super::Checksum,
        /// What the text has.
        found: super::Checksum,
    } = "stale",
}
}

/// How much of a line an error is about, from its place on.
enum Extent {
    Word,
    Line,
    Characters(usize),
}

impl RevisionErrorKind {
    fn extent(&self) -> Extent {
        use RevisionErrorKind as K;
        match self {
            K::NotAKey { .. }
            | K::UnknownSection { .. }
            | K::BadDate { .. }
            | K::ConflictMarker { .. }
            | K::TransactionControl { .. }
            | K::SavepointAlone { .. }
            | K::TableLocks { .. }
            | K::ProcessSetting { .. }
            | K::NeedsAutocommit { .. }
            | K::IgnoredInTransaction { .. }
            | K::NotASelect { .. }
            | K::RepeatCount { .. }
            | K::DuplicateSection { .. }
            | K::NothingServed { .. } => Extent::Line,
            K::UnknownKey { key: word, .. }
            | K::BadWord { word, .. }
            | K::UnknownWord { word, .. }
            | K::DuplicateItem { item: word, .. }
            | K::SelfReference { revision: word, .. }
            | K::UnboundParameter {
                parameter: word, ..
            }
            | K::UnknownDatabase { name: word, .. } => Extent::Characters(word.chars().count()),
            K::Nul | K::InvalidUtf8 { .. } => Extent::Characters(1),
            _ => Extent::Word,
        }
    }

    /// What to do about it, where there is advice.
    #[must_use]
    pub fn help(&self) -> Option<Cow<'static, str>> {
        use RevisionErrorKind as K;
        let fixed: &'static str = match self {
            K::InvalidUtf8 { byte: 0xfe | 0xff } => "it looks like UTF-16; save it as UTF-8",
            K::InvalidUtf8 { .. } => "save the file as UTF-8",
            K::Nul => "remove it; a file full of them is UTF-16 and has to be saved as UTF-8",
            K::NoHeader => {
                "a revision begins with a comment block: its message, an empty `--` line, then \
                 `-- revision: ID` and `-- down_revision: ID` (or `none`)"
            }
            K::KeysNotLast { .. } => {
                "keys are the header's last paragraph: move this text above them, or put an empty \
                 line without `--` in between"
            }
            K::NotAKey { .. } => {
                "an empty `--` line parts the message from the keys; other comments need an empty \
                 line without `--` above them"
            }
            K::UnknownKey { key, nearest } => {
                return Some(match nearest {
                    Some(nearest) if *nearest == key.to_ascii_lowercase() => {
                        format!("keys are written in lower case: `{nearest}`").into()
                    }
                    Some(nearest) => format!("did you mean `{nearest}`?").into(),
                    None => format!("the keys are {}", listed(Key::ALL.map(Key::name))).into(),
                });
            }
            K::MissingKey {
                key: "down_revision",
            } => {
                "name the revision that this one follows, or write `-- down_revision: none` for a \
                 first one"
            }
            K::MissingKey { .. } => "add `-- revision: ID` with an id that no other file has",
            K::EmptyValue {
                key: "down_revision",
            } => "write `none` if there is none before it",
            K::EmptyValue { key: "revision" } => "every revision needs an id of its own",
            K::EmptyValue { .. } => "leave the line out",
            K::BadWord { key, word, problem } => match problem {
                WordError::Reserved if *key == "down_revision" => {
                    if word.eq_ignore_ascii_case("none") {
                        "`none` is written in lower case"
                    } else {
                        "write the full id of the revision that this one follows, or `none`"
                    }
                }
                WordError::Reserved if word.eq_ignore_ascii_case("none") && *key != "revision" => {
                    "leave the line out"
                }
                WordError::Forbidden { character }
                    if character.is_whitespace() && *key != "revision" =>
                {
                    "several are separated by commas"
                }
                WordError::Forbidden { character: '-' } => {
                    "`-` counts steps in targets such as `ae10-1`; `_` can stand in a word"
                }
                _ => return None,
            },
            K::NoneAmongOthers => "leave `none` out",
            K::BadDate { .. } => "write it as 2026-11-22T12:00:00Z, or with an offset: …+01:00",
            K::BeforeFirstSection => "put a line `-- @upgrade` above it",
            K::UnknownSection { nearest, .. } => {
                return Some(
                    format!(
                        "a section begins with a line such as `-- {nearest}` or \
                         `-- {nearest} [postgres] autocommit`; indent the line if it is a comment"
                    )
                    .into(),
                );
            }
            K::NoUpgrade => "an empty one says that there is nothing to do, as in most merges",
            K::DuplicateSection { database: None, .. } => {
                "say in brackets which databases each is for, or join the two"
            }
            K::DuplicateSection { .. } => "join the two, or take the database out of one",
            K::NothingServed { .. } => {
                "remove it; `[mysql]` serves MariaDB too unless a `[mariadb]` section stands there"
            }
            K::UnknownDatabase { nearest, .. } => {
                return Some(match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?").into(),
                    None => format!(
                        "the databases are {}",
                        listed(Dialect::ALL.map(Dialect::name))
                    )
                    .into(),
                });
            }
            K::MissingDatabase => "a section without brackets serves all that no other one names",
            K::MisplacedBracket => "write `-- @upgrade [postgres, sqlite] autocommit`",
            K::UnknownWord { nearest, word } => {
                return Some(match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?").into(),
                    None if word.parse::<Dialect>().is_ok() => {
                        format!("databases stand in brackets: `[{word}]`").into()
                    }
                    None if word.starts_with("--") => "a comment needs a line of its own".into(),
                    None => {
                        format!("the words are {}", listed(Word::ALL.map(Word::written))).into()
                    }
                });
            }
            K::MissingValue {
                word: "foreign_keys",
            } => "write `foreign_keys=off`",
            K::MissingValue { .. }
            | K::BadTimeout {
                problem: TimeoutError::Malformed,
                ..
            } => "write it without a space: 500ms, 2s, 5min or 1h",
            K::BadTimeout {
                problem: TimeoutError::Zero,
                ..
            } => "leave the word out",
            K::BadForeignKeys { value } if value == "on" => "leave the word out: on is the default",
            K::BadForeignKeys { .. } => "write `foreign_keys=off`",
            K::WordNotHere { .. } => {
                "@require and @verify are run with the step that they belong to"
            }
            K::Unterminated {
                cut_by: Some(line), ..
            } => {
                return Some(
                    format!(
                        "the section marker in line {line} ends the section; indent that line if \
                         it is part of the text"
                    )
                    .into(),
                );
            }
            K::ConflictMarker { .. } => {
                "between `<<<<<<<` and `>>>>>>>` stand both sides of it: keep what is right of each, and take the marks out"
            }
            K::TransactionControl { .. } => {
                "limbeck begins and commits by itself: take it out; SAVEPOINT is allowed in a section \
                 without the word `autocommit`, and in one with it each statement commits alone"
            }
            K::UnboundParameter {
                database: Dialect::Sqlite,
                ..
            } => "write the value itself: SQLite would run it with NULL, without a word",
            K::UnboundParameter { .. } => {
                "write the value itself: a migration's statements are run as they stand"
            }
            K::SavepointAlone { .. } => {
                "take it out, or take the word `autocommit` from the section's line"
            }
            K::TableLocks { .. } => {
                "take it out: no other migration runs meanwhile; to keep the application's writes away, stop them, \
                 or do the work in one statement (`ALTER TABLE … LOCK=EXCLUSIVE`, `INSERT … SELECT`, `RENAME TABLE`)"
            }
            K::ProcessSetting { .. } => "take it out, and set it where the service starts",
            K::NeedsAutocommit { .. } => {
                "give the section the word `autocommit`, or a revision of its own with that word"
            }
            K::IgnoredInTransaction { .. } => {
                "for a table rebuild give the section the word `foreign_keys=off`"
            }
            K::NotASelect { .. } => {
                "each statement here is a SELECT of violations: any row it returns stops the step"
            }
            K::RepeatCount { found: 0 } => "write the statement, or take the word `repeat` out",
            K::RepeatCount { .. } => "make each further statement a revision of its own",
            K::SqlInRust => "take out the SQL, or the word `rust`",
            K::Sql {
                problem: SplitErrorKind::PsqlCommand { .. },
            } => "the server knows none of psql's commands, which pg_dump writes: take it out",
            K::Sql {
                problem: SplitErrorKind::ClientCommand { .. },
            } => {
                "the database knows none of its client's commands: take it out, and write what it would do as SQL"
            }
            K::MarkerInBody => "indent the line",
            K::Stale { .. } => "build the binary again, with one version of limbeck throughout",
            _ => return None,
        };
        Some(fixed.into())
    }
}

/// A user's text for one line of a message: no control characters, and no more of it than helps.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == MOST {
            shown.push('…');
            break;
        }
        match c {
            '\n' | '\t' => shown.push(' '),
            c if c.is_control() => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// `a, b and c`
fn listed<const N: usize>(names: [&str; N]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// What is wrong, and at which byte of the normalized text: a file's functions know no path.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) kind: Box<RevisionErrorKind>,
}

impl Fault {
    pub(super) fn new(offset: usize, kind: RevisionErrorKind) -> Fault {
        Fault {
            offset,
            kind: Box::new(kind),
        }
    }

    pub(super) fn in_file(self, path: &str, text: &str) -> RevisionError {
        RevisionError::in_text(path, text, self.offset, *self.kind)
    }
}
