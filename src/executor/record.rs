//! The record: what a step leaves in limbeck's own tables.

use std::collections::HashMap;

use super::view::View;
use crate::backend::{Line, Message, Source};
use crate::graph::RevisionId;
use crate::ledger::{Known, LedgerEntry, State, failure, write};
use crate::migrations::{self, Migrations};
use crate::plan::{Action, Step};
use crate::prepare::{self, Prepared};

/// The rows that a run writes, made from the revisions of the binary.
pub(super) struct Record<'a> {
    pub migrations: &'a Migrations,
    /// The lineages over what the ledger has, where an applied revision was edited and that is only warned of.
    lineages: Option<HashMap<RevisionId, String>>,
}

impl<'a> Record<'a> {
    pub(super) fn new(migrations: &'a Migrations) -> Self {
        Record {
            migrations,
            lineages: None,
        }
    }

    /// The ledger's row for a step, as it is when the step is done.
    pub(super) fn row<S: Source>(
        &self,
        line: &Line<'_, S::Database>,
        step: &Step,
        state: State,
    ) -> LedgerEntry {
        let lineage = self.lineage(&step.revision);
        let (dialect, id) = (line.dialect(), &step.revision);
        let row = prepare::ledger_row(self.migrations, dialect, id, step.action, lineage);
        LedgerEntry {
            state: state.into(),
            ..row
        }
    }

    /// The row of a step that failed. Nothing of it stands that could be undone.
    pub(super) fn failed<S: Source>(
        &self,
        line: &Line<'_, S::Database>,
        step: &Step,
        statements: u64,
        error: &str,
    ) -> LedgerEntry {
        LedgerEntry {
            statements,
            error: Some(failure::bounded(error)),
            down_sql: None,
            ..self.row::<S>(line, step, State::Failed)
        }
    }

    /// A revision's lineage over what the database has: where an ancestor was edited and that was only
    /// warned of, its descendants keep telling so. None for a revision that is not embedded.
    pub(super) fn lineage(&self, id: &str) -> Option<String> {
        match &self.lineages {
            Some(lineages) => lineages.get(id).cloned(),
            None => self.migrations.lineage(id).map(str::to_owned),
        }
    }

    /// From here on lineages stand over those that the ledger has for what is applied.
    pub(super) fn stand_on(&mut self, known: &Known, heads: &[RevisionId]) {
        let graph = self.migrations.graph();
        let applied = graph.ancestors(heads.iter().filter(|id| graph.contains(id)));
        let mut lineages: HashMap<RevisionId, String> = HashMap::with_capacity(graph.len());
        for id in graph.ids() {
            let recorded = known.get(id).filter(|_| applied.contains(id));
            let lineage = recorded
                .and_then(|entry| entry.lineage.clone())
                .unwrap_or_else(|| {
                    let revision = self.migrations.get(id).expect("a member of the graph");
                    let checksum = revision.checksum().to_string();
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
        self.lineages = Some(lineages);
    }

    /// Statements that write rows for a database that was taken over: every embedded ancestor of its heads.
    pub(super) fn baseline<S: Source>(&self, view: &View<'_, S>) -> Vec<Vec<String>> {
        if view.look.has_history || view.look.heads.is_empty() {
            return Vec::new();
        }
        let graph = self.migrations.graph();
        let heads = view.heads();
        let applied = graph.ancestors(heads.iter().filter(|id| graph.contains(id)));
        let marks = applied.iter().cloned();
        self.marks::<S>(&view.wire.line, Action::Baseline, marks)
    }

    /// Statements that write a row for each of these revisions, of which nothing ran.
    pub(super) fn marks<S: Source>(
        &self,
        line: &Line<'_, S::Database>,
        action: Action,
        revisions: impl Iterator<Item = RevisionId>,
    ) -> Vec<Vec<String>> {
        let steps: Vec<Step> = revisions.map(|id| Step::marking(action, id)).collect();
        let rows: Vec<LedgerEntry> = steps
            .iter()
            .map(|step| self.row::<S>(line, step, State::Done))
            .collect();
        write::insert_history(&line.names, &line.run.actor, &rows)
    }

    /// Appends the heads behind all of these steps, which are one message, and their rows in the ledger.
    pub(super) fn push<S: Source>(
        &self,
        message: &mut Message,
        view: &View<'_, S>,
        group: &[Prepared],
    ) {
        let line = &view.wire.line;
        let (mut removes, mut adds) = (Vec::new(), Vec::new());
        for step in group.iter().map(|prepared| &prepared.step) {
            for id in &step.removes {
                // A head that an earlier one of them added never was in the table.
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
        message.swap_all(&write::move_heads(&line.names, &removes, &adds));
        message.write_all(&write::prove_heads(&line.names, &removes, &adds));
        let now = view.look.server.now;
        let rows: Vec<_> = group
            .iter()
            .map(|prepared| {
                let count = prepared.statements().len() as u64;
                LedgerEntry {
                    statements: count,
                    statements_done: count,
                    started_at: now,
                    ..self.row::<S>(line, &prepared.step, State::Done)
                }
            })
            .collect();
        for rows in write::insert_history(&line.names, &line.run.actor, &rows) {
            message.write_all(&rows);
        }
    }
}
