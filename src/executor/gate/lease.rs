//! The lease: one row, taken by compare-and-swap, renewed by a heartbeat on a connection of its own.
//!
//! Where DDL is transactional it is taken only inside the short transaction that holds the transaction lock,
//! so that the two mechanisms exclude each other. Elsewhere the swap alone decides: it has one winner, also
//! on a cluster whose nodes each grant locks of their own.

use std::time::Duration;

use sqlx::Pool;

use super::heartbeat::{self, Heartbeat};
use super::{Block, Gate, Passage, Resuming, creating, not_written};
use crate::backend::{ALL, Backend, Class, Conduct as _, Fault, Message, Source};
use crate::executor::error::{Error, RunError, Unfinished, UnfinishedReason};
use crate::executor::state::Aftermath;
use crate::executor::wait::Wait;
use crate::executor::wire::{ConductOf, Wire};
use crate::graph::RevisionId;
use crate::ledger::look::LeaseRow;
use crate::ledger::{tables, write};
use crate::prepare::transactional_ddl;
use crate::report::Event;

const TAKING: &str = "taking the lease";

/// The lease that this run holds.
#[derive(Debug)]
pub(super) struct OwnLease {
    epoch: i64,
    heartbeat: Option<Heartbeat>,
}

/// Where a run is dropped that has, or may have, the lease: ends its sessions in the server, and then gives the
/// lease back. Else the next run would wait until it expires.
#[derive(Debug)]
pub(super) struct GiveBack<B: Backend>(Option<Return<B>>);

impl<B: Backend> Default for GiveBack<B> {
    fn default() -> Self {
        GiveBack(None)
    }
}

impl<B: Backend> Drop for GiveBack<B> {
    fn drop(&mut self) {
        // Without a runtime the lease expires.
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let limit = work.lease;
            // After that it has expired, and the next holder ends what is left.
            runtime.spawn(tokio::time::timeout(limit, work.run()));
        }
    }
}

#[derive(Debug)]
struct Return<B: Backend> {
    pool: Pool<B>,
    sessions: String,
    release: String,
    lease: Duration,
}

/// How often the lease is given back that the run may not have had yet: its last message may still have been on
/// its way.
const RELEASES: usize = 10;

