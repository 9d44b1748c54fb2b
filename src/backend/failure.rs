//! Errors of a server or a connection, in the terms that decide what is done next.

use crate::ledger::Holder;

use super::message::{Blame, Message};
use super::{Backend, SendError, StatementResult};

/// An error's class, and the parts of it that a person needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub class: Class,
    pub code: Option<String>,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// PostgreSQL: the place in the message, in characters from 1.
    pub position: Option<usize>,
    /// PostgreSQL: it arose in the code that a statement called, not in the statement itself.
    pub is_inside: bool,
}

/// The classes of errors that change what is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A table does not exist.
    MissingTable,
    /// An object of that name exists already.
    Exists,
    /// A unique key holds that value already.
    Duplicate,
    /// A lock was not granted in time: nothing happened, and it may work later.
    LockTimeout,
    /// This transaction lost against another and was rolled back.
    Deadlock,
    /// Somebody ended the statement.
    Canceled,
    /// A guard of limbeck's own refused.
    Guard,
    /// A guard found that a trigger, rule or view on limbeck's own tables swallowed or changed what was written.
    NotAsWritten,
    /// A transaction is open already.
    InTransaction,
    /// The open transaction has failed: it takes nothing but its ROLLBACK.
    FailedTransaction,
    /// No transaction is open.
    NoTransaction,
    /// This server, database or file can only be read.
    ReadOnly,
    /// The server does not support this, or not in its present state.
    Unsupported,
    /// The pooler in between does not keep transactions together.
    StatementPooling,
    /// The connection is gone: the fate of the last message is not known.
    Connection,
    /// The database's encoding has no such character: nothing of the message ran.
    LacksCharacter,
    /// Every other error of the server.
    Server,
}

impl Failure {
    /// An error that no server sent.
    pub(crate) fn of_client(error: &sqlx::Error) -> Failure {
        let class = match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Class::Connection,
            _ => Class::Server,
        };
        Failure {
            class,
            code: None,
            message: error.to_string(),
            detail: None,
            hint: None,
            position: None,
            is_inside: false,
        }
    }
}

/// A message that failed.
#[derive(Debug)]
pub struct Fault {
    pub failure: Failure,
    /// The results of the statements before the failed one.
    pub results: Vec<StatementResult>,
    /// The number of these results.
    pub completed: usize,
    /// The revision's statement that raised the error, where one did.
    pub blame: Option<Blame>,
    /// Holders of the locks that a statement waited for in vain, once they were asked for.
    pub blockers: Vec<Holder>,
    pub source: sqlx::Error,
}

impl Fault {
    pub(crate) fn new<B: Backend>(failed: SendError, message: &Message) -> Fault {
        let mut failure = B::explain(&failed.error);
        let place = failed.results.len();
        failure.class = match failure.class {
            Class::Guard if message.is_write(place) => Class::NotAsWritten,
            // PostgreSQL: a rule stands on the table.
            Class::Unsupported if message.is_write(place) || message.is_swap(place) => {
                Class::NotAsWritten
            }
            class => class,
        };
        Fault {
            blame: message.blame(failed.results.len(), failure.position),
            blockers: Vec::new(),
            completed: failed.results.len(),
            results: failed.results,
            source: failed.error,
            failure,
        }
    }

    /// The fault of a call that sent nothing.
    pub(crate) fn of_client<B: Backend>(error: sqlx::Error) -> Fault {
        let failed = SendError {
            results: Vec::new(),
            error,
        };
        Fault::new::<B>(failed, &Message::default())
    }

    /// The fault of a statement that was ended, with an answer as if it had not been: these results stand before it.
    pub(crate) fn canceled(
        message: &Message,
        mut results: Vec<StatementResult>,
        reason: String,
    ) -> Fault {
        let place = message.last_statement();
        results.truncate(place);
        let source = std::io::Error::new(std::io::ErrorKind::TimedOut, reason.clone());
        Fault {
            failure: Failure {
                class: Class::Canceled,
                code: None,
                message: reason,
                detail: None,
                hint: None,
                position: None,
                is_inside: false,
            },
            blame: message.blame(place, None),
            blockers: Vec::new(),
            completed: place,
            results,
            source: sqlx::Error::Io(source),
        }
    }

    pub(crate) fn class(&self) -> Class {
        self.failure.class
    }

    /// Tells whether the server refused the message's compare-and-swap: by a guard, or since somebody else inserted the head.
    /// The same code anywhere else, as from a deferred constraint, is not that.
    pub(crate) fn is_lost_swap(&self, message: &Message) -> bool {
        message.is_swap(self.completed) && matches!(self.class(), Class::Guard | Class::Duplicate)
    }
}
