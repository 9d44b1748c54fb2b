//! Steps where DDL is transactional: each is one transaction that holds the lock, does the work, moves the
//! heads by compare-and-swap and writes the ledger. Where the database allows it all of that is one message, together with
//! the next step's begin, lock and look.

use std::collections::BTreeSet;
use std::time::Instant;

use tracing::Instrument as _;

use super::check::{Kind, running};
use super::progress::not_moved;
use super::{Ran, Steps, step_span};
use crate::backend::{Class, Conduct as _, Fault, Limits, Message, Source, StatementResult};
use crate::executor::error::{Error, RunError, statement_error};
use crate::executor::gate::{Block, Passage};
use crate::executor::poll_pause;
use crate::executor::state::Aftermath;
use crate::executor::wait::Wait;
use crate::executor::wire::{ConductOf, Wire};
use crate::graph::RevisionId;
use crate::ledger::write;
use crate::ledger::{LedgerEntry, failure};
use crate::prepare::{Check, Prepared, Work};
use crate::report::{Event, StepReport};

/// How much of a whole upgrade in one transaction goes into one message.
const MESSAGE_STEPS: usize = 100;
const MESSAGE_BYTES: usize = 256 * 1024;

/// The end of a group's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    Commit,
    /// And the next step's begin, lock and look.
    CommitAndBegin,
    /// More of the same transaction comes.
    StayOpen,
}

/// The reason why a group did not end.
enum Stop {
    Error(Error),
    /// Somebody moved the heads without the lock.
    Moved,
    /// The connection was lost: the error is what to tell if it cannot be found out what became of the step.
    Lost(Error),
    /// The record waited for limbeck's own tables, behind a body that was sent apart.
    Waited(Fault),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

impl<S: Source> Steps<'_, S> {
    /// Runs steps one after the other; the last one's commit gives the lease back, if this run holds it, where it
    /// `ends` the run.
    pub(super) async fn run_transactional(
        &mut self,
        steps: &[Prepared],
        ends: bool,
    ) -> Result<Ran, Error> {
        let Wire { line, conduct, .. } = self.wire();
        let opened = conduct.open_steps(line, steps).await;
        opened.map_err(|fault| fault.into_error("setting a pragma", Aftermath::unchanged()))?;
        let ran = self.run_groups(steps, ends).await;
        if ran.is_err() && self.gate.view.wire.conduct.is_switched() {
            // Inside a transaction a pragma would do nothing, and say nothing.
            let _ = self.wire().rollback().await;
        }
        let Wire { line, conduct, .. } = self.wire();
        let closed = conduct.close_steps(line).await;
        let ran = ran?;
        closed.map_err(|fault| fault.into_error("restoring a pragma", Aftermath::step_ended()))?;
        Ok(ran)
    }

    async fn run_groups(&mut self, steps: &[Prepared], ends: bool) -> Result<Ran, Error> {
        let single = self.is_single();
        let mut is_open = false;
        let at_first = self.gate.view.heads();
        let mut rest = steps;
        let mut done: Vec<StepReport> = Vec::new();
        while !rest.is_empty() {
            let length = match self.leaves_traces(&rest[0]) {
                true => 1,
                false => group_length(rest, single, |step| self.leaves_traces(step)),
            };
            let (group, later) = rest.split_at(length);
            rest = later;
            let leaves_traces = self.leaves_traces(&group[0]);
            let expected = self.gate.view.heads();
            if !is_open && self.gate.enter(&expected, None).await? == Passage::Moved {
                return Ok(Ran::Moved);
            }
            let finish = match (single, later.is_empty()) {
                (_, true) => Finish::Commit,
                (true, false) => Finish::StayOpen,
                // Traces are taken back outside of any transaction.
                (false, false) if ConductOf::<S>::CHAINS_STEPS && !leaves_traces => {
                    Finish::CommitAndBegin
                }
                (false, false) => Finish::Commit,
            };
            let began = Instant::now();
            let releases = ends && later.is_empty() && self.gate.epoch_held().is_some();
            let ran = self
                .run_group(group, finish, releases, &mut done)
                .instrument(step_span(&group[0].step))
                .await;
            if group[0].statement_timeout.is_some() {
                self.limit(None).await?;
            }
            match ran {
                Ok(open) => is_open = open,
                Err(Stop::Moved) => {
                    self.wire().rollback().await?;
                    self.view().look().await?;
                    let (before, state) = match single {
                        true => (&at_first, Aftermath::run_rolled_back()),
                        false => (&expected, Aftermath::rolled_back()),
                    };
                    if self.gate.view.heads() == *before {
                        return Err(not_moved(&group[0].step, state));
                    }
                    return Ok(Ran::Moved);
                }
                Err(Stop::Lost(error)) => {
                    is_open = false;
                    let last = &group[group.len() - 1].step;
                    match self.was_committed(last).await {
                        None => return Err(error),
                        Some(false) => return Err(error.with_state(Aftermath::seen_rolled_back())),
                        Some(true) => {}
                    }
                    done.extend(group.iter().map(|prepared| StepReport {
                        step: prepared.step.clone(),
                        statements: prepared.statements().len() as u64,
                        rows: 0,
                        duration: began.elapsed(),
                    }));
                    if self.gate.view.heads() != heads_after(&expected, group) {
                        done.drain(..).for_each(|report| self.finish_step(report));
                        return Ok(Ran::Moved);
                    }
                }
                Err(Stop::Waited(fault)) => {
                    let error = self.step_error(group, fault);
                    let _ = self.wire().rollback().await;
                    return Err(error);
                }
                Err(Stop::Error(error)) => {
                    // The error that stopped the step is the one to tell.
                    let _ = self.wire().rollback().await;
                    self.record_failure(group, &error).await;
                    return Err(error);
                }
            }
            if finish != Finish::StayOpen {
                done.drain(..).for_each(|report| self.finish_step(report));
            }
            self.clear_traces(&group[0]).await?;
            if is_open && finish == Finish::CommitAndBegin {
                let expected = self.gate.view.heads();
                let mut wait = Wait::new(self.gate.view.wire.settings.lock_wait);
                match self.gate.block(&expected, None, &mut wait) {
                    None => {}
                    Some(Block::Moved) => {
                        self.wire().rollback().await?;
                        return Ok(Ran::Moved);
                    }
                    Some(Block::Lease | Block::Unfinished(_)) => {
                        self.wire().rollback().await?;
                        is_open = false;
                    }
                }
            }
        }
        Ok(Ran::All)
    }

