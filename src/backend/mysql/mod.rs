//! MySQL and MariaDB.

mod catalog;
mod conduct;
mod engines;
mod session;
mod traces;

use sqlx::mysql::MySqlDatabaseError;
use sqlx::{MySql, Pool};

use super::{Backend, Class, Failure, Rejection, pool_of_one};
use crate::dialect::Dialect;

impl super::Sealed for MySql {}

/// Why a connection is refused for good, where the server said so. 1040, 1203 and 1226 say that it has no place now.
pub(super) fn rejection(error: &sqlx::Error) -> Option<Rejection> {
    let error = error
        .as_database_error()?
        .try_downcast_ref::<MySqlDatabaseError>()?;
    match error.number() {
        1049 => Some(Rejection::NoDatabase),
        1044 => Some(Rejection::Forbidden),
        // The user, the password, the plugin that proves it, the host.
        1045 | 1129 | 1130 | 1251 | 1275 | 1524 | 1698 => Some(Rejection::Login),
        // A password that has expired, a locked account: MySQL's number, MariaDB's.
        1820 | 1862 | 3118 | 4151 => Some(Rejection::Login),
        // `require_secure_transport`, in MySQL.
        3159 => Some(Rejection::Tls),
        _ => None,
    }
}

impl Backend for MySql {
    /// Which of the two it is, the server tells in the first look.
    const FAMILY: Dialect = Dialect::Mysql;
    type Conduct = conduct::MySqlConduct;
    const KEEPS_CONNECTION: bool = false;

    send_as_text!(MySql);

    fn explain(error: &sqlx::Error) -> Failure {
        let Some(error) = error
            .as_database_error()
            .and_then(|e| e.try_downcast_ref::<MySqlDatabaseError>())
        else {
            return Failure::of_client(error);
        };
        let class = match error.number() {
            1242 => Class::Guard,
            1317 => Class::Canceled,
            1062 => Class::Duplicate,
            1146 | 1051 => Class::MissingTable,
            1205 | 3024 => Class::LockTimeout,
            1213 => Class::Deadlock,
            1568 => Class::InTransaction,
            1290 if error.message().contains("read") => Class::ReadOnly,
            1792 | 1836 => Class::ReadOnly,
            // Shutdown, killed session, a Galera node that is cut off.
            1053 | 1927 | 1047 => Class::Connection,
            _ if error
                .message()
                .contains("Not connected to Primary Component") =>
            {
                Class::Connection
            }
            _ => Class::Server,
        };
        Failure {
            class,
            code: Some(error.number().to_string()),
            message: error.message().to_owned(),
            detail: None,
            hint: None,
            position: None,
            is_inside: false,
        }
    }

    fn beside(pool: &Pool<Self>) -> Option<Pool<Self>> {
        let options = (*pool.connect_options())
            .clone()
            .statement_cache_capacity(0);
        Some(pool_of_one(pool, options))
    }
}
