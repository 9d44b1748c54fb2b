//! Going on with a step that another run left half done.

use super::Steps;
use super::doubt::Verdict;
use super::progress::{Underway, bookkeeping, chain, link, push_record, shown, total};
use crate::backend::{Conduct as _, Message, Source};
use crate::executor::error::{Error, RunError, Unfinished, UnfinishedReason};
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::ledger::write::Progress;
use crate::ledger::{LedgerEntry, State, write};
use crate::prepare::{Prepared, Sql, Work};
use crate::sql::carry::{Carried, Lost, Part};

/// Stands in the ledger in place of a fingerprint where a statement waits for an answer since its session has ended.
const SESSION: &str = "session";

impl<S: Source> Steps<'_, S> {
    /// Goes on where another run stopped, if that place is known and the file still leads there.
    pub(super) async fn resume(
        &mut self,
        prepared: &Prepared,
        row: &LedgerEntry,
    ) -> Result<Underway, Error> {
        let statements = prepared.statements();
        let done = usize::try_from(row.statements_done).unwrap_or(usize::MAX);
        let is_counted = !matches!(prepared.work, Work::Repeat(_) | Work::Code);
        let digest = row.done_digest.as_deref().unwrap_or_default();
        let is_edited = done > statements.len() || digest != chain(&statements[..done]);
        if is_counted && is_edited {
            return Err(Unfinished::error(row, UnfinishedReason::Edited));
        }
        if row.statement_running.is_some() && row.fingerprint.as_deref() == Some(SESSION) {
            return Err(Unfinished::error(row, UnfinishedReason::SessionLost));
        }
        let (done, took_effect) = self.settle_doubt(prepared, row).await?;
        let is_answered = row.fingerprint.as_deref() == Some(SESSION);
        tracing::info!(revision = %prepared.step.revision, done = row.statements_done, "going on with an unfinished step");
        let underway = Underway {
            id: row.id,
            epoch: self.epoch(),
            done,
            total: total(prepared),
            rows: row.rows_affected,
            lost: self.lost_behind(prepared, done, is_answered),
            digest: match took_effect {
                Some(statement) => link(digest, statement),
                None => digest.to_owned(),
            },
        };
        self.close_alone(&underway).await?;
        self.adopt(prepared, &underway).await?;
        Ok(underway)
    }

    /// Makes the row of a step this run's.
    async fn adopt(&mut self, prepared: &Prepared, underway: &Underway) -> Result<(), Error> {
        let message = self.adopting(prepared, underway);
        let Err(fault) = self.wire().send_short(&message).await else {
            return Ok(());
        };
        let fault = self.wire().blocked(fault).await;
        Err(bookkeeping(prepared, underway.done, fault))
    }

    /// The first statement behind the `done` ones that reads what an earlier session held, by its place. `is_answered`: a
    /// person said that the first of them may run all the same.
    pub(super) fn lost_behind(
        &self,
        prepared: &Prepared,
        done: u64,
        is_answered: bool,
    ) -> Option<(usize, Lost)> {
        let wire = &self.gate.view.wire;
        let statements = match &prepared.work {
            Work::Transaction(statements)
            | Work::Statements(statements)
            | Work::Units(statements) => statements,
            Work::Repeat(_) | Work::Code => return None,
        };
        let parts: Vec<Part<'_>> = statements.iter().map(Sql::part).collect();
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        let is_lent = wire.line.session.is_lent();
        let mut carried = Carried::behind(wire.dialect(), &parts, done, is_lent);
        let rest = parts.iter().enumerate().skip(done);
        rest.filter_map(|(number, part)| Some((number, carried.read(*part)?)))
            .find(|(number, _)| !is_answered || *number > done)
    }

    /// Goes on in a new session, which gets the constants of the section's earlier statements.
    pub(super) async fn start_anew(
        &mut self,
        prepared: &Prepared,
        underway: &mut Underway,
    ) -> Result<(), Error> {
        if !self.wire().reconnect().await {
            return Err(RunError::Connection {
                during: "opening a new session for statements that the server undid".to_owned(),
                state: Aftermath::goes_on(underway.reached()),
                source: sqlx::Error::PoolTimedOut,
            }
            .into());
        }
        if self.gate.move_epoch().await.is_err() {
            let revision = prepared.step.revision.to_string();
            return Err(RunError::LeaseLost { revision }.into());
        }
        self.gate.begin_run().await?;
        let Wire { line, conduct, .. } = self.wire();
        let entered = conduct.enter_section(line).await;
        entered.map_err(|fault| {
            fault.into_error(
                "setting the session",
                Aftermath::goes_on(underway.reached()),
            )
        })?;
        self.set_timeouts(prepared).await?;
        underway.epoch = self.epoch();
        let done = usize::try_from(underway.done).unwrap_or(usize::MAX);
        self.replay_session(prepared, done).await?;
        underway.lost = self.lost_behind(prepared, underway.done, false);
        self.adopt(prepared, underway).await
    }

    /// Stops before a statement that reads what an earlier session held: that is a person's to answer.
    pub(super) async fn ask_for_session(
        &mut self,
        prepared: &Prepared,
        underway: &Underway,
        lost: &Lost,
    ) -> Error {
        let number = underway.done + 1;
        let index = usize::try_from(underway.done).unwrap_or(usize::MAX);
        let text = prepared.statements().get(index).map(shown);
        let error = format!(
            "statement {number} reads {}, which statement {} gave its session",
            lost.value,
            lost.from + 1
        );
        let progress = Progress {
            running: text.as_deref().map(|text| (number, text)),
            fingerprint: Some(SESSION),
            error: Some(&error),
            ..self.progress(underway)
        };
        if let Err(error) = self.send_record(underway, &progress).await {
            return error;
        }
        let row = LedgerEntry {
            statements: underway.total,
            statements_done: underway.done,
            statement_running: Some(number),
            statement: text,
            error: Some(error),
            ..self.row_of(prepared)
        };
        Unfinished::error(&row, UnfinishedReason::SessionLost)
    }

    /// The running row of a step as it was last seen.
    fn row_of(&self, prepared: &Prepared) -> LedgerEntry {
        let seen = self.gate.view.find_running(&prepared.step).cloned();
        seen.unwrap_or_else(|| {
            let line = &self.gate.view.wire.line;
            let record = &self.gate.record;
            record.row::<S>(line, &prepared.step, State::Running)
        })
    }

    /// The message that makes a running row this run's.
    fn adopting(&self, prepared: &Prepared, underway: &Underway) -> Message {
        let mut message = self.message_at(prepared);
        let wire = &self.gate.view.wire;
        message.own(wire.begin());
        message.bound();
        push_record(&mut message, &wire.line.names, &self.progress(underway));
        let row = self
            .gate
            .record
            .row::<S>(&wire.line, &prepared.step, State::Running);
        message.write_all(&write::adopt_row(
            &wire.line.names,
            &wire.line.run.actor,
            &row,
            underway.total,
            underway.id,
            underway.epoch,
        ));
        message.commit();
        message
    }

    /// How many statements are done, and the one that was in doubt if it turned out to be: after that none is
    /// in doubt any more.
    async fn settle_doubt<'p>(
        &mut self,
        prepared: &'p Prepared,
        row: &LedgerEntry,
    ) -> Result<(u64, Option<&'p Sql>), Error> {
        let done = row.statements_done;
        let index = usize::try_from(done).unwrap_or(usize::MAX);
        let next = match prepared.work {
            Work::Code => None,
            _ => prepared.statements().get(index),
        };
        self.replay_session(prepared, index).await?;
        if row.statement_running.is_none() {
            if let Some(next) = next {
                self.clear_invalid_index(next, None).await?;
            }
            return Ok((done, None));
        }
        let verdict = match next {
            // A unit in which something committed.
            _ if row.statement_running != Some(done + 1) => Verdict::Unknown,
            Some(statement) => self.judge(statement, row.fingerprint.as_deref()).await?,
            None if self.is_idempotent(prepared) => Verdict::NotApplied,
            None => Verdict::Unknown,
        };
        tracing::info!(
            statement = done + 1,
            ?verdict,
            "a statement was interrupted"
        );
        match (verdict, next) {
            (Verdict::Applied, Some(statement)) => Ok((done + 1, Some(statement))),
            (Verdict::NotApplied, Some(statement)) => {
                self.clear_invalid_index(statement, None).await?;
                Ok((done, None))
            }
            (Verdict::NotApplied, None) => Ok((done, None)),
            (Verdict::Unknown | Verdict::Applied, _) => {
                Err(Unfinished::error(row, UnfinishedReason::InDoubt))
            }
        }
    }

    fn is_idempotent(&self, prepared: &Prepared) -> bool {
        self.registry.idempotent.contains(&*prepared.step.revision)
    }
}
