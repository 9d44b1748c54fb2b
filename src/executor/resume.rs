//! Going on with a step that another run left half done.

use super::Run;
use super::error::UnfinishedReason;
use super::lock::unfinished;
use super::stepwise::{Underway, chain, link, total};
use super::verdict::Verdict;
use crate::backend::Source;
use crate::error::Error;
use crate::ledger::{LedgerEntry, State, write};
use crate::prepare::{Prepared, Sql, Work};

impl<S: Source> Run<'_, S> {
    /// Goes on where another run stopped, if that place is known and the file still leads there.
    pub(super) async fn resume(
        &mut self,
        prepared: &Prepared,
        row: &LedgerEntry,
    ) -> Result<Underway, Error> {
        let statements = prepared.statements();
        let done = usize::try_from(row.statements_done).unwrap_or(usize::MAX);
        let is_counted = !matches!(prepared.work, Work::Repeat(_) | Work::Code);
        let is_edited = done > statements.len()
            || row.done_digest.as_deref().unwrap_or_default() != chain(&statements[..done]);
        if is_counted && is_edited {
            return Err(unfinished(row, UnfinishedReason::Edited));
        }
        let (done, took_effect) = self.settle_doubt(prepared, row).await?;
        tracing::info!(revision = %prepared.step.revision, done = row.statements_done, "going on with an unfinished step");
        let underway = Underway {
            id: row.id,
            epoch: self.epoch(),
            done,
            rows: row.rows_affected,
            digest: match took_effect {
                Some(statement) => link(row.done_digest.as_deref().unwrap_or_default(), statement),
                None => row.done_digest.clone().unwrap_or_default(),
            },
        };
        self.leave_session()
            .await
            .map_err(|fault| self.lost_or("ending a section's settings", fault))?;
        let mut message = self.message(Some(&prepared.step.revision));
        message.own(self.begin_short());
        message.own_all(&write::record(&self.names, &self.progress(&underway)));
        let ledger = self.ledger_row(&prepared.step, State::Running);
        message.own(&write::adopt_row(
            &self.names,
            &self.actor,
            &ledger,
            total(prepared),
            row.id,
            underway.epoch,
        ));
        message.commit();
        self.send_short(&message)
            .await
            .map_err(|fault| self.bookkeeping(prepared, fault))?;
        Ok(underway)
    }

    /// How many statements are done, and the one that was in doubt if it turned out to be: after that none is
    /// in doubt any more.
    pub(super) async fn settle_doubt<'p>(
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
                Err(unfinished(row, UnfinishedReason::InDoubt))
            }
        }
    }

    pub(super) fn is_idempotent(&self, prepared: &Prepared) -> bool {
        let key = (prepared.step.revision.to_string(), prepared.step.action);
        self.registry
            .get(&key)
            .is_some_and(|registered| registered.idempotent)
    }
}
