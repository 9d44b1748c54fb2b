//! Getting the transaction lock, and waiting for whoever is in the way. A waiter polls, with short
//! statements and between them no transaction: it never sits inside a blocking call, whose snapshot a
//! `CREATE INDEX CONCURRENTLY` would wait for.

use std::time::{Duration, Instant};

use super::error::{RunError, Unfinished, UnfinishedReason};
use super::{Event, Fault, Run, poll_pause};
use crate::backend::{Backend as _, Class, Source, StatementResult};
use crate::dialect::{Dialect, catalog, session};
use crate::error::Error;
use crate::ledger::look::{self, LeaseRow, Tables};
use crate::ledger::{Holder, LedgerEntry, tables, write};
use crate::plan::Step;

/// A wait for a lock, bounded, and what it has seen of the lease.
pub(super) struct Wait {
    began: Instant,
    limit: Duration,
    attempt: u32,
    /// Epoch and counter of the lease as they were seen first, and when.
    seen: Option<((i64, i64), Instant)>,
}

impl Wait {
    pub(super) fn new(limit: Duration) -> Wait {
        Wait {
            began: Instant::now(),
            limit,
            attempt: 0,
            seen: None,
        }
    }

    /// Whether the lease is nobody's, or its holder has not moved its counter for as long as it said: by
    /// this process's own monotonic clock, since no two clocks are compared.
    pub(super) fn is_free(&mut self, lease: &LeaseRow) -> bool {
        if lease.holder.is_none() {
            return true;
        }
        let state = (lease.epoch, lease.beat);
        match self.seen {
            Some((seen, since)) if seen == state => {
                since.elapsed() >= Duration::from_millis(lease.lease_ms)
            }
            _ => {
                self.seen = Some((state, Instant::now()));
                false
            }
        }
    }

    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.limit
    }
}

/// Whether a step may begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Gate {
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

    fn is(self, row: &LedgerEntry) -> bool {
        row.revision == self.revision && row.action.name() == self.action
    }
}

/// Who is in the way of a step, though the lock is free.
pub(super) enum Block {
    Moved,
    Lease,
    Unfinished(Box<LedgerEntry>),
}

