//! The differences between MySQL and MariaDB in the statements that limbeck sends: all of them stand here.

use std::time::Duration;

use super::Dialect;

/// The limit of the statements that follow in this session. MySQL's covers `SELECT` only
/// (<https://dev.mysql.com/doc/refman/9.0/en/server-system-variables.html#sysvar_max_execution_time>).
pub(crate) fn set_statement_timeout(dialect: Dialect, value: Duration) -> String {
    match dialect {
        Dialect::Mariadb => {
            format!(
                "SET SESSION max_statement_time = {:.6}",
                value.as_secs_f64()
            )
        }
        _ => format!("SET SESSION max_execution_time = {}", value.as_millis()),
    }
}

/// The variable of that limit.
pub(crate) fn statement_timeout(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mariadb => "max_statement_time",
        _ => "max_execution_time",
    }
}

/// A statement that fails inside a transaction and else does nothing: MySQL has no variable that tells, as MariaDB has.
pub(crate) fn transaction_probe(dialect: Dialect) -> Option<&'static str> {
    (dialect == Dialect::Mysql).then_some("SET TRANSACTION READ WRITE")
}
