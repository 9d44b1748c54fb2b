//! The look: everything that decides whether there is work to do, in one statement and so in one snapshot.

use chrono::{DateTime, Utc};

use super::recorded::State;
use super::row::{self, LedgerEntry};
use super::tables::newest;
use crate::dialect::session::Server;
use crate::dialect::{Dialect, Family, Names};
use crate::graph::RevisionId;

/// How many columns a row of the look has, its kind first.
const WIDTH: usize = 17;

/// The same for [`again`].
const NARROW: usize = 7;

/// What one look saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// The rows of the version table, sorted by revision.
    pub heads: Vec<HeadRow>,
    /// Ledger rows whose state is `running`, oldest first.
    pub running: Vec<LedgerEntry>,
    /// This service's row of the table of leases; none before the first write.
    pub lease: Option<LeaseRow>,
    /// Tells whether the ledger has any row of this service.
    pub has_history: bool,
    /// Which of the tables exist.
    pub tables: Tables,
    /// What the server says of itself and of this session.
    pub server: Server,
}

impl Look {
    /// Tells whether `again`, read from what [`again`] returned, shows the same: heads, unfinished steps, and the lease, of
    /// which only its holder, who is `own` epoch's, moves the counter.
    pub(crate) fn is_still(&self, again: &Look, own: Option<i64>) -> bool {
        let heads = |look: &Look| -> Vec<RevisionId> {
            look.heads
                .iter()
                .map(|head| head.revision.clone())
                .collect()
        };
        let running = |look: &Look| -> Vec<i64> { look.running.iter().map(|row| row.id).collect() };
        let lease = |look: &Look| {
            look.lease.as_ref().map(|lease| {
                let beat = (own != Some(lease.epoch)).then_some(lease.beat);
                (lease.layout, lease.epoch, beat, lease.holder.clone())
            })
        };
        heads(self) == heads(again)
            && running(self) == running(again)
            && lease(self) == lease(again)
    }
}

/// A row of the version table, and the lineage digest that the ledger recorded for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HeadRow {
    pub revision: RevisionId,
    pub lineage: Option<String>,
}

/// The lease as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LeaseRow {
    pub layout: u32,
    pub epoch: i64,
    pub beat: i64,
    pub holder: Option<String>,
    pub lease_ms: u64,
    pub since: Option<DateTime<Utc>>,
    pub host: Option<String>,
    pub pid: Option<i64>,
    pub application: Option<String>,
    pub session: Option<String>,
}

/// Which of limbeck's tables exist.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tables {
    pub version: bool,
    pub history: bool,
    pub lock: bool,
}

impl Tables {
    pub(crate) const ALL: Tables = Tables {
        version: true,
        history: true,
        lock: true,
    };

    pub(crate) fn complete(self) -> bool {
        self == Tables::ALL
    }
}

/// The statement, behind [`crate::dialect::path::before_look`]. It fails with "no such table" while one of the
/// three tables is missing: then
/// [`super::tables::existing`] and [`partial`] tell what there is.
pub(crate) fn full(names: &Names) -> String {
    let dialect = names.dialect();
    let (version, history, lock, scope) = (
        names.version(),
        names.history(),
        names.lock(),
        names.scope(),
    );
    let t = |expression: &str| dialect.text(expression);
    let lineage = format!(
        "(SELECT {lineage} FROM {history} h WHERE h.{scope} AND h.revision = {head} AND h.state = 'done' \
         AND h.action <> 'downgrade' {newest} LIMIT 1)",
        newest = newest(dialect),
        lineage = t("h.lineage"),
        head = t("v.version_num"),
    );
    let heads = select(
        dialect,
        "head",
        &[t("v.version_num"), lineage],
        &format!("FROM {version} v"),
    );
    let running = select(
        dialect,
        "running",
        &row::select(dialect, "r.", &row::RUNNING),
        &format!("FROM {history} r WHERE r.{scope} AND r.state = 'running'"),
    );
    let lease = select(
        dialect,
        "lease",
        &[
            t("l.layout"),
            t("l.epoch"),
            t("l.beat"),
            t("l.holder"),
            t("l.lease_ms"),
            t(&time_text(dialect, "l.since")),
            t("l.host"),
            t("l.pid"),
            t("l.application"),
            t("l.session"),
            t(&format!(
                "(SELECT CASE WHEN EXISTS (SELECT 1 FROM {history} e WHERE e.{scope}) THEN 1 ELSE 0 END)"
            )),
        ],
        &format!("FROM {lock} l WHERE l.{scope}"),
    );
    [server(names), heads, running, lease].join(" UNION ALL ")
}

