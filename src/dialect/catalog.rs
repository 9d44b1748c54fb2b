//! What the catalog says of an object that a statement names: enough to tell, after a crash, whether the
//! statement took effect. Pure text.

use super::Dialect;
use super::session::run_marker;
use crate::sql::{Class, Ddl, DdlVerb, Kind, ObjectKind, ObjectName};

/// How it is found out whether an interrupted statement took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// By comparing what these queries return with what they returned before the statement. A query that
    /// fails since the object is not there says just that.
    Fingerprint(Vec<String>),
    /// PostgreSQL: by looking whether the index is there and valid: no row, or one of `t` or `f`.
    /// The second cell is the statement that removes what an interrupted build left.
    IndexValid(String),
    /// PostgreSQL: by looking whether the index is gone.
    IndexGone(String),
    /// Not at all.
    None,
}

/// Words in an ALTER TABLE whose effect the table's definition does not show.
const INVISIBLE: [&str; 5] = [
    "TRUNCATE",
    "AUTO_INCREMENT",
    "DISCARD",
    "IMPORT",
    "EXCHANGE",
];

/// What can be looked at for this statement.
pub(crate) fn evidence(dialect: Dialect, kind: &Kind, text: &str) -> Evidence {
    let Class::Ddl(ddl) = kind.class() else {
        return Evidence::None;
    };
    match dialect {
        Dialect::Postgres => postgres(ddl),
        Dialect::Mysql | Dialect::Mariadb => mysql(dialect, ddl, text),
        // All its DDL shares a transaction with its record.
        Dialect::Sqlite => Evidence::None,
    }
}

/// An object's name as a statement would write it.
fn qualified(dialect: Dialect, name: &ObjectName) -> String {
    match &name.schema {
        Some(schema) => format!("{}.{}", dialect.ident(schema), dialect.ident(&name.name)),
        None => dialect.ident(&name.name),
    }
}

fn postgres(ddl: &Ddl) -> Evidence {
    let (Some(name), ObjectKind::Index, true) = (ddl.name(), ddl.object, ddl.concurrently) else {
        return Evidence::None;
    };
    let dialect = Dialect::Postgres;
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
            dialect.literal(&name.name),
            dialect.literal(&qualified(dialect, table))
        ))),
        (DdlVerb::Drop, _) => Evidence::IndexGone(found_by(format!(
            "c.oid = pg_catalog.to_regclass({})",
            dialect.literal(&qualified(dialect, name))
        ))),
        _ => Evidence::None,
    }
}

fn mysql(dialect: Dialect, ddl: &Ddl, text: &str) -> Evidence {
    let upper = text.to_ascii_uppercase();
    let definition = |name: &ObjectName| format!("SHOW CREATE TABLE {}", qualified(dialect, name));
    let in_schema = |name: &ObjectName, column: &str| match &name.schema {
        Some(schema) => format!("{column} = {}", dialect.literal(schema)),
        None => format!("{column} = DATABASE()"),
    };
    match (ddl.verb, ddl.object) {
        // The rows of a CREATE TABLE … SELECT do not show.
        (DdlVerb::Create, ObjectKind::Table) if upper.contains("SELECT") => Evidence::None,
        (DdlVerb::Alter, ObjectKind::Table)
            if INVISIBLE.iter().any(|word| upper.contains(word)) =>
        {
            Evidence::None
        }
        // Several at once are not dropped as one.
        (DdlVerb::Drop, _) if ddl.names.len() != 1 => Evidence::None,
        // Two that look alike may have changed places.
        (DdlVerb::Rename, _) if takes_old_names(&ddl.names) => Evidence::None,
        (
            DdlVerb::Create | DdlVerb::Alter | DdlVerb::Drop | DdlVerb::Rename,
            ObjectKind::Table | ObjectKind::View,
        ) if !ddl.names.is_empty() && !ddl.temporary => {
            Evidence::Fingerprint(ddl.names.iter().map(definition).collect())
        }
        (DdlVerb::Create | DdlVerb::Drop, ObjectKind::Index) => match &ddl.table {
            Some(table) => Evidence::Fingerprint(vec![definition(table)]),
            None => Evidence::None,
        },
        (DdlVerb::Create | DdlVerb::Drop, ObjectKind::Trigger) => named(ddl, |name| {
            format!(
                "SELECT action_timing, event_manipulation, event_object_table, action_statement \
                 FROM information_schema.triggers WHERE {} AND trigger_name = {}",
                in_schema(name, "trigger_schema"),
                dialect.literal(&name.name)
            )
        }),
        (DdlVerb::Create | DdlVerb::Drop, ObjectKind::Procedure | ObjectKind::Function) => {
            named(ddl, |name| {
                format!(
                    "SELECT routine_type, dtd_identifier, routine_definition FROM information_schema.routines \
                 WHERE {} AND routine_name = {}",
                    in_schema(name, "routine_schema"),
                    dialect.literal(&name.name)
                )
            })
        }
        (DdlVerb::Create | DdlVerb::Drop, ObjectKind::Event) => named(ddl, |name| {
            format!(
                "SELECT event_definition FROM information_schema.events WHERE {} AND event_name = {}",
                in_schema(name, "event_schema"),
                dialect.literal(&name.name)
            )
        }),
        _ => Evidence::None,
    }
}

