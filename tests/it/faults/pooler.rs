//! PostgreSQL behind PgBouncer: in transaction pooling nothing of limbeck's and nothing of a migration's stays
//! on a server connection, and in statement pooling a run says why it cannot be.

use std::time::{Duration, Instant};

use limbeck::error::RunError;
use limbeck::{Error, Migrations, Migrator, Outcome};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};

use crate::support::boots::{Boot, Files};
use crate::support::migrations;
use crate::support::rig::{Rig, rig};
use crate::support::servers::{Database, of_postgres, postgres_on, with_database};
use crate::support::soak::{tell, times};

const PROCESSES: usize = 30;
const SERVER_CONNECTIONS: usize = 3;

/// A fresh database, and the way to it through the pooler.
struct Pooled {
    db: Database<sqlx::Postgres>,
    url: String,
}

async fn pooled(rig: &Rig, mode: &str) -> Pooled {
    let pooler = rig.pgbouncer(mode).await;
    let (pool, url) = postgres_on(&rig.postgres().await).await;
    let (_, name) = url.rsplit_once('/').expect("a database");
    let through = with_database(&pooler, name);
    Pooled {
        db: of_postgres(pool, url),
        url: through,
    }
}

impl Pooled {
    /// How a service behind a pooler connects: nothing is prepared.
    fn pool(&self) -> PgPool {
        let options: PgConnectOptions = self.url.parse().expect("a URL");
        PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(options.statement_cache_capacity(0))
    }

    /// Advisory locks that anybody holds in this database.
    async fn locks(&self) -> usize {
        let held = "SELECT l.pid::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                    WHERE l.locktype = 'advisory' AND d.datname = current_database()";
        self.db.strings(held).await.len()
    }

    /// Gives the server its connections back, which the pooler would keep for the next client of this database.
    async fn end(self) {
        let others = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let _ = self.db.strings(others).await;
        self.db.pool.close().await;
    }

    /// Every setting, the roles and the process of each server connection of this database's pool: three
    /// transactions at once are on all three of them.
    async fn server_connections(&self) -> Vec<(String, Vec<String>)> {
        let mut clients = Vec::new();
        for _ in 0..SERVER_CONNECTIONS {
            let mut client = PgConnection::connect(&self.url).await.expect("PgBouncer");
            execute(&mut client, "BEGIN").await;
            let pid = fetch(&mut client, "SELECT pg_backend_pid()::text").await;
            let settings = "SELECT name || ' = ' || setting FROM pg_settings \
                            UNION ALL SELECT 'current_user = ' || current_user \
                            UNION ALL SELECT 'session_user = ' || session_user ORDER BY 1";
            let settings = fetch(&mut client, settings).await;
            clients.push((client, pid[0].clone(), settings));
        }
        let mut seen = Vec::new();
        for (mut client, pid, settings) in clients {
            execute(&mut client, "ROLLBACK").await;
            client.close().await.expect("an orderly end");
            seen.push((pid, settings));
        }
        seen
    }
}

