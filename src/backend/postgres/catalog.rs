//! Texts: what the catalog and the server's list of sessions say of a statement, a run and those in its way.

use crate::backend::conduct::{Evidence, qualified};
use crate::dialect::session::run_marker;
use crate::dialect::{Dialect, Names};
use crate::sql::{Ddl, DdlVerb, ObjectKind};

const DIALECT: Dialect = Dialect::Postgres;

/// The evidence that an interrupted `CREATE` or `DROP INDEX CONCURRENTLY` leaves: all other DDL shares a transaction with
/// its record.
pub(super) fn evidence(ddl: &Ddl) -> Evidence {
    let (Some(name), ObjectKind::Index, true) = (ddl.name(), ddl.object, ddl.concurrently) else {
        return Evidence::None;
    };
    let found_by = |condition: String| {
        format!(
            "SELECT CASE WHEN i.indisvalid THEN 't' ELSE 'f' END, \
             pg_catalog.format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', n.nspname, c.relname) \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid WHERE {condition}"
        )
    };
    match (ddl.verb, &ddl.table) {
        // It lies in its table's schema, which CREATE INDEX does not name: another schema may have one of the
        // same name, further in front on the search_path.
        (DdlVerb::Create, Some(table)) => Evidence::IndexValid(found_by(format!(
            "c.relname = {} AND i.indrelid = pg_catalog.to_regclass({})",
            DIALECT.literal(&name.name),
            DIALECT.literal(&qualified(DIALECT, table))
        ))),
        (DdlVerb::Drop, _) => Evidence::IndexGone(found_by(format!(
            "c.oid = pg_catalog.to_regclass({})",
            DIALECT.literal(&qualified(DIALECT, name))
        ))),
        _ => Evidence::None,
    }
}

/// The holders of locks on the tables that DDL names, first come first: rows of session, application, client, since when,
/// and statement.
pub(super) fn blockers(ddl: &Ddl) -> Option<String> {
    let names = ddl.names.iter().chain(&ddl.table).map(|name| {
        let quoted = qualified(DIALECT, name);
        format!("pg_catalog.to_regclass({})", DIALECT.literal(&quoted))
    });
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| holders(&names, ""))
}

/// The holders of locks on limbeck's own tables. Those who only read are in nobody's way.
pub(super) fn table_blockers(names: &Names) -> String {
    let tables = [names.version(), names.history(), names.lock()];
    let tables = tables.map(|table| format!("pg_catalog.to_regclass({})", DIALECT.literal(&table)));
    holders(&tables, " AND l.mode <> 'AccessShareLock'")
}

/// The sessions with locks on these relations.
fn holders(relations: &[String], condition: &str) -> String {
    format!(
        "SELECT DISTINCT a.pid::pg_catalog.text, a.application_name, \
             COALESCE(a.client_addr::pg_catalog.text, 'local'), \
             pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), a.query \
             FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
             WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() \
             AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d \
             WHERE d.datname = pg_catalog.current_database()) \
             AND l.relation IN ({}){condition} ORDER BY 4 LIMIT 5",
        relations.join(", ")
    )
}

/// Ends the message that begins so, and not its session.
pub(super) fn cancel_of(message: &str) -> String {
    format!(
        "SELECT pg_catalog.pg_cancel_backend(a.pid)::pg_catalog.text FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.state = 'active' \
         AND pg_catalog.starts_with(a.query, {})",
        DIALECT.literal(message)
    )
}

/// The message of a run that the server works on at this moment, as one row of session, application, client, since when, and
/// text.
pub(super) fn statement_of(run: &str) -> String {
    format!(
        "SELECT NULL, NULL, NULL, NULL, a.query FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.state = 'active' \
         AND pg_catalog.starts_with(a.query, {}) LIMIT 1",
        DIALECT.literal(&run_marker(run))
    )
}

/// Ends the sessions in which a run's last statement still is, or may still be: one row each, its number first.
pub(super) fn end_sessions_of(run: &str) -> String {
    format!(
        "SELECT a.pid::pg_catalog.text, pg_catalog.pg_terminate_backend(a.pid)::pg_catalog.text \
         FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid() \
         AND pg_catalog.starts_with(a.query, {})",
        DIALECT.literal(&run_marker(run))
    )
}
