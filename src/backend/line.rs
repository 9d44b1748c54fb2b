//! The line to one server: a connection, the names of limbeck's tables there, and the facts of the server and its session.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::dialect::path::Pin;
use crate::dialect::session::{
    Actor, Server, alone, limited, message_marker, see_all, see_as_before,
};
use crate::dialect::{Dialect, Names};
use crate::ledger::look::TextRow;

use super::{Backend, Class, Fault, Message, Origin, Session, StatementResult};

/// Tells the runs of one process apart.
static SERIAL: AtomicU64 = AtomicU64::new(0);

/// The name of a run, in the lease and in the server's list of sessions, and the process that it belongs to.
#[derive(Debug, Clone)]
pub struct Identity {
    /// A name that no other run has.
    pub(crate) id: Arc<str>,
    pub(crate) actor: Actor,
}

impl Identity {
    pub(crate) fn new(actor: Actor) -> Identity {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let host: String = actor.host.chars().take(150).collect();
        // Two containers may have the same host name and process id.
        let random = RandomState::new().hash_one(serial);
        Identity {
            id: format!("{host}:{}:{serial}:{random:x}", actor.pid).into(),
            actor,
        }
    }

    fn marker(&self, revision: Option<&str>) -> String {
        message_marker(&self.id, &self.actor, revision)
    }
}

/// A connection on which limbeck speaks, with all that its messages need.
pub struct Line<'a, B: Backend> {
    pub(crate) session: Session<'a, B>,
    pub(crate) names: Names,
    pub(crate) pin: Pin,
    /// The facts of the first look; empty before it.
    pub(crate) server: Server,
    pub(crate) run: Identity,
}

impl<B: Backend> fmt::Debug for Line<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> Line<'_, B> {
    pub(crate) fn dialect(&self) -> Dialect {
        self.names.dialect()
    }

    /// An empty message that the server shows as this run's, at this revision.
    pub(crate) fn message(&self, revision: Option<&str>) -> Message {
        Message::marked(self.dialect(), &self.run.marker(revision))
    }

    /// A message of one statement.
    pub(crate) fn message_of(&self, statement: &str) -> Message {
        let mut message = self.message(None);
        message.own(statement);
        message
    }

    /// Appends a revision's statement with the marker right before it.
    pub(crate) fn push_marked(
        &self,
        message: &mut Message,
        revision: &str,
        text: &str,
        origin: Origin,
    ) {
        message.mark(&self.run.marker(Some(revision)));
        message.of_revision(text, origin);
    }

    pub(crate) async fn send(&mut self, message: &Message) -> Result<Vec<StatementResult>, Fault> {
        self.session.send(message, 0).await
    }

    /// The rows of one statement.
    pub(crate) async fn query(&mut self, statement: &str) -> Result<Vec<TextRow>, Fault> {
        let message = self.message_of(&limited(self.dialect(), statement));
        let mut results = self.send(&message).await?;
        Ok(results.pop().map(|result| result.rows).unwrap_or_default())
    }

    /// The rows of one statement over limbeck's own tables, inside a transaction or not.
    pub(crate) async fn query_own(&mut self, statement: &str) -> Result<Vec<TextRow>, Fault> {
        let mut message = self.message(None);
        self.see_all(&mut message);
        let place = message.len();
        message.own(&limited(self.dialect(), statement));
        self.see_as_before(&mut message);
        let mut results = self.send(&message).await?;
        let result = (place < results.len()).then(|| results.swap_remove(place));
        Ok(result.map(|result| result.rows).unwrap_or_default())
    }

    /// Appends the beginning of statements over limbeck's own tables: under the pinned role and path, which stay, and with no
    /// row hidden by a policy.
    pub(crate) fn see_all(&self, message: &mut Message) {
        message.own_all(&self.before_own());
    }

    fn before_own(&self) -> Vec<String> {
        let mut before = self.pin.local();
        before.extend(see_all(self.dialect()).map(str::to_owned));
        before
    }

    /// Writing statements of limbeck's own as a transaction.
    pub(crate) fn alone(&self, statements: Vec<String>) -> Vec<String> {
        alone(self.dialect(), self.before_own(), statements)
    }

    /// Appends their end, where the transaction goes on with others' statements.
    pub(crate) fn see_as_before(&self, message: &mut Message) {
        if let Some(as_before) = see_as_before(self.dialect(), &self.server) {
            message.own(&as_before);
        }
    }

    /// Ends the open transaction without a trace; none is as good.
    pub(crate) async fn rollback(&mut self) -> Result<(), Fault> {
        match self.send(&self.message_of("ROLLBACK")).await {
            Err(fault) if fault.class() != Class::NoTransaction => Err(fault),
            _ => Ok(()),
        }
    }

    /// Sends settings in one message; the ones behind a refused one are sent again. Best effort.
    pub(crate) async fn send_each(&mut self, statements: &[String]) {
        let mut left = statements;
        while !left.is_empty() {
            let mut message = self.message(None);
            message.own_all(left);
            let Err(fault) = self.send(&message).await else {
                return;
            };
            tracing::debug!(
                error = fault.failure.message,
                "a setting could not be restored"
            );
            left = left.get(fault.completed + 1..).unwrap_or_default();
        }
    }

    /// Limits the statements that follow, where that is no setting of the session.
    pub(crate) async fn limit(&mut self, limit: Option<Duration>) -> Result<(), Fault> {
        let limited = self.session.limit(limit).await;
        limited.map_err(|error| Fault::of_client::<B>(error))
    }
}
