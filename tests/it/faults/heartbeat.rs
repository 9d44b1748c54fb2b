//! The heartbeat's connection: there before a section's first statement, so that nobody takes its place, and missed aloud
//! where it cannot be had.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limbeck::{Event, Migrations, Migrator};

use super::engine::Engine;
use super::outcome::ended;
use crate::support::migrations;
use crate::support::proxy::{Fault, Harm, Proxy, Role};
use crate::support::servers::{Database, mysql_database, postgres_database};

fn files(statement: &str) -> Migrations {
    let section = format!("-- @upgrade autocommit\n{statement};\nCREATE TABLE t (id INT);\n");
    migrations(&[("a", "", "", &section)])
}

/// The URL with another user.
fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}://{user}@{host}")
}

fn user_of(url: &str) -> String {
    format!("b{}", url.rsplit_once('/').expect("a database").1)
}

/// A role that has so many connections and all rights in the database.
#[cfg(feature = "postgres")]
async fn postgres_role(db: &Database<sqlx::Postgres>, connections: u32) -> String {
    let role = user_of(&db.url);
    db.run(&format!(
        "DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN CONNECTION LIMIT {connections}; \
         GRANT ALL ON SCHEMA public TO {role}"
    ))
    .await;
    with_user(&db.url, &role)
}

#[cfg(feature = "mysql")]
async fn mysql_user(db: &Database<sqlx::MySql>, connections: u32) -> String {
    let user: String = user_of(&db.url).chars().rev().take(30).collect();
    let database = db.url.rsplit_once('/').expect("a database").1;
    for host in ["localhost", "127.0.0.1"] {
        db.run(&format!(
            "DROP USER IF EXISTS {user}@{host}; CREATE USER {user}@{host} WITH MAX_USER_CONNECTIONS {connections}; \
             GRANT ALL ON {database}.* TO {user}@{host}"
        ))
        .await;
    }
    with_user(&db.url, &user)
}

/// Takes every place that the role has left, as a service does whose pool grows, and keeps it. On a thread of its own: an
/// observer does not wait.
fn take_all_places<DB: sqlx::Database>(url: &str) -> Vec<DB::Connection>
where
    DB::Connection: Send,
{
    let url = url.to_owned();
    let taking = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            use sqlx::Connection as _;
            let mut taken = Vec::new();
            while let Ok(connection) = DB::Connection::connect(&url).await {
                taken.push(connection);
            }
            taken
        })
    });
    taking.join().expect("it tries")
}

