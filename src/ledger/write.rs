//! The statements that change limbeck's own tables. Each one that must change an exact number of rows is
//! followed by a guard, an expression that the server itself refuses to evaluate otherwise: what comes after
//! it in the same message is then never reached.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::failure;
use super::look::now;
use super::recorded::State;
use super::row::{self, LedgerEntry};
use super::tables;
use crate::dialect::session::Actor;
use crate::dialect::{Dialect, Family, Names};
use crate::graph::RevisionId;
use crate::plan::Action;

/// A statement and the number of rows that it must change.
fn guarded(dialect: Dialect, statement: String, rows: usize) -> Vec<String> {
    match dialect.family() {
        Family::Sqlite => vec![
            statement,
            format!(
                "SELECT CASE changes() WHEN {rows} THEN 1 ELSE abs(-9223372036854775807 - 1) END"
            ),
        ],
        Family::Postgres => {
            // Data-modifying statements run once whether or not their result is read.
            vec![format!(
                "WITH limbeck_change AS ({statement} RETURNING 1) SELECT CASE \
                 WHEN (SELECT pg_catalog.count(*) FROM limbeck_change) = {rows} THEN 1 \
                 ELSE CAST({} || (SELECT pg_catalog.count(*) FROM limbeck_change)::pg_catalog.text AS pg_catalog.int4) END",
                dialect.literal(GUARD)
            )]
        }
        Family::Mysql => vec![
            statement,
            // Under `sql_select_limit = 0` it would not be evaluated: a limit of its own goes before.
            format!("SELECT IF(ROW_COUNT() = {rows}, 1, (SELECT 1 UNION SELECT 2)) LIMIT 1"),
        ],
    }
}

/// Stands in PostgreSQL's message when a guard refused.
pub(crate) const GUARD: &str = "limbeck guard: rows changed ";

/// The compare-and-swap on the version table: exactly `removes` go, exactly `adds` come.
pub(crate) fn move_heads<S: AsRef<str>>(names: &Names, removes: &[S], adds: &[S]) -> Vec<String> {
    let dialect = names.dialect();
    let table = names.version();
    let mut statements = Vec::new();
    if let ([old], [new]) = (removes, adds) {
        let update = format!(
            "UPDATE {table} SET version_num = {} WHERE version_num = {}",
            dialect.literal(new.as_ref()),
            dialect.literal(old.as_ref()),
        );
        return guarded(dialect, update, 1);
    }
    for chunk in removes.chunks(CHUNK) {
        let list: Vec<String> = chunk
            .iter()
            .map(|id| dialect.literal(id.as_ref()))
            .collect();
        let delete = format!(
            "DELETE FROM {table} WHERE version_num IN ({})",
            list.join(", ")
        );
        statements.extend(guarded(dialect, delete, chunk.len()));
    }
    for chunk in adds.chunks(CHUNK) {
        let list: Vec<String> = chunk
            .iter()
            .map(|id| format!("({})", dialect.literal(id.as_ref())))
            .collect();
        let insert = format!(
            "INSERT INTO {table} (version_num) VALUES {}",
            list.join(", ")
        );
        statements.extend(guarded(dialect, insert, chunk.len()));
    }
    statements
}

/// Raises an error where a query returns any row.
pub(crate) fn refuse_rows(dialect: Dialect, query: &str) -> String {
    // On lines of their own: the query may end in a line comment.
    let found = format!("EXISTS (\n{query}\n)");
    match dialect.family() {
        Family::Sqlite => {
            format!("SELECT CASE WHEN {found} THEN abs(-9223372036854775807 - 1) ELSE 1 END")
        }
        Family::Postgres => format!(
            "SELECT CASE WHEN {found} THEN CAST({} || pg_catalog.now()::pg_catalog.text AS pg_catalog.int4) ELSE 1 END",
            dialect.literal("a check found rows, at ")
        ),
        Family::Mysql => {
            format!("SELECT IF({found}, (SELECT 1 UNION SELECT 2), 1) LIMIT 1")
        }
    }
}

