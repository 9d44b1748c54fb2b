//! One statement of a step under the lease: with its record in one transaction, or alone between two records.

use std::time::{Duration, Instant};

use super::Steps;
use super::check::running;
use super::progress::{Underway, bookkeeping, link};
use crate::backend::{Class, Conduct as _, Fault, Message, Origin, Source, StatementResult};
use crate::executor::error::{Error, statement_error};
use crate::executor::poll_pause;
use crate::executor::state::Aftermath;
use crate::executor::wire::{ConductOf, Wire};
use crate::ledger::look::TextRow;
use crate::ledger::write;
use crate::prepare::{Prepared, Sql};
use crate::report::Event;
use crate::sql::carry::Lost;

/// The transaction of a statement under the lease.
enum Transaction<'a> {
    /// Its record's too. Where it may be sent again, the number of times that the server undid it is counted.
    WithRecord(Option<&'a mut u32>),
    /// Its own, with the fingerprint of what it is about to change.
    Alone(Option<&'a str>),
}

impl<S: Source> Steps<'_, S> {
    /// Runs the statement behind those that are done.
    pub(super) async fn run_statement(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        let statements = prepared.statements();
        let statement = &statements[number];
        self.tell(&Event::StatementStarted {
            step: &prepared.step,
            number: number + 1,
            total: statements.len(),
            statement: &statement.text,
        });
        let is_atomic = self.is_atomic(prepared, number, underway).await?;
        let mut before = None;
        if !is_atomic {
            self.open_alone(prepared, number, underway).await?;
            let fingerprint = self.fingerprint(statement).await?;
            self.record_running(underway, statement, fingerprint.as_deref())
                .await?;
            self.open_alone(prepared, number, underway).await?;
            before = fingerprint;
        }
        let (message, place) = self.statement_message(prepared, number, underway, is_atomic);
        let (mut deadlocks, mut attempt) = (0, 0);
        let began = Instant::now();
        // A rollback leaves what the statement gave its session: sent again, it would read that.
        let is_repeatable = is_atomic && self.is_stateless(&statements[number..=number]);
        let rows = loop {
            let transaction = match is_atomic {
                true => Transaction::WithRecord(is_repeatable.then_some(&mut deadlocks)),
                false => Transaction::Alone(before.as_deref()),
            };
            let results = self
                .send_statement(prepared, number, underway, &message, transaction)
                .await?;
            let affected = results.get(place).map_or(0, |result| result.affected);
            let rows = statement.changed(affected);
            let returned = results.get(place).map_or(&[][..], |result| &result.rows);
            self.keep_setting(prepared, number, underway, returned);
            let done = Underway {
                done: underway.done + 1,
                rows: underway.rows + rows,
                digest: link(&underway.digest, statement),
                ..underway.clone()
            };
            if !is_atomic {
                *underway = done;
                self.record(underway, None).await?;
                break rows;
            }
            let record = self.closing_record(prepared, &done);
            match self.wire().send_short(&record).await {
                Ok(_) => {
                    *underway = done;
                    break rows;
                }
                Err(fault) if is_repeatable && self.wire().is_undone(&fault, &mut deadlocks) => {
                    self.wire().rollback().await?;
                }
                Err(fault)
                    if is_repeatable
                        && self.wire().gives_way(&fault, began, &mut attempt).await? => {}
                Err(fault) => {
                    let fault = self.wire().blocked(fault).await;
                    return Err(bookkeeping(prepared, underway.done, fault));
                }
            }
        };
        self.tell(&Event::StatementDone {
            step: &prepared.step,
            number: number + 1,
            total: statements.len(),
            rows,
        });
        Ok(())
    }

    /// Remembers a setting for the statements behind it; they are a person's to answer where it cannot be made again.
    fn keep_setting(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &mut Underway,
        rows: &[TextRow],
    ) {
        if !self.wire().conduct.keep_setting(prepared, number, rows) && underway.lost.is_none() {
            let value = "a setting that is no constant".to_owned();
            let from = number;
            underway.lost = Some((number + 1, Lost { value, from }));
        }
    }

    /// The part of a statement's limit that a second connection keeps, where there is one.
    pub(super) fn watched_limit(
        &self,
        limit: Option<Duration>,
        is_atomic: bool,
    ) -> Option<Duration> {
        let wire = &self.gate.view.wire;
        let limit = ConductOf::<S>::watched_limit(wire.dialect(), limit, is_atomic);
        limit.filter(|_| wire.pool().is_some())
    }

    /// Tells whether statements neither read nor leave anything in the session.
    pub(super) fn is_stateless(&self, statements: &[Sql]) -> bool {
        let wire = &self.gate.view.wire;
        wire.conduct.is_stateless(wire.dialect(), statements)
    }

    /// Tells whether the statement and the record that it is done can be one transaction.
    async fn is_atomic(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
    ) -> Result<bool, Error> {
        let Wire { line, conduct, .. } = self.wire();
        let asked = conduct
            .is_atomic(line, &prepared.statements()[number])
            .await;
        asked.map_err(|fault| {
            let during = "looking at the engines of a statement's tables";
            fault.into_error(during, Aftermath::goes_on(underway.reached()))
        })
    }

    /// Brings the settings of the statements before this one into the session.
    async fn open_alone(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
    ) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let opened = conduct.open_alone(line, prepared, number).await;
        opened.map_err(|fault| super::doubt::replay_failed(prepared, underway.reached(), fault))
    }

    /// The message of a statement, and the place of its result.
    fn statement_message(
        &self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
        is_atomic: bool,
    ) -> (Message, usize) {
        let statement = &prepared.statements()[number];
        let mut message = self.message_at(prepared);
        let wire = &self.gate.view.wire;
        if is_atomic {
            message.own(wire.begin());
            message.own_all(&wire.line.bound.pin.local());
            wire.conduct.push_settings(&mut message, prepared, number);
        }
        let (dialect, ddl_lock) = (wire.dialect(), wire.settings.lock_timeout);
        let limit = wire
            .conduct
            .statement_limit(dialect, prepared, statement, ddl_lock);
        limit.into_iter().for_each(|limit| message.own(&limit));
        if ConductOf::<S>::is_fenced(is_atomic) {
            let claim = wire.claim(underway.epoch);
            message.own(&write::fence(&wire.line.names, &claim));
        }
        let place = message.len();
        if statement.is_setting() {
            message.show_rows(1);
        }
        let origin = Origin {
            step: 0,
            statement: number,
        };
        self.push_statement(&mut message, &prepared.step, &statement.text, origin);
        (message, place)
    }

    /// Sends one statement; DDL that waits for a table longer than its time gives way and is tried again.
    async fn send_statement(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
        message: &Message,
        transaction: Transaction<'_>,
    ) -> Result<Vec<StatementResult>, Error> {
        let statement = &prepared.statements()[number];
        let (is_atomic, mut undone, before) = match transaction {
            Transaction::WithRecord(undone) => (true, undone, None),
            Transaction::Alone(before) => (false, None, before),
        };
        let began = Instant::now();
        let mut attempt = 0;
        loop {
            let limit = self.watched_limit(prepared.statement_timeout, is_atomic);
            let sent = match limit {
                Some(limit) => self.wire().send_watched(message, limit, is_atomic).await,
                None => self.wire().send_short(message).await,
            };
            let mut fault = match sent {
                Ok(results) => return Ok(results),
                Err(fault) => fault,
            };
            if let Some(count) = &mut undone
                && self.wire().is_undone(&fault, count)
            {
                self.wire().rollback().await?;
                continue;
            }
            // A statement of limbeck's own stands before it: it was not reached.
            let has_waited = fault.class() == Class::LockTimeout
                && (statement.is_ddl() || fault.blame.is_none())
                && ConductOf::<S>::RETRIES_DDL;
            // The statement alone is tried again; what others hold in between, they get.
            if has_waited && is_atomic {
                self.wire().rollback().await?;
            }
            if !has_waited || began.elapsed() >= self.wire().settings.lock_retry_for {
                if has_waited && fault.blame.is_some() {
                    fault.blockers = self.blockers(statement).await;
                }
                fault = self.wire().blocked(fault).await;
                let alone = (!is_atomic).then_some(before);
                return Err(self
                    .statement_failed(prepared, number, underway, fault, alone)
                    .await);
            }
            tracing::info!(
                attempt,
                "a statement waited for a table lock until its lock_timeout; trying again"
            );
            tokio::time::sleep(poll_pause(attempt) * 2).await;
            attempt += 1;
            // On a caller's connection there is no heartbeat beside it.
            let wire = self.wire();
            let renew = write::renew(&wire.line.names, &wire.claim(underway.epoch));
            let mut renewal = wire.line.message(None);
            renewal.alone(&renew);
            if let Err(fault) = wire.send_short(&renewal).await {
                wire.rollback().await?;
                return Err(bookkeeping(prepared, underway.done, fault));
            }
        }
    }

    /// Tells precisely what ran and what did not, in the error and in the ledger. `alone` is the fingerprint before a statement
    /// that shares no transaction.
    async fn statement_failed(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
        fault: Fault,
        alone: Option<Option<&str>>,
    ) -> Error {
        let reached = underway.reached();
        if fault.class() == Class::Connection {
            let during = running(prepared, number);
            return fault.into_error(during, Aftermath::statement_lost(reached));
        }
        if fault.blame.is_none() {
            return bookkeeping(prepared, underway.done, fault);
        }
        let _ = self.wire().rollback().await;
        let mut is_clean = true;
        // An object that had the name before is not this statement's.
        if fault.class() != Class::Exists {
            let limit = Some(self.wire().settings.lock_timeout);
            let statement = &prepared.statements()[number];
            if let Err(left) = self.clear_invalid_index(statement, limit).await {
                // The step stays unfinished: the next call removes it before it goes on.
                is_clean = false;
                tracing::warn!(error = %left, "what a failed index build left is still there");
            }
        }
        let statement = &prepared.statements()[number];
        let is_in_doubt = match alone {
            Some(before) => self.may_have_left(statement, before, &fault.failure).await,
            None => false,
        };
        if is_in_doubt {
            let state = Aftermath::statement_in_doubt(reached);
            let error = statement_error(prepared, prepared.statements(), fault, state);
            self.record_doubt(underway, statement, &error).await;
            return error;
        }
        let state = Aftermath::statement_failed(reached);
        let error = statement_error(prepared, prepared.statements(), fault, state);
        // Where nothing of it stands, the attempt has simply failed, and blocks nobody.
        let is_over = underway.done == 0 && is_clean;
        self.record_failed(prepared, underway, is_over, &error)
            .await;
        error
    }
}
