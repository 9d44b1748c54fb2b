//! MariaDB and MySQL: reads, compares and writes every feature; on scratch databases that leave nothing behind.

mod changes;
mod everyday;
mod fixture;
mod generator;
mod online;
mod property;
mod scratch;
mod texts;

use limbeck::autogenerate::{
    Autogenerate, Comparison, Draft, DraftOptions, Schema, reflect as reflect_connection,
};
use limbeck::revision::{NewRevision, SectionKind};
use limbeck::{Dialect, Revision, sql};
use sqlx::{MySql, MySqlPool};

use crate::support::servers;

/// A schema that uses every feature of the test's server.
fn everything() -> String {
    let here = servers::MySqlServer::here();
    let (other, own) = here.pick(
        ("-- MySQL", include_str!("mysql/mariadb.sql")),
        ("-- MariaDB", include_str!("mysql/mysql.sql")),
    );
    let both = include_str!("mysql/everything.sql").lines();
    let both: Vec<&str> = both.filter(|line| !line.ends_with(other)).collect();
    format!("{}\n{own}", both.join("\n"))
}

/// Runs a script as a session of the executor's would.
async fn run(pool: &MySqlPool, script: &str) {
    let statements = sql::split(dialect(), script).expect("SQL");
    let texts: Vec<String> = statements.iter().map(|one| one.text().to_owned()).collect();
    run_all(pool, &texts)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

fn dialect() -> Dialect {
    servers::MySqlServer::here().dialect()
}

async fn run_all(pool: &MySqlPool, statements: &[String]) -> Result<(), String> {
    let mut connection = pool.acquire().await.expect("a connection");
    let enter = "SET SESSION sql_mode = @@GLOBAL.sql_mode, SESSION time_zone = @@GLOBAL.time_zone"
        .to_owned();
    for text in std::iter::once(&enter).chain(statements) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text.clone()))
            .execute(&mut *connection)
            .await
            .map_err(|error| format!("{error}\nin: {text}"))?;
    }
    Ok(())
}

async fn reflected(pool: &MySqlPool) -> Schema {
    let mut connection = pool.acquire().await.expect("a connection");
    reflect_connection::<MySql>(&mut connection)
        .await
        .expect("a schema")
}

async fn compared(pool: &MySqlPool, desired: &str) -> Comparison {
    Autogenerate::from_sql(desired)
        .compare(pool)
        .await
        .unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

fn words(comparison: &Comparison) -> Vec<String> {
    comparison
        .changes()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn difference(live: &Schema, desired: &Schema) -> Vec<String> {
    words(&Comparison::between(live.clone(), desired.clone()))
}

/// A draft as a revision file, read back: its text, and the statements of both sections.
struct Written {
    text: String,
    up: Vec<String>,
    down: Vec<String>,
}

fn written(draft: &Draft) -> Written {
    let file = NewRevision::new("000000000001").message("generated");
    let sections = draft.clone().sections();
    let text = sections
        .fold(file, NewRevision::section)
        .to_text()
        .expect("a revision file");
    let revision = Revision::parse("generated.sql", text.clone()).expect("a valid file");
    let of = |kind| -> Vec<String> {
        let Some(section) = revision.section(kind, dialect()) else {
            return Vec::new();
        };
        let statements = revision.statements(section, dialect());
        let statements = statements.unwrap_or_else(|error| panic!("{error}\n{text}"));
        statements.iter().map(|one| one.text().to_owned()).collect()
    };
    let (up, down) = (of(SectionKind::Upgrade), of(SectionKind::Downgrade));
    Written { text, up, down }
}

fn only_draft(comparison: &Comparison, options: DraftOptions) -> Written {
    match &comparison.drafts(options)[..] {
        [draft] => written(draft),
        // All that differs is withheld.
        [] if comparison.withheld(options).count() == comparison.changes().len() => Written {
            text: String::new(),
            up: Vec::new(),
            down: Vec::new(),
        },
        drafts => panic!("{} drafts", drafts.len()),
    }
}