/// Raises an error unless the version table holds exactly these rows.
pub(crate) fn expect_heads<S: AsRef<str>>(names: &Names, heads: &[S]) -> Vec<String> {
    let dialect = names.dialect();
    let table = names.version();
    let all = dialect.aggregate("count(*)");
    let count = |list: &[S]| {
        let ids: Vec<String> = list.iter().map(|id| dialect.literal(id.as_ref())).collect();
        format!(
            "(SELECT {all} FROM {table} WHERE version_num IN ({}))",
            ids.join(", ")
        )
    };
    let mut conditions = vec![format!("(SELECT {all} FROM {table}) = {}", heads.len())];
    conditions.extend(
        heads
            .chunks(CHUNK)
            .map(|chunk| format!("{} = {}", count(chunk), chunk.len())),
    );
    let condition = conditions.join(" AND ");
    vec![match dialect.family() {
        Family::Sqlite => {
            format!("SELECT CASE WHEN {condition} THEN 1 ELSE abs(-9223372036854775807 - 1) END")
        }
        Family::Postgres => format!(
            "SELECT CASE WHEN {condition} THEN 1 ELSE CAST({} || pg_catalog.now()::pg_catalog.text AS pg_catalog.int4) END",
            dialect.literal("the database is not where this script expects it, at ")
        ),
        Family::Mysql => {
            format!("SELECT IF({condition}, 1, (SELECT 1 UNION SELECT 2)) LIMIT 1")
        }
    }]
}

/// How many rows one statement carries, and about how many bytes of them.
const CHUNK: usize = 500;
const CHUNK_BYTES: usize = 512 * 1024;

/// Ledger rows, several to a statement: for each of these the statement, its guard, and the proof that the rows are there.
pub(crate) fn insert_history(
    names: &Names,
    actor: &Actor,
    rows: &[LedgerEntry],
) -> Vec<Vec<String>> {
    let mut inserts: Vec<(String, Vec<&LedgerEntry>)> = Vec::new();
    for row in rows {
        let (columns, values) = history_values(names, actor, row);
        match inserts.last_mut() {
            Some((last, rows)) if rows.len() < CHUNK && last.len() + values.len() < CHUNK_BYTES => {
                last.push_str(&format!(", ({values})"));
                rows.push(row);
            }
            _ => {
                let into = names.history();
                let insert = format!("INSERT INTO {into} ({columns}) VALUES ({values})");
                inserts.push((insert, vec![row]));
            }
        }
    }
    let guarded = inserts.into_iter().map(|(insert, rows)| {
        let mut statements = guarded(names.dialect(), insert, rows.len());
        statements.extend(prove_history(names, &rows, None));
        statements
    });
    guarded.collect()
}

