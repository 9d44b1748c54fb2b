//! One row of the ledger, whoever reads or writes it. Its columns are named here, and read by their names.

use chrono::{DateTime, SecondsFormat, Utc};

use super::look::{TextRow, time_text};
use super::recorded::{Recorded, State};
use crate::dialect::{Dialect, Family};
use crate::graph::RevisionId;
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default)
)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The row's number; later steps have higher ones.
    pub id: i64,
    /// The revision.
    pub revision: RevisionId,
    /// Its parents, as the binary that wrote the row knew them.
    pub down_revision: Vec<RevisionId>,
    /// Its resolved dependencies, likewise.
    pub depends_on: Vec<RevisionId>,
    /// The revision's message. Not read of an unfinished step.
    pub message: String,
    /// What the step does.
    pub action: Recorded<Action>,
    /// The checksum of the revision's file.
    pub checksum: Option<Recorded<Checksum>>,
    /// The revision that a binary must embed to run against this one.
    pub requires_binary: Option<RevisionId>,
    /// The lineage digest. Not read of an unfinished step.
    pub lineage: Option<String>,
    /// How far the step is.
    pub state: Recorded<State>,
    /// How many statements the section has.
    pub statements: u64,
    /// How many took effect; batches of a `repeat` section.
    pub statements_done: u64,
    /// The statement, from 1, that was begun and whose end is not recorded. Only read of an unfinished step.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub statement_running: Option<u64>,
    /// Its text, shortened.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
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
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) done_digest: Option<String>,
    /// The state in which `statement` found what it names.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) fingerprint: Option<String>,
    /// The lease under which the step was begun. Written, never read.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) epoch: Option<i64>,
    /// The downgrade's section. Written, never read.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) down_sql: Option<String>,
}

impl LedgerEntry {
    /// Reads a row. A number or a time that is none is as one that is missing: rows that limbeck did not write
    /// must not stop the error that names them.
    pub(crate) fn read(columns: &[&str], cells: &[Option<String>]) -> Self {
        let text = |name: &str| {
            let index = columns.iter().position(|column| *column == name)?;
            cells.get(index)?.as_deref()
        };
        let string = |name: &str| text(name).map(str::to_owned);
        LedgerEntry {
            id: number(text("id")).unwrap_or_default(),
            revision: string("revision").unwrap_or_default().into(),
            down_revision: list(text("down_revision")),
            depends_on: list(text("depends_on")),
            message: string("message").unwrap_or_default(),
            action: text("action").unwrap_or_default().into(),
            checksum: text("checksum").map(Recorded::from),
            requires_binary: string("requires_binary").map(RevisionId::from),
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
        }
    }

    /// The beginning of the step in words.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn began(&self) -> String {
        self.started_at
            .map_or_else(|| "an unknown time".to_owned(), time_in_words)
    }
}

/// Rows of these columns.
pub(crate) fn read(columns: &[&str], rows: &[TextRow]) -> Vec<LedgerEntry> {
    rows.iter()
        .map(|row| LedgerEntry::read(columns, row))
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
fn list(stored: Option<&str>) -> Vec<RevisionId> {
    stored
        .unwrap_or_default()
        .split(',')
        .filter(|id| !id.is_empty())
        .map(RevisionId::from)
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

/// A time as messages have it: RFC 3339, in UTC.
pub(crate) fn time_in_words(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The text that [`time_text`] selects for a time, with the digits that this database's clock has.
pub(crate) fn write_time(dialect: Dialect, time: DateTime<Utc>) -> String {
    let digits = match dialect.family() {
        Family::Sqlite => SecondsFormat::Millis,
        Family::Postgres | Family::Mysql => SecondsFormat::Micros,
    };
    time.to_rfc3339_opts(digits, true)
}

/// What a status tells of an unfinished step.
#[cfg(feature = "serde")]
pub(crate) fn unfinished<S: serde::Serializer>(
    entry: &Option<LedgerEntry>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(serde::Serialize)]
    struct Unfinished<'e> {
        revision: &'e str,
        action: &'e Recorded<Action>,
        statements: u64,
        statements_done: u64,
        statement_running: Option<u64>,
        statement: Option<&'e str>,
        started_at: Option<DateTime<Utc>>,
        error: Option<&'e str>,
    }
    let told = entry.as_ref().map(|entry| Unfinished {
        revision: &entry.revision,
        action: &entry.action,
        statements: entry.statements,
        statements_done: entry.statements_done,
        statement_running: entry.statement_running,
        statement: entry.statement.as_deref(),
        started_at: entry.started_at,
        error: entry.error.as_deref(),
    });
    serde::Serialize::serialize(&told, serializer)
}

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
        let nothing = LedgerEntry::read(&[], &[]);
        for column in HISTORY.iter().chain(&RUNNING).chain(&RECENT).chain(&KNOWN) {
            let read = LedgerEntry::read(&[column], &[cell(column)]);
            assert_ne!(read, nothing, "{column}");
        }
    }

    #[test]
    fn a_row_is_read_by_the_names_of_its_columns() {
        let mut columns = HISTORY;
        let forward: TextRow = columns.map(cell).into();
        let entry = LedgerEntry::read(&columns, &forward);
        columns.reverse();
        let backward: TextRow = columns.map(cell).into();
        assert_eq!(LedgerEntry::read(&columns, &backward), entry);
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
                &["started_at", "finished_at"],
                &[None, Some(text.to_owned())],
            );
            assert_eq!(entry.started_at, None);
            let time = entry.finished_at.expect("a time");
            assert_eq!(write_time(dialect, time), text);
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
        let entry = LedgerEntry::read(&RUNNING, &RUNNING.map(cell));
        let status = crate::Status {
            unfinished: Some(entry),
            ..crate::Status::default()
        };
        assert_eq!(
            serde_json::to_string(&status).expect("json"),
            concat!(
                r#"{"heads":[],"current":[],"pending":[],"unknown":[],"drift":[],"unverified":[],"unfinished":"#,
                r#"{"revision":"revision","action":"action","statements":7,"statements_done":7,"#,
                r#""statement_running":7,"statement":"statement","started_at":"2026-11-22T12:00:00.120Z","#,
                r#""error":"error"},"holder":null}"#
            )
        );
    }

    #[cfg(feature = "serde")]
    #[test]
    fn the_columns_stand_in_json_as_in_the_ledger() {
        let row: TextRow = HISTORY.map(cell).into();
        let entry = LedgerEntry::read(&HISTORY, &row);
        let json = serde_json::to_string(&entry).expect("json");
        assert_eq!(serde_json::from_str::<LedgerEntry>(&json).ok(), Some(entry));
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
