//! How far a step is, as the ledger knows it; refused where the lease is lost.

use std::time::Instant;

use super::message::Message;
use super::stepwise::Underway;
use super::{Fault, Run, RunError, poll_pause};
use crate::backend::{Class, Source, StatementResult};
use crate::dialect::{Dialect, session};
use crate::error::Error;
use crate::ledger::State;
use crate::ledger::write::{self, Claim, Progress};
use crate::prepare::{Prepared, Sql};

/// How often a transaction is sent again that the server rolled back for another's sake.
pub(super) const DEADLOCKS: u32 = 5;

/// How much of a statement the ledger shows while it runs.
const SHOWN: usize = 2000;

impl<S: Source> Run<'_, S> {
    /// Sends a message that begins a transaction of its own and may end it. On SQLite others write in
    /// between: where one of them shuts out the beginning or the end, that is waited for. On a cluster two
    /// nodes' writes to one row, as the heartbeat's and a record's, meet only at the commit of one: the server
    /// rolls that one back, and it is sent again.
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
            let is_undone = fault.failure.class == Class::Deadlock
                && results.is_empty()
                && message.is_transaction(self.begin_short())
                && attempt < DEADLOCKS;
            let may_wait = self.dialect() == Dialect::Sqlite
                && fault.failure.class == Class::LockTimeout
                && rest.begins_or_commits(fault.completed)
                && began.elapsed() < self.settings.lock_wait;
            if !may_wait && !is_undone {
                return Err(fault);
            }
            if may_wait {
                results.append(&mut fault.results);
            } else {
                let mut back = self.message(None);
                back.own("ROLLBACK");
                self.send(&back).await?;
            }
            tokio::time::sleep(poll_pause(attempt)).await;
            attempt += 1;
        }
    }

    pub(super) fn progress<'u>(&self, underway: &'u Underway) -> Progress<'u> {
        Progress {
            id: underway.id,
            claim: self.claim(underway.epoch),
            done: underway.done,
            done_digest: Some(&underway.digest),
            rows_affected: underway.rows,
            running: None,
            fingerprint: None,
            error: None,
            end: None,
        }
    }

    /// Writes which statement is sent next, and what it finds there; refused where the lease is lost.
    pub(super) async fn record_running(
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
    pub(super) async fn record(
        &mut self,
        underway: &Underway,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let progress = Progress {
            error,
            ..self.progress(underway)
        };
        self.send_record(&progress).await
    }

    pub(super) async fn record_end(
        &mut self,
        underway: &Underway,
        end: Option<State>,
        error: &str,
    ) -> Result<(), Error> {
        let progress = Progress {
            end,
            error: Some(error),
            ..self.progress(underway)
        };
        self.send_record(&progress).await
    }

    pub(super) async fn send_record(&mut self, progress: &Progress<'_>) -> Result<(), Error> {
        // The section's role may not write the ledger.
        self.leave_session()
            .await
            .map_err(|fault| self.lost_or("ending a section's settings", fault))?;
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

    pub(super) fn bookkeeping(&self, prepared: &Prepared, fault: Fault) -> Error {
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

    pub(super) fn lost_or(&self, during: &str, fault: Fault) -> Error {
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

    /// The lease as this run holds it.
    pub(super) fn claim(&self, epoch: i64) -> Claim {
        Claim {
            epoch,
            holder: self.id.clone(),
        }
    }

    pub(super) fn epoch(&self) -> i64 {
        self.lease.as_ref().map_or(0, |lease| lease.epoch)
    }

    pub(super) fn begin_short(&self) -> &'static str {
        session::begin(self.dialect())
    }
}