/// The proof that these rows are in the ledger: the one of that `id`, or else the newest of each revision. A trigger may have
/// changed what was written, or taken it away again. None for rows of failures, of which others may come at any time.
pub(crate) fn prove_history(
    names: &Names,
    rows: &[&LedgerEntry],
    id: Option<i64>,
) -> Option<String> {
    if rows.iter().any(|row| row.state == State::Failed) {
        return None;
    }
    let dialect = names.dialect();
    let list = |value: &dyn Fn(&LedgerEntry) -> String| {
        let values: BTreeSet<String> = rows.iter().map(|row| value(row)).collect();
        let values: Vec<String> = values.iter().map(|value| dialect.literal(value)).collect();
        values.join(", ")
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    let revisions: BTreeSet<&str> = rows.iter().map(|row| &*row.revision).collect();
    let scope = names.scope();
    let history = names.history();
    let newest = || {
        format!(
            "(SELECT {} FROM {history} n WHERE n.{scope} AND n.revision = h.revision AND n.state IN ('done', 'running'))",
            dialect.aggregate("max(n.id)")
        )
    };
    let id = id.map_or_else(newest, |id| id.to_string());
    let found = format!(
        "(SELECT {} FROM {history} h WHERE h.{scope} AND h.revision IN ({}) AND h.action IN ({}) AND h.state IN ({}) \
         AND COALESCE(h.checksum, '') IN ({}) AND COALESCE(h.lineage, '') IN ({}) AND h.id = {id})",
        dialect.aggregate("count(*)"),
        list(&|row| row.revision.to_string()),
        list(&|row| row.action.name().to_owned()),
        list(&|row| row.state.name().to_owned()),
        list(&|row| text(row.checksum.as_ref().map(ToString::to_string))),
        list(&|row| text(row.lineage.clone())),
    );
    Some(proof(dialect, &format!("{found} = {}", revisions.len())))
}

/// The proof that a compare-and-swap of the heads has left what it wrote.
pub(crate) fn prove_heads<S: AsRef<str>>(names: &Names, removes: &[S], adds: &[S]) -> Vec<String> {
    let dialect = names.dialect();
    let chunks = [(removes, false), (adds, true)]
        .into_iter()
        .flat_map(|(ids, is_there)| ids.chunks(CHUNK).map(move |chunk| (chunk, is_there)));
    let proofs = chunks.map(|(chunk, is_there)| {
        let ids: Vec<String> = chunk
            .iter()
            .map(|id| dialect.literal(id.as_ref()))
            .collect();
        let expected = if is_there { chunk.len() } else { 0 };
        let found = format!(
            "(SELECT {} FROM {} WHERE version_num IN ({})) = {expected}",
            dialect.aggregate("count(*)"),
            names.version(),
            ids.join(", ")
        );
        proof(dialect, &found)
    });
    proofs.collect()
}

/// A statement that raises what a guard raises unless the condition holds.
fn proof(dialect: Dialect, condition: &str) -> String {
    match dialect.family() {
        Family::Sqlite => {
            format!("SELECT CASE WHEN {condition} THEN 1 ELSE abs(-9223372036854775807 - 1) END")
        }
        Family::Postgres => format!(
            "SELECT CASE WHEN {condition} THEN 1 ELSE CAST({} || pg_catalog.now()::pg_catalog.text AS pg_catalog.int4) END",
            dialect.literal(GUARD)
        ),
        Family::Mysql => {
            format!("SELECT IF({condition}, 1, (SELECT 1 UNION SELECT 2)) LIMIT 1")
        }
    }
}

/// The lease as one run holds it. The epoch alone would do, but for a row that somebody edits by hand.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub epoch: i64,
    /// The run's name, which no other run has.
    pub holder: Arc<str>,
}

impl Claim {
    fn is_held(&self, names: &Names) -> String {
        format!(
            "{} AND epoch = {} AND holder = {}",
            names.scope(),
            self.epoch,
            names.dialect().literal(&self.holder)
        )
    }
}

/// The epoch after this one. Only an edit by hand comes to the end.
pub(crate) fn next_epoch(epoch: i64) -> i64 {
    epoch.checked_add(1).unwrap_or(1)
}

/// One `running` row, inserted only while this run holds the lease, and its id.
pub(crate) fn begin_history(
    names: &Names,
    actor: &Actor,
    row: &LedgerEntry,
    claim: &Claim,
) -> Vec<String> {
    let dialect = names.dialect();
    let epoch = claim.epoch;
    let (columns, values) = history_values(names, actor, row);
    let insert = format!(
        "INSERT INTO {} ({columns}) SELECT {values} FROM {} l WHERE EXISTS (SELECT 1 FROM {} WHERE {}) AND l.{}",
        names.history(),
        names.lock(),
        names.lock(),
        claim.is_held(names),
        names.scope(),
    );
    let mut statements = guarded(dialect, insert, 1);
    statements.push(format!(
        "SELECT {} FROM {} WHERE {} AND state = 'running' AND epoch = {epoch} LIMIT 1",
        dialect.text(&dialect.aggregate("max(id)")),
        names.history(),
        names.scope(),
    ));
    statements
}

