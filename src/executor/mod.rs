//! The run: look, plan, then one step after the other, each under the lock, each checking under it that the
//! heads are still those it was planned from.
//!
//! ```text
//! upgrade ─ look ─ standing ─ plan ─ prepare ─┬─ transactional  (lock = the step's own transaction)
//!              ▲                              └─ stepwise       (lock = a lease)
//!              └──────────── heads moved ─────────────┘
//! ```

mod adopt;
mod batches;
mod bookkeeping;
mod check;
mod decide;
mod engines;
mod error;
mod lease;
mod limits;
mod lock;
mod look;
mod lost;
mod message;
mod pragmas;
mod progress;
mod resume;
mod session;
mod settle;
mod stamp;
mod stepwise;
mod transactional;
mod verdict;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sqlx::Database;

pub(crate) use decide::Decision;
pub use error::{RunError, StatementError, Unfinished, UnfinishedReason, Violation};
use lease::{GiveBack, OwnLease};
use message::{Message, Origin};
pub(crate) use session::{Fault, Session};

use crate::aim::Target;
use crate::backend::{Backend, Class, Source, StatementResult};
use crate::dialect::session::Actor;
use crate::dialect::session::Server;
use crate::dialect::session::message_marker;
use crate::dialect::{Dialect, Names};
use crate::error::Error;
use crate::ledger::look::Look;
use crate::migrations::Migrations;
use crate::plan::{self, Action, Plan, Step};
use crate::prepare::{self, Prepared};
use crate::report::{Event, Outcome, Report, StepReport};
use crate::settings::{Settings, TransactionMode};
use crate::standing::StandingError;

/// A registered function of a `rust` section: it gets the connection of the step.
pub(crate) type Code<DB> = Arc<
    dyn for<'c> Fn(&'c mut <DB as Database>::Connection) -> BoxFuture<'c, Result<(), BoxError>>
        + Send
        + Sync,
>;

/// Any error of a user's.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A registered function, and whether it may simply run again after it was interrupted.
pub(crate) struct Registered<DB: Database> {
    pub code: Code<DB>,
    pub idempotent: bool,
}

impl<DB: Database> Clone for Registered<DB> {
    fn clone(&self) -> Self {
        Registered {
            code: self.code.clone(),
            idempotent: self.idempotent,
        }
    }
}

/// The functions that are registered, by revision and direction.
pub(crate) type Registry<DB> = HashMap<(String, Action), Registered<DB>>;

/// Tells the runs of one process apart.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// How many times in a row a run plans again without having come any nearer.
const FRUITLESS_PLANS: usize = 5;

/// One call's way through the database.
pub(crate) struct Run<'a, S: Source> {
    settings: &'a Settings,
    migrations: &'a Migrations,
    registry: &'a Registry<S::Database>,
    source: &'a S,
    session: Session<'a, S::Database>,
    actor: Actor,
    /// What this run is called in the lease and in the server's list of sessions: no other run's name.
    id: Arc<str>,
    names: Names,
    server: Server,
    look: Look,
    lease: Option<OwnLease>,
    give_back: GiveBack<S::Database>,
    /// MySQL: names whose tables know transactions.
    harmless: engines::Harmless,
    /// Galera: what `wsrep_sync_wait` was before this run set it.
    sync_wait: Option<String>,
    /// MySQL: the session has what a run needs of it.
    is_run_set: bool,
    /// The lease is held around all steps, not for single ones.
    keeps_lease: bool,
    /// A new connection was tried for in vain.
    is_cut_off: bool,
    /// PostgreSQL: the settings that this session had before its first step.
    saved: Option<Vec<(String, String)>>,
    /// PostgreSQL: a section's settings stand in the session, outside of any transaction.
    is_session_set: bool,
    /// The server's number of the session that has them.
    set_in: Option<String>,
    /// Where an applied revision was edited and that is only warned of: lineages over what the ledger has.
    lineages: Option<HashMap<Arc<str>, String>>,
    /// SQLite: the connection as it was before the first step.
    kept: Option<pragmas::Kept>,
    steps: Vec<StepReport>,
    began: Instant,
}

impl<S: Source> fmt::Debug for Run<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("look", &self.look)
            .finish_non_exhaustive()
    }
}

/// How a sequence of steps ended.
enum Ran {
    /// All of them are done.
    All,
    /// Another process moved the heads: the rest must be planned again.
    Moved,
}

