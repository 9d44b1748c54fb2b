//! From a plan to what is sent: the sections of each step for one database, split and placed. Whatever can
//! be refused is refused here, before the first write.

use std::time::Duration;

use crate::dialect::{BadName, Dialect, Family};
use crate::ledger::tables::ALEMBIC_WIDTH;
use crate::ledger::{LedgerEntry, Recorded, State};
use crate::migrations::Migrations;
use crate::plan::{Action, Step};
use crate::revision::{ForeignKeys, Mode, Revision, RevisionError, Section, SectionKind};
use crate::sql::{self, Class, InTransaction, Kind};

/// A step that this binary refuses to begin.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RefusedError {
    /// The revision has no `@downgrade` section.
    #[error(
        "{path}: revision {revision} cannot be undone: it has no `-- @downgrade` section for {dialect}. \
             Nothing was changed. Write one (an empty one says that there is nothing to undo), or choose a \
             target that keeps this revision"
    )]
    #[non_exhaustive]
    Irreversible {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// The database.
        dialect: Dialect,
    },
    /// The revision has no `@upgrade` section for this database.
    #[error(
        "{path}: revision {revision} has no `-- @upgrade` section that serves {dialect}. Nothing was changed. \
             Add one: `-- @upgrade [{dialect}]`, empty if there is nothing to do"
    )]
    #[non_exhaustive]
    NoSection {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// The database.
        dialect: Dialect,
    },
    /// A `rust` section without its function.
    #[error("{path}: the {} of revision {revision} is code (`rust`), and none is registered. Nothing was changed. \
             Register it: `migrator.on_{}(\"{revision}\", …)`", .action.name(), .action.name())]
    #[non_exhaustive]
    MissingCode {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// Upgrade or downgrade.
        action: Action,
    },
    /// Code is registered for a revision that is not there.
    #[error(
        "code is registered for the {} of revision `{revision}`, which these migrations do not hold{} Nothing was \
             changed. Give the full id of a revision that they hold, or take the code away",
        .action.name(),
        .nearest.as_ref().map_or(".".to_owned(), |id| format!("; did you mean `{id}`?"))
    )]
    #[non_exhaustive]
    UnknownCode {
        /// What it is registered for.
        revision: String,
        /// Upgrade or downgrade.
        action: Action,
        /// An id that it may be a part or a slip of.
        nearest: Option<String>,
    },
    /// Code is registered for a revision that has no `rust` section of that kind, on any database.
    #[error(
        "{path}: code is registered for the {action} of revision {revision}, which has no section `-- @{action} rust`. \
             Nothing was changed. Write the word `rust` behind `-- @{action}`, or take the code away"
    )]
    #[non_exhaustive]
    UnusedCode {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// Upgrade or downgrade.
        action: Action,
    },
    /// Code is declared idempotent, and none is registered.
    #[error(
        "the code of revision `{revision}` is declared idempotent, and none is registered for it. Nothing was changed. \
             Give the id for which it is registered"
    )]
    #[non_exhaustive]
    NothingIdempotent {
        /// What was declared.
        revision: String,
    },
    /// A step that cannot be part of one transaction.
    #[error(
        "{path}: revision {revision} cannot run in `TransactionMode::SingleTransaction`: {reason}. Nothing was \
             changed. Use `TransactionMode::PerRevision`"
    )]
    #[non_exhaustive]
    NotInOneTransaction {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A step on a lent connection, behind one that may have changed the session beyond repair.
    #[error(
        "{path}: revision {revision} needs a new session: revision {before} before it may leave variables, settings or \
             temporary tables in this one, and {dialect} cannot reset a session. This connection was lent, so that there is no \
             other. Nothing was changed. Give the migrator a pool; or go to {before} alone, and on from there over another \
             connection"
    )]
    #[non_exhaustive]
    NeedsNewSession {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// The revision before it.
        before: String,
        /// The database.
        dialect: Dialect,
    },
    /// An id that does not fit into the version table.
    #[error(
        "revision {revision} has {length} characters, and the column version_num of this version table holds \
             {width}: Alembic made it. Nothing was changed. Shorten the id, or widen the column"
    )]
    #[non_exhaustive]
    IdTooLong {
        /// The revision.
        revision: String,
        /// Its length in characters.
        length: usize,
        /// The column's width.
        width: usize,
    },
    /// A message of the step is longer than the database takes.
    #[error(
        "{path}: revision {revision} cannot be sent: {what} has {bytes} bytes, and the database takes {limit} in a message, limbeck's \
             own statements included ({setting}). Nothing was changed. Raise the limit where it is a setting, or cut the statement: \
             load much data in batches, or from a file"
    )]
    #[non_exhaustive]
    TooLong {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// The part that is too long.
        what: String,
        /// Its length in bytes.
        bytes: usize,
        /// The longest message, in bytes.
        limit: usize,
        /// The setting that decides, or the limit's name.
        setting: &'static str,
    },
    /// A name of limbeck's own tables that the database would not take, or would cut.
    #[error(
        "the {setting} {name:?} cannot be used: {reason}. Nothing was changed. Choose another name"
    )]
    #[non_exhaustive]
    BadName {
        /// Which setting gives it.
        setting: &'static str,
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// Code, or a batched section, in a script.
    #[error("{path}: revision {revision} cannot be written into a script: {reason}")]
    #[non_exhaustive]
    NotAsScript {
        /// The revision.
        revision: String,
        /// Its file.
        path: String,
        /// Why.
        reason: &'static str,
    },
    /// A section cannot be read for this database.
    #[error("{0}\n  Nothing was changed")]
    Revision(RevisionError),
}

