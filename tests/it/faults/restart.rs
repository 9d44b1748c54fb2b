//! A MariaDB or MySQL that dies or is shut down in the middle of a migration and comes back: DDL and DML mixed in one
//! revision, and each of them took effect once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use limbeck::{Migrations, Migrator};
use sqlx::MySqlPool;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};

use crate::support::migrations;
use crate::support::places::{Place, Told, places};
use crate::support::rig::{Own, rig};
use crate::support::servers::{MySqlServer, mysql_on, numbers, of_mysql};
use crate::support::soak::{tell, times};

const LEASE: Duration = Duration::from_secs(1);

/// Each statement that changes rows leaves one; the others a table, a column or an index each. Enough rows that
/// the alterations take their time.
fn revisions() -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            &format!(
                "-- @upgrade\n\
                 CREATE TABLE audit (n INT NOT NULL);\n\
                 CREATE TABLE t (id INT PRIMARY KEY, x INT NOT NULL, s VARCHAR(100) NOT NULL);\n\
                 INSERT INTO audit VALUES (1);\n\
                 INSERT INTO t SELECT seq, seq % 7, REPEAT('x', 100) FROM {};\n",
                numbers(40_000)
            ),
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\n\
             INSERT INTO audit VALUES (2);\n\
             ALTER TABLE t ADD COLUMN y INT NOT NULL DEFAULT 5, ALGORITHM=COPY;\n\
             UPDATE t SET y = y + 1;\n\
             CREATE INDEX t_x ON t (x, y);\n\
             INSERT INTO audit VALUES (3);\n\
             CREATE TABLE u (id INT PRIMARY KEY);\n\
             ALTER TABLE t MODIFY COLUMN s VARCHAR(120) NOT NULL, ALGORITHM=COPY;\n\
             INSERT INTO u SELECT id FROM t WHERE x = 3;\n\
             DROP INDEX t_x ON t;\n\
             INSERT INTO audit VALUES (4);\n",
        ),
        (
            "c",
            "b",
            "",
            "-- @upgrade\nRENAME TABLE u TO v;\nINSERT INTO audit VALUES (5);\nALTER TABLE t DROP COLUMN x, ALGORITHM=COPY;\n",
        ),
    ])
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// SIGKILL.
    Killed,
    /// An orderly shutdown, which ends sessions that work.
    ShutDown,
}

fn pool(url: &str) -> MySqlPool {
    let options: MySqlConnectOptions = url.parse().expect("a URL");
    MySqlPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(20))
        .connect_lazy_with(options)
}

/// The server ends at that place of the run; the next boot, on the server that came back, reaches the head.
/// What was wrong, and how much of the run had been told by then.
async fn restart(server: &Own, end: End, place: Place) -> (Vec<String>, usize, Duration) {
    let (direct, url) = mysql_on(&server.url).await;
    direct.close().await;
    let told = Told::default();
    let first = Migrator::new(pool(&url), revisions())
        .lease(LEASE)
        .on_event(told.observer());
    let run = tokio::spawn(async move { first.upgrade_to_head().await });
    told.reaches(place, &run).await;
    match end {
        End::Killed => server.kill().await,
        End::ShutDown => server.shut_down().await,
    }
    let told = told.events();
    server.start().await;
    let back = Instant::now();
    let first = run.await.expect("no panic");
    let mut wrong = Vec::new();
    let db = of_mysql(pool(&url), url.clone());
    match Migrator::new(&db.pool, revisions())
        .lease(LEASE)
        .upgrade_to_head()
        .await
    {
        Ok(report) if report.current == ["c"] => {}
        Ok(report) => wrong.push(format!("{report:?}")),
        Err(error) => wrong.push(format!(
            "{place:?}, {told} events: {error}; before it: {first:?}"
        )),
    }
    let took = back.elapsed();
    if !wrong.is_empty() {
        return (wrong, told, took);
    }
    for (query, expected) in [
        (
            "SELECT CONVERT(n, CHAR) FROM audit ORDER BY n",
            &["1", "2", "3", "4", "5"][..],
        ),
        (
            "SELECT CONVERT(count(*), CHAR) FROM t WHERE y = 6",
            &["40000"],
        ),
        ("SELECT CONVERT(count(*), CHAR) FROM v", &["5714"]),
        (
            "SELECT CONVERT(CONCAT(table_name, '.', column_name, ' ', REPLACE(column_type, '(11)', '')) USING utf8mb4) \
             FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name IN ('t', 'u', 'v') \
             ORDER BY table_name, ordinal_position",
            &["t.id int", "t.s varchar(120)", "t.y int", "v.id int"],
        ),
        (
            "SELECT CONVERT(index_name USING utf8mb4) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND table_name = 't'",
            &["PRIMARY"],
        ),
        ("SELECT version_num FROM limbeck_version", &["c"]),
        (
            "SELECT revision FROM limbeck_history WHERE state = 'done' ORDER BY id",
            &["a", "b", "c"],
        ),
        (
            "SELECT revision FROM limbeck_history WHERE state = 'running'",
            &[],
        ),
        ("SELECT holder FROM limbeck_history_lock", &["NULL"]),
    ] {
        let found = db.strings(query).await;
        if found != expected {
            wrong.push(format!(
                "{place:?}, {told} events: {query}: {found:?}; the first run: {first:?}"
            ));
        }
    }
    db.run("DROP TABLE t, v").await;
    db.pool.close().await;
    (wrong, told, took)
}

/// Over the whole length of an undisturbed run, both ways of ending.
async fn restarts_in_the_middle() {
    let Some(rig) = rig() else { return };
    // What was committed must outlive the process, if not the machine.
    let server = rig.own_mysql(&["--innodb-flush-log-at-trx-commit=2"]).await;
    let (direct, url) = mysql_on(&server.url).await;
    let told = Told::default();
    let report = Migrator::new(&direct, revisions())
        .lease(LEASE)
        .on_event(told.observer())
        .upgrade_to_head()
        .await;
    assert_eq!(report.expect("undisturbed").current, ["c"], "{url}");
    direct.close().await;

    let runs = times(6, 60);
    for end in [End::ShutDown, End::Killed] {
        let (mut wrong, mut points, mut took) = (Vec::new(), BTreeSet::new(), Vec::new());
        for place in places(told.events(), runs) {
            let (found, met, time) = restart(&server, end, place).await;
            wrong.extend(found);
            points.insert(met);
            took.push(time);
        }
        took.sort();
        tell(
            &format!(
                "{} {end:?} in the middle of DDL and DML, and started again",
                MySqlServer::here().name()
            ),
            runs,
            wrong.len(),
            format!(
                "at {} different places of the run; at the head {:.2} s after the server was back (median), {:.2} s (worst)",
                points.len(),
                took[runs / 2].as_secs_f64(),
                took[runs - 1].as_secs_f64()
            ),
        );
        assert_eq!(wrong, Vec::<String>::new());
        assert!(
            points.len() * 2 > runs.min(told.apart()),
            "the ends are spread over the run: {points:?}"
        );
    }
}

crate::support::on_mysql!(restarts_in_the_middle);
