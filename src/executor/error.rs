//! The errors of a run that reads and changes a database.

use std::fmt;
use std::time::Duration;

use super::state::{Aftermath, DatabaseState};
use crate::aim::TargetError;
use crate::backend::{Class, Fault, Rejection};
use crate::ledger::{Holder, LedgerEntry, excerpt};
use crate::plan::Action;
use crate::prepare::{Prepared, RefusedError, Sql};
use crate::snippet::Snippet;
use crate::sql;
use crate::standing::StandingError;

/// An error of this layer, or of one above it that a run asks. The crate's own error takes it over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Refused(#[from] RefusedError),
    #[error(transparent)]
    Standing(#[from] StandingError),
    #[error(transparent)]
    Run(Box<RunError>),
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        Error::Run(Box::new(error))
    }
}

impl Error {
    pub(super) fn revision(&self) -> Option<&str> {
        match self {
            Error::Run(error) => error.revision(),
            Error::Refused(error) => error.revision(),
            Error::Target(_) | Error::Standing(_) => None,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self {
            Error::Target(error) => error.kind(),
            Error::Refused(error) => error.kind(),
            Error::Standing(error) => error.kind(),
            Error::Run(error) => error.kind(),
        }
    }

    /// File, line and column of the statement that the error is about.
    pub(super) fn place(&self) -> Option<String> {
        let Error::Run(error) = self else { return None };
        let (path, line, column) = match &**error {
            RunError::Statement(error) => (&error.path, error.line, error.column),
            RunError::Violation(error) => (&error.path, error.line, error.column),
            _ => return None,
        };
        Some(format!("{path}:{line}:{column}"))
    }

    pub(super) fn state(&self) -> DatabaseState {
        match self {
            Error::Run(error) => error.state(),
            Error::Refused(_) | Error::Standing(_) => DatabaseState::Unchanged,
            Error::Target(_) => DatabaseState::NothingSent,
        }
    }

    fn as_run(&mut self) -> Option<&mut RunError> {
        match self {
            Error::Run(error) => Some(error),
            _ => None,
        }
    }

    /// Tells whether the connection was lost.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Error::Run(error) if matches!(**error, RunError::Connection { .. }))
    }

    /// The same error of a lost connection, with the state that was found out afterwards.
    pub(super) fn with_state(mut self, found: Aftermath) -> Error {
        if let Some(RunError::Connection { state, .. }) = self.as_run() {
            *state = found;
        }
        self
    }

    /// The same error of limbeck's own statement, as one of this revision's step.
    pub(super) fn of_revision(mut self, id: &str) -> Error {
        if let Some(
            RunError::Bookkeeping { revision, .. }
            | RunError::Blocked { revision, .. }
            | RunError::NotAsWritten { revision, .. },
        ) = self.as_run()
        {
            *revision = Some(id.to_owned());
        }
        self
    }

    /// The same loss of the lease, in this revision's step.
    pub(super) fn of_lost_revision(mut self, id: &str) -> Error {
        if let Some(RunError::LeaseLost { revision }) = self.as_run() {
            *revision = id.to_owned();
        }
        self
    }
}

impl Fault {
    /// The error of one of limbeck's own statements.
    pub(super) fn into_error(self, during: impl Into<String>, state: Aftermath) -> Error {
        let (during, source) = (during.into(), self.source);
        let error = match self.failure.class {
            Class::Connection => RunError::Connection {
                during,
                state,
                source,
            },
            Class::StatementPooling => RunError::StatementPooling { source },
            Class::InTransaction => RunError::InTransaction,
            Class::ReadOnly => RunError::ReadOnly {
                during,
                message: self.failure.message,
                state,
                source,
            },
            Class::LockTimeout => RunError::Blocked {
                during,
                revision: None,
                message: self.failure.message,
                blockers: self.blockers,
                state,
                source,
            },
            Class::NotAsWritten => RunError::NotAsWritten {
                during,
                revision: None,
                state,
            },
            _ => RunError::Bookkeeping {
                during,
                revision: None,
                message: self.failure.message,
                state,
                source,
            },
        };
        error.into()
    }
}

