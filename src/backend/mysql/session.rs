//! Texts: the settings of a run and of a section in their session.

use crate::dialect::session::Server;
use crate::dialect::{Dialect, mysql};

/// Each statement commits by itself unless it stands in a transaction of limbeck's, and a
/// `COMMIT` begins no other.
pub(super) const BEGIN_RUN: &str = "SET @limbeck_completion = @@SESSION.completion_type, \
     @limbeck_run_autocommit = @@SESSION.autocommit, SESSION completion_type = 0, SESSION autocommit = 1";

/// Ends what [`BEGIN_RUN`] set.
pub(super) const END_RUN: &str = "SET SESSION completion_type = @limbeck_completion, SESSION autocommit = @limbeck_run_autocommit";

/// Remembers the session's settings, and gives it the server's own `sql_mode` and time
/// zone: sqlx sets others, and a migration's SQL would mean something else than in the server's client.
pub(super) const ENTER: &str = "SET @limbeck_sql_mode = @@SESSION.sql_mode, \
     @limbeck_time_zone = @@SESSION.time_zone, @limbeck_foreign_keys = @@SESSION.foreign_key_checks, \
     @limbeck_unique = @@SESSION.unique_checks, @limbeck_autocommit = @@SESSION.autocommit, \
     @limbeck_client = @@SESSION.character_set_client, @limbeck_results = @@SESSION.character_set_results, \
     @limbeck_collation = @@SESSION.collation_connection, @limbeck_limit = @@SESSION.sql_select_limit, \
     @limbeck_wait = @@SESSION.lock_wait_timeout, @limbeck_row_wait = @@SESSION.innodb_lock_wait_timeout, \
     SESSION sql_mode = @@GLOBAL.sql_mode, SESSION time_zone = @@GLOBAL.time_zone";

/// Tells whether the server is one of a Galera cluster's, and whether this session reads what the other nodes have committed;
/// how long a message may be; and MariaDB's isolation of snapshots. No row where it knows of no such thing.
pub(super) const CLUSTER: &str = "SHOW SESSION VARIABLES WHERE variable_name IN ('wsrep_on', 'wsrep_sync_wait', 'max_allowed_packet', \
     'innodb_snapshot_isolation')";

/// MariaDB: a transaction fails where a row that it changes was changed since its first read, from 11.6 on by default
/// (<https://mariadb.com/kb/en/innodb-system-variables/#innodb_snapshot_isolation>).
pub(super) const ISOLATE: &str = "SET SESSION innodb_snapshot_isolation = ON";

/// The lease's row is one that the heartbeat changes.
pub(super) const END_ISOLATION: &str = "SET SESSION innodb_snapshot_isolation = OFF";

/// Galera: which statements wait until all is applied that other nodes committed before
/// (<https://mariadb.com/kb/en/galera-cluster-system-variables/#wsrep_sync_wait>): 7 is those that read or change rows.
pub(super) fn sync_wait(value: &str) -> String {
    let value = value.parse::<u8>().unwrap_or(0);
    format!("SET SESSION wsrep_sync_wait = {value}")
}

/// Ends a section's time-outs, and limbeck's own limit on DDL.
pub(super) fn end_limits(dialect: Dialect) -> [&'static str; 2] {
    [END_LOCK_LIMIT, mysql::end_statement_timeout(dialect)]
}

/// Ends the time-out for locks.
pub(super) const END_LOCK_LIMIT: &str = "SET SESSION lock_wait_timeout = @limbeck_wait, SESSION innodb_lock_wait_timeout = @limbeck_row_wait";

/// Ends all that a section and its time-outs set in the session.
pub(super) fn leave(dialect: Dialect, server: &Server) -> Vec<String> {
    let mut statements = vec![LEAVE.to_owned()];
    statements.extend(end_limits(dialect).map(str::to_owned));
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

/// Prepares a statement, which reads it and does not run it.
pub(super) fn prepare(dialect: Dialect, statement: &str) -> [String; 3] {
    [
        format!("SET @limbeck_statement = {}", dialect.literal(statement)),
        "PREPARE limbeck_statement FROM @limbeck_statement".to_owned(),
        "DEALLOCATE PREPARE limbeck_statement".to_owned(),
    ]
}

/// Ends a session and the statement that it is in.
pub(super) fn kill(session: &str) -> Option<String> {
    let is_number = session.parse::<u64>().is_ok();
    is_number.then(|| format!("KILL {session}"))
}