    /// Runs one group inside the open transaction. True: the next step's transaction is open and locked.
    async fn run_group(
        &mut self,
        group: &[Prepared],
        finish: Finish,
        releases: bool,
        done: &mut Vec<StepReport>,
    ) -> Result<bool, Stop> {
        let began = Instant::now();
        let [first, ..] = group else { return Ok(false) };
        group
            .iter()
            .for_each(|prepared| self.tell_started(prepared));
        self.note_traces(first).await?;
        self.check(first, Kind::Require, &first.require).await?;
        if first.statement_timeout.is_some() {
            self.limit(first.statement_timeout).await?;
        }
        let is_plain = is_plain(first);
        let mut message = self.message_at(first);
        if is_plain {
            self.push_bodies(&mut message, group);
        }
        message.bound();
        self.gate.record.push(&mut message, &self.gate.view, group);
        if releases {
            self.gate.push_release(&mut message);
        }
        if self.is_single() {
            // Checks that were put off until the commit, and the steps behind, are under the session's own limit.
            message.unbound();
        }
        if finish != Finish::StayOpen {
            message.commit();
        }
        let begun = (finish == Finish::CommitAndBegin).then(|| self.gate.push_begin(&mut message));
        let mut rows = vec![0; group.len()];
        let mut attempt = 0;
        let results = loop {
            if !is_plain {
                rows.fill(0);
                self.run_apart(group, &mut rows).await?;
            }
            match self.send_body(&message, group, is_plain).await {
                Err(Stop::Waited(fault)) => {
                    self.give_way(fault, group, began, &mut attempt).await?;
                }
                sent => break sent?,
            }
        };
        if is_plain {
            self.tell_done(group, &message, &results, &mut rows);
        }
        if releases {
            self.gate.forget_lease();
        }
        group
            .iter()
            .for_each(|prepared| self.move_heads(&prepared.step));
        let is_open = match begun {
            None => finish == Finish::StayOpen,
            Some(_) if results.len() < message.len() => {
                let _ = self.wire().rollback().await;
                false
            }
            Some(begun) => {
                let has_lock = self.gate.read_begin(results, begun).await?;
                if !has_lock {
                    // The lock went to somebody else in between.
                    self.wire().rollback().await?;
                }
                has_lock
            }
        };
        let duration = began.elapsed() / group.len() as u32;
        done.extend(group.iter().zip(rows).map(|(prepared, rows)| StepReport {
            step: prepared.step.clone(),
            statements: prepared.statements().len() as u64,
            rows,
            duration,
        }));
        Ok(is_open)
    }

    /// Runs a body that wants a message of its own, with the checks behind it.
    async fn run_apart(&mut self, group: &[Prepared], rows: &mut [u64]) -> Result<(), Stop> {
        let first = &group[0];
        if matches!(first.work, Work::Code) {
            self.run_code_inside(&first.step).await?;
        } else {
            let mut body = self.message_at(first);
            self.push_bodies(&mut body, &group[..1]);
            let results = self.send_body(&body, group, true).await?;
            self.tell_done(group, &body, &results, rows);
        }
        self.check(first, Kind::Verify, &first.verify).await?;
        if let Some(check) = Check::foreign_keys(first) {
            self.check(first, Kind::ForeignKeys, &check).await?;
        }
        Ok(())
    }

