//! The lease: one row, taken by compare-and-swap, renewed by a heartbeat on a connection of its own.
//!
//! Where DDL is transactional it is taken only inside the short transaction that holds the transaction lock,
//! so that the two mechanisms exclude each other. Elsewhere the swap alone decides: it has one winner, also
//! on a cluster whose nodes each grant locks of their own.

use std::time::Duration;

use sqlx::Pool;
use tokio::task::JoinHandle;

use super::lock::{Block, Gate, Resuming, Wait, unfinished};
use super::lost::is_lost;
use super::message::Message;
use super::{Run, UnfinishedReason};
use crate::backend::{ALL, Backend, Class, Source};
use crate::dialect::{catalog, session};
use crate::error::Error;
use crate::ledger::{tables, write};
use crate::prepare::transactional_ddl;

/// Where the connection was lost, the lease may be taken all the same: it expires.
const NOT_BEGUN: &str = "No step was begun. Start again";

/// The lease that this run holds.
#[derive(Debug)]
pub(super) struct OwnLease {
    pub epoch: i64,
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
        let mut connection = self.pool.acquire().await.ok()?;
        loop {
            let found = B::send(&mut connection, self.sessions.clone(), vec![ALL]).await;
            let found = found.ok()?.pop().unwrap_or_default();
            if found.rows.is_empty() {
                break;
            }
            for row in &found.rows {
                if let Some(Some(id)) = row.first()
                    && let Some(kill) = session::kill(B::FAMILY, id)
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

/// Ends the heartbeat when the lease is given back, or the run is dropped.
#[derive(Debug)]
struct Heartbeat(JoinHandle<()>);

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S: Source> Run<'_, S> {
    /// Takes the lease, over the expected heads and with no other step unfinished than the `resuming` one.
    /// False: the heads have moved. Does nothing where this run holds it already.
    pub(super) async fn take_lease(
        &mut self,
        expected: &[String],
        resuming: Option<Resuming<'_>>,
    ) -> Result<bool, Error> {
        if self.lease.is_some() {
            return Ok(true);
        }
        let epoch = if transactional_ddl(self.dialect()) {
            if self.begin_locked(expected, resuming).await? == Gate::Moved {
                return Ok(false);
            }
            self.swap_in_transaction().await?
        } else {
            match self.swap(expected, resuming).await? {
                Some(epoch) => epoch,
                None => return Ok(false),
            }
        };
        self.hold_lease(epoch);
        if let Some(lease) = self.look.lease.as_mut() {
            lease.epoch = epoch;
        }
        Ok(true)
    }

    /// Keeps the lease that was taken, and renews it.
    pub(super) fn hold_lease(&mut self, epoch: i64) {
        let beside = self.source.pool().and_then(S::Database::beside);
        self.lease = Some(OwnLease {
            epoch,
            heartbeat: beside.map(|pool| self.start_heartbeat(pool, epoch)),
        });
    }

    /// From here on the lease may be this run's: it is given back if the run is dropped.
    fn expect_lease(&mut self) {
        let release = write::release(&self.names, &self.id);
        if S::Database::KEEPS_CONNECTION {
            // After the statement that the connection is in.
            self.session.release_on_drop(Some(release));
            return;
        }
        let mut message = Message::marked(self.dialect(), "");
        message.own_all(&session::alone(self.dialect(), vec![release]));
        let release = message.text().to_owned();
        let beside = self.source.pool().and_then(S::Database::beside);
        let sessions = catalog::sessions_of(self.dialect(), &self.id).map(|query| {
            let mut message = Message::marked(self.dialect(), "");
            message.own(&query);
            message.text().to_owned()
        });
        self.give_back.0 = beside.zip(sessions).map(|(pool, sessions)| Return {
            pool,
            sessions,
            release,
            lease: self.settings.lease,
        });
    }

    /// Whether the lease is this run's, or may be.
    pub(super) fn may_hold_lease(&self) -> bool {
        self.lease.is_some() || self.give_back.0.is_some()
    }

    /// The lease is given back, or another's.
    pub(super) fn forget_lease(&mut self) {
        self.lease = None;
        self.give_back.0 = None;
        self.session.release_on_drop(None);
        if let Some(row) = self.look.lease.as_mut() {
            row.holder = None;
        }
    }

    /// Gives the lease back in the transaction that ends the last step which needs it.
    pub(super) fn push_release(&mut self, message: &mut Message) {
        if let Some(lease) = &mut self.lease {
            // Its next beat would take the release for a loss.
            lease.heartbeat = None;
        }
        message.own(&write::release(&self.names, &self.id));
    }

    /// Inside the transaction that holds the lock nobody else can take the lease.
    async fn swap_in_transaction(&mut self) -> Result<i64, Error> {
        let (statement, epoch) = self.acquire_statement();
        self.expect_lease();
        let mut message = self.message(None);
        message.own(&statement);
        message.commit();
        let taken = self.send_short(&message).await;
        let taken = taken.map_err(|fault| self.fault("taking the lease", NOT_BEGUN, fault))?;
        if taken.first().is_some_and(|result| result.affected == 1) {
            return Ok(epoch);
        }
        // Only an edit by hand, without the lock, gets here.
        self.forget_lease();
        Err(super::RunError::LeaseLost {
            revision: String::new(),
        }
        .into())
    }

    async fn swap(
        &mut self,
        expected: &[String],
        resuming: Option<Resuming<'_>>,
    ) -> Result<Option<i64>, Error> {
        self.session.begin_work();
        self.read_in_order().await?;
        let mut wait = Wait::new(self.settings.lock_wait);
        loop {
            if !self.ensure_tables().await? {
                self.pause(&mut wait).await?;
                continue;
            }
            match self.block(expected, resuming, &mut wait) {
                Some(Block::Moved) => return Ok(None),
                Some(Block::Unfinished(row)) => {
                    return Err(unfinished(&row, UnfinishedReason::InTheWay));
                }
                Some(Block::Lease) => {
                    self.pause(&mut wait).await?;
                    self.look().await?;
                    continue;
                }
                None => {}
            }
            if !self.expired_holder_is_gone().await {
                self.pause(&mut wait).await?;
                self.look().await?;
                continue;
            }
            let (statement, epoch) = self.acquire_statement();
            self.expect_lease();
            let mut message = self.message(None);
            message.own(&statement);
            let is_taken = match self.send(&message).await {
                Ok(results) => results.first().is_some_and(|result| result.affected == 1),
                // A cluster's word for "another node was first".
                Err(fault) if fault.failure.class == Class::Deadlock => false,
                Err(fault) => {
                    let error = self.fault("taking the lease", NOT_BEGUN, fault);
                    self.begin_anew(error).await?;
                    self.pause(&mut wait).await?;
                    continue;
                }
            };
            if !is_taken {
                self.forget_lease();
            }
            // What was seen before the swap may be older than the last holder's work.
            if let Err(error) = self.look().await {
                self.begin_anew(error).await?;
                self.pause(&mut wait).await?;
                continue;
            }
            if !is_taken {
                self.pause(&mut wait).await?;
                continue;
            }
            let holds = self
                .look
                .lease
                .as_ref()
                .is_some_and(|lease| lease.epoch == epoch);
            if holds && self.heads() == expected {
                return Ok(Some(epoch));
            }
            self.release_lease().await;
            return Ok(None);
        }
    }

    /// After a connection that was lost while the lease was taken, such as this run's that stood still until another
    /// one took the lease over and ended its session: nothing of a step was on its way, and all is as it was before.
    async fn begin_anew(&mut self, error: Error) -> Result<(), Error> {
        if !is_lost(&error) || !self.reconnect().await {
            return Err(error);
        }
        self.read_in_order().await?;
        // It may be this run's, with the session that is gone.
        self.release_lease().await;
        self.look().await
    }

    /// A `COMMIT` of limbeck's is to end the transaction and nothing else, whatever the session's defaults are. And
    /// on a Galera cluster a node may not have applied yet what another one has committed: from here on what
    /// this session reads, it reads after all that came before.
    async fn read_in_order(&mut self) -> Result<(), Error> {
        if self.is_run_set {
            return Ok(());
        }
        let during = "setting the session and asking whether this is a cluster";
        let mut message = self.message(None);
        message.own(session::MYSQL_BEGIN_RUN);
        message.own(session::CLUSTER);
        let asked = self.send(&message).await;
        let mut asked = asked.map_err(|fault| self.fault(during, "Nothing was changed", fault))?;
        let cluster = asked.pop().map(|result| result.rows).unwrap_or_default();
        let value = |name: &str| {
            let row = cluster
                .iter()
                .find(|row| matches!(&row[..], [Some(n), ..] if n.eq_ignore_ascii_case(name)));
            row.and_then(|row| row.get(1).cloned().flatten())
        };
        self.is_run_set = true;
        if value("wsrep_on").is_none_or(|on| on != "ON") {
            return Ok(());
        }
        let set = self.query(&session::sync_wait("7")).await;
        set.map_err(|fault| self.fault(during, "Nothing was changed", fault))?;
        self.sync_wait = value("wsrep_sync_wait");
        Ok(())
    }

    fn acquire_statement(&self) -> (String, i64) {
        let seen = self
            .look
            .lease
            .as_ref()
            .map_or((0, 0), |lease| (lease.epoch, lease.beat));
        let lease_ms = self.settings.lease.as_millis() as u64;
        (
            write::acquire(&self.names, &self.actor, &self.id, lease_ms, seen),
            write::next_epoch(seen.0),
        )
    }

    /// Creates what is missing of limbeck's tables, where every `CREATE` commits by itself. False: another node of
    /// a cluster was just doing that.
    async fn ensure_tables(&mut self) -> Result<bool, Error> {
        if self.look.tables.complete() && self.look.lease.is_some() {
            return Ok(true);
        }
        // What was missing before the wait may be there now.
        self.look().await?;
        let last_epoch = self.last_epoch(self.look.tables).await?;
        let mut statements = Vec::new();
        if !self.look.tables.complete() {
            statements = tables::create(&self.names);
        }
        statements.push(tables::own_row(&self.names, last_epoch));
        for statement in statements {
            let mut message = self.message(None);
            message.own(&statement);
            match self.send(&message).await {
                Ok(_) => {}
                Err(fault) if fault.failure.class == Class::Deadlock => {
                    self.look().await?;
                    return Ok(false);
                }
                Err(fault) => return Err(self.creating(fault)),
            }
        }
        self.look().await?;
        Ok(true)
    }

    /// Records the ancestors of the heads of a database that was taken over, under the lease.
    pub(super) async fn record_baseline(&mut self) -> Result<(), Error> {
        let baseline = self.baseline();
        let Some(lease) = self.lease.as_ref().filter(|_| !baseline.is_empty()) else {
            return Ok(());
        };
        let renew = write::renew(&self.names, &self.claim(lease.epoch));
        let mut message = self.message(None);
        message.own("START TRANSACTION");
        message.own_all(&renew);
        self.send(&message)
            .await
            .map_err(|fault| self.creating(fault))?;
        self.send_rows(&baseline)
            .await
            .map_err(|fault| self.creating(fault))?;
        let mut message = self.message(None);
        message.commit();
        self.send(&message)
            .await
            .map_err(|fault| self.creating(fault))?;
        self.look.has_history = true;
        Ok(())
    }

    fn start_heartbeat(&self, pool: Pool<S::Database>, epoch: i64) -> Heartbeat {
        let mut message = Message::marked(self.dialect(), "/* limbeck heartbeat */ ");
        let renew = write::renew(&self.names, &self.claim(epoch));
        message.own_all(&session::alone(self.dialect(), renew));
        Heartbeat(tokio::spawn(beat(pool, message, self.settings.lease / 3)))
    }

    /// Gives the lease back. Where that fails, it expires.
    pub(super) async fn release_lease(&mut self) {
        if !self.may_hold_lease() {
            return;
        }
        // Its next beat would take the release for a loss.
        self.lease = None;
        let mut message = self.message(None);
        let release = write::release(&self.names, &self.id);
        message.own_all(&session::alone(self.dialect(), vec![release]));
        let mut released = self.send(&message).await;
        if self.session.is_lost() && self.reconnect().await {
            released = self.send(&message).await;
        }
        match released {
            Ok(_) => self.forget_lease(),
            Err(fault) => tracing::debug!(
                error = fault.failure.message,
                "the lease was not given back; it expires"
            ),
        }
    }

    /// What a run needs of the session ends with it.
    pub(super) async fn end_run_settings(&mut self) {
        if !std::mem::take(&mut self.is_run_set) {
            return;
        }
        if let Some(before) = self.sync_wait.take() {
            let _ = self.query(&session::sync_wait(&before)).await;
        }
        let _ = self.query(session::MYSQL_END_RUN).await;
    }
}

/// Raises the counter until the lease is lost or given back. A busy database only delays it: no step can be
/// taken over while the database takes no writes.
async fn beat<B: Backend>(pool: Pool<B>, message: Message, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Ok(mut connection) = pool.acquire().await else {
            continue;
        };
        if let Err(failed) = B::send(&mut connection, message.text().to_owned(), Vec::new()).await {
            let failure = B::explain(&failed.error);
            let _ = B::send(&mut connection, "ROLLBACK".to_owned(), Vec::new()).await;
            if failure.class == Class::Guard {
                tracing::warn!("the lease is lost: another process took it over");
                return;
            }
            tracing::debug!(
                error = failure.message,
                "the lease was not renewed this time"
            );
        }
    }
}