impl From<BadName> for RefusedError {
    fn from(bad: BadName) -> Self {
        RefusedError::BadName {
            setting: bad.setting,
            name: bad.name,
            reason: bad.reason,
        }
    }
}

impl RefusedError {
    /// The revision that the error is about.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        match self {
            RefusedError::Irreversible { revision, .. }
            | RefusedError::NoSection { revision, .. }
            | RefusedError::MissingCode { revision, .. }
            | RefusedError::UnknownCode { revision, .. }
            | RefusedError::UnusedCode { revision, .. }
            | RefusedError::NothingIdempotent { revision }
            | RefusedError::NotInOneTransaction { revision, .. }
            | RefusedError::NeedsNewSession { revision, .. }
            | RefusedError::IdTooLong { revision, .. }
            | RefusedError::TooLong { revision, .. }
            | RefusedError::NotAsScript { revision, .. } => Some(revision),
            RefusedError::BadName { .. } | RefusedError::Revision(_) => None,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            RefusedError::Irreversible { .. } => "irreversible",
            RefusedError::NoSection { .. } => "no_section",
            RefusedError::MissingCode { .. } => "missing_code",
            RefusedError::UnknownCode { .. } => "unknown_code",
            RefusedError::UnusedCode { .. } => "unused_code",
            RefusedError::NothingIdempotent { .. } => "nothing_idempotent",
            RefusedError::NotInOneTransaction { .. } => "not_in_one_transaction",
            RefusedError::NeedsNewSession { .. } => "needs_new_session",
            RefusedError::IdTooLong { .. } => "id_too_long",
            RefusedError::TooLong { .. } => "too_long",
            RefusedError::BadName { .. } => "bad_name",
            RefusedError::NotAsScript { .. } => "not_as_script",
            RefusedError::Revision(_) => "invalid_file",
        }
    }

    /// The file that the error is about.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            RefusedError::Irreversible { path, .. }
            | RefusedError::NoSection { path, .. }
            | RefusedError::MissingCode { path, .. }
            | RefusedError::UnusedCode { path, .. }
            | RefusedError::NotInOneTransaction { path, .. }
            | RefusedError::NeedsNewSession { path, .. }
            | RefusedError::TooLong { path, .. }
            | RefusedError::NotAsScript { path, .. } => Some(path),
            RefusedError::UnknownCode { .. }
            | RefusedError::NothingIdempotent { .. }
            | RefusedError::IdTooLong { .. }
            | RefusedError::BadName { .. } => None,
            RefusedError::Revision(error) => Some(error.path()),
        }
    }
}

/// A statement of a section, and where it stands in its file.
#[derive(Debug, Clone)]
pub struct Sql {
    pub text: String,
    pub line: usize,
    pub column: usize,
    pub kind: Kind,
}

impl Sql {
    pub(crate) fn is_ddl(&self) -> bool {
        self.kind.ddl().is_some()
    }

    /// The rows that it changed, by the server's count: which is none of changes for a query.
    pub(crate) fn changed(&self, affected: u64) -> u64 {
        match self.kind.class() {
            Class::Dml => affected,
            _ => 0,
        }
    }