/// The error of one of a section's or check's `statements`, with its place in the file.
pub(super) fn statement_error(
    prepared: &Prepared,
    statements: &[Sql],
    fault: Fault,
    state: Aftermath,
) -> Error {
    let blame = fault.blame.as_ref();
    let number = blame.map_or(0, |blame| blame.origin.statement);
    let statement = &statements[number];
    let offset = blame
        .and_then(|blame| blame.offset)
        .filter(|offset| *offset <= statement.text.len())
        .unwrap_or(0);
    let (line, column) = sql::position(&statement.text, offset);
    RunError::Statement(Box::new(StatementError {
        revision: prepared.step.revision.to_string(),
        action: prepared.step.action,
        path: prepared.path.clone(),
        line: statement.line + line - 1,
        column: if line == 1 {
            statement.column + column - 1
        } else {
            column
        },
        number: number + 1,
        total: statements.len(),
        statement: statement.text.clone(),
        offset,
        code: fault.failure.code,
        message: fault.failure.message,
        detail: fault.failure.detail,
        hint: fault.failure.hint,
        blockers: fault.blockers,
        state,
        source: fault.source,
    }))
    .into()
}

/// The reason why a run stopped.
///
/// Each variant says in what state the database is: a step of a transaction is wholly there or wholly
/// gone; elsewhere the message counts the statements that ran.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The connection could not be had, or broke.
    #[error("{during}: the connection to the database failed. {state}")]
    #[non_exhaustive]
    Connection {
        /// The work that was going on.
        during: String,
        /// The state of the database.
        state: Aftermath,
        /// sqlx's error.
        source: sqlx::Error,
    },
    /// The database refused the connection, and will again until somebody changes something: see [`Rejection`].
    #[error("{during}: {reason}. {state}")]
    #[non_exhaustive]
    Rejected {
        /// The work that was going on.
        during: String,
        /// The reason.
        reason: Rejection,
        /// The state of the database.
        state: Aftermath,
        /// sqlx's error, with the server's own words.
        source: sqlx::Error,
    },
    /// The server refused one of limbeck's own statements.
    #[error("{during}: the database refused: {message}. {state}")]
    #[non_exhaustive]
    Bookkeeping {
        /// The work that was going on.
        during: String,
        /// The revision whose step it belongs to, if one does: a deferred constraint speaks at its commit.
        revision: Option<String>,
        /// The server's message.
        message: String,
        /// The state of the database.
        state: Aftermath,
        /// sqlx's error.
        source: sqlx::Error,
    },
    /// Others had limbeck's own tables, or rows of them, locked for longer than it waits: with `lock_timeout` for each attempt,
    /// and as long as `lock_retry_for` (a record) or `lock_wait` (a look).
    #[error("{during}: others hold a lock that limbeck's own statement needs: {message}{}\n  {state}. First the \
             session in the way must end its transaction or its `LOCK TABLES`, or be ended", in_the_way(.blockers))]
    #[non_exhaustive]
    Blocked {
        /// The work that was going on.
        during: String,
        /// The revision whose step it belongs to, if one does.
        revision: Option<String>,
        /// The server's message.
        message: String,
        /// The holders of locks on limbeck's tables, as far as the server shows.
        blockers: Vec<Holder>,
        /// The state of the database.
        state: Aftermath,
        /// sqlx's error.
        source: sqlx::Error,
    },
    /// A write to limbeck's own tables is not there afterwards, or left something else.
    #[error(
        "{during}: what was written to limbeck's own tables is not there, or not as it was written: a trigger, rule or \
             view on them swallows or changes it. Take that away and leave these tables to limbeck alone. {state}"
    )]
    #[non_exhaustive]
    NotAsWritten {
        /// The work that was going on.
        during: String,
        /// The revision whose step it belongs to, if one does.
        revision: Option<String>,
        /// The state of the database.
        state: Aftermath,
    },
    /// A statement of a revision failed.
    #[error(transparent)]
    Statement(Box<StatementError>),
    /// A registered function of a `rust` section returned an error.
    #[error("the code of revision {revision} ({action}) failed. {state}")]
    #[non_exhaustive]
    Code {
        /// The revision.
        revision: String,
        /// Upgrade or downgrade.
        action: Action,
        /// The state of the database.
        state: Aftermath,
        /// What the function returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A `@require` or `@verify` statement found rows.
    #[error(transparent)]
    Violation(Box<Violation>),
    /// The lock was not to be had within `lock_wait`.
    #[error("the migration lock was not to be had within {}: {holder}. Nothing was changed by this call since \
             it began to wait; call again once the holder is done, or raise `lock_wait`", human(*.waited))]
    #[non_exhaustive]
    LockTimeout {
        /// How long this call waited.
        waited: Duration,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// The lease was taken over by another process: this one was stopped, or cut off, for too long.
    #[error(
        "the migration lease was taken over by another process while this one ran revision {revision}: \
             this process was stopped or cut off for longer than the lease. The other process finishes the \
             step; this call changed nothing after it lost the lease"
    )]
    #[non_exhaustive]
    LeaseLost {
        /// The revision of the step.
        revision: String,
    },
    /// A downgrade or stamp was planned from heads that another process has moved since.
    #[error("another process moved the heads from {} to {} while this {action} was on its way. It stopped \
             before its next step, nothing is half done; look at the plan again and repeat it", list(.expected), list(.found))]
    #[non_exhaustive]
    HeadsMoved {
        /// Downgrade or stamp.
        action: Action,
        /// The heads that the plan began from, or had come to.
        expected: Vec<String>,
        /// The heads in the database.
        found: Vec<String>,
    },
    /// A writer that does not take limbeck's lock moved the heads under a step that no transaction holds.
    #[error("a writer that does not take limbeck's lock (Alembic?) moved the heads to {} while revision {revision} \
             ran. The statements of that revision took effect and stay; this call did not touch the version \
             table. Look whether both did the same work, set the version table right by hand or with `stamp`, \
             and resolve the step as abandoned", list(.heads))]
    #[non_exhaustive]
    Overtaken {
        /// The revision whose step ran.
        revision: String,
        /// The heads in the database.
        heads: Vec<String>,
        /// The number of statements of that step, all of which took effect.
        statements: u64,
    },
    /// An upgrade's finished step was undone by another process while the upgrade was still on its way.
    #[error("revision {revision}, which this upgrade applied, was undone by another process before the upgrade \
             ended: somebody downgrades the same database. Nothing is half done; the heads are {}", list(.heads))]
    #[non_exhaustive]
    Contended {
        /// The revision that was applied and undone.
        revision: String,
        /// The heads in the database.
        heads: Vec<String>,
    },
    /// A step that another run began stands half done, and this call may not go on with it.
    #[error(transparent)]
    Unfinished(Box<Unfinished>),
    /// The caller's connection is inside a transaction.
    #[error(
        "the connection is inside a transaction: limbeck begins and ends its own. Commit or roll back \
             first. Nothing was changed"
    )]
    InTransaction,
    /// The pooler in between keeps no transaction together.
    #[error(
        "the pooler between this service and PostgreSQL is in statement pooling, where no transaction \
             holds: set pool_mode to transaction or session, or give the migrator a direct connection. \
             Nothing was changed"
    )]
    #[non_exhaustive]
    StatementPooling {
        /// sqlx's error.
        source: sqlx::Error,
    },
    /// What is connected to can only be read: a standby, a replica, a file without write permission.
    #[error(
        "{during}: this database can only be read here: {message}. Give the migrator the primary, not a read-only \
             standby or replica, and a role and a file that may be written. {state}"
    )]
    #[non_exhaustive]
    ReadOnly {
        /// The work that was going on.
        during: String,
        /// The server's message.
        message: String,
        /// The state of the database.
        state: Aftermath,
        /// sqlx's error.
        source: sqlx::Error,
    },
    /// There is no schema in which limbeck's tables could stand.
    #[error(
        "no schema is current in this session: its search_path names none that exists, or no database \
             is chosen. Set `version_schema`, or correct the connection's options. Nothing was changed"
    )]
    NoSchema,
    /// The current schema has no version table, and another one of the search path has.
    #[error(
        "schema {current:?} is current in this session and has no version table {table:?}, but schema {other:?}, \
             which the search_path names too, has one. Set `version_schema` to {other:?} if that is this \
             service's, to the current schema (`VersionSchema::Current`, `--version-schema @current`) if this one \
             begins anew, or correct the search_path. Nothing was changed"
    )]
    #[non_exhaustive]
    VersionTableElsewhere {
        /// The version table's name.
        table: String,
        /// The current schema.
        current: String,
        /// The first other schema that has such a table.
        other: String,
    },
    /// The search path names a schema before the current one that does not exist.
    #[error(
        "the search_path names schema {missing:?} before {current:?}, which is current in this session only since \
             there is no schema {missing:?}, or this role may not use it: limbeck's tables would be taken from \
             {current:?}. Create it or grant its USAGE, correct the search_path, or set `version_schema`, to \
             {current:?} or to the current schema (`VersionSchema::Current`, `--version-schema @current`). \
             Nothing was changed"
    )]
    #[non_exhaustive]
    MissingSchema {
        /// The schema that is not there.
        missing: String,
        /// The current schema.
        current: String,
    },
    /// `wait_for_head` waited in vain.
    #[error("the database did not reach the target within {}: its heads are {}. Nothing was changed by this \
             call; look whether the migration job runs", human(*.waited), list(.heads))]
    #[non_exhaustive]
    WaitedInVain {
        /// How long.
        waited: Duration,
        /// The heads in the database.
        heads: Vec<String>,
    },
    /// `resolve` has nothing to settle for this revision.
    #[error(
        "revision {revision} has no unfinished step and no drift to settle. Nothing was changed"
    )]
    #[non_exhaustive]
    NothingToResolve {
        /// The revision.
        revision: String,
    },
}

