//! Transactions, the transaction lock, and what a step leaves of the session's settings.

use std::borrow::Cow;
use std::time::Duration;

use super::path::Pin;
use super::quote::marker;
use super::repertoire::Repertoire;
use super::{Dialect, Family, mysql};

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
    /// The schema (PostgreSQL), database (MySQL) or attached file (SQLite) of limbeck's tables.
    pub schema: Option<String>,
    /// Tells whether the session is inside a transaction that was open before this message.
    pub in_transaction: bool,
    /// MySQL: the session is in a transaction as soon as it looks.
    pub autocommit_off: bool,
    /// PostgreSQL: the role in force, `none` unless a `SET ROLE` stands.
    pub role: Option<String>,
    /// The server's own number for this session.
    pub session: Option<String>,
    /// The database's clock.
    pub now: Option<chrono::DateTime<chrono::Utc>>,
    /// PostgreSQL: the database's name.
    pub database: Option<String>,
    /// PostgreSQL: the encoding of the database.
    pub encoding: Option<String>,
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

    /// Tells whether the server may lack characters. `SQL_ASCII` takes every byte.
    pub(crate) fn lacks_characters(&self) -> bool {
        let encoding = self.encoding.as_deref();
        encoding.is_some_and(|encoding| !matches!(encoding, "UTF8" | "SQL_ASCII"))
    }

    /// PostgreSQL's `server_version_num`.
    pub(crate) fn version_number(&self) -> u32 {
        self.version.parse().unwrap_or(0)
    }
}

/// Opens a step's transaction. On SQLite that is the lock; on PostgreSQL [`try_lock`] follows.
pub(crate) fn begin(dialect: Dialect) -> &'static str {
    match dialect.family() {
        Family::Sqlite => "BEGIN IMMEDIATE",
        // Under another default isolation level, rows read after the lock would be older than it.
        Family::Postgres => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        // It goes before `tx_read_only`.
        Family::Mysql => "START TRANSACTION READ WRITE",
    }
}

/// A query of limbeck's own with a limit of its own, which goes before MySQL's and MariaDB's `sql_select_limit`.
pub(crate) fn limited(dialect: Dialect, statement: &str) -> Cow<'_, str> {
    let is_unlimited = dialect.is_mysql_family()
        && statement.starts_with("SELECT")
        && statement
            .rsplit_once(" LIMIT ")
            .is_none_or(|(_, end)| end.parse::<u64>().is_err());
    if is_unlimited {
        format!("{statement}\nLIMIT 18446744073709551615").into()
    } else {
        statement.into()
    }
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

pub(crate) fn field(text: &str) -> String {
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
    match (dialect.family(), timeout) {
        (Family::Postgres, Timeout::Lock) => Some(format!("SET LOCAL lock_timeout = '{ms}ms'")),
        (Family::Postgres, Timeout::Statement) => {
            Some(format!("SET LOCAL statement_timeout = '{ms}ms'"))
        }
        (Family::Sqlite, Timeout::Lock) => Some(format!("PRAGMA busy_timeout = {ms}")),
        (Family::Sqlite, Timeout::Statement) => None,
        (Family::Mysql, Timeout::Lock) => {
            let seconds = value.as_secs().max(1);
            Some(format!(
                "SET SESSION lock_wait_timeout = {seconds}, SESSION innodb_lock_wait_timeout = {seconds}"
            ))
        }
        (Family::Mysql, Timeout::Statement) => Some(mysql::set_statement_timeout(dialect, value)),
    }
}

/// A section's time-outs, for as long as [`set_timeout`] says.
pub(crate) fn set_timeouts(
    dialect: Dialect,
    lock: Option<Duration>,
    statement: Option<Duration>,
) -> Vec<String> {
    [(Timeout::Lock, lock), (Timeout::Statement, statement)]
        .into_iter()
        .filter_map(|(timeout, value)| set_timeout(dialect, timeout, value?))
        .collect()
}

/// The conditions under which limbeck's own statements run, and not a revision's: under the pinned role and path, with no row of
/// its tables hidden by a policy, and with a bound on how long they wait for locks.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub limit: Duration,
    pub pin: Pin,
    /// PostgreSQL: `lock_timeout` as the session has it.
    pub before: Option<String>,
    /// PostgreSQL: `row_security` as the session has it.
    pub row_security: Option<String>,
    pub repertoire: Repertoire,
}

impl Bound {
    /// PostgreSQL: from here to the end of the transaction, or to [`Bound::end`]. Elsewhere each statement bears its own bound
    /// ([`mysql::bounded`]), or the connection has one (SQLite).
    pub(crate) fn begin(&self, dialect: Dialect) -> Vec<String> {
        let mut all = self.pin.local();
        all.extend(see_all(dialect).map(str::to_owned));
        all.extend(self.limit_locks(dialect));
        all
    }

    /// Ends it in a transaction that goes on. The pin stays.
    pub(crate) fn end(&self, dialect: Dialect) -> Vec<String> {
        let as_before = see_all(dialect).map(|_| {
            let before = self.row_security.as_deref().unwrap_or("on");
            format!("SET LOCAL row_security = {}", dialect.literal(before))
        });
        as_before
            .into_iter()
            .chain(self.end_limit(dialect))
            .collect()
    }

    /// The bound on locks alone.
    pub(crate) fn limit_locks(&self, dialect: Dialect) -> Option<String> {
        // A zero is no limit at all.
        let limit = self.limit.max(Duration::from_millis(1));
        let is_set = dialect.family() == Family::Postgres;
        set_timeout(dialect, Timeout::Lock, limit).filter(|_| is_set)
    }

    /// Ends that: the rest of the transaction waits as the session does.
    pub(crate) fn end_limit(&self, dialect: Dialect) -> Option<String> {
        let before = self.before.as_deref();
        let value = before.map_or("DEFAULT".to_owned(), |value| dialect.literal(value));
        let is_set = dialect.family() == Family::Postgres;
        is_set.then(|| format!("SET LOCAL lock_timeout = {value}"))
    }
}

/// Rows that a policy would hide or refuse are an error: for limbeck's own tables alone.
pub(crate) fn see_all(dialect: Dialect) -> Option<&'static str> {
    (dialect.family() == Family::Postgres).then_some("SET LOCAL row_security = off")
}

/// PostgreSQL: the session's `lock_timeout`, to be asked before a [`Bound`] changes it.
pub(crate) fn read_lock_timeout(dialect: Dialect) -> Option<&'static str> {
    let is_set = dialect.family() == Family::Postgres;
    is_set.then_some("SELECT pg_catalog.current_setting('lock_timeout')")
}

/// A section's two time-outs.
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