impl<S: Source> Run<'_, S> {
    /// Opens a transaction that holds the lock, over the expected heads, with limbeck's tables in place and
    /// nobody's lease or unfinished step in the way, except the `resuming` one.
    pub(super) async fn begin_locked(
        &mut self,
        expected: &[String],
        resuming: Option<Resuming<'_>>,
    ) -> Result<Gate, Error> {
        let mut wait = Wait::new(self.settings.lock_wait);
        loop {
            if self.try_begin().await? {
                if !self.complete_tables().await? {
                    self.rollback().await?;
                    self.pause(&mut wait).await?;
                    continue;
                }
                match self.block(expected, resuming, &mut wait) {
                    None if self.expired_holder_is_gone().await => {
                        self.end_expired_lease().await?;
                        return Ok(Gate::Open);
                    }
                    // Another transaction sees the sessions anew.
                    None => self.rollback().await?,
                    Some(Block::Moved) => {
                        self.rollback().await?;
                        return Ok(Gate::Moved);
                    }
                    Some(Block::Unfinished(row)) => {
                        self.rollback().await?;
                        return Err(unfinished(&row, UnfinishedReason::InTheWay));
                    }
                    Some(Block::Lease) => self.rollback().await?,
                }
            } else {
                self.rollback().await?;
                self.pause(&mut wait).await?;
                // Mostly the holder has done what this run waits to do.
                self.look().await?;
                if self.heads() != expected {
                    return Ok(Gate::Moved);
                }
                continue;
            }
            self.pause(&mut wait).await?;
        }
    }

    /// One attempt: `BEGIN`, the lock, and the look that the lock protects. PostgreSQL answers all three in
    /// one message. False: a transaction may be open, and is to be rolled back.
    async fn try_begin(&mut self) -> Result<bool, Error> {
        self.session.begin_work();
        let mut message = self.message(None);
        let locked = self.push_begin(&mut message);
        match self.send(&message).await {
            Ok(mut results) => {
                let seen = self.look.tables.complete().then(|| results.pop()).flatten();
                let has_lock = locked.is_held(&results);
                if let Some(lock) = locked.lock.filter(|_| has_lock && self.saved.is_none()) {
                    self.saved = Some(settings(&results[lock].rows));
                }
                if has_lock && let Some(seen) = seen {
                    self.absorb_begin(&seen.rows).await?;
                }
                Ok(has_lock)
            }
            Err(fault) if fault.failure.class == Class::LockTimeout => Ok(false),
            // Nothing was on its way that could have committed.
            Err(fault) if fault.failure.class == Class::Connection && self.reconnect().await => {
                tracing::info!(
                    error = fault.failure.message,
                    "the connection was lost before a step; going on over another one"
                );
                Ok(false)
            }
            Err(mut fault) => {
                // PostgreSQL's word for `BEGIN … READ WRITE` on a standby.
                if fault.completed == 0 && fault.failure.code.as_deref() == Some("0A000") {
                    fault.failure.class = Class::ReadOnly;
                }
                let state = "Nothing was changed by it. Start again";
                Err(self.fault("beginning a step", state, fault))
            }
        }
    }

    /// Appends begin, lock and look; says where their results will be.
    pub(super) fn push_begin(&self, message: &mut super::Message) -> Locked {
        message.own(self.begin_short());
        let mut locked = Locked::default();
        if self.dialect() == Dialect::Postgres {
            locked.lock = Some(message.len());
            message.own(&match self.saved {
                None => session::try_lock_and_read_settings(&self.names, &self.server),
                Some(_) => session::try_lock(&self.names, &self.server),
            });
        }
        if self.look.tables.complete() {
            message.own(&look::again(&self.names));
        }
        locked
    }

    /// What a begin saw: mostly what was known before, and else all of it is asked for.
    pub(super) async fn absorb_begin(&mut self, rows: &[look::TextRow]) -> Result<(), Error> {
        let again = look::read(S::Database::FAMILY, rows, Tables::ALL);
        let own = self.lease.as_ref().map(|lease| lease.epoch);
        if self.look.is_still(&again, own) {
            self.look.server.now = again.server.now;
            return Ok(());
        }
        let seen = self.query(&look::full(&self.names)).await;
        let state = "Nothing was changed by it. Start again";
        let seen = seen.map_err(|fault| self.fault("beginning a step", state, fault))?;
        self.absorb_locked(&seen)
    }

    /// A look from inside the transaction: the session's own facts stay those of the first look.
    pub(super) fn absorb_locked(&mut self, rows: &[look::TextRow]) -> Result<(), Error> {
        let mut look = look::read(S::Database::FAMILY, rows, Tables::ALL);
        let now = std::mem::take(&mut look.server.now);
        look.server = self.server.clone();
        look.server.now = now;
        look.server.in_transaction = false;
        self.absorb(look)
    }

    /// Creates what is missing of limbeck's tables, in the transaction that holds the lock, and records the
    /// ancestors of the heads of a database that was taken over. False: another service, which has a lock of
    /// its own, was just creating the ledger that both share.
    async fn complete_tables(&mut self) -> Result<bool, Error> {
        if !self.look.tables.complete() || self.look.lease.is_none() {
            // What was missing before the wait may be there now: DDL on a table that is in use could
            // deadlock with whoever uses it.
            let tables = self.existing_tables().await?;
            let last_epoch = self.last_epoch(tables).await?;
            let mut message = self.message(None);
            if !tables.complete() {
                message.own_all(&tables::create(&self.names));
            }
            message.own(&tables::own_row(&self.names, last_epoch));
            message.own(&look::full(&self.names));
            let mut results = match self.send(&message).await {
                Ok(results) => results,
                Err(fault) if is_lost_race(&fault) => return Ok(false),
                Err(fault) => return Err(self.creating(fault)),
            };
            let seen = results.pop().unwrap_or_default();
            self.absorb_locked(&seen.rows)?;
        }
        let baseline = self.baseline();
        if !baseline.is_empty() {
            self.send_rows(&baseline)
                .await
                .map_err(|fault| self.creating(fault))?;
            self.look.has_history = true;
        }
        Ok(true)
    }

    /// The epoch that a new row of leases begins with.
    pub(super) async fn last_epoch(&mut self, tables: Tables) -> Result<i64, Error> {
        if !tables.history {
            return Ok(0);
        }
        let rows = self.query(&tables::last_epoch(&self.names)).await;
        let rows = rows.map_err(|fault| self.creating(fault))?;
        Ok(look::first_cell(&rows)
            .and_then(|epoch| epoch.parse().ok())
            .unwrap_or(0))
    }

    pub(super) fn creating(&self, fault: Fault) -> Error {
        self.fault(
            "creating limbeck's own tables",
            "Nothing else was changed",
            fault,
        )
    }

    /// Whether nothing of the holder of an expired lease is left in the server; ends what is.
    pub(super) async fn expired_holder_is_gone(&mut self) -> bool {
        let own = self.lease.as_ref().map(|lease| lease.epoch);
        let lease = self
            .look
            .lease
            .as_ref()
            .filter(|lease| Some(lease.epoch) != own);
        match lease.and_then(|lease| lease.holder.clone()) {
            Some(run) => self.end_recorded_session().await && self.end_holder(&run).await,
            None => true,
        }
    }

    /// A holder whose lease has expired may only be stopped: the epoch moves on, so that nothing it still
    /// sends is accepted.
    async fn end_expired_lease(&mut self) -> Result<(), Error> {
        let own = self.lease.as_ref().map(|lease| lease.epoch);
        let Some(lease) = self
            .look
            .lease
            .as_mut()
            .filter(|l| l.holder.is_some() && Some(l.epoch) != own)
        else {
            return Ok(());
        };
        let statements = write::end_lease(&self.names, (lease.epoch, lease.beat));
        lease.holder = None;
        lease.epoch = write::next_epoch(lease.epoch);
        let mut message = self.message(None);
        message.own_all(&statements);
        let ended = self.send(&message).await;
        ended
            .map(drop)
            .map_err(|fault| self.fault("ending an expired lease", "Nothing was changed", fault))
    }

    pub(super) fn block(
        &self,
        expected: &[String],
        resuming: Option<Resuming<'_>>,
        wait: &mut Wait,
    ) -> Option<Block> {
        let own = self.lease.as_ref().map(|lease| lease.epoch);
        let lease = self.look.lease.as_ref();
        let live = lease.is_some_and(|lease| Some(lease.epoch) != own && !wait.is_free(lease));
        if self.heads() != expected {
            return Some(Block::Moved);
        }
        if live {
            return Some(Block::Lease);
        }
        let other = self
            .look
            .running
            .iter()
            .find(|row| !resuming.is_some_and(|step| step.is(row)));
        other.map(|row| Block::Unfinished(Box::new(row.clone())))
    }

    /// Ends the open transaction without a trace.
    pub(super) async fn rollback(&mut self) -> Result<(), Error> {
        let mut message = self.message(None);
        message.own("ROLLBACK");
        match self.send(&message).await {
            Ok(_) => Ok(()),
            // SQLite, where a busy BEGIN opened nothing, or an error ended the transaction by itself.
            Err(fault) if fault.failure.message.contains("no transaction is active") => Ok(()),
            Err(fault) => Err(self.fault(
                "rolling back",
                "The server rolls the step back itself when it notices that the connection is gone",
                fault,
            )),
        }
    }

    /// Sleeps between two attempts; ends the wait when its time is up.
    pub(super) async fn pause(&mut self, wait: &mut Wait) -> Result<(), Error> {
        let is_first = wait.attempt == 0;
        if is_first || wait.is_over() {
            let holder = self.holder().await;
            let waited = wait.began.elapsed();
            self.emit(&Event::Waiting {
                holder: &holder,
                waited,
            });
            if wait.is_over() {
                return Err(RunError::LockTimeout {
                    waited,
                    holder: Box::new(holder),
                }
                .into());
            }
        }
        tokio::time::sleep(poll_pause(wait.attempt)).await;
        wait.attempt += 1;
        Ok(())
    }

    /// Waits until nothing runs: no live lease and no step begun by another.
    pub(super) async fn wait_for_quiet(&mut self) -> Result<(), Error> {
        let mut wait = Wait::new(self.settings.lock_wait);
        loop {
            self.look().await?;
            let free = self
                .look
                .lease
                .as_ref()
                .is_none_or(|lease| wait.is_free(lease));
            match self.look.running.first() {
                None if free => return Ok(()),
                Some(row) if free => return Err(unfinished(row, UnfinishedReason::InTheWay)),
                _ => self.pause(&mut wait).await?,
            }
        }
    }

    /// Who holds the lock, as far as this session can see; for events and errors, so it never fails.
    pub(crate) async fn holder(&mut self) -> Holder {
        if let Some(lease) = self
            .look
            .lease
            .as_ref()
            .filter(|lease| lease.holder.is_some())
        {
            let running = self.look.running.last();
            let mut holder = Holder {
                host: lease.host.clone(),
                pid: lease.pid,
                application: lease.application.clone(),
                session: lease.session.clone(),
                since: lease.since.clone(),
                revision: running.map(|row| row.revision.clone()),
                statement: running.and_then(|row| row.statement.clone()),
            };
            // Where a statement shares its transaction with its record, only the server shows it.
            let run = lease.holder.clone().unwrap_or_default();
            if holder.statement.is_none()
                && let Some(query) = catalog::statement_of(self.dialect(), &run)
            {
                let rows = self.query(&query).await.unwrap_or_default();
                if let Some(seen) = rows.first().map(|row| read_holder(row)) {
                    holder.revision = holder.revision.or(seen.revision);
                    holder.statement = seen.statement;
                }
            }
            return holder;
        }
        if self.dialect() != Dialect::Postgres {
            return Holder::default();
        }
        let rows = self
            .query(&session::lock_holder(&self.names, &self.server))
            .await
            .unwrap_or_default();
        rows.first().map(|row| read_holder(row)).unwrap_or_default()
    }
}

