//! PostgreSQL's `CONCURRENTLY`: it waits for every older transaction, so nobody who waits for it may hold one; and
//! it leaves a half built index when it dies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use limbeck::graph::RevisionId;
use limbeck::{Event, Migrations, Migrator, Resolution};

use crate::support::boots::{Boot, Files};
use crate::support::migrations;
use crate::support::servers::{Database, postgres_database};
use crate::support::soak::{is_full, tell, times};

type Postgres = Database<sqlx::Postgres>;

const WAITERS: usize = 20;

/// `a` makes the table; `setup` follows it; `b` is this one statement outside a transaction, and a row of `audit`.
fn files(setup: &str, statement: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            &format!(
                "-- @upgrade\nCREATE TABLE audit (rev text);\nCREATE TABLE t (id int, x text);\n{setup}\n"
            ),
        ),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade autocommit\n{statement};\nINSERT INTO audit VALUES ('b');\n"),
        ),
    ])
}

async fn fill(db: &Postgres, table: &str, rows: usize) {
    db.run(&format!(
        "INSERT INTO {table} SELECT n, md5(n::text) FROM generate_series(1, {rows}) n"
    ))
    .await;
}

/// Indexes of the tests' own tables, each with whether it is valid.
async fn indexes(db: &Postgres) -> Vec<String> {
    db.strings(
        "SELECT c.relname || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END FROM pg_index i \
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid \
         JOIN pg_namespace n ON n.oid = t.relnamespace \
         WHERE n.nspname NOT LIKE 'pg\\_%' AND t.relname NOT LIKE 'limbeck%' ORDER BY 1",
    )
    .await
}

/// Twenty replicas wait while the index is built, each by looking now and then: it takes its time and no more.
#[tokio::test]
async fn an_index_is_built_beside_twenty_waiters() {
    let rows = times(50_000, 1_000_000);
    let Some(db) = postgres_database().await else {
        return;
    };
    let chain = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE alone (id int, x text);\nCREATE TABLE beside (id int, x text);\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nCREATE INDEX CONCURRENTLY alone_x ON alone (x, id);\n",
        ),
        (
            "c",
            "b",
            "",
            "-- @upgrade autocommit\nCREATE INDEX CONCURRENTLY beside_x ON beside (x, id);\n",
        ),
    ]);
    let migrator = Migrator::new(&db.pool, chain.clone());
    let _ = migrator.upgrade("a").await.expect("a");
    fill(&db, "alone", rows).await;
    fill(&db, "beside", rows).await;
    db.run("VACUUM ANALYZE alone, beside").await;
    let _ = migrator.upgrade("b").await.expect("alone");
    let waited = Arc::new(AtomicUsize::new(0));
    let mut boots = tokio::task::JoinSet::new();
    for _ in 0..=WAITERS {
        let options = (*db.pool.connect_options()).clone();
        let pool = db
            .pool
            .options()
            .clone()
            .max_connections(1)
            .connect_lazy_with(options);
        let waited = waited.clone();
        let migrator = Migrator::new(pool, chain.clone()).on_event(move |event| {
            if let Event::Waiting { waited: so_far, .. } = event
                && so_far.as_millis() < 100
            {
                waited.fetch_add(1, Ordering::Relaxed);
            }
        });
        boots.spawn(async move { migrator.upgrade_to_head().await });
    }
    let (mut wrong, mut steps) = (Vec::new(), 0);
    while let Some(end) = boots.join_next().await {
        match end.expect("no panic") {
            Ok(report) => steps += report.steps.len(),
            Err(error) => wrong.push(error.to_string()),
        }
    }
    if steps != 1 || indexes(&db).await != ["alone_x", "beside_x"] {
        wrong.push(format!("{steps} steps, {:?}", indexes(&db).await));
    }
    let took = db
        .strings(
            "SELECT extract(epoch FROM finished_at - started_at)::text FROM limbeck_history \
             WHERE revision IN ('b', 'c') ORDER BY revision",
        )
        .await;
    let took: Vec<f64> = took.iter().map(|s| s.parse().expect("seconds")).collect();
    tell(
        &format!("CREATE INDEX CONCURRENTLY on {rows} rows beside {WAITERS} waiters"),
        WAITERS + 1,
        wrong.len(),
        format!(
            "{:.2} s alone, {:.2} s beside them: {:.2} times; {} of them waited",
            took[0],
            took[1],
            took[1] / took[0],
            waited.load(Ordering::Relaxed)
        ),
    );
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The build has to wait for an older transaction, and twenty processes for the build: none of them blocks, so
/// none of them is waited for.
#[tokio::test]
async fn a_build_that_waits_does_not_deadlock_with_its_waiters() {
    let Some(db) = postgres_database().await else {
        return;
    };
    let all = files("", "CREATE INDEX CONCURRENTLY t_x ON t (x)");
    let _ = Migrator::new(&db.pool, all.clone())
        .upgrade("a")
        .await
        .expect("a");
    fill(&db, "t", 1000).await;
    let mut older = db.pool.begin().await.expect("a transaction");
    sqlx::raw_sql("INSERT INTO t VALUES (0, 'older')")
        .execute(&mut *older)
        .await
        .expect("a write");
    let files = Files::of(&all);
    let boots: Vec<Boot> = (0..=WAITERS)
        .map(|_| files.upgrade(&db.url, "heads"))
        .collect();
    let sessions = "SELECT DISTINCT substring(query FROM 'pid=[0-9]+') FROM pg_stat_activity \
                    WHERE datname = current_database() AND query LIKE '/* limbeck run=%'";
    in_time("all of them", async || {
        db.strings(sessions).await.len() > WAITERS
    })
    .await;
    in_time("the build waits", async || {
        !db.strings(BLOCKED).await.is_empty()
    })
    .await;
    // Polls come five times a second: each waiter looks several times, and each look must find a way through.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let blocked = db.strings(BLOCKED).await;
        assert!(blocked.len() <= 1, "a waiter sits in a lock: {blocked:?}");
    }
    older.commit().await.expect("commit");
    let mut ran = Vec::new();
    for boot in boots {
        ran.extend(boot.end().await.ran());
    }
    assert_eq!(ran, ["b"]);
    assert_eq!(indexes(&db).await, ["t_x"]);
    assert_eq!(db.strings("SELECT rev FROM audit").await, ["b"]);
}