/// As much of [`full`] as tells whether anything has changed since, in the same form: a step begins with it, and a
/// server plans it in a third of the time. See [`Look::is_still`].
pub(crate) fn again(names: &Names) -> String {
    let dialect = names.dialect();
    let t = |expression: &str| dialect.text(expression);
    let nothing = || t("NULL");
    let scope = names.scope();
    let time = t(&time_text(dialect, now(dialect)));
    let server = (0..5).map(|_| nothing()).chain([time]).collect::<Vec<_>>();
    [
        narrow_select(dialect, "server", &server, ""),
        narrow_select(
            dialect,
            "head",
            &[t("v.version_num")],
            &format!("FROM {} v", names.version()),
        ),
        narrow_select(
            dialect,
            "running",
            &[t("r.id")],
            &format!(
                "FROM {} r WHERE r.{scope} AND r.state = 'running'",
                names.history()
            ),
        ),
        narrow_select(
            dialect,
            "lease",
            &[t("l.layout"), t("l.epoch"), t("l.beat"), t("l.holder")],
            &format!("FROM {} l WHERE l.{scope}", names.lock()),
        ),
    ]
    .join(" UNION ALL ")
}

/// What can be read while some tables are missing.
pub(crate) fn partial(names: &Names, tables: Tables) -> String {
    let dialect = names.dialect();
    let mut parts = vec![server(names)];
    if tables.version {
        parts.push(select(
            dialect,
            "head",
            &[dialect.text("v.version_num")],
            &format!("FROM {} v", names.version()),
        ));
    }
    parts.join(" UNION ALL ")
}

fn server(names: &Names) -> String {
    let dialect = names.dialect();
    let expressions = match dialect.family() {
        Family::Sqlite => vec![
            "sqlite_version()".to_owned(),
            "'main'".to_owned(),
            "0".to_owned(),
        ],
        Family::Postgres => vec![
            "pg_catalog.current_setting('server_version_num')".to_owned(),
            names.schema().map_or_else(
                || "pg_catalog.current_schema()".to_owned(),
                |schema| dialect.literal(schema),
            ),
            // A message that is not inside an older transaction begins its own: the two clocks agree then.
            "CASE WHEN pg_catalog.now() = pg_catalog.statement_timestamp() THEN 0 ELSE 1 END"
                .to_owned(),
            "pg_catalog.current_setting('role')".to_owned(),
            "pg_catalog.pg_backend_pid()".to_owned(),
        ],
        Family::Mysql => vec![
            "VERSION()".to_owned(),
            "DATABASE()".to_owned(),
            // MySQL has no such variable and reads the comment as one; MariaDB executes it.
            "/*M!100000 @@in_transaction + */ IF(@@SESSION.autocommit, 0, 2)".to_owned(),
            "NULL".to_owned(),
            "CONNECTION_ID()".to_owned(),
        ],
    };
    let mut columns: Vec<String> = expressions.iter().map(|e| dialect.text(e)).collect();
    columns.resize(5, dialect.text("NULL"));
    columns.push(dialect.text(&time_text(dialect, now(dialect))));
    if dialect.family() == Family::Postgres {
        columns.push(dialect.text("pg_catalog.current_database()"));
        columns.push(dialect.text("pg_catalog.getdatabaseencoding()"));
    }
    select(dialect, "server", &columns, "")
}

fn select(dialect: Dialect, kind: &str, columns: &[String], from: &str) -> String {
    select_of(WIDTH, dialect, kind, columns, from)
}

/// A row of [`again`].
fn narrow_select(dialect: Dialect, kind: &str, columns: &[String], from: &str) -> String {
    select_of(NARROW, dialect, kind, columns, from)
}

fn select_of(width: usize, dialect: Dialect, kind: &str, columns: &[String], from: &str) -> String {
    let mut select = format!("SELECT {} AS c0", dialect.text(&format!("'{kind}'")));
    for index in 1..width {
        let nothing = dialect.text("NULL");
        let column = columns.get(index - 1).unwrap_or(&nothing);
        select.push_str(&format!(", {column} AS c{index}"));
    }
    format!("{select} {from}").trim_end().to_owned()
}

