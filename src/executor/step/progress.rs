//! The progress of a step under the lease, as the ledger knows it; refused where the lease is lost.

use sha2::{Digest as _, Sha256};

use super::Steps;
use crate::backend::{Class, Conduct as _, Fault, Message, Source};
use crate::dialect::Names;
use crate::executor::error::{Error, RunError};
use crate::executor::state::{Aftermath, Reached};
use crate::executor::wire::Wire;
use crate::graph::RevisionId;
use crate::ledger::write::{self, Progress};
use crate::ledger::{State, failure};
use crate::plan::Step;
use crate::prepare::{Prepared, Sql, Work};
use crate::sql::carry::Lost;

/// How much of a statement the ledger shows while it runs.
const SHOWN: usize = 2000;

/// A step on its way.
#[derive(Clone)]
pub(super) struct Underway {
    pub id: i64,
    pub epoch: i64,
    pub done: u64,
    pub total: u64,
    pub rows: u64,
    pub digest: String,
    /// The first statement that reads what an earlier session held, by its place.
    pub lost: Option<(usize, Lost)>,
}

impl Underway {
    /// A step that has ended, as the ledger shows it.
    pub(super) fn ended(epoch: i64, done: u64, rows: u64) -> Underway {
        Underway {
            id: 0,
            epoch,
            done,
            total: done,
            rows,
            digest: String::new(),
            lost: None,
        }
    }

    /// What this statement reads of an earlier session.
    pub(super) fn lost_at(&self, number: usize) -> Option<&Lost> {
        let (place, lost) = self.lost.as_ref()?;
        (*place == number).then_some(lost)
    }

    pub(super) fn reached(&self) -> Reached {
        Reached {
            done: self.done,
            total: self.total,
        }
    }
}

impl<S: Source> Steps<'_, S> {
    pub(super) fn epoch(&self) -> i64 {
        self.gate.epoch_held().unwrap_or(0)
    }

    pub(super) fn progress<'u>(&self, underway: &'u Underway) -> Progress<'u> {
        Progress {
            id: underway.id,
            claim: self.gate.view.wire.claim(underway.epoch),
            done: underway.done,
            done_digest: Some(&underway.digest),
            rows_affected: underway.rows,
            running: None,
            fingerprint: None,
            error: None,
            end: None,
        }
    }

    /// Writes which statement is sent next, and what it finds there.
    pub(super) async fn record_running(
        &mut self,
        underway: &Underway,
        statement: &Sql,
        fingerprint: Option<&str>,
    ) -> Result<(), Error> {
        let text = shown(statement);
        let progress = Progress {
            running: Some((underway.done + 1, text.as_str())),
            fingerprint,
            ..self.progress(underway)
        };
        self.send_record(underway, &progress).await
    }

    /// Writes how far the step is.
    pub(super) async fn record(
        &mut self,
        underway: &Underway,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let progress = Progress {
            error,
            ..self.progress(underway)
        };
        self.send_record(underway, &progress).await
    }

    /// Writes the error that stopped the step, which has failed where nothing of it stands. Best effort.
    pub(super) async fn record_failed(
        &mut self,
        prepared: &Prepared,
        underway: &Underway,
        is_over: bool,
        error: &Error,
    ) {
        let recorded = match is_over {
            true => self.record_over(prepared, underway, error).await,
            false => self.record(underway, Some(&error.to_string())).await,
        };
        if let Err(recording) = recorded {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
    }

    /// Ends a step that has failed and of which nothing stands: counted up in the row of a failure that was like it, whose
    /// own row then goes, or in its own.
    pub(super) async fn record_over(
        &mut self,
        prepared: &Prepared,
        underway: &Underway,
        error: &Error,
    ) -> Result<(), Error> {
        let text = error.to_string();
        let line = &self.gate.view.wire.line;
        let row = self
            .gate
            .record
            .failed::<S>(line, &prepared.step, underway.total, &text);
        self.close_alone(underway).await?;
        let recent = self.view().recent(&row.revision).await.unwrap_or_default();
        if let Some(counted) = failure::repeats(&recent, &row) {
            let wire = self.wire();
            let (names, actor) = (&wire.line.names, &wire.line.run.actor);
            let mut message = wire.line.message_of(wire.begin());
            message.bound();
            message.own_all(&write::renew(names, &wire.claim(underway.epoch)));
            message.own(&write::count_failure(names, actor, &row, counted));
            message.own_all(&write::remove_attempt(names, underway.id));
            message.commit();
            if wire.send_short(&message).await.is_ok() {
                return Ok(());
            }
            let _ = wire.rollback().await;
        }
        let progress = Progress {
            end: Some(State::Failed),
            error: Some(&text),
            ..self.progress(underway)
        };
        self.send_record(underway, &progress).await
    }

    /// Writes that a part of the statement behind those that are done may have taken effect before it failed. Best effort:
    /// where it cannot be written, the row still says that the statement was sent.
    pub(super) async fn record_doubt(
        &mut self,
        underway: &Underway,
        statement: &Sql,
        error: &Error,
    ) {
        let (shown, text) = (shown(statement), error.to_string());
        let progress = Progress {
            running: Some((underway.done + 1, &shown)),
            error: Some(&text),
            ..self.progress(underway)
        };
        if let Err(recording) = self.send_record(underway, &progress).await {
            tracing::warn!(error = %recording, "the failure could not be recorded");
        }
    }

    /// The message that ends the transaction of a statement with its record.
    pub(super) fn closing_record(&self, prepared: &Prepared, done: &Underway) -> Message {
        let mut message = self.message_at(prepared);
        self.push_reset(&mut message);
        message.bound();
        let names = &self.gate.view.wire.line.names;
        push_record(&mut message, names, &self.progress(done));
        message.commit();
        message
    }

    pub(super) async fn send_record(
        &mut self,
        underway: &Underway,
        progress: &Progress<'_>,
    ) -> Result<(), Error> {
        // The section's role may not write the ledger.
        self.close_alone(underway).await?;
        let wire = self.wire();
        let mut message = wire.line.message_of(wire.begin());
        message.bound();
        push_record(&mut message, &wire.line.names, progress);
        message.commit();
        let Err(fault) = wire.send_short(&message).await else {
            return Ok(());
        };
        let fault = wire.blocked(fault).await;
        let _ = wire.rollback().await;
        Err(lost_or("recording progress", underway.reached(), fault))
    }

    /// Takes back a section's settings that stand in the session.
    pub(super) async fn close_alone(&mut self, underway: &Underway) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let closed = conduct.close_alone(line).await;
        let during = "ending a section's settings";
        closed.map_err(|fault| lost_or(during, underway.reached(), fault))
    }

    /// Moves the heads and ends the step, in the transaction that `message` has begun or goes on with.
    pub(super) async fn end(
        &mut self,
        mut message: Message,
        prepared: &Prepared,
        underway: &Underway,
        releases: bool,
    ) -> Result<(), Error> {
        let progress = Progress {
            end: Some(State::Done),
            ..self.progress(underway)
        };
        let wire = &self.gate.view.wire;
        wire.conduct.push_end(&wire.line, &mut message, prepared);
        message.bound();
        let names = &wire.line.names;
        push_record(&mut message, names, &progress);
        let step = &prepared.step;
        let row = self.gate.record.row::<S>(&wire.line, step, State::Done);
        let proof = write::prove_history(names, &[&row], Some(underway.id));
        message.write_all(proof.as_slice());
        message.swap_all(&write::move_heads(names, &step.removes, &step.adds));
        message.write_all(&write::prove_heads(names, &step.removes, &step.adds));
        if releases {
            self.gate.push_release(&mut message);
        }
        message.commit();
        let Err(fault) = self.wire().send_short(&message).await else {
            if releases {
                self.gate.forget_lease();
            }
            return Ok(());
        };
        if fault.is_lost_swap(&message) {
            self.wire().rollback().await?;
            let before = self.gate.view.heads();
            self.view().look().await?;
            if self.gate.view.heads() == before {
                let state = Aftermath::recorded(underway.reached());
                return Err(not_moved(step, state));
            }
            return Err(RunError::Overtaken {
                revision: step.revision.clone(),
                heads: self.gate.view.heads(),
                statements: underway.done,
            }
            .into());
        }
        let fault = self.wire().blocked(fault).await;
        Err(bookkeeping(prepared, underway.done, fault))
    }

    /// Appends the end of a section's settings.
    pub(super) fn push_reset(&self, message: &mut Message) {
        let wire = &self.gate.view.wire;
        wire.conduct.push_reset(&wire.line, message);
    }

    pub(super) async fn set_timeouts(&mut self, prepared: &Prepared) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let set = conduct.set_timeouts(line, prepared).await;
        set.map_err(|fault| fault.into_error("setting a time-out", Aftermath::nothing_run()))
    }
}

