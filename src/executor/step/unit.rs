//! A unit: consecutive statements that do not commit by themselves, as one transaction with one record.
//!
//! The server itself checks that nothing in it committed: a savepoint at the unit's begin is released right before the record,
//! and is not there any more after a commit. And a rollback takes back rows, but neither variables nor temporary tables nor the
//! last generated number: where the statements have to do with those, a unit is only sent again in a new session.

use std::ops::Range;
use std::time::Instant;

use super::Steps;
use super::check::running;
use super::progress::{Underway, bookkeeping, link, push_record, shown};
use super::size::ROOM;
use crate::backend::{Class, Conduct as _, Fault, Message, Origin, Source};
use crate::executor::error::{Error, RunError, statement_error};
use crate::executor::poll_pause;
use crate::executor::state::{Aftermath, Span};
use crate::executor::wire::Wire;
use crate::ledger::write::{self, Progress};
use crate::prepare::Prepared;
use crate::report::Event;

/// The beginning of a unit.
const MARK: &str = "SAVEPOINT limbeck_unit";

/// Raises an error where anything committed since [`MARK`].
const CHECK: &str = "RELEASE SAVEPOINT limbeck_unit";

/// The end of a message that holds a part of a unit.
enum Sent {
    Whole(Vec<u64>),
    /// The server undid the transaction for another's sake: it is sent again.
    Undone,
}

/// The attempts at a unit that were in vain.
#[derive(Debug)]
pub(super) struct Tries {
    undone: u32,
    blocked: u32,
    began: Instant,
}

impl Tries {
    pub(super) fn new() -> Tries {
        Tries {
            undone: 0,
            blocked: 0,
            began: Instant::now(),
        }
    }
}

/// A unit's last message, and the place of the statement that checks its end.
struct Closing {
    message: Message,
    check: usize,
}

