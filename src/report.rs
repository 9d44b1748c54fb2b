//! What a run tells while it is under way, and what it returns at its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::graph::RevisionId;
use crate::ledger::Holder;
use crate::plan::Step;

/// Progress of a run, for the callback of [`Migrator::on_event`](crate::Migrator::on_event).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The steps of this run are known. Told again when another process moved the heads in between.
    #[non_exhaustive]
    Planned {
        /// The steps, in their order.
        steps: &'a [Step],
    },
    /// The lock is held by another process.
    #[non_exhaustive]
    Waiting {
        /// By whom, as far as it can be seen.
        holder: &'a Holder,
        /// How long this call has waited.
        waited: Duration,
    },
    /// The server has no place for the connection on which a lease is renewed during a statement: it is renewed between statements,
    /// and a statement that takes longer than the lease can be taken over by another process. It is tried for again.
    #[non_exhaustive]
    NoHeartbeat {
        /// The reason.
        error: &'a str,
    },
    /// PostgreSQL: the session's search path is neither pinned nor the one that it logged in with. It is told where a call
    /// has something to do; see [`Note::SessionPath`].
    #[non_exhaustive]
    SessionPath {
        /// The path.
        search_path: &'a str,
    },
    /// A step holds the lock and begins.
    #[non_exhaustive]
    StepStarted {
        /// The step.
        step: &'a Step,
        /// Its number in the plan, from 1.
        number: usize,
        /// How many steps the plan has.
        total: usize,
        /// The revision's message.
        message: &'a str,
    },
    /// A statement that is sent by itself begins: those of `autocommit` and `repeat` sections, and on MySQL and MariaDB
    /// every one. Where a step is one message, or one transaction, nothing is told between its statements.
    #[non_exhaustive]
    StatementStarted {
        /// The step.
        step: &'a Step,
        /// The statement's number, from 1.
        number: usize,
        /// How many statements the section has.
        total: usize,
        /// Its text.
        statement: &'a str,
    },
    /// A statement ended. In a transaction that is one message, this is told when the message has ended.
    #[non_exhaustive]
    StatementDone {
        /// The step.
        step: &'a Step,
        /// The statement's number, from 1.
        number: usize,
        /// How many statements the section has.
        total: usize,
        /// The rows it changed.
        rows: u64,
    },
    /// A batch of a `repeat` section was committed.
    #[non_exhaustive]
    BatchDone {
        /// The step.
        step: &'a Step,
        /// The batch's number, from 1.
        number: u64,
        /// The rows it changed.
        rows: u64,
    },
    /// A step is committed.
    #[non_exhaustive]
    StepFinished {
        /// The step.
        step: &'a Step,
        /// Its statements, rows and time.
        report: &'a StepReport,
    },
}

impl Event<'_> {
    /// Tells the event to the log.
    pub(crate) fn trace(&self) {
        match self {
            Event::Planned { steps } => tracing::debug!(steps = steps.len(), "planned"),
            Event::Waiting { holder, waited } => {
                tracing::info!(%holder, waited_ms = waited.as_millis() as u64, "waiting for the migration lock");
            }
            Event::NoHeartbeat { error } => {
                tracing::warn!(
                    error,
                    "no connection for the heartbeat: the lease is renewed between statements only"
                );
            }
            Event::SessionPath { search_path } => {
                tracing::warn!(
                    search_path,
                    "the session's search_path is neither pinned nor the one that it logged in with"
                );
            }
            Event::StepStarted {
                step,
                number,
                total,
                message,
            } => tracing::info!(
                revision = %step.revision, action = step.action.name(), number, total, description = message, "step started"
            ),
            Event::StatementStarted {
                step,
                number,
                total,
                ..
            } => {
                tracing::debug!(revision = %step.revision, number, total, "statement started");
            }
            Event::StatementDone {
                step,
                number,
                total,
                rows,
            } => {
                tracing::debug!(revision = %step.revision, number, total, rows, "statement done");
            }
            Event::BatchDone { step, number, rows } => {
                tracing::debug!(revision = %step.revision, number, rows, "batch done");
            }
            Event::StepFinished { step, report } => tracing::info!(
                revision = %step.revision,
                action = step.action.name(),
                duration_ms = report.duration.as_millis() as u64,
                statements = report.statements,
                rows = report.rows,
                "step finished"
            ),
        }
    }
}