impl<B: Backend> Return<B> {
    async fn run(self) -> Option<()> {
        let mut connection = heartbeat::own(&self.pool).await.ok()?;
        loop {
            let found = B::send(&mut connection, self.sessions.clone(), vec![ALL]).await;
            let found = found.ok()?.pop().unwrap_or_default();
            if found.rows.is_empty() {
                break;
            }
            for row in &found.rows {
                if let Some(Some(id)) = row.first()
                    && let Some(kill) = B::Conduct::kill(id)
                {
                    let _ = B::send(&mut connection, kill, Vec::new()).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for _ in 0..RELEASES {
            let released = B::send(&mut connection, self.release.clone(), Vec::new()).await;
            if released.ok()?.iter().any(|result| result.affected > 0) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Some(())
    }
}

impl<S: Source> Gate<'_, S> {
    /// The epoch of the lease that this run holds.
    pub(in crate::executor) fn epoch_held(&self) -> Option<i64> {
        self.lease.as_ref().map(|lease| lease.epoch)
    }

    /// Takes the lease, over the expected heads and with no other step unfinished than the `resuming` one. Does nothing
    /// where this run holds it already.
    pub(in crate::executor) async fn take_lease(
        &mut self,
        expected: &[RevisionId],
        resuming: Option<Resuming<'_>>,
    ) -> Result<Passage, Error> {
        if self.lease.is_some() {
            // The session may be another one by now.
            self.begin_run().await?;
            return Ok(Passage::Open);
        }
        let epoch = if transactional_ddl(self.view.wire.dialect()) {
            let mut wait = Wait::new(self.view.wire.settings.lock_wait);
            loop {
                if self.enter(expected, resuming).await? == Passage::Moved {
                    return Ok(Passage::Moved);
                }
                if let Some(epoch) = self.swap_in_transaction().await? {
                    break epoch;
                }
                self.view.pause(&mut wait).await?;
            }
        } else {
            match self.swap(expected, resuming).await? {
                Some(epoch) => epoch,
                None => return Ok(Passage::Moved),
            }
        };
        self.hold_lease(epoch).await;
        if let Some(lease) = self.view.look.lease.as_mut() {
            lease.epoch = epoch;
        }
        Ok(Passage::Open)
    }

    /// Keeps the lease that was taken, and renews it. No statement of a section is sent before the heartbeat has its connection,
    /// or is known to have none.
    async fn hold_lease(&mut self, epoch: i64) {
        let mut heartbeat = self.heartbeat.take();
        let wire = &self.view.wire;
        let mut message = wire.line.marked("/* limbeck heartbeat */ ");
        message.alone(&write::renew(&wire.line.names, &wire.claim(epoch)));
        let error = match &mut heartbeat {
            Some(heartbeat) => heartbeat.beat(&message).await,
            None => None,
        };
        if let Some(error) = error {
            let settings = self.view.wire.settings;
            settings.tell(&Event::NoHeartbeat { error: &error });
        }
        self.lease = Some(OwnLease { epoch, heartbeat });
    }

    /// From here on the lease may be this run's: it is given back if the run is dropped.
    fn expect_lease(&mut self) {
        let wire = &mut self.view.wire;
        // Beside the swap, and not beside the wait for it.
        let pool = wire.beside();
        self.heartbeat = pool.map(|pool| Heartbeat::open(pool, wire.settings.lease / 3));
        let (dialect, run) = (wire.dialect(), &wire.line.run.id);
        let release = write::release(&wire.line.names, run);
        if S::Database::KEEPS_CONNECTION {
            // After the statement that the connection is in.
            wire.line.session.release_on_drop(Some(release));
            return;
        }
        let sessions = ConductOf::<S>::sessions_of(dialect, run).map(|sessions| {
            let mut message = wire.line.marked("");
            message.own(&sessions);
            message.text().to_owned()
        });
        let mut releasing = wire.line.marked("");
        releasing.alone(&[release]);
        self.give_back.0 = wire.beside().zip(sessions).map(|(pool, sessions)| Return {
            pool,
            sessions,
            release: releasing.text().to_owned(),
            lease: wire.settings.lease,
        });
    }

    /// The lease is given back, or another's.
    pub(in crate::executor) fn forget_lease(&mut self) {
        self.lease = None;
        self.heartbeat = None;
        self.give_back.0 = None;
        self.wire().line.session.release_on_drop(None);
        if let Some(row) = self.view.look.lease.as_mut() {
            row.holder = None;
        }
    }

    /// Gives the lease back in the transaction that ends the last step which needs it.
    pub(in crate::executor) fn push_release(&mut self, message: &mut Message) {
        if let Some(lease) = &mut self.lease {
            // Its next beat would take the release for a loss.
            lease.heartbeat = None;
        }
        let line = &self.view.wire.line;
        message.own(&write::release(&line.names, &line.run.id));
    }

    /// Takes the lease inside the transaction that holds the lock: nobody else can. None: somebody has the row locked, and
    /// the lock was given back.
    async fn swap_in_transaction(&mut self) -> Result<Option<i64>, Error> {
        let (statement, epoch) = self.acquire_statement();
        self.expect_lease();
        let mut message = self.view.wire.line.message(None);
        message.bound();
        let place = message.len();
        message.own(&statement);
        let wire = &self.view.wire;
        message.write_all(&[write::fence(&wire.line.names, &wire.claim(epoch))]);
        message.commit();
        let taken = self.wire().send_short(&message).await;
        let taken = match taken {
            Ok(taken) => taken,
            Err(fault) if fault.class() == Class::LockTimeout => {
                self.wire().rollback().await?;
                self.forget_lease();
                return Ok(None);
            }
            Err(fault) => {
                return Err(fault.into_error(TAKING, Aftermath::no_step_begun()));
            }
        };
        if taken.get(place).is_some_and(|result| result.affected == 1) {
            return Ok(Some(epoch));
        }
        // Nobody else could have moved it under the lock.
        self.forget_lease();
        Err(not_written())
    }

    async fn swap(
        &mut self,
        expected: &[RevisionId],
        resuming: Option<Resuming<'_>>,
    ) -> Result<Option<i64>, Error> {
        self.wire().line.session.begin_work();
        self.begin_run().await?;
        let mut wait = Wait::new(self.view.wire.settings.lock_wait);
        loop {
            if !self.ensure_tables().await? {
                self.view.pause(&mut wait).await?;
                continue;
            }
            match self.block(expected, resuming, &mut wait) {
                Some(Block::Moved) => return Ok(None),
                Some(Block::Unfinished(row)) => {
                    return Err(Unfinished::error(&row, UnfinishedReason::InTheWay));
                }
                None if self.expired_holder_is_gone().await => {}
                None | Some(Block::Lease) => {
                    self.view.pause(&mut wait).await?;
                    self.view.look().await?;
                    continue;
                }
            }
            let (statement, epoch) = self.acquire_statement();
            self.expect_lease();
            let line = &mut self.view.wire.line;
            let place = |lease: &LeaseRow| (lease.epoch, lease.beat);
            let seen = self.view.look.lease.as_ref().map(place);
            let mut refused = None;
            let is_taken = match line.send(&line.message_of(&statement)).await {
                Ok(results) => results.first().is_some_and(|result| result.affected == 1),
                // A cluster's word for "another node was first"; or somebody has the row locked.
                Err(fault) if matches!(fault.class(), Class::Deadlock | Class::LockTimeout) => {
                    refused = Some(fault);
                    false
                }
                Err(fault) => {
                    let error = fault.into_error(TAKING, Aftermath::no_step_begun());
                    self.begin_anew(error).await?;
                    self.view.pause(&mut wait).await?;
                    continue;
                }
            };
            if !is_taken {
                self.forget_lease();
            }
            // What was seen before the swap may be older than the last holder's work.
            if let Err(error) = self.view.look().await {
                self.begin_anew(error).await?;
                self.view.pause(&mut wait).await?;
                continue;
            }
            // A lease that another run took has moved.
            if refused.is_none() && self.view.look.lease.as_ref().map(place) == seen {
                self.forget_lease();
                return Err(not_written());
            }
            if !is_taken {
                match refused.filter(|fault| fault.class() == Class::LockTimeout) {
                    Some(fault) => self.view.pause_for_tables(&mut wait, fault, TAKING).await?,
                    None => self.view.pause(&mut wait).await?,
                }
                continue;
            }
            let lease = self.view.look.lease.as_ref();
            if lease.is_some_and(|lease| lease.epoch == epoch) && self.view.heads() == expected {
                return Ok(Some(epoch));
            }
            self.release_lease().await;
            return Ok(None);
        }
    }

    /// After a connection that was lost while the lease was taken, such as this run's that stood still until another
    /// one took the lease over and ended its session: nothing of a step was on its way, and all is as it was before.
    async fn begin_anew(&mut self, error: Error) -> Result<(), Error> {
        if !error.is_lost() || !self.wire().reconnect().await {
            return Err(error);
        }
        self.begin_run().await?;
        // It may be this run's, with the session that is gone.
        self.release_lease().await;
        self.view.look().await
    }

    pub(in crate::executor) async fn begin_run(&mut self) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let begun = conduct.begin_run(line).await;
        begun.map_err(|fault| {
            let during = "setting the session and asking whether this is a cluster";
            fault.into_error(during, Aftermath::unchanged())
        })
    }

    fn acquire_statement(&self) -> (String, i64) {
        let lease = self.view.look.lease.as_ref();
        let seen = lease.map_or((0, 0), |lease| (lease.epoch, lease.beat));
        let wire = &self.view.wire;
        let lease_ms = wire.settings.lease.as_millis() as u64;
        let run = &wire.line.run;
        (
            write::acquire(&wire.line.names, &run.actor, &run.id, lease_ms, seen),
            write::next_epoch(seen.0),
        )
    }

    /// Creates what is missing of limbeck's tables, where every `CREATE` commits by itself. False: another node of
    /// a cluster was just doing that.
    async fn ensure_tables(&mut self) -> Result<bool, Error> {
        if self.view.look.tables.complete() && self.view.look.lease.is_some() {
            return Ok(true);
        }
        // What was missing before the wait may be there now.
        self.view.look().await?;
        let last_epoch = self.last_epoch(self.view.look.tables).await?;
        let line = &mut self.view.wire.line;
        let mut statements = Vec::new();
        if !self.view.look.tables.complete() {
            statements = tables::create(&line.names);
        }
        statements.push(tables::own_row(&line.names, last_epoch));
        for statement in statements {
            match line.send(&line.message_of(&statement)).await {
                Ok(_) => {}
                Err(fault) if matches!(fault.class(), Class::Deadlock | Class::LockTimeout) => {
                    self.view.look().await?;
                    return Ok(false);
                }
                Err(fault) => return Err(creating(fault)),
            }
        }
        self.view.look().await?;
        if self.view.look.lease.is_none() {
            return Err(not_written());
        }
        Ok(true)
    }

    /// Records the ancestors of the heads of a database that was taken over, under the lease.
    pub(in crate::executor) async fn record_baseline(&mut self) -> Result<(), Error> {
        let baseline = self.record.baseline(&self.view);
        let Some(epoch) = self.epoch_held().filter(|_| !baseline.is_empty()) else {
            return Ok(());
        };
        let mut message = self.open_leased(epoch);
        if let Err(fault) = self.wire().line.send(&message).await {
            return Err(creating(self.wire().blocked(fault).await));
        }
        self.send_rows(&baseline).await.map_err(creating)?;
        let line = &mut self.view.wire.line;
        message = line.message(None);
        message.commit();
        line.send(&message).await.map_err(creating)?;
        self.view.look.has_history = true;
        Ok(())
    }

    /// A message that begins a transaction and renews the lease in it; refused where the lease is lost.
    pub(in crate::executor) fn open_leased(&self, epoch: i64) -> Message {
        let wire = &self.view.wire;
        let mut message = wire.line.message_of(wire.begin());
        message.bound();
        message.own_all(&write::renew(&wire.line.names, &wire.claim(epoch)));
        message
    }

    /// Brings the lease that this run holds along into the session that the run goes on in.
    pub(in crate::executor) async fn follow_session(&mut self) -> Result<(), Error> {
        if self.lease.is_none() {
            return Ok(());
        }
        self.begin_run().await?;
        match self.move_epoch().await {
            Ok(()) => {}
            Err(fault) if fault.class() == Class::Guard => {
                self.forget_lease();
                let revision = RevisionId::default();
                return Err(RunError::LeaseLost { revision }.into());
            }
            Err(fault) => {
                let during = "taking the lease along into another session";
                return Err(fault.into_error(during, Aftermath::no_step_begun()));
            }
        }
        let epoch = self.epoch_held();
        if let Some((lease, epoch)) = self.view.look.lease.as_mut().zip(epoch) {
            lease.epoch = epoch;
        }
        Ok(())
    }

    /// Gives the lease that this run holds another epoch, which a lost connection does not know.
    pub(in crate::executor) async fn move_epoch(&mut self) -> Result<(), Fault> {
        let Some(mut lease) = self.lease.take() else {
            return Ok(());
        };
        if let Some(heartbeat) = &lease.heartbeat {
            heartbeat.pause();
        }
        let wire = &mut self.view.wire;
        let moved = write::move_epoch(&wire.line.names, &wire.claim(lease.epoch));
        let mut message = wire.line.message(None);
        message.alone(&moved);
        if let Err(fault) = wire.line.send(&message).await {
            let _ = wire.rollback().await;
            return Err(fault);
        }
        self.heartbeat = lease.heartbeat.take();
        self.hold_lease(write::next_epoch(lease.epoch)).await;
        Ok(())
    }

    /// Gives the lease back. Where that fails, it expires.
    pub(in crate::executor) async fn release_lease(&mut self) {
        if self.lease.is_none() && self.give_back.0.is_none() {
            return;
        }
        // Its next beat would take the release for a loss.
        self.lease = None;
        self.heartbeat = None;
        let wire = &mut self.view.wire;
        let release = write::release(&wire.line.names, &wire.line.run.id);
        let mut message = wire.line.message(None);
        message.alone(&[release]);
        let mut released = wire.line.send(&message).await;
        if wire.line.session.is_lost() && wire.reconnect().await {
            released = wire.line.send(&message).await;
        }
        match released {
            Ok(_) => self.forget_lease(),
            Err(fault) => tracing::debug!(
                error = fault.failure.message,
                "the lease was not given back; it expires"
            ),
        }
    }
}