    fn push_bodies(&self, message: &mut Message, group: &[Prepared]) {
        let wire = &self.gate.view.wire;
        let limits = Limits {
            ddl_lock: wire.settings.lock_timeout,
            is_single: self.is_single(),
        };
        for (step, prepared) in group.iter().enumerate() {
            let conduct = &wire.conduct;
            conduct.push_body(&wire.line, message, step, prepared, limits);
        }
    }

    /// Sends a message that holds statements of revisions, or their record. Where DDL waits for a table longer than its time, or
    /// the record for limbeck's own, the step goes back to its savepoint, so that its locks are free, and tries again.
    async fn send_body(
        &mut self,
        message: &Message,
        group: &[Prepared],
        can_retry: bool,
    ) -> Result<Vec<StatementResult>, Stop> {
        let goes_back = ConductOf::<S>::BACK_TO_BODY.is_some() && group.len() == 1;
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let fault = match self.wire().line.send(message).await {
                Ok(results) => return Ok(results),
                Err(fault) => fault,
            };
            // The step is done; what failed came after it, and fails again, or not, by itself.
            if message.has_committed(fault.completed) {
                if fault.class() == Class::Connection {
                    let _ = self.wire().reconnect().await;
                }
                return Ok(fault.results);
            }
            if fault.class() == Class::Connection {
                return Err(Stop::Lost(self.step_error(group, fault)));
            }
            if fault.is_lost_swap(message) {
                return Err(Stop::Moved);
            }
            let has_waited = fault.class() == Class::LockTimeout;
            if has_waited && fault.blame.is_none() && ConductOf::<S>::IS_BUSY_AT_COMMIT {
                return self.commit_again(fault).await.map_err(Stop::Error);
            }
            // A whole run's savepoint is released by then; and nobody may call a user's code twice.
            let can_repeat = match &fault.blame {
                Some(_) => can_retry,
                None => !self.is_single() && !matches!(group[0].work, Work::Code),
            };
            if !has_waited || !goes_back || !can_repeat {
                let fault = self.wire().blocked(fault).await;
                return Err(Stop::Error(self.step_error(group, fault)));
            }
            if !can_retry {
                return Err(Stop::Waited(fault));
            }
            self.give_way(fault, group, began, &mut attempt).await?;
        }
    }

    /// Goes back to before the step's body, which alone frees the locks that it took, and sleeps; ends where the time is up.
    async fn give_way(
        &mut self,
        mut fault: Fault,
        group: &[Prepared],
        began: Instant,
        attempt: &mut u32,
    ) -> Result<(), Stop> {
        let line = &mut self.wire().line;
        let back = ConductOf::<S>::BACK_TO_BODY.unwrap_or("ROLLBACK");
        let freed = line.send(&line.message_of(back)).await;
        freed.map_err(|fault| {
            fault.into_error("going back to the savepoint", Aftermath::rolled_back())
        })?;
        if began.elapsed() >= self.wire().settings.lock_retry_for {
            fault.blockers = match &fault.blame {
                Some(blame) => {
                    let statements = group[blame.origin.step].statements();
                    self.blockers(&statements[blame.origin.statement]).await
                }
                None => self.wire().table_blockers().await,
            };
            return Err(Stop::Error(self.step_error(group, fault)));
        }
        tracing::info!(
            attempt,
            "a statement waited for a table lock until its lock_timeout; trying again"
        );
        tokio::time::sleep(poll_pause(*attempt) * 2).await;
        *attempt += 1;
        Ok(())
    }

    /// Sends the `COMMIT` again that a reader kept out: the transaction is still open with all its work.
    async fn commit_again(&mut self, mut fault: Fault) -> Result<Vec<StatementResult>, Error> {
        let mut wait = Wait::new(self.wire().settings.lock_wait);
        let mut results = std::mem::take(&mut fault.results);
        let mut message = self.wire().line.message(None);
        message.commit();
        while fault.class() == Class::LockTimeout {
            self.view().pause(&mut wait).await?;
            fault = match self.wire().line.send(&message).await {
                Ok(commit) => {
                    results.extend(commit);
                    return Ok(results);
                }
                Err(fault) => fault,
            };
        }
        Err(fault.into_error("committing", Aftermath::unknown()))
    }

    /// An error of a message, told as that of the statement that raised it.
    fn step_error(&self, group: &[Prepared], fault: Fault) -> Error {
        let single = self.is_single();
        let state = match (fault.class(), single) {
            (Class::Connection, _) => Aftermath::unknown(),
            (_, true) => Aftermath::run_rolled_back(),
            (_, false) => Aftermath::rolled_back(),
        };
        let step = &group[0].step;
        match &fault.blame {
            Some(blame) if fault.class() == Class::Connection => {
                let during = running(&group[blame.origin.step], blame.origin.statement);
                fault.into_error(during, state)
            }
            Some(blame) => {
                let prepared = &group[blame.origin.step];
                statement_error(prepared, prepared.statements(), fault, state)
            }
            None if fault.class() == Class::Connection => {
                fault.into_error(format!("running revision {}", step.revision), state)
            }
            None if single => fault.into_error("committing the whole run", state),
            None => fault
                .into_error(format!("committing revision {}", step.revision), state)
                .of_revision(&step.revision),
        }
    }

    /// Tells the statements of a message that has ended, and counts their rows.
    fn tell_done(
        &self,
        group: &[Prepared],
        message: &Message,
        results: &[StatementResult],
        rows: &mut [u64],
    ) {
        for (index, result) in results.iter().enumerate() {
            let Some(origin) = message.origin(index) else {
                continue;
            };
            let prepared = &group[origin.step];
            let statements = prepared.statements();
            let changed = statements[origin.statement].changed(result.affected);
            rows[origin.step] += changed;
            self.tell(&Event::StatementDone {
                step: &prepared.step,
                number: origin.statement + 1,
                total: statements.len(),
                rows: changed,
            });
        }
    }

    /// Writes a failed row. Best effort, in a transaction of its own: the error that is recorded is the one that counts.
    async fn record_failure(&mut self, group: &[Prepared], error: &Error) {
        if error.is_lost() {
            return;
        }
        let revision = error.revision().unwrap_or_default();
        let failed = group
            .iter()
            .find(|prepared| *prepared.step.revision == *revision)
            .unwrap_or(&group[0]);
        let count = failed.statements().len() as u64;
        let line = &self.gate.view.wire.line;
        let row = self
            .gate
            .record
            .failed::<S>(line, &failed.step, count, &error.to_string());
        if let Err(fault) = self.add_failure(&row).await {
            tracing::debug!(
                error = fault.failure.message,
                "the failure could not be recorded"
            );
        }
    }

    /// Adds the row of a failure, or counts it up in the row of its like.
    async fn add_failure(&mut self, row: &LedgerEntry) -> Result<(), Fault> {
        let recent = self.view().recent(&row.revision).await?;
        let line = &mut self.wire().line;
        let (names, actor) = (&line.names, &line.run.actor);
        let statements = match failure::repeats(&recent, row) {
            Some(counted) => vec![write::count_failure(names, actor, row, counted)],
            None => write::insert_history(names, actor, std::slice::from_ref(row)).concat(),
        };
        let mut message = line.message(None);
        message.bound();
        message.write_all(&statements);
        line.send(&message).await?;
        Ok(())
    }

    /// Limits the statements that follow, where that is no setting of the session.
    async fn limit(&mut self, limit: Option<std::time::Duration>) -> Result<(), Error> {
        let limited = self.wire().line.limit(limit).await;
        limited.map_err(|fault| RunError::connection(fault, "setting statement_timeout"))
    }
}

