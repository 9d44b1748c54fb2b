//! After a crash: whether the one statement in doubt took effect, and ending whoever may still be in it.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::check::statement_error;
use super::lock::read_holder;
use super::{Fault, Message, Origin, Run};
use crate::backend::{Class, Source};
use crate::dialect::catalog::{self, Evidence};
use crate::dialect::{Dialect, session};
use crate::error::Error;
use crate::ledger::Holder;
use crate::ledger::write;
use crate::prepare::{Prepared, Sql};
use crate::sql;

const JUDGING: &str = "looking whether an interrupted statement took effect";
const UNCHANGED: &str = "Nothing was changed by this call";

/// What became of a statement that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It took effect: the step goes on after it.
    Applied,
    /// It did not, or does no harm a second time: it runs again.
    NotApplied,
    /// The database cannot tell.
    Unknown,
}

impl<S: Source> Run<'_, S> {
    /// What the catalog says of the objects that a statement is about to change; none where it would not show.
    pub(super) async fn fingerprint(&mut self, statement: &Sql) -> Result<Option<String>, Error> {
        let Evidence::Fingerprint(queries) =
            catalog::evidence(self.dialect(), &statement.kind, &statement.text)
        else {
            return Ok(None);
        };
        let mut hash = Sha256::new();
        for query in queries {
            let rows = match self.query(&query).await {
                Ok(rows) => rows,
                Err(fault) if fault.failure.class == Class::MissingTable => Vec::new(),
                Err(fault) => return Err(self.fault(JUDGING, UNCHANGED, fault)),
            };
            for cell in rows.iter().flatten() {
                let cell = cell
                    .as_deref()
                    .map(catalog::without_counter)
                    .unwrap_or_default();
                hash.update(cell.as_bytes());
                hash.update([0]);
            }
            hash.update([1]);
        }
        Ok(Some(crate::migrations::hex(&hash.finalize())))
    }

    /// Whether a statement took effect whose process died in it. Whoever may still have been in it is gone.
    pub(super) async fn judge(
        &mut self,
        statement: &Sql,
        before: Option<&str>,
    ) -> Result<Verdict, Error> {
        let is_harmless = statement.kind.is_safe_to_repeat()
            || statement.sets_session(self.dialect())
            || matches!(statement.kind.class(), sql::Class::Query);
        if is_harmless {
            return Ok(Verdict::NotApplied);
        }
        match catalog::evidence(self.dialect(), &statement.kind, &statement.text) {
            Evidence::Fingerprint(_) => {
                let Some(before) = before else {
                    return Ok(Verdict::Unknown);
                };
                let now = self.fingerprint(statement).await?;
                Ok(if now.as_deref() == Some(before) {
                    Verdict::NotApplied
                } else {
                    Verdict::Applied
                })
            }
            Evidence::IndexValid(query) => {
                let state = self.index_state(&query).await?;
                Ok(match state.as_ref().map(|(valid, _)| valid.as_str()) {
                    Some("t") => Verdict::Applied,
                    // What is left of an interrupted build is removed before the next one.
                    _ => Verdict::NotApplied,
                })
            }
            Evidence::IndexGone(query) => Ok(match self.index_state(&query).await? {
                Some(_) => Verdict::NotApplied,
                None => Verdict::Applied,
            }),
            Evidence::None => Ok(Verdict::Unknown),
        }
    }

    /// Whether an index is valid, and the statement that drops it; none where there is no such index.
    async fn index_state(&mut self, query: &str) -> Result<Option<(String, String)>, Error> {
        let rows = self
            .query(query)
            .await
            .map_err(|fault| self.fault(JUDGING, UNCHANGED, fault))?;
        Ok(rows.into_iter().next().and_then(|row| {
            let mut cells = row.into_iter().flatten();
            Some((cells.next()?, cells.next()?))
        }))
    }

    /// PostgreSQL: removes the invalid index that an interrupted or failed `CREATE INDEX CONCURRENTLY` left,
    /// which would be in the way of the next one, or be taken for a good one by `IF NOT EXISTS`. The removal waits
    /// for older transactions, as a build does: at most for so long.
    pub(super) async fn clear_invalid_index(
        &mut self,
        statement: &Sql,
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        let evidence = catalog::evidence(self.dialect(), &statement.kind, &statement.text);
        let Evidence::IndexValid(query) = evidence else {
            return Ok(());
        };
        let state = self.index_state(&query).await?;
        let Some((_, drop)) = state.filter(|(valid, _)| valid == "f") else {
            return Ok(());
        };
        tracing::info!(
            statement = drop,
            "removing what an interrupted index build left"
        );
        let mut message = self.message(None);
        message.own(&drop);
        let dropped = match limit.and_then(|limit| self.watch_for(limit)) {
            Some(watch) => self.send_watched(&message, watch).await,
            None => self.send(&message).await,
        };
        let during = "removing the invalid index that an interrupted build left";
        dropped
            .map(|_| ())
            .map_err(|fault| self.fault(during, "The index is still there, invalid", fault))
    }

    /// Sets again what the section's earlier statements had set in the session, which ended with the process.
    pub(super) async fn replay_session(
        &mut self,
        prepared: &Prepared,
        done: usize,
    ) -> Result<(), Error> {
        let dialect = self.dialect();
        for (number, statement) in prepared.statements().iter().enumerate().take(done) {
            if !statement.sets_session(dialect) {
                continue;
            }
            self.is_session_set = dialect == Dialect::Postgres;
            let mut message = self.message(Some(&prepared.step.revision));
            let origin = Origin {
                step: 0,
                statement: number,
            };
            message.of_revision(&statement.text, origin);
            if let Err(fault) = self.send(&message).await {
                return Err(self.replay_failed(prepared, &message, fault));
            }
        }
        Ok(())
    }

    /// A setting that took effect once and does not a second time.
    pub(super) fn replay_failed(
        &self,
        prepared: &Prepared,
        message: &Message,
        fault: Fault,
    ) -> Error {
        const REPEATING: &str = "repeating the session's settings";
        let state = "The statements before it took effect and stay. This one sets what those behind it need, and \
                     was to be repeated for that. Correct the cause and start again";
        let blame = message.blame(fault.completed, fault.failure.position);
        match blame.filter(|_| fault.failure.class != Class::Connection) {
            Some(blame) => {
                let number = blame.origin.statement;
                statement_error(prepared, number, blame.offset, fault, state.to_owned())
            }
            None => self.fault(REPEATING, state, fault),
        }
    }

    /// Who holds locks on what a statement names that waited for them in vain; for its error, so it never fails.
    pub(super) async fn blockers(&mut self, statement: &Sql) -> Vec<Holder> {
        let Some(query) = catalog::blockers(self.dialect(), &statement.kind) else {
            return Vec::new();
        };
        match self.query(&query).await {
            Ok(rows) => rows.iter().map(|row| read_holder(row)).collect(),
            Err(fault) => {
                tracing::debug!(
                    error = fault.failure.message,
                    "this role may not see who is in the way"
                );
                Vec::new()
            }
        }
    }

    /// MySQL and MariaDB: ends the session that an expired lease names. It may be idle inside a transaction, whose
    /// row locks would be in the way. False: it was still there.
    pub(super) async fn end_recorded_session(&mut self) -> bool {
        let epoch = self.look.lease.as_ref().map_or(0, |lease| lease.epoch);
        let Some(query) = write::recorded_session(&self.names, epoch) else {
            return true;
        };
        let found = self.query(&query).await.unwrap_or_default();
        let Some([Some(id), Some(age)]) = found.first().map(Vec::as_slice) else {
            return true;
        };
        let uptime = self.query(write::UPTIME).await.unwrap_or_default();
        let uptime = uptime
            .first()
            .and_then(|row| row.get(1)?.as_deref()?.parse::<i64>().ok());
        // To a second: what is as old as the server may be another's.
        let is_recorded = uptime
            .zip(age.parse::<i64>().ok())
            .is_some_and(|(uptime, age)| uptime > age + 1);
        let Some(kill) = session::kill(self.dialect(), id).filter(|_| is_recorded) else {
            return true;
        };
        tracing::warn!(
            session = id,
            "ending the session of a holder whose lease has expired"
        );
        if let Err(fault) = self.query(&kill).await {
            // Not this role's to end: what it still sends is fenced, what it has locked is waited for.
            tracing::warn!(
                error = fault.failure.message,
                "it cannot be ended by this role"
            );
            return true;
        }
        false
    }

    /// Ends the sessions in which the holder of an expired lease may still be running a statement: the death
    /// of a client does not end it. False: one was still there; look again before taking its place.
    pub(super) async fn end_holder(&mut self, run: &str) -> bool {
        let Some(query) = catalog::sessions_of(self.dialect(), run) else {
            return true;
        };
        match self.query(&query).await {
            Ok(rows) => {
                for row in &rows {
                    let Some(Some(id)) = row.first() else {
                        continue;
                    };
                    tracing::warn!(session = id, "ending a session that a run left behind");
                    if let Some(kill) = session::kill(self.dialect(), id) {
                        // One that ended by itself in between is as good.
                        let _ = self.query(&kill).await;
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
}
