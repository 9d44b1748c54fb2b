//! What somebody else set, for the server, the database, the role or the connection, changes nothing: runs end as
//! everywhere, and a migration that reads a setting sees what the session would see without limbeck.

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

use std::time::Duration;

use limbeck::ledger::State;
use limbeck::migrator::Source;
use limbeck::{Dialect, Migrations, Migrator, Outcome};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::support::migrations;
use crate::support::servers::Database;
use crate::support::soak::{tell, times};

/// Steps of every kind, which compare nothing and call nothing: what is hijacked is limbeck's alone. `read` is
/// repeated in each mode.
fn every_kind(dialect: Dialect, read: &str) -> Migrations {
    let create = match dialect {
        Dialect::Postgres => {
            "CREATE TABLE public.seen (name pg_catalog.text, value pg_catalog.text);\nCREATE TABLE public.work (done pg_catalog.bool);"
        }
        Dialect::Sqlite => {
            "CREATE TABLE seen (name TEXT, value TEXT);\nCREATE TABLE work (done INT);"
        }
        _ => {
            "CREATE TABLE seen (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(100), value TEXT) ENGINE = InnoDB;\nCREATE TABLE work (id INT PRIMARY KEY, done INT) ENGINE = InnoDB;"
        }
    };
    let (seen, work) = if dialect == Dialect::Postgres {
        ("public.seen", "public.work")
    } else {
        ("seen", "work")
    };
    let fill = if dialect.is_mysql_family() {
        "(1, FALSE), (2, FALSE)"
    } else {
        "(FALSE), (FALSE)"
    };
    let key = if dialect.is_mysql_family() {
        " AND id > 0"
    } else {
        ""
    };
    migrations(&[
        (
            "a",
            "",
            "",
            &format!(
                "-- @upgrade\n{create}\nINSERT INTO {work} VALUES {fill};\n{read}\n-- @downgrade\nDROP TABLE {work};\nDROP TABLE {seen};\n"
            ),
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade autocommit\n{read}\nCREATE TABLE {work}_b (id INT PRIMARY KEY);\n{read}\n-- @downgrade autocommit\nDROP TABLE {work}_b;\n"
            ),
        ),
        (
            "c",
            "b",
            "",
            &format!(
                "-- @upgrade repeat\nUPDATE {work} SET done = TRUE WHERE NOT done{key};\n-- @downgrade\n"
            ),
        ),
        (
            "d",
            "c",
            "",
            &format!(
                "-- @require\nSELECT done FROM {work} WHERE NOT done{key};\n-- @upgrade\nCREATE TABLE {work}_d (id INT PRIMARY KEY);\n-- @verify\nSELECT id FROM {work}_d\n-- @downgrade\nDROP TABLE {work}_d;\n"
            ),
        ),
    ])
}

/// [`life`], which must come to an end.
async fn whole_life<S: Source>(migrator: Migrator<S>) -> Result<(), String> {
    let ended = tokio::time::timeout(Duration::from_secs(60), life(migrator)).await;
    ended.unwrap_or_else(|_| Err("it does not end".to_owned()))
}

/// Up, look, down, and up again; each time a second run finds nothing to do.
async fn life<S: Source>(migrator: Migrator<S>) -> Result<(), String> {
    let told = |at: &str, error: limbeck::Error| {
        let mut text = format!("{at}: {error}");
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            text.push_str(&format!(": {cause}"));
            next = cause.source();
        }
        text
    };
    let migrator = migrator
        .lock_wait(Duration::from_secs(20))
        .lock_retry_for(Duration::from_secs(20));
    for round in 0..2 {
        let report = migrator
            .upgrade_to_head()
            .await
            .map_err(|error| told("upgrade", error))?;
        if report.current != ["d"] || report.steps.len() != 4 {
            return Err(format!("{report:?}"));
        }
        let again = migrator
            .upgrade_to_head()
            .await
            .map_err(|error| told("again", error))?;
        if again.outcome != Outcome::AlreadyThere {
            return Err(format!("{again:?}"));
        }
        let status = migrator
            .status()
            .await
            .map_err(|error| told("status", error))?;
        if status.current != ["d"]
            || !status.pending.is_empty()
            || !status.unverified.is_empty()
            || status.unfinished.is_some()
            || status.holder.is_some()
        {
            return Err(format!("{status:?}"));
        }
        let ledger = migrator
            .ledger()
            .await
            .map_err(|error| told("ledger", error))?;
        if ledger.len() != 4 + round * 8 || ledger.iter().any(|entry| entry.state != State::Done) {
            return Err(format!("{ledger:?}"));
        }
        if round == 0 {
            let down = migrator
                .downgrade("base")
                .await
                .map_err(|error| told("downgrade", error))?;
            if !down.current.is_empty() {
                return Err(format!("{down:?}"));
            }
        }
    }
    migrator
        .stamp("b", limbeck::plan::Purge::Clear)
        .await
        .map(drop)
        .map_err(|error| told("stamp", error))?;
    migrator
        .stamp("d", limbeck::plan::Purge::Keep)
        .await
        .map(drop)
        .map_err(|error| told("stamp", error))
}

/// What the migrations saw, once for each time that they looked.
const SEEN: &str = "SELECT DISTINCT value FROM seen ORDER BY value";
