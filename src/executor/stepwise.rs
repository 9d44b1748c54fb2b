//! Steps that no transaction can hold: `autocommit` and `repeat` sections, and every step on MySQL and
//! MariaDB. They run under the lease, statement by statement, and the ledger always says how far they came:
//! `running(n)` before a statement that cannot share a transaction with its record, `done(n)` with or after
//! it.

use std::time::Instant;

use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::check::{running, statement_error};
use super::lock::Resuming;
use super::lost::Settled;
use super::message::{Message, Origin};
use super::progress::DEADLOCKS;
use super::{Event, Fault, Ran, Run, RunError, StepReport, poll_pause, step_span};
use crate::backend::{Class, Source, StatementResult};
use crate::dialect::Dialect;
use crate::dialect::session;
use crate::error::Error;
use crate::ledger::write::{self, Progress};
use crate::ledger::{LedgerEntry, State, look};
use crate::prepare::{Prepared, Sql, Work};

/// A step on its way, as the ledger knows it.
#[derive(Clone)]
pub(super) struct Underway {
    pub id: i64,
    pub epoch: i64,
    pub done: u64,
    pub rows: u64,
    pub digest: String,
}

impl Underway {
    /// A step that has ended, as the ledger shows it.
    pub(super) fn ended(epoch: i64, done: u64, rows: u64) -> Underway {
        Underway {
            id: 0,
            epoch,
            done,
            rows,
            digest: String::new(),
        }
    }
}