    /// Tells whether the statement and the record that it is done can be one transaction.
    pub(crate) fn can_share_transaction(&self, dialect: Dialect) -> bool {
        let is_allowed = self.kind.in_transaction() == InTransaction::Allowed;
        match self.kind.class() {
            Class::Dml | Class::Query => is_allowed,
            Class::Ddl(_) => is_allowed && transactional_ddl(dialect),
            // What it sets is set anew for each statement behind it.
            Class::Session => is_allowed && dialect.family() == Family::Postgres,
            _ => false,
        }
    }

    /// Tells whether it begins with this word.
    #[cfg(feature = "mysql")]
    pub(crate) fn begins(&self, word: &str) -> bool {
        let first = self.text.split_whitespace().next();
        first.is_some_and(|first| first.eq_ignore_ascii_case(word))
    }

    /// The statement, for the question what it carries from one session into another.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn part(&self) -> sql::carry::Part<'_> {
        sql::carry::Part {
            kind: &self.kind,
            text: &self.text,
        }
    }

    /// Tells whether the statement sets the time-out of locks itself.
    pub(crate) fn sets_lock_timeout(&self) -> bool {
        let sets = matches!(self.kind.class(), Class::Session | Class::Query);
        let text = self.text.to_ascii_lowercase();
        sets && (text.contains("lock_timeout") || text.contains("lock_wait_timeout"))
    }

    /// PostgreSQL: whether the statement makes a setting that reaches beyond its own transaction, and that may
    /// be made again: unlike `PREPARE` or `NOTIFY`.
    pub(crate) fn is_setting(&self) -> bool {
        if !self.sets_session(Dialect::Postgres) || !self.can_share_transaction(Dialect::Postgres) {
            return false;
        }
        let mut words = self.text.split_whitespace().map(str::to_ascii_uppercase);
        match words.next().as_deref() {
            Some("SET") => !words
                .next()
                .is_some_and(|word| matches!(&*word, "LOCAL" | "TRANSACTION" | "CONSTRAINTS")),
            Some("RESET" | "LOAD" | "SELECT") => true,
            _ => false,
        }
    }

    /// Tells whether what the statement does is in the session and goes with it: settings, and MySQL's variables.
    pub(crate) fn sets_session(&self, dialect: Dialect) -> bool {
        let text = self.text.to_ascii_uppercase();
        match self.kind.class() {
            Class::Session => !text.starts_with("KILL") && !text.starts_with("NOTIFY"),
            Class::Query if dialect.is_mysql_family() => {
                text.contains('@') && (text.contains(":=") || text.contains("INTO"))
            }
            Class::Query => dialect.family() == Family::Postgres && text.contains("SET_CONFIG("),
            _ => false,
        }
    }
}

/// What a step does to the database, beside moving the heads.
#[derive(Debug, Clone)]
pub enum Work {
    /// All in one transaction, with the bookkeeping.
    Transaction(Vec<Sql>),
    /// One by one, each recorded.
    Statements(Vec<Sql>),
    /// In units: consecutive statements that do not commit by themselves are one transaction with one record, the others go
    /// one by one.
    Units(Vec<Sql>),
    /// One statement, again and again, until it changes nothing.
    Repeat(Sql),
    /// A registered function; whether inside a transaction is the database's matter.
    Code,
}

/// The statements of a `@require` or `@verify` section, with its time-outs.
#[derive(Debug, Clone, Default)]
pub struct Check {
    pub statements: Vec<Sql>,
    pub lock_timeout: Option<Duration>,
    pub statement_timeout: Option<Duration>,
}

#[cfg(feature = "_sqlx")]
impl Check {
    pub(crate) fn is_limited(&self) -> bool {
        self.lock_timeout.is_some() || self.statement_timeout.is_some()
    }

    /// The check of a table rebuild, behind the section: each row is a reference that leads nowhere.
    pub(crate) fn foreign_keys(prepared: &Prepared) -> Option<Check> {
        const TEXT: &str = "PRAGMA foreign_key_check";
        prepared.foreign_keys_off.then(|| Check {
            statements: vec![Sql {
                text: TEXT.to_owned(),
                line: prepared.statements().first().map_or(1, |sql| sql.line),
                column: 1,
                kind: sql::classify(Dialect::Sqlite, TEXT),
            }],
            ..Check::default()
        })
    }
}

/// A step, ready to run on one database.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub step: Step,
    /// Its number in the plan, from 1, and the plan's length.
    pub number: usize,
    pub total: usize,
    pub path: String,
    pub message: String,
    pub work: Work,
    pub require: Check,
    pub verify: Check,
    pub lock_timeout: Option<Duration>,
    pub statement_timeout: Option<Duration>,
    pub foreign_keys_off: bool,
}

