//! The run: look, plan, then one step after the other, each under the lock, each checking under it that the
//! heads are still those it was planned from.
//!
//! ```text
//! upgrade ─ look ─ standing ─ plan ─ prepare ─┬─ transactional  (lock = the step's own transaction)
//!              ▲                              └─ stepwise       (lock = a lease)
//!              └──────────── heads moved ─────────────┘
//! ```
//!
//! A noun stands on the one below it and calls no other: [`Run`] (the story) on [`Steps`](step::Steps), these on the
//! [`Gate`], that on the [`View`] and the [`Record`], the view on the [`Wire`].

mod adopt;
mod error;
mod gate;
mod record;
mod resolve;
mod standing;
mod state;
mod status;
mod step;
mod view;
mod wait;
mod watch;
mod wire;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use error::Error;
pub use error::{RunError, StatementError, Unfinished, UnfinishedReason, Violation};
use gate::{Gate, Passage, Resuming};
use record::Record;
use standing::Decision;
pub use state::{Aftermath, DatabaseState};
pub(crate) use step::{BoxError, Registry};
use step::{Ran, Steps};
use view::View;
use wire::Wire;

use crate::aim::Target;
use crate::backend::Source;
use crate::dialect::path::SearchPath;
use crate::graph::RevisionId;
use crate::ledger::look::Look;
use crate::ledger::{Holder, Known, LedgerEntry};
use crate::migrations::Migrations;
use crate::plan::{self, Action, Plan};
use crate::report::{Outcome, Report};
use crate::settings::{Settings, TransactionMode};
use crate::standing::StandingError;

/// How many times in a row a run plans again without having come any nearer.
const FRUITLESS_PLANS: usize = 5;

/// One call's way through the database.
pub(crate) struct Run<'a, S: Source> {
    steps: Steps<'a, S>,
    began: Instant,
}

