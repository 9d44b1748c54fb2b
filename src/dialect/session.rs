//! Transactions, the transaction lock, and what a step leaves of the session's settings.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Dialect;
use super::names::Names;
use super::quote::marker;

/// Who writes the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub host: String,
    pub pid: u32,
    pub application: String,
}

/// The server and the session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    /// As the server writes it: `3.51.0`, `150018`, `10.11.19-MariaDB-…`.
    pub version: String,
    /// The schema (PostgreSQL), database (MySQL) or attached file (SQLite) that an unqualified version table
    /// is in, or would be.
    pub schema: Option<String>,
    /// Whether the session is inside a transaction that was open before this message.
    pub in_transaction: bool,
    /// MySQL: the session is in a transaction as soon as it looks.
    pub autocommit_off: bool,
    /// PostgreSQL: the role in force, `none` unless a `SET ROLE` stands.
    pub role: Option<String>,
    /// The server's own number for this session.
    pub session: Option<String>,
    /// The database's clock.
    pub now: Option<chrono::DateTime<chrono::Utc>>,
    /// PostgreSQL: `lock_timeout` as the session has it.
    pub lock_timeout: Option<String>,
    /// PostgreSQL: the database's name.
    pub database: Option<String>,
}

impl Server {
    /// Which dialect the server speaks: MySQL's protocol alone does not tell.
    pub(crate) fn dialect(&self, family: Dialect) -> Dialect {
        if family.is_mysql_family() {
            if self.version.contains("MariaDB") {
                Dialect::Mariadb
            } else {
                Dialect::Mysql
            }
        } else {
            family
        }
    }

    /// PostgreSQL's `server_version_num`.
    pub(crate) fn version_number(&self) -> u32 {
        self.version.parse().unwrap_or(0)
    }
}

/// Opens a step's transaction. On SQLite that is the lock; on PostgreSQL [`try_lock`] follows.
pub(crate) fn begin(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "BEGIN IMMEDIATE",
        // Under another default isolation level, rows read after the lock would be older than it.
        Dialect::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        Dialect::Mysql | Dialect::Mariadb => "START TRANSACTION",
    }
}

/// Writing statements of limbeck's own as a transaction that may write, whatever the session's defaults are. SQLite
/// has no such defaults.
pub(crate) fn alone(dialect: Dialect, statements: Vec<String>) -> Vec<String> {
    if dialect == Dialect::Sqlite {
        return statements;
    }
    let mut all = vec![begin(dialect).to_owned()];
    all.extend(statements);
    all.push("COMMIT".to_owned());
    all
}

/// PostgreSQL: one row, `t` where this transaction now holds the lock.
pub(crate) fn try_lock(names: &Names, server: &Server) -> String {
    let (lock, watch) = (lock_call(names, server), watch_client(server));
    format!("SELECT {lock}, {watch}")
}

/// The same, and where it holds the lock the settings that were made in this session, by name and value, in a row each:
/// so that [`restore`] can bring them back after a migration's own `SET`s. Those who wait do without: the view costs a
/// server more than all else that they ask. (`OFFSET 0` keeps the subqueries, and so the order: the settings are read before
/// the watch is set, which would be one of them.)
pub(crate) fn try_lock_and_read_settings(names: &Names, server: &Server) -> String {
    let (lock, watch) = (lock_call(names, server), watch_client(server));
    format!(
        "SELECT l.held, {watch}, s.name, s.setting FROM (SELECT {lock} AS held OFFSET 0) l LEFT JOIN LATERAL \
         (SELECT p.name, p.setting FROM pg_catalog.pg_settings p WHERE l.held AND p.source = 'session' \
         AND p.context IN ('user', 'superuser') \
         AND p.name NOT IN ('role', 'session_authorization', 'is_superuser', 'transaction_isolation', \
         'transaction_read_only', 'transaction_deferrable') OFFSET 0) s ON true"
    )
}

fn lock_call(names: &Names, server: &Server) -> String {
    format!(
        "pg_catalog.pg_try_advisory_xact_lock({})",
        lock_key(names, server)
    )
}

/// From 14 on a client that died is noticed within half a second, and its statement ended; servers on systems that cannot
/// watch a socket refuse that setting.
fn watch_client(server: &Server) -> &'static str {
    if server.version_number() >= 140_000 {
        "CASE WHEN pg_catalog.version() LIKE '%linux%' THEN \
         pg_catalog.set_config('client_connection_check_interval', '500ms', true) END"
    } else {
        "NULL"
    }
}

/// The key of the transaction lock: made from database, schema and version table.
pub(crate) fn lock_key(names: &Names, server: &Server) -> i64 {
    let mut hash = Sha256::new();
    for part in [
        "limbeck",
        server.database.as_deref().unwrap_or_default(),
        names.schema().unwrap_or_default(),
        names.version_name(),
    ] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(first)
}

