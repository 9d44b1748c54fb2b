//! SQLite.

mod conduct;
mod traces;

use std::borrow::Cow;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteError;
use sqlx::{Pool, Sqlite};

use super::{Backend, Class, Failure, Rejection, pool_of_one};
use crate::dialect::Dialect;
use crate::ledger::write::is_guard_refusal;

impl super::Sealed for Sqlite {}

/// How many of SQLite's virtual machine instructions pass between two looks at the clock.
const PROGRESS_INTERVAL: i32 = 10_000;

/// Why a connection is refused for good, where SQLite said so.
pub(super) fn rejection(error: &sqlx::Error) -> Option<Rejection> {
    let error = error.as_database_error()?;
    error.try_downcast_ref::<SqliteError>()?;
    // Corrupt, cannot open, no database, no access: https://sqlite.org/rescode.html.
    let is_for_good = matches!(primary(error.code()), 3 | 11 | 14 | 23 | 26);
    is_for_good.then_some(Rejection::File)
}

/// The low byte of an extended result code is the primary one (https://sqlite.org/rescode.html).
fn primary(code: Option<Cow<'_, str>>) -> u32 {
    let code = code.and_then(|code| code.parse::<u32>().ok());
    code.unwrap_or(0) & 0xff
}

impl Backend for Sqlite {
    const FAMILY: Dialect = Dialect::Sqlite;
    type Conduct = conduct::SqliteConduct;
    /// Closing the last connection of an in-memory database destroys it.
    const KEEPS_CONNECTION: bool = true;

    send_as_text!(Sqlite);

    fn explain(error: &sqlx::Error) -> Failure {
        let Some(error) = error.as_database_error() else {
            return Failure::of_client(error);
        };
        let (code, message) = (error.code(), error.message());
        let class = match primary(code.clone()) {
            _ if is_guard_refusal(Dialect::Sqlite, code.as_deref(), message) => Class::Guard,
            1 if message.starts_with("no such table") => Class::MissingTable,
            1 if message.contains("within a transaction") => Class::InTransaction,
            1 if message.contains("no transaction is active") => Class::NoTransaction,
            5 | 6 => Class::LockTimeout,
            8 => Class::ReadOnly,
            _ if message.contains("UNIQUE constraint failed") => Class::Duplicate,
            _ => Class::Server,
        };
        Failure {
            class,
            code: code.map(Cow::into_owned),
            message: message.to_owned(),
            detail: None,
            hint: None,
            position: None,
            is_inside: false,
        }
    }

    fn beside(pool: &Pool<Self>) -> Option<Pool<Self>> {
        let options = pool.connect_options();
        let name = options.get_filename().to_string_lossy();
        let in_memory =
            name.is_empty() || name.contains(":memory:") || name.contains("sqlx-in-memory");
        if in_memory || name.contains("mode=memory") {
            return None;
        }
        Some(pool_of_one(pool, (*options).clone()))
    }

    fn limit_statement<'c>(
        connection: &'c mut Self::Connection,
        limit: Option<Duration>,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(async move {
            let mut handle = connection.lock_handle().await?;
            match limit {
                Some(limit) => {
                    let end = Instant::now() + limit;
                    handle.set_progress_handler(PROGRESS_INTERVAL, move || Instant::now() < end);
                }
                None => handle.remove_progress_handler(),
            }
            Ok(())
        })
    }
}