/// The columns of a new row, and their values.
fn history_values(names: &Names, actor: &Actor, row: &LedgerEntry) -> (String, String) {
    let dialect = names.dialect();
    let (user, session) = match dialect.family() {
        Family::Sqlite => ("NULL", "NULL"),
        Family::Postgres => (
            "session_user",
            "pg_catalog.pg_backend_pid()::pg_catalog.text",
        ),
        Family::Mysql => ("CURRENT_USER()", "CONNECTION_ID()"),
    };
    let null = || "NULL".to_owned();
    let now = || now(dialect).to_owned();
    let text = |text: &str| dialect.literal(text);
    let or_null = |text: Option<&str>| dialect.literal_or_null(text);
    let finished_at = if row.state == State::Running {
        null()
    } else {
        now()
    };
    let values = [
        ("scope", names.scope_literal()),
        ("revision", text(&row.revision)),
        ("down_revision", text(&row.down_revision.join(","))),
        ("depends_on", text(&row.depends_on.join(","))),
        ("message", text(&row.message)),
        ("action", text(row.action.name())),
        ("checksum", checksum(dialect, row)),
        ("requires_binary", or_null(row.requires_binary.as_deref())),
        ("lineage", or_null(row.lineage.as_deref())),
        ("state", text(row.state.name())),
        ("statements", row.statements.to_string()),
        ("statements_done", row.statements_done.to_string()),
        ("rows_affected", row.rows_affected.to_string()),
        (
            "epoch",
            row.epoch.map_or_else(null, |epoch| epoch.to_string()),
        ),
        (
            "started_at",
            row.started_at
                .map_or_else(now, |time| stored_time(dialect, time)),
        ),
        ("finished_at", finished_at),
        ("db_user", user.to_owned()),
        ("host", text(&actor.host)),
        ("pid", actor.pid.to_string()),
        ("session", session.to_owned()),
        ("application", text(&actor.application)),
        ("limbeck_version", text(env!("CARGO_PKG_VERSION"))),
        ("error", or_null(row.error.as_deref())),
        ("down_sql", or_null(row.down_sql.as_deref())),
    ];
    let columns = values.each_ref().map(|(column, _)| *column);
    let values = values.map(|(_, value)| value);
    (columns.join(", "), values.join(", "))
}

fn checksum(dialect: Dialect, row: &LedgerEntry) -> String {
    let text = row.checksum.as_ref().map(ToString::to_string);
    dialect.literal_or_null(text.as_deref())
}

/// A time that the look returned, as a value for a time column.
fn stored_time(dialect: Dialect, time: DateTime<Utc>) -> String {
    let rfc3339 = row::write_time(dialect, time);
    match dialect.family() {
        Family::Sqlite => dialect.literal(&rfc3339),
        Family::Postgres => format!("{}::pg_catalog.timestamptz", dialect.literal(&rfc3339)),
        Family::Mysql => dialect.literal(&rfc3339.trim_end_matches('Z').replace('T', " ")),
    }
}

/// A change of a `running` row, made only while this epoch holds the lease, which it renews.
#[derive(Debug, Clone)]
pub(crate) struct Progress<'a> {
    pub id: i64,
    pub claim: Claim,
    /// The new value of `statements_done`.
    pub done: u64,
    /// Digest over the statements that are done.
    pub done_digest: Option<&'a str>,
    /// The statement that is sent next, counted from 1, its text, and the fingerprint of what it names.
    pub running: Option<(u64, &'a str)>,
    pub fingerprint: Option<&'a str>,
    pub rows_affected: u64,
    pub error: Option<&'a str>,
    /// Done or failed ends the step.
    pub end: Option<State>,
}

/// Writes how far a step is, behind [`renew`].
pub(crate) fn record(names: &Names, progress: &Progress<'_>) -> Vec<String> {
    let dialect = names.dialect();
    let (number, text) = match progress.running {
        Some((number, text)) => (number.to_string(), dialect.literal(text)),
        None => ("NULL".to_owned(), "NULL".to_owned()),
    };
    let end = progress.end.map_or(String::new(), |state| {
        // Nothing of a failed step stands that could be undone.
        let down_sql = match state {
            State::Failed => ", down_sql = NULL",
            _ => "",
        };
        format!(
            ", state = {}, finished_at = {}{down_sql}",
            dialect.literal(state.name()),
            now(dialect)
        )
    });
    let error = progress.error.map(failure::bounded);
    let update = format!(
        "UPDATE {} SET statements_done = {}, done_digest = {}, statement_running = {number}, \
         statement = {text}, fingerprint = {}, rows_affected = {}, error = {}{end} \
         WHERE id = {} AND state = 'running'",
        names.history(),
        progress.done,
        dialect.literal_or_null(progress.done_digest),
        dialect.literal_or_null(progress.fingerprint),
        progress.rows_affected,
        dialect.literal_or_null(error.as_deref()),
        progress.id,
    );
    guarded(dialect, update, 1)
}

