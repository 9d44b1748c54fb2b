//! What a run may cost: round trips, statements and allocations, counted, so that none of them grows unseen. What a
//! clock would say is measured by `benches`.

use std::fmt::Write as _;

use limbeck::plan::Purge;
use limbeck::{Migrations, Migrator, Outcome, Revision};

use crate::support::servers::sqlite;
use crate::support::trace;

/// A chain of small revisions: a table, an index, two rows.
fn chain(length: usize) -> Migrations {
    let revisions = (0..length).map(|n| {
        let down = match n {
            0 => "none".to_owned(),
            _ => id(n - 1),
        };
        let text = format!(
            "-- Table {n}\n--\n-- revision: {id}\n-- down_revision: {down}\n\n-- @upgrade\n\
             CREATE TABLE t{n} (id BIGINT PRIMARY KEY, name VARCHAR(20));\n\
             CREATE INDEX t{n}_name ON t{n} (name);\n\
             INSERT INTO t{n} VALUES (1, 'one'), (2, 'two');\n\n-- @downgrade\nDROP TABLE t{n};\n",
            id = id(n),
        );
        Revision::parse(format!("{}.sql", id(n)), text).expect("a valid file")
    });
    Migrations::new(revisions).expect("a valid graph")
}

fn id(n: usize) -> String {
    format!("{n:05}")
}

/// A pool of one connection through a proxy, and the messages of what is done with it.
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod wire {
    use std::str::FromStr as _;

    use sqlx::pool::PoolOptions;
    use sqlx::{Connection as _, Database, Pool};

    use crate::support::proxy::Proxy;

    pub struct Wire<DB: Database> {
        pub pool: Pool<DB>,
        proxy: Proxy,
        before: usize,
    }

    impl<DB: Database> Wire<DB> {
        pub async fn new(url: &str) -> Wire<DB> {
            let proxy = Proxy::start(url, None).await;
            let options = <DB::Connection as sqlx::Connection>::Options::from_str(&proxy.url);
            let pool = PoolOptions::<DB>::new()
                .max_connections(1)
                .connect_with(options.expect("a URL"))
                .await
                .expect("a connection");
            let mut wire = Wire {
                pool,
                proxy,
                before: 0,
            };
            wire.pool
                .acquire()
                .await
                .expect("it")
                .ping()
                .await
                .expect("a ping");
            wire.round_trips();
            wire
        }

        /// Those since the last call.
        pub fn round_trips(&mut self) -> Vec<String> {
            let mut all = self.proxy.round_trips();
            let new = all.split_off(self.before);
            self.before += new.len();
            new
        }
    }
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
macro_rules! a_boot_with_nothing_to_do {
    ($database:ident as $DB:ty, $length:expr) => {{
        let Some(db) = crate::support::servers::$database().await else {
            return;
        };
        let migrations = chain($length);
        let stamped = Migrator::new(&db.pool, migrations.clone());
        let _ = stamped.stamp("head", Purge::Keep).await.expect("a stamp");
        let mut wire = wire::Wire::<$DB>::new(&db.url).await;
        let report = Migrator::new(&wire.pool, migrations)
            .upgrade_to_head()
            .await;
        assert_eq!(report.expect("a boot").outcome, Outcome::AlreadyThere);
        let trips = wire.round_trips();
        assert_eq!(trips.len(), 1, "{trips:#?}");
        for word in ["BEGIN", "CREATE", "INSERT", "UPDATE", "advisory"] {
            assert!(!trips[0].contains(word), "{trips:#?}");
        }
    }};
}

#[cfg(feature = "postgres")]
mod postgres {
    use limbeck::migrator::TransactionMode;

    use super::*;
    use crate::support::servers::postgres_database;

    #[tokio::test]
    async fn a_boot_with_nothing_to_do_of_ten() {
        a_boot_with_nothing_to_do!(postgres_database as sqlx::Postgres, 10);
    }

    #[tokio::test]
    async fn a_boot_with_nothing_to_do_of_ten_thousand() {
        a_boot_with_nothing_to_do!(postgres_database as sqlx::Postgres, 10_000);
    }

    /// The look, the step with its lock, and its commit; from then on each step is the message that commits the one
    /// before.
    #[tokio::test]
    async fn pending_revisions() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let mut wire = wire::Wire::<sqlx::Postgres>::new(&db.url).await;
        let _ = Migrator::new(&wire.pool, chain(1))
            .upgrade_to_head()
            .await
            .expect("the first boot");
        let trips = wire.round_trips();
        assert!(
            trips.len() <= 9,
            "the boot that makes the tables: {} {trips:#?}",
            trips.len()
        );
        let mut applied = 1;
        for pending in [1, 2, 10] {
            applied += pending;
            let migrator = Migrator::new(&wire.pool, chain(applied));
            let report = migrator.upgrade_to_head().await.expect("a run");
            assert_eq!(report.steps.len(), pending);
            let trips = wire.round_trips();
            assert_eq!(trips.len(), 2 + pending, "{trips:#?}");
        }
    }

    #[tokio::test]
    async fn one_transaction_for_five_hundred() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let mut wire = wire::Wire::<sqlx::Postgres>::new(&db.url).await;
        let migrator = Migrator::new(&wire.pool, chain(500))
            .transaction_mode(TransactionMode::SingleTransaction);
        let _ = migrator.upgrade_to_head().await.expect("a run");
        let trips = wire.round_trips();
        assert!(trips.len() <= 20, "{}", trips.len());
    }
}