impl<'a, S: Source> Run<'a, S> {
    /// Takes a connection. Nothing is sent yet.
    pub(crate) async fn open(
        settings: &'a Settings,
        migrations: &'a Migrations,
        registry: &'a Registry<S::Database>,
        source: &'a S,
    ) -> Result<Self, Error> {
        let began = Instant::now();
        settings
            .names(S::Database::FAMILY)
            .check()
            .map_err(prepare::RefusedError::from)?;
        let session = Session::open(source).await.map_err(connecting)?;
        let actor = settings.actor();
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let host: String = actor.host.chars().take(150).collect();
        Ok(Run {
            // Host and process id alone may be two containers' at once.
            id: format!(
                "{host}:{}:{serial}:{:x}",
                actor.pid,
                RandomState::new().hash_one(serial)
            )
            .into(),
            settings,
            migrations,
            registry,
            source,
            session,
            actor,
            // SQLite would look for an unqualified name in attached files too.
            names: settings
                .names(S::Database::FAMILY)
                .in_schema((S::Database::FAMILY == Dialect::Sqlite).then_some("main")),
            server: Server::default(),
            look: Look::default(),
            lease: None,
            give_back: GiveBack::default(),
            harmless: engines::Harmless::default(),
            sync_wait: None,
            is_run_set: false,
            keeps_lease: false,
            is_cut_off: false,
            saved: None,
            is_session_set: false,
            set_in: None,
            lineages: None,
            kept: None,
            steps: Vec::new(),
            began,
        })
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.names.dialect()
    }

