//! The wire: the one connection of a run, its conduct, and all that may happen to it. A lost connection is replaced by
//! another, once nothing of the old one is left in the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::Pool;

use super::error::{Error, RunError, human};
use super::poll_pause;
use super::state::Aftermath;
use super::watch::{Ended, Watch};
use crate::backend::{
    Backend, Class, Conduct as _, Count, Fault, Identity, Line, Message, Session, Source,
    StatementResult,
};
use crate::dialect::Dialect;
use crate::dialect::repertoire::Repertoire;
use crate::dialect::session::{self, Bound, Server};
use crate::ledger::Holder;
use crate::ledger::write::Claim;
use crate::prepare::RefusedError;
use crate::settings::Settings;

/// How long a new connection is tried for: a server that restarts, or a standby that takes over.
const RECONNECT_FOR: Duration = Duration::from_secs(10);

/// How often a transaction is sent again that the server rolled back for another's sake.
pub(super) const DEADLOCKS: u32 = 5;

/// How much of a message the server's list of sessions shows at least.
const SEEN: usize = 400;

/// The conduct of a source's database.
pub(super) type ConductOf<S> = <<S as Source>::Database as Backend>::Conduct;

/// A run's connection and conduct.
pub(super) struct Wire<'a, S: Source> {
    pub settings: &'a Settings,
    pub source: &'a S,
    pub line: Line<'a, S::Database>,
    pub conduct: ConductOf<S>,
    /// A new connection was tried for in vain.
    is_cut_off: bool,
}

impl<'a, S: Source> Wire<'a, S> {
    /// Takes a connection. Nothing is sent yet.
    pub(super) async fn open(settings: &'a Settings, source: &'a S) -> Result<Self, Error> {
        let names = settings.names(S::Database::FAMILY);
        names.check().map_err(RefusedError::from)?;
        let pin = settings.pin.clone();
        pin.check(S::Database::FAMILY).map_err(RefusedError::from)?;
        let session = Session::open(source).await.map_err(connecting)?;
        Ok(Wire {
            settings,
            source,
            line: Line {
                session,
                names: names.at_first(),
                server: Server::default(),
                run: Identity::new(settings.actor()),
                bound: Bound {
                    limit: settings.lock_timeout,
                    pin,
                    before: None,
                    row_security: None,
                    repertoire: Repertoire::default(),
                },
            },
            conduct: ConductOf::<S>::default(),
            is_cut_off: false,
        })
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.line.dialect()
    }

