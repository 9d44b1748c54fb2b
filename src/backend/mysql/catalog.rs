//! Texts: what the catalog and the server's list of sessions say of a statement, a run and those in its way.

use crate::backend::Failure;
use crate::backend::conduct::{Evidence, qualified};
use crate::dialect::session::{Server, run_marker};
use crate::dialect::{Dialect, Names};
use crate::ledger::look::time_text;
use crate::prepare::Sql;
use crate::sql::{Ddl, DdlVerb, ObjectKind, ObjectName};

/// Words in an ALTER TABLE whose effect the table's definition does not show.
const INVISIBLE: [&str; 5] = [
    "TRUNCATE",
    "AUTO_INCREMENT",
    "DISCARD",
    "IMPORT",
    "EXCHANGE",
];

/// The evidence that interrupted DDL leaves in the catalog.
pub(super) fn evidence(dialect: Dialect, ddl: &Ddl, text: &str) -> Evidence {
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

/// Refused where a transaction has the lease's row locked.
pub(super) fn lease_probe(names: &Names) -> String {
    format!(
        "SELECT 1 FROM {} WHERE {} FOR UPDATE NOWAIT",
        names.lock(),
        names.scope()
    )
}

/// Tells whether an error says that a lock was not to be had at once.
pub(super) fn is_locked(failure: &Failure) -> bool {
    matches!(failure.code.as_deref(), Some("1205" | "3572"))
}

/// Tells whether DDL that fails may have done a part of its work: several objects go one by one, and accounts too.
pub(super) fn is_divisible(ddl: &Ddl) -> bool {
    let is_several = ddl.names.len() != 1;
    match (ddl.verb, ddl.object) {
        (DdlVerb::Drop, ObjectKind::Database | ObjectKind::Schema) => true,
        (DdlVerb::Drop, _) | (_, ObjectKind::Role) => is_several,
        _ => false,
    }
}

/// Tells whether an error says of the routine that a `CALL` names that it is missing, or that it may not be called.
pub(super) fn names_callee(statement: &Sql, failure: &Failure, server: &Server) -> bool {
    if !matches!(failure.code.as_deref(), Some("1305" | "1370")) {
        return false;
    }
    let Some(("CALL", rest)) = statement.text.split_at_checked(4).map(|(call, rest)| {
        (
            if call.eq_ignore_ascii_case("call") {
                "CALL"
            } else {
                ""
            },
            rest,
        )
    }) else {
        return false;
    };
    let name = rest.split('(').next().unwrap_or_default().replace('`', "");
    let name: String = name.split_whitespace().collect();
    let qualified = match (name.contains('.'), &server.schema) {
        (false, Some(schema)) => format!("{schema}.{name}"),
        _ => name,
    };
    let message = failure.message.to_lowercase();
    let qualified = qualified.to_lowercase();
    message.contains(&format!(" {qualified} ")) || message.contains(&format!("'{qualified}'"))
}

/// Tells whether a RENAME gives a table a name that another one had. Its names are pairs of old and new.
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
pub(super) fn without_counter(definition: &str) -> String {
    const WORD: &str = " AUTO_INCREMENT=";
    let Some(start) = definition.find(WORD) else {
        return definition.to_owned();
    };
    let rest =
        definition[start + WORD.len()..].trim_start_matches(|digit: char| digit.is_ascii_digit());
    format!("{}{rest}", &definition[..start])
}

/// The begin of a transaction, which the server shows in the time zone of its system.
const TRANSACTION_BEGAN: &str = "CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00')";

/// The sessions of the server that this role may see. On MySQL every read of `information_schema.processlist` fails with 3854
/// while any of them runs a statement with a 4-byte character, so that only a server whose `performance_schema` does not know
/// this session is asked for it: the second part is not even opened where the first has that row.
fn sessions(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mysql => {
            "(SELECT s.id, s.user, s.host, s.db, s.command, s.time, s.info FROM performance_schema.processlist s \
             UNION ALL SELECT s.id, s.user, s.host, s.db, s.command, s.time, s.info FROM information_schema.processlist s \
             WHERE NOT EXISTS (SELECT 1 FROM performance_schema.processlist o WHERE o.id = CONNECTION_ID()))"
        }
        _ => "information_schema.processlist",
    }
}

/// The columns of a session: its number, user and client.
fn session_columns(dialect: Dialect) -> String {
    ["p.id", "p.user", "p.host"]
        .map(|column| dialect.text(column))
        .join(", ")
}

fn since(dialect: Dialect, time: &str) -> String {
    dialect.text(&time_text(dialect, time))
}

/// The queries for the open transactions of this database, first come first, of which the first one counts that this role may
/// ask and that finds any: rows of session, user, client, since when, and statement.
pub(super) fn blockers(dialect: Dialect) -> Vec<String> {
    beside_own(dialect, format!("{} LIMIT 5", open_transactions(dialect)))
}

/// The query, and on MySQL those that it alone has: one that knows more stands before it, one that needs no right behind it.
fn beside_own(dialect: Dialect, query: String) -> Vec<String> {
    match dialect {
        Dialect::Mysql => vec![lock_holders(dialect), query, working(dialect)],
        _ => vec![query],
    }
}

