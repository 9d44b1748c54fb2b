//! The one statement in doubt after a crash: whether it took effect.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Steps;
use crate::backend::{Class, Conduct as _, Evidence, Failure, Fault, Origin, Source};
use crate::executor::error::{Error, statement_error};
use crate::executor::state::{Aftermath, Reached};
use crate::executor::wire::{ConductOf, Wire};
use crate::ledger::Holder;
use crate::prepare::{Prepared, Sql};
use crate::sql;
use crate::sql::carry::Carried;

const JUDGING: &str = "looking whether an interrupted statement took effect";

/// The fate of a statement that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It took effect: the step goes on after it.
    Applied,
    /// It did not, or does no harm a second time: it runs again.
    NotApplied,
    /// The database cannot tell.
    Unknown,
}

impl<S: Source> Steps<'_, S> {
    fn evidence(&self, statement: &Sql) -> Evidence {
        let dialect = self.gate.view.wire.dialect();
        ConductOf::<S>::evidence(dialect, &statement.kind, &statement.text)
    }

    /// A digest of what the catalog says of the objects that a statement is about to change; none where it would not show.
    pub(super) async fn fingerprint(&mut self, statement: &Sql) -> Result<Option<String>, Error> {
        let Evidence::Fingerprint(queries) = self.evidence(statement) else {
            return Ok(None);
        };
        let mut hash = Sha256::new();
        for query in queries {
            let rows = match self.wire().line.query(&query).await {
                Ok(rows) => rows,
                Err(fault) if fault.class() == Class::MissingTable => Vec::new(),
                Err(fault) => return Err(judging(fault)),
            };
            for cell in rows.iter().flatten() {
                let cell = cell.as_deref().map(ConductOf::<S>::lasting);
                hash.update(cell.unwrap_or_default().as_bytes());
                hash.update([0]);
            }
            hash.update([1]);
        }
        Ok(Some(crate::migrations::hex(&hash.finalize())))
    }

    /// Tells whether a statement took effect whose process died in it. Whoever may still have been in it is gone.
    pub(super) async fn judge(
        &mut self,
        statement: &Sql,
        before: Option<&str>,
    ) -> Result<Verdict, Error> {
        if statement.kind.is_safe_to_repeat() {
            return Ok(Verdict::NotApplied);
        }
        let reads = matches!(statement.kind.class(), sql::Class::Query);
        if reads || statement.sets_session(self.wire().dialect()) {
            // A function may write where no transaction holds it.
            let Wire { line, conduct, .. } = self.wire();
            let is_harmless = conduct.is_harmless(line, statement).await;
            return Ok(match is_harmless.map_err(judging)? {
                true => Verdict::NotApplied,
                false => Verdict::Unknown,
            });
        }
        match self.evidence(statement) {
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
                    // The remains of an interrupted build are removed before the next one.
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

    /// Tells whether a statement that failed outside of any transaction may have left a part of its effect: the same question
    /// as after a crash. Not being able to look is a doubt as well.
    pub(super) async fn may_have_left(
        &mut self,
        statement: &Sql,
        before: Option<&str>,
        failure: &Failure,
    ) -> bool {
        match self.evidence(statement) {
            Evidence::Fingerprint(_) => match self.fingerprint(statement).await {
                Ok(now) => now.as_deref() != before,
                Err(_) => true,
            },
            // An invalid index is cleared away.
            Evidence::IndexValid(_) | Evidence::IndexGone(_) => false,
            Evidence::None => {
                let Wire { line, conduct, .. } = self.wire();
                let asked = conduct.may_have_left(line, statement, failure).await;
                asked.unwrap_or(true)
            }
        }
    }

    /// Tells whether an index is valid, and the statement that drops it; none where there is no such index.
    async fn index_state(&mut self, query: &str) -> Result<Option<(String, String)>, Error> {
        let rows = self.wire().line.query(query).await.map_err(judging)?;
        Ok(rows.into_iter().next().and_then(|row| {
            let mut cells = row.into_iter().flatten();
            Some((cells.next()?, cells.next()?))
        }))
    }

    /// Removes the invalid index that an interrupted or failed `CREATE INDEX CONCURRENTLY` left, which would be in the way of
    /// the next one, or be taken for a good one by `IF NOT EXISTS`. The removal waits for older transactions, as a build
    /// does: at most for so long.
    pub(super) async fn clear_invalid_index(
        &mut self,
        statement: &Sql,
        limit: Option<Duration>,
    ) -> Result<(), Error> {
        let Evidence::IndexValid(query) = self.evidence(statement) else {
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
        let wire = self.wire();
        let message = wire.line.message_of(&drop);
        let dropped = match limit {
            Some(limit) => wire.send_watched(&message, limit, false).await,
            None => wire.line.send(&message).await,
        };
        let during = "removing the invalid index that an interrupted build left";
        dropped
            .map(|_| ())
            .map_err(|fault| fault.into_error(during, Aftermath::index_left()))
    }

    /// Sets again what the section's earlier statements had set in the session, which ended with the process: as far as it
    /// is constant. A value that was computed is not computed again, since it may be another one now.
    pub(super) async fn replay_session(
        &mut self,
        prepared: &Prepared,
        done: usize,
    ) -> Result<(), Error> {
        let Wire { line, conduct, .. } = self.wire();
        conduct.pin_session(line).await.map_err(judging)?;
        let dialect = self.wire().dialect();
        let mut carried = Carried::new(dialect);
        for (number, statement) in prepared.statements().iter().enumerate().take(done) {
            let repeats = statement.sets_session(dialect) && carried.repeats(statement.part());
            carried.ran(number, statement.part());
            if !repeats {
                continue;
            }
            let mut message = self.message_at(prepared);
            let origin = Origin {
                step: 0,
                statement: number,
            };
            message.of_revision(&statement.text, origin);
            let Wire { line, conduct, .. } = self.wire();
            conduct.repeats_setting();
            if let Err(fault) = line.send(&message).await {
                let reached = Reached {
                    done: done as u64,
                    total: prepared.statements().len() as u64,
                };
                return Err(replay_failed(prepared, reached, fault));
            }
        }
        Ok(())
    }

    /// The holders of locks on what a statement names that waited for them in vain; for its error, so it never fails.
    pub(super) async fn blockers(&mut self, statement: &Sql) -> Vec<Holder> {
        let queries = ConductOf::<S>::blockers(self.wire().dialect(), &statement.kind);
        self.wire().holders(&queries).await
    }
}

fn judging(fault: Fault) -> Error {
    fault.into_error(JUDGING, Aftermath::unchanged())
}

/// The error of a setting that took effect once and does not a second time.
pub(super) fn replay_failed(prepared: &Prepared, reached: Reached, fault: Fault) -> Error {
    let state = Aftermath::setting_not_repeated(reached);
    if fault.blame.is_some() && fault.class() != Class::Connection {
        statement_error(prepared, prepared.statements(), fault, state)
    } else {
        fault.into_error("repeating the session's settings", state)
    }
}
