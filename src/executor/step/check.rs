//! The checks of a step besides its SQL: `@require`, `@verify`, and the references behind a table rebuild.

use std::ops::Range;

use super::Steps;
use super::progress::bookkeeping;
use crate::backend::{Class, Conduct as _, Message, Origin, Source, StatementResult};
use crate::executor::error::{Error, RunError, Violation, statement_error};
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::ledger::write;
use crate::prepare::{Check, Prepared};

/// How many rows of a violated check are shown.
const SHOWN_ROWS: usize = 5;

/// The kinds of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Require,
    Verify,
    ForeignKeys,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Require => "@require",
            Kind::Verify => "@verify",
            Kind::ForeignKeys => "PRAGMA foreign_key_check",
        }
    }

    /// The state that a violation leaves, and the one that a lost connection does: nothing is committed before or by a
    /// check.
    fn aftermath(self, prepared: &Prepared, is_inside: bool) -> (Aftermath, Aftermath) {
        let total = prepared.statements().len() as u64;
        match (self, is_inside) {
            (Kind::Require, _) => (Aftermath::required(), Aftermath::require_lost()),
            (_, true) => (Aftermath::verified(), Aftermath::verify_lost()),
            (_, false) => (
                Aftermath::verified_behind(total),
                Aftermath::verify_lost_behind(total),
            ),
        }
    }
}

impl<S: Source> Steps<'_, S> {
    /// Runs statements whose rows are violations.
    pub(super) async fn check(
        &mut self,
        prepared: &Prepared,
        kind: Kind,
        check: &Check,
    ) -> Result<(), Error> {
        let statements = &check.statements;
        if statements.is_empty() {
            return Ok(());
        }
        let limit = check.statement_timeout;
        let during = "setting statement_timeout";
        if limit.is_some() {
            let limited = self.wire().line.limit(limit).await;
            limited.map_err(|fault| RunError::connection(fault, during))?;
        }
        // Each has a time of its own, and what ends it must not meet the next one.
        let watched = self.watched_limit(limit, true);
        let together = watched.map_or(statements.len(), |_| 1);
        let mut next = 0;
        let (message, sent) = loop {
            let numbers = next..next + together;
            next += together;
            let message = self.check_message(prepared, check, numbers, watched.is_some());
            let wire = self.wire();
            let sent = match watched {
                Some(limit) => wire.send_watched(&message, limit, true).await,
                None => wire.line.send(&message).await,
            };
            let goes_on = matches!(&sent, Ok(results) if !has_found(&message, results));
            if !goes_on || next >= statements.len() {
                break (message, sent);
            }
        };
        let dialect = self.wire().dialect();
        let is_inside = prepared.is_transactional(dialect);
        if watched.is_some() {
            let mut closing = self.message_at(prepared);
            let Wire { line, conduct, .. } = self.wire();
            conduct.close_check(&mut closing, dialect, check, is_inside);
            // The section's end does the same where this fails.
            let _ = line.send(&closing).await;
        }
        if limit.is_some() {
            let limited = self.wire().line.limit(None).await;
            limited.map_err(|fault| RunError::connection(fault, during))?;
        }
        let (violated, lost) = kind.aftermath(prepared, is_inside);
        let results = match sent {
            Ok(results) => results,
            Err(fault) => {
                let during = || {
                    let revision = &prepared.step.revision;
                    format!("running {} of revision {revision}", kind.name())
                };
                return Err(match fault.class() {
                    Class::Connection => fault.into_error(during(), lost),
                    _ if fault.blame.is_some() => {
                        statement_error(prepared, statements, fault, violated)
                    }
                    Class::Guard => {
                        let total = prepared.statements().len() as u64;
                        let done = if kind == Kind::Require { 0 } else { total };
                        bookkeeping(prepared, done, fault)
                    }
                    _ => fault.into_error(during(), violated),
                });
            }
        };
        for (index, result) in results.into_iter().enumerate() {
            let Some(origin) = message.origin(index) else {
                continue;
            };
            let statement = &statements[origin.statement];
            if !result.rows.is_empty() {
                return Err(RunError::Violation(Box::new(Violation {
                    revision: prepared.step.revision.clone(),
                    check: kind.name(),
                    path: prepared.path.clone(),
                    line: statement.line,
                    column: statement.column,
                    statement: statement.text.clone(),
                    columns: result.columns,
                    rows: result.rows,
                    state: violated,
                }))
                .into());
            }
        }
        Ok(())
    }

    /// The message of these of a check's statements. Where the last of them is watched, nothing follows it.
    fn check_message(
        &self,
        prepared: &Prepared,
        check: &Check,
        numbers: Range<usize>,
        is_watched: bool,
    ) -> Message {
        let mut message = self.message_at(prepared);
        let wire = &self.gate.view.wire;
        if let Some(epoch) = self.gate.epoch_held() {
            // A check may find another's work by now.
            message.own_bound(&write::fence(&wire.line.names, &wire.claim(epoch)));
        }
        let dialect = wire.dialect();
        let is_inside = prepared.is_transactional(dialect);
        message.own_all(&wire.line.bound.pin.local());
        let conduct = &wire.conduct;
        conduct.open_check(&wire.line, &mut message, check, is_inside);
        for statement in numbers {
            let text = &check.statements[statement].text;
            message.of_revision(text, Origin { step: 0, statement });
        }
        if !is_watched {
            conduct.close_check(&mut message, dialect, check, is_inside);
        }
        message.show_rows(SHOWN_ROWS);
        message
    }
}

/// Tells whether a statement of a check found rows.
fn has_found(message: &Message, results: &[StatementResult]) -> bool {
    let mut results = results.iter().enumerate();
    results.any(|(place, result)| message.origin(place).is_some() && !result.rows.is_empty())
}

/// The words for a statement in which a connection was lost.
pub(super) fn running(prepared: &Prepared, number: usize) -> String {
    let place = prepared
        .statements()
        .get(number)
        .map_or(String::new(), |statement| {
            format!(" ({}:{})", prepared.path, statement.line)
        });
    format!(
        "running statement {} of revision {}{place}",
        number + 1,
        prepared.step.revision
    )
}