/// A statement of a revision that failed, with all that is known of it. Its `source()` is sqlx's error.
#[derive(Debug)]
#[non_exhaustive]
pub struct StatementError {
    /// The revision.
    pub revision: String,
    /// Upgrade or downgrade.
    pub action: Action,
    /// The file, as it was given when the revision was read.
    pub path: String,
    /// Where in the file: the server's own position where it gives one, else the statement's first token.
    /// Line and column count from 1, the column in characters.
    pub line: usize,
    /// See `line`.
    pub column: usize,
    /// The statement's number in its section, from 1.
    pub number: usize,
    /// How many statements the section has.
    pub total: usize,
    /// Its text.
    pub statement: String,
    /// The byte of it that `line` and `column` are those of: 0 where the server gives no position.
    pub offset: usize,
    /// The server's error code.
    pub code: Option<String>,
    /// The server's message.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// Who holds locks on what the statement names, where it waited for them in vain: as far as the server shows.
    pub blockers: Vec<Holder>,
    /// The state of the database.
    pub state: Aftermath,
    /// sqlx's error.
    pub source: sqlx::Error,
}

impl StatementError {
    /// The line of the statement that the server points at, else its first one.
    #[must_use]
    pub fn snippet(&self) -> Option<Snippet> {
        let place = (self.line, self.column);
        Some(of_statement(
            &self.path,
            place,
            &self.statement,
            self.offset,
        ))
    }
}