/// Statements of limbeck's runs that wait for a lock inside the server.
const BLOCKED: &str = "SELECT query FROM pg_stat_activity WHERE datname = current_database() \
     AND wait_event_type = 'Lock' AND state = 'active' AND query LIKE '/* limbeck run=%'";

/// Polls until it is so; half a minute is never needed.
async fn in_time(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..1500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: not within half a minute");
}

/// What keeps a build from going on, and so where it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// A transaction that wrote to the table before the build began.
    FirstWriters,
    /// One that wrote while it was built.
    SecondWriters,
    /// A snapshot that is older than the index.
    OldSnapshots,
}

impl At {
    fn phase(self) -> &'static str {
        match self {
            At::FirstWriters => "waiting for writers before build",
            At::SecondWriters => "waiting for writers before validation",
            At::OldSnapshots => "waiting for old snapshots",
        }
    }
}

type Open = sqlx::Transaction<'static, sqlx::Postgres>;

/// A transaction that has written to the table.
async fn writer(db: &Postgres, table: &str) -> Open {
    let mut open = db.pool.begin().await.expect("a transaction");
    let write = format!("INSERT INTO {table} VALUES (1, 'writer')");
    sqlx::raw_sql(sqlx::AssertSqlSafe(write))
        .execute(&mut *open)
        .await
        .expect("a write");
    open
}

async fn snapshot(db: &Postgres) -> Open {
    let mut open = db.pool.begin().await.expect("a transaction");
    let look = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM audit";
    sqlx::raw_sql(look)
        .execute(&mut *open)
        .await
        .expect("a snapshot");
    open
}

