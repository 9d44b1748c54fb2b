//! What limbeck reads of a server's other sessions: beside one that runs a statement with a 4-byte character, which MySQL's
//! `information_schema.processlist` and `innodb_trx` answer with an error, and where `performance_schema` is off. Each test
//! has a server of its own: others look at their server's sessions as well.

use std::time::Duration;

use limbeck::{Migrations, Migrator};
use sqlx::{Connection as _, MySqlConnection};

use crate::support::migrations;
use crate::support::rig::{Own, rig};
use crate::support::servers::{Database, MySqlServer, mysql_on, of_mysql, with_database};

/// A statement that goes on until its server ends.
pub const CRAB: &str = "SELECT SLEEP(600), '🦀'";

/// A server of the test's own, and a database there.
pub async fn own_database(options: &[&str]) -> Option<(Own, Database<sqlx::MySql>)> {
    let server = rig()?.own_mysql(options).await;
    let (pool, url) = mysql_on(&server.url).await;
    Some((server, of_mysql(pool, url)))
}

/// Begins such statements in a session of that URL's and waits until the server runs the last of them.
pub async fn begin(db: &Database<sqlx::MySql>, url: &str, script: &'static str) {
    let mut connection = MySqlConnection::connect(url).await.expect("a connection");
    tokio::spawn(MySqlServer::here().scope(async move {
        let _ = sqlx::raw_sql(script).execute(&mut connection).await;
    }));
    let list = MySqlServer::here().processlist();
    until(db, list, "info LIKE 'SELECT SLEEP(600)%'").await;
}

/// Waits until that list of sessions has such a one.
async fn until(db: &Database<sqlx::MySql>, list: &str, condition: &str) {
    let query =
        format!("SELECT CONVERT(id, CHAR) FROM {list} WHERE id <> CONNECTION_ID() AND {condition}");
    while db.strings(&query).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn files(statement: &str) -> Migrations {
    migrations(&[
        ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade autocommit\n{statement};\n"),
        ),
    ])
}

/// The error of who waits for a run in this statement, once that list of sessions shows it.
async fn told_to_a_waiter(db: &Database<sqlx::MySql>, statement: &str, list: &str) -> String {
    let files = files(statement);
    let _ = Migrator::new(&db.pool, files.clone())
        .upgrade("a")
        .await
        .expect("a");
    let holder = Migrator::new(db.pool.clone(), files.clone());
    let holder = tokio::spawn(async move { holder.upgrade_to_head().await });
    until(db, list, "info LIKE '/* limbeck run=%INSERT INTO t%'").await;
    let waiter = Migrator::new(&db.pool, files).lock_wait(Duration::from_millis(300));
    let error = waiter.upgrade_to_head().await.expect_err("it is held");
    assert!(error.is_lock_timeout(), "{error}");
    assert!(!holder.is_finished());
    holder.abort();
    error.to_string()
}

async fn a_waiter_is_told_the_statement() {
    let Some((_server, db)) = own_database(&[]).await else {
        return;
    };
    begin(&db, &db.url, CRAB).await;
    let list = MySqlServer::here().processlist();
    let text = told_to_a_waiter(&db, "INSERT INTO t SELECT SLEEP(600)", list).await;
    assert!(
        text.contains("at revision b, in: INSERT INTO t SELECT SLEEP(?)"),
        "{text}"
    );
}

async fn a_waiter_is_told_a_statement_with_such_a_character() {
    let Some((_server, db)) = own_database(&[]).await else {
        return;
    };
    let list = MySqlServer::here().processlist();
    let statement = "INSERT INTO t SELECT SLEEP(600) + LENGTH('🦀')";
    let text = told_to_a_waiter(&db, statement, list).await;
    assert!(
        text.contains("in: INSERT INTO t SELECT SLEEP(?) + LENGTH(?)"),
        "{text}"
    );
}

async fn a_waiter_is_told_the_statement_without_performance_schema() {
    let Some((_server, db)) = own_database(&["--performance-schema=OFF"]).await else {
        return;
    };
    // In capitals it is asked as it stands.
    let list = "INFORMATION_SCHEMA.PROCESSLIST";
    let text = told_to_a_waiter(&db, "INSERT INTO t SELECT SLEEP(600)", list).await;
    assert!(text.contains("in: INSERT INTO t SELECT"), "{text}");
}

/// For a role with all rights, and for one that may see the server's sessions and not its locks.
async fn who_is_in_the_way_is_named() {
    let Some((server, db)) = own_database(&[]).await else {
        return;
    };
    let database = db.url.rsplit_once('/').expect("a database").1;
    db.run(&format!(
        "CREATE USER watcher@localhost; GRANT PROCESS ON *.* TO watcher@localhost; \
         GRANT ALL ON {database}.* TO watcher@localhost"
    ))
    .await;
    let files = files("ALTER TABLE t ADD COLUMN x INT");
    let _ = Migrator::new(&db.pool, files.clone())
        .upgrade("a")
        .await
        .expect("a");
    let script = "START TRANSACTION; SELECT id FROM t; SELECT SLEEP(600), '🦀'";
    begin(&db, &db.url, script).await;
    for user in ["root", "watcher"] {
        let url = with_database(&server.url, database).replace("root@", &format!("{user}@"));
        let pool = sqlx::MySqlPool::connect(&url).await.expect("a pool");
        let error = Migrator::new(&pool, files.clone())
            .lock_timeout(Duration::from_secs(1))
            .lock_retry_for(Duration::from_millis(1))
            .upgrade_to_head()
            .await
            .expect_err("the reader stays");
        let text = error.to_string();
        let is_named = text
            .lines()
            .any(|line| line.contains("in the way: held by root") && line.contains("SLEEP("));
        assert!(is_named, "{user}: {text}");
    }
}

crate::support::on_mysql!(
    a_waiter_is_told_the_statement,
    a_waiter_is_told_a_statement_with_such_a_character,
    a_waiter_is_told_the_statement_without_performance_schema,
    who_is_in_the_way_is_named,
);