/// The queries for those who may have a table locked, as those of [`blockers`]. Where there is no open transaction, the idle
/// sessions in this database, longest first: one of them may have said `LOCK TABLES`, which no table of MariaDB's shows.
pub(super) fn table_blockers(dialect: Dialect) -> Vec<String> {
    let sessions = sessions(dialect);
    let idle = format!(
        "({} LIMIT 5) UNION ALL \
         (SELECT {}, {}, {} FROM {sessions} p WHERE p.id <> CONNECTION_ID() \
         AND p.db = DATABASE() AND p.command = 'Sleep' AND NOT EXISTS (SELECT 1 FROM information_schema.innodb_trx o \
         JOIN {sessions} q ON q.id = o.trx_mysql_thread_id \
         WHERE q.id <> CONNECTION_ID() AND q.db = DATABASE()) ORDER BY p.time DESC LIMIT 5)",
        open_transactions(dialect),
        session_columns(dialect),
        since(dialect, "DATE_SUB(UTC_TIMESTAMP(), INTERVAL p.time SECOND)"),
        dialect.text("'(idle: it may hold a lock by LOCK TABLES)'"),
    );
    let mut queries = beside_own(dialect, idle);
    if dialect == Dialect::Mysql {
        // Until the first look has its answer, MariaDB is taken for MySQL.
        queries.append(&mut table_blockers(Dialect::Mariadb));
    }
    queries
}

/// The open transactions of this database, as InnoDB knows them: some roles only may ask, not which of them hold the locks in
/// question, and on MySQL not while one of them runs a statement with a 4-byte character.
fn open_transactions(dialect: Dialect) -> String {
    format!(
        "SELECT {}, {}, {} FROM information_schema.innodb_trx t JOIN {} p ON p.id = t.trx_mysql_thread_id \
         WHERE p.id <> CONNECTION_ID() AND p.db = DATABASE() ORDER BY t.trx_started",
        session_columns(dialect),
        since(dialect, TRANSACTION_BEGAN),
        dialect.text("t.trx_query"),
        sessions(dialect),
    )
}

/// MySQL: the sessions that hold locks on tables of this database, by `LOCK TABLES` too. It takes the right to read
/// `performance_schema`.
fn lock_holders(dialect: Dialect) -> String {
    let began = since(
        dialect,
        "DATE_SUB(UTC_TIMESTAMP(), INTERVAL COALESCE(x.timer_wait DIV 1000000000000, p.time) SECOND)",
    );
    format!(
        "SELECT DISTINCT {}, {began} AS began, {} FROM performance_schema.metadata_locks l \
         JOIN performance_schema.threads s ON s.thread_id = l.owner_thread_id \
         JOIN performance_schema.processlist p ON p.id = s.processlist_id \
         LEFT JOIN performance_schema.events_transactions_current x ON x.thread_id = s.thread_id AND x.state = 'ACTIVE' \
         WHERE l.object_type = 'TABLE' AND l.object_schema = DATABASE() AND l.lock_status = 'GRANTED' \
         AND p.id <> CONNECTION_ID() ORDER BY began LIMIT 5",
        session_columns(dialect),
        dialect.text("p.info"),
    )
}

/// MySQL: the sessions that work in this database, longest first. Which of them hold locks, a role without rights cannot know.
fn working(dialect: Dialect) -> String {
    format!(
        "SELECT {}, {}, {} FROM {} p WHERE p.id <> CONNECTION_ID() AND p.db = DATABASE() AND p.command <> 'Sleep' \
         ORDER BY p.time DESC LIMIT 5",
        session_columns(dialect),
        since(dialect, "DATE_SUB(UTC_TIMESTAMP(), INTERVAL p.time SECOND)"),
        dialect.text("p.info"),
        sessions(dialect),
    )
}

/// The statement of a run that the server works on at this moment, as one row of session, application, client, since when,
/// and text.
pub(super) fn statement_of(dialect: Dialect, run: &str) -> String {
    let marker = run_marker(run);
    format!(
        "SELECT NULL, NULL, NULL, NULL, {} FROM {} p WHERE p.id <> CONNECTION_ID() \
         AND LEFT(p.info, {}) = {} LIMIT 1",
        dialect.text("p.info"),
        sessions(dialect),
        marker.chars().count(),
        dialect.literal(&marker)
    )
}

/// The sessions in which a run's last statement still is, or may still be: one row each, its number first.
pub(super) fn sessions_of(dialect: Dialect, run: &str) -> String {
    let marker = run_marker(run);
    format!(
        "SELECT {} FROM {} p WHERE p.id <> CONNECTION_ID() AND LEFT(p.info, {}) = {}",
        dialect.text("p.id"),
        sessions(dialect),
        marker.chars().count(),
        dialect.literal(&marker)
    )
}

/// The session that a lease names, where it is one of this server's, idle ones too, and how many seconds ago the lease was
/// taken. A server that started later has given its number to another.
pub(super) fn recorded_session(names: &Names, epoch: i64) -> String {
    let dialect = names.dialect();
    format!(
        "SELECT {}, {} FROM {} p, {} l WHERE l.{} AND l.epoch = {epoch} \
         AND l.session = CONCAT(p.id, '@', @@hostname, ':', @@port) AND p.id <> CONNECTION_ID()",
        dialect.text("p.id"),
        dialect.text("TIMESTAMPDIFF(SECOND, l.since, UTC_TIMESTAMP())"),
        sessions(dialect),
        names.lock(),
        names.scope(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::classify;

    fn of(dialect: Dialect, text: &str) -> Evidence {
        let kind = classify(dialect, text);
        kind.ddl()
            .map_or(Evidence::None, |ddl| evidence(dialect, ddl, text))
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
