//! A MariaDB Galera cluster with writers on every node: each revision runs once in the whole cluster, also when
//! the node that somebody migrates on is killed or cut off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use limbeck::{Dialect, Error, Event, Migrations, Migrator, Report};
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sqlx::{Connection as _, MySqlConnection, MySqlPool, Row as _};

use crate::support::boots::{Boot, Files};
use crate::support::migrations;
use crate::support::rig::{Cluster, rig};
use crate::support::servers::{mysql_on, with_database};
use crate::support::soak::{tell, times};
use crate::together::mixed;

const NODES: usize = 3;
const PROCESSES_PER_NODE: usize = 10;
const LEASE: Duration = Duration::from_secs(2);

/// A fresh database of the cluster: its URL on each node, once each of them has it.
async fn database(cluster: &Cluster) -> Vec<String> {
    let (pool, url) = mysql_on(&cluster.nodes[0]).await;
    pool.close().await;
    let (_, name) = url.rsplit_once('/').expect("a database");
    let mut urls = Vec::new();
    for node in &cluster.nodes {
        let mut connection = MySqlConnection::connect(node).await.expect("a node");
        // Waits until this node has applied what the others had committed.
        run(&mut connection, "SET SESSION wsrep_sync_wait = 15").await;
        let _ = rows(&mut connection, "SELECT 1 FROM information_schema.schemata").await;
        connection.close().await.expect("an orderly end");
        urls.push(with_database(node, name));
    }
    urls
}

async fn run(connection: &mut MySqlConnection, statement: &str) {
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(connection)
        .await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn rows(connection: &mut MySqlConnection, query: &str) -> Vec<String> {
    let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(query.to_owned()))
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter()
        .map(|row| {
            let cells = (0..row.len()).map(|cell| {
                let text: Option<String> = row.try_get_unchecked(cell).expect("text");
                text.unwrap_or_else(|| "NULL".to_owned())
            });
            cells.collect::<Vec<_>>().join(" | ")
        })
        .collect()
}

/// Everything in the database as this node has it: each table, as it was made and with its rows.
async fn contents(url: &str) -> Vec<String> {
    let mut connection = MySqlConnection::connect(url).await.expect("a node");
    run(&mut connection, "SET SESSION wsrep_sync_wait = 15").await;
    let mut all = Vec::new();
    for table in rows(&mut connection, "SHOW TABLES").await {
        // The next number of a key is each node's own.
        let made = rows(&mut connection, &format!("SHOW CREATE TABLE {table}"))
            .await
            .join("");
        let made: Vec<&str> = made
            .split(' ')
            .filter(|word| !word.starts_with("AUTO_INCREMENT="))
            .collect();
        all.push(made.join(" "));
        let mut columns = rows(
            &mut connection,
            &format!(
                "SELECT CONCAT('CONVERT(', column_name, ' USING utf8mb4)') FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
            ),
        )
        .await
        .join(", ");
        columns = columns
            .replace("CONVERT(", "CONVERT(`")
            .replace(" USING", "` USING");
        let mut content = rows(&mut connection, &format!("SELECT {columns} FROM {table}")).await;
        content.sort();
        all.extend(content.into_iter().map(|row| format!("{table}: {row}")));
    }
    connection.close().await.expect("an orderly end");
    all
}

/// What of the audit, the ledger and the version table is not as after one undisturbed run, and where a node has
/// something else than the first.
async fn differences(urls: &[String], audit: &[&str], revisions: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut connection = MySqlConnection::connect(&urls[0]).await.expect("a node");
    run(&mut connection, "SET SESSION wsrep_sync_wait = 15").await;
    let head = revisions.last().expect("a head");
    for (query, expected) in [
        ("SELECT rev FROM audit ORDER BY rev", audit),
        ("SELECT version_num FROM limbeck_version", &[*head]),
        (
            "SELECT revision FROM limbeck_history WHERE state = 'done' ORDER BY revision",
            revisions,
        ),
        (
            "SELECT revision FROM limbeck_history WHERE state = 'running'",
            &[],
        ),
        (
            "SELECT IFNULL(holder, 'nobody') FROM limbeck_history_lock",
            &["nobody"],
        ),
    ] {
        let found = rows(&mut connection, query).await;
        if found != expected {
            wrong.push(format!("{query}: {found:?}"));
        }
    }
    connection.close().await.expect("an orderly end");
    let first = contents(&urls[0]).await;
    for url in &urls[1..] {
        let other = contents(url).await;
        if other != first {
            let only = |a: &[String], b: &[String]| -> Vec<String> {
                a.iter().filter(|line| !b.contains(line)).cloned().collect()
            };
            wrong.push(format!(
                "{url} differs: {:?} for {:?}",
                only(&other, &first),
                only(&first, &other)
            ));
        }
    }
    wrong
}

