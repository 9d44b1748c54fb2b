//! Heads moved without running anything.

use std::sync::Arc;

use super::lock::Gate;
use super::transactional::ROLLED_BACK;
use super::{Run, StepReport};
use crate::backend::Source;
use crate::error::Error;
use crate::ledger::{State, write};
use crate::plan::{Action, Plan, Step};

impl<S: Source> Run<'_, S> {
    /// Creates what is missing of the tables, under the lock.
    pub(crate) async fn create_tables(&mut self) -> Result<(), Error> {
        self.look().await?;
        while !self.look.tables.complete() {
            let heads = self.heads().into_iter().map(Arc::from).collect();
            // A stamp of nothing: it takes the lock, and that needs the tables.
            if self.run_stamp(&Plan::empty(Action::Stamp, heads)).await? {
                break;
            }
            self.look().await?;
        }
        Ok(())
    }

    /// Moves the heads without running anything, with a ledger row for each revision that is newly implied.
    /// False: the heads have moved.
    pub(super) async fn run_stamp(&mut self, plan: &Plan) -> Result<bool, Error> {
        let expected = self.heads();
        let is_leased = self.dialect().is_mysql_family();
        if is_leased {
            if !self.take_lease(&expected, None).await? {
                return Ok(false);
            }
            self.record_baseline().await?;
        } else if self.begin_locked(&expected, None).await? == Gate::Moved {
            return Ok(false);
        }
        let (removes, adds) = plan.change();
        let marks: Vec<Step> = stamped(plan)
            .iter()
            .map(|id| Step::marking(Action::Stamp, id.clone()))
            .collect();
        let rows: Vec<_> = marks
            .iter()
            .map(|step| self.ledger_row(step, State::Done))
            .collect();
        let mut message = self.message(None);
        if is_leased {
            message.own("START TRANSACTION");
            message.own_all(&write::renew(&self.names, &self.claim(self.epoch())));
        }
        message.swap_all(&write::move_heads(&self.names, &removes, &adds));
        let rows = write::insert_history(&self.names, &self.actor, &rows);
        let mut sent = self.send(&message).await.map(drop);
        if sent.is_ok() {
            sent = self.send_rows(&rows).await;
        }
        if sent.is_ok() {
            let mut commit = self.message(None);
            commit.commit();
            sent = self.send_short(&commit).await.map(drop);
        }
        if let Err(fault) = sent {
            let is_lost = fault.is_lost_swap(&message, self.dialect());
            let _ = self.rollback().await;
            if is_lost {
                self.look().await?;
                return Ok(false);
            }
            return Err(self.fault("stamping", ROLLED_BACK, fault));
        }
        for step in plan.steps() {
            self.move_heads(step);
            let report = StepReport {
                step: step.clone(),
                statements: 0,
                rows: 0,
                duration: self.began.elapsed(),
            };
            self.finish_step(report);
        }
        Ok(true)
    }
}

/// What a stamp writes rows of: each revision that is newly implied, and each that newly has a row.
fn stamped(plan: &Plan) -> Vec<Arc<str>> {
    let mut all: Vec<_> = plan.newly_implied().to_vec();
    let (_, adds) = plan.change();
    all.extend(
        adds.into_iter()
            .filter(|id| !plan.newly_implied().contains(id)),
    );
    all
}
