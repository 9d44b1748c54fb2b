//! What a run was at when something happened to it, read from the messages that it had sent.

use std::fmt;

use sqlx::Connection as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Neither the lock nor the lease had been asked for.
    BeforeTheLock,
    /// Statements of a revision were on their way, and no commit behind them.
    InTheSql,
    /// A commit was on its way.
    CommitSent,
    /// The ledger said that a statement runs, which had not been sent.
    RunningToStatement,
    /// A statement had run, of which the ledger did not yet say so.
    StatementToDone,
    /// Anywhere else under the lock.
    BetweenMessages,
}

impl Phase {
    pub const ALL: [Phase; 6] = [
        Phase::BeforeTheLock,
        Phase::InTheSql,
        Phase::CommitSent,
        Phase::RunningToStatement,
        Phase::StatementToDone,
        Phase::BetweenMessages,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::BeforeTheLock => "before the lock",
            Phase::InTheSql => "in the SQL",
            Phase::CommitSent => "with COMMIT sent",
            Phase::RunningToStatement => "between running and the statement",
            Phase::StatementToDone => "between the statement and done",
            Phase::BetweenMessages => "between other messages",
        })
    }
}

/// The phase at the last of these messages, which has been sent or not.
pub fn phase(messages: &[String], sent: bool) -> Phase {
    let [before @ .., last] = messages else {
        return Phase::BeforeTheLock;
    };
    let asks = |text: &String| {
        text.contains("pg_try_advisory_xact_lock") || text.contains("beat = 0, holder = ")
    };
    let is_locked = before.iter().any(asks) || sent && asks(last);
    let previous = before.last().map(String::as_str).unwrap_or_default();
    if !is_locked {
        return Phase::BeforeTheLock;
    }
    match sent {
        true if commits(last) => Phase::CommitSent,
        true if is_of_a_revision(last) => Phase::InTheSql,
        false if says_running(previous) => Phase::RunningToStatement,
        false
            if is_of_a_revision(previous)
                && before
                    .iter()
                    .rev()
                    .nth(1)
                    .is_some_and(|text| says_running(text)) =>
        {
            Phase::StatementToDone
        }
        _ => Phase::BetweenMessages,
    }
}

/// Whether a message records that a statement runs.
pub fn says_running(text: &str) -> bool {
    let value = text
        .split_once("statement_running = ")
        .map(|(_, rest)| rest);
    value.is_some_and(|value| value.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether a message ends a transaction; an isolation level has the word too.
pub fn commits(text: &str) -> bool {
    text.contains("COMMIT\n")
}

/// Whether a message holds statements of a revision. The ledger quotes some as well.
fn is_of_a_revision(text: &str) -> bool {
    let unquoted: String = text.split('\'').step_by(2).collect();
    [
        " audit",
        "TABLE t ",
        " t_done",
        "UPDATE t ",
        "FROM t ",
        "VIEW v",
    ]
    .iter()
    .any(|words| unquoted.contains(words))
}

/// The phase of a run on SQLite that stands still at a point of its own.
pub async fn of_sqlite(url: &str, place: &str) -> Phase {
    let mut beside = beside(url).await;
    let running = "SELECT statement_running FROM limbeck_history WHERE state = 'running'";
    let running: Option<Option<i64>> = sqlx::query_scalar(running)
        .fetch_optional(&mut beside)
        .await
        .unwrap_or(None);
    beside.close().await.expect("close");
    let is_locked = is_locked(url).await;
    match (place, running.flatten(), is_locked) {
        ("commit", None, _) => Phase::CommitSent,
        ("commit", Some(_), _) => Phase::StatementToDone,
        (_, Some(_), _) => Phase::RunningToStatement,
        ("statement" | "planned", None, false) => Phase::BeforeTheLock,
        (_, None, false) => Phase::BetweenMessages,
        (place, None, true) if place == "statement" || is_users_row(place) => Phase::InTheSql,
        (_, None, true) => Phase::BetweenMessages,
    }
}

fn is_users_row(place: &str) -> bool {
    ["insert ", "update ", "delete "]
        .iter()
        .any(|verb| place.starts_with(verb))
        && !place.contains("limbeck_")
}

async fn beside(url: &str) -> sqlx::SqliteConnection {
    let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
    let options = options.busy_timeout(std::time::Duration::ZERO);
    sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("SQLite")
}

/// Whether somebody is in a transaction that writes.
pub async fn is_locked(url: &str) -> bool {
    let mut beside = beside(url).await;
    let began = sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut beside).await;
    beside.close().await.expect("close");
    match began {
        Ok(_) => false,
        Err(error) => {
            assert!(error.to_string().contains("locked"), "{error}");
            true
        }
    }
}