impl Prepared {
    /// The statements that set the section's time-outs, where the database has such settings.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn timeouts(&self, dialect: Dialect) -> Vec<String> {
        crate::dialect::session::set_timeouts(dialect, self.lock_timeout, self.statement_timeout)
    }

    /// Tells whether the section says for how long its statements wait for locks: by its word or by a `SET` of its own.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn limits_locks_itself(&self) -> bool {
        self.lock_timeout.is_some() || self.statements().iter().any(Sql::sets_lock_timeout)
    }

    /// The section's statements, in their order.
    pub(crate) fn statements(&self) -> &[Sql] {
        match &self.work {
            Work::Transaction(statements)
            | Work::Statements(statements)
            | Work::Units(statements) => statements,
            Work::Repeat(statement) => std::slice::from_ref(statement),
            Work::Code => &[],
        }
    }

    /// Tells whether the whole step is one transaction on this database.
    pub(crate) fn is_transactional(&self, dialect: Dialect) -> bool {
        match self.work {
            Work::Transaction(_) => true,
            Work::Code => transactional_ddl(dialect),
            Work::Statements(_) | Work::Units(_) | Work::Repeat(_) => false,
        }
    }
}

/// Tells whether a failed transaction undoes its DDL too.
pub(crate) fn transactional_ddl(dialect: Dialect) -> bool {
    !dialect.is_mysql_family()
}

/// What [`steps`] needs to know of the caller.
pub(crate) struct Needs<'a> {
    pub dialect: Dialect,
    pub single_transaction: bool,
    pub has_code: &'a dyn Fn(&str, Action) -> bool,
}

/// Prepares every step of a plan.
///
/// # Errors
///
/// The first step that cannot run, before any has.
pub(crate) fn steps(
    migrations: &Migrations,
    plan: &[Step],
    needs: &Needs<'_>,
) -> Result<Vec<Prepared>, RefusedError> {
    plan.iter()
        .enumerate()
        .map(|(index, step)| {
            let revision = migrations
                .get(&step.revision)
                .expect("a plan names revisions of its graph");
            prepare(step, revision, needs, index + 1, plan.len())
        })
        .collect()
}

fn prepare(
    step: &Step,
    revision: &Revision,
    needs: &Needs<'_>,
    number: usize,
    total: usize,
) -> Result<Prepared, RefusedError> {
    let (id, path) = (revision.id().to_string(), revision.path().to_owned());
    revision.check().map_err(RefusedError::Revision)?;
    let kind = match step.action {
        Action::Downgrade => SectionKind::Downgrade,
        _ => SectionKind::Upgrade,
    };
    let section = revision.section(kind, needs.dialect).ok_or_else(|| {
        let (revision, path, dialect) = (id.clone(), path.clone(), needs.dialect);
        match kind {
            SectionKind::Downgrade => RefusedError::Irreversible {
                revision,
                path,
                dialect,
            },
            _ => RefusedError::NoSection {
                revision,
                path,
                dialect,
            },
        }
    })?;
    let read = |section: &Section| statements(revision, section, needs.dialect);
    let work = match section.mode() {
        Mode::Rust => {
            if !(needs.has_code)(&id, step.action) {
                return Err(RefusedError::MissingCode {
                    revision: id,
                    path,
                    action: step.action,
                });
            }
            Work::Code
        }
        Mode::Repeat => {
            let mut all = read(section)?;
            Work::Repeat(
                all.pop()
                    .expect("the parser allows a repeat section exactly one statement"),
            )
        }
        Mode::Autocommit => Work::Statements(read(section)?),
        Mode::Transactional if transactional_ddl(needs.dialect) => {
            Work::Transaction(read(section)?)
        }
        Mode::Transactional => Work::Units(read(section)?),
    };
    let mut checks = [Check::default(), Check::default()];
    if step.action == Action::Upgrade {
        for (kind, checks) in [SectionKind::Require, SectionKind::Verify]
            .into_iter()
            .zip(&mut checks)
        {
            if let Some(section) = revision.section(kind, needs.dialect) {
                *checks = Check {
                    statements: read(section)?,
                    lock_timeout: section.lock_timeout(),
                    statement_timeout: section.statement_timeout(),
                };
            }
        }
    }
    let [require, verify] = checks;
    let prepared = Prepared {
        step: step.clone(),
        number,
        total,
        path,
        message: revision.message().to_owned(),
        work,
        require,
        verify,
        lock_timeout: section.lock_timeout(),
        statement_timeout: section.statement_timeout(),
        foreign_keys_off: section.foreign_keys() == ForeignKeys::Off
            && needs.dialect.family() == Family::Sqlite,
    };
    refuse(&prepared, needs)?;
    Ok(prepared)
}

