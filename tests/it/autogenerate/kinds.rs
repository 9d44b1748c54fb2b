//! The tables of `docs/autogenerate.md`: what limbeck, Alembic, Atlas and sea-orm do with each kind of change.
//!
//! limbeck and Alembic are run on the pairs of schemas in `kinds/`, and judged by one yardstick that is neither's:
//! `yardstick.py`. The two others are by their sources, in the pairs. A table that is not what was measured is a failure;
//! `LIMBECK_BLESS=1` writes it anew: read the difference before it is committed.

mod page;
mod pairs;
mod yardstick;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use limbeck::autogenerate::{Autogenerate, Class, DraftOptions, Reflect};
use limbeck::revision::NewRevision;
use limbeck::{Migrations, Migrator, Revision};
use serde_json::Value;

use self::page::{check, marks, table};
use self::pairs::{Pair, pairs};
use self::yardstick::Yardstick;
use crate::support::servers::{self, Database, server};

// Of several threads, since the yardstick is waited for: a connection that is being closed goes on meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    let Some(mut kinds) = Kinds::of("sqlite", "sqlite") else {
        return;
    };
    for at in 0..kinds.pairs.len() {
        let [live, wanted] = [servers::sqlite().await, servers::sqlite().await];
        kinds.look(at, &live, &wanted).await;
    }
    kinds.end();
}

#[cfg(feature = "postgres")]
// Of several threads, since the yardstick is waited for: a connection that is being closed goes on meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    let Some(url) = server("LIMBECK_TEST_POSTGRES_URL") else {
        return;
    };
    let Some(mut kinds) = Kinds::of("postgres", &url) else {
        return;
    };
    // `CREATE DATABASE` takes longer than all the rest: three databases serve all pairs.
    let live = servers::postgres_database().await.expect("a server");
    let wanted = servers::postgres_database().await.expect("a server");
    let scratch = servers::postgres_database().await.expect("a server");
    kinds.scratch = Some(scratch.url.clone());
    for at in 0..kinds.pairs.len() {
        kinds.look(at, &live, &wanted).await;
        for database in [&live, &wanted] {
            database.run(EMPTY).await;
        }
    }
    kinds.end();
}

/// Makes a PostgreSQL database empty again.
#[cfg(feature = "postgres")]
const EMPTY: &str = "
    DO $$ DECLARE one name; BEGIN
        FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', one);
        END LOOP;
    END $$;
    CREATE SCHEMA public;
";

#[cfg(feature = "mysql")]
// Of several threads, since the yardstick is waited for: a connection that is being closed goes on meanwhile.
async fn on_the_server() {
    let here = servers::MySqlServer::here();
    let Some(url) = here.url() else {
        return;
    };
    let Some(mut kinds) = Kinds::of(here.dialect().name(), &url) else {
        return;
    };
    for at in 0..kinds.pairs.len() {
        let (live, wanted) = (
            servers::mysql_database().await.expect("a server"),
            servers::mysql_database().await.expect("a server"),
        );
        kinds.look(at, &live, &wanted).await;
    }
    kinds.end();
}

/// The pairs of one database, and what came out.
struct Kinds {
    database: &'static str,
    pairs: Vec<Pair>,
    yardstick: Yardstick,
    alembic: thread::JoinHandle<Vec<Value>>,
    /// An empty database of limbeck's. None: it makes its own.
    scratch: Option<String>,
    undumped: Vec<String>,
    limbeck: Vec<Measured>,
}

/// What limbeck does with a pair.
#[derive(Default)]
struct Measured {
    detected: bool,
    rendered: bool,
    reversed: bool,
    class: Option<Class>,
    /// Said in a note, and nothing else.
    said: Option<&'static str>,
}

