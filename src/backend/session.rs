//! The one connection of a run: messages go out, results or a [`Fault`] come back, and whatever happens to
//! the run, no open transaction goes back to the pool.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;

use super::unlogged::Unlogged;
use super::{Backend, Class, Count, Fault, Held, Message, Source, StatementResult};

/// The connection was given up before.
fn gone() -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(
        std::io::ErrorKind::NotConnected,
        "the connection was lost before",
    ))
}

/// The way back to the session as it was before the first step.
pub(crate) struct Undo {
    /// Reads the session.
    pub look: Message,
    /// The statements that make it what it was, by what the look found; None: it failed.
    pub statements: Box<dyn FnOnce(Option<Vec<StatementResult>>) -> Vec<String> + Send + Sync>,
}

/// A connection on its way through a run.
pub struct Session<'a, B: Backend> {
    held: Option<Held<'a, B>>,
    /// Done when the run is dropped while it works: only for connections that go back to their pool.
    undo: Option<Undo>,
    working: bool,
    /// Keeps what is sent from then on out of a log.
    unlogged: Option<Unlogged>,
    /// The connection broke: nothing more can be sent.
    lost: bool,
    /// SQLite: gives the lease back, after all else that the cleanup does.
    release: Option<String>,
    /// A limit on statements stands that is no setting of the session (SQLite).
    limited: bool,
    /// Keeps the pool of a connection that was opened beside the caller's.
    beside: Option<Pool<B>>,
    /// Counts the results of what is sent.
    count: Option<Arc<Count>>,
}

impl<B: Backend> fmt::Debug for Session<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("working", &self.working)
            .finish_non_exhaustive()
    }
}

impl<'a, B: Backend> Session<'a, B> {
    pub(crate) async fn open<S: Source<Database = B>>(source: &'a S) -> Result<Self, sqlx::Error> {
        Ok(Session::on(source.acquire().await?, None))
    }

    fn on(held: Held<'a, B>, beside: Option<Pool<B>>) -> Self {
        Session {
            held: Some(held),
            undo: None,
            working: false,
            unlogged: None,
            lost: false,
            release: None,
            limited: false,
            beside,
            count: None,
        }
    }

    /// A connection with its statement cache off, for code of the user's that may run behind a pooler. The
    /// caller's own where there can be no other.
    pub(crate) async fn open_uncached<S: Source<Database = B>>(
        source: &'a S,
    ) -> Result<Self, sqlx::Error> {
        match source
            .pool()
            .filter(|_| !B::KEEPS_CONNECTION)
            .and_then(B::beside)
        {
            Some(pool) => {
                let held = Held::Pooled(pool.acquire().await?);
                Ok(Session::on(held, Some(pool)))
            }
            None => Session::open(source).await,
        }
    }

    pub(crate) fn connection(&mut self) -> &mut B::Connection {
        self.held
            .as_mut()
            .expect("a session that is not lost holds its connection until it ends")
    }

    /// Sends a message; of a revision's statements at most `shown` rows are kept.
    pub(crate) async fn send(
        &mut self,
        message: &Message,
        shown: usize,
    ) -> Result<Vec<StatementResult>, Fault> {
        let text = message.text().to_owned();
        let Some(held) = self.held.as_mut() else {
            return Err(Fault::of_client::<B>(gone()));
        };
        let keep = message.keep(shown);
        if let Some(count) = &self.count {
            count.send_replace(0);
        }
        let sending = B::send_counted(held, text, keep, self.count.clone());
        // Of a step, also its record, which keeps the SQL of its downgrade.
        let sent = match &self.unlogged {
            Some(unlogged) => unlogged.send(sending).await,
            None => sending.await,
        };
        sent.map_err(|failed| {
            let fault = Fault::new::<B>(failed, message);
            self.lost |= fault.class() == Class::Connection;
            fault
        })
    }

    /// Counts the results of what is sent from here on, or of nothing.
    pub(crate) fn count_results(&mut self, count: Option<Arc<Count>>) {
        self.count = count;
    }