/// The database's clock.
pub(crate) fn now(dialect: Dialect) -> &'static str {
    match dialect.family() {
        Family::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        Family::Postgres => "pg_catalog.clock_timestamp()",
        Family::Mysql => "UTC_TIMESTAMP(6)",
    }
}

/// A time of the ledger as RFC 3339 text in UTC, whatever the session's time zone and date style.
pub(crate) fn time_text(dialect: Dialect, expression: &str) -> String {
    match dialect.family() {
        Family::Sqlite => expression.to_owned(),
        Family::Postgres => format!(
            "pg_catalog.to_char(({expression}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        ),
        Family::Mysql => {
            format!("DATE_FORMAT({expression}, '%Y-%m-%dT%H:%i:%s.%fZ')")
        }
    }
}

/// A row of a text query.
pub(crate) type TextRow = Vec<Option<String>>;

/// The first cell of the first row.
pub(crate) fn first_cell(rows: &[TextRow]) -> Option<String> {
    rows.first()?.first()?.clone()
}

/// Reads what [`again`] returned.
pub(crate) fn read_again(rows: &[TextRow]) -> Look {
    // Nothing in it is one database's.
    read(rows, Tables::ALL)
}

/// Reads what [`full`] or [`partial`] returned. Rows that limbeck did not write, with numbers that are
/// none, count as zero: a hostile row must not stop the error that names it.
pub(crate) fn read(rows: &[TextRow], tables: Tables) -> Look {
    let mut look = Look {
        tables,
        ..Look::default()
    };
    for row in rows {
        let text = |index: usize| row.get(index).cloned().flatten();
        let string = |index: usize| text(index).unwrap_or_default();
        match string(0).as_str() {
            "server" => {
                look.server = Server {
                    version: string(1),
                    schema: text(2),
                    in_transaction: text(3).as_deref() == Some("1"),
                    autocommit_off: matches!(text(3).as_deref(), Some("2" | "3")),
                    role: text(4),
                    session: text(5),
                    now: text(6).as_deref().and_then(row::read_time),
                    database: text(7),
                    encoding: text(8),
                };
            }
            "head" => look.heads.push(HeadRow {
                revision: string(1).into(),
                lineage: text(2),
            }),
            "running" => look.running.push(LedgerEntry {
                state: State::Running.into(),
                ..LedgerEntry::read(&row::RUNNING, row.get(1..).unwrap_or_default())
            }),
            "lease" => {
                look.lease = Some(LeaseRow {
                    layout: number(text(1)),
                    epoch: number(text(2)),
                    beat: number(text(3)),
                    holder: text(4),
                    lease_ms: number(text(5)),
                    since: text(6).as_deref().and_then(row::read_time),
                    host: text(7),
                    pid: text(8).and_then(|text| text.parse().ok()),
                    application: text(9),
                    session: text(10),
                });
                look.has_history = text(11).as_deref() == Some("1");
            }
            _ => {}
        }
    }
    look.heads.sort_by(|a, b| a.revision.cmp(&b.revision));
    look.running.sort_by_key(|row| row.id);
    look
}

fn number<N: std::str::FromStr + Default>(text: Option<String>) -> N {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_select_of_the_look_has_the_same_width() {
        for dialect in Dialect::ALL {
            let names = Names::new(dialect, None, "v".into(), "h".into());
            for part in full(&names).split(" UNION ALL ") {
                assert_eq!(part.matches(" AS c").count(), WIDTH, "{part}");
            }
            for part in again(&names).split(" UNION ALL ") {
                assert_eq!(part.matches(" AS c").count(), NARROW, "{part}");
            }
        }
    }

    #[test]
    fn a_running_step_is_read_as_it_is_selected() {
        let cells = ["running"].into_iter().chain(row::RUNNING);
        let rows = vec![cells.map(|cell| Some(cell.to_owned())).collect()];
        let look = read(&rows, Tables::ALL);
        let [entry] = &*look.running else {
            panic!("{look:?}")
        };
        assert_eq!(entry.state, State::Running);
        assert_eq!(entry.revision, "revision");
        assert_eq!(entry.depends_on, ["depends_on"]);
    }

    #[test]
    fn rows_that_limbeck_did_not_write_do_not_stop_the_reader() {
        let rows = vec![
            vec![],
            vec![
                Some("lease".into()),
                Some("x".into()),
                None,
                Some("-".into()),
            ],
            vec![Some("nonsense".into())],
        ];
        let look = read(&rows, Tables::ALL);
        assert_eq!(look.lease, Some(LeaseRow::default()));
    }
}
