//! Steps that no transaction can hold: `autocommit` and `repeat` sections, and every step where DDL commits by itself. They
//! run under the lease, statement by statement, and the ledger always says how far they came: `running(n)` before a statement
//! that cannot share a transaction with its record, `done(n)` with or after it.

use std::time::Instant;

use tracing::Instrument as _;

use super::check::Kind;
use super::lost::Settled;
use super::progress::{Underway, bookkeeping, total};
use super::unit::Tries;
use super::{Ran, Steps, step_span};
use crate::backend::{Conduct as _, Source};
use crate::executor::error::{Error, RunError};
use crate::executor::gate::{Passage, Resuming};
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::ledger::look;
use crate::ledger::{LedgerEntry, State, write};
use crate::prepare::{Prepared, Work};
use crate::report::StepReport;
use crate::sql::carry::Lost;

impl<S: Source> Steps<'_, S> {
    /// Runs one step under the lease, which its end gives back where no other step needs it.
    pub(super) async fn run_stepwise(
        &mut self,
        prepared: &Prepared,
        releases: bool,
    ) -> Result<Ran, Error> {
        let expected = self.view().heads();
        let this = Resuming::step(&prepared.step);
        if self.gate.take_lease(&expected, Some(this)).await? == Passage::Moved {
            return Ok(Ran::Moved);
        }
        self.gate.record_baseline().await?;
        let resuming = self.gate.view.find_running(&prepared.step).cloned();
        self.note_traces(prepared).await?;
        let began = Instant::now();
        let ran = self
            .run_leased(prepared, resuming, releases)
            .instrument(step_span(&prepared.step))
            .await;
        let settled = match ran {
            Ok(underway) => Settled::Done(underway),
            Err(error) => self.settle_step(prepared, error).await,
        };
        if matches!(settled, Settled::Stopped(_)) {
            // Wherever it stopped: what is not recorded must not stay open.
            let _ = self.wire().rollback().await;
        }
        let Wire { line, conduct, .. } = self.wire();
        if let Err(fault) = conduct.leave_section(line, prepared).await {
            tracing::debug!(
                error = fault.failure.message,
                "the session could not be restored"
            );
        }
        let underway = match settled {
            Settled::Done(underway) => underway,
            Settled::Stopped(error) => {
                self.gate.release_lease().await;
                return Err(error);
            }
        };
        let running = &mut self.view().look.running;
        running.retain(|row| row.id != underway.id);
        self.move_heads(&prepared.step);
        self.finish_step(StepReport {
            step: prepared.step.clone(),
            statements: underway.done,
            rows: underway.rows,
            duration: began.elapsed(),
        });
        self.clear_traces(prepared).await?;
        Ok(Ran::All)
    }

    async fn run_leased(
        &mut self,
        prepared: &Prepared,
        resuming: Option<LedgerEntry>,
        releases: bool,
    ) -> Result<Underway, Error> {
        let Wire { line, conduct, .. } = self.wire();
        let entered = conduct.enter_section(line).await;
        entered
            .map_err(|fault| fault.into_error("setting the session", Aftermath::nothing_run()))?;
        let mut underway = match resuming {
            Some(row) => self.resume(prepared, &row).await?,
            None => {
                self.check(prepared, Kind::Require, &prepared.require)
                    .await?;
                self.begin_step(prepared).await?
            }
        };
        self.tell_started(prepared);
        if !matches!(prepared.work, Work::Code) {
            self.set_timeouts(prepared).await?;
        }
        match &prepared.work {
            Work::Transaction(statements) | Work::Statements(statements) => {
                let first = usize::try_from(underway.done).unwrap_or(usize::MAX);
                for number in first..statements.len() {
                    if let Some(lost) = underway.lost_at(number).cloned() {
                        return Err(self.ask_for_session(prepared, &underway, &lost).await);
                    }
                    self.run_statement(prepared, number, &mut underway).await?;
                }
            }
            Work::Units(statements) => {
                self.run_units(prepared, statements.len(), &mut underway)
                    .await?;
            }
            Work::Repeat(statement) => {
                let ran = self.run_batches(prepared, statement, underway, releases);
                return ran.await;
            }
            Work::Code if underway.done == 0 => self.run_code(prepared, &mut underway).await?,
            Work::Code => {}
        }
        if let Err(error) = self.check(prepared, Kind::Verify, &prepared.verify).await {
            let text = error.to_string();
            self.record(&underway, Some(&text)).await?;
            return Err(error);
        }
        let mut message = self.message_at(prepared);
        message.own(self.wire().begin());
        self.end(message, prepared, &underway, releases).await?;
        Ok(underway)
    }

    /// Runs statements in units, from those on that are done.
    async fn run_units(
        &mut self,
        prepared: &Prepared,
        total: usize,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        let mut tries = Tries::new();
        loop {
            let number = usize::try_from(underway.done).unwrap_or(usize::MAX);
            if number >= total {
                return Ok(());
            }
            if let Some(lost) = underway.lost_at(number).cloned() {
                return Err(self.ask_for_session(prepared, underway, &lost).await);
            }
            match self.unit_length(prepared, number, underway).await? {
                0 => self.run_statement(prepared, number, underway).await?,
                length => {
                    let unit = number..number + length;
                    self.run_unit(prepared, unit, underway, &mut tries).await?;
                }
            }
        }
    }

    /// Writes the row that says that this step has begun.
    async fn begin_step(&mut self, prepared: &Prepared) -> Result<Underway, Error> {
        let epoch = self.epoch();
        let lost = self.lost_before(prepared).await?;
        let wire = &self.gate.view.wire;
        let (names, claim) = (&wire.line.names, wire.claim(epoch));
        let row = LedgerEntry {
            statements: total(prepared),
            epoch: Some(epoch),
            ..self
                .gate
                .record
                .row::<S>(&wire.line, &prepared.step, State::Running)
        };
        let mut message = self.message_at(prepared);
        message.own(wire.begin());
        message.bound();
        message.own_all(&write::renew(names, &claim));
        message.write_all(&write::begin_history(
            names,
            &wire.line.run.actor,
            &row,
            &claim,
        ));
        let place = message.len() - 1;
        message.write_all(write::prove_history(names, &[&row], None).as_slice());
        message.commit();
        let results = match self.wire().send_short(&message).await {
            Ok(results) => results,
            Err(fault) => {
                let fault = self.wire().blocked(fault).await;
                return Err(bookkeeping(prepared, 0, fault));
            }
        };
        let id = results
            .get(place)
            .and_then(|result| look::first_cell(&result.rows)?.parse().ok());
        let id = id.ok_or_else(|| RunError::NotAsWritten {
            during: "beginning a step".to_owned(),
            revision: Some(prepared.step.revision.clone()),
            state: Aftermath::nothing_run(),
        })?;
        Ok(Underway {
            id,
            epoch,
            done: 0,
            total: total(prepared),
            rows: 0,
            digest: String::new(),
            lost,
        })
    }

    /// The first statement of a section that reads what another run of it may have left on a lent connection.
    async fn lost_before(&mut self, prepared: &Prepared) -> Result<Option<(usize, Lost)>, Error> {
        let lost = self.lost_behind(prepared, 0, false);
        if lost.is_none() {
            return Ok(None);
        }
        let Wire { line, conduct, .. } = self.wire();
        let is_used = conduct.take_session(line).await.map_err(|fault| {
            fault.into_error("looking at the session", Aftermath::nothing_run())
        })?;
        Ok(lost.filter(|_| is_used))
    }
}
