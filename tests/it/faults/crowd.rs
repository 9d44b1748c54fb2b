//! Very many processes that boot at once, with steps of every kind.

use std::time::{Duration, Instant};

use crate::support::boots::{Boot, Ended, Files};
use crate::support::servers::{MySqlServer, mysql_database, postgres_database, sqlite};
use crate::support::soak::{tell, times};
use crate::together::mixed;

/// A round on a database of its own; what it found wrong, and when the last process was ready.
macro_rules! round {
    ($db:expr, $processes:expr) => {{
        let db = $db;
        let files = Files::of(&mixed(db.dialect));
        let began = Instant::now();
        let boots: Vec<Boot> = (0..$processes)
            .map(|_| files.upgrade(&db.url, "heads"))
            .collect();
        let mut ended = Vec::new();
        for boot in boots {
            ended.push(boot.end().await);
        }
        let ready = began.elapsed();
        let mut wrong = wrong_boots(&ended);
        for (query, expected) in [
            ("SELECT rev FROM audit ORDER BY rev", &["r1", "r2", "r3", "r4", "r6"][..]),
            ("SELECT rev FROM audit WHERE NOT EXISTS (SELECT 1 FROM r2 WHERE done <> 1) AND rev = 'r1'", &["r1"]),
            (
                "SELECT revision FROM limbeck_history WHERE state = 'done' ORDER BY id",
                &["r1", "r2", "r3", "r4", "r5", "r6"],
            ),
            ("SELECT revision FROM limbeck_history WHERE state <> 'done'", &[]),
            ("SELECT version_num FROM limbeck_version", &["r6"]),
            ("SELECT holder FROM limbeck_history_lock", &["NULL"]),
        ] {
            let found = db.strings(query).await;
            if found != expected {
                wrong.push(format!("{query}: {found:?}"));
            }
        }
        db.pool.close().await;
        (wrong, ready)
    }};
}

/// Every process succeeds, and each step stands in exactly one report.
fn wrong_boots(ended: &[Ended]) -> Vec<String> {
    let mut wrong: Vec<String> = ended
        .iter()
        .filter(|boot| !boot.status.success())
        .map(|boot| format!("{boot:?}"))
        .collect();
    if wrong.is_empty() {
        let mut ran: Vec<String> = ended.iter().flat_map(Ended::ran).collect();
        ran.sort();
        if ran != ["r1", "r2", "r3", "r4", "r5", "r6"] {
            wrong.push(format!("the reports together: {ran:?}"));
        }
    }
    wrong
}

fn tell_rounds(database: &str, processes: usize, rounds: Vec<(Vec<String>, Duration)>) {
    let (wrong, mut ready): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    ready.sort();
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    tell(
        &format!("{processes} processes boot at once, {database}"),
        ready.len(),
        wrong.len(),
        format!(
            "all ready: median {:.1} s, worst {:.1} s",
            ready[ready.len() / 2].as_secs_f64(),
            ready[ready.len() - 1].as_secs_f64()
        ),
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn processes() -> usize {
    times(20, 100)
}

fn rounds() -> usize {
    times(2, 100)
}

#[tokio::test]
async fn a_crowd_on_sqlite() {
    let mut all = Vec::new();
    for _ in 0..rounds() {
        all.push(round!(sqlite().await, processes()));
    }
    tell_rounds("SQLite", processes(), all);
}

#[tokio::test]
async fn a_crowd_on_postgres() {
    let mut all = Vec::new();
    for _ in 0..rounds() {
        let Some(db) = postgres_database().await else {
            return;
        };
        all.push(round!(db, processes()));
    }
    tell_rounds("PostgreSQL", processes(), all);
}

async fn a_crowd() {
    let mut all = Vec::new();
    for _ in 0..rounds() {
        let Some(db) = mysql_database().await else {
            return;
        };
        all.push(round!(db, processes()));
    }
    tell_rounds(MySqlServer::here().name(), processes(), all);
}

crate::support::on_mysql!(a_crowd);