/// Appends a record of how far a step is, refused where the lease is lost.
pub(super) fn push_record(message: &mut Message, names: &Names, progress: &Progress<'_>) {
    message.own_all(&write::renew(names, &progress.claim));
    message.write_all(&write::record(names, progress));
}

/// The error of heads that are still where they were, though nobody else has moved them.
pub(super) fn not_moved(step: &Step, state: Aftermath) -> Error {
    RunError::NotAsWritten {
        during: format!("moving the heads of revision {}", step.revision),
        revision: Some(step.revision.clone()),
        state,
    }
    .into()
}

/// The error of a record of this step, behind the `done` statements.
pub(super) fn bookkeeping(prepared: &Prepared, done: u64, fault: Fault) -> Error {
    let revision = &prepared.step.revision;
    let total = total(prepared);
    let during = format!("recording revision {revision}");
    lost_or(&during, Reached { done, total }, fault).of_lost_revision(revision)
}

/// The error of a record: a guard's refusal says that the lease is lost.
fn lost_or(during: &str, reached: Reached, fault: Fault) -> Error {
    if fault.class() == Class::Guard {
        return RunError::LeaseLost {
            revision: RevisionId::default(),
        }
        .into();
    }
    fault.into_error(during, Aftermath::recorded(reached))
}

/// A statement as the ledger shows it.
pub(super) fn shown(statement: &Sql) -> String {
    statement.text.chars().take(SHOWN).collect()
}

/// The number of statements that a step counts.
pub(super) fn total(prepared: &Prepared) -> u64 {
    match prepared.work {
        Work::Code => 1,
        _ => prepared.statements().len() as u64,
    }
}

/// The digest of a step's first statements, empty for none: it goes on only behind those that it ran.
pub(in crate::executor) fn chain<T: std::borrow::Borrow<Sql>>(statements: &[T]) -> String {
    statements.iter().fold(String::new(), |before, statement| {
        link(&before, statement.borrow())
    })
}

/// The digest after one statement more.
pub(super) fn link(before: &str, statement: &Sql) -> String {
    let mut hash = Sha256::new();
    hash.update(before.as_bytes());
    hash.update([0]);
    hash.update(statement.text.as_bytes());
    crate::migrations::hex(&hash.finalize())
}