/// PostgreSQL: one row while this session's transaction holds the lock.
pub(crate) fn holds_lock(names: &Names, server: &Server) -> String {
    let key = lock_key(names, server) as u64;
    format!(
        "SELECT 1 FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted \
         AND l.pid = pg_catalog.pg_backend_pid() AND l.objsubid = 1 \
         AND l.classid = {}::pg_catalog.oid AND l.objid = {}::pg_catalog.oid",
        key >> 32,
        key & 0xffff_ffff,
    )
}

/// PostgreSQL: who holds the transaction lock, as one row `(pid, application_name, client, since, query)`.
pub(crate) fn lock_holder(names: &Names, server: &Server) -> String {
    let key = lock_key(names, server);
    format!(
        "SELECT a.pid::pg_catalog.text, a.application_name, \
         COALESCE(a.client_addr::pg_catalog.text, 'local'), \
         pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), a.query \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) \
         AND l.classid = {}::pg_catalog.oid AND l.objid = {}::pg_catalog.oid",
        (key as u64) >> 32,
        (key as u64) & 0xffff_ffff,
    )
}

/// MySQL and MariaDB: ends a session and the statement that it is in. On PostgreSQL the query for the sessions
/// does that.
pub(crate) fn kill(dialect: Dialect, session: &str) -> Option<String> {
    let is_number = session.parse::<u64>().is_ok();
    (dialect.is_mysql_family() && is_number).then(|| format!("KILL {session}"))
}

/// How every message of a run begins, in the server's list of sessions as well.
pub(crate) fn run_marker(run: &str) -> String {
    let marker = marker(&format!("run={}", field(run)));
    marker.trim_end_matches("*/ ").trim_end().to_owned() + ";"
}

/// The marker of a run's messages.
pub(crate) fn message_marker(run: &str, actor: &Actor, revision: Option<&str>) -> String {
    let mut words = format!(
        "run={}; host={}; pid={}; application={}",
        field(run),
        field(&actor.host),
        actor.pid,
        field(&actor.application)
    );
    if let Some(revision) = revision {
        words.push_str(&format!("; revision={}", field(revision)));
    }
    marker(&words)
}

/// PostgreSQL: sqlx names the statements that it prepares, also with its cache off.
pub(crate) const FORGET_STATEMENTS: &str = "DEALLOCATE ALL";

/// PostgreSQL: the server's number of this session.
pub(crate) const OWN_SESSION: &str = "SELECT pg_catalog.pg_backend_pid()::pg_catalog.text";

/// PostgreSQL: ends a session in which nobody works.
pub(crate) fn end_idle(session: &str) -> Option<String> {
    let number: u32 = session.parse().ok()?;
    Some(format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid)::pg_catalog.text FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid = {number} AND a.state = 'idle'"
    ))
}

/// PostgreSQL: this transaction's application name tells what [`message_marker`] tells elsewhere, as far as the
/// server's 63 bytes hold it.
pub(crate) fn show_run(actor: &Actor, revision: &str) -> String {
    let words = format!(
        "limbeck pid={}; revision={}; host={}; application={}",
        actor.pid,
        field(revision),
        field(&actor.host),
        field(&actor.application)
    );
    format!(
        "SELECT pg_catalog.set_config('application_name', {}, true)",
        Dialect::Postgres.literal(&words)
    )
}

fn field(text: &str) -> String {
    text.replace(';', ",")
}

/// PostgreSQL: ends what a migration set, in the session as well as in the transaction, so that a
/// `SET search_path` of one step reaches neither the next step nor another client of a pooler.
pub(crate) fn restore(role: Option<&str>, settings: &[(String, String)]) -> Vec<String> {
    let dialect = Dialect::Postgres;
    let mut statements = vec![
        "RESET SESSION AUTHORIZATION".to_owned(),
        "RESET ALL".to_owned(),
    ];
    // Before the role, under which some of the settings may not be made.
    statements.push("RESET ROLE".to_owned());
    let settings: Vec<String> = settings
        .iter()
        .map(|(name, value)| {
            let (name, value) = (dialect.literal(name), dialect.literal(value));
            format!("pg_catalog.set_config({name}, {value}, false)")
        })
        .collect();
    if !settings.is_empty() {
        statements.push(format!("SELECT {}", settings.join(", ")));
    }
    if let Some(role) = role.filter(|role| *role != "none") {
        statements.push(format!("SET ROLE {}", dialect.ident(role)));
    }
    statements
}

/// Sets a time-out for what follows in this transaction (PostgreSQL) or session (the others); none where
/// the database has no such setting.
pub(crate) fn set_timeout(dialect: Dialect, timeout: Timeout, value: Duration) -> Option<String> {
    let ms = value.as_millis();
    match (dialect, timeout) {
        (Dialect::Postgres, Timeout::Lock) => Some(format!("SET LOCAL lock_timeout = '{ms}ms'")),
        (Dialect::Postgres, Timeout::Statement) => {
            Some(format!("SET LOCAL statement_timeout = '{ms}ms'"))
        }
        (Dialect::Sqlite, Timeout::Lock) => Some(format!("PRAGMA busy_timeout = {ms}")),
        (Dialect::Sqlite, Timeout::Statement) => None,
        (Dialect::Mariadb | Dialect::Mysql, Timeout::Lock) => {
            let seconds = value.as_secs().max(1);
            Some(format!(
                "SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}"
            ))
        }
        (Dialect::Mariadb, Timeout::Statement) => Some(format!(
            "SET SESSION max_statement_time = {:.6}",
            value.as_secs_f64()
        )),
        (Dialect::Mysql, Timeout::Statement) => {
            Some(format!("SET SESSION max_execution_time = {ms}"))
        }
    }
}

