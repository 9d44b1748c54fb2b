//! Steps where DDL is transactional: each is one transaction that holds the lock, does the work, moves the
//! heads by compare-and-swap and writes the ledger. PostgreSQL gets all of it in one message, together with
//! the next step's begin, lock and look.

use std::collections::BTreeSet;
use std::time::Instant;

use tracing::Instrument as _;

use super::check::{running, statement_error};
use super::lock::{Block, Gate, Locked};
use super::message::{Message, Origin};
use super::{Event, Fault, Ran, Run, RunError, StepReport, poll_pause, step_span};
use crate::backend::{Class, Source, StatementResult};
use crate::dialect::Dialect;
use crate::dialect::session::{self, Timeout};
use crate::error::Error;
use crate::executor::lock::Wait;
use crate::prepare::{Check, Prepared, Sql, Work};
use crate::settings::TransactionMode;
use crate::sql;

/// How much of a whole upgrade in one transaction goes into one message.
const MESSAGE_STEPS: usize = 100;
const MESSAGE_BYTES: usize = 256 * 1024;

/// What follows a group of steps in its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    Commit,
    /// And the next step's begin, lock and look.
    CommitAndBegin,
    /// More of the same transaction comes.
    StayOpen,
}

/// A step that stops a run: an error of it, or heads that somebody moved without the lock.
enum Stop {
    Error(Error),
    Moved,
    /// The connection was lost: the error is what to tell if it cannot be found out what became of the step.
    Lost(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

impl<S: Source> Run<'_, S> {
    /// Runs steps one after the other; the last one's commit gives the lease back, if this run holds it, where it
    /// `ends` the run.
    pub(super) async fn run_transactional(
        &mut self,
        steps: &[Prepared],
        ends: bool,
    ) -> Result<Ran, Error> {
        let pragmas = self.switch_foreign_keys_off(steps).await?;
        let ran = self.run_groups(steps, ends).await;
        if ran.is_err() && !pragmas.is_empty() {
            // Inside a transaction a pragma would do nothing, and say nothing.
            let _ = self.rollback().await;
        }
        let restored = self.restore_pragmas(pragmas).await;
        let ran = ran?;
        restored.map(|()| ran)
    }

    async fn run_groups(&mut self, steps: &[Prepared], ends: bool) -> Result<Ran, Error> {
        let single = self.settings.transaction_mode == TransactionMode::SingleTransaction;
        let mut is_open = false;
        let mut rest = steps;
        let mut done: Vec<StepReport> = Vec::new();
        while !rest.is_empty() {
            let (group, later) = rest.split_at(group_length(rest, single));
            rest = later;
            let expected = self.heads();
            if !is_open && self.begin_locked(&expected, None).await? == Gate::Moved {
                return Ok(Ran::Moved);
            }
            let finish = match (single, later.is_empty()) {
                (_, true) => Finish::Commit,
                (true, false) => Finish::StayOpen,
                (false, false) if self.dialect() == Dialect::Postgres => Finish::CommitAndBegin,
                (false, false) => Finish::Commit,
            };
            let span = step_span(&group[0].step);
            let began = Instant::now();
            let releases = ends && later.is_empty() && self.lease.is_some();
            let ran = self
                .run_group(group, finish, releases, &mut done)
                .instrument(span)
                .await;
            if group[0].statement_timeout.is_some() {
                self.limit_session(None).await?;
            }
            match ran {
                Ok(open) => is_open = open,
                Err(Stop::Moved) => {
                    self.rollback().await?;
                    self.look().await?;
                    return Ok(Ran::Moved);
                }
                Err(Stop::Lost(error)) => {
                    is_open = false;
                    let last = &group[group.len() - 1].step;
                    match self.was_committed(last).await {
                        None => return Err(error),
                        Some(false) => return Err(self.rolled_back(error)),
                        Some(true) => {}
                    }
                    done.extend(group.iter().map(|prepared| StepReport {
                        step: prepared.step.clone(),
                        statements: prepared.statements().len() as u64,
                        rows: 0,
                        duration: began.elapsed(),
                    }));
                    if self.heads() != heads_after(&expected, group) {
                        for report in done.drain(..) {
                            self.finish_step(report);
                        }
                        return Ok(Ran::Moved);
                    }
                }
                Err(Stop::Error(error)) => {
                    // The error that stopped the step is the one to tell.
                    let _ = self.rollback().await;
                    self.record_failure(group, &error).await;
                    return Err(error);
                }
            }
            if finish != Finish::StayOpen {
                for report in done.drain(..) {
                    self.finish_step(report);
                }
            }
            if is_open && finish == Finish::CommitAndBegin {
                let expected = self.heads();
                match self.block(&expected, None, &mut Wait::new(self.settings.lock_wait)) {
                    None => {}
                    Some(Block::Moved) => {
                        self.rollback().await?;
                        return Ok(Ran::Moved);
                    }
                    Some(Block::Lease | Block::Unfinished(_)) => {
                        self.rollback().await?;
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
        for prepared in group {
            self.emit(&Event::StepStarted {
                step: &prepared.step,
                number: prepared.number,
                total: prepared.total,
                message: &prepared.message,
            });
        }
        self.check(first, "@require", &first.require).await?;
        if first.statement_timeout.is_some() {
            self.limit_session(first.statement_timeout).await?;
        }
        let is_plain = is_plain(first);
        let mut rows = vec![0; group.len()];
        if !is_plain {
            if matches!(first.work, Work::Code) {
                self.show_in_session(&first.step).await?;
                self.call_code(&first.step, "The step was rolled back")
                    .await?;
                self.check_still_inside(&first.step).await?;
                if self.dialect() == Dialect::Postgres {
                    let mut reset = self.message(Some(&first.step.revision));
                    self.push_reset(&mut reset);
                    reset.own(session::FORGET_STATEMENTS);
                    self.send(&reset)
                        .await
                        .map_err(|f| self.fault("ending the code's settings", ROLLED_BACK, f))?;
                }
            } else {
                let mut body = self.message(Some(&first.step.revision));
                self.push_body(&mut body, 0, first);
                let results = self.send_body(&body, group, true).await?;
                self.tell(group, &body, &results, &mut rows);
            }
            self.check(first, "@verify", &first.verify).await?;
            if first.foreign_keys_off {
                let text = "PRAGMA foreign_key_check";
                let check = Sql {
                    text: text.to_owned(),
                    line: first.statements().first().map_or(1, |s| s.line),
                    column: 1,
                    kind: sql::classify(Dialect::Sqlite, text),
                };
                let asked = Check {
                    statements: vec![check],
                    ..Check::default()
                };
                self.check(first, text, &asked).await?;
            }
        }
        let mut message = self.message(Some(&first.step.revision));
        for (index, prepared) in group.iter().enumerate() {
            if is_plain {
                self.push_body(&mut message, index, prepared);
            }
        }
        self.push_bookkeeping(&mut message, group);
        let mut locked = Locked::default();
        if releases {
            self.push_release(&mut message);
        }
        if finish != Finish::StayOpen {
            message.commit();
        }
        if finish == Finish::CommitAndBegin {
            locked = self.push_begin(&mut message);
        }
        let mut is_open = finish == Finish::StayOpen;
        let mut results = self.send_body(&message, group, is_plain).await?;
        if is_plain {
            self.tell(group, &message, &results, &mut rows);
        }
        if releases {
            self.forget_lease();
        }
        for prepared in group {
            self.move_heads(&prepared.step);
        }
        if finish == Finish::CommitAndBegin {
            is_open = if results.len() == message.len() {
                self.read_begin(&mut results, locked).await?
            } else {
                let _ = self.rollback().await;
                false
            };
        }
        let duration = began.elapsed();
        for (prepared, rows) in group.iter().zip(rows) {
            done.push(StepReport {
                step: prepared.step.clone(),
                statements: prepared.statements().len() as u64,
                rows,
                duration: duration / group.len() as u32,
            });
        }
        Ok(is_open)
    }

    /// The answers of the begin that rode along. False: the lock went to somebody else in between.
    async fn read_begin(
        &mut self,
        results: &mut Vec<StatementResult>,
        locked: Locked,
    ) -> Result<bool, Error> {
        let seen = results.pop().unwrap_or_default();
        let has_lock = locked.is_held(results);
        if has_lock {
            self.absorb_begin(&seen.rows).await?;
        } else {
            self.rollback().await?;
        }
        Ok(has_lock)
    }

    /// Sends a message that holds statements of revisions. Where DDL waits for a table longer than its time,
    /// the step goes back to its savepoint, so that its own locks are free, and tries again.
    async fn send_body(
        &mut self,
        message: &Message,
        group: &[Prepared],
        can_retry: bool,
    ) -> Result<Vec<StatementResult>, Stop> {
        let can_retry = can_retry && self.dialect() == Dialect::Postgres && group.len() == 1;
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let mut fault = match self.send(message).await {
                Ok(results) => return Ok(results),
                Err(fault) => fault,
            };
            let blame = message.blame(fault.completed, fault.failure.position);
            // The step is done; what failed came after it, and fails again, or not, by itself.
            if message.has_committed(fault.completed) {
                if fault.failure.class == Class::Connection {
                    let _ = self.reconnect().await;
                }
                return Ok(fault.results);
            }
            if fault.failure.class == Class::Connection {
                return Err(Stop::Lost(self.step_error(message, group, fault)));
            }
            if fault.is_lost_swap(message, self.dialect()) {
                return Err(Stop::Moved);
            }
            if blame.is_none()
                && self.dialect() == Dialect::Sqlite
                && fault.failure.class == Class::LockTimeout
            {
                return self.commit_again(fault).await.map_err(Stop::Error);
            }
            let may_wait = can_retry && fault.failure.class == Class::LockTimeout;
            if !may_wait {
                return Err(Stop::Error(self.step_error(message, group, fault)));
            }
            let mut back = self.message(None);
            back.own("ROLLBACK TO SAVEPOINT limbeck_step");
            self.send(&back)
                .await
                .map_err(|f| self.fault("going back to the savepoint", ROLLED_BACK, f))?;
            if began.elapsed() >= self.settings.lock_retry_for {
                if let Some(blame) = blame {
                    let statement = &group[blame.origin.step].statements()[blame.origin.statement];
                    fault.blockers = self.blockers(statement).await;
                }
                return Err(Stop::Error(self.step_error(message, group, fault)));
            }
            tracing::info!(
                attempt,
                "a statement waited for a table lock until its lock_timeout; trying again"
            );
            tokio::time::sleep(poll_pause(attempt) * 2).await;
            attempt += 1;
        }
    }

    /// SQLite: a reader kept the `COMMIT` out, and the transaction is still open with all its work.
    async fn commit_again(&mut self, mut fault: Fault) -> Result<Vec<StatementResult>, Error> {
        let mut wait = Wait::new(self.settings.lock_wait);
        let mut results = std::mem::take(&mut fault.results);
        let mut message = self.message(None);
        message.commit();
        while fault.failure.class == Class::LockTimeout {
            self.pause(&mut wait).await?;
            fault = match self.send(&message).await {
                Ok(commit) => {
                    results.extend(commit);
                    return Ok(results);
                }
                Err(fault) => fault,
            };
        }
        Err(self.fault("committing", UNKNOWN, fault))
    }

    /// An error of a message, told as that of the statement that raised it.
    fn step_error(&self, message: &Message, group: &[Prepared], fault: Fault) -> Error {
        let single = self.settings.transaction_mode == TransactionMode::SingleTransaction;
        let state = match (fault.failure.class, single) {
            (Class::Connection, _) => UNKNOWN,
            (_, true) => {
                "The whole run was rolled back, it is one transaction: the database is as it was \
                          before. Correct the file and start again"
            }
            (_, false) => ROLLED_BACK,
        };
        let blame = message.blame(fault.completed, fault.failure.position);
        if fault.failure.class == Class::Connection {
            let during = match &blame {
                Some(blame) => running(&group[blame.origin.step], blame.origin.statement),
                None => format!("running revision {}", group[0].step.revision),
            };
            return self.fault(during, state, fault);
        }
        let Some(blame) = blame else {
            let [first, ..] = group else {
                return self.fault("committing", state, fault);
            };
            let revision = &first.step.revision;
            if single {
                return self.fault("committing the whole run", state, fault);
            }
            let mut error = self.fault(format!("committing revision {revision}"), state, fault);
            if let Error::Run(run) = &mut error
                && let RunError::Bookkeeping { revision: of, .. } = &mut **run
            {
                *of = Some(revision.to_string());
            }
            return error;
        };
        let prepared = &group[blame.origin.step];
        statement_error(
            prepared,
            blame.origin.statement,
            blame.offset,
            fault,
            state.to_owned(),
        )
    }

    /// A section's statements, with its time-outs around them and the session as it was after them.
    fn push_body(&self, message: &mut Message, index: usize, prepared: &Prepared) {
        let dialect = self.dialect();
        let is_postgres = dialect == Dialect::Postgres;
        let single = self.settings.transaction_mode == TransactionMode::SingleTransaction;
        let statements = prepared.statements();
        if is_postgres && !statements.is_empty() {
            message.own("SAVEPOINT limbeck_step");
        }
        let timeouts = [
            (Timeout::Statement, prepared.statement_timeout),
            (Timeout::Lock, prepared.lock_timeout),
        ];
        for (timeout, value) in timeouts {
            let statement = value.and_then(|value| session::set_timeout(dialect, timeout, value));
            if let Some(statement) = statement.filter(|_| is_postgres) {
                message.own(&statement);
            }
        }
        // The section's own word, or a SET of its own, goes before limbeck's limit on DDL.
        let limits_ddl = is_postgres
            && prepared.lock_timeout.is_none()
            && !statements.iter().any(|s| s.sets_lock_timeout());
        let mut is_limited = false;
        for (number, statement) in statements.iter().enumerate() {
            let wants_limit = limits_ddl && statement.is_ddl();
            if wants_limit != is_limited {
                let ours = session::set_timeout(dialect, Timeout::Lock, self.settings.lock_timeout);
                let session_value = self.server.lock_timeout.as_deref().unwrap_or("0");
                let theirs = format!(
                    "SET LOCAL lock_timeout = {}",
                    dialect.literal(session_value)
                );
                message.own(&ours.filter(|_| wants_limit).unwrap_or(theirs));
                is_limited = wants_limit;
            }
            message.of_revision(
                &statement.text,
                Origin {
                    step: index,
                    statement: number,
                },
            );
        }
        if is_postgres && !statements.is_empty() && single {
            // Thousands of savepoints open at once would each hold a lock of the server's.
            message.own("RELEASE SAVEPOINT limbeck_step");
        }
        self.push_reset(message);
    }

    fn tell(
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
            let changed = if statements[origin.statement].changes_rows() {
                result.affected
            } else {
                0
            };
            rows[origin.step] += changed;
            self.emit(&Event::StatementDone {
                step: &prepared.step,
                number: origin.statement + 1,
                total: statements.len(),
                rows: changed,
            });
        }
    }
}

pub(super) const ROLLED_BACK: &str = "The step was rolled back: the database is as it was before it. Correct the cause \
                           and start again";
pub(super) const UNKNOWN: &str = "Whether the server committed the step is not known here; it is wholly done or wholly \
                       undone. Start again: limbeck looks before it acts";

fn is_plain(prepared: &Prepared) -> bool {
    matches!(prepared.work, Work::Transaction(_))
        && prepared.require.statements.is_empty()
        && prepared.verify.statements.is_empty()
        && !prepared.foreign_keys_off
}

/// How many of the next steps go into one message.
fn group_length(steps: &[Prepared], single: bool) -> usize {
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
            && bytes <= MESSAGE_BYTES
            && step.statement_timeout.is_none()
            && step.lock_timeout.is_none()
    });
    together.count().max(1)
}

/// The heads that a group of steps leads to, sorted.
fn heads_after(before: &[String], group: &[Prepared]) -> Vec<String> {
    let mut heads: BTreeSet<String> = before.iter().cloned().collect();
    for prepared in group {
        for id in &prepared.step.removes {
            heads.remove(&**id);
        }
        heads.extend(prepared.step.adds.iter().map(|id| id.to_string()));
    }
    heads.into_iter().collect()
}
