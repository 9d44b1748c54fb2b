//! A primary that dies in the middle of a migration, and its standby that takes over: the same URL then leads
//! there. Reading from a standby that is still one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use limbeck::{Dialect, Event, Migrations, Migrator, Outcome};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::support::forward::Forward;
use crate::support::migrations;
use crate::support::places::{Place, Told, places};
use crate::support::rig::{Rig, rig};
use crate::support::servers::{of_postgres, postgres_on, with_database};
use crate::support::soak::{tell, times};
use crate::together::mixed;

const LEASE: Duration = Duration::from_secs(1);

/// How much the primary waits for its standby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replication {
    Asynchronous,
    Synchronous,
}

/// A lazy pool: it connects where the URL leads at that time.
fn pool(url: &str) -> PgPool {
    let options: PgConnectOptions = url.parse().expect("a URL");
    PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(20))
        .connect_lazy_with(options)
}

async fn statement(url: &str, statement: &'static str) {
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL");
    let done = sqlx::raw_sql(statement).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    connection.close().await.expect("an orderly end");
}

/// Waits until that query says so.
async fn until(url: &str, query: &'static str) {
    let began = Instant::now();
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL");
    loop {
        let row: Option<bool> = sqlx::query_scalar(query)
            .fetch_optional(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        if row == Some(true) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{query}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The revisions that the run before the failover reported as finished.
type Finished = Arc<std::sync::Mutex<Vec<String>>>;

/// What one failover showed.
#[derive(Debug, Default)]
struct Seen {
    wrong: Vec<String>,
    /// Steps that were reported as finished, and that the new primary did not have.
    lost: usize,
    /// How much the run had told of by then.
    told: usize,
    /// From the promotion to the head.
    took: Duration,
}

/// Each kind of section, and each statement long enough to be met in it.
fn revisions() -> Migrations {
    let sleep = "SELECT pg_sleep(0.08);\n";
    migrations(&[
        (
            "a",
            "",
            "",
            &format!(
                "-- @upgrade\nCREATE TABLE audit (rev text NOT NULL);\nCREATE TABLE t (id int, done int NOT NULL);\n\
                 INSERT INTO t SELECT id, 0 FROM generate_series(1, 30) id;\n{sleep}INSERT INTO audit VALUES ('a');\n"
            ),
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade autocommit\nINSERT INTO audit SELECT 'b1' FROM pg_sleep(0.08);\n{sleep}\
                 CREATE INDEX CONCURRENTLY t_id ON t (id);\n{sleep}INSERT INTO audit SELECT 'b2' FROM pg_sleep(0.08);\n"
            ),
        ),
        (
            "c",
            "b",
            "",
            &format!(
                "-- @upgrade\nCREATE TABLE c (id int);\n{sleep}INSERT INTO audit VALUES ('c');\n"
            ),
        ),
        (
            "d",
            "c",
            "",
            "-- @upgrade repeat\nUPDATE t SET done = done + 1 FROM pg_sleep(0.05) \
             WHERE id IN (SELECT id FROM t WHERE done = 0 ORDER BY id LIMIT 10);\n",
        ),
        (
            "e",
            "d",
            "",
            &format!("-- @upgrade\nINSERT INTO audit VALUES ('e');\n{sleep}"),
        ),
    ])
}

/// What a run tells that nobody disturbs.
async fn undisturbed(rig: &Rig) -> Told {
    let (direct, _) = postgres_on(&rig.postgres().await).await;
    let told = Told::default();
    let migrator = Migrator::new(&direct, revisions())
        .lease(LEASE)
        .on_event(told.observer());
    let report = migrator.upgrade_to_head().await;
    assert_eq!(report.expect("undisturbed").current, ["e"]);
    direct.close().await;
    told
}

/// The primary dies at that place of the run.
async fn fail_over(rig: &Rig, replication: Replication, place: Place) -> Seen {
    let files: Migrations = revisions();
    let primary = rig
        .own_postgres(None, &["-c", "synchronous_commit=on"])
        .await;
    let (direct, url) = postgres_on(&primary.url).await;
    direct.close().await;
    let (_, name) = url.rsplit_once('/').expect("a database");
    let standby = rig.own_standby(&primary).await;
    until(
        &primary.url,
        "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'",
    )
    .await;
    if replication == Replication::Synchronous {
        statement(
            &primary.url,
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
        )
        .await;
        statement(&primary.url, "SELECT pg_reload_conf()").await;
        until(
            &primary.url,
            "SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'",
        )
        .await;
    }
    let forward = Forward::to(primary.port()).await;
    let service = forward.url(&url);

    // The first connection is not what is looked at.
    until(&service, "SELECT true").await;
    let mut seen = Seen::default();
    let (finished, told) = (Finished::default(), Told::default());
    let (ended, count) = (finished.clone(), told.observer());
    let first = Migrator::new(pool(&service), files.clone())
        .lease(LEASE)
        .on_event(move |event| {
            if let Event::StepFinished { step, .. } = event {
                ended
                    .lock()
                    .expect("no panic")
                    .push(step.revision.to_string());
            }
            count(event);
        });
    let run = tokio::spawn(async move { first.upgrade_to_head().await });
    told.reaches(place, &run).await;
    primary.kill().await;
    seen.told = told.events();
    // Later it may go on at the new primary, and tells of that too.
    let finished = finished.lock().expect("no panic").clone();
    standby.promote().await;
    let before = of_postgres(pool(&with_database(&standby.url, name)), url.clone());
    let kept = if before
        .tables()
        .await
        .contains(&"limbeck_history".to_owned())
    {
        before
            .strings("SELECT revision FROM limbeck_history WHERE state = 'done'")
            .await
    } else {
        Vec::new()
    };
    forward.switch(standby.port());
    let promoted = Instant::now();

    // It may have been done before, or have gone on by itself on the new primary.
    let first = run.await.expect("no panic");
    let second = Migrator::new(pool(&service), files).lease(LEASE);
    match second.upgrade_to_head().await {
        Ok(report) if report.current == ["e"] => {}
        Ok(report) => seen.wrong.push(format!("{report:?}")),
        Err(error) => seen.wrong.push(format!("{error}; before it: {first:?}")),
    }
    seen.took = promoted.elapsed();
    seen.lost = finished
        .iter()
        .filter(|revision| !kept.contains(revision))
        .count();
    if replication == Replication::Synchronous && seen.lost > 0 {
        seen.wrong
            .push(format!("finished: {finished:?}, kept: {kept:?}"));
    }
    for (query, expected) in [
        (
            "SELECT rev FROM audit ORDER BY rev",
            &["a", "b1", "b2", "c", "e"][..],
        ),
        ("SELECT id::text FROM t WHERE done <> 1", &[]),
        ("SELECT version_num FROM limbeck_version", &["e"]),
        (
            "SELECT revision FROM limbeck_history WHERE state = 'done' ORDER BY 1",
            &["a", "b", "c", "d", "e"],
        ),
        (
            "SELECT revision FROM limbeck_history WHERE state = 'running'",
            &[],
        ),
        (
            "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid",
            &[],
        ),
        (
            "SELECT indexname::text FROM pg_indexes WHERE tablename = 't'",
            &["t_id"],
        ),
        ("SELECT holder FROM limbeck_history_lock", &["NULL"]),
        (
            "SELECT pid::text FROM pg_locks WHERE locktype = 'advisory'",
            &[],
        ),
    ] {
        let found = before.strings(query).await;
        if found != expected {
            seen.wrong.push(format!(
                "{place:?}: {query}: {found:?}; the first run: {first:?}"
            ));
        }
    }
    seen
}

async fn fail_overs(replication: Replication, sample: usize, full: usize) {
    let Some(rig) = rig() else { return };
    let runs = times(sample, full);
    let whole = undisturbed(&rig).await;
    let mut all = Vec::new();
    for place in places(whole.events(), runs) {
        all.push(fail_over(&rig, replication, place).await);
    }
    let met: BTreeSet<usize> = all.iter().map(|seen| seen.told).collect();
    let mut took: Vec<Duration> = all.iter().map(|seen| seen.took).collect();
    took.sort();
    let lost: usize = all.iter().map(|seen| seen.lost).sum();
    let wrong: Vec<String> = all.into_iter().flat_map(|seen| seen.wrong).collect();
    tell(
        &format!("{replication:?} standby promoted in the middle of a migration"),
        runs,
        wrong.len(),
        format!(
            "at {} different places of the run; at the head {:.2} s after the promotion (median), {:.2} s (worst); \
             {lost} finished steps were not replicated and ran again",
            met.len(),
            took[runs / 2].as_secs_f64(),
            took[runs - 1].as_secs_f64()
        ),
    );
    assert_eq!(wrong, Vec::<String>::new());
    assert!(
        met.len() * 2 > runs.min(whole.apart()),
        "the deaths are spread over the run: {met:?}"
    );
}

#[tokio::test]
async fn an_asynchronous_standby_takes_over() {
    fail_overs(Replication::Asynchronous, 5, 60).await;
}

/// Nothing that the run said was finished is missing afterwards.
#[tokio::test]
async fn a_synchronous_standby_takes_over() {
    fail_overs(Replication::Synchronous, 5, 60).await;
}

/// Reads are all that a boot needs where there is nothing to do; else it says why it cannot go on.
#[tokio::test]
async fn a_boot_on_a_standby() {
    let Some(rig) = rig() else { return };
    let primary = rig
        .own_postgres(None, &["-c", "synchronous_commit=on"])
        .await;
    let (direct, url) = postgres_on(&primary.url).await;
    let (_, name) = url.rsplit_once('/').expect("a database");
    let standby = rig.own_standby(&primary).await;
    let files = mixed(Dialect::Postgres);
    let reading =
        Migrator::new(pool(&with_database(&standby.url, name)), files.clone()).lease(LEASE);
    // Before anything ran, and half way.
    for target in ["r2", "r6"] {
        let error = reading.upgrade_to_head().await.expect_err("read only");
        let text = error.to_string();
        assert!(
            text.contains("read-only") && text.contains("standby"),
            "{text}"
        );
        assert!(text.contains("Nothing was changed"), "{text}");
        let _ = Migrator::new(&direct, files.clone())
            .upgrade(target)
            .await
            .expect("the primary");
        let head = direct.clone();
        let caught_up =
            format!("SELECT count(*) = 1 FROM limbeck_version WHERE version_num = '{target}'");
        let standby = pool(&with_database(&standby.url, name));
        let began = Instant::now();
        loop {
            let there = sqlx::query_scalar(sqlx::AssertSqlSafe(caught_up.clone()))
                .fetch_one(&standby)
                .await;
            if there.is_ok_and(|there: bool| there) {
                break;
            }
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "the standby stays behind {head:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let report = reading.upgrade_to_head().await.expect("nothing to do");
    assert_eq!(report.outcome, Outcome::AlreadyThere);
    assert_eq!(reading.current().await.expect("current"), ["r6"]);
    assert!(reading.status().await.expect("status").is_ready());
    let error = reading.downgrade("r2").await.expect_err("read only");
    assert!(error.to_string().contains("standby"), "{error}");
    tell(
        "a boot on a read-only standby",
        4,
        0,
        "at the head without a write; else an error that names the standby",
    );
}
