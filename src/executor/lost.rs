//! A connection that was lost in the middle of a step. What the server made of the last message is read again
//! over another connection, once nothing of the old one is left in the server: it is never guessed.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::error::RunError;
use super::session::Session;
use super::stepwise::Underway;
use super::{Run, poll_pause};
use crate::backend::{Backend as _, Class, Source};
use crate::dialect::session;
use crate::error::Error;
use crate::ledger::write;
use crate::plan::Step;
use crate::prepare::Prepared;

/// How long a new connection is tried for: a server that restarts, or a standby that takes over.
const RECONNECT_FOR: Duration = Duration::from_secs(10);

/// What became of a step that no transaction holds.
pub(super) enum Settled {
    /// All of it, its end included.
    Done(Underway),
    /// This is what to tell.
    Stopped(Error),
}

/// Which row of the ledger a step of this run wrote.
pub(super) enum Own {
    /// The one that began at this time, by the database's clock.
    Since(DateTime<Utc>),
    /// The one under this lease.
    Epoch(i64),
}

pub(super) fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Run(run) if matches!(**run, RunError::Connection { .. }))
}

/// The same error, with what was found out about the state of the database.
fn with_state(error: Error, known: &str) -> Error {
    match error {
        Error::Run(mut run) => {
            if let RunError::Connection { state, .. } = &mut *run {
                *state = known.to_owned();
            }
            Error::Run(run)
        }
        other => other,
    }
}

impl<S: Source> Run<'_, S> {
    /// Takes another connection and ends what is left of the lost one in the server, so that nothing is on
    /// its way any more. False: that was not to be had.
    pub(super) async fn reconnect(&mut self) -> bool {
        if self.source.pool().is_none() || S::Database::KEEPS_CONNECTION || self.is_cut_off {
            return false;
        }
        // A pool of one has room for the new one only then.
        let uncached = self.session.abandon();
        self.saved = None;
        self.is_session_set = false;
        self.is_run_set = false;
        let run = self.id.clone();
        let attempts = async {
            for attempt in 0.. {
                let opened = if uncached {
                    Session::open_uncached(self.source).await
                } else {
                    Session::open(self.source).await
                };
                if let Ok(session) = opened {
                    self.session = session;
                    self.session.begin_work();
                    if self.end_holder(&run).await {
                        return;
                    }
                    if !self.session.is_lost() {
                        self.wait_until_gone(&run).await;
                        return;
                    }
                    self.session.abandon();
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

    /// Whether a step whose transaction was on its way when the connection was lost is committed; none where
    /// that cannot be found out. The look is a new one afterwards.
    pub(super) async fn was_committed(&mut self, step: &Step) -> Option<bool> {
        let began = self.look.server.now;
        if !self.reconnect().await || self.look().await.is_err() {
            return None;
        }
        self.own_row(step, &Own::Since(began?))
            .await
            .ok()
            .map(|row| row.is_some())
    }

    /// Statements and rows of the ledger's `done` row that this run wrote for a step.
    async fn own_row(&mut self, step: &Step, own: &Own) -> Result<Option<(u64, u64)>, Error> {
        if !self.look.tables.history {
            return Ok(None);
        }
        let (since, epoch) = match own {
            Own::Since(time) => (Some(*time), None),
            Own::Epoch(epoch) => (None, Some(*epoch)),
        };
        let query = write::own_done_row(
            &self.names,
            &self.actor,
            (&step.revision, step.action),
            since,
            epoch,
        );
        let rows = self.query(&query).await.map_err(|fault| {
            self.fault(
                "reading the ledger again",
                "Nothing was changed by it",
                fault,
            )
        })?;
        let number = |cell: Option<&Option<String>>| {
            cell.and_then(|cell| cell.as_deref()?.parse().ok())
                .unwrap_or(0)
        };
        Ok(rows
            .first()
            .map(|row| (number(row.first()), number(row.get(1)))))
    }

    /// A transactional step that is certainly not committed.
    pub(super) fn rolled_back(&self, error: Error) -> Error {
        with_state(
            error,
            "limbeck connected again and looked: the step was rolled back, the database is as it was before it. \
             Start again",
        )
    }

    /// Finds out how far a step under the lease came before the connection was lost. Nothing that is still on
    /// its way is accepted after that: the lease moves on to another epoch first.
    pub(super) async fn settle_step(&mut self, prepared: &Prepared, error: Error) -> Settled {
        if !is_lost(&error) {
            return Settled::Stopped(error);
        }
        let epoch = self.epoch();
        if !self.reconnect().await {
            return Settled::Stopped(error);
        }
        match self.move_epoch().await {
            Ok(()) => {}
            // Its own end gave it back, or another process took it.
            Err(Class::Guard) => {
                self.forget_lease();
                if self.look().await.is_ok()
                    && let Ok(Some((done, rows))) =
                        self.own_row(&prepared.step, &Own::Epoch(epoch)).await
                {
                    return Settled::Done(Underway::ended(epoch, done, rows));
                }
                let revision = prepared.step.revision.to_string();
                return Settled::Stopped(RunError::LeaseLost { revision }.into());
            }
            Err(_) => return Settled::Stopped(error),
        }
        if self.look().await.is_err() {
            return Settled::Stopped(error);
        }
        let done = self.own_row(&prepared.step, &Own::Epoch(epoch)).await;
        if let Ok(Some((done, rows))) = done {
            return Settled::Done(Underway::ended(self.epoch(), done, rows));
        }
        let state = match self.find_running(&prepared.step) {
            None => "limbeck connected again and looked: nothing of the step was run. Start again"
                .to_owned(),
            Some(row) => {
                let came = format!(
                    "limbeck connected again and looked: {} of {} statements took effect and are recorded",
                    row.statements_done, row.statements
                );
                match row.statement_running {
                    None => format!(
                        "{came}, nothing else was changed. Start again: the step goes on behind them"
                    ),
                    Some(number) => format!(
                        "{came}; statement {number} was on its way. Start again: limbeck finds out whether it took \
                         effect, or says what to look at"
                    ),
                }
            }
        };
        Settled::Stopped(with_state(error, &state))
    }

    /// Gives the lease that this run holds another epoch, which the old connection does not know.
    async fn move_epoch(&mut self) -> Result<(), Class> {
        let Some(lease) = self.lease.take() else {
            return Ok(());
        };
        let epoch = lease.epoch;
        let mut message = self.message(None);
        let moved = write::move_epoch(&self.names, &self.claim(epoch));
        message.own_all(&session::alone(self.dialect(), moved));
        if let Err(fault) = self.send(&message).await {
            let _ = self.rollback().await;
            return Err(fault.failure.class);
        }
        self.hold_lease(write::next_epoch(epoch));
        Ok(())
    }
}
