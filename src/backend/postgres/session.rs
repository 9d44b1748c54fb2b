//! Texts: the transaction lock, and what a run asks and sets in its session.

use sha2::{Digest as _, Sha256};

use crate::dialect::session::{Actor, Server, field};
use crate::dialect::{Dialect, Names};
use crate::ledger::look::TextRow;

/// One row, `t` where this transaction now holds the lock.
pub(super) fn try_lock(names: &Names, server: &Server) -> String {
    let (lock, watch) = (lock_call(names, server), watch_client(server));
    format!("SELECT {lock}, {watch}")
}

/// The same, and where it holds the lock the settings that were made in this session, by name and value and the value that
/// the session logged in with, in a row each:
/// so that [`restore`] can bring them back after a migration's own `SET`s. Those who wait do without: the view costs a
/// server more than all else that they ask. (`OFFSET 0` keeps the subqueries, and so the order: the settings are read before
/// the watch is set, which would be one of them.)
pub(super) fn try_lock_and_read_settings(names: &Names, server: &Server) -> String {
    let (lock, watch) = (lock_call(names, server), watch_client(server));
    format!(
        "SELECT l.held, {watch}, s.name, s.setting, s.reset_val FROM (SELECT {lock} AS held OFFSET 0) l LEFT JOIN LATERAL \
         (SELECT p.name, p.setting, p.reset_val FROM pg_catalog.pg_settings p WHERE l.held AND p.source = 'session' \
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
pub(super) fn lock_key(names: &Names, server: &Server) -> i64 {
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

/// One row while this session's transaction holds the lock.
pub(super) fn holds_lock(names: &Names, server: &Server) -> String {
    let key = lock_key(names, server) as u64;
    format!(
        "SELECT 1 FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.granted \
         AND l.pid = pg_catalog.pg_backend_pid() AND l.objsubid = 1 \
         AND l.classid = {}::pg_catalog.oid AND l.objid = {}::pg_catalog.oid",
        key >> 32,
        key & 0xffff_ffff,
    )
}

/// Who holds the transaction lock, as one row `(pid, application_name, client, since, query)`.
pub(super) fn lock_holder(names: &Names, server: &Server) -> String {
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

/// Fires the triggers that were put off, under the settings of the section that they belong to; behind it temporary tables
/// may be dropped.
pub(super) const FIRE_DEFERRED: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// Ends temporary objects and the memory of sequences.
pub(super) const DISCARD: [&str; 2] = ["DISCARD TEMP", "DISCARD SEQUENCES"];

/// Ends what a section's code can have left beside them. Cursors go first: one keeps its temporary table from being dropped.
pub(super) const DISCARD_MORE: [&str; 3] = [
    "CLOSE ALL",
    "UNLISTEN *",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
];

/// Ends the statements that SQL prepared, by name: those that a driver or a pooler prepared are theirs.
pub(super) const FORGET_STATEMENTS: &str = "DO $limbeck$DECLARE n pg_catalog.text; BEGIN \
     FOR n IN SELECT s.name FROM pg_catalog.pg_prepared_statements s WHERE s.from_sql \
     LOOP EXECUTE pg_catalog.format('DEALLOCATE %I', n); END LOOP; END$limbeck$";

/// The statements that end those of SQL and of a user's code: sqlx names those that it prepares, also with its cache off. (A `DO`
/// would load a language into a session where nobody else has asked for it.)
pub(super) const FORGET_CODE: &str = "SELECT pg_catalog.format('DEALLOCATE %I', s.name) \
     FROM pg_catalog.pg_prepared_statements s \
     WHERE s.from_sql OR pg_catalog.strpos(s.name, 'sqlx_s_') = 1";

/// A row each for what stands in the session beside its settings: the statement that takes it away.
pub(super) const TRACES: &str = "SELECT pg_catalog.format('CLOSE %I', c.name) FROM pg_catalog.pg_cursors c \
     WHERE c.is_holdable \
     UNION ALL SELECT pg_catalog.format('DEALLOCATE %I', s.name) FROM pg_catalog.pg_prepared_statements s WHERE s.from_sql \
     UNION ALL SELECT pg_catalog.format('UNLISTEN %I', l.l) FROM pg_catalog.pg_listening_channels() l(l) \
     UNION ALL SELECT pg_catalog.format('SELECT pg_catalog.pg_advisory_unlock%s(%s)', \
     CASE WHEN l.mode = 'ShareLock' THEN '_shared' END, CASE WHEN l.objsubid = 1 \
     THEN (l.classid::pg_catalog.int8::pg_catalog.bit(32) || l.objid::pg_catalog.int8::pg_catalog.bit(32))\
     ::pg_catalog.bit(64)::pg_catalog.int8::pg_catalog.text \
     ELSE pg_catalog.format('%s, %s', l.classid::pg_catalog.int8::pg_catalog.bit(32)::pg_catalog.int4, \
     l.objid::pg_catalog.int8::pg_catalog.bit(32)::pg_catalog.int4) END) \
     FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid() \
     UNION ALL SELECT pg_catalog.format('DROP %s IF EXISTS pg_temp.%I CASCADE /* %s */', CASE WHEN c.relkind = 'v' THEN 'VIEW' \
     WHEN c.relkind = 'S' THEN 'SEQUENCE' WHEN c.relkind = 'c' THEN 'TYPE' ELSE 'TABLE' END, c.relname, c.oid) \
     FROM pg_catalog.pg_class c WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relkind IN ('r', 'p', 'v', 'S', 'c') \
     UNION ALL SELECT pg_catalog.format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::pg_catalog.regprocedure) \
     FROM pg_catalog.pg_proc p WHERE p.pronamespace = pg_catalog.pg_my_temp_schema() \
     UNION ALL SELECT pg_catalog.format('DROP TYPE IF EXISTS pg_temp.%I CASCADE /* %s */', t.typname, t.oid) \
     FROM pg_catalog.pg_type t WHERE t.typnamespace = pg_catalog.pg_my_temp_schema() AND t.typtype IN ('e', 'd', 'r')";

/// One row, `t` inside a transaction that was open before this message: one that begins its own has both clocks alike.
pub(super) const IS_INSIDE: &str = "SELECT CASE WHEN pg_catalog.now() = pg_catalog.statement_timestamp() \
     THEN 'f' ELSE 't' END";

/// The server's number of this session.
pub(super) const OWN_SESSION: &str = "SELECT pg_catalog.pg_backend_pid()::pg_catalog.text";

/// Ends a session in which nobody works.
pub(super) fn end_idle(session: &str) -> Option<String> {
    let number: u32 = session.parse().ok()?;
    Some(format!(
        "SELECT pg_catalog.pg_terminate_backend(a.pid)::pg_catalog.text FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid = {number} AND a.state = 'idle'"
    ))
}

/// This transaction's application name tells what [`message_marker`] tells elsewhere, as far as the
/// server's 63 bytes hold it.
pub(super) fn show_run(actor: &Actor, revision: &str) -> String {
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

/// The settings that [`try_lock_and_read_settings`] returned, by name and value.
pub(super) fn settings(rows: &[TextRow]) -> Vec<(String, String)> {
    rows.iter()
        .filter_map(|row| match row.as_slice() {
            [_, _, Some(name), Some(value), ..] => Some((name.clone(), value.clone())),
            _ => None,
        })
        .collect()
}

/// The search path among these settings, unless the session logged in with it.
pub(super) fn changed_path(rows: &[TextRow]) -> Option<String> {
    rows.iter().find_map(|row| match row.as_slice() {
        [_, _, Some(name), Some(value), logged_in] if name == "search_path" => {
            (logged_in.as_ref() != Some(value)).then(|| value.clone())
        }
        _ => None,
    })
}