    /// Tells whether the connection is the caller's own.
    pub(crate) fn is_lent(&self) -> bool {
        matches!(self.held, Some(Held::Borrowed(_)))
    }

    /// Tells whether the connection broke.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Lets go of a connection that broke. True: it was one of those that [`Session::open_uncached`] opens.
    pub(crate) fn abandon(&mut self) -> bool {
        self.lost = true;
        drop(self.held.take());
        self.beside.take().is_some()
    }

    /// What gives the lease back if the run is dropped, where that must come after the statement that the
    /// connection is in (SQLite). None: it is given back.
    pub(crate) fn release_on_drop(&mut self, statement: Option<String>) {
        self.release = statement;
    }

    /// From here on the session may be inside a transaction: if the run is dropped, the connection is closed
    /// (PostgreSQL, MySQL) or cleaned (SQLite) before anybody else can have it.
    pub(crate) fn begin_work(&mut self) {
        if self.working {
            return;
        }
        self.working = true;
        self.unlogged = Unlogged::new();
        if let Some(Held::Pooled(connection)) = &mut self.held
            && !B::KEEPS_CONNECTION
        {
            connection.close_on_drop();
        }
    }

    /// Lets the database end what follows after this time, where that is no setting of the session.
    pub(crate) async fn limit(&mut self, limit: Option<Duration>) -> Result<(), sqlx::Error> {
        if self.held.is_none() {
            return Err(gone());
        }
        self.limited |= limit.is_some();
        B::limit_statement(self.connection(), limit).await?;
        self.limited = limit.is_some();
        Ok(())
    }

    /// Tells whether the session may ever have been inside a transaction of this run.
    pub(crate) fn has_worked(&self) -> bool {
        self.working
    }

    /// The way back that is gone if this run is dropped before it does so itself.
    pub(crate) fn on_drop(&mut self, undo: Option<Undo>) {
        self.undo = undo;
    }

    /// The orderly end: nothing is open any more. A pooled connection that ran steps is closed where a
    /// migration may have left session state on it.
    pub(crate) async fn end(mut self) {
        self.let_go().await;
    }

    /// The same, where another connection is to take the place of this one. True: it was one of those that
    /// [`Session::open_uncached`] opens.
    pub(crate) async fn let_go(&mut self) -> bool {
        let working = std::mem::replace(&mut self.working, false);
        if self.limited {
            let _ = self.limit(None).await;
        }
        if let Some(Held::Pooled(connection)) = self.held.take()
            && working
            && !B::KEEPS_CONNECTION
        {
            // A server that is gone closes it as well.
            let _ = connection.close().await;
        }
        self.lost = true;
        self.beside.take().is_some()
    }

    /// Tells whether the driver itself has begun a transaction that is open.
    pub(crate) fn is_begun(&mut self) -> bool {
        sqlx::Connection::is_in_transaction(self.connection())
    }
}

impl<B: Backend> Drop for Session<'_, B> {
    fn drop(&mut self) {
        if !self.working || !B::KEEPS_CONNECTION {
            return;
        }
        let Some(Held::Pooled(mut connection)) = self.held.take() else {
            return;
        };
        let (undo, release) = (self.undo.take(), self.release.take());
        let limited = self.limited;
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            connection.close_on_drop();
            return;
        };
        runtime.spawn(async move {
            if limited {
                let _ = B::limit_statement(&mut connection, None).await;
            }
            // "No transaction is active" is as good as a rollback.
            let _ = B::send(&mut connection, "ROLLBACK".to_owned(), Vec::new()).await;
            let mut statements = Vec::new();
            if let Some(Undo {
                look,
                statements: of,
            }) = undo
            {
                let (text, keep) = (look.text().to_owned(), look.keep(0));
                statements = of(B::send(&mut connection, text, keep).await.ok());
            }
            for statement in statements.into_iter().chain(release) {
                let _ = B::send(&mut connection, statement, Vec::new()).await;
            }
        });
    }
}
