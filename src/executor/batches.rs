//! `repeat` sections: one statement, batch by batch, each with its record in a transaction of its own.

use super::check::statement_error;
use super::message::{Message, Origin};
use super::stepwise::Underway;
use super::{Event, Fault, Run};
use crate::backend::{Class, Source};
use crate::error::Error;
use crate::ledger::{State, write};
use crate::prepare::{Prepared, Sql};

impl<S: Source> Run<'_, S> {
    /// Runs the batches until one changes nothing; the head moves with that one.
    pub(super) async fn run_batches(
        &mut self,
        prepared: &Prepared,
        statement: &Sql,
        mut underway: Underway,
        releases: bool,
    ) -> Result<Underway, Error> {
        self.emit(&Event::StatementStarted {
            step: &prepared.step,
            number: 1,
            total: 1,
            statement: &statement.text,
        });
        let mut deadlocks = 0;
        loop {
            let mut message = self.message(Some(&prepared.step.revision));
            message.own(self.begin_short());
            self.push_settings(&mut message, prepared, 0);
            message.own(&write::fence(&self.names, &self.claim(underway.epoch)));
            let place = message.len();
            let origin = Origin {
                step: 0,
                statement: 0,
            };
            self.push_revisions(&mut message, &prepared.step, &statement.text, origin);
            let results = match self.send_short(&message).await {
                Ok(results) => results,
                Err(fault) if self.is_undone(&fault, &mut deadlocks) => {
                    self.rollback().await?;
                    continue;
                }
                Err(fault) => {
                    return Err(self
                        .batch_failed(prepared, &underway, &message, fault)
                        .await);
                }
            };
            let rows = results.get(place).map_or(0, |result| result.affected);
            if rows == 0 {
                break;
            }
            let done = Underway {
                done: underway.done + 1,
                rows: underway.rows + rows,
                ..underway.clone()
            };
            let mut message = self.message(Some(&prepared.step.revision));
            self.push_reset(&mut message);
            message.own_all(&write::record(&self.names, &self.progress(&done)));
            message.commit();
            match self.send_short(&message).await {
                Ok(_) => underway = done,
                Err(fault) if self.is_undone(&fault, &mut deadlocks) => {
                    self.rollback().await?;
                    continue;
                }
                Err(fault) => return Err(self.bookkeeping(prepared, fault)),
            }
            deadlocks = 0;
            self.emit(&Event::BatchDone {
                step: &prepared.step,
                number: underway.done,
                rows,
            });
        }
        // Still inside the empty batch's transaction.
        if let Err(error) = self.check(prepared, "@verify", &prepared.verify).await {
            let _ = self.rollback().await;
            let text = error.to_string();
            self.record(&underway, Some(&text)).await?;
            return Err(error);
        }
        let message = self.message(Some(&prepared.step.revision));
        self.end(message, prepared, &underway, releases).await?;
        Ok(underway)
    }

    pub(super) async fn batch_failed(
        &mut self,
        prepared: &Prepared,
        underway: &Underway,
        message: &Message,
        fault: Fault,
    ) -> Error {
        let state = format!(
            "{} batches ({} rows) are committed and stay, this one was rolled back. Correct the cause and start \
             again: the step goes on with the next batch",
            underway.done, underway.rows
        );
        if fault.failure.class == Class::Connection {
            return self.fault(
                format!("running a batch of revision {}", prepared.step.revision),
                state,
                fault,
            );
        }
        let Some(blame) = message.blame(fault.completed, fault.failure.position) else {
            return self.bookkeeping(prepared, fault);
        };
        let _ = self.rollback().await;
        let error = statement_error(prepared, 0, blame.offset, fault, state);
        let text = error.to_string();
        let end = (underway.done == 0).then_some(State::Failed);
        if let Err(recording) = self.record_end(underway, end, &text).await {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
        error
    }
}