async fn in_phase(db: &Postgres, child: &mut Boot, at: At) {
    let phase = format!(
        "SELECT phase FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase = '{}'",
        at.phase()
    );
    for _ in 0..1500 {
        if !db.strings(&phase).await.is_empty() {
            return;
        }
        assert!(child.is_running(), "it waits at {at:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never at {at:?}");
}

/// Lets a process come to a place in the build and kills it there; what it waited for stays open.
async fn killed_at(db: &Postgres, all: &Migrations, table: &str, at: At) -> Vec<Open> {
    let files = Files::of(all);
    let start = || files.upgrade(&db.url, "heads");
    let (mut child, open) = match at {
        At::FirstWriters => {
            let open = writer(db, table).await;
            (start(), open)
        }
        At::SecondWriters => {
            let first = writer(db, table).await;
            let mut child = start();
            in_phase(db, &mut child, At::FirstWriters).await;
            let second = writer(db, table).await;
            first.rollback().await.expect("rollback");
            (child, second)
        }
        At::OldSnapshots => {
            let open = snapshot(db).await;
            (start(), open)
        }
    };
    in_phase(db, &mut child, at).await;
    child.kill().await;
    shorten_lease(db).await;
    vec![open]
}

/// The default lease only takes its time.
async fn shorten_lease(db: &Postgres) {
    if !is_full() {
        db.run("UPDATE limbeck_history_lock SET lease_ms = 500 WHERE holder IS NOT NULL")
            .await;
    }
}

/// Boots again beside what kept the killed one waiting, which goes when that one's session has been ended.
async fn next_boot(
    db: &Postgres,
    migrator: &Migrator<sqlx::PgPool>,
    open: Vec<Open>,
    pid: &str,
) -> Result<Vec<RevisionId>, limbeck::Error> {
    let release = async {
        let alive = format!(
            "SELECT pid::text FROM pg_stat_activity WHERE pid = {pid} AND state = 'active'"
        );
        in_time("the killed one's session ends", async || {
            db.strings(&alive).await.is_empty()
        })
        .await;
        for open in open {
            open.rollback().await.expect("rollback");
        }
    };
    let (report, ()) = tokio::join!(migrator.upgrade_to_head(), release);
    report.map(|report| report.current)
}

/// The session that is in a statement with this word.
async fn session_in(db: &Postgres, word: &str) -> String {
    let query = format!(
        "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
         AND query LIKE '/* limbeck run=%{word}%'"
    );
    db.strings(&query)
        .await
        .pop()
        .expect("the server goes on with it")
}

/// Killed in each of the build's waits, under every way to name an index: built again, once, and valid.
#[tokio::test]
async fn an_index_build_killed_in_each_phase() {
    let names = [
        ("", "t", "CREATE INDEX CONCURRENTLY t_x ON t (x)", "t_x"),
        (
            "",
            "t",
            "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x)",
            "t_x",
        ),
        (
            "CREATE SCHEMA \"s p\";\nCREATE TABLE \"s p\".\"T \"\"q\" (id int, x text);",
            "\"s p\".\"T \"\"q\"",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"I \"\"q\" ON ONLY \"s p\".\"T \"\"q\" USING btree (x)",
            "I \"q",
        ),
        (
            "CREATE SCHEMA s;\nCREATE TABLE s.u (id int, x text);",
            "s.u",
            "SET search_path = s, public;\nCREATE INDEX CONCURRENTLY u_x ON u (x)",
            "u_x",
        ),
        (
            "CREATE SCHEMA s1;\nCREATE SCHEMA s2;\nCREATE TABLE s1.other (x text);\nCREATE INDEX u_x ON s1.other (x);\nCREATE TABLE s2.u (id int, x text);",
            "s2.u",
            "SET search_path = s1, s2, public;\nCREATE INDEX CONCURRENTLY u_x ON u (x)",
            "u_x",
        ),
    ];
    let (mut runs, mut wrong) = (0, Vec::new());
    for (number, (setup, table, statement, index)) in names.into_iter().enumerate() {
        for (place, at) in [At::FirstWriters, At::SecondWriters, At::OldSnapshots]
            .into_iter()
            .enumerate()
        {
            // In every run all places for the first way, and one for each of the others.
            if !is_full() && number > 0 && number % 3 != place {
                continue;
            }
            let Some(db) = postgres_database().await else {
                return;
            };
            runs += 1;
            let all = files(setup, statement);
            let migrator = Migrator::new(&db.pool, all.clone());
            let _ = migrator.upgrade("a").await.expect("a");
            fill(&db, table, 100).await;
            let before = indexes(&db).await;
            let open = killed_at(&db, &all, table, at).await;
            let pid = session_in(&db, "CONCURRENTLY").await;
            let result = next_boot(&db, &migrator, open, &pid).await;
            let mut expected = before;
            expected.push(index.to_owned());
            expected.sort();
            let found = (
                indexes(&db).await,
                db.strings("SELECT rev FROM audit").await,
            );
            if !matches!(&result, Ok(heads) if heads == &["b"])
                || found != (expected, vec!["b".to_owned()])
            {
                wrong.push(format!("{statement} at {at:?}: {result:?} {found:?}"));
            }
            db.pool.close().await;
        }
    }
    tell(
        "CREATE INDEX CONCURRENTLY killed in each of its waits",
        runs,
        wrong.len(),
        "the invalid index removed and built again",
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Killed at any moment of a long build, in the soak alone: the phases are counted.
#[tokio::test]
async fn an_index_build_killed_at_any_moment() {
    if !is_full() {
        return;
    }
    const KILLS: usize = 60;
    let Some(db) = postgres_database().await else {
        return;
    };
    let mut revisions = vec![(
        "r0".to_owned(),
        String::new(),
        "-- @upgrade\nCREATE TABLE t (id int, x text);\nCREATE TABLE audit (rev text);\n"
            .to_owned(),
    )];
    for n in 1..=KILLS {
        let sections = format!(
            "-- @upgrade autocommit\nDROP INDEX IF EXISTS t_x;\nCREATE INDEX CONCURRENTLY t_x ON t (x, id);\nINSERT INTO audit VALUES ('r{n}');\n"
        );
        revisions.push((format!("r{n}"), format!("r{}", n - 1), sections));
    }
    let revisions: Vec<(&str, &str, &str, &str)> = revisions
        .iter()
        .map(|(id, down, s)| (id.as_str(), down.as_str(), "", s.as_str()))
        .collect();
    let all = migrations(&revisions);
    let migrator = Migrator::new(&db.pool, all.clone());
    let _ = migrator.upgrade("r0").await.expect("r0");
    fill(&db, "t", 1_000_000).await;
    let files = Files::of(&all);
    let (mut phases, mut wrong, mut length) = (
        std::collections::BTreeMap::new(),
        Vec::new(),
        Duration::from_secs(2),
    );
    for n in 1..=KILLS {
        let target = format!("r{n}");
        let mut child = files.upgrade(&db.url, &target);
        let building =
            "SELECT phase FROM pg_stat_progress_create_index WHERE datname = current_database()";
        while db.strings(building).await.is_empty() && child.is_running() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // Over the whole length of the build, evenly.
        tokio::time::sleep(length * (n as u32 % 20) / 20).await;
        let phase = db
            .strings(building)
            .await
            .pop()
            .unwrap_or_else(|| "behind it".to_owned());
        child.kill().await;
        *phases.entry(phase).or_insert(0) += 1;
        db.run("UPDATE limbeck_history_lock SET lease_ms = 500 WHERE holder IS NOT NULL")
            .await;
        let began = std::time::Instant::now();
        if let Err(error) = migrator.upgrade(target.as_str()).await {
            wrong.push(error.to_string());
            break;
        }
        length = length.max(began.elapsed().min(Duration::from_secs(10)));
        if indexes(&db).await != ["t_x"]
            || db
                .strings(&format!("SELECT rev FROM audit WHERE rev = '{target}'"))
                .await
                .len()
                != 1
        {
            wrong.push(format!("{target}: {:?}", indexes(&db).await));
        }
    }
    tell(
        "CREATE INDEX CONCURRENTLY on 1000000 rows killed at any moment",
        KILLS,
        wrong.len(),
        format!("{phases:?}"),
    );
    assert!(
        wrong.is_empty() && phases.len() > 3,
        "{wrong:#?} {phases:?}"
    );
}

/// A build that finds duplicates says so and leaves no index, also under names with quotes and `IF NOT EXISTS`.
#[tokio::test]
async fn a_unique_build_over_duplicates_leaves_nothing() {
    for (setup, table, statement) in [
        (
            "",
            "t",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_x ON t (x)",
        ),
        (
            "CREATE SCHEMA \"S'\";\nCREATE TABLE \"S'\".t (id int, x text);",
            "\"S'\".t",
            "CREATE UNIQUE INDEX CONCURRENTLY \"t'x\" ON \"S'\".t (x)",
        ),
    ] {
        let Some(db) = postgres_database().await else {
            return;
        };
        let migrator = Migrator::new(&db.pool, files(setup, statement));
        let _ = migrator.upgrade("a").await.expect("a");
        db.run(&format!(
            "INSERT INTO {table} VALUES (1, 'twice'), (2, 'twice')"
        ))
        .await;
        let text = migrator
            .upgrade_to_head()
            .await
            .expect_err("duplicates")
            .to_string();
        assert!(
            text.contains("could not create unique index")
                && text.contains("(x)=(twice) is duplicated"),
            "{text}"
        );
        assert_eq!(indexes(&db).await, Vec::<String>::new());
        db.run(&format!("DELETE FROM {table} WHERE id = 2")).await;
        assert_eq!(
            migrator.upgrade_to_head().await.expect("built").current,
            ["b"]
        );
        assert_eq!(indexes(&db).await.len(), 1);
    }
}

/// What else says `CONCURRENTLY`, killed while it waits for a reader: a drop is gone on with, of the others the
/// catalog does not tell enough, and a person is asked.
#[tokio::test]
async fn others_that_say_concurrently_are_killed() {
    let partitions = "CREATE TABLE p (id int, x text) PARTITION BY RANGE (id);\nCREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);\nCREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);";
    let index = "CREATE INDEX t_x ON t (x);";
    // By hand, where a person is asked: what is run, and the answer.
    type Settling = Option<(&'static str, Resolution)>;
    let cases: [(&str, &str, &str, &[&str], Settling); 5] = [
        (index, "t", "DROP INDEX CONCURRENTLY t_x", &[], None),
        (
            index,
            "t",
            "DROP INDEX CONCURRENTLY IF EXISTS t_x",
            &[],
            None,
        ),
        (
            index,
            "t",
            "REINDEX INDEX CONCURRENTLY t_x",
            &["t_x"],
            Some(("DROP INDEX IF EXISTS t_x_ccnew", Resolution::NotApplied)),
        ),
        (
            "",
            "t",
            "CREATE INDEX CONCURRENTLY ON t (x)",
            &["t_x_idx"],
            Some(("DROP INDEX t_x_idx", Resolution::NotApplied)),
        ),
        (
            partitions,
            "p",
            "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY",
            &[],
            Some((
                "ALTER TABLE p DETACH PARTITION p1 FINALIZE",
                Resolution::Applied,
            )),
        ),
    ];
    let (mut wrong, runs) = (Vec::new(), cases.len());
    for (setup, table, statement, expected, settling) in cases {
        let Some(db) = postgres_database().await else {
            return;
        };
        let all = files(setup, statement);
        let migrator = Migrator::new(&db.pool, all.clone());
        let _ = migrator.upgrade("a").await.expect("a");
        fill(&db, table, 5).await;
        let open = writer(&db, table).await;
        let files = Files::of(&all);
        let child = files.upgrade(&db.url, "heads");
        in_time("it waits", async || {
            db.strings(BLOCKED)
                .await
                .iter()
                .any(|query| query.contains("CONCURRENTLY"))
        })
        .await;
        let pid = session_in(&db, "CONCURRENTLY").await;
        child.kill().await;
        shorten_lease(&db).await;
        let mut result = next_boot(&db, &migrator, vec![open], &pid).await;
        if let Some((by_hand, resolution)) = settling {
            match &result {
                Err(error)
                    if error.kind() == "unfinished" && error.to_string().contains(statement) => {}
                other => wrong.push(format!("{statement}: not asked about: {other:?}")),
            }
            db.run(by_hand).await;
            migrator.resolve("b", resolution).await.expect("settled");
            result = migrator
                .upgrade_to_head()
                .await
                .map(|report| report.current);
        }
        let found = (
            indexes(&db).await,
            db.strings("SELECT rev FROM audit").await,
        );
        if !matches!(&result, Ok(heads) if heads == &["b"])
            || found.0 != expected
            || found.1 != ["b"]
        {
            wrong.push(format!("{statement}: {result:?} {found:?}"));
        }
    }
    tell(
        "DROP, REINDEX, DETACH CONCURRENTLY and an index without a name, killed",
        runs,
        wrong.len(),
        "2 gone on with, 3 asked about",
    );
    assert!(wrong.is_empty(), "{wrong:#?}");
}