/// The line of a statement in which this byte of it stands, at this place of the file. All of the line is marked where no
/// position is known. What stands before the statement in its first line is not at hand: there are spaces for it.
fn of_statement(
    path: &str,
    (line, column): (usize, usize),
    statement: &str,
    offset: usize,
) -> Snippet {
    let before = &statement[..statement.floor_char_boundary(offset)];
    let begin = before.rfind('\n').map_or(0, |end| end + 1);
    let text = statement[begin..].split('\n').next().unwrap_or_default();
    let indent = column - 1 - before[begin..].chars().count().min(column - 1);
    let text = format!("{:indent$}{text}", "");
    let snippet = Snippet::in_line(path, (line, column), &text);
    if offset == 0 {
        snippet.up_to_end()
    } else {
        snippet
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: statement {} of {} of revision {} ({}) failed: {}",
            self.path,
            self.line,
            self.column,
            self.number,
            self.total,
            self.revision,
            self.action.name(),
            self.message
        )?;
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "\n  detail: {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  the server's hint: {hint}")?;
        }
        if !self.blockers.is_empty() {
            f.write_str(&in_the_way(&self.blockers))?;
        }
        write!(
            f,
            "\n  statement: {}\n  {}",
            excerpt(&self.statement),
            self.state
        )
    }
}