#[cfg(feature = "mysql")]
mod mysql_family {
    use super::*;
    use crate::support::servers::mysql_database;

    async fn a_boot_with_nothing_to_do_of_ten() {
        a_boot_with_nothing_to_do!(mysql_database as sqlx::MySql, 10);
    }

    async fn a_boot_with_nothing_to_do_of_ten_thousand() {
        a_boot_with_nothing_to_do!(mysql_database as sqlx::MySql, 10_000);
    }

    /// Each statement of DDL stands alone in its message, with a look at the catalog and a record before it and a
    /// record behind it, and rows are one message and one record: what a table, an index and an insert cost, and no
    /// more.
    async fn pending_revisions() {
        let Some(db) = mysql_database().await else {
            return;
        };
        let mut wire = wire::Wire::<sqlx::MySql>::new(&db.url).await;
        let _ = Migrator::new(&wire.pool, chain(1))
            .upgrade_to_head()
            .await
            .expect("the first boot");
        wire.round_trips();
        let mut applied = 1;
        for pending in [1, 2, 10] {
            applied += pending;
            let migrator = Migrator::new(&wire.pool, chain(applied));
            let report = migrator.upgrade_to_head().await.expect("a run");
            assert_eq!(report.steps.len(), pending);
            let trips = wire.round_trips();
            let trips = trips.iter().filter(|text| text.contains("limbeck")).count();
            assert_eq!(trips, 5 + 15 * pending);
        }
    }

    /// A section of DML is one message and one record, whatever its length.
    async fn a_section_of_dml() {
        let Some(db) = mysql_database().await else {
            return;
        };
        let mut wire = wire::Wire::<sqlx::MySql>::new(&db.url).await;
        let table =
            "-- revision: a\n-- down_revision: none\n\n-- @upgrade\nCREATE TABLE t (x INT);\n";
        for (index, length) in [1, 3, 500].into_iter().enumerate() {
            let mut rows = format!("-- revision: b{index}\n-- down_revision: a\n\n-- @upgrade\n");
            for n in 0..length {
                writeln!(rows, "INSERT INTO t VALUES ({n});").expect("a String takes every write");
            }
            let files = [("a.sql", table.to_owned()), ("b.sql", rows)];
            let files =
                files.map(|(path, text)| Revision::parse(path, text).expect("a valid file"));
            let migrator =
                Migrator::new(&wire.pool, Migrations::new(files).expect("a valid graph"));
            let _ = migrator.upgrade("a").await.expect("a");
            wire.round_trips();
            let report = migrator.upgrade_to_head().await.expect("rows");
            assert_eq!(report.rows(), length);
            let trips = wire.round_trips();
            let records = |text: &&String| text.contains("statements_done =");
            // Its record, and the step's end.
            assert_eq!(trips.iter().filter(records).count(), 2, "{trips:#?}");
            let inserts = trips
                .iter()
                .filter(|text| text.contains("INSERT INTO t VALUES"));
            assert_eq!(inserts.clone().count(), 1);
            assert!(inserts.clone().all(|text| !text.contains("COMMIT")));
            let limbecks = trips.iter().filter(|text| text.contains("limbeck")).count();
            assert!(limbecks <= 12, "{limbecks} {trips:#?}");
            db.run("DELETE FROM limbeck_history WHERE revision LIKE 'b%'; DELETE FROM limbeck_version; \
                    INSERT INTO limbeck_version VALUES ('a')").await;
        }
    }