impl Kinds {
    /// None where there is no Alembic, which is said aloud. Alembic is run meanwhile.
    fn of(database: &'static str, url: &str) -> Option<Kinds> {
        let python = server("LIMBECK_TEST_ALEMBIC")?;
        // MariaDB and MySQL share most kinds.
        let name = if database == "mariadb" {
            "mysql"
        } else {
            database
        };
        let path = folder().join(format!("kinds/{name}.sql"));
        let pairs = pairs(&fs::read_to_string(&path).expect("the pairs"), database);
        let mut command = Command::new(&python);
        command.arg(folder().join("run_alembic.py")).args([&path]);
        command
            .args([url, database])
            .env("PYTHONDONTWRITEBYTECODE", "1");
        let alembic = thread::spawn(move || {
            let output = command.output().expect("Python runs");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "run_alembic.py failed:\n{errors}");
            let lines = output.stdout.split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| !line.is_empty());
            let read = lines.map(|line| serde_json::from_slice(line).expect("JSON"));
            read.collect()
        });
        Some(Kinds {
            database,
            pairs,
            yardstick: Yardstick::new(&python),
            alembic,
            scratch: None,
            limbeck: Vec::new(),
            undumped: Vec::new(),
        })
    }

    async fn look<DB: Reflect>(&mut self, at: usize, live: &Database<DB>, wanted: &Database<DB>)
    where
        for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
        for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
        for<'r> String: sqlx::Decode<'r, DB>,
        for<'r> Option<String>: sqlx::Decode<'r, DB>,
        usize: sqlx::ColumnIndex<DB::Row>,
        for<'a> &'a sqlx::Pool<DB>: limbeck::migrator::IntoSource<Source = sqlx::Pool<DB>>,
    {
        let pair = &self.pairs[at];
        for (database, sql) in [(live, &pair.from), (wanted, &pair.to), (live, &pair.rows)] {
            if !sql.trim().is_empty() {
                database.run(sql).await;
            }
        }
        let mut measured = Measured::default();
        let desired = |sql: &str| pair.desired(sql, self.scratch.as_deref());
        let wish = [desired(&pair.from), desired(&pair.to)];
        let measuring = measure(pair, wish, live, wanted, &mut self.yardstick, &mut measured);
        let done = tokio::time::timeout(Duration::from_secs(60), measuring).await;
        let done = done.unwrap_or_else(|_| Err("it takes longer than a minute".to_owned()));
        if let Err(why) = done {
            eprintln!("{}: {}: {measured}: {why}", self.database, pair.kind);
        }
        self.limbeck.push(measured);
        if let Err(why) = super::dumped(&wanted.pool, self.scratch.as_deref()).await {
            self.undumped.push(format!("{}: {why}", pair.kind));
        }
    }

    /// Whether the page says what was measured.
    fn end(self) {
        let mut alembic = self.alembic.join().expect("Alembic is run").into_iter();
        let versions = alembic.next().expect("a line with versions");
        let version = versions["alembic"].as_str().expect("a version");
        assert!(
            version.starts_with("1.20."),
            "the page speaks of Alembic 1.20, and this is {version}"
        );
        let alembic: Vec<Value> = alembic.collect();
        assert_eq!(alembic.len(), self.pairs.len(), "a line for each pair");

        let rows: Vec<[String; 5]> = (self.pairs.iter().zip(&self.limbeck).zip(&alembic))
            .map(|((pair, measured), alembic)| {
                assert_eq!(pair.kind, alembic["kind"].as_str().expect("a kind"));
                let done = |what| alembic[what] == Value::Bool(true);
                let done = ["detected", "rendered", "reversed"].map(done);
                [
                    pair.kind.clone(),
                    measured.to_string(),
                    marks(done).to_string(),
                    pair.atlas.clone(),
                    pair.sea_orm.clone(),
                ]
            })
            .collect();
        check(self.database, &table(&rows));
        assert!(self.undumped.is_empty(), "{}", self.undumped.join("\n\n"));
    }
}