/// Makes a `running` row this run's: who goes on with the step, over which file.
pub(crate) fn adopt_row(
    names: &Names,
    actor: &Actor,
    row: &LedgerEntry,
    statements: u64,
    id: i64,
    epoch: i64,
) -> Vec<String> {
    let dialect = names.dialect();
    let update = format!(
        "UPDATE {} SET epoch = {epoch}, statements = {statements}, checksum = {}, lineage = {}, down_sql = {}, \
         host = {}, pid = {}, application = {}, limbeck_version = {} WHERE id = {id} AND state = 'running'",
        names.history(),
        checksum(dialect, row),
        dialect.literal_or_null(row.lineage.as_deref()),
        dialect.literal_or_null(row.down_sql.as_deref()),
        dialect.literal(&actor.host),
        actor.pid,
        dialect.literal(&actor.application),
        dialect.literal(env!("CARGO_PKG_VERSION")),
    );
    guarded(dialect, update, 1)
}

/// The last rows of a revision that have ended, the newest first: as many as [`failure::repeats`] looks at. The newest of each
/// state, for which there is an index.
pub(crate) fn recent(names: &Names, revision: &str) -> String {
    let dialect = names.dialect();
    let most = failure::DIFFERENT;
    let newest = |state: State| {
        format!(
            "SELECT * FROM (SELECT h.id FROM {} h WHERE h.{} AND h.revision = {} AND h.state = {} \
             {} LIMIT {most}) {}",
            names.history(),
            names.scope(),
            dialect.literal(revision),
            dialect.literal(state.name()),
            tables::newest(dialect),
            state.name(),
        )
    };
    format!(
        "SELECT {} FROM {} r JOIN ({} UNION ALL {}) n ON n.id = r.id ORDER BY r.id DESC LIMIT {most}",
        row::select(dialect, "r.", &row::RECENT).join(", "),
        names.history(),
        newest(State::Done),
        newest(State::Failed),
    )
}

/// Counts a failure up in the row `id` of its like, which is the newest attempt's from then on.
pub(crate) fn count_failure(
    names: &Names,
    actor: &Actor,
    failed: &LedgerEntry,
    (id, times): (i64, u64),
) -> String {
    let dialect = names.dialect();
    let error = failure::counted(failed.error.as_deref().unwrap_or_default(), times);
    format!(
        "UPDATE {} SET finished_at = {}, action = {}, checksum = {}, statements = {}, error = {}, down_sql = NULL, \
         host = {}, pid = {}, application = {}, limbeck_version = {} WHERE id = {id} AND state = 'failed'",
        names.history(),
        now(dialect),
        dialect.literal(failed.action.name()),
        checksum(dialect, failed),
        failed.statements,
        dialect.literal(&error),
        dialect.literal(&actor.host),
        actor.pid,
        dialect.literal(&actor.application),
        dialect.literal(env!("CARGO_PKG_VERSION")),
    )
}

/// Takes the row of an attempt away whose failure was counted up in another.
pub(crate) fn remove_attempt(names: &Names, id: i64) -> Vec<String> {
    let delete = format!(
        "DELETE FROM {} WHERE id = {id} AND state = 'running'",
        names.history()
    );
    guarded(names.dialect(), delete, 1)
}

/// What a person settled of an unfinished step.
pub(crate) enum Settlement {
    /// The statement in doubt took effect; the digest counts it in.
    Done(String),
    /// It did not.
    Redo,
    /// The whole step is given up.
    Abandon,
}

