//! One row of the ledger, whoever reads or writes it. Its columns are named here, and read by their names.

use chrono::{DateTime, SecondsFormat, Utc};

use super::look::{TextRow, time_text};
use super::recorded::{Recorded, State};
use crate::dialect::{Dialect, Family};
use crate::plan::Action;
use crate::revision::Checksum;

/// The columns of [`read_history`](super::write::read_history), in its order.
pub(crate) const HISTORY: [&str; 21] = [
    "id",
    "revision",
    "down_revision",
    "depends_on",
    "message",
    "action",
    "checksum",
    "requires_binary",
    "lineage",
    "state",
    "statements",
    "statements_done",
    "rows_affected",
    "started_at",
    "finished_at",
    "db_user",
    "host",
    "pid",
    "application",
    "limbeck_version",
    "error",
];

/// The columns that a look has of a step that is running, in its order.
pub(crate) const RUNNING: [&str; 16] = [
    "id",
    "revision",
    "action",
    "checksum",
    "requires_binary",
    "statements",
    "statements_done",
    "statement_running",
    "statement",
    "done_digest",
    "fingerprint",
    "rows_affected",
    "error",
    "started_at",
    "down_revision",
    "depends_on",
];

/// The columns of [`recent`](super::write::recent), in its order.
pub(crate) const RECENT: [&str; 6] = ["id", "revision", "action", "checksum", "state", "error"];

/// The columns that tell whether a binary may serve, in the order of [`latest`](super::write::latest).
pub(crate) const KNOWN: [&str; 9] = [
    "id",
    "revision",
    "down_revision",
    "depends_on",
    "action",
    "checksum",
    "requires_binary",
    "lineage",
    "state",
];

/// The columns that hold a time.
const TIMES: [&str; 2] = ["started_at", "finished_at"];

/// One row of the ledger.
///
/// [`Migrator::ledger`](crate::Migrator::ledger) reads the whole ledger. Of a step that is unfinished,
/// [`Status`](crate::Status) and the error tell who it is, how far it came, and what stopped it.
/// Serialized, it is a row of the whole ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The row's number; later steps have higher ones.
    pub id: i64,
    /// The revision.
    pub revision: String,
    /// Its parents, as the binary that wrote the row knew them.
    pub down_revision: Vec<String>,
    /// Its resolved dependencies, likewise.
    pub depends_on: Vec<String>,
    /// The revision's message. Not read of an unfinished step.
    pub message: String,
    /// What the step does.
    pub action: Recorded<Action>,
    /// The checksum of the revision's file.
    pub checksum: Option<Recorded<Checksum>>,
    /// The revision that a binary must embed to run against this one.
    pub requires_binary: Option<String>,
    /// The lineage digest. Not read of an unfinished step.
    pub lineage: Option<String>,
    /// How far the step is.
    pub state: Recorded<State>,
    /// How many statements the section has.
    pub statements: u64,
    /// How many took effect; batches of a `repeat` section.
    pub statements_done: u64,
    /// The statement, from 1, that was begun and whose end is not recorded. Only read of an unfinished step.
    pub statement_running: Option<u64>,
    /// Its text, shortened.
    pub statement: Option<String>,
    /// The rows that the statements changed.
    pub rows_affected: u64,
    /// By the database's clock; none where the ledger has no time.
    pub started_at: Option<DateTime<Utc>>,
    /// Likewise. Not read of an unfinished step, as all that follows but the error.
    pub finished_at: Option<DateTime<Utc>>,
    /// The database user.
    pub db_user: Option<String>,
    /// The host of the process.
    pub host: Option<String>,
    /// Its process id.
    pub pid: Option<i64>,
    /// The application's name and version.
    pub application: Option<String>,
    /// The version of limbeck that wrote the row.
    pub limbeck_version: Option<String>,
    /// Why it failed, or stopped; a long text is cut in its middle. A step that failed again as it did before is the same row,
    /// with the count (`(7 times)`) in a last line: it began when the first of them did, and finished with the last.
    pub error: Option<String>,
    /// Digest over the statements that are done.
    pub(crate) done_digest: Option<String>,
    /// The state in which `statement` found what it names.
    pub(crate) fingerprint: Option<String>,
    /// The lease under which the step was begun. Written, never read.
    pub(crate) epoch: Option<i64>,
    /// The downgrade's section. Written, never read.
    pub(crate) down_sql: Option<String>,
    /// The database that the row was read from: it says how many digits a time has.
    pub(crate) dialect: Option<Dialect>,
}