impl<S: Source> Steps<'_, S> {
    /// The number of statements, from this one on, that are one unit; none where it stands alone.
    pub(super) async fn unit_length(
        &mut self,
        prepared: &Prepared,
        number: usize,
        underway: &Underway,
    ) -> Result<usize, Error> {
        let end = match underway.lost {
            Some((place, _)) if place > number => place,
            _ => prepared.statements().len(),
        };
        let Wire { line, conduct, .. } = self.wire();
        let asked = conduct.unit(line, &prepared.statements()[number..end]);
        asked.await.map_err(|fault| {
            let during = "looking at the engines of a statement's tables";
            fault.into_error(during, Aftermath::goes_on(underway.reached()))
        })
    }

    /// Runs a unit. Where the server undid it, `underway` is what it was, and `tries` counts that.
    pub(super) async fn run_unit(
        &mut self,
        prepared: &Prepared,
        unit: Range<usize>,
        underway: &mut Underway,
        tries: &mut Tries,
    ) -> Result<(), Error> {
        let statements = prepared.statements();
        let rows = match self
            .send_unit(prepared, unit.clone(), underway, tries)
            .await?
        {
            Sent::Whole(rows) => rows,
            Sent::Undone => return self.prepare_again(prepared, unit, underway, tries).await,
        };
        *tries = Tries::new();
        for (number, rows) in unit.zip(&rows) {
            self.tell(&Event::StatementDone {
                step: &prepared.step,
                number: number + 1,
                total: statements.len(),
                rows: *rows,
            });
        }
        Ok(())
    }

    /// Sends a unit, in as few messages as the server takes, and its record.
    async fn send_unit(
        &mut self,
        prepared: &Prepared,
        unit: Range<usize>,
        underway: &mut Underway,
        tries: &mut Tries,
    ) -> Result<Sent, Error> {
        let statements = prepared.statements();
        let limit = self.wire().conduct.message_limit().saturating_sub(ROOM);
        // Each has a time of its own, and what ends it must not meet the next one.
        let is_watched = self
            .watched_limit(prepared.statement_timeout, true)
            .is_some();
        let mut rows = vec![0; unit.len()];
        let mut message = self.opening(prepared, &unit, underway);
        let opening = message.text().len();
        for number in unit.clone() {
            let text = &statements[number].text;
            let is_full = is_watched || message.text().len() + text.len() + opening > limit;
            if is_full && message.has_statements() {
                let next = self.message_at(prepared);
                let part = std::mem::replace(&mut message, next);
                let sent = self.send_part(prepared, &unit, underway, tries, &part, None);
                match sent.await? {
                    Some(affected) => add(&mut rows, &unit, affected),
                    None => return Ok(Sent::Undone),
                }
            }
            self.tell(&Event::StatementStarted {
                step: &prepared.step,
                number: number + 1,
                total: statements.len(),
                statement: text,
            });
            let origin = Origin {
                step: 0,
                statement: number,
            };
            self.push_statement(&mut message, &prepared.step, text, origin);
        }
        let sent = self.send_part(prepared, &unit, underway, tries, &message, None);
        match sent.await? {
            Some(affected) => add(&mut rows, &unit, affected),
            None => return Ok(Sent::Undone),
        }
        let members = &statements[unit.clone()];
        let done = Underway {
            done: unit.end as u64,
            rows: underway.rows + rows.iter().sum::<u64>(),
            digest: members
                .iter()
                .fold(underway.digest.clone(), |digest, sql| link(&digest, sql)),
            ..underway.clone()
        };
        let closing = self.closing(prepared, &done);
        let check = Some(closing.check);
        let sent = self.send_part(prepared, &unit, underway, tries, &closing.message, check);
        if sent.await?.is_none() {
            return Ok(Sent::Undone);
        }
        *underway = done;
        Ok(Sent::Whole(rows))
    }

    /// The beginning of a unit's first message. On a caller's connection there is no heartbeat beside it: the lease is
    /// renewed here, and its row stays locked until the end.
    fn opening(&self, prepared: &Prepared, unit: &Range<usize>, underway: &Underway) -> Message {
        let wire = &self.gate.view.wire;
        let (names, claim) = (&wire.line.names, wire.claim(underway.epoch));
        let mut message = self.message_at(prepared);
        message.own(wire.begin());
        wire.conduct
            .push_settings(&mut message, prepared, unit.start);
        message.own(MARK);
        let (dialect, ddl_lock) = (wire.dialect(), wire.settings.lock_timeout);
        let mut members = prepared.statements()[unit.clone()].iter();
        if let Some(statement) = members.find(|statement| !statement.is_ddl()) {
            let limit = wire
                .conduct
                .statement_limit(dialect, prepared, statement, ddl_lock);
            limit.into_iter().for_each(|limit| message.own(&limit));
        }
        if wire.line.session.is_lent() {
            message.own_all(&write::renew(names, &claim));
        } else {
            message.own(&write::fence(names, &claim));
        }
        message
    }

    /// A unit's last message: nothing committed before the record does. It goes by itself, since only the results of the
    /// statements tell the number of rows that the record names.
    fn closing(&self, prepared: &Prepared, done: &Underway) -> Closing {
        let mut message = self.message_at(prepared);
        let check = message.len();
        message.own(CHECK);
        self.push_reset(&mut message);
        let names = &self.gate.view.wire.line.names;
        push_record(&mut message, names, &self.progress(done));
        message.commit();
        Closing { message, check }
    }

    /// Sends a part of a unit, and returns the rows that its statements changed, by their places. None: the server undid the
    /// whole unit, and it may be sent again.
    async fn send_part(
        &mut self,
        prepared: &Prepared,
        unit: &Range<usize>,
        underway: &Underway,
        tries: &mut Tries,
        message: &Message,
        check: Option<usize>,
    ) -> Result<Option<Vec<(usize, u64)>>, Error> {
        let statements = prepared.statements();
        let limit = self
            .watched_limit(prepared.statement_timeout, true)
            .filter(|_| message.has_statements());
        let sent = match limit {
            Some(limit) => self.wire().send_watched(message, limit, true).await,
            None => self.wire().line.send(message).await,
        };
        let fault = match sent {
            Ok(results) => {
                let affected = results.iter().enumerate().filter_map(|(index, result)| {
                    let number = message.origin(index)?.statement;
                    Some((number, statements[number].changed(result.affected)))
                });
                return Ok(Some(affected.collect()));
            }
            Err(fault) => fault,
        };
        // Variables and the like of the undone unit are still there: only a new session is without them.
        let is_stateless = self.is_stateless(&statements[unit.clone()]);
        let wire = self.wire();
        let can_begin_again = is_stateless || wire.pool().is_some();
        if can_begin_again && wire.is_undone(&fault, &mut tries.undone) {
            self.wire().rollback().await?;
            return Ok(None);
        }
        if can_begin_again
            && wire
                .gives_way(&fault, tries.began, &mut tries.blocked)
                .await?
        {
            return Ok(None);
        }
        let number = fault
            .blame
            .as_ref()
            .map_or(unit.start, |blame| blame.origin.statement);
        if fault.class() == Class::Connection {
            let during = running(prepared, number);
            return Err(fault.into_error(during, Aftermath::statement_lost(underway.reached())));
        }
        let has_ended = check.is_some_and(|check| fault.completed > check);
        if has_ended || (fault.blame.is_none() && check != Some(fault.completed)) {
            let fault = self.wire().blocked(fault).await;
            return Err(bookkeeping(prepared, underway.done, fault));
        }
        Err(self.unit_failed(prepared, unit, underway, fault).await)
    }

    /// Tells what a failed unit left: nothing, unless something in it committed.
    async fn unit_failed(
        &mut self,
        prepared: &Prepared,
        unit: &Range<usize>,
        underway: &Underway,
        fault: Fault,
    ) -> Error {
        let statements = prepared.statements();
        let wire = self.wire();
        let is_checked = fault.blame.is_none();
        let is_whole = !is_checked && {
            let check = wire.line.message_of(CHECK);
            // A deadlock has ended the transaction, and the savepoint with it.
            fault.class() == Class::Deadlock || wire.line.send(&check).await.is_ok()
        };
        let _ = wire.rollback().await;
        let reached = underway.reached();
        let span = Span {
            first: unit.start as u64 + 1,
            last: unit.end as u64,
        };
        if is_whole {
            let number = fault
                .blame
                .as_ref()
                .map_or(unit.start, |blame| blame.origin.statement);
            let state = Aftermath::unit_failed(reached, span, number as u64 + 1);
            let error = statement_error(prepared, statements, fault, state);
            self.record_failed(prepared, underway, underway.done == 0, &error)
                .await;
            return error;
        }
        let state = Aftermath::unit_in_doubt(reached, span);
        let error = if is_checked {
            RunError::Bookkeeping {
                during: format!("ending statements {} to {}", span.first, span.last),
                revision: Some(prepared.step.revision.clone()),
                message: fault.failure.message,
                state,
                source: fault.source,
            }
            .into()
        } else {
            statement_error(prepared, statements, fault, state)
        };
        let text = error.to_string();
        let shown = shown(&statements[unit.start]);
        let progress = Progress {
            running: Some((span.last, &shown)),
            error: Some(&text),
            ..self.progress(underway)
        };
        if let Err(recording) = self.send_record(underway, &progress).await {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
        error
    }

    /// Makes ready for a unit that the server undid: in the same session only where its statements neither read nor leave
    /// anything there.
    async fn prepare_again(
        &mut self,
        prepared: &Prepared,
        unit: Range<usize>,
        underway: &mut Underway,
        tries: &Tries,
    ) -> Result<(), Error> {
        tokio::time::sleep(poll_pause(tries.undone)).await;
        if self.is_stateless(&prepared.statements()[unit]) {
            return Ok(());
        }
        self.start_anew(prepared, underway).await
    }
}

fn add(rows: &mut [u64], unit: &Range<usize>, affected: Vec<(usize, u64)>) {
    for (number, count) in affected {
        if let Some(rows) = rows.get_mut(number - unit.start) {
            *rows = count;
        }
    }
}