pub(crate) fn settle(names: &Names, id: i64, settlement: &Settlement) -> Vec<String> {
    let dialect = names.dialect();
    let change = match settlement {
        Settlement::Done(digest) => format!(
            "statements_done = statement_running, done_digest = {}, statement_running = NULL, statement = NULL",
            dialect.literal(digest)
        ),
        Settlement::Redo => "statement_running = NULL, statement = NULL".to_owned(),
        Settlement::Abandon => format!(
            "state = 'failed', finished_at = {}, down_sql = NULL, error = {}",
            now(dialect),
            dialect.literal("given up: resolved as abandoned")
        ),
    };
    let update = format!(
        "UPDATE {} SET {change} WHERE id = {id} AND state = 'running'",
        names.history()
    );
    guarded(dialect, update, 1)
}

/// Raises the lease's counter; raises an error where this run no longer holds it.
pub(crate) fn renew(names: &Names, claim: &Claim) -> Vec<String> {
    let update = format!(
        "UPDATE {} SET beat = beat + 1 WHERE {}",
        names.lock(),
        claim.is_held(names),
    );
    guarded(names.dialect(), update, 1)
}

/// Reads whether this run still holds the lease; raises an error where it does not. Travels before a
/// statement in the statement's own message.
pub(crate) fn fence(names: &Names, claim: &Claim) -> String {
    let held = format!(
        "SELECT 1 FROM {} WHERE {}",
        names.lock(),
        claim.is_held(names)
    );
    proof(names.dialect(), &format!("EXISTS ({held})"))
}

/// Takes the lease from the state that was seen: epoch and counter as they were, free or expired. Changes
/// one row for the one winner.
pub(crate) fn acquire(
    names: &Names,
    actor: &Actor,
    holder: &str,
    lease_ms: u64,
    seen: (i64, i64),
) -> String {
    let dialect = names.dialect();
    let session = lease_session(dialect);
    format!(
        "UPDATE {} SET epoch = {}, beat = 0, holder = {}, lease_ms = {lease_ms}, since = {}, host = {}, \
         pid = {}, application = {}, session = {session} WHERE {} AND epoch = {} AND beat = {}",
        names.lock(),
        next_epoch(seen.0),
        dialect.literal(holder),
        now(dialect),
        dialect.literal(&actor.host),
        actor.pid,
        dialect.literal(&actor.application),
        names.scope(),
        seen.0,
        seen.1,
    )
}

/// MySQL and MariaDB: this session, by a name that no session of another server has, nor of a cluster's other nodes.
const MYSQL_SESSION: &str = "CONCAT(CONNECTION_ID(), '@', @@hostname, ':', @@port)";

/// The session as a lease names it.
fn lease_session(dialect: Dialect) -> &'static str {
    match dialect.family() {
        Family::Sqlite => "NULL",
        Family::Postgres => "pg_catalog.pg_backend_pid()::pg_catalog.text",
        Family::Mysql => MYSQL_SESSION,
    }
}

/// Ends a lease that has expired, seen in this state.
pub(crate) fn end_lease(names: &Names, seen: (i64, i64)) -> Vec<String> {
    let update = format!(
        "UPDATE {} SET epoch = {}, holder = NULL WHERE {} AND epoch = {} AND beat = {}",
        names.lock(),
        next_epoch(seen.0),
        names.scope(),
        seen.0,
        seen.1,
    );
    guarded(names.dialect(), update, 1)
}

/// The next epoch of a lease, for the same holder.
pub(crate) fn move_epoch(names: &Names, claim: &Claim) -> Vec<String> {
    let session = lease_session(names.dialect());
    let update = format!(
        "UPDATE {} SET epoch = {}, beat = 0, session = {session} WHERE {}",
        names.lock(),
        next_epoch(claim.epoch),
        claim.is_held(names),
    );
    guarded(names.dialect(), update, 1)
}

/// The `done` row that this process wrote for a step, as `(statements_done, rows_affected)`: the one that
/// began at this time, or under this lease.
pub(crate) fn own_done_row(
    names: &Names,
    actor: &Actor,
    (revision, action): (&str, Action),
    since: Option<DateTime<Utc>>,
    epoch: Option<i64>,
) -> String {
    let dialect = names.dialect();
    let began = since.map_or(String::new(), |time| {
        format!(" AND started_at = {}", stored_time(dialect, time))
    });
    let leased = epoch.map_or(String::new(), |epoch| format!(" AND epoch = {epoch}"));
    format!(
        "SELECT {}, {} FROM {} WHERE {} AND state = 'done' AND revision = {} AND action = {} AND host = {} \
         AND pid = {}{began}{leased}",
        dialect.text("statements_done"),
        dialect.text("rows_affected"),
        names.history(),
        names.scope(),
        dialect.literal(revision),
        dialect.literal(action.name()),
        dialect.literal(&actor.host),
        actor.pid,
    )
}