    crate::support::on_mysql!(
        a_boot_with_nothing_to_do_of_ten,
        a_boot_with_nothing_to_do_of_ten_thousand,
        pending_revisions,
        a_section_of_dml
    );
}

/// Replicas of a service that is at the head ask once each, and none of them for a lock.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_hundred_replicas_ask_once_each() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let _ = Migrator::new(&db.pool, chain(10))
        .upgrade_to_head()
        .await
        .expect("a run");
    let mut wires = Vec::new();
    for _ in 0..100 {
        wires.push(wire::Wire::<sqlx::Postgres>::new(&db.url).await);
    }
    let boots = wires.iter().map(|wire| {
        let migrator = Migrator::new(&wire.pool, chain(10));
        async move { migrator.upgrade_to_head().await.expect("a boot").outcome }
    });
    let outcomes = futures_util::future::join_all(boots).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Outcome::AlreadyThere)
    );
    for wire in &mut wires {
        let trips = wire.round_trips();
        assert_eq!(trips.len(), 1, "{trips:#?}");
        assert!(!trips[0].contains("lock("), "{trips:#?}");
    }
}

/// What a set of revisions keeps beyond the texts of its files.
#[test]
fn a_revision_keeps_less_than_a_kibibyte() {
    const LENGTH: usize = 2000;
    let texts: Vec<(&'static str, &'static str)> = chain(LENGTH)
        .iter()
        .map(|revision| -> (&'static str, &'static str) {
            (
                revision.path().to_owned().leak(),
                revision.text().to_owned().leak(),
            )
        })
        .collect();
    let mut kept = None;
    let counted = allocation_counter::measure(|| {
        kept = Some(Migrations::from_files(texts.iter().copied()).expect("a valid graph"));
    });
    let migrations = kept.expect("it was made");
    assert_eq!(migrations.len(), LENGTH);
    let each = counted.bytes_current / LENGTH as i64;
    assert!((1..1024).contains(&each), "{each} bytes for each revision");
}

#[tokio::test]
async fn a_boot_with_nothing_to_do_reads_once_on_sqlite() {
    for length in [10, 10_000] {
        let db = sqlite().await;
        let pool = sqlx::sqlite::SqlitePoolOptions::new()
            .max_connections(1)
            .connect(&db.url)
            .await
            .expect("SQLite");
        let migrator = Migrator::new(&pool, chain(length));
        let _ = migrator.stamp("head", Purge::Keep).await.expect("a stamp");
        let statements = trace::statements(&pool).await;
        let report = migrator.upgrade_to_head().await.expect("a boot");
        assert_eq!(report.outcome, Outcome::AlreadyThere);
        let mut told = String::new();
        let statements = statements.lock().expect("the list");
        for statement in &*statements {
            writeln!(told, "{statement}").expect("a String takes every write");
        }
        assert_eq!(statements.len(), 1, "{told}");
        assert!(told.contains("SELECT"), "{told}");
    }
}

/// A call's future stands on the stack of a task, or in the future of whoever awaits it. The largest has 11,136 bytes.
#[cfg(all(feature = "postgres", feature = "mysql"))]
#[tokio::test]
async fn the_future_of_an_upgrade_is_small() {
    let sqlite = sqlx::SqlitePool::connect_lazy("sqlite::memory:").expect("a URL");
    let postgres = sqlx::PgPool::connect_lazy("postgres://nowhere/x").expect("a URL");
    let mysql = sqlx::MySqlPool::connect_lazy("mysql://nowhere/x").expect("a URL");
    let sizes = [
        size_of_val(&Migrator::new(&sqlite, chain(1)).upgrade_to_head()),
        size_of_val(&Migrator::new(&postgres, chain(1)).upgrade_to_head()),
        size_of_val(&Migrator::new(&mysql, chain(1)).upgrade_to_head()),
    ];
    assert!(sizes.iter().all(|size| *size <= 13 * 1024), "{sizes:?}");
}