/// Whether a RENAME gives a table a name that another one had. Its names are pairs of old and new.
fn takes_old_names(names: &[ObjectName]) -> bool {
    let may_be_one = |a: &ObjectName, b: &ObjectName| {
        let apart = a.schema.is_some() && b.schema.is_some() && a.schema != b.schema;
        !apart && a.name.eq_ignore_ascii_case(&b.name)
    };
    names
        .iter()
        .enumerate()
        .any(|(index, name)| names[..index].iter().any(|other| may_be_one(name, other)))
}

fn named(ddl: &Ddl, query: impl Fn(&ObjectName) -> String) -> Evidence {
    ddl.name().map_or(Evidence::None, |name| {
        Evidence::Fingerprint(vec![query(name)])
    })
}

/// `AUTO_INCREMENT=n` in a table's definition moves with its rows, and is no part of what DDL did.
pub(crate) fn without_counter(definition: &str) -> String {
    const WORD: &str = " AUTO_INCREMENT=";
    let Some(start) = definition.find(WORD) else {
        return definition.to_owned();
    };
    let rest =
        definition[start + WORD.len()..].trim_start_matches(|digit: char| digit.is_ascii_digit());
    format!("{}{rest}", &definition[..start])
}

/// Who holds locks on what a statement of DDL names, first come first: rows of session, application, client,
/// since when, and statement. MySQL tells no more than whose transactions are open, and only to some roles.
pub(crate) fn blockers(dialect: Dialect, kind: &Kind) -> Option<String> {
    let ddl = kind.ddl()?;
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => {
            let names = ddl.names.iter().chain(&ddl.table).map(|name| {
                let quoted = qualified(dialect, name);
                format!("pg_catalog.to_regclass({})", dialect.literal(&quoted))
            });
            let names: Vec<String> = names.collect();
            (!names.is_empty()).then(|| {
                format!(
                    "SELECT DISTINCT a.pid::pg_catalog.text, a.application_name, \
                     COALESCE(a.client_addr::pg_catalog.text, 'local'), \
                     pg_catalog.to_char(a.xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), a.query \
                     FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
                     WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() \
                     AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d \
                     WHERE d.datname = pg_catalog.current_database()) \
                     AND l.relation IN ({}) ORDER BY 4 LIMIT 5",
                    names.join(", ")
                )
            })
        }
        Dialect::Mysql | Dialect::Mariadb => Some(format!(
            "SELECT {}, {}, {}, {}, {} FROM information_schema.innodb_trx t \
             JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id \
             WHERE p.id <> CONNECTION_ID() AND p.db = DATABASE() ORDER BY t.trx_started LIMIT 5",
            dialect.text("p.id"),
            dialect.text("p.user"),
            dialect.text("p.host"),
            dialect.text("t.trx_started"),
            dialect.text("t.trx_query"),
        )),
    }
}