/// Gives the lease back, if this run still holds it.
pub(crate) fn release(names: &Names, holder: &str) -> String {
    format!(
        "UPDATE {} SET holder = NULL, beat = beat + 1 WHERE {} AND holder = {}",
        names.lock(),
        names.scope(),
        names.dialect().literal(holder),
    )
}

/// The whole ledger of this service, oldest first, for what a look is too narrow for.
pub(crate) fn read_history(names: &Names) -> String {
    let dialect = names.dialect();
    let columns = row::select(dialect, "", &row::HISTORY);
    format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {}.id",
        columns.join(", "),
        names.history(),
        names.scope(),
        dialect.ident(names.history_name()),
    )
}

/// The row that counts of each of these revisions, as [`Known`](super::Known) would find it in the whole ledger.
pub(crate) fn latest(names: &Names, revisions: &[RevisionId]) -> String {
    let dialect = names.dialect();
    let row = match dialect {
        Dialect::Mysql => "ROW",
        _ => "",
    };
    let values: Vec<String> = revisions
        .iter()
        .map(|id| format!("{row}({})", dialect.literal(id)))
        .collect();
    let wanted = format!(
        "WITH limbeck_wanted (revision) AS (VALUES {}) SELECT revision FROM limbeck_wanted",
        values.join(", ")
    );
    latest_of(names, &wanted)
}

/// The same of the revisions that have a row in a range of ids: neighbours of a revision in the graph are mostly neighbours
/// in the ledger.
pub(crate) fn latest_between(names: &Names, ids: std::ops::Range<i64>) -> String {
    // SQLite and MySQL would read a whole index of the scope before they look at the ids.
    let by_id = match names.dialect().family() {
        Family::Sqlite => " NOT INDEXED",
        Family::Mysql => " FORCE INDEX (PRIMARY)",
        Family::Postgres => "",
    };
    let wanted = format!(
        "SELECT DISTINCT n.revision FROM {} n{by_id} WHERE n.{} AND n.id >= {} AND n.id < {}",
        names.history(),
        names.scope(),
        ids.start,
        ids.end,
    );
    latest_of(names, &wanted)
}

/// A look at the index for each revision and state, however many rows there are.
fn latest_of(names: &Names, wanted: &str) -> String {
    let history = names.history();
    let newest = |condition: &str| {
        format!(
            "(SELECT h.id FROM {history} h WHERE h.{} AND h.revision = w.revision AND {condition} \
             {} LIMIT 1)",
            names.scope(),
            tables::newest(names.dialect()),
        )
    };
    format!(
        "SELECT {columns} FROM (SELECT {done} AS done, {running} AS running FROM ({wanted}) w) x \
         JOIN {history} r ON r.id = CASE WHEN x.running IS NULL OR x.done > x.running THEN x.done ELSE x.running END",
        columns = row::select(names.dialect(), "r.", &row::KNOWN).join(", "),
        done = newest("h.state = 'done' AND h.action <> 'downgrade'"),
        running = newest("h.state = 'running' AND h.action = 'upgrade'"),
    )
}

/// Tells whether an error is a guard's refusal, by its server's code and message. (MySQL's backend knows its code.)
#[cfg_attr(not(any(feature = "sqlite", feature = "postgres")), allow(dead_code))]
pub(crate) fn is_guard_refusal(dialect: Dialect, code: Option<&str>, message: &str) -> bool {
    match dialect.family() {
        Family::Sqlite => message.contains("integer overflow"),
        Family::Postgres => code == Some("22P02") && message.contains(GUARD),
        Family::Mysql => code == Some("1242") || message.contains("more than 1 row"),
    }
}
