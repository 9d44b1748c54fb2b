//! The tables that limbeck keeps, and the layout's version.

use crate::dialect::{Dialect, Family, Names};

/// The layout that this version of limbeck writes. A newer one upgrades an older one, losing nothing; an
/// older one refuses a newer one.
pub(crate) const LAYOUT: u32 = 1;

/// The width of `version_num` in a version table that Alembic made.
pub(crate) const ALEMBIC_WIDTH: usize = 32;

/// Statements that create whatever of the tables is missing. Every one of them does nothing where its object exists.
pub(crate) fn create(names: &Names) -> Vec<String> {
    let Types {
        text,
        short,
        big,
        time,
        identity,
        suffix,
    } = Types::of(names.dialect());
    let (version, history, lock) = (names.version(), names.history(), names.lock());
    let index = names
        .dialect()
        .ident(&format!("{}_revision", names.history_name()));
    let state = names
        .dialect()
        .ident(&format!("{}_state", names.history_name()));
    let inline_indexes = if names.dialect().is_mysql_family() {
        format!(", INDEX {index} (scope, revision, state, id), INDEX {state} (scope, state, id)")
    } else {
        String::new()
    };
    let mut statements = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {version} (version_num {short} NOT NULL PRIMARY KEY){suffix}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {history} (\
             id {identity}, scope {short} NOT NULL, revision {short} NOT NULL, down_revision {text} NOT NULL, \
             depends_on {text} NOT NULL, message {text} NOT NULL, action {short} NOT NULL, checksum {short}, \
             requires_binary {short}, lineage {short}, state {short} NOT NULL, statements {big} NOT NULL, \
             statements_done {big} NOT NULL, statement_running {big}, statement {text}, fingerprint {text}, \
             done_digest {short}, rows_affected {big} NOT NULL, epoch {big}, started_at {time} NOT NULL, \
             finished_at {time}, db_user {text}, host {text}, pid {big}, session {text}, application {text}, \
             limbeck_version {text}, error {text}, down_sql {text}{inline_indexes}){suffix}"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {lock} (\
             scope {short} NOT NULL PRIMARY KEY, layout {big} NOT NULL, epoch {big} NOT NULL, beat {big} NOT NULL, \
             holder {short}, lease_ms {big}, since {time}, host {text}, pid {big}, application {text}, \
             session {text}){suffix}"
        ),
    ];
    match names.dialect().family() {
        Family::Postgres => {
            statements.push(format!(
                "CREATE INDEX IF NOT EXISTS {index} ON {history} (scope, revision, state, id)"
            ));
            statements.push(format!(
                "CREATE INDEX IF NOT EXISTS {state} ON {history} (scope, id) WHERE state = 'running'"
            ));
        }
        Family::Sqlite => {
            // SQLite wants the schema before the index's name, and none before the table's.
            let prefix = names
                .schema()
                .map_or(String::new(), |schema| names.dialect().ident(schema) + ".");
            let table = names.dialect().ident(names.history_name());
            statements.push(format!(
                "CREATE INDEX IF NOT EXISTS {prefix}{index} ON {table} (scope, revision, state, id)"
            ));
            // With the state, which is one: without it, the planner prefers the other index, and reads all of it.
            statements.push(format!(
                "CREATE INDEX IF NOT EXISTS {prefix}{state} ON {table} (scope, state, id) WHERE state = 'running'"
            ));
        }
        Family::Mysql => {}
    }
    statements
}

/// The order of a revision's rows of one state in the ledger `h`, newest first. By `id` MySQL reads the primary key from its
/// end, so all rows where the wanted one is old; by the whole key of the index MariaDB sorts them.
pub(crate) fn newest(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Mysql => "ORDER BY h.scope DESC, h.revision DESC, h.state DESC, h.id DESC",
        _ => "ORDER BY h.id DESC",
    }
}

/// The highest epoch that a step of this service ran under: a row of leases that somebody deleted begins
/// behind it.
pub(crate) fn last_epoch(names: &Names) -> String {
    let epoch = names.dialect().text(&format!(
        "COALESCE({}, 0)",
        names.dialect().aggregate("max(epoch)")
    ));
    format!(
        "SELECT {epoch} FROM {} WHERE {}",
        names.history(),
        names.scope()
    )
}

