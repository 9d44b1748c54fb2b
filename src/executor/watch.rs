//! PostgreSQL: `statement_timeout=` around a statement that allows no transaction. A setting of the session may be
//! another client's by the next message, behind a pooler in transaction mode: so the limit is kept from here.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::Pool;

use super::error::human;
use super::message::Message;
use super::{Fault, Run};
use crate::backend::{Backend, Source, StatementResult};
use crate::dialect::{Dialect, catalog};
use crate::prepare::Prepared;

/// How much of a message the server's list of sessions shows at least.
const SEEN: usize = 400;

/// How soon a statement is ended again that goes on.
const AGAIN: Duration = Duration::from_millis(200);

/// Ends the statement of a run when its time is up.
pub(super) struct Watch<B: Backend> {
    pool: Pool<B>,
    limit: Duration,
}

impl<S: Source> Run<'_, S> {
    /// The watch over a statement that shares no transaction, where it has a limit.
    pub(super) fn watch(&self, prepared: &Prepared, is_atomic: bool) -> Option<Watch<S::Database>> {
        if self.dialect() != Dialect::Postgres || is_atomic {
            return None;
        }
        self.watch_for(prepared.statement_timeout?)
    }

    pub(super) fn watch_for(&self, limit: Duration) -> Option<Watch<S::Database>> {
        Some(Watch {
            pool: self.source.pool().and_then(S::Database::beside)?,
            limit,
        })
    }

    pub(super) async fn send_watched(
        &mut self,
        message: &Message,
        watch: Watch<S::Database>,
    ) -> Result<Vec<StatementResult>, Fault> {
        let limit = watch.limit;
        // No other statement of the run's is this one.
        let beginning: String = message.text().chars().take(SEEN).collect();
        let mut cancel = Message::marked(self.dialect(), "");
        cancel.own(&catalog::cancel_of(&beginning));
        let is_over = AtomicBool::new(false);
        let sent = std::pin::pin!(self.send_short(message));
        let ending = std::pin::pin!(async {
            tokio::time::sleep(limit).await;
            is_over.store(true, Ordering::Relaxed);
            // It may not have begun when its time is up.
            loop {
                if let Ok(mut connection) = watch.pool.acquire().await {
                    let text = cancel.text().to_owned();
                    let _ = S::Database::send(&mut connection, text, Vec::new()).await;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
        // The watch has no end of its own.
        let first: Either<_, (Infallible, _)> = select(sent, ending).await;
        let Either::Left((sent, _)) = first;
        sent.map_err(|mut fault| {
            let is_canceled = fault.failure.code.as_deref() == Some("57014");
            if is_canceled && is_over.load(Ordering::Relaxed) {
                fault.failure.message =
                    format!("canceled after {}, its statement_timeout", human(limit));
            }
            fault
        })
    }
}
