//! Texts: the settings of a run in its session.

use crate::dialect::Dialect;

/// Each statement commits by itself unless it stands in a transaction of limbeck's, and a
/// `COMMIT` begins no other.
pub(super) const BEGIN_RUN: &str = "SET @limbeck_completion = @@SESSION.completion_type, \
     @limbeck_run_autocommit = @@SESSION.autocommit, SESSION completion_type = 0, SESSION autocommit = 1";

/// Ends what [`BEGIN_RUN`] set.
pub(super) const END_RUN: &str = "SET SESSION completion_type = @limbeck_completion, SESSION autocommit = @limbeck_run_autocommit";

/// The longest message that the server takes, in bytes.
pub(super) const PACKET: &str = "SELECT CONVERT(@@max_allowed_packet, CHAR)";

/// Tells whether a section ran in this session before that leaves variables in it.
pub(super) const IS_USED: &str = "SELECT @limbeck_used";

/// The session is one in which such a section runs.
pub(super) const USE: &str = "SET @limbeck_used = 1";

/// Tells whether the server is one of a Galera cluster's, and whether this session reads what the other nodes have committed;
/// how long a message may be; and MariaDB's isolation of snapshots. No row where it knows of no such thing.
pub(super) fn cluster(dialect: Dialect) -> String {
    let names = "'wsrep_on', 'wsrep_sync_wait', 'max_allowed_packet', 'innodb_snapshot_isolation', 'tx_read_only', \
                 'transaction_read_only'";
    named(dialect, "SESSION VARIABLES", "session_variables", names)
}

/// The number of seconds that the server has run, as `(name, value)`.
pub(super) fn uptime(dialect: Dialect) -> String {
    named(dialect, "GLOBAL STATUS", "global_status", "'Uptime'")
}

/// Names and values. MySQL's `SHOW` is a join, which `max_join_size` refuses and no hint lets pass.
fn named(dialect: Dialect, show: &str, table: &str, names: &str) -> String {
    match dialect {
        Dialect::Mariadb => format!("SHOW {show} WHERE variable_name IN ({names})"),
        _ => format!(
            "SELECT variable_name, variable_value FROM performance_schema.{table} WHERE variable_name IN ({names}) LIMIT 10"
        ),
    }
}

/// The transactions of a run write, whatever the session's default is; each statement of DDL is one.
pub(super) const WRITES: &str = "SET SESSION TRANSACTION READ WRITE";

/// Ends [`WRITES`].
pub(super) const END_WRITES: &str = "SET SESSION TRANSACTION READ ONLY";

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

/// Prepares a statement, which reads it and does not run it.
pub(super) fn prepare(dialect: Dialect, statement: &str) -> [String; 3] {
    [
        format!("SET @limbeck_prepared = {}", dialect.literal(statement)),
        "PREPARE limbeck_prepared FROM @limbeck_prepared".to_owned(),
        "DEALLOCATE PREPARE limbeck_prepared".to_owned(),
    ]
}

/// The number of this session, and the name of its server.
pub(super) fn own_session(dialect: Dialect) -> String {
    format!("SELECT {}, {SERVER}", dialect.text("CONNECTION_ID()"))
}

/// A name of a server that no other server has, nor another node of a cluster.
const SERVER: &str = "CONCAT(@@hostname, ':', @@port)";

/// Ends the statement that a session of this server is in, and not the session. Another server has another session of that
/// number.
pub(super) fn end_statement(dialect: Dialect, session: u64, server: &str) -> Vec<String> {
    vec![
        format!(
            "SET @limbeck_ended = IF({SERVER} = {}, {session}, NULL)",
            dialect.literal(server)
        ),
        "KILL QUERY @limbeck_ended".to_owned(),
    ]
}

/// Ends a session and the statement that it is in.
pub(super) fn kill(session: &str) -> Option<String> {
    let is_number = session.parse::<u64>().is_ok();
    is_number.then(|| format!("KILL {session}"))
}