impl LedgerEntry {
    /// Reads a row. A number or a time that is none is as one that is missing: rows that limbeck did not write
    /// must not stop the error that names them.
    pub(crate) fn read(dialect: Dialect, columns: &[&str], cells: &[Option<String>]) -> Self {
        let text = |name: &str| {
            let index = columns.iter().position(|column| *column == name)?;
            cells.get(index)?.as_deref()
        };
        let string = |name: &str| text(name).map(str::to_owned);
        LedgerEntry {
            id: number(text("id")).unwrap_or_default(),
            revision: string("revision").unwrap_or_default(),
            down_revision: list(text("down_revision")),
            depends_on: list(text("depends_on")),
            message: string("message").unwrap_or_default(),
            action: text("action").unwrap_or_default().into(),
            checksum: text("checksum").map(Recorded::from),
            requires_binary: string("requires_binary"),
            lineage: string("lineage"),
            state: text("state").unwrap_or_default().into(),
            statements: number(text("statements")).unwrap_or_default(),
            statements_done: number(text("statements_done")).unwrap_or_default(),
            statement_running: number(text("statement_running")),
            statement: string("statement"),
            rows_affected: number(text("rows_affected")).unwrap_or_default(),
            started_at: text("started_at").and_then(read_time),
            finished_at: text("finished_at").and_then(read_time),
            db_user: string("db_user"),
            host: string("host"),
            pid: number(text("pid")),
            application: string("application"),
            limbeck_version: string("limbeck_version"),
            error: string("error"),
            done_digest: string("done_digest"),
            fingerprint: string("fingerprint"),
            epoch: None,
            down_sql: None,
            dialect: Some(dialect),
        }
    }

    /// [`started_at`](LedgerEntry::started_at) with the digits that the ledger has.
    #[must_use]
    pub fn began(&self) -> Option<String> {
        self.started_at.map(|time| self.written(time))
    }

    fn written(&self, time: DateTime<Utc>) -> String {
        match self.dialect {
            Some(dialect) => write_time(dialect, time),
            None => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        }
    }
}

/// Rows of these columns.
pub(crate) fn read(dialect: Dialect, columns: &[&str], rows: &[TextRow]) -> Vec<LedgerEntry> {
    rows.iter()
        .map(|row| LedgerEntry::read(dialect, columns, row))
        .collect()
}

/// The expressions that select these columns as text, each behind a prefix.
pub(crate) fn select(dialect: Dialect, prefix: &str, columns: &[&str]) -> Vec<String> {
    columns
        .iter()
        .map(|column| {
            let name = format!("{prefix}{column}");
            if TIMES.contains(column) {
                dialect.text(&time_text(dialect, &name))
            } else {
                dialect.text(&name)
            }
        })
        .collect()
}

/// A stored list of ids: none of them holds a comma.
fn list(stored: Option<&str>) -> Vec<String> {
    stored
        .unwrap_or_default()
        .split(',')
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}

fn number<N: std::str::FromStr>(text: Option<&str>) -> Option<N> {
    text?.parse().ok()
}

/// A time as [`time_text`] selects it.
pub(crate) fn read_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.with_timezone(&Utc))
}

/// The text that [`time_text`] selects for a time, with the digits that this database's clock has.
pub(crate) fn write_time(dialect: Dialect, time: DateTime<Utc>) -> String {
    let digits = match dialect.family() {
        Family::Sqlite => SecondsFormat::Millis,
        Family::Postgres | Family::Mysql => SecondsFormat::Micros,
    };
    time.to_rfc3339_opts(digits, true)
}

#[cfg(feature = "serde")]
mod serialize {
    use serde::ser::{Serialize, SerializeMap as _, Serializer};

    use super::{HISTORY, LedgerEntry};

    /// What a status tells of an unfinished step.
    const UNFINISHED: [&str; 8] = [
        "revision",
        "action",
        "statements",
        "statements_done",
        "statement_running",
        "statement",
        "started_at",
        "error",
    ];

    impl Serialize for LedgerEntry {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            columns(self, &HISTORY, serializer)
        }
    }

    /// The unfinished step of a status.
    pub(crate) fn unfinished<S: Serializer>(
        entry: &Option<LedgerEntry>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        struct Unfinished<'e>(&'e LedgerEntry);
        impl Serialize for Unfinished<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                columns(self.0, &UNFINISHED, serializer)
            }
        }
        entry.as_ref().map(Unfinished).serialize(serializer)
    }

    fn columns<S: Serializer>(
        entry: &LedgerEntry,
        columns: &[&str],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(columns.len()))?;
        for &name in columns {
            match name {
                "id" => map.serialize_entry(name, &entry.id),
                "revision" => map.serialize_entry(name, &entry.revision),
                "down_revision" => map.serialize_entry(name, &entry.down_revision),
                "depends_on" => map.serialize_entry(name, &entry.depends_on),
                "message" => map.serialize_entry(name, &entry.message),
                "action" => map.serialize_entry(name, &entry.action),
                "checksum" => map.serialize_entry(name, &entry.checksum),
                "requires_binary" => map.serialize_entry(name, &entry.requires_binary),
                "lineage" => map.serialize_entry(name, &entry.lineage),
                "state" => map.serialize_entry(name, &entry.state),
                "statements" => map.serialize_entry(name, &entry.statements),
                "statements_done" => map.serialize_entry(name, &entry.statements_done),
                "statement_running" => map.serialize_entry(name, &entry.statement_running),
                "statement" => map.serialize_entry(name, &entry.statement),
                "rows_affected" => map.serialize_entry(name, &entry.rows_affected),
                "started_at" => map.serialize_entry(name, &entry.began()),
                "finished_at" => {
                    let text = entry.finished_at.map(|time| entry.written(time));
                    map.serialize_entry(name, &text)
                }
                "db_user" => map.serialize_entry(name, &entry.db_user),
                "host" => map.serialize_entry(name, &entry.host),
                "pid" => map.serialize_entry(name, &entry.pid),
                "application" => map.serialize_entry(name, &entry.application),
                "limbeck_version" => map.serialize_entry(name, &entry.limbeck_version),
                "error" => map.serialize_entry(name, &entry.error),
                _ => Ok(()),
            }?;
        }
        map.end()
    }
}
#[cfg(feature = "serde")]
pub(crate) use serialize::unfinished;

