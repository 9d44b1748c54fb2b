//! Every major version of PostgreSQL from 12 to 18, and MariaDB's current long-term release: what the other tests show on
//! the system's own, and what the versions of PostgreSQL differ in: when the server notices that a client is gone.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};

use crate::support::boots::{Boot, Files};
use crate::support::migrations;
use crate::support::rig::{Rig, rig};
use crate::support::servers::{Database, of_postgres, postgres_on};
use crate::support::soak::{is_full, tell};
use crate::support::versions::{exact_mariadb, exact_version, tests_on};

/// How long a statement goes on whose client has died, where the server does not notice it before.
const LONG_STATEMENT: Duration = Duration::from_secs(8);

/// From this version on a server looks after its clients while it runs a statement.
const NOTICES: u32 = 14;

/// The oldest and the newest in every run; two at a time, since each of them mostly waits.
#[tokio::test]
async fn postgres_from_12_to_18() {
    let Some(rig) = rig() else { return };
    let versions: &[u32] = if is_full() {
        &[12, 18, 14, 17, 16]
    } else {
        &[12, 18]
    };
    let mut wrong = Vec::new();
    for pair in versions.chunks(2) {
        let mut pair: tokio::task::JoinSet<_> = pair
            .iter()
            .map(|version| everything_on(rig.clone(), *version))
            .collect();
        while let Some(found) = pair.join_next().await {
            wrong.extend(found.expect("no panic"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What went wrong on that version.
async fn everything_on(rig: Rig, version: u32) -> Vec<String> {
    let server = rig.own_postgres(Some(version), &[]).await;
    let exact = exact_version(&server.url, version).await;
    let (mut wrong, build, client) = tokio::join!(
        other_tests(server.url.clone(), exact.clone()),
        killed_in_a_build(&server.url, &exact),
        dead_client(&server.url, version, &exact),
    );
    wrong.extend(build);
    wrong.extend(client);
    wrong
}

/// The tests of the other modules, on that server.
async fn other_tests(url: String, exact: String) -> Vec<String> {
    let chosen = [
        "postgres",
        "crashes::an_interrupted_index_build_is_built_again",
        "crashes::a_failed_index_build_is_cleared_away",
        // These begin this very test again, want the syntax of the newest version, or are about Alembic.
        "--skip",
        "faults::",
        "--skip",
        "splitter",
        "--skip",
        "alembic",
        // It has tests of its own on other versions, and clients of one version.
        "--skip",
        "autogenerate",
    ];
    let server = ("LIMBECK_TEST_POSTGRES_URL", url.as_str());
    tests_on("the tests of PostgreSQL", server, &exact, &chosen, 90).await
}

/// The current long-term release, whose sessions have `innodb_snapshot_isolation` on. In a soak with the tests of faults and
/// of autogenerate.
#[tokio::test]
async fn mariadb_11() {
    let Some(rig) = rig() else { return };
    let server = rig.own_mariadb(11).await;
    let exact = exact_mariadb(&server.url, 11).await;
    let mut chosen = vec![
        "mariadb::",
        // They begin this very test again, or have servers of their own.
        "--skip",
        "faults::versions",
        // A session with `innodb_snapshot_isolation` needs a message more.
        "--skip",
        "budgets",
        "--skip",
        "faults::restart",
        "--skip",
        "faults::rejected",
        "--skip",
        "faults::settings",
        "--skip",
        "splitter",
    ];
    let at_least = if is_full() {
        150
    } else {
        chosen.extend(["--skip", "faults::", "--skip", "autogenerate"]);
        90
    };
    let server = ("LIMBECK_TEST_MARIADB_URL", server.url.as_str());
    let wrong = tests_on("the tests of MariaDB", server, &exact, &chosen, at_least).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// How many steps a process ran that should have reached its target, or what it said.
async fn end(boot: Boot) -> Result<usize, String> {
    let ended = boot.end().await;
    ended.steps().ok_or_else(|| format!("{ended:?}"))
}

async fn fresh(url: &str) -> Database<sqlx::Postgres> {
    let (pool, url) = postgres_on(url).await;
    of_postgres(pool, url)
}

/// Waits until that query finds something, while the process lives.
async fn until(db: &Database<sqlx::Postgres>, child: &mut Boot, query: &str) {
    while db.strings(query).await.is_empty() {
        assert!(child.is_running(), "it ended before: {query}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// SIGKILL in the middle of an index build; the next boot clears away what it left and builds again.
async fn killed_in_a_build(url: &str, exact: &str) -> Vec<String> {
    let db = fresh(url).await;
    let files = Files::of(&migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev text NOT NULL);\nCREATE TABLE t (id int);\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nINSERT INTO audit VALUES ('1');\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_id ON t (id);\nINSERT INTO audit VALUES ('2');\n",
        ),
    ]));
    let mut wrong: Vec<String> = end(files.upgrade(&db.url, "a"))
        .await
        .err()
        .into_iter()
        .collect();
    // A transaction that has written holds the build up.
    let mut writer = PgConnection::connect(&db.url).await.expect("PostgreSQL");
    let open = sqlx::raw_sql("BEGIN; INSERT INTO t VALUES (1)")
        .execute(&mut writer)
        .await;
    open.expect("a row");
    let invalid =
        "SELECT relname::text FROM pg_class JOIN pg_index ON indexrelid = oid WHERE NOT indisvalid";
    let mut child = files.upgrade(&db.url, "b");
    until(&db, &mut child, invalid).await;
    child.kill().await;
    let began = Instant::now();
    let next = files.upgrade(&db.url, "b");
    sqlx::raw_sql("COMMIT")
        .execute(&mut writer)
        .await
        .expect("COMMIT");
    wrong.extend(end(next).await.err());
    let took = began.elapsed();
    for (query, expected) in [
        ("SELECT rev FROM audit ORDER BY rev", &["1", "2"][..]),
        (invalid, &[]),
        (
            "SELECT indexname::text FROM pg_indexes WHERE tablename = 't'",
            &["t_id"],
        ),
        (
            "SELECT state FROM limbeck_history WHERE state <> 'done'",
            &[],
        ),
    ] {
        let found = db.strings(query).await;
        if found != expected {
            wrong.push(format!("{query}: {found:?}"));
        }
    }
    tell(
        &format!("kill -9 in CREATE INDEX CONCURRENTLY on {exact}, lease of 15 s"),
        1,
        wrong.len(),
        format!(
            "the next boot was at the head after {:.1} s",
            took.as_secs_f64()
        ),
    );
    wrong
        .into_iter()
        .map(|what| format!("on {exact}: {what}"))
        .collect()
}

/// SIGKILL while the server is in a long statement of the step: it holds the lock until it notices.
async fn dead_client(url: &str, version: u32, exact: &str) -> Vec<String> {
    let db = fresh(url).await;
    let seconds = LONG_STATEMENT.as_secs();
    let files = Files::of(&migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev text NOT NULL);\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade\nINSERT INTO audit VALUES ('b');\n\
                 SELECT pg_sleep({seconds}) WHERE NOT EXISTS (SELECT 1 FROM audit WHERE rev = 'go');\n"
            ),
        ),
    ]));
    let mut wrong: Vec<String> = end(files.upgrade(&db.url, "a"))
        .await
        .err()
        .into_iter()
        .collect();
    let mut child = files.upgrade(&db.url, "b");
    let busy = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() \
                AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid() AND state = 'active'";
    until(&db, &mut child, busy).await;
    child.kill().await;
    let began = Instant::now();
    db.run("INSERT INTO audit VALUES ('go')").await;
    let steps = end(files.upgrade(&db.url, "b")).await;
    let took = began.elapsed();
    // Where nobody notices that the client is gone, its message goes on to its COMMIT: then the next boot has
    // nothing to do.
    let is_own = match &steps {
        Ok(steps) => *steps == 1,
        Err(error) => {
            wrong.push(error.clone());
            false
        }
    };
    if is_own != (version >= NOTICES) {
        wrong.push(format!("the next boot ran {steps:?} steps after {took:?}"));
    }
    for (query, expected) in [
        ("SELECT rev FROM audit ORDER BY rev", &["b", "go"][..]),
        ("SELECT version_num FROM limbeck_version", &["b"]),
        (
            "SELECT state FROM limbeck_history WHERE revision = 'b'",
            &["done"],
        ),
    ] {
        let found = db.strings(query).await;
        if found != expected {
            wrong.push(format!("{query}: {found:?}"));
        }
    }
    let whose = if is_own {
        "its own"
    } else {
        "the dead process's"
    };
    tell(
        &format!("kill -9 in a statement of {seconds} s on {exact}"),
        1,
        wrong.len(),
        format!(
            "the next boot was at the head after {:.1} s, by {whose} work",
            took.as_secs_f64()
        ),
    );
    wrong
        .into_iter()
        .map(|what| format!("on {exact}: {what}"))
        .collect()
}
