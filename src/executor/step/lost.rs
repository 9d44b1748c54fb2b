//! A connection that was lost in the middle of a step. What the server made of the last message is read again
//! over another connection, once nothing of the old one is left in the server: it is never guessed.

use chrono::{DateTime, Utc};

use super::Steps;
use super::progress::Underway;
use crate::backend::{Class, Source};
use crate::executor::error::{Error, RunError};
use crate::executor::state::{Aftermath, Reached};
use crate::ledger::write;
use crate::plan::Step;
use crate::prepare::Prepared;

/// The fate of a step under the lease.
pub(super) enum Settled {
    /// All of it, its end included.
    Done(Underway),
    /// This is what to tell.
    Stopped(Error),
}

/// The mark of a ledger row that a step of this run wrote.
enum Own {
    /// It began at this time, by the database's clock.
    Since(DateTime<Utc>),
    /// It stands under this lease.
    Epoch(i64),
}

impl<S: Source> Steps<'_, S> {
    /// Tells whether a step whose transaction was on its way when the connection was lost is committed; none where
    /// that cannot be found out. The look is a new one afterwards.
    pub(super) async fn was_committed(&mut self, step: &Step) -> Option<bool> {
        let began = self.view().look.server.now?;
        if !self.wire().reconnect().await || self.view().look().await.is_err() {
            return None;
        }
        let row = self.own_row(step, &Own::Since(began)).await;
        row.ok().map(|row| row.is_some())
    }

    /// Statements and rows of the ledger's `done` row that this run wrote for a step.
    async fn own_row(&mut self, step: &Step, own: &Own) -> Result<Option<(u64, u64)>, Error> {
        if !self.gate.view.look.tables.history {
            return Ok(None);
        }
        let (since, epoch) = match own {
            Own::Since(time) => (Some(*time), None),
            Own::Epoch(epoch) => (None, Some(*epoch)),
        };
        let line = &self.gate.view.wire.line;
        let of_step = (&*step.revision, step.action);
        let query = write::own_done_row(&line.names, &line.run.actor, of_step, since, epoch);
        let reading = "reading the ledger again";
        let rows = self.view().read_tables(reading, &query).await?;
        let number = |cell: Option<&Option<String>>| {
            cell.and_then(|cell| cell.as_deref()?.parse().ok())
                .unwrap_or(0)
        };
        Ok(rows
            .first()
            .map(|row| (number(row.first()), number(row.get(1)))))
    }

    /// Finds out how far a step under the lease came before the connection was lost. Nothing that is still on
    /// its way is accepted after that: the lease moves on to another epoch first.
    pub(super) async fn settle_step(&mut self, prepared: &Prepared, error: Error) -> Settled {
        if !error.is_lost() {
            return Settled::Stopped(error);
        }
        let epoch = self.epoch();
        if !self.wire().reconnect().await {
            return Settled::Stopped(error);
        }
        let moved = self.gate.move_epoch().await;
        match &moved {
            Ok(()) => {}
            // Its own end gave it back, or another process took it.
            Err(fault) if fault.class() == Class::Guard => self.gate.forget_lease(),
            Err(_) => return Settled::Stopped(error),
        }
        let has_looked = self.view().look().await.is_ok();
        if has_looked
            && let Ok(Some((done, rows))) = self.own_row(&prepared.step, &Own::Epoch(epoch)).await
        {
            let epoch = if moved.is_ok() { self.epoch() } else { epoch };
            return Settled::Done(Underway::ended(epoch, done, rows));
        }
        if moved.is_err() {
            let revision = prepared.step.revision.clone();
            return Settled::Stopped(RunError::LeaseLost { revision }.into());
        }
        if !has_looked {
            return Settled::Stopped(error);
        }
        let row = self.gate.view.find_running(&prepared.step);
        let found = row.map(|row| {
            let reached = Reached {
                done: row.statements_done,
                total: row.statements,
            };
            (reached, row.statement_running)
        });
        Settled::Stopped(error.with_state(Aftermath::seen(found)))
    }
}
