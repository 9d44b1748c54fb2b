//! DDL that waits for a table: for a short time only, then it lets the others through and tries again, still
//! holding the migration lock; bounded, and in the end it names who is in the way.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use limbeck::{Dialect, Migrations, Migrator};

use crate::support::migrations;
use crate::support::servers::{Database, mysql_database, postgres_database};
use crate::support::soak::{tell, times};

/// How long one attempt of DDL waits. MariaDB counts in seconds.
fn attempt(dialect: Dialect) -> Duration {
    match dialect {
        Dialect::Postgres => Duration::from_millis(200),
        _ => Duration::from_secs(1),
    }
}

/// `b` inserts, then needs the whole table; `autocommit` or not.
fn files(words: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (1);\nCREATE TABLE audit (n INT);\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade {words}\nINSERT INTO audit VALUES (1);\nALTER TABLE t ADD COLUMN x INT;\nINSERT INTO audit VALUES (3);\n"
            ),
        ),
    ])
}

/// Counts the attempts that limbeck tells of.
struct Attempts(Arc<AtomicUsize>);

struct Text(String);

impl tracing::field::Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl tracing::Subscriber for Attempts {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("limbeck") && *metadata.level() <= tracing::Level::INFO
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        if text.0.contains("until its lock_timeout; trying again") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// A transaction that reads the table and goes on.
macro_rules! long_reader {
    ($db:expr) => {{
        let mut open = $db.pool.begin().await.expect("a transaction");
        sqlx::raw_sql("SELECT id FROM t")
            .fetch_all(&mut *open)
            .await
            .expect("a read");
        open
    }};
}

/// One scenario on one database: a long reader, others that come and go, and DDL between them.
macro_rules! beside_readers {
    ($db:expr, $words:expr) => {{
        let db = $db;
        let attempts = Arc::new(AtomicUsize::new(0));
        let _guard = tracing::subscriber::set_default(Attempts(attempts.clone()));
        let migrator = Migrator::new(&db.pool, files($words)).lock_timeout(attempt(db.dialect));
        let _ = migrator.upgrade("a").await.expect("a");
        let long = long_reader!(db);
        let stop = Arc::new(AtomicBool::new(false));
        let waits: Arc<Mutex<Vec<Duration>>> = Arc::default();
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let options = (*db.pool.connect_options()).clone();
            let pool = db.pool.options().clone().max_connections(1).connect_lazy_with(options);
            let (stop, waits) = (stop.clone(), waits.clone());
            readers.spawn(async move {
                let mut connection = pool.acquire().await.expect("a connection");
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    sqlx::raw_sql("SELECT id FROM t").fetch_all(&mut *connection).await.expect("a read");
                    waits.lock().expect("a lock").push(began.elapsed());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
        }
        let wanted = times(4, 60);
        let (told, read, others) = (attempts.clone(), waits.clone(), &db);
        let release = async move {
            // Between two attempts the readers get through: after so many attempts, this many times at least.
            let mut through = Vec::new();
            while told.load(Ordering::Relaxed) < wanted {
                let before = (told.load(Ordering::Relaxed), read.lock().expect("a lock").len());
                while told.load(Ordering::Relaxed) == before.0 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                through.push(read.lock().expect("a lock").len() - before.1);
            }
            // All the while the migration lock is held: another boot waits for it, in vain.
            let other = Migrator::new(&others.pool, files($words)).lock_wait(Duration::from_millis(50)).upgrade_to_head().await;
            long.rollback().await.expect("rollback");
            (through, other)
        };
        let both = async { tokio::join!(migrator.upgrade_to_head(), release) };
        let (report, (through, other)) =
            tokio::time::timeout(Duration::from_secs(120), both).await.expect("DDL lets others through");
        stop.store(true, Ordering::Relaxed);
        while let Some(reader) = readers.join_next().await {
            reader.expect("a reader never fails");
        }
        let mut waits = std::mem::take(&mut *waits.lock().expect("a lock"));
        waits.sort();
        let mut wrong = Vec::new();
        if !matches!(&report, Ok(report) if report.current == ["b"]) {
            wrong.push(format!("{report:?}"));
        }
        if !matches!(&other, Err(error) if error.is_lock_timeout()) {
            wrong.push(format!("another boot beside it: {other:?}"));
        }
        if through.contains(&0) {
            wrong.push(format!("readers that got through from one attempt to the next: {through:?}"));
        }
        if db.strings(if db.dialect == Dialect::Postgres { "SELECT n::text FROM audit ORDER BY n" } else { "SELECT CONVERT(n, CHAR) FROM audit ORDER BY n" }).await != ["1", "3"] {
            wrong.push("something ran twice".to_owned());
        }
        tell(
            &format!(
                "DDL behind a long reader, beside others, {}{}",
                match db.dialect { Dialect::Postgres => "PostgreSQL", Dialect::Mysql => "MySQL", _ => "MariaDB" },
                if $words.is_empty() { "" } else { ", autocommit" }
            ),
            attempts.load(Ordering::Relaxed),
            wrong.len(),
            format!(
                "{} reads, the slowest waited {:.2} s at a lock_timeout of {:.1} s",
                waits.len(),
                waits[waits.len() - 1].as_secs_f64(),
                attempt(db.dialect).as_secs_f64()
            ),
        );
        assert!(wrong.is_empty(), "{wrong:#?}");
    }};
}

#[tokio::test]
async fn readers_get_through_beside_ddl_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    beside_readers!(db, "");
}

#[tokio::test]
async fn readers_get_through_beside_autocommit_ddl_on_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    beside_readers!(db, "autocommit");
}