    pub(crate) fn migrations(&self) -> &'a Migrations {
        self.migrations
    }

    pub(crate) fn last_look(&self) -> &Look {
        &self.look
    }

    /// The heads that the last look saw, sorted.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.look
            .heads
            .iter()
            .map(|head| head.revision.clone())
            .collect()
    }

    /// The orderly end of a run. One that stopped leaves no transaction open, on a caller's connection or
    /// on one that goes back to its pool.
    pub(crate) async fn close<T>(mut self, result: &Result<T, Error>) {
        // A transaction that was there before is the caller's.
        let is_callers =
            matches!(result, Err(Error::Run(run)) if matches!(**run, RunError::InTransaction));
        if result.is_err() && !is_callers && self.session.has_worked() {
            // A connection that is gone has rolled back by itself.
            let _ = self.rollback().await;
        }
        self.release_lease().await;
        self.end_run_settings().await;
        self.restore_connection().await;
        self.session.end().await;
    }

    fn report(&mut self, outcome: Outcome) -> Report {
        Report {
            outcome,
            steps: std::mem::take(&mut self.steps),
            heads: self.heads(),
            duration: self.began.elapsed(),
        }
    }

    fn emit(&self, event: &Event<'_>) {
        match event {
            Event::Planned { steps } => tracing::debug!(steps = steps.len(), "planned"),
            Event::Waiting { holder, waited } => {
                tracing::info!(%holder, waited_ms = waited.as_millis() as u64, "waiting for the migration lock");
            }
            Event::StepStarted {
                step,
                number,
                total,
                message,
            } => tracing::info!(
                revision = %step.revision, action = step.action.name(), number, total, message, "step started"
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
        for observer in &self.settings.observers {
            observer(event);
        }
    }

    /// A message that the server shows as this run's, at this revision.
    fn message(&self, revision: Option<&str>) -> Message {
        let marker = message_marker(&self.id, &self.actor, revision);
        Message::marked(self.dialect(), &marker)
    }

    /// Appends a statement of a revision, so that the server shows it as this run's.
    fn push_revisions(&self, message: &mut Message, step: &Step, text: &str, origin: Origin) {
        if self.dialect().is_mysql_family() {
            message.mark(&message_marker(&self.id, &self.actor, Some(&step.revision)));
        }
        message.of_revision(text, origin);
    }

    async fn send(&mut self, message: &Message) -> Result<Vec<StatementResult>, Fault> {
        self.session.send(message, 0).await
    }

    /// Upgrades to the targets, together with every other process that does the same.
    pub(crate) async fn upgrade(&mut self, targets: &[Target]) -> Result<Report, Error> {
        self.look().await?;
        let mut targets = targets.to_vec();
        let mut finished: BTreeSet<Arc<str>> = BTreeSet::new();
        let (mut fruitless, mut shortest) = (0, usize::MAX);
        loop {
            let behind = match self.decide(&targets).await? {
                Decision::There => {
                    let done = if self.steps.is_empty() {
                        Outcome::AlreadyThere
                    } else {
                        Outcome::Migrated
                    };
                    return Ok(self.report(done));
                }
                Decision::Ahead(unknown) => return Ok(self.report(Outcome::Ahead { unknown })),
                // What the heads say now will not be so for long.
                Decision::Leaving(_) => {
                    self.wait_for_quiet().await?;
                    continue;
                }
                Decision::Behind(behind) => behind,
            };
            // A relative target is resolved once: from here on it is the revision that it meant.
            if targets.iter().any(Target::is_relative) {
                targets = fixed(&behind.whole);
            }
            let remaining = behind.whole.steps().len();
            let plan = behind.first.unwrap_or(behind.whole);
            if let Some(step) = plan
                .steps()
                .iter()
                .find(|step| finished.contains(&step.revision))
            {
                let (revision, heads) = (step.revision.to_string(), self.heads());
                return Err(RunError::Contended { revision, heads }.into());
            }
            fruitless = if remaining < shortest {
                0
            } else {
                fruitless + 1
            };
            shortest = shortest.min(remaining);
            if fruitless > FRUITLESS_PLANS {
                let (revision, heads) = (plan.steps()[0].revision.to_string(), self.heads());
                return Err(RunError::Contended { revision, heads }.into());
            }
            let before = self.steps.len();
            let ran = self.execute(&plan).await?;
            finished.extend(
                self.steps[before..]
                    .iter()
                    .map(|report| report.step.revision.clone()),
            );
            // Whether all is done, or another process moved the heads, the next look tells.
            if matches!(ran, Ran::Moved) {
                self.look().await?;
            }
        }
    }

    /// Downgrades to the target. Other processes' upgrades wait until it has ended.
    pub(crate) async fn downgrade(&mut self, target: &Target) -> Result<Report, Error> {
        self.look().await?;
        let plan = self.plan_downgrade(target).await?;
        if plan.steps().is_empty() {
            return Ok(self.report(Outcome::AlreadyThere));
        }
        let expected = self.heads();
        // One transaction excludes the others by itself; several need the lease around them.
        if plan.steps().len() > 1 && self.settings.transaction_mode == TransactionMode::PerRevision
        {
            let first = lock::Resuming::step(&plan.steps()[0]);
            if !self.take_lease(&expected, Some(first)).await? {
                return Err(self.heads_moved(Action::Downgrade, expected));
            }
            self.keeps_lease = true;
        }
        match self.execute(&plan).await? {
            Ran::All => Ok(self.report(Outcome::Migrated)),
            Ran::Moved => Err(self.heads_moved(Action::Downgrade, expected)),
        }
    }

    pub(crate) async fn plan_upgrade(&mut self, targets: &[Target]) -> Result<Plan, Error> {
        self.look().await?;
        match self.decide(targets).await? {
            Decision::Behind(behind) => {
                self.check_plan(&behind.whole).await?;
                Ok(behind.whole)
            }
            Decision::There | Decision::Leaving(_) | Decision::Ahead(_) => Ok(Plan::empty(
                Action::Upgrade,
                self.heads().into_iter().map(Arc::from).collect(),
            )),
        }
    }

    pub(crate) async fn plan_downgrade(&mut self, target: &Target) -> Result<Plan, Error> {
        let unknown = self.unknown_heads();
        if !unknown.is_empty() {
            return Err(StandingError::NotEmbedded {
                action: "downgrade",
                unknown,
            }
            .into());
        }
        self.check_drift().await?;
        let plan = plan::downgrade(self.migrations.graph(), &self.heads(), target)?;
        self.check_plan(&plan).await?;
        Ok(plan)
    }

    /// Records that the database is at the targets, without running anything.
    pub(crate) async fn stamp(
        &mut self,
        targets: &[Target],
        purge: plan::Purge,
    ) -> Result<Report, Error> {
        self.look().await?;
        self.stamp_from_here(targets, purge).await
    }

    /// A stamp that is planned from the heads of the last look.
    async fn stamp_from_here(
        &mut self,
        targets: &[Target],
        purge: plan::Purge,
    ) -> Result<Report, Error> {
        let unknown = self.unknown_heads();
        if purge == plan::Purge::Keep && !unknown.is_empty() {
            return Err(StandingError::NotEmbedded {
                action: "stamp",
                unknown,
            }
            .into());
        }
        let expected = self.heads();
        let plan = plan::stamp(self.migrations.graph(), &expected, targets, purge)?;
        if plan.steps().is_empty() {
            return Ok(self.report(Outcome::AlreadyThere));
        }
        self.check_width(plan.steps()).await?;
        if self.run_stamp(&plan).await? {
            Ok(self.report(Outcome::Migrated))
        } else {
            Err(self.heads_moved(Action::Stamp, expected))
        }
    }

    fn heads_moved(&self, action: Action, expected: Vec<String>) -> Error {
        RunError::HeadsMoved {
            action,
            expected,
            found: self.heads(),
        }
        .into()
    }

    /// Refuses what cannot run, before the first write.
    async fn check_plan(&mut self, plan: &Plan) -> Result<(), Error> {
        self.prepared(plan)?;
        self.check_width(plan.steps()).await
    }

    async fn check_width(&mut self, steps: &[Step]) -> Result<(), Error> {
        if self.look.tables.version
            && prepare::needs_width(steps)
            && let Some(width) = self.version_width().await?
        {
            prepare::check_width(steps, width)?;
        }
        Ok(())
    }

    fn prepared(&self, plan: &Plan) -> Result<Vec<Prepared>, Error> {
        let registry = self.registry;
        let needs = prepare::Needs {
            dialect: self.dialect(),
            single_transaction: self.settings.transaction_mode
                == TransactionMode::SingleTransaction,
            has_code: &|revision, action| registry.contains_key(&(revision.to_owned(), action)),
        };
        Ok(prepare::steps(self.migrations, plan.steps(), &needs)?)
    }

    /// Runs the steps of a plan, which begins at the heads of the last look.
    async fn execute(&mut self, plan: &Plan) -> Result<Ran, Error> {
        let prepared = self.prepared(plan)?;
        self.check_width(plan.steps()).await?;
        self.emit(&Event::Planned {
            steps: plan.steps(),
        });
        if prepared
            .iter()
            .any(|step| matches!(step.work, prepare::Work::Code))
        {
            self.use_uncached_connection().await?;
        }
        self.remember_connection().await?;
        let dialect = self.dialect();
        let mut rest = prepared.as_slice();
        while let Some(first) = rest.first() {
            let ran = if first.is_transactional(dialect) {
                if let Some(row) = self.find_running(&first.step) {
                    return Err(lock::unfinished(row, UnfinishedReason::Converted));
                }
                // A switch that one step asks for must not reach its neighbours.
                let is_alike = |step: &Prepared| {
                    self.settings.transaction_mode == TransactionMode::SingleTransaction
                        || step.foreign_keys_off == first.foreign_keys_off
                };
                let together = rest
                    .iter()
                    .take_while(|step| step.is_transactional(dialect) && is_alike(step))
                    .count();
                let (now, later) = rest.split_at(together);
                rest = later;
                self.run_transactional(now, rest.is_empty()).await?
            } else {
                rest = &rest[1..];
                let goes_on = rest
                    .first()
                    .is_some_and(|next| self.keeps_lease || !next.is_transactional(dialect));
                self.run_stepwise(first, !goes_on).await?
            };
            if matches!(ran, Ran::Moved) {
                return Ok(Ran::Moved);
            }
        }
        self.release_lease().await;
        Ok(Ran::All)
    }

    async fn use_uncached_connection(&mut self) -> Result<(), Error> {
        if self.source.pool().is_none() || S::Database::KEEPS_CONNECTION {
            return Ok(());
        }
        let session = Session::open_uncached(self.source)
            .await
            .map_err(connecting)?;
        std::mem::replace(&mut self.session, session).end().await;
        self.saved = None;
        Ok(())
    }

    fn fault(&self, during: impl Into<String>, state: impl Into<String>, fault: Fault) -> Error {
        let (during, state) = (during.into(), state.into());
        match fault.failure.class {
            Class::Connection => RunError::Connection {
                during,
                state,
                source: fault.source,
            }
            .into(),
            Class::StatementPooling => RunError::StatementPooling {
                source: fault.source,
            }
            .into(),
            Class::InTransaction => RunError::InTransaction.into(),
            Class::ReadOnly => RunError::ReadOnly {
                during,
                message: fault.failure.message,
                state,
                source: fault.source,
            }
            .into(),
            _ => {
                let message = fault.failure.message;
                RunError::Bookkeeping {
                    during,
                    revision: None,
                    message,
                    state,
                    source: fault.source,
                }
                .into()
            }
        }
    }
}

/// The revisions that a plan leads to, as targets of their own.
fn fixed(plan: &Plan) -> Vec<Target> {
    let (_, adds) = plan.change();
    adds.into_iter().map(Target::revision).collect()
}

fn connecting(source: sqlx::Error) -> Error {
    RunError::Connection {
        during: "connecting".to_owned(),
        state: "Nothing was sent. Look at the URL, the server and the pool's size".to_owned(),
        source,
    }
    .into()
}

/// The span of a step, which everything that is told of it lies in.
fn step_span(step: &Step) -> tracing::Span {
    tracing::info_span!("limbeck.step", revision = %step.revision, action = step.action.name())
}

/// How long to sleep between two looks at a lock that is held: around a fifth of a second, spread so that
/// waiters do not come together.
fn poll_pause(attempt: u32) -> Duration {
    let base = [20, 50, 100, 100, 150, 200]
        .get(attempt as usize)
        .copied()
        .unwrap_or(200);
    // The standard library seeds each state at random.
    let spread = RandomState::new().hash_one(attempt) % 100;
    Duration::from_millis(base * (75 + spread / 2) / 100)
}