fn refuse(prepared: &Prepared, needs: &Needs<'_>) -> Result<(), RefusedError> {
    if needs.single_transaction && !prepared.is_transactional(needs.dialect) {
        let reason = match prepared.work {
            _ if !transactional_ddl(needs.dialect) => {
                "MySQL and MariaDB commit at every DDL statement"
            }
            Work::Repeat(_) => "its section is `repeat`, in transactions of its own",
            _ => "its section is `autocommit`",
        };
        return Err(RefusedError::NotInOneTransaction {
            revision: prepared.step.revision.to_string(),
            path: prepared.path.clone(),
            reason,
        });
    }
    Ok(())
}

/// The kind of section that a recorded action runs.
pub(crate) fn section_kind(action: &Recorded<Action>) -> SectionKind {
    if *action == Action::Downgrade {
        SectionKind::Downgrade
    } else {
        SectionKind::Upgrade
    }
}

/// The statements of the section that a recorded action runs.
pub(crate) fn section_statements(
    migrations: &Migrations,
    revision: &str,
    action: &Recorded<Action>,
    dialect: Dialect,
) -> Result<Vec<Sql>, RefusedError> {
    let Some(revision) = migrations.get(revision) else {
        return Ok(Vec::new());
    };
    match revision.section(section_kind(action), dialect) {
        Some(section) => statements(revision, section, dialect),
        None => Ok(Vec::new()),
    }
}

/// A section as its file has it, its marker with the words included.
fn section_source<'r>(revision: &'r Revision, section: &Section) -> &'r str {
    let (text, body) = (revision.text(), section.body());
    let marker_end = text[..body.start].trim_end_matches('\n').len();
    let start = text[..marker_end]
        .rfind('\n')
        .map_or(0, |newline| newline + 1);
    &text[start..body.end]
}

fn statements(
    revision: &Revision,
    section: &Section,
    dialect: Dialect,
) -> Result<Vec<Sql>, RefusedError> {
    let statements = revision
        .statements(section, dialect)
        .map_err(RefusedError::Revision)?;
    Ok(statements
        .into_iter()
        .map(|placed| Sql {
            kind: sql::classify(dialect, placed.text()),
            text: placed.text().to_owned(),
            line: placed.line(),
            column: placed.column(),
        })
        .collect())
}

/// The downgrade that the ledger keeps.
pub(crate) fn down_sql(revision: &Revision, dialect: Dialect) -> Option<&str> {
    let section = revision.section(SectionKind::Downgrade, dialect)?;
    Some(section_source(revision, section))
}

/// The ledger's row for a revision's step that is done, before anything is counted.
pub(crate) fn ledger_row(
    migrations: &Migrations,
    dialect: Dialect,
    id: &str,
    action: Action,
    lineage: Option<String>,
) -> LedgerEntry {
    let revision = migrations
        .get(id)
        .expect("a step names a revision of its graph");
    let graph = migrations.graph();
    LedgerEntry {
        revision: id.to_owned(),
        down_revision: graph.down_revision(id).map(ToString::to_string).collect(),
        depends_on: graph.depends_on(id).map(ToString::to_string).collect(),
        message: revision.message().to_owned(),
        action: action.into(),
        checksum: Some((*revision.checksum()).into()),
        requires_binary: revision.requires_binary().map(str::to_owned),
        lineage,
        state: State::Done.into(),
        down_sql: down_sql(revision, dialect).map(str::to_owned),
        ..LedgerEntry::default()
    }
}

/// The first id of a plan that may not fit into a version table that Alembic made.
pub(crate) fn needs_width(plan: &[Step]) -> bool {
    plan.iter()
        .flat_map(|step| &step.adds)
        .any(|id| id.chars().count() > ALEMBIC_WIDTH)
}

/// Refuses ids that are longer than the version table's column.
pub(crate) fn check_width(plan: &[Step], width: usize) -> Result<(), RefusedError> {
    match plan
        .iter()
        .flat_map(|step| &step.adds)
        .find(|id| id.chars().count() > width)
    {
        Some(id) => Err(RefusedError::IdTooLong {
            revision: id.to_string(),
            length: id.chars().count(),
            width,
        }),
        None => Ok(()),
    }
}