/// Fills `measured` as far as it comes. The error says why it came no further.
async fn measure<DB: Reflect>(
    pair: &Pair,
    [from, to]: [Autogenerate; 2],
    live: &Database<DB>,
    wanted: &Database<DB>,
    yardstick: &mut Yardstick,
    measured: &mut Measured,
) -> Result<(), String>
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
    for<'a> &'a sqlx::Pool<DB>: limbeck::migrator::IntoSource<Source = sqlx::Pool<DB>>,
{
    let before = yardstick.picture(&live.url);
    let goal = yardstick.picture(&wanted.url);
    assert!(
        before != goal || pair.kind == "columns: in another order",
        "{}: to the yardstick both are the same",
        pair.kind
    );
    let options = DraftOptions::default().allow_lossy(true);

    let comparison = to.compare(&live.pool).await;
    let comparison = comparison.map_err(|error| told("comparing", &error))?;
    measured.detected = !comparison.is_empty();
    measured.class = comparison
        .changes()
        .iter()
        .map(|change| change.class())
        .max();
    if comparison.is_empty() {
        let notes = comparison.notes();
        measured.said = match notes.first() {
            None => return Err("nothing is found".to_owned()),
            Some(note) if note.starts_with("not compared") => Some("said, not compared"),
            Some(_) => Some("said, left as it is"),
        };
        return Ok(());
    }

    let mut parent = None;
    let mut revisions = Vec::new();
    for (number, draft) in (1..).zip(comparison.drafts(options)) {
        let id = format!("k{number}");
        let mut revision = NewRevision::new(&id).down_revision(parent);
        for section in draft.sections() {
            revision = revision.section(section);
        }
        let text = revision
            .to_text()
            .map_err(|error| told("writing", &error))?;
        let revision = Revision::parse(format!("{id}.sql"), text);
        revisions.push(revision.map_err(|error| told("reading", &error))?);
        parent = Some(id);
    }
    let text: String = revisions.iter().map(Revision::text).collect();
    let migrations = Migrations::new(revisions).map_err(|error| told("reading", &error))?;
    let migrator = Migrator::new(&live.pool, migrations);
    let step = |what, error: limbeck::Error| format!("{}\n{text}", told(what, &error));

    let upgraded = migrator.upgrade("head").await;
    drop(upgraded.map_err(|error| step("the upgrade", error))?);
    let withheld: Vec<String> = comparison
        .withheld(options)
        .map(ToString::to_string)
        .collect();
    if !withheld.is_empty() {
        return Err(format!("withheld: {}", withheld.join(", ")));
    }
    differs(&yardstick.picture(&live.url), &goal)
        .map_err(|why| format!("the upgrade leads to another schema: {why}\n{text}"))?;
    if !pair.keeps.is_empty() && live.strings(&pair.keeps).await.is_empty() {
        return Err(format!("the upgrade loses rows\n{text}"));
    }
    still("the upgrade", &to, live).await?;
    measured.rendered = true;

    let downgraded = migrator.downgrade("base").await;
    drop(downgraded.map_err(|error| step("the downgrade", error))?);
    differs(&yardstick.picture(&live.url), &before)
        .map_err(|why| format!("the downgrade leads to another schema: {why}\n{text}"))?;
    still("the downgrade", &from, live).await?;
    measured.reversed = true;
    Ok(())
}

/// After a step nothing is left to do, to limbeck's own eyes.
async fn still<DB: Reflect>(
    step: &str,
    desired: &Autogenerate,
    live: &Database<DB>,
) -> Result<(), String> {
    let again = desired.compare(&live.pool).await;
    let again = again.map_err(|error| told("comparing again", &error))?;
    let left: Vec<String> = again.changes().iter().map(ToString::to_string).collect();
    match left[..] {
        [] => Ok(()),
        _ => Err(format!("after {step} limbeck finds {}", left.join(", "))),
    }
}

/// With its causes.
fn told(what: &str, error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    format!("{what} fails: {}", causes.join(": "))
}

/// limbeck's own tables are no part of either.
fn differs(found: &[String], goal: &[String]) -> Result<(), String> {
    let own = |text: &&String| text.contains("limbeck_");
    let found: Vec<&String> = found.iter().filter(|text| !own(text)).collect();
    let goal: Vec<&String> = goal.iter().filter(|text| !own(text)).collect();
    if found == goal {
        return Ok(());
    }
    let only = |these: &[&String], those: &[&String]| -> String {
        let only = these.iter().filter(|text| !those.contains(*text));
        only.map(|text| format!("{text}\n")).collect()
    };
    Err(format!(
        "there is\n{}and should be\n{}",
        only(&found, &goal),
        only(&goal, &found)
    ))
}

/// As it stands in the table.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(said) = self.said {
            return f.write_str(said);
        }
        f.write_str(&marks([self.detected, self.rendered, self.reversed]))?;
        match self.class {
            None | Some(Class::Safe) => Ok(()),
            Some(class) => write!(f, " {class}"),
        }
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/autogenerate")
}

crate::support::on_mysql!(
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    on_the_server
);