impl<S: Source> fmt::Debug for Run<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("look", self.last_look())
            .finish_non_exhaustive()
    }
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
        let view = View {
            wire: Wire::open(settings, source).await?,
            look: Look::default(),
            path: SearchPath::default(),
            known: None,
        };
        let steps = Steps {
            gate: Gate::new(view, Record::new(migrations)),
            registry,
            done: Vec::new(),
            keeps_lease: false,
            traces_of: None,
        };
        Ok(Run { steps, began })
    }

    /// The orderly end of a run. One that stopped leaves no transaction open, on a caller's connection or
    /// on one that goes back to its pool.
    pub(crate) async fn close<T>(mut self, result: &Result<T, Error>) {
        // A transaction that was there before is the caller's.
        let is_callers =
            matches!(result, Err(Error::Run(run)) if matches!(**run, RunError::InTransaction));
        let wire = self.steps.wire();
        if result.is_err() && !is_callers && wire.line.session.has_worked() {
            // A connection that is gone has rolled back by itself.
            let _ = wire.rollback().await;
        }
        self.steps.gate.release_lease().await;
        self.steps.gate.close().await;
    }

    pub(crate) fn migrations(&self) -> &'a Migrations {
        self.steps.gate.record.migrations
    }

    fn settings(&self) -> &'a Settings {
        self.steps.gate.view.wire.settings
    }

    pub(crate) fn last_look(&self) -> &Look {
        &self.steps.gate.view.look
    }

    /// The heads that the last look saw, sorted.
    pub(crate) fn heads(&self) -> Vec<RevisionId> {
        self.steps.gate.view.heads()
    }

    pub(crate) async fn look(&mut self) -> Result<(), Error> {
        self.steps.view().look().await
    }

    pub(crate) async fn read_ledger(&mut self) -> Result<Vec<LedgerEntry>, Error> {
        self.steps.view().read_ledger().await
    }

    pub(crate) async fn read_known(&mut self) -> Result<Arc<Known>, Error> {
        let migrations = self.migrations();
        self.steps.view().read_known(migrations).await
    }

    pub(crate) async fn holder(&mut self) -> Holder {
        self.steps.view().holder().await
    }

    fn report(&mut self, outcome: Outcome) -> Report {
        Report {
            outcome,
            steps: std::mem::take(&mut self.steps.done),
            current: self.heads(),
            notes: std::mem::take(&mut self.steps.gate.notes),
            duration: self.began.elapsed(),
        }
    }

    /// Upgrades to the targets, together with every other process that does the same.
    pub(crate) async fn upgrade(&mut self, targets: &[Target]) -> Result<Report, Error> {
        self.look().await?;
        let mut targets = targets.to_vec();
        let mut finished: BTreeSet<RevisionId> = BTreeSet::new();
        let (mut fruitless, mut shortest) = (0, usize::MAX);
        loop {
            let behind = match self.decide(&targets).await? {
                Decision::There => {
                    let done = if self.steps.done.is_empty() {
                        let heads = self.heads().join(", ");
                        tracing::info!(%heads, "the database is at the target");
                        Outcome::AlreadyThere
                    } else {
                        Outcome::Migrated
                    };
                    return Ok(self.report(done));
                }
                Decision::Ahead(unknown) => {
                    tracing::info!(
                        heads = %self.heads().join(", "),
                        unknown = %unknown.join(", "),
                        "the database is ahead of this binary"
                    );
                    return Ok(self.report(Outcome::Ahead { unknown }));
                }
                // What the heads say now will not be so for long.
                Decision::Leaving(_) => {
                    self.steps.view().wait_for_quiet().await?;
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
            let mut steps = plan.steps().iter();
            if let Some(step) = steps.find(|step| finished.contains(&step.revision)) {
                return Err(self.contended(&step.revision));
            }
            fruitless = if remaining < shortest {
                0
            } else {
                fruitless + 1
            };
            shortest = shortest.min(remaining);
            if fruitless > FRUITLESS_PLANS {
                return Err(self.contended(&plan.steps()[0].revision));
            }
            let before = self.steps.done.len();
            let ran = self.steps.execute(&plan).await?;
            let done = self.steps.done[before..].iter();
            finished.extend(done.map(|report| report.step.revision.clone()));
            // Whether all is done, or another process moved the heads, the next look tells.
            if ran == Ran::Moved {
                self.look().await?;
            }
        }
    }

    fn contended(&self, revision: &str) -> Error {
        RunError::Contended {
            revision: revision.into(),
            heads: self.heads(),
        }
        .into()
    }

    /// Downgrades to the target. Other processes' upgrades wait until it has ended.
    pub(crate) async fn downgrade(&mut self, target: &Target) -> Result<Report, Error> {
        self.look().await?;
        let plan = self.plan_downgrade(target).await?;
        if plan.steps().is_empty() {
            return Ok(self.report(Outcome::AlreadyThere));
        }
        let expected = self.heads();
        let mode = self.settings().transaction_mode;
        // One transaction excludes the others by itself; several need the lease around them.
        if plan.steps().len() > 1 && mode == TransactionMode::PerRevision {
            let first = Resuming::step(&plan.steps()[0]);
            let taken = self.steps.gate.take_lease(&expected, Some(first)).await?;
            if taken == Passage::Moved {
                return Err(self.heads_moved(Action::Downgrade, expected));
            }
            self.steps.keeps_lease = true;
        }
        match self.steps.execute(&plan).await? {
            Ran::All => Ok(self.report(Outcome::Migrated)),
            Ran::Moved => Err(self.heads_moved(Action::Downgrade, expected)),
        }
    }

    pub(crate) async fn plan_upgrade(&mut self, targets: &[Target]) -> Result<Plan, Error> {
        self.look().await?;
        match self.decide(targets).await? {
            Decision::Behind(behind) => {
                self.steps.check_plan(&behind.whole).await?;
                Ok(behind.whole)
            }
            Decision::There | Decision::Leaving(_) | Decision::Ahead(_) => {
                let heads = self.heads().into_iter().collect();
                Ok(Plan::empty(Action::Upgrade, heads))
            }
        }
    }

    pub(crate) async fn plan_downgrade(&mut self, target: &Target) -> Result<Plan, Error> {
        let unknown = self.unknown_heads();
        if !unknown.is_empty() {
            let action = "downgrade";
            return Err(StandingError::NotEmbedded { action, unknown }.into());
        }
        self.check_drift().await?;
        let plan = plan::downgrade(self.migrations().graph(), &self.heads(), target)?;
        self.steps.check_plan(&plan).await?;
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
            let action = "stamp";
            return Err(StandingError::NotEmbedded { action, unknown }.into());
        }
        let expected = self.heads();
        let plan = plan::stamp(self.migrations().graph(), &expected, targets, purge)?;
        if plan.steps().is_empty() {
            return Ok(self.report(Outcome::AlreadyThere));
        }
        self.steps.check_width(plan.steps()).await?;
        match self.steps.run_stamp(&plan, self.began).await? {
            Ran::All => Ok(self.report(Outcome::Migrated)),
            Ran::Moved => Err(self.heads_moved(Action::Stamp, expected)),
        }
    }

    /// Creates what is missing of the tables, under the lock.
    pub(crate) async fn create_tables(&mut self) -> Result<(), Error> {
        self.look().await?;
        while !self.last_look().tables.complete() {
            let heads = self.heads().into_iter().collect();
            // A stamp of nothing: it takes the lock, and that needs the tables.
            let nothing = Plan::empty(Action::Stamp, heads);
            if self.steps.run_stamp(&nothing, self.began).await? == Ran::All {
                break;
            }
            self.look().await?;
        }
        Ok(())
    }

    fn heads_moved(&self, action: Action, expected: Vec<RevisionId>) -> Error {
        RunError::HeadsMoved {
            action,
            expected,
            found: self.heads(),
        }
        .into()
    }
}

/// The revisions that a plan leads to, as targets of their own.
fn fixed(plan: &Plan) -> Vec<Target> {
    let (_, adds) = plan.change();
    adds.into_iter().map(Target::revision).collect()
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
