//! The step: one revision's work, in a transaction or under the lease.

mod check;
mod code;
mod doubt;
mod execute;
mod lost;
mod progress;
mod repeat;
mod resume;
mod size;
mod stamp;
mod statement;
mod stepwise;
mod traces;
mod transactional;
mod unit;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use sqlx::Database;

pub(super) use progress::chain;

use super::gate::Gate;
use super::view::View;
use super::wire::{ConductOf, Wire};
use crate::backend::{Conduct as _, Message, Origin, Source};
use crate::plan::{Action, Step};
use crate::prepare::Prepared;
use crate::report::{Event, StepReport};
use crate::settings::TransactionMode;

/// A registered function of a `rust` section: it gets the connection of the step.
pub(crate) type Code<DB> = Arc<
    dyn for<'c> Fn(&'c mut <DB as Database>::Connection) -> BoxFuture<'c, Result<(), BoxError>>
        + Send
        + Sync,
>;

/// Any error of a user's.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The functions that are registered, by revision and direction.
pub(crate) struct Registry<DB: Database> {
    pub code: HashMap<(String, Action), Code<DB>>,
    /// The revisions whose code may simply run again after it was interrupted.
    pub idempotent: BTreeSet<String>,
}

impl<DB: Database> Default for Registry<DB> {
    fn default() -> Self {
        Registry {
            code: HashMap::new(),
            idempotent: BTreeSet::new(),
        }
    }
}

impl<DB: Database> Clone for Registry<DB> {
    fn clone(&self) -> Self {
        Registry {
            code: self.code.clone(),
            idempotent: self.idempotent.clone(),
        }
    }
}

/// The end of a sequence of steps.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// All of them are done.
    All,
    /// Another process moved the heads: the rest must be planned again.
    Moved,
}

/// The steps of a run, behind the gate.
pub(super) struct Steps<'a, S: Source> {
    pub gate: Gate<'a, S>,
    pub registry: &'a Registry<S::Database>,
    /// The steps that this run has finished.
    pub done: Vec<StepReport>,
    /// The lease is held around all steps, not for single ones.
    pub keeps_lease: bool,
    /// The revision whose traces the session has, where only another session has none.
    pub traces_of: Option<Arc<str>>,
}

impl<'a, S: Source> Steps<'a, S> {
    pub(super) fn view(&mut self) -> &mut View<'a, S> {
        &mut self.gate.view
    }

    pub(super) fn wire(&mut self) -> &mut Wire<'a, S> {
        &mut self.gate.view.wire
    }

    fn is_single(&self) -> bool {
        let mode = self.gate.view.wire.settings.transaction_mode;
        mode == TransactionMode::SingleTransaction
    }

    /// An empty message that the server shows as this run's, at this step.
    pub(super) fn message_at(&self, prepared: &Prepared) -> Message {
        let line = &self.gate.view.wire.line;
        line.message(Some(&prepared.step.revision))
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        self.gate.view.wire.settings.tell(event);
    }

    fn tell_started(&self, prepared: &Prepared) {
        self.tell(&Event::StepStarted {
            step: &prepared.step,
            number: prepared.number,
            total: prepared.total,
            message: &prepared.message,
        });
    }

    /// Takes a finished step over into the view and the report.
    fn finish_step(&mut self, report: StepReport) {
        self.tell(&Event::StepFinished {
            step: &report.step,
            report: &report,
        });
        self.done.push(report);
    }

    fn move_heads(&mut self, step: &Step) {
        let Gate { view, record, .. } = &mut self.gate;
        view.move_heads(step, |id| record.lineage(id));
    }

    /// Appends a statement of a revision, so that the server shows it as this run's.
    fn push_statement(&self, message: &mut Message, step: &Step, text: &str, origin: Origin) {
        if ConductOf::<S>::MARKS_STATEMENTS {
            let line = &self.gate.view.wire.line;
            line.push_marked(message, &step.revision, text, origin);
        } else {
            message.of_revision(text, origin);
        }
    }
}

/// The span of a step, which everything that is told of it lies in.
fn step_span(step: &Step) -> tracing::Span {
    tracing::info_span!("limbeck.step", revision = %step.revision, action = step.action.name())
}