/// One after the other: each changes what the whole cluster does.
#[tokio::test]
async fn each_revision_runs_once_in_a_cluster() {
    let Some(rig) = rig() else { return };
    let cluster = rig.galera().await;
    let mut wrong = boots_from_all_nodes_at_once(&cluster).await;
    wrong.extend(a_node_dies_while_it_migrates(&cluster).await);
    wrong.extend(a_node_is_cut_off_while_it_migrates(&cluster).await);
    let first = &wrong[..wrong.len().min(5)];
    assert!(wrong.is_empty(), "{} times wrong: {first:#?}", wrong.len());
}

/// Ten processes on each of three nodes, all at once.
async fn boots_from_all_nodes_at_once(cluster: &Cluster) -> Vec<String> {
    let files = Files::of(&mixed(Dialect::Mariadb));
    let rounds = times(1, 30);
    let (mut wrong, mut slowest) = (Vec::new(), Duration::ZERO);
    for _ in 0..rounds {
        let urls = database(cluster).await;
        let began = Instant::now();
        let children: Vec<Boot> = (0..NODES * PROCESSES_PER_NODE)
            .map(|number| files.upgrade(&urls[number % NODES], "heads"))
            .collect();
        let mut steps = 0;
        for child in children {
            let ended = child.end().await;
            match ended.steps() {
                Some(ran) => steps += ran,
                None => wrong.push(format!("{ended:?}")),
            }
        }
        slowest = slowest.max(began.elapsed());
        if steps != 6 {
            wrong.push(format!("{steps} steps were reported"));
        }
        wrong.extend(
            differences(
                &urls,
                &["r1", "r2", "r3", "r4", "r6"],
                &["r1", "r2", "r3", "r4", "r5", "r6"],
            )
            .await,
        );
    }
    tell(
        "30 processes boot from all three nodes of a Galera cluster",
        rounds * NODES * PROCESSES_PER_NODE,
        wrong.len(),
        format!("slowest round {:.1} s", slowest.as_secs_f64()),
    );
    wrong
}

/// DML and DDL by turns, each long enough to be met in it.
fn slow() -> Migrations {
    let dml = |rev: &str| format!("INSERT INTO audit SELECT '{rev}' FROM (SELECT SLEEP(0.3)) s;\n");
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL) ENGINE=InnoDB;\nCREATE TABLE t (id INT PRIMARY KEY, x INT NOT NULL) ENGINE=InnoDB;\nINSERT INTO t SELECT seq, seq FROM seq_1_to_50000;\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade\n{}ALTER TABLE t ADD COLUMN y INT NOT NULL DEFAULT 1, ALGORITHM=COPY;\n{}CREATE TABLE u (id INT PRIMARY KEY) ENGINE=InnoDB;\n{}",
                dml("b1"),
                dml("b2"),
                dml("b3")
            ),
        ),
        (
            "c",
            "b",
            "",
            &format!(
                "-- @upgrade\nCREATE INDEX t_x ON t (x);\n{}ALTER TABLE t MODIFY COLUMN x BIGINT NOT NULL;\nUPDATE t SET y = y + 1;\n{}",
                dml("c1"),
                dml("c2")
            ),
        ),
    ])
}

const SLOW_AUDIT: [&str; 5] = ["b1", "b2", "b3", "c1", "c2"];

fn pool(url: &str) -> MySqlPool {
    let options: MySqlConnectOptions = url.parse().expect("a URL");
    MySqlPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options)
}

type Running = tokio::task::JoinHandle<Result<Report, Error>>;

fn boot(url: &str) -> Running {
    let migrator = Migrator::new(pool(url), slow()).lease(LEASE);
    tokio::spawn(async move { migrator.upgrade_to_head().await })
}

