//! The gate: whether a step may begin, under the transaction lock. A waiter polls, with short statements and between them no
//! transaction: it never sits inside a blocking call, whose snapshot a `CREATE INDEX CONCURRENTLY` would wait for.

mod heartbeat;
mod lease;

use self::heartbeat::Heartbeat;
use self::lease::{GiveBack, OwnLease};
use super::error::{Error, RunError, Unfinished, UnfinishedReason};
use super::record::Record;
use super::state::Aftermath;
use super::view::View;
use super::wait::Wait;
use super::wire::Wire;
use crate::backend::{Class, Conduct as _, Fault, Message, Source, StatementResult};
use crate::graph::RevisionId;
use crate::ledger::look::{self, Tables, TextRow};
use crate::ledger::{LedgerEntry, tables, write};
use crate::plan::Step;
use crate::report::{Event, Note};

const BEGINNING: &str = "beginning a step";

/// The lock and the lease of a run, over what it sees of the database.
pub(super) struct Gate<'a, S: Source> {
    pub view: View<'a, S>,
    pub record: Record<'a>,
    /// The notes of the run's report.
    pub notes: Vec<Note>,
    lease: Option<OwnLease>,
    /// The heartbeat of a lease that is about to be this run's.
    heartbeat: Option<Heartbeat>,
    give_back: GiveBack<S::Database>,
}

/// The answer of the gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// The lock is held, and the heads are the expected ones.
    Open,
    /// The heads are others; the lock was given back.
    Moved,
}

/// The step that a run begins or goes on with: that one standing half done is no obstacle to it. By name, not
/// by row: the row may be written while this run waits for the lease of the process that then dies in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resuming<'r> {
    pub revision: &'r str,
    pub action: &'r str,
}

impl<'r> Resuming<'r> {
    pub(super) fn step(step: &'r Step) -> Self {
        Resuming {
            revision: &step.revision,
            action: step.action.name(),
        }
    }

    pub(super) fn row(row: &'r LedgerEntry) -> Self {
        Resuming {
            revision: &row.revision,
            action: row.action.name(),
        }
    }

    fn is(self, row: &LedgerEntry) -> bool {
        row.revision == self.revision && row.action.name() == self.action
    }
}

/// An obstacle to a step, though the lock is free.
pub(super) enum Block {
    Moved,
    Lease,
    Unfinished(Box<LedgerEntry>),
}

impl<'a, S: Source> Gate<'a, S> {
    pub(super) fn new(view: View<'a, S>, record: Record<'a>) -> Self {
        Gate {
            view,
            record,
            notes: Vec::new(),
            lease: None,
            heartbeat: None,
            give_back: GiveBack::default(),
        }
    }

    /// The orderly end of the connection.
    pub(super) async fn close(self) {
        self.view.wire.close().await;
    }