/// PostgreSQL: ends the message that begins so, and not its session.
pub(crate) fn cancel_of(message: &str) -> String {
    format!(
        "SELECT pg_catalog.pg_cancel_backend(a.pid)::pg_catalog.text FROM pg_catalog.pg_stat_activity a \
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.state = 'active' \
         AND pg_catalog.starts_with(a.query, {})",
        Dialect::Postgres.literal(message)
    )
}

/// What a run has the server do at this moment, as one row of session, application, client, since when, and
/// text; no row where it shows none.
pub(crate) fn statement_of(dialect: Dialect, run: &str) -> Option<String> {
    let marker = run_marker(run);
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!(
            "SELECT NULL, NULL, NULL, NULL, a.query FROM pg_catalog.pg_stat_activity a \
             WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.state = 'active' \
             AND pg_catalog.starts_with(a.query, {}) LIMIT 1",
            dialect.literal(&marker)
        )),
        Dialect::Mysql | Dialect::Mariadb => Some(format!(
            "SELECT NULL, NULL, NULL, NULL, {} FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
             AND LEFT(info, {}) = {} LIMIT 1",
            dialect.text("info"),
            marker.chars().count(),
            dialect.literal(&marker)
        )),
    }
}

/// The sessions in which a run's last statement still is, or may still be: one row each, its number first.
/// On PostgreSQL the query ends them. None where a session ends with its process.
pub(crate) fn sessions_of(dialect: Dialect, run: &str) -> Option<String> {
    let marker = run_marker(run);
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => Some(format!(
            "SELECT a.pid::pg_catalog.text, pg_catalog.pg_terminate_backend(a.pid)::pg_catalog.text \
             FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid() \
             AND pg_catalog.starts_with(a.query, {})",
            dialect.literal(&marker)
        )),
        Dialect::Mysql | Dialect::Mariadb => Some(format!(
            "SELECT {} FROM information_schema.processlist WHERE id <> CONNECTION_ID() \
             AND LEFT(info, {}) = {}",
            dialect.text("id"),
            marker.chars().count(),
            dialect.literal(&marker)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    fn of(dialect: Dialect, text: &str) -> Evidence {
        evidence(dialect, &classify(dialect, text), text)
    }

    #[test]
    fn ddl_that_shows_has_a_fingerprint() {
        let cases = [
            ("CREATE TABLE t (id INT)", "SHOW CREATE TABLE `t`"),
            (
                "ALTER TABLE `a`.`t` ADD COLUMN x INT",
                "SHOW CREATE TABLE `a`.`t`",
            ),
            ("DROP TABLE t", "SHOW CREATE TABLE `t`"),
            ("CREATE INDEX i ON t (x)", "SHOW CREATE TABLE `t`"),
            ("CREATE VIEW v AS SELECT 1", "SHOW CREATE TABLE `v`"),
        ];
        for (text, query) in cases {
            assert_eq!(
                of(Dialect::Mariadb, text),
                Evidence::Fingerprint(vec![query.to_owned()]),
                "{text}"
            );
        }
    }

    #[test]
    fn ddl_that_does_not_show_has_none() {
        for text in [
            "TRUNCATE t",
            "DROP TABLE a, b",
            "CREATE TABLE t SELECT * FROM u",
            "ALTER TABLE t AUTO_INCREMENT = 5",
            "ALTER TABLE t TRUNCATE PARTITION p",
            "CREATE TEMPORARY TABLE t (id INT)",
            "CALL p()",
            "SELECT 1",
        ] {
            assert_eq!(of(Dialect::Mariadb, text), Evidence::None, "{text}");
        }
        assert_eq!(
            of(Dialect::Postgres, "CREATE INDEX CONCURRENTLY ON t (x)"),
            Evidence::None
        );
        assert_eq!(of(Dialect::Postgres, "CREATE DATABASE d"), Evidence::None);
    }

    #[test]
    fn the_counter_is_no_part_of_a_definition() {
        let with = "CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4";
        assert_eq!(
            without_counter(with),
            "CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
        );
    }
}