fn is_plain(prepared: &Prepared) -> bool {
    matches!(prepared.work, Work::Transaction(_))
        && prepared.require.statements.is_empty()
        && prepared.verify.statements.is_empty()
        && !prepared.foreign_keys_off
}

/// How many of the next steps go into one message.
fn group_length(
    steps: &[Prepared],
    single: bool,
    leaves_traces: impl Fn(&Prepared) -> bool,
) -> usize {
    if !single || !is_plain(&steps[0]) {
        return 1;
    }
    let mut bytes = 0;
    let together = steps.iter().take(MESSAGE_STEPS).take_while(|step| {
        bytes += step
            .statements()
            .iter()
            .map(|s| s.text.len())
            .sum::<usize>();
        // A time-out of one section must not reach the next one's statements.
        is_plain(step)
            && !leaves_traces(step)
            && bytes <= MESSAGE_BYTES
            && step.statement_timeout.is_none()
            && step.lock_timeout.is_none()
    });
    together.count().max(1)
}

/// The heads that a group of steps leads to, sorted.
fn heads_after(before: &[RevisionId], group: &[Prepared]) -> Vec<RevisionId> {
    let mut heads: BTreeSet<RevisionId> = before.iter().cloned().collect();
    for prepared in group {
        for id in &prepared.step.removes {
            heads.remove(&**id);
        }
        heads.extend(prepared.step.adds.iter().cloned());
    }
    heads.into_iter().collect()
}