/// Two sessions that create one table: the slower one fails, or sees it a moment later.
fn is_lost_race(fault: &Fault) -> bool {
    let is_duplicate = matches!(
        fault.failure.code.as_deref(),
        Some("23505" | "42P07" | "42710")
    );
    is_duplicate || fault.failure.class == Class::Deadlock
}

/// Where in a message's results the answers of [`Run::push_begin`] stand; the look's is the last.
#[derive(Debug, Default)]
pub(super) struct Locked {
    pub lock: Option<usize>,
}

impl Locked {
    /// Where `BEGIN` itself is not the lock, the server said whether it gave it.
    pub(super) fn is_held(&self, results: &[StatementResult]) -> bool {
        self.lock.is_none_or(|index| {
            let answer = results
                .get(index)
                .and_then(|result| look::first_cell(&result.rows));
            answer.as_deref() == Some("t")
        })
    }
}

/// What [`session::try_lock_and_read_settings`] gave.
fn settings(rows: &[look::TextRow]) -> Vec<(String, String)> {
    rows.iter()
        .filter_map(|row| match row.as_slice() {
            [_, _, Some(name), Some(value)] => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

/// A row of [`session::lock_holder`]: the marker in the query's text tells more than the server knows.
pub(super) fn read_holder(row: &[Option<String>]) -> Holder {
    let text = |index: usize| row.get(index).cloned().flatten();
    let query = text(4).unwrap_or_default();
    let marker = query
        .strip_prefix("/* limbeck ")
        .and_then(|rest| rest.split_once(" */"));
    let application = text(1).unwrap_or_default();
    // Code of the user's sends statements of its own.
    let shown = application
        .strip_prefix("limbeck ")
        .filter(|words| words.contains('='));
    let field = |name: &str| {
        let words = marker.map(|(words, _)| words).or(shown)?;
        words
            .split("; ")
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    Holder {
        host: field("host").or_else(|| text(2)),
        pid: field("pid").and_then(|pid| pid.parse().ok()),
        application: field("application").or_else(|| {
            Some(application.clone()).filter(|name| !name.is_empty() && shown.is_none())
        }),
        session: text(0),
        since: text(3),
        revision: field("revision"),
        statement: Some(
            marker
                .map_or(query.as_str(), |(_, rest)| without_own(rest))
                .trim(),
        )
        .filter(|statement| !statement.is_empty())
        .map(str::to_owned),
    }
}

/// How limbeck's own statements begin that stand before a revision's in its message.
const OWN: [&str; 7] = [
    "BEGIN ISOLATION LEVEL",
    "START TRANSACTION",
    "SAVEPOINT limbeck_step",
    "SET LOCAL lock_timeout",
    "SET LOCAL statement_timeout",
    "SET SESSION lock_wait_timeout",
    "SELECT IF(EXISTS (SELECT 1 FROM",
];

fn without_own(message: &str) -> &str {
    let mut rest = message.trim_start();
    while OWN.iter().any(|own| rest.starts_with(own)) {
        let Some((_, behind)) = rest.split_once("\n;\n") else {
            break;
        };
        rest = behind.trim_start();
    }
    rest
}

pub(super) fn unfinished(row: &LedgerEntry, reason: UnfinishedReason) -> Error {
    RunError::Unfinished(Box::new(Unfinished {
        step: row.clone(),
        reason,
    }))
    .into()
}
