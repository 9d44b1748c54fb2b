//! PostgreSQL.

mod catalog;
mod conduct;
mod session;
mod traces;

use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use sqlx::{Pool, Postgres};

use super::{Backend, Class, Failure, Rejection, pool_of_one};
use crate::dialect::Dialect;
use crate::ledger::write::is_guard_refusal;

impl super::Sealed for Postgres {}

/// The advice that the server's own text lacks.
fn hint_of(code: &str) -> Option<&'static str> {
    (code == "2D000").then_some(
        "a section is one transaction, which no routine may end: with the word `autocommit` behind `-- @upgrade` each of its \
         statements stands alone",
    )
}

/// Why a connection is refused for good, where the server or a pooler said so.
pub(super) fn rejection(error: &sqlx::Error) -> Option<Rejection> {
    let error = error
        .as_database_error()?
        .try_downcast_ref::<PgDatabaseError>()?;
    let message = error.message();
    // PgBouncer has one code for all, and these words, before a server's own.
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let lacks = |what: &str| message.contains(what) && message.contains("does not exist");
    match error.code() {
        "3D000" => Some(Rejection::NoDatabase),
        code if code.starts_with("28") => Some(Rejection::Login),
        // No CONNECT; a template that takes no connections.
        "42501" | "55000" => Some(Rejection::Forbidden),
        // A parameter of the start-up message that is not known, or has no such value.
        "42704" | "22023" | "42601" => Some(Rejection::Options),
        "08P01" if lacks("database \"") || says(&["no such database"]) => {
            Some(Rejection::NoDatabase)
        }
        "08P01" if lacks("role \"") => Some(Rejection::Login),
        "08P01" if says(&["no such user", "authentication failed", "not allowed"]) => {
            Some(Rejection::Login)
        }
        "08P01" if says(&["SSL required", "TLS required"]) => Some(Rejection::Tls),
        "08P01" if says(&["unsupported startup parameter"]) => Some(Rejection::Options),
        _ => None,
    }
}

impl Backend for Postgres {
    const FAMILY: Dialect = Dialect::Postgres;
    type Conduct = conduct::PostgresConduct;
    const KEEPS_CONNECTION: bool = false;

    send_as_text!(Postgres);

    fn explain(error: &sqlx::Error) -> Failure {
        let Some(error) = error
            .as_database_error()
            .and_then(|e| e.try_downcast_ref::<PgDatabaseError>())
        else {
            return Failure::of_client(error);
        };
        let (code, message) = (error.code(), error.message());
        let class = match code {
            _ if is_guard_refusal(Dialect::Postgres, Some(code), message) => Class::Guard,
            "42P01" => Class::MissingTable,
            "42P07" | "42710" => Class::Exists,
            "23505" => Class::Duplicate,
            "55P03" => Class::LockTimeout,
            "40P01" | "40001" => Class::Deadlock,
            "57014" => Class::Canceled,
            "25P02" => Class::FailedTransaction,
            "22P05" => Class::LacksCharacter,
            "25006" => Class::ReadOnly,
            "0A000" => Class::Unsupported,
            // PgBouncer's own word, in statement pooling.
            "08P01" if message.contains("transaction blocks not allowed") => {
                Class::StatementPooling
            }
            // The server is going, or ended this session: administrator, crash, standby promoted, idle too long.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => Class::Connection,
            code if code.starts_with("08") => Class::Connection,
            _ => Class::Server,
        };
        let position = match error.position() {
            Some(PgErrorPosition::Original(position)) => Some(position),
            _ => None,
        };
        Failure {
            class,
            code: Some(code.to_owned()),
            message: message.to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().or(hint_of(code)).map(str::to_owned),
            position,
            is_inside: error.r#where().is_some(),
        }
    }

    fn beside(pool: &Pool<Self>) -> Option<Pool<Self>> {
        let options = (*pool.connect_options())
            .clone()
            .statement_cache_capacity(0);
        Some(pool_of_one(pool, options))
    }
}