impl std::error::Error for StatementError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Rows that a `@require` or `@verify` statement returned, and so does not allow the step.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Violation {
    /// The revision.
    pub revision: String,
    /// `@require`, `@verify`, or `PRAGMA foreign_key_check`.
    pub check: &'static str,
    /// The file.
    pub path: String,
    /// The statement's first line, from 1.
    pub line: usize,
    /// Its first column, from 1.
    pub column: usize,
    /// Its text.
    pub statement: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The first rows, as text; NULL is none.
    pub rows: Vec<Vec<Option<String>>>,
    /// The state of the database.
    pub state: Aftermath,
}

impl Violation {
    /// The first line of the statement that found rows.
    #[must_use]
    pub fn snippet(&self) -> Option<Snippet> {
        let place = (self.line, self.column);
        Some(of_statement(&self.path, place, &self.statement, 0))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}:{}:{}: {} of revision {} found rows, and so the step is not allowed:",
            self.path, self.line, self.column, self.check, self.revision
        )?;
        for row in &self.rows {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(index, cell)| {
                    let name = self.columns.get(index).map_or("?", String::as_str);
                    format!("{name} = {}", cell.as_deref().unwrap_or("NULL"))
                })
                .collect();
            writeln!(f, "  {}", excerpt(&cells.join(", ")))?;
        }
        write!(
            f,
            "  statement: {}\n  {}",
            excerpt(&self.statement),
            self.state
        )
    }
}

impl std::error::Error for Violation {}

/// A step that stands half done.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unfinished {
    /// The step, as the ledger has it.
    pub step: LedgerEntry,
    /// Why this call does not go on with it.
    pub reason: UnfinishedReason,
}

/// Why a step that stands half done is not simply finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedReason {
    /// The process died in a statement of which the database cannot tell whether it took effect, or the statement failed and
    /// may have left a part of its effect.
    InDoubt,
    /// The next statement reads a value that an earlier one gave the session, and that session has ended.
    SessionLost,
    /// The statements that are done are no longer those of the file.
    Edited,
    /// This call does not lead to that step: it blocks every other.
    InTheWay,
    /// The section is no longer one that runs statement by statement.
    Converted,
}

