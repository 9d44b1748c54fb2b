//! Heads moved without running anything.

use std::time::Instant;

use super::progress::not_moved;
use super::{Ran, Steps};
use crate::backend::Source;
use crate::executor::error::Error;
use crate::executor::gate::Passage;
use crate::executor::state::Aftermath;
use crate::graph::RevisionId;
use crate::ledger::write;
use crate::plan::{Action, Plan};
use crate::prepare::transactional_ddl;
use crate::report::StepReport;

impl<S: Source> Steps<'_, S> {
    /// Moves the heads without running anything, with a ledger row for each revision that is newly implied.
    pub(in crate::executor) async fn run_stamp(
        &mut self,
        plan: &Plan,
        began: Instant,
    ) -> Result<Ran, Error> {
        let expected = self.view().heads();
        let is_leased = !transactional_ddl(self.wire().dialect());
        let passage = if is_leased {
            self.gate.take_lease(&expected, None).await?
        } else {
            self.gate.enter(&expected, None).await?
        };
        if passage == Passage::Moved {
            return Ok(Ran::Moved);
        }
        let (removes, adds) = plan.change();
        let mut message = if is_leased {
            self.gate.record_baseline().await?;
            self.gate.open_leased(self.epoch())
        } else {
            self.wire().line.message(None)
        };
        let line = &self.gate.view.wire.line;
        message.bound();
        message.swap_all(&write::move_heads(&line.names, &removes, &adds));
        message.write_all(&write::prove_heads(&line.names, &removes, &adds));
        let marks = stamped(plan).into_iter();
        let rows = self.gate.record.marks::<S>(line, Action::Stamp, marks);
        let mut sent = self.wire().line.send(&message).await.map(drop);
        if sent.is_ok() {
            sent = self.gate.send_rows(&rows).await;
        }
        if sent.is_ok() {
            let wire = self.wire();
            let mut commit = wire.line.message(None);
            commit.commit();
            sent = wire.send_short(&commit).await.map(drop);
        }
        if let Err(fault) = sent {
            let is_lost = fault.is_lost_swap(&message);
            let fault = self.wire().blocked(fault).await;
            let _ = self.wire().rollback().await;
            if is_lost {
                self.view().look().await?;
                let is_unmoved = self.view().heads() == expected;
                if let Some(step) = plan.steps().first().filter(|_| is_unmoved) {
                    return Err(not_moved(step, Aftermath::rolled_back()));
                }
                return Ok(Ran::Moved);
            }
            return Err(fault.into_error("stamping", Aftermath::rolled_back()));
        }
        for step in plan.steps() {
            self.move_heads(step);
            let report = StepReport {
                step: step.clone(),
                statements: 0,
                rows: 0,
                duration: began.elapsed(),
            };
            self.finish_step(report);
        }
        Ok(Ran::All)
    }
}

/// The revisions of a stamp's rows: each that is newly implied, and each that newly has a head.
fn stamped(plan: &Plan) -> Vec<RevisionId> {
    let mut all: Vec<_> = plan.newly_implied().to_vec();
    let (_, adds) = plan.change();
    all.extend(
        adds.into_iter()
            .filter(|id| !plan.newly_implied().contains(id)),
    );
    all
}
