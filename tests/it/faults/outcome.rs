//! What must be so after whatever happened, once the next boot is through.

use std::time::Duration;

use limbeck::{Dialect, Error, Migrator, Report};
use sqlx::Pool;

use super::engine::{Engine, content, schema};
use super::revisions::Course;

/// Everything that a run leaves and that a clock or a process id does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub schema: Vec<String>,
    /// Every row of the user's tables.
    pub rows: Vec<String>,
    pub heads: Vec<String>,
    /// The steps of the ledger, and how far each came.
    pub ledger: Vec<String>,
    /// Who holds the lease, and the transaction lock.
    pub holders: Vec<String>,
}

pub async fn outcome<E: Engine>(pool: &Pool<E>, dialect: Dialect) -> Outcome {
    let text = |column: &str| match dialect {
        Dialect::Sqlite => format!("CAST({column} AS TEXT)"),
        Dialect::Postgres => format!("{column}::text"),
        _ => format!("CONVERT({column}, CHAR)"),
    };
    let ledger = format!(
        "SELECT action, revision, state, {}, {}, {}, {}, {} FROM limbeck_history ORDER BY id",
        text("statements"),
        text("statements_done"),
        text("rows_affected"),
        text("statement_running"),
        text("error"),
    );
    let mut holders = E::rows(
        pool,
        &format!("SELECT {} FROM limbeck_history_lock", text("holder")),
    )
    .await;
    if dialect == Dialect::Postgres {
        let locks = "SELECT 'advisory lock of ' || pid FROM pg_locks WHERE locktype = 'advisory' \
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        holders.extend(E::rows(pool, locks).await);
    }
    Outcome {
        schema: schema(pool, dialect).await,
        rows: content(pool, dialect, |table| {
            !table.starts_with("limbeck_") && table != "v"
        })
        .await,
        heads: E::rows(
            pool,
            &format!(
                "SELECT {} FROM limbeck_version ORDER BY 1",
                text("version_num")
            ),
        )
        .await,
        ledger: E::rows(pool, &ledger).await,
        holders,
    }
}

impl Outcome {
    /// What differs from an undisturbed run's, in words; empty: nothing.
    pub fn difference(&self, undisturbed: &Outcome) -> String {
        let mut words = String::new();
        for (what, is, was) in [
            ("schema", &self.schema, &undisturbed.schema),
            ("rows", &self.rows, &undisturbed.rows),
            ("heads", &self.heads, &undisturbed.heads),
            ("ledger", &self.ledger, &undisturbed.ledger),
            ("holders", &self.holders, &undisturbed.holders),
        ] {
            if is != was {
                words.push_str(&format!("\n{what}: {is:#?}\n  instead of {was:#?}"));
            }
        }
        words
    }
}

/// The migrator of a course, with waits that a test can afford.
pub fn migrator<E: Engine>(pool: &Pool<E>, course: Course, dialect: Dialect) -> Migrator<Pool<E>> {
    E::migrator(pool, course.files(dialect))
        .transaction_mode(course.mode())
        .lease(LEASE)
        .lock_wait(Duration::from_secs(30))
}

/// Short, so that an expired one is soon taken over.
pub const LEASE: Duration = Duration::from_millis(300);

/// Runs a course: the boot, or the downgrade.
pub async fn follow<E: Engine>(
    migrator: &Migrator<Pool<E>>,
    course: Course,
) -> Result<Report, Error> {
    if course.is_down() {
        migrator.downgrade("r1").await
    } else {
        migrator.upgrade_to_head().await
    }
}

/// Where a course begins: nothing, or the head.
pub async fn prepare<E: Engine>(pool: &Pool<E>, course: Course, dialect: Dialect) {
    super::engine::wipe(pool, dialect).await;
    if course.is_down() {
        let report = migrator(pool, Course::Up, dialect)
            .upgrade_to_head()
            .await
            .expect("an upgrade");
        assert_eq!(report.current, ["r7"]);
    }
}

/// What the course leaves where nothing disturbs it.
pub async fn undisturbed<E: Engine>(pool: &Pool<E>, course: Course, dialect: Dialect) -> Outcome {
    prepare(pool, course, dialect).await;
    let report = follow(&migrator(pool, course, dialect), course)
        .await
        .expect("an undisturbed run");
    assert_eq!(report.current, course.heads());
    outcome(pool, dialect).await
}

/// Waits until the server has ended these sessions.
pub async fn ended<E: Engine>(pool: &Pool<E>, sessions: &[u32]) {
    for _ in 0..15_000 {
        if E::open(pool, sessions).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("a session of {sessions:?} does not end");
}

/// Waits until none of these sessions does anything any more: what they did is then final.
pub async fn quiet<E: Engine>(pool: &Pool<E>, sessions: &[u32]) {
    for _ in 0..15_000 {
        if E::busy(pool, sessions).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("a session of {sessions:?} does not come to rest");
}