/// MySQL and MariaDB: each statement commits by itself unless it stands in a transaction of limbeck's, and a
/// `COMMIT` begins no other.
pub(crate) const MYSQL_BEGIN_RUN: &str = "SET @limbeck_completion = @@SESSION.completion_type, \
     @limbeck_run_autocommit = @@SESSION.autocommit, SESSION completion_type = 0, SESSION autocommit = 1";

/// MySQL and MariaDB: ends what [`MYSQL_BEGIN_RUN`] set.
pub(crate) const MYSQL_END_RUN: &str = "SET SESSION completion_type = @limbeck_completion, SESSION autocommit = @limbeck_run_autocommit";

/// MySQL and MariaDB: remembers the session's settings, and gives it the server's own `sql_mode` and time
/// zone: sqlx sets others, and a migration's SQL would mean something else than in the server's client.
pub(crate) const MYSQL_ENTER: &str = "SET @limbeck_sql_mode = @@SESSION.sql_mode, \
     @limbeck_time_zone = @@SESSION.time_zone, @limbeck_foreign_keys = @@SESSION.foreign_key_checks, \
     @limbeck_unique = @@SESSION.unique_checks, @limbeck_autocommit = @@SESSION.autocommit, \
     @limbeck_client = @@SESSION.character_set_client, @limbeck_results = @@SESSION.character_set_results, \
     @limbeck_collation = @@SESSION.collation_connection, @limbeck_limit = @@SESSION.sql_select_limit, \
     @limbeck_wait = @@SESSION.lock_wait_timeout, @limbeck_row_wait = @@SESSION.innodb_lock_wait_timeout, \
     SESSION sql_mode = @@GLOBAL.sql_mode, SESSION time_zone = @@GLOBAL.time_zone";

/// MySQL and MariaDB: whether the server is one of a Galera cluster's, and whether this session reads what the
/// other nodes have committed; no row where it knows of no clusters.
pub(crate) const CLUSTER: &str =
    "SHOW SESSION VARIABLES WHERE variable_name IN ('wsrep_on', 'wsrep_sync_wait')";

/// Galera: which statements wait until all is applied that other nodes committed before
/// (<https://mariadb.com/kb/en/galera-cluster-system-variables/#wsrep_sync_wait>): 7 is those that read or change rows.
pub(crate) fn sync_wait(value: &str) -> String {
    let value = value.parse::<u8>().unwrap_or(0);
    format!("SET SESSION wsrep_sync_wait = {value}")
}

/// MySQL and MariaDB: ends what [`set_timeout`] set.
pub(crate) fn mysql_end_limits(dialect: Dialect) -> Vec<String> {
    let statement_time = match dialect {
        Dialect::Mariadb => "max_statement_time",
        _ => "max_execution_time",
    };
    vec![
        mysql_end_lock_limit(),
        format!("SET SESSION {statement_time} = DEFAULT"),
    ]
}

/// MySQL and MariaDB: ends what [`set_timeout`] set for locks.
pub(crate) fn mysql_end_lock_limit() -> String {
    "SET SESSION lock_wait_timeout = @limbeck_wait, SESSION innodb_lock_wait_timeout = @limbeck_row_wait"
        .to_owned()
}

/// MySQL and MariaDB: ends what a section and [`set_timeout`] set in the session.
pub(crate) fn mysql_leave(dialect: Dialect, server: &Server) -> Vec<String> {
    let mut statements = vec![
        "SET SESSION sql_mode = @limbeck_sql_mode, SESSION time_zone = @limbeck_time_zone, \
         SESSION foreign_key_checks = @limbeck_foreign_keys, SESSION unique_checks = @limbeck_unique, \
         SESSION autocommit = @limbeck_autocommit, SESSION character_set_client = @limbeck_client, \
         SESSION character_set_results = @limbeck_results, SESSION collation_connection = @limbeck_collation, \
         SESSION sql_select_limit = @limbeck_limit"
            .to_owned(),
    ];
    statements.extend(mysql_end_limits(dialect));
    if let Some(database) = &server.schema {
        statements.push(format!("USE {}", dialect.ident(database)));
    }
    statements
}

/// Which of a section's time-outs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    Lock,
    Statement,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runs_messages_begin_with_its_marker() {
        let actor = Actor {
            host: "h; */ x".into(),
            pid: 7,
            application: "a;b".into(),
        };
        let whole = message_marker("h; */ x:7:1", &actor, Some("r"));
        assert!(whole.starts_with(&run_marker("h; */ x:7:1")), "{whole}");
        assert!(
            !whole.starts_with(&run_marker("h; */ x:7:")),
            "another run's serial is no prefix"
        );
        assert_eq!(whole.matches("*/").count(), 1);
    }
}
