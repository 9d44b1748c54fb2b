//! PostgreSQL: `statement_timeout=` around a statement that allows no transaction. A setting of the session may be
//! another client's by the next message, behind a pooler in transaction mode: so the limit is kept from here.

use std::time::Duration;

use futures_util::future::{Either, select};
use sqlx::Pool;

use super::error::human;
use super::message::Message;
use super::{Fault, Run};
use crate::backend::{Backend, Source, StatementResult};
use crate::dialect::{Dialect, catalog};
use crate::prepare::Prepared;

/// Ends the statement of a run when its time is up.
pub(super) struct Watch<B: Backend> {
    pool: Pool<B>,
    cancel: String,
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
        let mut message = Message::marked(self.dialect(), "");
        message.own(&catalog::cancel_of(&self.id));
        Some(Watch {
            pool: self.source.pool().and_then(S::Database::beside)?,
            cancel: message.text().to_owned(),
            limit,
        })
    }

    pub(super) async fn send_watched(
        &mut self,
        message: &Message,
        watch: Watch<S::Database>,
    ) -> Result<Vec<StatementResult>, Fault> {
        let limit = watch.limit;
        let sent = std::pin::pin!(self.send_short(message));
        let ending = std::pin::pin!(async {
            tokio::time::sleep(limit).await;
            if let Ok(mut connection) = watch.pool.acquire().await {
                let _ = S::Database::send(&mut connection, watch.cancel.clone(), Vec::new()).await;
            }
        });
        match select(sent, ending).await {
            Either::Left((sent, _)) => sent,
            Either::Right(((), sent)) => sent.await.map_err(|mut fault| {
                if fault.failure.code.as_deref() == Some("57014") {
                    fault.failure.message =
                        format!("canceled after {}, its statement_timeout", human(limit));
                }
                fault
            }),
        }
    }
}