#[cfg(test)]
mod tests {
    use super::*;

    /// A cell that every column can hold.
    fn cell(column: &str) -> Option<String> {
        let text = match column {
            _ if TIMES.contains(&column) => "2026-11-22T12:00:00.120000Z",
            "id" | "pid" | "statement_running" => "7",
            _ if column.starts_with("statements") || column == "rows_affected" => "7",
            other => other,
        };
        Some(text.to_owned())
    }

    #[test]
    fn every_column_that_is_selected_is_read() {
        let nothing = LedgerEntry::read(Dialect::Mysql, &[], &[]);
        for column in HISTORY.iter().chain(&RUNNING).chain(&RECENT).chain(&KNOWN) {
            let read = LedgerEntry::read(Dialect::Mysql, &[column], &[cell(column)]);
            assert_ne!(read, nothing, "{column}");
        }
    }

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let mut columns = HISTORY;
        let forward: TextRow = columns.map(cell).into();
        let entry = LedgerEntry::read(Dialect::Mysql, &columns, &forward);
        columns.reverse();
        let backward: TextRow = columns.map(cell).into();
        assert_eq!(
            LedgerEntry::read(Dialect::Mysql, &columns, &backward),
            entry
        );
    }

    #[test]
    fn a_time_is_written_as_its_database_wrote_it() {
        for (dialect, text) in [
            (Dialect::Sqlite, "2026-11-22T12:00:00.120Z"),
            (Dialect::Sqlite, "2026-11-22T12:00:00.000Z"),
            (Dialect::Postgres, "2026-11-22T12:00:00.123456Z"),
            (Dialect::Postgres, "2026-11-22T12:00:00.123000Z"),
            (Dialect::Mysql, "0999-01-02T00:00:00.000000Z"),
            (Dialect::Mariadb, "2026-11-22T12:00:00.000001Z"),
        ] {
            let entry = LedgerEntry::read(
                dialect,
                &["started_at", "finished_at"],
                &[None, Some(text.to_owned())],
            );
            assert_eq!(entry.began(), None);
            assert_eq!(
                entry
                    .finished_at
                    .map(|time| write_time(dialect, time))
                    .as_deref(),
                Some(text)
            );
        }
        for text in [
            "",
            "yesterday",
            "2026-11-22",
            "2026-13-22T12:00:00Z",
            "infinity",
        ] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn a_status_tells_of_an_unfinished_step_what_is_read_of_it() {
        let entry = LedgerEntry::read(Dialect::Postgres, &RUNNING, &RUNNING.map(cell));
        let status = crate::Status {
            heads: Vec::new(),
            current: Vec::new(),
            pending: Vec::new(),
            unknown: Vec::new(),
            drift: Vec::new(),
            unverified: Vec::new(),
            unfinished: Some(entry),
            holder: None,
            refusal: None,
        };
        assert_eq!(
            serde_json::to_string(&status).expect("json"),
            concat!(
                r#"{"heads":[],"current":[],"pending":[],"unknown":[],"drift":[],"unverified":[],"unfinished":"#,
                r#"{"revision":"revision","action":"action","statements":7,"statements_done":7,"#,
                r#""statement_running":7,"statement":"statement","started_at":"2026-11-22T12:00:00.120000Z","#,
                r#""error":"error"},"holder":null}"#
            )
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn the_columns_stand_in_json_as_in_the_ledger() {
        let row: TextRow = HISTORY.map(cell).into();
        let entry = LedgerEntry::read(Dialect::Sqlite, &HISTORY, &row);
        let json = serde_json::to_string(&entry).expect("json");
        let keys: Vec<String> = HISTORY.map(|column| format!("\"{column}\":")).into();
        let places: Vec<Option<usize>> = keys.iter().map(|key| json.find(key)).collect();
        assert!(
            places.iter().all(Option::is_some) && places.is_sorted(),
            "{json}"
        );
        assert!(
            json.contains(r#""action":"action","checksum":"checksum","#),
            "{json}"
        );
        assert!(
            json.contains(r#""started_at":"2026-11-22T12:00:00.120Z","#),
            "{json}"
        );
    }
}
