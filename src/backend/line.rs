//! The line to one server: a connection, the names of limbeck's tables there, and the facts of the server and its session.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::dialect::path;
use crate::dialect::repertoire::ascii;
use crate::dialect::session::{Actor, Bound, Server, limited, message_marker, read_lock_timeout};
use crate::dialect::{Dialect, Names};
use crate::ledger::look::{TextRow, first_cell};

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
        let host: String = ascii(&actor.host).chars().take(150).collect();
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
    /// The facts of the first look; empty before it.
    pub(crate) server: Server,
    pub(crate) run: Identity,
    /// The conditions of limbeck's own statements.
    pub(crate) bound: Bound,
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
        self.marked(&self.run.marker(revision))
    }

    /// An empty message under the bound that begins with this marker, for this session or another one.
    pub(crate) fn marked(&self, marker: &str) -> Message {
        Message::marked(self.dialect(), marker).within(self.bound.clone())
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

    /// The rows of a statement that reads limbeck's tables or another tool's, outside of any transaction, under the bound. Until
    /// a schema is known it pins the search path to the current one, and `found` gets the row that tells of the path.
    pub(crate) async fn look(
        &mut self,
        statement: &str,
        found: &mut TextRow,
    ) -> Result<Vec<TextRow>, Fault> {
        let dialect = self.dialect();
        let mut message = self.message(None);
        let mut ask = |asked: Option<String>| {
            asked.map(|asked| {
                let place = message.len();
                message.own(&asked);
                place
            })
        };
        let role = ask(self.bound.pin.before_look());
        let path = ask(path::before_look(&self.names));
        let locks = ask(read_lock_timeout(dialect).map(str::to_owned));
        let limit = self.bound.limit_locks(dialect);
        limit.iter().for_each(|limit| message.own(limit));
        message.own(&limited(dialect, statement));
        let sent = self.send(&message).await;
        let results = match &sent {
            Ok(results) => results,
            Err(fault) => &fault.results,
        };
        let rows = |place: Option<usize>| Some(&results.get(place?)?.rows);
        if let Some(rows) = rows(role) {
            self.server.role = first_cell(rows);
        }
        if let Some(row) = rows(path).and_then(|rows| rows.first()) {
            self.bound.row_security = row.first().cloned().flatten();
            found.clone_from(row);
        }
        if let Some(rows) = rows(locks) {
            self.bound.before = first_cell(rows);
        }
        Ok(sent?.pop().map(|result| result.rows).unwrap_or_default())
    }

    /// The rows of one statement under the bound, inside a transaction that goes on or not.
    pub(crate) async fn look_inside(&mut self, statement: &str) -> Result<Vec<TextRow>, Fault> {
        let mut message = self.message(None);
        let place = message.own_bound(&limited(self.dialect(), statement));
        let mut results = self.send(&message).await?;
        let seen = results.get_mut(place).map(std::mem::take);
        Ok(seen.unwrap_or_default().rows)
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
