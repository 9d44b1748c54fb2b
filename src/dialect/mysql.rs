//! A section's settings on MySQL and MariaDB, and all differences between the two in the statements that limbeck sends.

use std::borrow::Cow;
use std::time::Duration;

use super::Dialect;
use super::session::Server;

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

/// A statement of limbeck's own that waits for the locks of its tables, and of their rows, for a short time only, and that
/// neither `max_join_size` refuses nor a section's limit ends. MariaDB executes what its own comment holds, and MySQL reads
/// the hint.
pub(crate) fn bounded(statement: &str, limit: Duration) -> Cow<'_, str> {
    let (verb, rest) = statement.split_once(' ').unwrap_or_default();
    let is_hinted = match verb {
        // Without a table there is nothing to wait for, and a guard reads the count of the statement before it.
        "SELECT" => rest.contains(" FROM "),
        "INSERT" | "UPDATE" | "DELETE" => true,
        "CREATE" | "SHOW" => false,
        _ => return statement.into(),
    };
    if verb == "SELECT" && !is_hinted {
        return statement.into();
    }
    let seconds = limit.as_secs().clamp(1, LONGEST_WAIT);
    let hint = if is_hinted {
        format!(
            "/*+ SET_VAR(lock_wait_timeout = {seconds}) SET_VAR(innodb_lock_wait_timeout = {seconds}) \
             SET_VAR(sql_big_selects = 1) SET_VAR(max_execution_time = 0) */ "
        )
    } else {
        String::new()
    };
    format!(
        "{BOUND} lock_wait_timeout = {seconds}, innodb_lock_wait_timeout = {seconds}, sql_big_selects = 1, \
         max_statement_time = 0 FOR */ {verb} {hint}{rest}"
    )
    .into()
}

/// The beginning of a statement with such a bound.
pub(crate) const BOUND: &str = "/*M! SET STATEMENT";

/// The longest time in seconds that both servers take for a wait.
const LONGEST_WAIT: u64 = 31_536_000;

/// Remembers the session's settings, and gives it the server's own `sql_mode` and time
/// zone: sqlx sets others, and a migration's SQL would mean something else than in the server's client.
const ENTER: &str = "SET @limbeck_sql_mode = @@SESSION.sql_mode, \
     @limbeck_time_zone = @@SESSION.time_zone, @limbeck_foreign_keys = @@SESSION.foreign_key_checks, \
     @limbeck_unique = @@SESSION.unique_checks, @limbeck_autocommit = @@SESSION.autocommit, \
     @limbeck_client = @@SESSION.character_set_client, @limbeck_results = @@SESSION.character_set_results, \
     @limbeck_collation = @@SESSION.collation_connection, @limbeck_limit = @@SESSION.sql_select_limit, \
     @limbeck_wait = @@SESSION.lock_wait_timeout, @limbeck_row_wait = @@SESSION.innodb_lock_wait_timeout, \
     SESSION sql_mode = @@GLOBAL.sql_mode, SESSION time_zone = @@GLOBAL.time_zone";

/// [`ENTER`], and the limit of statements.
pub(crate) fn enter(dialect: Dialect) -> String {
    let limit = statement_timeout(dialect);
    format!("{ENTER}, @limbeck_statement = @@SESSION.{limit}")
}

/// Ends a section's time-outs, and limbeck's own limit on DDL.
pub(crate) fn end_limits(dialect: Dialect) -> [String; 2] {
    let limit = statement_timeout(dialect);
    [
        END_LOCK_LIMIT.to_owned(),
        format!("SET SESSION {limit} = @limbeck_statement"),
    ]
}

/// Ends the time-out for locks.
pub(crate) const END_LOCK_LIMIT: &str = "SET SESSION lock_wait_timeout = @limbeck_wait, SESSION innodb_lock_wait_timeout = @limbeck_row_wait";

/// Ends all that a section and its time-outs set in the session.
pub(crate) fn leave(dialect: Dialect, server: &Server) -> Vec<String> {
    let mut statements = vec![LEAVE.to_owned()];
    statements.extend(end_limits(dialect));
    if let Some(database) = &server.schema {
        statements.push(format!("USE {}", dialect.ident(database)));
    }
    statements
}

/// Brings back what [`ENTER`] remembered.
const LEAVE: &str = "SET SESSION sql_mode = @limbeck_sql_mode, SESSION time_zone = @limbeck_time_zone, \
     SESSION foreign_key_checks = @limbeck_foreign_keys, SESSION unique_checks = @limbeck_unique, \
     SESSION autocommit = @limbeck_autocommit, SESSION character_set_client = @limbeck_client, \
     SESSION character_set_results = @limbeck_results, SESSION collation_connection = @limbeck_collation, \
     SESSION sql_select_limit = @limbeck_limit";