async fn execute(connection: &mut PgConnection, statement: &'static str) {
    let done = sqlx::raw_sql(statement).execute(connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn fetch(connection: &mut PgConnection, query: &'static str) -> Vec<String> {
    use sqlx::Row as _;
    let rows = sqlx::raw_sql(query).fetch_all(connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

/// Sets all that a migration may set: what each name resolves to, what may wait how long, who one is.
const SETS: &str = "SET search_path = elsewhere, public;
SET lock_timeout = '7777ms';
SET statement_timeout = '77777ms';
SET my.own = 'leaked';
SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE;
SET ROLE pg_monitor;
";

/// Revisions of every kind; each leaves the server process that it ran on, once for each time that it ran.
fn revisions() -> Migrations {
    let audit =
        |rev: &str| format!("INSERT INTO public.audit VALUES ('{rev}', pg_backend_pid());\n");
    let up = |words: &str, body: String, down: &str| {
        format!("-- @upgrade {words}\n{body}-- @downgrade\n{down}")
    };
    migrations(&[
        (
            "r1",
            "",
            "",
            &up(
                "",
                format!(
                    "CREATE TABLE audit (rev text NOT NULL, pid int NOT NULL);\nGRANT ALL ON audit TO PUBLIC;\n\
                     CREATE SCHEMA elsewhere;\nCREATE TABLE rows (id int, done int NOT NULL);\n\
                     INSERT INTO rows SELECT id, 0 FROM generate_series(1, 30) id;\n{}",
                    audit("r1")
                ),
                "DROP TABLE audit, rows;\nDROP SCHEMA elsewhere;\n",
            ),
        ),
        (
            "r2",
            "r1",
            "",
            &up("", format!("{SETS}{}", audit("r2")), &format!("{SETS}{}", audit("r2 down"))),
        ),
        (
            "r3",
            "r2",
            "",
            &up(
                "autocommit",
                format!("{}CREATE INDEX CONCURRENTLY audit_rev ON audit (rev);\n", audit("r3")),
                "DROP INDEX audit_rev;\n",
            ),
        ),
        (
            "r4",
            "r3",
            "",
            &up("autocommit", format!("{SETS}{}", audit("r4")), ""),
        ),
        (
            "r5",
            "r4",
            "",
            &up("lock_timeout=3s statement_timeout=33s", audit("r5"), ""),
        ),
        (
            "r6",
            "r5",
            "",
            &up(
                "autocommit lock_timeout=3s statement_timeout=33s",
                format!("{}CREATE INDEX CONCURRENTLY rows_id ON rows (id);\n", audit("r6")),
                "DROP INDEX rows_id;\n",
            ),
        ),
        (
            "r7",
            "r6",
            "",
            &up(
                "repeat lock_timeout=3s statement_timeout=33s",
                "UPDATE rows SET done = done + 1 WHERE id IN (SELECT id FROM rows WHERE done = 0 LIMIT 10);\n"
                    .to_owned(),
                "",
            ),
        ),
        (
            "r8",
            "r7",
            "",
            &up("", audit("r8"), ""),
        ),
    ])
}

const APPLIED: [&str; 7] = ["r1", "r2", "r3", "r4", "r5", "r6", "r8"];

/// An error with its causes.
fn whole(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Nothing was wrong, or the first of it is shown.
fn none(wrong: &[String]) {
    let first = &wrong[..wrong.len().min(3)];
    assert!(wrong.is_empty(), "{} times wrong: {first:#?}", wrong.len());
}

/// How many steps a process ran; none where it failed.
/// What is on a server connection that no fresh one has, by name; and on how many of those that ran the steps
/// with a `SET` this was looked for.
async fn leaks(rig: &Rig, here: &Pooled) -> (Vec<String>, usize) {
    let fresh = pooled(rig, "transaction").await;
    let clean = fresh.server_connections().await.swap_remove(0).1;
    fresh.end().await;
    let setters = here
        .db
        .strings("SELECT DISTINCT pid::text FROM audit WHERE rev IN ('r2', 'r4')")
        .await;
    let seen = here.server_connections().await;
    let mut leaked = Vec::new();
    for (pid, settings) in &seen {
        leaked.extend(
            settings
                .iter()
                .filter(|setting| !clean.contains(setting))
                .map(|setting| format!("{pid}: {setting}")),
        );
    }
    let met = seen.iter().filter(|(pid, _)| setters.contains(pid)).count();
    (leaked, met)
}

/// Each step in one process, no lock left behind, no setting left on a server connection.
#[tokio::test]
async fn thirty_processes_boot_through_transaction_pooling() {
    let Some(rig) = rig() else { return };
    let (mut wrong, mut runs, mut met_all) = (Vec::new(), 0, 0);
    let mut slowest = Duration::ZERO;
    for _ in 0..times(1, 30) {
        runs += PROCESSES;
        let here = pooled(&rig, "transaction").await;
        let files_in = Files::of(&revisions());
        let began = Instant::now();
        let children: Vec<Boot> = (0..PROCESSES)
            .map(|_| files_in.upgrade(&here.url, "heads"))
            .collect();
        let mut ran = 0;
        for child in children {
            let output = child.end().await;
            match output.steps() {
                Some(steps) => ran += steps,
                None => wrong.push(format!("{output:?}")),
            }
        }
        slowest = slowest.max(began.elapsed());
        if ran != 8 {
            wrong.push(format!("{ran} steps were reported"));
        }
        let audit = here.db.strings("SELECT rev FROM audit ORDER BY rev").await;
        if audit != APPLIED {
            wrong.push(format!("applied: {audit:?}"));
        }
        let odd = here
            .db
            .strings("SELECT id::text FROM rows WHERE done <> 1")
            .await;
        if !odd.is_empty() {
            wrong.push(format!("rows not updated once: {odd:?}"));
        }
        if here.locks().await != 0 {
            wrong.push("an advisory lock is left".to_owned());
        }
        let (leaked, met) = leaks(&rig, &here).await;
        met_all += met;
        wrong.extend(leaked);
        here.end().await;
    }
    tell(
        "30 processes boot through PgBouncer's transaction pooling, 3 server connections",
        runs,
        wrong.len(),
        format!(
            "slowest round {:.1} s; settings compared on {met_all} connections that had run a SET",
            slowest.as_secs_f64()
        ),
    );
    none(&wrong);
    assert!(met_all > 0, "a connection that ran a SET was looked at");
}

/// The library in one process: many boots at once, code among the steps, and all the way down again.
#[tokio::test]
async fn the_library_behind_transaction_pooling() {
    let Some(rig) = rig() else { return };
    const BOOTS: usize = 20;
    let (mut wrong, mut runs) = (Vec::new(), 0);
    for _ in 0..times(2, 40) {
        runs += BOOTS + 1;
        let here = pooled(&rig, "transaction").await;
        let files = Migrations::merge([
            revisions(),
            migrations(&[("code", "", "", "-- @upgrade rust\n-- @downgrade rust\n")]),
        ]);
        let files = files.expect("two branches");
        let migrator = |pool: PgPool| {
            Migrator::new(pool, files.clone())
                .on_upgrade("code", |connection| {
                    Box::pin(async move {
                        sqlx::raw_sql("CREATE TABLE code (id int)")
                            .execute(&mut *connection)
                            .await?;
                        // By the extended protocol, and twice: a cached statement would be another server's.
                        for id in 1..=2 {
                            sqlx::query("INSERT INTO code VALUES ($1)")
                                .bind(id)
                                .execute(&mut *connection)
                                .await?;
                        }
                        sqlx::raw_sql("SET search_path = elsewhere")
                            .execute(connection)
                            .await?;
                        Ok(())
                    })
                })
                .on_downgrade("code", |connection| {
                    Box::pin(async move {
                        sqlx::query("DROP TABLE code").execute(connection).await?;
                        Ok(())
                    })
                })
        };
        let mut boots = tokio::task::JoinSet::new();
        for _ in 0..BOOTS {
            let migrator = migrator(here.pool());
            boots.spawn(async move { migrator.upgrade("heads").await });
        }
        let mut migrated = 0;
        while let Some(report) = boots.join_next().await {
            match report.expect("no panic") {
                Ok(report) => migrated += usize::from(report.outcome == Outcome::Migrated),
                Err(error) => wrong.push(whole(&error)),
            }
        }
        let audit = here.db.strings("SELECT rev FROM audit ORDER BY rev").await;
        let code = here
            .db
            .strings("SELECT id::text FROM code ORDER BY id")
            .await;
        if audit != APPLIED || code != ["1", "2"] || migrated == 0 {
            wrong.push(format!("applied: {audit:?}, code: {code:?}, by {migrated}"));
        }
        let (leaked, met) = leaks(&rig, &here).await;
        assert!(met > 0, "a connection that ran a SET was looked at");
        wrong.extend(leaked);
        if let Err(error) = migrator(here.pool()).downgrade("base").await {
            wrong.push(whole(&error));
        }
        let left = here.db.tables().await;
        if left != ["limbeck_history", "limbeck_history_lock", "limbeck_version"] {
            wrong.push(format!("left: {left:?}"));
        }
        if here.locks().await != 0 {
            wrong.push("an advisory lock is left".to_owned());
        }
        here.end().await;
    }
    tell(
        "20 boots in one process and a downgrade through transaction pooling",
        runs,
        wrong.len(),
        "",
    );
    none(&wrong);
}

/// A process killed inside a transaction: its server connection does not go back to the pool with it.
#[tokio::test]
async fn a_killed_process_leaves_no_transaction_in_the_pool() {
    let Some(rig) = rig() else { return };
    let files = migrations(&[
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
            "-- @upgrade\nINSERT INTO audit VALUES ('b');\nSELECT pg_sleep(600) WHERE NOT EXISTS (SELECT 1 FROM audit WHERE rev = 'go');\n",
        ),
    ]);
    let (mut wrong, mut waits) = (Vec::new(), Vec::new());
    let runs = times(3, 50);
    for _ in 0..runs {
        let here = pooled(&rig, "transaction").await;
        let files_in = Files::of(&files);
        let mut child = files_in.upgrade(&here.url, "heads");
        let busy = "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND query LIKE '%pg_sleep(600)%' AND state <> 'idle'";
        while here.db.strings(busy).await.is_empty() {
            assert!(child.is_running(), "{:?}", child.end().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().await;
        let began = Instant::now();
        // What the next boot needs so that it does not sleep as well.
        let go = here.db.run("INSERT INTO audit VALUES ('go')");
        go.await;
        let output = files_in.upgrade(&here.url, "heads").end().await;
        waits.push(began.elapsed());
        if output.steps() != Some(1) {
            wrong.push(format!("{output:?}"));
        }
        let audit = here.db.strings("SELECT rev FROM audit ORDER BY rev").await;
        if audit != ["b", "go"] {
            wrong.push(format!("applied: {audit:?}"));
        }
        let open = "SELECT pid::text || ' ' || state FROM pg_stat_activity WHERE datname = current_database() \
                    AND pid <> pg_backend_pid() AND state <> 'idle'";
        wrong.extend(here.db.strings(open).await);
        if here.locks().await != 0 {
            wrong.push("an advisory lock is left".to_owned());
        }
        here.end().await;
    }
    waits.sort();
    tell(
        "a process killed inside a statement behind transaction pooling",
        runs,
        wrong.len(),
        format!(
            "the next boot was at the head after {:.2} s (median), {:.2} s (worst)",
            waits[runs / 2].as_secs_f64(),
            waits[runs - 1].as_secs_f64()
        ),
    );
    none(&wrong);
}

/// A process killed while it builds an index that a reader holds up.
#[tokio::test]
async fn a_process_killed_in_a_concurrent_build() {
    let Some(rig) = rig() else { return };
    let here = pooled(&rig, "transaction").await;
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\nCREATE TABLE audit (rev text NOT NULL);\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nINSERT INTO audit VALUES ('b');\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_id ON t (id);\nINSERT INTO audit VALUES ('b, behind it');\n",
        ),
    ]);
    let files_in = Files::of(&files);
    let output = files_in.upgrade(&here.url, "a").end().await;
    assert_eq!(output.steps(), Some(1), "{:?}", output);
    // A transaction that has written stands in the way of the build's first phase.
    let mut reader = PgConnection::connect(&here.db.url)
        .await
        .expect("PostgreSQL");
    execute(&mut reader, "BEGIN").await;
    execute(&mut reader, "INSERT INTO t VALUES (2)").await;
    let mut child = files_in.upgrade(&here.url, "heads");
    let invalid =
        "SELECT relname::text FROM pg_class JOIN pg_index ON indexrelid = oid WHERE NOT indisvalid";
    while here.db.strings(invalid).await.is_empty() {
        assert!(child.is_running(), "{:?}", child.end().await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().await;
    let began = Instant::now();
    let next = files_in.upgrade(&here.url, "heads");
    execute(&mut reader, "COMMIT").await;
    let output = next.end().await;
    let waited = began.elapsed();
    let audit = here.db.strings("SELECT rev FROM audit ORDER BY rev").await;
    let is_right = output.steps() == Some(1)
        && audit == ["b", "b, behind it"]
        && here.db.strings(invalid).await.is_empty()
        && here
            .db
            .strings("SELECT indexname::text FROM pg_indexes WHERE indexname = 't_id'")
            .await
            .len()
            == 1
        && here.locks().await == 0;
    tell(
        "a process killed in CREATE INDEX CONCURRENTLY behind transaction pooling, lease of 15 s",
        1,
        usize::from(!is_right),
        format!(
            "the next boot was at the head after {:.1} s",
            waited.as_secs_f64()
        ),
    );
    assert!(is_right, "{audit:?} {output:?}");
}

/// No step can be one transaction there: the run says so, by a variant of its own, and changes nothing.
#[tokio::test]
async fn statement_pooling_is_named() {
    let Some(rig) = rig() else { return };
    let here = pooled(&rig, "statement").await;
    let plain = migrations(&[(
        "a",
        "",
        "",
        "-- @upgrade\nCREATE TABLE a (id int);\n-- @downgrade\nDROP TABLE a;\n",
    )]);
    let alone = migrations(&[(
        "a",
        "",
        "",
        "-- @upgrade autocommit\nCREATE TABLE a (id int);\n",
    )]);
    for files in [plain.clone(), alone] {
        let error = Migrator::new(here.pool(), files.clone())
            .upgrade_to_head()
            .await
            .expect_err("no transaction holds");
        let Error::Run(run) = &error else {
            panic!("{error}")
        };
        assert!(
            matches!(**run, RunError::StatementPooling { .. }),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "the pooler between this service and PostgreSQL is in statement pooling, where no transaction holds: \
             set pool_mode to transaction or session, or give the migrator a direct connection. Nothing was changed"
        );
        let files_in = Files::of(&files);
        let output = files_in.upgrade(&here.url, "heads").end().await;
        assert_eq!(output.status.code(), Some(1), "{:?}", output);
        assert_eq!(output.error_kind().as_deref(), Some("statement_pooling"));
        assert_eq!(here.db.tables().await, Vec::<String>::new());
    }
    // Where nothing is to be done, no transaction is needed.
    let _ = Migrator::new(&here.db.pool, plain.clone())
        .upgrade_to_head()
        .await
        .expect("a direct connection");
    let report = Migrator::new(here.pool(), plain.clone())
        .upgrade_to_head()
        .await
        .expect("a look");
    assert_eq!(report.outcome, Outcome::AlreadyThere);
    let error = Migrator::new(here.pool(), plain)
        .downgrade("base")
        .await
        .expect_err("no transaction holds");
    assert!(error.to_string().contains("statement pooling"), "{error}");
    assert!(here.db.tables().await.contains(&"a".to_owned()));
    tell(
        "a run through PgBouncer's statement pooling",
        6,
        0,
        "a typed error, nothing changed",
    );
}

/// Leaves a search path on every server connection of the pool, as a client does that sets it and goes away.
async fn leave_a_path(here: &Pooled) {
    let mut clients = Vec::new();
    for _ in 0..SERVER_CONNECTIONS {
        let mut client = PgConnection::connect(&here.url).await.expect("PgBouncer");
        execute(&mut client, "BEGIN").await;
        execute(&mut client, "SET search_path = other").await;
        clients.push(client);
    }
    for mut client in clients {
        execute(&mut client, "COMMIT").await;
        client.close().await.expect("an orderly end");
    }
}

/// A session that another client's `SET search_path` stands in: a pinned path and role hold all the same, for looks and for
/// sections of every kind, and leave nothing there. Without one the run is told of the path.
#[tokio::test]
async fn a_path_that_another_client_left() {
    let Some(rig) = rig() else { return };
    let here = pooled(&rig, "transaction").await;
    let name = here
        .db
        .strings("SELECT current_database()::text")
        .await
        .remove(0);
    let role = format!("owner_{name}");
    here.db
        .run(&format!(
            "CREATE ROLE {role}; CREATE SCHEMA app AUTHORIZATION {role}; CREATE SCHEMA other"
        ))
        .await;
    let seen = "INSERT INTO seen VALUES (current_setting('search_path'), current_user);\n";
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE seen (path text, role text);\nCREATE TABLE rows (id int, done int);\nINSERT INTO rows VALUES (1, 0), (2, 0);\n",
        ),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade\n{seen}-- @downgrade\n{seen}"),
        ),
        (
            "c",
            "b",
            "",
            &format!("-- @upgrade autocommit\n{seen}{seen}-- @downgrade autocommit\n{seen}"),
        ),
        (
            "d",
            "c",
            "",
            "-- @upgrade repeat\nWITH one AS (UPDATE rows SET done = 1 WHERE id = (SELECT min(id) FROM rows WHERE done = 0) RETURNING 1) \
          INSERT INTO seen SELECT current_setting('search_path'), current_user FROM one;\n-- @downgrade\n",
        ),
        (
            "e",
            "d",
            "",
            &format!(
                "-- @upgrade\n{seen}-- @downgrade\n{seen}\n-- @verify\nSELECT 1 WHERE current_setting('search_path') <> 'app';\n"
            ),
        ),
    ]);
    let pinned = || {
        Migrator::new(here.pool(), files.clone())
            .pin_search_path(["app"])
            .pin_role(&role)
    };
    for target in ["b", "e", "e"] {
        leave_a_path(&here).await;
        let before = here.server_connections().await;
        let report = pinned().upgrade(target).await.expect("a run");
        assert_eq!(report.notes, []);
        assert_eq!(pinned().current().await.expect("heads"), [target]);
        for (pid, settings) in here.server_connections().await {
            let old = before.iter().find(|(old, _)| *old == pid);
            // Its own connections are closed, and others take their place.
            let expected = old.map_or(&settings, |(_, settings)| settings);
            assert_eq!(settings, *expected);
        }
    }
    leave_a_path(&here).await;
    let _ = pinned().downgrade("a").await.expect("down");
    leave_a_path(&here).await;
    let report = pinned().upgrade_to_head().await.expect("up again");
    assert_eq!(report.steps.len(), 4);
    let found = "SELECT DISTINCT path || ' ' || role FROM app.seen";
    assert_eq!(here.db.strings(found).await, [format!("app {role}")]);
    let elsewhere = "SELECT tablename::text FROM pg_tables WHERE schemaname IN ('other', 'public')";
    assert!(here.db.strings(elsewhere).await.is_empty());
    // Without the pin it works where the other client left it, and says so.
    leave_a_path(&here).await;
    let report = Migrator::new(here.pool(), files.clone())
        .upgrade("a")
        .await
        .expect("a run");
    let notes: Vec<String> = report.notes.iter().map(ToString::to_string).collect();
    assert!(
        matches!(&*notes, [note] if note.contains("\"other\"")),
        "{notes:?}"
    );
    here.db
        .run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
    here.end().await;
}