impl Unfinished {
    /// The error of a running row that this call does not go on with.
    pub(super) fn error(row: &LedgerEntry, reason: UnfinishedReason) -> Error {
        let step = row.clone();
        RunError::Unfinished(Box::new(Unfinished { step, reason })).into()
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = &self.step;
        write!(
            f,
            "the {} of revision {}, begun at {}, stands half done: {} of {} statements took effect",
            step.action,
            step.revision,
            step.began(),
            step.statements_done,
            step.statements
        )?;
        if let Some(error) = &step.error {
            write!(f, "; it stopped at: {}", excerpt(error))?;
        }
        match self.reason {
            UnfinishedReason::InDoubt => {
                let in_doubt = step.statement_running.unwrap_or(step.statements_done + 1);
                if in_doubt > step.statements_done + 1 {
                    let first = step.statements_done + 1;
                    write!(f, ". Statements {first} to {in_doubt} were one transaction, and something in it committed: ")?;
                    f.write_str("the database cannot tell which of them took effect")?;
                } else if step.error.is_some() {
                    write!(f, ". Statement {in_doubt} failed, ")?;
                    f.write_str("and the database cannot tell whether a part of it took effect")?;
                } else {
                    write!(f, ". Its process died in statement {in_doubt}, ")?;
                    f.write_str("and the database cannot tell whether that statement took effect")?;
                }
                if let Some(statement) = &step.statement {
                    write!(f, ":\n  {}\n", excerpt(statement))?;
                } else {
                    f.write_str(". ")?;
                }
                f.write_str(
                    "  Look at what it should have changed, then settle it: resolve it as applied (the step \
                     goes on after it) or as not applied (the statement runs again)",
                )
            }
            UnfinishedReason::SessionLost => {
                let next = step.statement_running.unwrap_or(step.statements_done + 1);
                write!(f, ". The session that had this value has ended, and limbeck does not guess it. ")?;
                write!(
                    f,
                    "Write statement {next} so that it finds the value in the database; or do its work by hand and resolve \
                     the step as applied (the step goes on after it); or resolve it as not applied (the statement runs with \
                     what a new session has)"
                )
            }
            UnfinishedReason::Edited => f.write_str(
                ". Those statements have been edited in the file since: put them back as they were and edit \
                 only what follows them, or undo by hand what was done and resolve the step as abandoned",
            ),
            UnfinishedReason::InTheWay => f.write_str(
                ". No other step may run before it is finished: run the same command again that began it, \
                 with a binary that embeds the revision, or undo by hand what was done and resolve the step \
                 as abandoned",
            ),
            UnfinishedReason::Converted => f.write_str(
                ". Its section runs in one transaction now and cannot go on from the middle: put its words \
                 back, or undo by hand what was done and resolve the step as abandoned",
            ),
        }
    }
}

impl std::error::Error for Unfinished {}

/// A line for each session in the way.
fn in_the_way(blockers: &[Holder]) -> String {
    if blockers.is_empty() {
        return "\n  in the way: another session, which this role or database cannot show"
            .to_owned();
    }
    let lines = blockers.iter();
    lines
        .map(|blocker| format!("\n  in the way: {blocker}"))
        .collect()
}

fn list(ids: &[String]) -> String {
    if ids.is_empty() {
        "none (an empty database)".to_owned()
    } else {
        ids.join(", ")
    }
}