/// A callback for [`Event`]s. It runs on the task of the migration: it should be quick, and must not block.
pub(crate) type Observer = Arc<dyn Fn(&Event<'_>) + Send + Sync>;

/// What a call did.
///
/// Serialized, it is the document that `limbeck upgrade --json` prints, but for the revisions' messages.
///
/// ```no_run
/// # async fn f(migrator: limbeck::Migrator<sqlx::SqlitePool>) -> Result<(), limbeck::Error> {
/// let report = migrator.upgrade_to_head().await?;
/// for done in &report.steps {
///     println!("{}: {} statements, {} rows, {:?}", done.step.revision, done.statements, done.rows, done.duration);
/// }
/// println!("now at {}", report.current.join(", "));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[must_use]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub outcome: Outcome,
    /// The steps that this call ran, in their order.
    pub steps: Vec<StepReport>,
    /// The rows of the version table at the end, sorted: the heads of the database. Serialized as `heads`, as a plan's are.
    #[cfg_attr(feature = "serde", serde(rename = "heads"))]
    pub current: Vec<RevisionId>,
    /// Findings that are no errors.
    #[cfg_attr(feature = "serde", serde(default))]
    pub notes: Vec<Note>,
    /// From the call to its end, waiting included. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub duration: Duration,
}

#[cfg(feature = "serde")]
impl serde::Serialize for Report {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Document<'r> {
            steps: Vec<crate::plan::document::WithHeads<'r, StepReport>>,
            heads: &'r [RevisionId],
            #[serde(flatten)]
            outcome: &'r Outcome,
            #[serde(skip_serializing_if = "<[Note]>::is_empty")]
            notes: &'r [Note],
            #[serde(with = "seconds")]
            duration: Duration,
        }
        let heads = self.current.iter().cloned();
        let document = Document {
            steps: crate::plan::document::with_heads(&self.steps, heads),
            heads: &self.current,
            outcome: &self.outcome,
            notes: &self.notes,
            duration: self.duration,
        };
        document.serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl AsRef<Step> for StepReport {
    fn as_ref(&self) -> &Step {
        &self.step
    }
}

/// A duration in seconds, as a number.
#[cfg(feature = "serde")]
mod seconds {
    use std::time::Duration;

    use serde::de::{Deserialize as _, Deserializer, Error as _};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A finding of a call that is no error.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "kind")
)]
#[non_exhaustive]
pub enum Note {
    /// PostgreSQL: somebody set the search path in the session since it logged in: a hook of the pool, or, behind a pooler,
    /// another client. What the call did, it did there. [`Migrator::pin_search_path`](crate::Migrator::pin_search_path) says
    /// which path is meant.
    #[non_exhaustive]
    SessionPath {
        /// The path.
        search_path: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::SessionPath { search_path } => write!(
                f,
                "the session's search_path was {search_path:?}, which is neither pinned nor the one that it logged in with: \
                 behind a pooler another client may have set it. Pin the one that is meant (`pin_search_path`, \
                 `--search-path`)"
            ),
        }
    }
}

impl Report {
    /// The statements of all steps.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.steps.iter().map(|step| step.statements).sum()
    }

    /// The rows that they changed.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.steps.iter().map(|step| step.rows).sum()
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "outcome")
)]
#[non_exhaustive]
pub enum Outcome {
    /// The database was at the target already: this call wrote nothing.
    AlreadyThere,
    /// This call ran steps. (Where other processes ran some of them, it ran the rest.)
    Migrated,
    /// The database is ahead of this binary, whose whole target is applied: nothing was done.
    #[non_exhaustive]
    Ahead {
        /// The revisions that are applied and that this binary does not embed, sorted.
        unknown: Vec<RevisionId>,
    },
}

/// What one step did.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct StepReport {
    /// The step.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub step: Step,
    /// How many statements ran; batches of a `repeat` section.
    pub statements: u64,
    /// The rows that they changed, as the server counts them.
    pub rows: u64,
    /// From its begin to its commit. Serialized in seconds.
    #[cfg_attr(feature = "serde", serde(with = "seconds"))]
    pub duration: Duration,
}