/// A run on that node, once it has told of so many statements, and the two others waiting for it.
async fn run_until(urls: &[String], node: usize, statements: usize) -> (Running, Vec<Running>) {
    let done = Arc::new(AtomicUsize::new(0));
    let counter = done.clone();
    let migrator = Migrator::new(pool(&urls[node]), slow())
        .lease(LEASE)
        .on_event(move |event| {
            if let Event::StatementDone { .. } = event {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
    let hit = tokio::spawn(async move { migrator.upgrade_to_head().await });
    while done.load(Ordering::SeqCst) < 3 {
        assert!(!hit.is_finished(), "{:?}", hit.await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let others = (0..NODES)
        .filter(|other| *other != node)
        .map(|other| boot(&urls[other]))
        .collect();
    while done.load(Ordering::SeqCst) < statements {
        assert!(!hit.is_finished(), "{:?}", hit.await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (hit, others)
}

/// What is wrong with the survivors' results and that of the run that was hit: a survivor is at the head, and where
/// the other said so before it was hit, nothing of that was lost.
fn wrong_results(
    hit: &Result<Report, Error>,
    survivors: Vec<Result<Report, Error>>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    for survivor in survivors {
        match &survivor {
            Ok(report) if report.current == ["c"] && (hit.is_err() || report.steps.is_empty()) => {}
            other => wrong.push(format!("a survivor: {other:?}")),
        }
    }
    wrong
}

async fn ends(runs: Vec<Running>) -> Vec<Result<Report, Error>> {
    let mut results = Vec::new();
    for run in runs {
        results.push(run.await.expect("no panic"));
    }
    results
}

/// The check of what [`slow`] leaves, beyond the audit.
async fn slow_differences(urls: &[String]) -> Vec<String> {
    let mut wrong = differences(urls, &SLOW_AUDIT, &["a", "b", "c"]).await;
    let mut connection = MySqlConnection::connect(&urls[0]).await.expect("a node");
    let found = rows(
        &mut connection,
        "SELECT CONVERT(COUNT(*), CHAR) FROM t WHERE y = 2",
    )
    .await;
    if found != ["50000"] {
        wrong.push(format!("rows updated once: {found:?}"));
    }
    connection.close().await.expect("an orderly end");
    wrong
}

fn seconds(mut times: Vec<Duration>) -> String {
    times.sort();
    let worst = times.last().expect("a run");
    format!(
        "{:.1} s (median), {:.1} s (worst)",
        times[times.len() / 2].as_secs_f64(),
        worst.as_secs_f64()
    )
}

/// 13 statements in all: every run is hit behind another of them, on another node.
fn moments(runs: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..runs).map(move |run| (1 + run % (NODES - 1), 3 + run * 10 / runs))
}

/// SIGKILL to the node that somebody migrates on.
async fn a_node_dies_while_it_migrates(cluster: &Cluster) -> Vec<String> {
    let runs = times(2, 22);
    let (mut wrong, mut took) = (Vec::new(), Vec::new());
    for (node, statements) in moments(runs) {
        let urls = database(cluster).await;
        let (hit, survivors) = run_until(&urls, node, statements).await;
        cluster.kill(node).await;
        let began = Instant::now();
        let survivors = ends(survivors).await;
        took.push(began.elapsed());
        let hit = hit.await.expect("no panic");
        let mut found = wrong_results(&hit, survivors);
        cluster.heal().await;
        found.extend(slow_differences(&urls).await);
        wrong.extend(
            found
                .into_iter()
                .map(|what| format!("behind statement {statements}: {what}; {hit:?}")),
        );
    }
    tell(
        "a Galera node killed while it migrates, lease of 2 s",
        runs,
        wrong.len(),
        format!("the survivors were at the head after {}", seconds(took)),
    );
    wrong
}

/// A node that is cut off while somebody migrates on it: what it still does is refused or rolled back.
async fn a_node_is_cut_off_while_it_migrates(cluster: &Cluster) -> Vec<String> {
    let runs = times(2, 22);
    let (mut wrong, mut took, mut words) =
        (Vec::new(), Vec::new(), std::collections::BTreeSet::new());
    for (node, statements) in moments(runs) {
        let urls = database(cluster).await;
        let mut operator = MySqlConnection::connect(&cluster.nodes[node])
            .await
            .expect("a node");
        let (hit, survivors) = run_until(&urls, node, statements).await;
        run(
            &mut operator,
            "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'",
        )
        .await;
        let began = Instant::now();
        let survivors = ends(survivors).await;
        took.push(began.elapsed());
        let hit = hit.await.expect("no panic");
        let mut found = wrong_results(&hit, survivors);
        if let Err(error) = &hit {
            words.insert(error.kind());
        }
        run(
            &mut operator,
            "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'",
        )
        .await;
        let _ = operator.close().await;
        cluster.heal().await;
        found.extend(slow_differences(&urls).await);
        wrong.extend(
            found
                .into_iter()
                .map(|what| format!("behind statement {statements}: {what}; {hit:?}")),
        );
    }
    tell(
        "a Galera node cut off while it migrates, lease of 2 s",
        runs,
        wrong.len(),
        format!(
            "the survivors were at the head after {}; the run there ended with {words:?}",
            seconds(took)
        ),
    );
    wrong
}
