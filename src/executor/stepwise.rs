//! Steps that no transaction can hold: `autocommit` and `repeat` sections, and every step on MySQL and
//! MariaDB. They run under the lease, statement by statement, and the ledger always says how far they came:
//! `running(n)` before a statement that cannot share a transaction with its record, `done(n)` with or after
//! it.

use std::time::Instant;

use sha2::{Digest as _, Sha256};
use tracing::Instrument as _;

use super::check::statement_error;
use super::error::UnfinishedReason;
use super::lock::{Resuming, unfinished};
use super::message::{Message, Origin};
use super::verdict::Verdict;
use super::{Event, Fault, Ran, Run, RunError, StepReport, poll_pause, step_span};
use crate::backend::{Class, Source, StatementResult};
use crate::dialect::Dialect;
use crate::dialect::look::RunningRow;
use crate::dialect::session::{self, Timeout};
use crate::dialect::write::{self, Progress};
use crate::error::Error;
use crate::prepare::{Prepared, Sql, Work};

/// How much of a statement the ledger shows while it runs.
const SHOWN: usize = 2000;

/// A step on its way, as the ledger knows it.
struct Underway {
    id: i64,
    epoch: i64,
    done: u64,
    rows: u64,
    digest: String,
}

impl<S: Source> Run<'_, S> {
    pub(super) async fn run_stepwise(&mut self, prepared: &Prepared) -> Result<Ran, Error> {
        let expected = self.heads();
        let this = Resuming::step(&prepared.step);
        if !self.take_lease(&expected, Some(this)).await? {
            return Ok(Ran::Moved);
        }
        self.record_baseline().await?;
        let resuming = self.find_running(&prepared.step).cloned();
        let began = Instant::now();
        let span = step_span(&prepared.step);
        let ran = self.run_leased(prepared, resuming).instrument(span).await;
        let underway = match ran {
            Ok(underway) => underway,
            Err(error) => {
                // Wherever it stopped: what is not recorded must not stay open.
                let _ = self.rollback().await;
                self.restore_session(prepared).await;
                self.release_lease().await;
                return Err(error);
            }
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

    async fn run_leased(
        &mut self,
        prepared: &Prepared,
        resuming: Option<RunningRow>,
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
        self.set_timeouts(prepared).await?;
        match &prepared.work {
            Work::Transaction(statements) | Work::Statements(statements) => {
                let first = usize::try_from(underway.done).unwrap_or(usize::MAX);
                for number in first..statements.len() {
                    self.run_statement(prepared, number, &mut underway).await?;
                }
            }
            Work::Repeat(statement) => {
                return self.run_batches(prepared, statement, underway).await;
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
        self.end(message, prepared, &underway).await?;
        Ok(underway)
    }

    /// The row that says that this step has begun.
    async fn begin_step(&mut self, prepared: &Prepared) -> Result<Underway, Error> {
        let epoch = self.epoch();
        let mut row = self.ledger_row(&prepared.step, "running");
        row.statements = total(prepared);
        row.epoch = Some(epoch);
        let mut message = self.message(Some(&prepared.step.revision));
        message.own(self.begin_short());
        message.own_all(&write::renew(&self.names, epoch));
        message.own_all(&write::begin_history(&self.names, &self.actor, &row, epoch));
        let id = message.len() - 1;
        message.commit();
        let results = self
            .send_short(&message)
            .await
            .map_err(|fault| self.bookkeeping(prepared, fault))?;
        let id = results
            .get(id)
            .and_then(|result| result.rows.first()?.first()?.as_deref()?.parse().ok());
        Ok(Underway {
            id: id.unwrap_or_default(),
            epoch,
            done: 0,
            rows: 0,
            digest: String::new(),
        })
    }

    /// Goes on where another run stopped, if that place is known and the file still leads there.
    async fn resume(&mut self, prepared: &Prepared, row: &RunningRow) -> Result<Underway, Error> {
        let statements = prepared.statements();
        let done = usize::try_from(row.statements_done).unwrap_or(usize::MAX);
        let is_counted = !matches!(prepared.work, Work::Repeat(_) | Work::Code);
        let is_edited = done > statements.len()
            || row.done_digest.as_deref().unwrap_or_default() != chain(&statements[..done]);
        if is_counted && is_edited {
            return Err(unfinished(row, UnfinishedReason::Edited));
        }
        let (done, took_effect) = self.settle_doubt(prepared, row).await?;
        tracing::info!(revision = %prepared.step.revision, done = row.statements_done, "going on with an unfinished step");
        let underway = Underway {
            id: row.id,
            epoch: self.epoch(),
            done,
            rows: row.rows_affected,
            digest: match took_effect {
                Some(statement) => link(row.done_digest.as_deref().unwrap_or_default(), statement),
                None => row.done_digest.clone().unwrap_or_default(),
            },
        };
        let mut message = self.message(Some(&prepared.step.revision));
        message.own(self.begin_short());
        message.own_all(&write::record(&self.names, &self.progress(&underway)));
        let ledger = self.ledger_row(&prepared.step, "running");
        message.own(&write::adopt_row(
            &self.names,
            &self.actor,
            &ledger,
            total(prepared),
            row.id,
            underway.epoch,
        ));
        message.commit();
        self.send_short(&message)
            .await
            .map_err(|fault| self.bookkeeping(prepared, fault))?;
        Ok(underway)
    }

    /// How many statements are done, and the one that was in doubt if it turned out to be: after that none is
    /// in doubt any more.
    async fn settle_doubt<'p>(
        &mut self,
        prepared: &'p Prepared,
        row: &RunningRow,
    ) -> Result<(u64, Option<&'p Sql>), Error> {
        let done = row.statements_done;
        let index = usize::try_from(done).unwrap_or(usize::MAX);
        let next = match prepared.work {
            Work::Code => None,
            _ => prepared.statements().get(index),
        };
        self.replay_session(prepared, index).await?;
        if row.statement_running.is_none() {
            if let Some(next) = next {
                self.clear_invalid_index(next).await?;
            }
            return Ok((done, None));
        }
        let verdict = match next {
            Some(statement) => self.judge(statement, row.fingerprint.as_deref()).await?,
            None if self.is_idempotent(prepared) => Verdict::NotApplied,
            None => Verdict::Unknown,
        };
        tracing::info!(
            statement = done + 1,
            ?verdict,
            "a statement was interrupted"
        );
        match (verdict, next) {
            (Verdict::Applied, Some(statement)) => Ok((done + 1, Some(statement))),
            (Verdict::NotApplied, Some(statement)) => {
                self.clear_invalid_index(statement).await?;
                Ok((done, None))
            }
            (Verdict::NotApplied, None) => Ok((done, None)),
            (Verdict::Unknown | Verdict::Applied, _) => {
                Err(unfinished(row, UnfinishedReason::InDoubt))
            }
        }
    }

    fn is_idempotent(&self, prepared: &Prepared) -> bool {
        let key = (prepared.step.revision.to_string(), prepared.step.action);
        self.registry
            .get(&key)
            .is_some_and(|registered| registered.idempotent)
    }

    async fn run_statement(
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
        let is_atomic = statement.can_share_transaction(self.dialect());
        let mut message = self.message(Some(&prepared.step.revision));
        if is_atomic {
            message.own(self.begin_short());
        } else {
            let fingerprint = self.fingerprint(statement).await?;
            self.record_running(underway, number, statement, fingerprint.as_deref())
                .await?;
        }
        message.own_all(&self.limits_of(prepared, statement));
        // Elsewhere the record before it, or with it, is the fence; and on PostgreSQL it goes alone where it
        // shares no transaction: a message of two statements is one.
        if self.dialect().is_mysql_family() {
            message.own(&write::fence(&self.names, underway.epoch));
        }
        let place = message.len();
        self.push_revisions(&mut message, &prepared.step, &statement.text, origin);
        let began = Instant::now();
        let mut attempt = 0;
        let results = loop {
            let fault = match self.send_short(&message).await {
                Ok(results) => break results,
                Err(fault) => fault,
            };
            let may_wait = fault.failure.class == Class::LockTimeout
                && statement.is_ddl()
                && self.dialect() != Dialect::Sqlite
                && began.elapsed() < self.settings.lock_retry_for;
            if !may_wait {
                return Err(self
                    .statement_failed(prepared, number, underway, &message, fault)
                    .await);
            }
            // The statement alone is tried again; what others hold in between, they get.
            if is_atomic {
                self.rollback().await?;
            }
            tracing::info!(
                attempt,
                "a statement waited for a table lock until its lock_timeout; trying again"
            );
            tokio::time::sleep(poll_pause(attempt) * 2).await;
            attempt += 1;
            // On a caller's connection there is no heartbeat beside it.
            let mut renewal = self.message(None);
            renewal.own_all(&write::renew(&self.names, underway.epoch));
            let renewed = self.send(&renewal).await;
            renewed.map_err(|fault| self.bookkeeping(prepared, fault))?;
        };
        let rows = results.get(place).map_or(0, |result| result.affected);
        let rows = if statement.changes_rows() { rows } else { 0 };
        underway.done += 1;
        underway.rows += rows;
        underway.digest = after;
        if is_atomic {
            let mut message = self.message(Some(&prepared.step.revision));
            message.own_all(&write::record(&self.names, &self.progress(underway)));
            message.commit();
            self.send_short(&message)
                .await
                .map_err(|fault| self.bookkeeping(prepared, fault))?;
        } else {
            self.record(underway, None).await?;
        }
        let total = statements.len();
        self.emit(&Event::StatementDone {
            step: &prepared.step,
            number: number + 1,
            total,
            rows,
        });
        Ok(())
    }

    /// DDL waits for table locks at most `lock_timeout`; other statements as long as the session says. The
    /// section's own word, or a SET of its own, goes before.
    fn limits_of(&self, prepared: &Prepared, statement: &Sql) -> Vec<String> {
        let dialect = self.dialect();
        let sets_itself = || prepared.statements().iter().any(Sql::sets_lock_timeout);
        if dialect == Dialect::Sqlite || prepared.lock_timeout.is_some() || sets_itself() {
            return Vec::new();
        }
        if !statement.is_ddl() {
            let mysql = dialect.is_mysql_family();
            return mysql
                .then(session::mysql_end_lock_limit)
                .into_iter()
                .collect();
        }
        // Where PostgreSQL's DDL shares no transaction (CONCURRENTLY), a limit would only break it.
        if dialect == Dialect::Postgres && !statement.can_share_transaction(dialect) {
            return Vec::new();
        }
        session::set_timeout(dialect, Timeout::Lock, self.settings.lock_timeout)
            .into_iter()
            .collect()
    }

    /// Sends a message that begins a transaction of its own and may end it. On SQLite others write in
    /// between: where one of them shuts out the beginning or the end, that is waited for.
    pub(super) async fn send_short(
        &mut self,
        message: &Message,
    ) -> Result<Vec<StatementResult>, Fault> {
        let began = Instant::now();
        let mut attempt = 0;
        let mut results: Vec<StatementResult> = Vec::new();
        let mut commit = self.message(None);
        commit.commit();
        loop {
            let rest = if results.is_empty() { message } else { &commit };
            let mut fault = match self.send(rest).await {
                Ok(more) => {
                    results.extend(more);
                    return Ok(results);
                }
                Err(fault) => fault,
            };
            let may_wait = self.dialect() == Dialect::Sqlite
                && fault.failure.class == Class::LockTimeout
                && rest.begins_or_commits(fault.completed)
                && began.elapsed() < self.settings.lock_wait;
            if !may_wait {
                return Err(fault);
            }
            results.append(&mut fault.results);
            tokio::time::sleep(poll_pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Tells precisely what ran and what did not, in the error and in the ledger.
    async fn statement_failed(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
        message: &Message,
        fault: Fault,
    ) -> Error {
        if fault.failure.class == Class::Connection {
            let during = format!(
                "running statement {} of revision {}",
                number + 1,
                prepared.step.revision
            );
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
        if fault.failure.code.as_deref() != Some("42P07")
            && let Err(left) = self
                .clear_invalid_index(&prepared.statements()[number])
                .await
        {
            tracing::warn!(error = %left, "what a failed index build left is still there");
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
        let end = (underway.done == 0).then_some("failed");
        let recorded = self.record_end(underway, end, &text).await;
        if let Err(recording) = recorded {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
        error
    }

    /// Runs the batches until one changes nothing; the head moves with that one.
    async fn run_batches(
        &mut self,
        prepared: &Prepared,
        statement: &Sql,
        mut underway: Underway,
    ) -> Result<Underway, Error> {
        loop {
            let mut message = self.message(Some(&prepared.step.revision));
            message.own(self.begin_short());
            message.own(&write::fence(&self.names, underway.epoch));
            let place = message.len();
            let origin = Origin {
                step: 0,
                statement: 0,
            };
            self.push_revisions(&mut message, &prepared.step, &statement.text, origin);
            let results = match self.send_short(&message).await {
                Ok(results) => results,
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
            underway.done += 1;
            underway.rows += rows;
            let mut message = self.message(Some(&prepared.step.revision));
            message.own_all(&write::record(&self.names, &self.progress(&underway)));
            message.commit();
            self.send_short(&message)
                .await
                .map_err(|fault| self.bookkeeping(prepared, fault))?;
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
        self.end(message, prepared, &underway).await?;
        Ok(underway)
    }

    async fn batch_failed(
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
        let end = (underway.done == 0).then_some("failed");
        if let Err(recording) = self.record_end(underway, end, &text).await {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
        error
    }

    async fn run_code(
        &mut self,
        prepared: &Prepared,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        let progress = Progress {
            running: Some((1, "(code)")),
            ..self.progress(underway)
        };
        self.send_record(&progress).await?;
        let state = "What it changed before the error stays, as far as this database commits by itself. Correct \
                     the cause and start again: it runs from its beginning";
        if let Err(error) = self.call_code(&prepared.step, state).await {
            let text = error.to_string();
            self.record_end(underway, Some("failed"), &text).await?;
            return Err(error);
        }
        underway.done = 1;
        self.record(underway, None).await
    }

    /// Moves the heads and ends the step, in the transaction that `message` has begun or goes on with.
    async fn end(
        &mut self,
        mut message: Message,
        prepared: &Prepared,
        underway: &Underway,
    ) -> Result<(), Error> {
        let progress = Progress {
            end: Some("done"),
            ..self.progress(underway)
        };
        message.own_all(&write::record(&self.names, &progress));
        message.swap_all(&write::move_heads(
            &self.names,
            &prepared.step.removes,
            &prepared.step.adds,
        ));
        message.commit();
        let Err(fault) = self.send_short(&message).await else {
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

    fn progress<'u>(&self, underway: &'u Underway) -> Progress<'u> {
        Progress {
            id: underway.id,
            epoch: underway.epoch,
            done: underway.done,
            done_digest: Some(&underway.digest),
            rows_affected: underway.rows,
            ..Progress::default()
        }
    }

    /// Writes which statement is sent next, and what it finds there; refused where the lease is lost.
    async fn record_running(
        &mut self,
        underway: &Underway,
        number: usize,
        statement: &Sql,
        fingerprint: Option<&str>,
    ) -> Result<(), Error> {
        let text: String = statement.text.chars().take(SHOWN).collect();
        let running = Some((number as u64 + 1, text.as_str()));
        let progress = Progress {
            running,
            fingerprint,
            ..self.progress(underway)
        };
        self.send_record(&progress).await
    }

    /// Writes how far the step is; refused where the lease is lost.
    async fn record(&mut self, underway: &Underway, error: Option<&str>) -> Result<(), Error> {
        let progress = Progress {
            error,
            ..self.progress(underway)
        };
        self.send_record(&progress).await
    }

    async fn record_end(
        &mut self,
        underway: &Underway,
        end: Option<&str>,
        error: &str,
    ) -> Result<(), Error> {
        let progress = Progress {
            end,
            error: Some(error),
            ..self.progress(underway)
        };
        self.send_record(&progress).await
    }

    async fn send_record(&mut self, progress: &Progress<'_>) -> Result<(), Error> {
        let mut message = self.message(None);
        message.own(self.begin_short());
        message.own_all(&write::record(&self.names, progress));
        message.commit();
        match self.send_short(&message).await {
            Ok(_) => Ok(()),
            Err(fault) => {
                let _ = self.rollback().await;
                Err(self.lost_or("recording progress", fault))
            }
        }
    }

    fn bookkeeping(&self, prepared: &Prepared, fault: Fault) -> Error {
        match self.lost_or(
            &format!("recording revision {}", prepared.step.revision),
            fault,
        ) {
            Error::Run(run) => match *run {
                RunError::LeaseLost { .. } => RunError::LeaseLost {
                    revision: prepared.step.revision.to_string(),
                }
                .into(),
                other => other.into(),
            },
            other => other,
        }
    }

    fn lost_or(&self, during: &str, fault: Fault) -> Error {
        if fault.failure.class == Class::Guard {
            return RunError::LeaseLost {
                revision: String::new(),
            }
            .into();
        }
        self.fault(
            during,
            "The ledger says how far the step came; start again to go on",
            fault,
        )
    }

    fn epoch(&self) -> i64 {
        self.lease.as_ref().map_or(0, |lease| lease.epoch)
    }

    fn begin_short(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
            Dialect::Mysql | Dialect::Mariadb => "START TRANSACTION",
        }
    }

    async fn set_timeouts(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let dialect = self.dialect();
        for (timeout, value) in [
            (Timeout::Lock, prepared.lock_timeout),
            (Timeout::Statement, prepared.statement_timeout),
        ] {
            let Some(value) = value else { continue };
            if dialect == Dialect::Sqlite && timeout == Timeout::Statement {
                let limited = self.session.limit(Some(value)).await;
                limited.map_err(|source| RunError::Connection {
                    during: "setting statement_timeout".to_owned(),
                    state: "Nothing of the step was run".to_owned(),
                    source,
                })?;
                continue;
            }
            let Some(statement) = session::set_timeout(dialect, timeout, value) else {
                continue;
            };
            // Outside a transaction the setting is the session's.
            let statement = statement.replace("SET LOCAL", "SET");
            let set = self.query(&statement).await;
            set.map_err(|fault| {
                self.fault("setting a time-out", "Nothing of the step was run", fault)
            })?;
        }
        Ok(())
    }

    /// Ends what the section set in the session. Best effort: a pooled connection is closed afterwards.
    async fn restore_session(&mut self, prepared: &Prepared) {
        let statements = match self.dialect() {
            Dialect::Postgres => session::restore(
                self.server.role.as_deref(),
                self.saved.as_deref().unwrap_or_default(),
            ),
            Dialect::Mysql | Dialect::Mariadb => session::mysql_leave(self.dialect(), &self.server),
            Dialect::Sqlite => {
                if prepared.statement_timeout.is_some() {
                    let _ = self.session.limit(None).await;
                }
                let is_limited = prepared.lock_timeout.is_some();
                self.kept_pragma("busy_timeout")
                    .filter(|_| is_limited)
                    .into_iter()
                    .collect()
            }
        };
        for statement in statements {
            if let Err(fault) = self.query(&statement).await {
                tracing::debug!(
                    error = fault.failure.message,
                    "a setting could not be restored"
                );
            }
        }
    }
}

fn total(prepared: &Prepared) -> u64 {
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
fn link(before: &str, statement: &Sql) -> String {
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    hash.update([0]);
    hash.update(statement.text.as_bytes());
    crate::migrations::hex(&hash.finalize())
}
