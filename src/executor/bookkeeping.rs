//! What a step leaves in limbeck's own tables.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Event, Fault, Message, Run, RunError, StepReport};
use crate::backend::Source;
use crate::error::Error;
use crate::ledger::look::HeadRow;
use crate::ledger::{Known, LedgerEntry, State, write};
use crate::migrations;
use crate::plan::{Action, Step};
use crate::prepare::{self, Prepared};

impl<S: Source> Run<'_, S> {
    /// The ledger's row for a step, as it is when the step is done.
    pub(super) fn ledger_row(&self, step: &Step, state: State) -> LedgerEntry {
        let lineage = Some(self.lineage(&step.revision));
        let row = prepare::ledger_row(
            self.migrations,
            self.dialect(),
            &step.revision,
            step.action,
            lineage,
        );
        LedgerEntry {
            state: state.into(),
            ..row
        }
    }

    /// A revision's lineage over what the database has: where an ancestor was edited and that was only
    /// warned of, its descendants keep telling so.
    pub(super) fn lineage(&self, id: &str) -> String {
        let embedded = || self.migrations.lineage(id).map(str::to_owned);
        let recorded = self
            .lineages
            .as_ref()
            .map(|lineages| lineages.get(id).cloned());
        recorded
            .unwrap_or_else(embedded)
            .expect("a step names an embedded revision")
    }

    /// Every revision's lineage over those that the ledger has for what is applied.
    pub(super) fn recorded_lineages(&self, known: &Known) -> HashMap<Arc<str>, String> {
        let graph = self.migrations.graph();
        let applied = graph.ancestors(self.heads().iter().filter(|id| graph.contains(id)));
        let mut lineages: HashMap<Arc<str>, String> = HashMap::with_capacity(graph.len());
        for id in graph.ids() {
            let recorded = known.get(id).filter(|_| applied.contains(id));
            let lineage = recorded
                .and_then(|entry| entry.lineage.clone())
                .unwrap_or_else(|| {
                    let checksum = self
                        .migrations
                        .get(id)
                        .expect("a member of the graph")
                        .checksum()
                        .to_string();
                    let parents = self.migrations.parents_of(id);
                    // Parents come first in this order.
                    let parents = parents
                        .iter()
                        .filter_map(|id| lineages.get(id).map(String::as_str))
                        .collect();
                    migrations::lineage(id, &checksum, parents)
                });
            lineages.insert(id.clone(), lineage);
        }
        lineages
    }

    /// Rows for a database that was taken over: every embedded ancestor of its heads.
    pub(super) fn baseline(&self) -> Vec<String> {
        if self.look.has_history || self.look.heads.is_empty() {
            return Vec::new();
        }
        let graph = self.migrations.graph();
        let heads: Vec<String> = self
            .heads()
            .into_iter()
            .filter(|id| graph.contains(id))
            .collect();
        let steps: Vec<Step> = graph
            .ancestors(&heads)
            .iter()
            .map(|id| Step::marking(Action::Baseline, id.clone()))
            .collect();
        let rows: Vec<LedgerEntry> = steps
            .iter()
            .map(|step| self.ledger_row(step, State::Done))
            .collect();
        write::insert_history(&self.names, &self.actor, &rows)
    }

    /// Many rows of the ledger, a statement a message: a server's limit on one is soon met by the down SQL of
    /// a long history.
    pub(super) async fn send_rows(&mut self, statements: &[String]) -> Result<(), Fault> {
        for statement in statements {
            let mut message = self.message(None);
            message.own(statement);
            self.send(&message).await?;
        }
        Ok(())
    }

    pub(super) fn find_running(&self, step: &Step) -> Option<&LedgerEntry> {
        self.look
            .running
            .iter()
            .find(|row| row.revision == *step.revision && row.action == step.action)
    }

    /// The heads behind all of these steps, which are one message, and their rows in the ledger.
    pub(super) fn push_bookkeeping(&self, message: &mut Message, group: &[Prepared]) {
        let (mut removes, mut adds) = (Vec::new(), Vec::new());
        for step in group.iter().map(|prepared| &prepared.step) {
            for id in &step.removes {
                // What an earlier one of them added was never there.
                match adds.iter().position(|added| *added == id) {
                    Some(at) => drop(adds.remove(at)),
                    None => removes.push(id),
                }
            }
            for id in &step.adds {
                match removes.iter().position(|removed| *removed == id) {
                    Some(at) => drop(removes.remove(at)),
                    None => adds.push(id),
                }
            }
        }
        message.swap_all(&write::move_heads(&self.names, &removes, &adds));
        let rows: Vec<_> = group
            .iter()
            .map(|prepared| {
                let count = prepared.statements().len() as u64;
                let mut row = self.ledger_row(&prepared.step, State::Done);
                row.statements = count;
                row.statements_done = count;
                row.started_at = self.look.server.now;
                row
            })
            .collect();
        message.own_all(&write::insert_history(&self.names, &self.actor, &rows));
    }

    /// What the version table says after this step, as the next look would read it.
    pub(super) fn move_heads(&mut self, step: &Step) {
        self.look
            .heads
            .retain(|head| !step.removes.iter().any(|id| **id == *head.revision));
        for id in &step.adds {
            if self.look.heads.iter().any(|head| *head.revision == **id) {
                continue;
            }
            let lineage = self
                .migrations
                .graph()
                .contains(id)
                .then(|| self.lineage(id));
            self.look.heads.push(HeadRow {
                revision: id.to_string(),
                lineage,
            });
        }
        self.look.heads.sort_by(|a, b| a.revision.cmp(&b.revision));
        self.look.has_history = true;
    }

    pub(super) fn finish_step(&mut self, report: StepReport) {
        self.emit(&Event::StepFinished {
            step: &report.step,
            report: &report,
        });
        self.steps.push(report);
    }

    /// Best effort, in a transaction of its own: the error that is recorded is the one that counts.
    pub(super) async fn record_failure(&mut self, group: &[Prepared], error: &Error) {
        if matches!(error, Error::Run(run) if matches!(**run, RunError::Connection { .. })) {
            return;
        }
        let revision = error.revision().unwrap_or_default();
        let failed = group
            .iter()
            .find(|p| *p.step.revision == *revision)
            .unwrap_or(&group[0]);
        let mut row = self.ledger_row(&failed.step, State::Failed);
        row.statements = failed.statements().len() as u64;
        row.error = Some(error.to_string());
        let statements = write::insert_history(&self.names, &self.actor, &[row]);
        let mut message = self.message(None);
        message.own_all(&statements);
        if let Err(fault) = self.send(&message).await {
            tracing::debug!(
                error = fault.failure.message,
                "the failure could not be recorded"
            );
        }
    }
}