/// A duration as a person writes it.
pub(crate) fn human(duration: Duration) -> String {
    if duration.as_millis() < 1000 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

impl RunError {
    /// The revision that the error is about, where it is about one.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        match self {
            RunError::Statement(error) => Some(&error.revision),
            RunError::Bookkeeping { revision, .. }
            | RunError::Blocked { revision, .. }
            | RunError::NotAsWritten { revision, .. } => revision.as_deref(),
            RunError::Violation(error) => Some(&error.revision),
            RunError::Unfinished(error) => Some(&error.step.revision),
            RunError::Code { revision, .. }
            | RunError::LeaseLost { revision }
            | RunError::Contended { revision, .. }
            | RunError::Overtaken { revision, .. }
            | RunError::NothingToResolve { revision } => Some(revision),
            _ => None,
        }
    }

    /// The file that the error is about, where it is about one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            RunError::Statement(error) => Some(&error.path),
            RunError::Violation(error) => Some(&error.path),
            _ => None,
        }
    }

    /// The line of the revision's file that the error is about, where it is about one.
    #[must_use]
    pub fn snippet(&self) -> Option<Snippet> {
        match self {
            RunError::Statement(error) => error.snippet(),
            RunError::Violation(error) => error.snippet(),
            _ => None,
        }
    }

    /// The state in which the error leaves the database.
    #[must_use]
    pub fn state(&self) -> DatabaseState {
        match self {
            RunError::Connection { state, .. }
            | RunError::Rejected { state, .. }
            | RunError::Bookkeeping { state, .. }
            | RunError::Blocked { state, .. }
            | RunError::NotAsWritten { state, .. }
            | RunError::Code { state, .. }
            | RunError::ReadOnly { state, .. } => state.state(),
            RunError::Statement(error) => error.state.state(),
            RunError::Violation(error) => error.state.state(),
            RunError::Unfinished(error) => DatabaseState::Partly {
                done: error.step.statements_done,
                total: error.step.statements,
                in_doubt: error.step.statement_running,
            },
            RunError::Overtaken { statements, .. } => DatabaseState::Partly {
                done: *statements,
                total: *statements,
                in_doubt: None,
            },
            // Another process goes on with the step.
            RunError::LeaseLost { .. } => DatabaseState::Unknown,
            RunError::LockTimeout { .. }
            | RunError::HeadsMoved { .. }
            | RunError::Contended { .. }
            | RunError::InTransaction
            | RunError::StatementPooling { .. }
            | RunError::NoSchema
            | RunError::VersionTableElsewhere { .. }
            | RunError::MissingSchema { .. }
            | RunError::WaitedInVain { .. }
            | RunError::NothingToResolve { .. } => DatabaseState::Unchanged,
        }
    }

    /// The error of a connection that could not be had.
    pub(super) fn no_connection(
        during: &str,
        state: Aftermath,
        rejected: Aftermath,
        source: sqlx::Error,
    ) -> Error {
        let during = during.to_owned();
        match Rejection::of(&source) {
            Some(reason) => RunError::Rejected {
                during,
                reason,
                state: rejected,
                source,
            },
            None => RunError::Connection {
                during,
                state,
                source,
            },
        }
        .into()
    }

    /// The error of a connection that took no message.
    pub(super) fn connection(fault: Fault, during: &str) -> Error {
        RunError::Connection {
            during: during.to_owned(),
            state: Aftermath::unknown(),
            source: fault.source,
        }
        .into()
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            RunError::Connection { .. } => "connection",
            RunError::Rejected { .. } => "rejected",
            RunError::Bookkeeping { .. } => "bookkeeping",
            RunError::Blocked { .. } => "blocked",
            RunError::NotAsWritten { .. } => "not_as_written",
            RunError::Statement(_) => "statement_failed",
            RunError::Code { .. } => "code_failed",
            RunError::Violation(_) => "violation",
            RunError::LockTimeout { .. } => "lock_timeout",
            RunError::LeaseLost { .. } => "lease_lost",
            RunError::HeadsMoved { .. } => "heads_moved",
            RunError::Contended { .. } => "contended",
            RunError::Overtaken { .. } => "overtaken",
            RunError::Unfinished(_) => "unfinished",
            RunError::InTransaction => "in_transaction",
            RunError::StatementPooling { .. } => "statement_pooling",
            RunError::ReadOnly { .. } => "read_only",
            RunError::NoSchema => "no_schema",
            RunError::VersionTableElsewhere { .. } => "version_table_elsewhere",
            RunError::MissingSchema { .. } => "missing_schema",
            RunError::WaitedInVain { .. } => "waited_in_vain",
            RunError::NothingToResolve { .. } => "nothing_to_resolve",
        }
    }
}