    /// The pool of the connection; none where the caller lent it.
    pub(super) fn pool(&self) -> Option<&'a Pool<S::Database>> {
        self.source.pool()
    }

    /// A pool of one connection beside the run's, where one can be had.
    pub(super) fn beside(&self) -> Option<Pool<S::Database>> {
        self.pool().and_then(S::Database::beside)
    }

    pub(super) fn begin(&self) -> &'static str {
        session::begin(self.dialect())
    }

    /// The lease as this run holds it.
    pub(super) fn claim(&self, epoch: i64) -> Claim {
        Claim {
            epoch,
            holder: self.line.run.id.clone(),
        }
    }

    /// Sends a message that begins a transaction of its own and may end it. Where others write in between and shut out its
    /// beginning or its end, that is waited for. On a cluster two nodes' writes to one row, as the heartbeat's and a
    /// record's, meet only at the commit of one: the server rolls that one back, and it is sent again.
    pub(super) async fn send_short(
        &mut self,
        message: &Message,
    ) -> Result<Vec<StatementResult>, Fault> {
        let began = Instant::now();
        let mut attempt = 0;
        let mut results: Vec<StatementResult> = Vec::new();
        let mut commit = self.line.message(None);
        commit.commit();
        loop {
            let rest = if results.is_empty() { message } else { &commit };
            let mut fault = match self.line.send(rest).await {
                Ok(more) => {
                    results.extend(more);
                    return Ok(results);
                }
                Err(fault) => fault,
            };
            let is_undone = fault.class() == Class::Deadlock
                && results.is_empty()
                && message.is_transaction(self.begin())
                && attempt < DEADLOCKS;
            // Others have limbeck's tables locked, and nothing else is held meanwhile.
            let is_kept_out = fault.class() == Class::LockTimeout
                && !ConductOf::<S>::IS_BUSY_AT_COMMIT
                && message.is_transaction(self.begin())
                && fault.blame.is_none()
                && began.elapsed() < self.settings.lock_retry_for;
            let may_wait = ConductOf::<S>::IS_BUSY_AT_COMMIT
                && fault.class() == Class::LockTimeout
                && rest.begins_or_commits(fault.completed)
                && began.elapsed() < self.settings.lock_wait;
            if may_wait {
                results.append(&mut fault.results);
            } else if is_undone || is_kept_out {
                self.line.send(&self.line.message_of("ROLLBACK")).await?;
            } else {
                return Err(fault);
            }
            tokio::time::sleep(poll_pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Tells whether a cluster rolled a transaction back for another node's sake, which may be tried again.
    pub(super) fn is_undone(&self, fault: &Fault, deadlocks: &mut u32) -> bool {
        let is_undone = fault.class() == Class::Deadlock
            && ConductOf::<S>::RETRIES_DEADLOCKS
            && *deadlocks < DEADLOCKS;
        *deadlocks += u32::from(is_undone);
        is_undone
    }

    /// Gives way to those who have limbeck's tables locked: rolls back, so that nothing of the application's is held, and
    /// sleeps. False: this is no such fault, or its time is up.
    pub(super) async fn gives_way(
        &mut self,
        fault: &Fault,
        began: Instant,
        attempt: &mut u32,
    ) -> Result<bool, Error> {
        let waits = fault.class() == Class::LockTimeout
            && fault.blame.is_none()
            && !ConductOf::<S>::IS_BUSY_AT_COMMIT
            && began.elapsed() < self.settings.lock_retry_for;
        if waits {
            self.rollback().await?;
            tracing::info!(
                attempt,
                "limbeck's own tables were locked by others until its lock_timeout; trying again"
            );
            tokio::time::sleep(poll_pause(*attempt) * 2).await;
            *attempt += 1;
        }
        Ok(waits)
    }

    /// The fault of a statement of limbeck's own with those who have its tables locked, where that was its cause: nothing is
    /// open any more then.
    pub(super) async fn blocked(&mut self, mut fault: Fault) -> Fault {
        let is_blocked = fault.class() == Class::LockTimeout && fault.blame.is_none();
        if is_blocked && ConductOf::<S>::NAMES_TABLE_LOCKS && self.line.rollback().await.is_ok() {
            fault.blockers = self.table_blockers().await;
        }
        fault
    }

    /// The holders of locks on limbeck's own tables, as far as this session can see them.
    pub(super) async fn table_blockers(&mut self) -> Vec<Holder> {
        let queries = ConductOf::<S>::table_blockers(&self.line);
        self.holders(&queries).await
    }

    /// Sends a message whose last statement of a revision's a second connection ends when its time is up. Where there can be
    /// none, it has no limit. `is_undone`: a rollback takes back what the statement did, so that an answer behind its end
    /// counts as none; else what answered has done its work.
    pub(super) async fn send_watched(
        &mut self,
        message: &Message,
        limit: Duration,
        is_undone: bool,
    ) -> Result<Vec<StatementResult>, Fault> {
        let Some(pool) = self.beside() else {
            return self.send_short(message).await;
        };
        // No other statement of the run's begins like this one.
        let beginning: String = message.text().chars().take(SEEN).collect();
        let cancel = self.conduct.cancel_of(&mut self.line, &beginning).await?;
        let mut ending = Message::marked(self.dialect(), "");
        ending.own_all(&cancel);
        let watch = Watch {
            pool,
            ending: ending.text().to_owned(),
            limit,
            place: message.last_statement(),
        };
        let count = Arc::new(Count::new(0));
        let counted = count.subscribe();
        self.line.session.count_results(Some(count));
        let (sent, ended) = {
            // Few statements are watched: their future is no part of every call's.
            let mut sent = Box::pin(self.send_short(message));
            Box::pin(watch.over(counted, sent.as_mut())).await
        };
        self.line.session.count_results(None);
        let is_lost = matches!(&sent, Err(fault) if fault.class() == Class::Connection);
        match ended {
            Ended::InTime => return sent,
            Ended::Unsure if !is_lost => {
                // What is still on its way could end any later statement of this session.
                self.line.session.abandon();
                let gone = std::io::Error::new(
                    std::io::ErrorKind::TimedOut,
                    "the server did not say whether it ended the statement",
                );
                return Err(Fault::of_client::<S::Database>(sqlx::Error::Io(gone)));
            }
            Ended::Over if !is_lost => {
                // An end that came behind the statement meets this one.
                let _ = self.line.query("SELECT 1").await;
            }
            _ => {}
        }
        let reason = format!("canceled after {}, its statement_timeout", human(limit));
        match sent {
            Ok(results) if is_undone => Err(Fault::canceled(message, results, reason)),
            Err(mut fault) if fault.class() == Class::Canceled => {
                fault.failure.message = reason;
                Err(fault)
            }
            sent => sent,
        }
    }

    /// Ends the open transaction without a trace.
    pub(super) async fn rollback(&mut self) -> Result<(), Error> {
        let rolled_back = self.line.rollback().await;
        rolled_back.map_err(|fault| fault.into_error("rolling back", Aftermath::rolls_back()))
    }

    /// Takes another session of the same kind in place of this one, which has traces that no statement ends.
    pub(super) async fn renew(&mut self) -> Result<(), Error> {
        // A pool of one has room for the new one only then.
        let uncached = self.line.session.let_go().await;
        let opened = if uncached {
            Session::open_uncached(self.source).await
        } else {
            Session::open(self.source).await
        };
        let opened = opened.map_err(|source| {
            let state = Aftermath::nothing_run;
            let during = "connecting again for the next revision";
            RunError::no_connection(during, state(), state(), source)
        });
        self.line.session = opened?;
        self.line.session.begin_work();
        self.conduct.session_changed();
        Ok(())
    }

    /// Takes a connection whose statement cache is off, for a user's code. False: it is the one that there was.
    pub(super) async fn use_uncached(&mut self) -> Result<bool, Error> {
        if self.pool().is_none() || S::Database::KEEPS_CONNECTION {
            return Ok(false);
        }
        // A role may have room for the new one only then, beside the heartbeat's.
        self.line.session.let_go().await;
        let session = Session::open_uncached(self.source).await;
        self.line.session = session.map_err(connecting)?;
        self.line.session.begin_work();
        self.conduct.session_changed();
        Ok(true)
    }

    /// Takes another connection and ends what is left of the lost one in the server, so that nothing is on its way any more.
    /// False: that could not be had.
    pub(super) async fn reconnect(&mut self) -> bool {
        if self.pool().is_none() || S::Database::KEEPS_CONNECTION || self.is_cut_off {
            return false;
        }
        // A pool of one has room for the new one only then.
        let uncached = self.line.session.abandon();
        self.conduct.session_lost();
        let run = self.line.run.id.clone();
        let attempts = async {
            for attempt in 0.. {
                let opened = if uncached {
                    Session::open_uncached(self.source).await
                } else {
                    Session::open(self.source).await
                };
                if let Ok(session) = opened {
                    self.line.session = session;
                    self.line.session.begin_work();
                    if self.end_holder(&run).await {
                        return;
                    }
                    if !self.line.session.is_lost() {
                        self.wait_until_gone(&run).await;
                        return;
                    }
                    self.line.session.abandon();
                }
                tokio::time::sleep(poll_pause(attempt)).await;
            }
        };
        let is_back = tokio::time::timeout(RECONNECT_FOR, attempts).await.is_ok();
        self.is_cut_off = !is_back;
        is_back
    }

    /// Ends a run's sessions until there is none. A server ends them within moments.
    async fn wait_until_gone(&mut self, run: &str) {
        for attempt in 0.. {
            tokio::time::sleep(poll_pause(attempt)).await;
            if self.end_holder(run).await {
                return;
            }
        }
    }

    /// Ends the sessions in which a run may still be running a statement: the death of a client does not end it. False: one
    /// was still there; look again before taking its place.
    pub(super) async fn end_holder(&mut self, run: &str) -> bool {
        let Some(query) = ConductOf::<S>::sessions_of(self.dialect(), run) else {
            return true;
        };
        match self.line.query(&query).await {
            Ok(rows) => {
                for row in &rows {
                    let Some(Some(id)) = row.first() else {
                        continue;
                    };
                    tracing::warn!(session = id, "ending a session that a run left behind");
                    if let Some(kill) = ConductOf::<S>::kill(id) {
                        // A session that ended by itself in between is as good.
                        let _ = self.line.query(&kill).await;
                    }
                }
                rows.is_empty()
            }
            Err(fault) => {
                tracing::warn!(
                    error = fault.failure.message,
                    "this role cannot end a session that a run left behind; waiting for it"
                );
                false
            }
        }
    }

    /// The holders that the first of the conduct's queries names which this role may ask and which finds any; for messages,
    /// so it never fails.
    pub(super) async fn holders(&mut self, queries: &[String]) -> Vec<Holder> {
        for query in queries {
            match self.line.query(query).await {
                Ok(rows) if rows.is_empty() => {}
                Ok(rows) => return rows.iter().map(|row| Holder::of_session(row)).collect(),
                Err(fault) => tracing::debug!(
                    error = fault.failure.message,
                    "this role may not see who is in the way"
                ),
            }
        }
        Vec::new()
    }

    /// The orderly end: the session is what it was, and the connection goes back or is closed.
    pub(super) async fn close(mut self) {
        let _ = self.conduct.end_run(&mut self.line).await;
        let _ = self.conduct.restore(&mut self.line).await;
        self.line.session.end().await;
    }
}

fn connecting(source: sqlx::Error) -> Error {
    let (lost, rejected) = (Aftermath::not_connected(), Aftermath::not_let_in());
    RunError::no_connection("connecting", lost, rejected, source)
}
