//! `repeat` sections: one statement, batch by batch, each with its record in a transaction of its own.

use std::time::Instant;

use super::Steps;
use super::check::Kind;
use super::progress::{Underway, bookkeeping};
use crate::backend::{Class, Conduct as _, Fault, Message, Origin, Source};
use crate::executor::error::{Error, statement_error};
use crate::executor::state::Aftermath;
use crate::ledger::write;
use crate::prepare::{Prepared, Sql};
use crate::report::Event;

impl<S: Source> Steps<'_, S> {
    /// Runs the batches until one changes nothing; the head moves with that one.
    pub(super) async fn run_batches(
        &mut self,
        prepared: &Prepared,
        statement: &Sql,
        mut underway: Underway,
        releases: bool,
    ) -> Result<Underway, Error> {
        self.tell(&Event::StatementStarted {
            step: &prepared.step,
            number: 1,
            total: 1,
            statement: &statement.text,
        });
        // A rollback leaves what the statement gave its session: sent again, it would read that.
        let is_repeatable = self.is_stateless(std::slice::from_ref(statement));
        let (mut deadlocks, mut attempt) = (0, 0);
        let mut began = Instant::now();
        loop {
            let (message, place) = self.batch(prepared, statement, &underway);
            let sent = match self.watched_limit(prepared.statement_timeout, true) {
                Some(limit) => self.wire().send_watched(&message, limit, true).await,
                None => self.wire().send_short(&message).await,
            };
            let results = match sent {
                Ok(results) => results,
                Err(fault) if is_repeatable && self.wire().is_undone(&fault, &mut deadlocks) => {
                    self.wire().rollback().await?;
                    continue;
                }
                Err(fault) if self.wire().gives_way(&fault, began, &mut attempt).await? => continue,
                Err(fault) => {
                    let fault = self.wire().blocked(fault).await;
                    return Err(self.batch_failed(prepared, &underway, fault).await);
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
            let record = self.closing_record(prepared, &done);
            match self.wire().send_short(&record).await {
                Ok(_) => underway = done,
                Err(fault) if is_repeatable && self.wire().is_undone(&fault, &mut deadlocks) => {
                    self.wire().rollback().await?;
                    continue;
                }
                Err(fault)
                    if is_repeatable
                        && self.wire().gives_way(&fault, began, &mut attempt).await? =>
                {
                    continue;
                }
                Err(fault) => {
                    let fault = self.wire().blocked(fault).await;
                    return Err(bookkeeping(prepared, underway.done, fault));
                }
            }
            (deadlocks, attempt, began) = (0, 0, Instant::now());
            self.tell(&Event::BatchDone {
                step: &prepared.step,
                number: underway.done,
                rows,
            });
        }
        // Still inside the empty batch's transaction.
        if let Err(error) = self.check(prepared, Kind::Verify, &prepared.verify).await {
            let _ = self.wire().rollback().await;
            let text = error.to_string();
            self.record(&underway, Some(&text)).await?;
            return Err(error);
        }
        let message = self.message_at(prepared);
        self.end(message, prepared, &underway, releases).await?;
        Ok(underway)
    }

    /// The message of one batch, and the place of its statement's result.
    fn batch(&self, prepared: &Prepared, statement: &Sql, underway: &Underway) -> (Message, usize) {
        let mut message = self.message_at(prepared);
        let wire = &self.gate.view.wire;
        message.own(wire.begin());
        // Before the section's settings, which may hold a time-out of its own.
        message.own_bound(&write::fence(&wire.line.names, &wire.claim(underway.epoch)));
        wire.conduct.push_settings(&mut message, prepared, 0);
        let place = message.len();
        let origin = Origin {
            step: 0,
            statement: 0,
        };
        self.push_statement(&mut message, &prepared.step, &statement.text, origin);
        (message, place)
    }

    async fn batch_failed(
        &mut self,
        prepared: &Prepared,
        underway: &Underway,
        fault: Fault,
    ) -> Error {
        let state = Aftermath::batch_failed(underway.done, underway.rows);
        if fault.class() == Class::Connection {
            let during = format!("running a batch of revision {}", prepared.step.revision);
            return fault.into_error(during, state);
        }
        if fault.blame.is_none() {
            return bookkeeping(prepared, underway.done, fault);
        }
        let _ = self.wire().rollback().await;
        let error = statement_error(prepared, prepared.statements(), fault, state);
        self.record_failed(prepared, underway, underway.done == 0, &error)
            .await;
        error
    }
}