    pub(super) fn wire(&mut self) -> &mut Wire<'a, S> {
        &mut self.view.wire
    }

    /// Opens a transaction that holds the lock, over the expected heads, with limbeck's tables in place and
    /// nobody's lease or unfinished step in the way, except the `resuming` one.
    pub(super) async fn enter(
        &mut self,
        expected: &[RevisionId],
        resuming: Option<Resuming<'_>>,
    ) -> Result<Passage, Error> {
        self.view.learn_repertoire(self.record.migrations).await?;
        let mut wait = Wait::new(self.view.wire.settings.lock_wait);
        loop {
            if !self.try_begin().await? {
                self.wire().rollback().await?;
                self.view.pause(&mut wait).await?;
                // Mostly the holder has done what this run waits to do.
                self.view.look().await?;
                if self.view.heads() != expected {
                    return Ok(Passage::Moved);
                }
                continue;
            }
            if self.complete_tables().await? {
                match self.block(expected, resuming, &mut wait) {
                    None if self.expired_holder_is_gone().await => {
                        self.end_expired_lease().await?;
                        return Ok(Passage::Open);
                    }
                    Some(Block::Moved) => {
                        self.wire().rollback().await?;
                        return Ok(Passage::Moved);
                    }
                    Some(Block::Unfinished(row)) => {
                        self.wire().rollback().await?;
                        return Err(Unfinished::error(&row, UnfinishedReason::InTheWay));
                    }
                    // Another transaction sees the sessions anew.
                    None | Some(Block::Lease) => {}
                }
            }
            self.wire().rollback().await?;
            self.view.pause(&mut wait).await?;
        }
    }

    /// One attempt: `BEGIN`, the lock, and the look that the lock protects, in one message. False: a transaction may be
    /// open, and is to be rolled back.
    async fn try_begin(&mut self) -> Result<bool, Error> {
        let line = &mut self.view.wire.line;
        line.session.begin_work();
        let mut message = line.message(None);
        let begun = self.push_begin(&mut message);
        let mut fault = match self.view.wire.line.send(&message).await {
            Ok(results) => {
                if let Some(rows) = begun.lock_rows(&results) {
                    self.view.wire.conduct.locked(rows);
                    self.note_path();
                }
                return self.read_begin(results, begun).await;
            }
            Err(fault) => fault,
        };
        match fault.class() {
            Class::LockTimeout => return Ok(false),
            // Nothing was on its way that could have committed.
            Class::Connection if self.wire().reconnect().await => {
                tracing::info!(
                    error = fault.failure.message,
                    "the connection was lost before a step; going on over another one"
                );
                return Ok(false);
            }
            // `BEGIN … READ WRITE` on a standby.
            Class::Unsupported if fault.completed == 0 => fault.failure.class = Class::ReadOnly,
            _ => {}
        }
        Err(fault.into_error(BEGINNING, Aftermath::unchanged_by_it()))
    }

    /// Notes, once, a search path that somebody set in the session and that no setting pins.
    fn note_path(&mut self) {
        let wire = &self.view.wire;
        let is_pinned = !wire.line.bound.pin.search_path.is_empty();
        let Some(path) = wire.conduct.session_path().filter(|_| !is_pinned) else {
            return;
        };
        let search_path = path.to_owned();
        if self.notes.is_empty() {
            wire.settings.tell(&Event::SessionPath {
                search_path: &search_path,
            });
            self.notes.push(Note::SessionPath { search_path });
        }
    }

    /// Appends begin, lock and look.
    pub(super) fn push_begin(&self, message: &mut Message) -> Begun {
        let wire = &self.view.wire;
        message.own(wire.begin());
        let lock = wire.conduct.lock(&wire.line).map(|lock| {
            message.own(&lock);
            message.len() - 1
        });
        let looks = self.view.look.tables.complete();
        let look = looks.then(|| message.own_bound(&look::again(&wire.line.names)));
        Begun { lock, look }
    }

    /// Takes over the answers of [`Gate::push_begin`]. False: somebody else has the lock.
    pub(super) async fn read_begin(
        &mut self,
        mut results: Vec<StatementResult>,
        begun: Begun,
    ) -> Result<bool, Error> {
        if !begun.is_locked(&results) {
            return Ok(false);
        }
        let place = begun.look.filter(|place| *place < results.len());
        if let Some(place) = place {
            let seen = results.swap_remove(place);
            self.absorb_begin(&seen.rows).await?;
        }
        Ok(true)
    }

    /// Takes over what a begin saw: mostly what was known before, and else all of it is asked for.
    async fn absorb_begin(&mut self, rows: &[TextRow]) -> Result<(), Error> {
        let again = look::read_again(rows);
        if self.view.look.is_still(&again, self.epoch_held()) {
            self.view.look.server.now = again.server.now;
            return Ok(());
        }
        let full = look::full(&self.view.wire.line.names);
        let seen = self.view.wire.line.look_inside(&full).await;
        let seen =
            seen.map_err(|fault| fault.into_error(BEGINNING, Aftermath::unchanged_by_it()))?;
        self.view.absorb_locked(&seen)
    }

    /// Creates what is missing of limbeck's tables, in the transaction that holds the lock, and records the
    /// ancestors of the heads of a database that was taken over. False: another service, which has a lock of
    /// its own, was just creating the ledger that both share.
    async fn complete_tables(&mut self) -> Result<bool, Error> {
        if !self.view.look.tables.complete() || self.view.look.lease.is_none() {
            // What was missing before the wait may be there now: DDL on a table that is in use could
            // deadlock with whoever uses it.
            let tables = self.view.existing_tables().await?;
            let last_epoch = self.last_epoch(tables).await?;
            let line = &mut self.view.wire.line;
            let mut message = line.message(None);
            message.bound();
            if !tables.complete() {
                message.own_all(&tables::create(&line.names));
            }
            message.own(&tables::own_row(&line.names, last_epoch));
            let place = message.own_bound(&look::full(&line.names));
            let mut results = match line.send(&message).await {
                Ok(results) => results,
                // Two sessions create one table: the slower one fails, or sees it a moment later.
                Err(fault) => match fault.class() {
                    Class::Exists | Class::Duplicate | Class::Deadlock | Class::LockTimeout => {
                        return Ok(false);
                    }
                    _ => return Err(creating(fault)),
                },
            };
            let seen = results.get_mut(place).map(std::mem::take);
            self.view.absorb_locked(&seen.unwrap_or_default().rows)?;
            if self.view.look.lease.is_none() {
                return Err(not_written());
            }
        }
        let baseline = self.record.baseline(&self.view);
        if !baseline.is_empty() {
            self.send_rows(&baseline).await.map_err(creating)?;
            self.view.look.has_history = true;
        }
        Ok(true)
    }

    /// Sends many rows of the ledger, an INSERT a message: a server's limit on one is soon met by the down SQL of
    /// a long history.
    pub(super) async fn send_rows(&mut self, rows: &[Vec<String>]) -> Result<(), Fault> {
        let line = &mut self.view.wire.line;
        for statements in rows {
            let mut message = line.message(None);
            message.bound();
            message.write_all(statements);
            message.unbound();
            line.send(&message).await?;
        }
        Ok(())
    }

    /// The epoch that a new row of leases begins with.
    async fn last_epoch(&mut self, tables: Tables) -> Result<i64, Error> {
        if !tables.history {
            return Ok(0);
        }
        let line = &mut self.view.wire.line;
        let rows = line.look_inside(&tables::last_epoch(&line.names)).await;
        let epoch = look::first_cell(&rows.map_err(creating)?);
        Ok(epoch.and_then(|epoch| epoch.parse().ok()).unwrap_or(0))
    }

    /// The lease of another, and its holder.
    fn others_lease(&self) -> Option<(&look::LeaseRow, &str)> {
        let lease = self.view.look.lease.as_ref();
        let lease = lease.filter(|lease| Some(lease.epoch) != self.epoch_held())?;
        Some((lease, lease.holder.as_deref()?))
    }

    /// Tells whether nothing of the holder of an expired lease is left in the server; ends what is.
    async fn expired_holder_is_gone(&mut self) -> bool {
        let Some((lease, run)) = self.others_lease() else {
            return true;
        };
        let (epoch, run) = (lease.epoch, run.to_owned());
        let Wire { line, conduct, .. } = &mut self.view.wire;
        let is_gone = conduct.end_recorded_session(line, epoch).await;
        is_gone.unwrap_or(true) && self.wire().end_holder(&run).await
    }

    /// Moves the epoch of an expired lease on, so that nothing that its holder still sends is accepted: it may only be
    /// stopped.
    async fn end_expired_lease(&mut self) -> Result<(), Error> {
        let Some((lease, _)) = self.others_lease() else {
            return Ok(());
        };
        let seen = (lease.epoch, lease.beat);
        if let Some(lease) = self.view.look.lease.as_mut() {
            lease.holder = None;
            lease.epoch = write::next_epoch(lease.epoch);
        }
        let line = &mut self.view.wire.line;
        let mut message = line.message(None);
        message.bound();
        message.own_all(&write::end_lease(&line.names, seen));
        message.unbound();
        let ended = line.send(&message).await;
        let during = "ending an expired lease";
        ended
            .map(drop)
            .map_err(|fault| fault.into_error(during, Aftermath::unchanged()))
    }

    /// The obstacle to a step over the expected heads, as the view shows it.
    pub(super) fn block(
        &self,
        expected: &[RevisionId],
        resuming: Option<Resuming<'_>>,
        wait: &mut Wait,
    ) -> Option<Block> {
        let lease = self.view.look.lease.as_ref();
        let own = self.epoch_held();
        let live = lease.is_some_and(|lease| Some(lease.epoch) != own && !wait.is_free(lease));
        if self.view.heads() != expected {
            return Some(Block::Moved);
        }
        if live {
            return Some(Block::Lease);
        }
        let mut running = self.view.look.running.iter();
        let other = running.find(|row| !resuming.is_some_and(|step| step.is(row)));
        other.map(|row| Block::Unfinished(Box::new(row.clone())))
    }
}

/// The error of a row of leases that is not there right after it was written.
fn not_written() -> Error {
    RunError::NotAsWritten {
        during: "writing the row of leases".to_owned(),
        revision: None,
        state: Aftermath::nothing_else(),
    }
    .into()
}

fn creating(fault: Fault) -> Error {
    fault.into_error("creating limbeck's own tables", Aftermath::nothing_else())
}

/// The parts of a [`Gate::push_begin`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    /// The place of the lock's answer, where `BEGIN` itself is not the lock.
    lock: Option<usize>,
    /// The place of the look's answer, where there is one.
    look: Option<usize>,
}

impl Begun {
    fn is_locked(self, results: &[StatementResult]) -> bool {
        self.lock.is_none() || self.lock_rows(results).is_some()
    }

    /// The answer of a lock that was granted.
    fn lock_rows(self, results: &[StatementResult]) -> Option<&[TextRow]> {
        let rows = &results.get(self.lock?)?.rows;
        (look::first_cell(rows).as_deref() == Some("t")).then_some(rows.as_slice())
    }
}