impl<S: Source> Run<'_, S> {
    /// Runs one step under the lease, which its end gives back where no other step needs it.
    pub(super) async fn run_stepwise(
        &mut self,
        prepared: &Prepared,
        releases: bool,
    ) -> Result<Ran, Error> {
        let expected = self.heads();
        let this = Resuming::step(&prepared.step);
        if !self.take_lease(&expected, Some(this)).await? {
            return Ok(Ran::Moved);
        }
        self.record_baseline().await?;
        let resuming = self.find_running(&prepared.step).cloned();
        let began = Instant::now();
        let span = step_span(&prepared.step);
        let ran = self
            .run_leased(prepared, resuming, releases)
            .instrument(span)
            .await;
        let underway = match ran {
            Ok(underway) => underway,
            Err(error) => match self.settle_step(prepared, error).await {
                Settled::Done(underway) => underway,
                Settled::Stopped(error) => {
                    // Wherever it stopped: what is not recorded must not stay open.
                    let _ = self.rollback().await;
                    self.restore_session(prepared).await;
                    self.release_lease().await;
                    return Err(error);
                }
            },
        };
        self.restore_session(prepared).await;
        self.look.running.retain(|row| row.id != underway.id);
        self.move_heads(&prepared.step);
        self.finish_step(StepReport {
            step: prepared.step.clone(),
            statements: underway.done,
            rows: underway.rows,
            duration: began.elapsed(),
        });
        Ok(Ran::All)
    }

    pub(super) async fn run_leased(
        &mut self,
        prepared: &Prepared,
        resuming: Option<LedgerEntry>,
        releases: bool,
    ) -> Result<Underway, Error> {
        if self.dialect().is_mysql_family() {
            let set = self.query(session::MYSQL_ENTER).await;
            set.map_err(|fault| {
                self.fault("setting the session", "Nothing of the step was run", fault)
            })?;
        }
        let mut underway = match resuming {
            Some(row) => self.resume(prepared, &row).await?,
            None => {
                self.check(prepared, "@require", &prepared.require).await?;
                self.begin_step(prepared).await?
            }
        };
        self.emit(&Event::StepStarted {
            step: &prepared.step,
            number: prepared.number,
            total: prepared.total,
            message: &prepared.message,
        });
        if !matches!(prepared.work, Work::Code) {
            self.set_timeouts(prepared).await?;
        }
        match &prepared.work {
            Work::Transaction(statements) | Work::Statements(statements) => {
                let first = usize::try_from(underway.done).unwrap_or(usize::MAX);
                for number in first..statements.len() {
                    self.run_statement(prepared, number, &mut underway).await?;
                }
            }
            Work::Repeat(statement) => {
                return self
                    .run_batches(prepared, statement, underway, releases)
                    .await;
            }
            Work::Code if underway.done == 0 => self.run_code(prepared, &mut underway).await?,
            Work::Code => {}
        }
        if let Err(error) = self.check(prepared, "@verify", &prepared.verify).await {
            let text = error.to_string();
            self.record(&underway, Some(&text)).await?;
            return Err(error);
        }
        let mut message = self.message(Some(&prepared.step.revision));
        message.own(self.begin_short());
        self.end(message, prepared, &underway, releases).await?;
        Ok(underway)
    }

    /// The row that says that this step has begun.
    pub(super) async fn begin_step(&mut self, prepared: &Prepared) -> Result<Underway, Error> {
        let epoch = self.epoch();
        let mut row = self.ledger_row(&prepared.step, State::Running);
        row.statements = total(prepared);
        row.epoch = Some(epoch);
        let mut message = self.message(Some(&prepared.step.revision));
        message.own(self.begin_short());
        message.own_all(&write::renew(&self.names, &self.claim(epoch)));
        message.own_all(&write::begin_history(
            &self.names,
            &self.actor,
            &row,
            &self.claim(epoch),
        ));
        let id = message.len() - 1;
        message.commit();
        let results = self
            .send_short(&message)
            .await
            .map_err(|fault| self.bookkeeping(prepared, fault))?;
        let id = results
            .get(id)
            .and_then(|result| look::first_cell(&result.rows)?.parse().ok());
        let id = id.ok_or_else(|| RunError::Bookkeeping {
            during: "beginning a step".to_owned(),
            revision: Some(prepared.step.revision.to_string()),
            message: "the row that was just written is not there".to_owned(),
            state: "Nothing of the step was run".to_owned(),
            source: sqlx::Error::RowNotFound,
        })?;
        Ok(Underway {
            id,
            epoch,
            done: 0,
            rows: 0,
            digest: String::new(),
        })
    }

    pub(super) async fn run_statement(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        let statements = prepared.statements();
        let statement = &statements[number];
        let after = link(&underway.digest, statement);
        let origin = Origin {
            step: 0,
            statement: number,
        };
        self.emit(&Event::StatementStarted {
            step: &prepared.step,
            number: number + 1,
            total: statements.len(),
            statement: &statement.text,
        });
        let is_atomic = self.is_atomic(statement).await?;
        let mut message = self.message(Some(&prepared.step.revision));
        if is_atomic {
            message.own(self.begin_short());
            self.push_settings(&mut message, prepared, number);
        } else {
            self.enter_session(prepared, number).await?;
            let fingerprint = self.fingerprint(statement).await?;
            self.record_running(underway, number, statement, fingerprint.as_deref())
                .await?;
            self.enter_session(prepared, number).await?;
        }
        message.own_all(&self.limits_of(prepared, statement));
        // In a transaction the record at its end is the fence; and on PostgreSQL a statement that shares none
        // goes alone: a message of two statements is one.
        let is_fenced = match self.dialect() {
            Dialect::Mysql | Dialect::Mariadb => true,
            Dialect::Sqlite => !is_atomic,
            Dialect::Postgres => false,
        };
        if is_fenced {
            message.own(&write::fence(&self.names, &self.claim(underway.epoch)));
        }
        let place = message.len();
        self.push_revisions(&mut message, &prepared.step, &statement.text, origin);
        let mut deadlocks = 0;
        let rows = loop {
            let results = self
                .send_statement(
                    prepared,
                    number,
                    underway,
                    &message,
                    is_atomic.then_some(&mut deadlocks),
                )
                .await?;
            let rows = results.get(place).map_or(0, |result| result.affected);
            let rows = if statement.changes_rows() { rows } else { 0 };
            let done = Underway {
                done: underway.done + 1,
                rows: underway.rows + rows,
                digest: after.clone(),
                ..underway.clone()
            };
            if !is_atomic {
                *underway = done;
                self.record(underway, None).await?;
                break rows;
            }
            let mut record = self.message(Some(&prepared.step.revision));
            self.push_reset(&mut record);
            record.own_all(&write::record(&self.names, &self.progress(&done)));
            record.commit();
            match self.send_short(&record).await {
                Ok(_) => {
                    *underway = done;
                    break rows;
                }
                Err(fault) if self.is_undone(&fault, &mut deadlocks) => self.rollback().await?,
                Err(fault) => return Err(self.bookkeeping(prepared, fault)),
            }
        };
        let total = statements.len();
        self.emit(&Event::StatementDone {
            step: &prepared.step,
            number: number + 1,
            total,
            rows,
        });
        Ok(())
    }

    /// Whether a cluster rolled a transaction back for another node's sake, which may be tried again.
    pub(super) fn is_undone(&self, fault: &Fault, deadlocks: &mut u32) -> bool {
        let is_undone = fault.failure.class == Class::Deadlock
            && self.dialect().is_mysql_family()
            && *deadlocks < DEADLOCKS;
        *deadlocks += u32::from(is_undone);
        is_undone
    }

    /// Sends one statement; DDL that waits for a table longer than its time gives way and is tried again. One that
    /// shares a transaction with its record counts the times that a cluster undid it.
    async fn send_statement(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
        message: &Message,
        mut deadlocks: Option<&mut u32>,
    ) -> Result<Vec<StatementResult>, Error> {
        let statement = &prepared.statements()[number];
        let is_atomic = deadlocks.is_some();
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let sent = match self.watch(prepared, is_atomic) {
                Some(watch) => self.send_watched(message, watch).await,
                None => self.send_short(message).await,
            };
            let mut fault = match sent {
                Ok(results) => return Ok(results),
                Err(fault) => fault,
            };
            if let Some(count) = &mut deadlocks
                && self.is_undone(&fault, count)
            {
                self.rollback().await?;
                continue;
            }
            let has_waited = fault.failure.class == Class::LockTimeout
                && statement.is_ddl()
                && self.dialect() != Dialect::Sqlite;
            // The statement alone is tried again; what others hold in between, they get.
            if has_waited && is_atomic {
                self.rollback().await?;
            }
            if !has_waited || began.elapsed() >= self.settings.lock_retry_for {
                if has_waited {
                    fault.blockers = self.blockers(statement).await;
                }
                return Err(self
                    .statement_failed(prepared, number, underway, message, fault)
                    .await);
            }
            tracing::info!(
                attempt,
                "a statement waited for a table lock until its lock_timeout; trying again"
            );
            tokio::time::sleep(poll_pause(attempt) * 2).await;
            attempt += 1;
            // On a caller's connection there is no heartbeat beside it.
            let mut renewal = self.message(None);
            let renew = write::renew(&self.names, &self.claim(underway.epoch));
            renewal.own_all(&session::alone(self.dialect(), renew));
            let renewed = self.send(&renewal).await;
            if let Err(fault) = renewed {
                self.rollback().await?;
                return Err(self.bookkeeping(prepared, fault));
            }
        }
    }

    /// Tells precisely what ran and what did not, in the error and in the ledger.
    pub(super) async fn statement_failed(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
        message: &Message,
        fault: Fault,
    ) -> Error {
        if fault.failure.class == Class::Connection {
            let during = running(prepared, number);
            let state = format!(
                "Statements 1 to {} took effect; whether statement {} did is not known here. Start again: \
                 limbeck settles it or says what to look at",
                underway.done,
                number + 1
            );
            return self.fault(during, state, fault);
        }
        let Some(blame) = message.blame(fault.completed, fault.failure.position) else {
            return self.bookkeeping(prepared, fault);
        };
        let _ = self.rollback().await;
        // What a name that was taken already belongs to is not this statement's.
        let mut is_clean = true;
        if fault.failure.code.as_deref() != Some("42P07") {
            let statement = &prepared.statements()[number];
            let limit = Some(self.settings.lock_timeout);
            if let Err(left) = self.clear_invalid_index(statement, limit).await {
                // The step stays unfinished: the next call removes it before it goes on.
                is_clean = false;
                tracing::warn!(error = %left, "what a failed index build left is still there");
            }
        }
        let total = prepared.statements().len();
        let ran = match underway.done {
            0 => "None of its statements took effect".to_owned(),
            1 => "Statement 1 took effect and stays".to_owned(),
            done => format!("Statements 1 to {done} took effect and stay"),
        };
        let rest = if number + 1 < total {
            format!(", statements {} to {total} were not run", number + 2)
        } else {
            String::new()
        };
        let state = format!(
            "{ran}; statement {} did not{rest}. Correct it, in the file or in the database, and start again: the \
             step goes on with statement {}",
            number + 1,
            number + 1
        );
        let error = statement_error(prepared, number, blame.offset, fault, state);
        let text = error.to_string();
        // Nothing of it stands: then the attempt has simply failed, and blocks nobody.
        let end = (underway.done == 0 && is_clean).then_some(State::Failed);
        let recorded = self.record_end(underway, end, &text).await;
        if let Err(recording) = recorded {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
        error
    }

    pub(super) async fn run_code(
        &mut self,
        prepared: &Prepared,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        let progress = Progress {
            running: Some((1, "(code)")),
            ..self.progress(underway)
        };
        self.send_record(&progress).await?;
        self.set_timeouts(prepared).await?;
        let state = "What it changed before the error stays, as far as this database commits by itself. Correct \
                     the cause and start again: it runs from its beginning";
        if let Err(error) = self.call_code(&prepared.step, state).await {
            let text = error.to_string();
            self.record_end(underway, Some(State::Failed), &text)
                .await?;
            return Err(error);
        }
        underway.done = 1;
        self.record(underway, None).await
    }

    /// Moves the heads and ends the step, in the transaction that `message` has begun or goes on with.
    pub(super) async fn end(
        &mut self,
        mut message: Message,
        prepared: &Prepared,
        underway: &Underway,
        releases: bool,
    ) -> Result<(), Error> {
        let progress = Progress {
            end: Some(State::Done),
            ..self.progress(underway)
        };
        self.push_reset(&mut message);
        message.own_all(&write::record(&self.names, &progress));
        message.swap_all(&write::move_heads(
            &self.names,
            &prepared.step.removes,
            &prepared.step.adds,
        ));
        if releases {
            self.push_release(&mut message);
        }
        message.commit();
        let Err(fault) = self.send_short(&message).await else {
            if releases {
                self.forget_lease();
            }
            return Ok(());
        };
        if fault.is_lost_swap(&message, self.dialect()) {
            self.rollback().await?;
            self.look().await?;
            let (revision, heads) = (prepared.step.revision.to_string(), self.heads());
            return Err(RunError::Overtaken { revision, heads }.into());
        }
        Err(self.bookkeeping(prepared, fault))
    }
}

pub(super) fn total(prepared: &Prepared) -> u64 {
    match prepared.work {
        Work::Code => 1,
        _ => prepared.statements().len() as u64,
    }
}

/// The digest of a step's first statements, empty for none: it goes on only behind those that it ran.
pub(super) fn chain<T: std::borrow::Borrow<Sql>>(statements: &[T]) -> String {
    statements.iter().fold(String::new(), |before, statement| {
        link(&before, statement.borrow())
    })
}

/// The digest after one statement more.
pub(super) fn link(before: &str, statement: &Sql) -> String {
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    hash.update([0]);
    hash.update(statement.text.as_bytes());
    crate::migrations::hex(&hash.finalize())
}