/// A run of a role's; the places that were left before its first statement, and what it told.
macro_rules! run {
    ($DB:ty, $url:expr, $statement:expr, $lease:expr) => {{
        let url: String = $url;
        let told: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let taken: Arc<Mutex<Vec<<$DB as sqlx::Database>::Connection>>> = Arc::default();
        let (telling, taking, to) = (told.clone(), taken.clone(), url.clone());
        let pool = sqlx::pool::PoolOptions::<$DB>::new()
            .max_connections(1)
            .connect(&url)
            .await
            .expect("the first");
        let report = Migrator::new(&pool, files($statement))
            .lease($lease)
            .on_event(move |event| {
                let word = match event {
                    Event::NoHeartbeat { .. } => "no heartbeat",
                    Event::StatementStarted { number: 1, .. } => {
                        let mut taken = taking.lock().expect("a lock");
                        taken.extend(take_all_places::<$DB>(&to));
                        "statement"
                    }
                    _ => return,
                };
                telling.lock().expect("a lock").push(word);
            })
            .upgrade_to_head()
            .await;
        let told = told.lock().expect("a lock").clone();
        let places = taken.lock().expect("a lock").len();
        (report, told, places)
    }};
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn the_place_is_taken_beside_the_lease_on_postgres() {
    for (connections, said) in [
        (2, vec!["statement"]),
        (1, vec!["no heartbeat", "statement"]),
    ] {
        let Some(db) = postgres_database().await else {
            return;
        };
        let url = postgres_role(&db, connections).await;
        let lease = Duration::from_secs(15);
        let (report, told, places) = run!(sqlx::Postgres, url, "SELECT 1", lease);
        assert_eq!(report.expect("a run").current, ["a"]);
        assert_eq!((told, places), (said, 0), "{connections}");
        let role = user_of(&db.url);
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }
}

#[cfg(feature = "mysql")]
async fn the_place_is_taken_beside_the_lease() {
    for (connections, said) in [
        (2, vec!["statement"]),
        (1, vec!["no heartbeat", "statement"]),
    ] {
        let Some(db) = mysql_database().await else {
            return;
        };
        let url = mysql_user(&db, connections).await;
        let lease = Duration::from_secs(15);
        let (report, told, places) = run!(sqlx::MySql, url, "DO 1", lease);
        assert_eq!(report.expect("a run").current, ["a"]);
        assert_eq!((told, places), (said, 0), "{connections}");
    }
}

/// A statement that takes longer than the lease, by a holder whose role has no place left: others wait for it.
macro_rules! a_healthy_holder_keeps_the_lease {
    ($DB:ty, $db:expr, $url:expr, $statement:expr) => {{
        let db = $db;
        let lease = Duration::from_secs(2);
        let other = async {
            loop {
                let status = Migrator::new(&db.pool, files($statement)).status().await;
                if status.expect("a status").holder.is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Migrator::new(&db.pool, files($statement))
                .lease(lease)
                .upgrade_to_head()
                .await
        };
        let both = async { tokio::join!(async { run!($DB, $url, $statement, lease) }, other) };
        let ((report, told, _), other) = both.await;
        assert_eq!(report.expect("the holder ends its step").steps.len(), 1);
        assert_eq!(told, ["statement"]);
        assert_eq!(other.expect("there is nothing left to do").steps.len(), 0);
    }};
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_healthy_holder_keeps_the_lease_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    let url = postgres_role(&db, 2).await;
    db.run(&format!("GRANT pg_read_all_stats TO {}", user_of(&db.url)))
        .await;
    a_healthy_holder_keeps_the_lease!(sqlx::Postgres, &db, url.clone(), "SELECT pg_sleep(6)");
}

#[cfg(feature = "mysql")]
async fn a_healthy_holder_keeps_the_lease() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let url = mysql_user(&db, 2).await;
    a_healthy_holder_keeps_the_lease!(sqlx::MySql, &db, url.clone(), "DO SLEEP(6)");
}

/// A beat whose answer never comes: its session ends with the run, and no transaction of it stays open on the server.
async fn a_beat_without_an_answer<E: Engine>(db: &Database<E>, statement: &str)
where
    for<'q> sqlx::RawSql: sqlx::Execute<'q, E>,
{
    let first_beat = Fault {
        role: Role::Heartbeat,
        ..Fault::at(1, Harm::HoldAnswer)
    };
    let mut proxy = Proxy::start(&db.url, Some(first_beat)).await;
    let pool = sqlx::pool::PoolOptions::<E>::new()
        .connect(&proxy.url)
        .await
        .expect("a pool");
    let report = Migrator::new(&pool, files(statement))
        .lease(Duration::from_secs(2))
        .upgrade_to_head()
        .await;
    assert_eq!(report.expect("a run").current, ["a"]);
    let answer = proxy.held().await.expect("a beat came");
    pool.close().await;
    ended(&db.pool, &proxy.sessions()).await;
    drop(answer);
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_beat_without_an_answer_ends_with_the_run_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    a_beat_without_an_answer(&db, "SELECT pg_sleep(3)").await;
}

#[cfg(feature = "mysql")]
async fn a_beat_without_an_answer_ends_with_the_run() {
    let Some(db) = mysql_database().await else {
        return;
    };
    a_beat_without_an_answer(&db, "DO SLEEP(3)").await;
}

crate::support::on_mysql!(
    a_beat_without_an_answer_ends_with_the_run,
    the_place_is_taken_beside_the_lease,
    a_healthy_holder_keeps_the_lease
);
