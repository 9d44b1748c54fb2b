//! How soon the next boot begins after its predecessor was killed: inside a long statement, and under the default
//! lease.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use limbeck::{Dialect, Event, Migrator};

use super::child::{Task, chain};
use super::engine::Engine;
use super::revisions::Course;
use super::sessions;
use crate::support::proxy::{Fault, Harm, Proxy};
use crate::support::servers::{Database, MySqlServer, mysql_database, postgres_database};
use crate::support::soak::{is_full, tell};

/// The statement sleeps as long as a table says.
const NAP: u64 = 30;

/// Killed inside a statement of 30 seconds; from the kill to the first step of the next boot.
async fn inside_a_statement<E: Engine>(
    db: &Database<E>,
    words: &str,
    statement: &str,
    running: &str,
    name: &str,
) {
    let files = crate::support::migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE nap (s INT);\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL);\n",
        ),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade {words}\n{statement};\nINSERT INTO audit VALUES ('b');\n"),
        ),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    for revision in files.iter() {
        std::fs::write(folder.path().join(revision.path()), revision.text()).expect("a file");
    }
    let _ = Migrator::new(&db.pool, files.clone())
        .upgrade("a")
        .await
        .expect("a");
    E::run(&db.pool, &format!("INSERT INTO nap VALUES ({NAP})")).await;
    let task = Task {
        files: Some(folder.path().to_owned()),
        ..Task::new(&db.url, Course::Up)
    };
    let mut child = task.start();
    let _ = child.until("begins").await;
    while E::rows(&db.pool, running).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await;
    let killed = Instant::now();
    // The next one's statement is short; the one that runs has read its time.
    E::run(&db.pool, "UPDATE nap SET s = 0").await;
    let began: Arc<Mutex<Option<Duration>>> = Arc::default();
    let noted = began.clone();
    let next = Migrator::new(&db.pool, files)
        .lease(task.lease)
        .on_event(move |event| {
            if let Event::StepStarted { .. } = event {
                noted
                    .lock()
                    .expect("a time")
                    .get_or_insert(killed.elapsed());
            }
        });
    let result = next.upgrade_to_head().await;
    let audit = E::rows(&db.pool, "SELECT rev FROM audit").await;
    let began = *began.lock().expect("a time");
    let is_wrong = result.is_err() || audit != ["b"] || began.is_none();
    tell(
        &format!("kill -9 inside a statement of {NAP} s: {name}"),
        1,
        usize::from(is_wrong),
        format!(
            "the next boot began after {:.2} s",
            began.unwrap_or_default().as_secs_f64()
        ),
    );
    assert!(
        !is_wrong,
        "{audit:?}, {:?}",
        result.map_err(|error| chain(&error))
    );
}

#[tokio::test]
async fn inside_a_transaction_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    let running = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    inside_a_statement(
        &db,
        "",
        "SELECT pg_sleep(s) FROM nap",
        running,
        "Postgres, a transaction",
    )
    .await;
}

#[tokio::test]
async fn inside_an_autocommit_section_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    let running = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    inside_a_statement(
        &db,
        "autocommit",
        "SELECT pg_sleep(s) FROM nap",
        running,
        "Postgres, a lease of 300 ms",
    )
    .await;
}

async fn inside_a_step() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let words = format!("{}, a lease of 300 ms", MySqlServer::here().name());
    inside_a_nap(&db, &words).await;
}

/// Another session runs a statement that MySQL's `information_schema.processlist` cannot show.
async fn inside_a_step_beside_four_byte_characters() {
    let Some((_server, db)) = sessions::own_database(&[]).await else {
        return;
    };
    sessions::begin(&db, &db.url, sessions::CRAB).await;
    let name = MySqlServer::here().name();
    inside_a_nap(&db, &format!("{name}, beside a 4-byte character")).await;
}

async fn inside_a_nap(db: &Database<sqlx::MySql>, words: &str) {
    let running = format!(
        "SELECT CONVERT(id, CHAR) FROM {} WHERE db = DATABASE() AND info LIKE '/* limbeck run=%SLEEP(s)%'",
        MySqlServer::here().processlist()
    );
    let statement = "INSERT INTO audit SELECT 'x' FROM nap WHERE SLEEP(s) = 7";
    inside_a_statement(db, "", statement, &running, words).await;
}

/// The lease as it is where nobody sets it.
async fn by_default<E: Engine>(db: &Database<E>) {
    let mut proxy = Proxy::start(&db.url, None).await;
    let counting = Task::new(&proxy.url, Course::Up).start().result().await;
    assert!(counting.get("heads").is_some(), "{counting}");
    let texts = proxy.run_messages();
    let batch = texts
        .iter()
        .position(|text| text.contains("done = done + 1"))
        .expect("a batch")
        + 1;
    super::engine::wipe(&db.pool, db.dialect).await;
    proxy = Proxy::start(&db.url, Some(Fault::at(batch, Harm::Hold))).await;
    let lease = Duration::from_secs(15);
    let task = Task {
        lease,
        ..Task::new(&proxy.url, Course::Up)
    };
    let mut child = task.start();
    let held = proxy.held().await.expect("a proxy");
    child.kill().await;
    held.discard();
    let killed = Instant::now();
    let began: Arc<Mutex<Option<Duration>>> = Arc::default();
    let noted = began.clone();
    let next = E::migrator(&db.pool, Course::Up.files(db.dialect)).on_event(move |event| {
        if let Event::StepStarted { .. } = event {
            noted
                .lock()
                .expect("a time")
                .get_or_insert(killed.elapsed());
        }
    });
    let result = next.upgrade_to_head().await;
    let began = began.lock().expect("a time").unwrap_or_default();
    let is_wrong = result.is_err();
    tell(
        &format!("kill -9 under the default lease: {}", db.dialect),
        1,
        usize::from(is_wrong),
        format!("the next boot began after {:.2} s", began.as_secs_f64()),
    );
    assert!(!is_wrong, "{:?}", result.map_err(|error| chain(&error)));
}

async fn by_the_default_lease() {
    if let Some(db) = mysql_database().await {
        by_default(&db).await;
    }
}

#[tokio::test]
async fn by_the_default_lease_on_postgres() {
    // Another quarter of a minute of waiting.
    if is_full()
        && let Some(db) = postgres_database().await
    {
        assert_eq!(db.dialect, Dialect::Postgres);
        by_default(&db).await;
    }
}

crate::support::on_mysql!(
    inside_a_step,
    inside_a_step_beside_four_byte_characters,
    by_the_default_lease,
);