/// This service's row in the table of leases, unless it is there.
pub(crate) fn own_row(names: &Names, last_epoch: i64) -> String {
    let lock = names.lock();
    let scope = names.scope_literal();
    let row = format!("(scope, layout, epoch, beat) VALUES ({scope}, {LAYOUT}, {last_epoch}, 0)");
    match names.dialect().family() {
        Family::Mysql => format!("INSERT IGNORE INTO {lock} {row}"),
        _ => format!("INSERT INTO {lock} {row} ON CONFLICT (scope) DO NOTHING"),
    }
}

struct Types {
    text: &'static str,
    short: &'static str,
    big: &'static str,
    time: &'static str,
    identity: &'static str,
    suffix: &'static str,
}

impl Types {
    fn of(dialect: Dialect) -> Types {
        match dialect.family() {
            Family::Sqlite => Types {
                text: "TEXT",
                short: "TEXT",
                big: "INTEGER",
                time: "TEXT",
                identity: "INTEGER PRIMARY KEY AUTOINCREMENT",
                suffix: "",
            },
            Family::Postgres => Types {
                text: "pg_catalog.text",
                short: "varchar(255)",
                big: "bigint",
                time: "pg_catalog.timestamptz",
                identity: "bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY",
                suffix: "",
            },
            Family::Mysql => Types {
                text: "LONGTEXT",
                short: "VARCHAR(255)",
                big: "BIGINT",
                time: "DATETIME(6)",
                identity: "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
                // By its other formats InnoDB has no index over 255 characters.
                suffix: " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            },
        }
    }
}

/// The query for the tables that there are: a row for each that exists, its first column the name. A row without a name tells that one
/// of the `others`, schemas of PostgreSQL, has a table of the version table's name: its second column is that schema. Reads
/// the catalog alone, so that it never fails, whatever is missing.
pub(crate) fn existing(names: &Names, others: &[String]) -> String {
    let dialect = names.dialect();
    let wanted: Vec<String> = [
        names.version_name(),
        names.history_name(),
        &names.lock_name(),
    ]
    .iter()
    .map(|name| dialect.literal(name))
    .collect();
    let wanted = wanted.join(", ");
    match dialect.family() {
        Family::Sqlite => format!(
            "SELECT name FROM {}.sqlite_master WHERE type IN ('table', 'view') AND name IN ({wanted})",
            dialect.ident(names.schema().unwrap_or("main"))
        ),
        Family::Postgres => {
            let schema = names.schema().map_or_else(
                || "pg_catalog.current_schema()".to_owned(),
                |schema| dialect.literal(schema),
            );
            let tables = "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                          WHERE c.relkind IN ('r', 'p', 'v')";
            let own = format!(
                "SELECT c.relname::pg_catalog.text, NULL::pg_catalog.text {tables} AND n.nspname = {schema} \
                 AND c.relname IN ({wanted})"
            );
            if others.is_empty() {
                return own;
            }
            let others: Vec<String> = others.iter().map(|name| dialect.literal(name)).collect();
            format!(
                "{own} UNION ALL SELECT NULL, n.nspname::pg_catalog.text {tables} AND n.nspname IN ({}) \
                 AND c.relname = {} AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')",
                others.join(", "),
                dialect.literal(names.version_name()),
            )
        }
        Family::Mysql => {
            let schema = names
                .schema()
                .map_or("DATABASE()".to_owned(), |schema| dialect.literal(schema));
            format!(
                "SELECT table_name FROM information_schema.tables \
                 WHERE table_schema = {schema} AND table_name IN ({wanted})"
            )
        }
    }
}

/// The width of the version table's column: one row of one column, NULL where it has no bound.
pub(crate) fn version_width(names: &Names) -> String {
    let dialect = names.dialect();
    let table = dialect.literal(names.version_name());
    let schema = match dialect.family() {
        // SQLite would keep a longer text, but no other database that this one is copied to.
        Family::Sqlite => {
            let schema = names.schema().map_or(String::new(), |schema| {
                format!(", {}", dialect.literal(schema))
            });
            let width = dialect.text("CAST(substr(type, instr(type, '(') + 1) AS INTEGER)");
            return format!(
                "SELECT CASE WHEN instr(type, '(') > 0 THEN {width} END \
                 FROM pragma_table_info({table}{schema}) WHERE name = 'version_num'"
            );
        }
        Family::Postgres => "pg_catalog.current_schema()",
        Family::Mysql => "DATABASE()",
    };
    let schema = names
        .schema()
        .map_or(schema.to_owned(), |schema| dialect.literal(schema));
    format!(
        "SELECT {} FROM information_schema.columns \
         WHERE table_schema = {schema} AND table_name = {table} AND column_name = 'version_num'",
        dialect.text("character_maximum_length"),
    )
}