async fn readers_get_through_beside_ddl() {
    let Some(db) = mysql_database().await else {
        return;
    };
    beside_readers!(db, "");
}

/// The reader stays: the error comes after `lock_retry_for`, names who is in the way, and the next boot goes on.
macro_rules! in_vain {
    ($db:expr, $words:expr, $begin:expr, $blocker:expr) => {{
        let db = $db;
        let migrator = Migrator::new(&db.pool, files($words))
            .lock_timeout(attempt(db.dialect))
            .lock_retry_for(attempt(db.dialect) + Duration::from_millis(200));
        let _ = migrator.upgrade("a").await.expect("a");
        let mut open = db.pool.acquire().await.expect("a connection");
        sqlx::raw_sql($begin)
            .execute(&mut *open)
            .await
            .expect("a read");
        let text = migrator
            .upgrade_to_head()
            .await
            .expect_err("the reader stays")
            .to_string();
        assert!(
            text.contains("statement 2 of 3 of revision b (upgrade) failed"),
            "{text}"
        );
        let session = format!("session {} of", session_of(&db, &mut open).await);
        let line = text
            .lines()
            .find(|line| line.contains("in the way") && line.contains(&session));
        let line = line
            .unwrap_or_else(|| panic!("{session}: {text}"))
            .replace(&session, "session N of");
        let start = line.find(", since ").expect("since when") + ", since ".len();
        let end = line[start..]
            .find(',')
            .map_or(line.len(), |length| start + length);
        let line = format!("{}T{}", &line[..start], &line[end..]);
        // MariaDB tells the client's port too.
        let line = match line.split_once("on host localhost:") {
            Some((before, port)) => format!(
                "{before}on host localhost{}",
                port.trim_start_matches(|c: char| c.is_ascii_digit())
            ),
            None => line,
        };
        assert_eq!(line, $blocker);
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut *open)
            .await
            .expect("rollback");
        assert_eq!(
            migrator.upgrade_to_head().await.expect("free").current,
            ["b"]
        );
        let rows = if db.dialect == Dialect::Postgres {
            "SELECT n::text FROM audit ORDER BY n"
        } else {
            "SELECT CONVERT(n, CHAR) FROM audit ORDER BY n"
        };
        assert_eq!(db.strings(rows).await, ["1", "3"]);
    }};
}

/// The number of a connection's session.
async fn session_of<DB: limbeck::migrator::Backend>(
    db: &Database<DB>,
    connection: &mut DB::Connection,
) -> String
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    use sqlx::Row as _;
    let query = if db.dialect == Dialect::Postgres {
        "SELECT pg_backend_pid()::text"
    } else {
        "SELECT CONVERT(CONNECTION_ID(), CHAR)"
    };
    let row = sqlx::raw_sql(query)
        .fetch_one(connection)
        .await
        .expect("a session");
    row.try_get_unchecked::<Option<String>, _>(0)
        .expect("text")
        .expect("a number")
}

#[tokio::test]
async fn who_is_in_the_way_is_named_on_postgres() {
    for words in ["", "autocommit"] {
        let Some(db) = postgres_database().await else {
            return;
        };
        in_vain!(
            db,
            words,
            "SET application_name = 'the report'; BEGIN; SELECT id FROM t",
            "  in the way: held by the report on host 127.0.0.1/32, session N of the server, since T, in: SET application_name = ?; BEGIN; SELECT id FROM t"
        );
    }
}

async fn who_is_in_the_way_is_named() {
    let Some(db) = mysql_database().await else {
        return;
    };
    in_vain!(
        db,
        "",
        "START TRANSACTION; SELECT id FROM t",
        "  in the way: held by root on host localhost, session N of the server, since T"
    );
}

crate::support::on_mysql!(readers_get_through_beside_ddl, who_is_in_the_way_is_named);
