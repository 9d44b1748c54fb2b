//! The tables in which other tools keep what they applied.
//!
//! Their layouts: Alembic's in `alembic/runtime/migration.py`, sqlx's in `src/migrate.rs` of each of its
//! drivers, diesel's in `diesel/src/migration/setup_migration_table.sql`, refinery's in
//! `refinery-core/src/traits/mod.rs`.

use std::fmt;

use limbeck::Dialect;

use crate::commands::origin::Tool;
use crate::database::TextRow;

/// A tool's version table.
#[derive(Debug)]
pub(super) struct Table<'a> {
    tool: Tool,
    schema: Option<&'a str>,
    name: &'a str,
}

/// A row of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Applied {
    pub version: String,
    /// As an imported revision holds it.
    pub checksum: Option<String>,
    /// Whether the tool began it and did not get to its end.
    pub failed: bool,
}

impl<'a> Table<'a> {
    /// Of the tool's own name, if none is given.
    pub(super) fn new(tool: Tool, name: Option<&'a str>, schema: Option<&'a str>) -> Self {
        Table {
            tool,
            schema,
            name: name.unwrap_or(tool.table()),
        }
    }

    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// Version, checksum and success of each row, as text.
    pub(super) fn query(&self, dialect: Dialect) -> String {
        let column = |name: &str| dialect.ident(name);
        let text = |name: &str| text(dialect, &column(name));
        let (version, checksum, success) = match self.tool {
            Tool::Alembic => (text("version_num"), None, None),
            Tool::Sqlx => (
                text("version"),
                Some(hex(dialect, &column("checksum"))),
                Some(text("success")),
            ),
            Tool::Diesel => (text("version"), None, None),
            Tool::Refinery => (text("version"), Some(text("checksum")), None),
        };
        let null = || "NULL".to_owned();
        let checksum = checksum.unwrap_or_else(null);
        let success = success.unwrap_or_else(null);
        let schema = self
            .schema
            .map_or_else(String::new, |schema| column(schema) + ".");
        format!(
            "SELECT {version}, {checksum}, {success} FROM {schema}{}",
            column(self.name)
        )
    }

    pub(super) fn read(&self, rows: Vec<TextRow>) -> Vec<Applied> {
        let algorithm = match self.tool {
            Tool::Sqlx => "sha384",
            _ => "siphash13",
        };
        let mut applied: Vec<Applied> = rows
            .into_iter()
            .map(|row| {
                let mut cells = row.into_iter();
                let version = cells.next().flatten().unwrap_or_default();
                let checksum = cells.next().flatten();
                let success = cells.next().flatten();
                Applied {
                    version,
                    checksum: checksum.map(|sum| format!("{algorithm}:{sum}")),
                    failed: success.is_some_and(|success| !matches!(&*success, "1" | "t" | "true")),
                }
            })
            .collect();
        applied.sort_by(|a, b| (a.version.len(), &a.version).cmp(&(b.version.len(), &b.version)));
        applied
    }
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = self.schema {
            write!(f, "{schema}.")?;
        }
        f.write_str(self.name)
    }
}

/// An expression as text, whatever its type.
fn text(dialect: Dialect, expression: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("CAST({expression} AS TEXT)"),
        Dialect::Postgres => format!("({expression})::pg_catalog.text"),
        _ => format!("CONVERT({expression} USING utf8mb4) COLLATE utf8mb4_bin"),
    }
}

/// Bytes as lower-case digits.
fn hex(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("LOWER(HEX({column}))"),
        Dialect::Postgres => format!("pg_catalog.encode({column}, 'hex')"),
        _ => text(dialect, &format!("LOWER(HEX({column}))")),
    }
}
