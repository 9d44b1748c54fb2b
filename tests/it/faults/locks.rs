//! Locks under fault: holders that die while the server still works for them, clocks that disagree, lease rows
//! that somebody edits, waiters that go away, two kinds of steps that begin at one moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use limbeck::{Dialect, Migrations, Migrator};

use super::slow;
use crate::support::boots::Files;
use crate::support::servers::left_out;
use crate::support::soak::{is_full, tell, times};
use crate::support::{migrations, on_each};
use crate::together::mixed;

/// `a` makes the tables; then come these revisions, each one slow statement, in a section with these words.
fn slow_files(dialect: Dialect, revisions: &[(&str, &str)]) -> Migrations {
    let revisions: Vec<_> = revisions
        .iter()
        .map(|(id, words)| (*id, *words, vec![*id]))
        .collect();
    slow_files_of(dialect, &revisions)
}

/// The same, with one slow statement for each name.
fn slow_files_of(dialect: Dialect, revisions: &[(&str, &str, Vec<&str>)]) -> Migrations {
    let first = format!("-- @upgrade\n{}\n", slow::TABLES);
    let mut files = vec![("a", "", first)];
    for (id, words, names) in revisions {
        let mut sections = format!("-- @upgrade {words}\n");
        for name in names {
            sections.push_str(&format!("{};\n", slow::statement(dialect, name)));
        }
        files.push((id, files.last().expect("a").0, sections + "-- @downgrade\n"));
    }
    let files: Vec<(&str, &str, &str, &str)> = files
        .iter()
        .map(|(id, down, sections)| (*id, *down, "", sections.as_str()))
        .collect();
    migrations(&files)
}

/// Where a step is one transaction, and where it is not.
fn kinds_of_steps(dialect: Dialect) -> &'static [&'static str] {
    if dialect.is_mysql_family() {
        &[""]
    } else {
        &["", "autocommit"]
    }
}

fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::Sqlite => "SQLite",
        Dialect::Mysql => "MySQL",
        _ => "MariaDB",
    }
}

/// A pool of a process of its own, as it were.
macro_rules! pool_beside {
    ($db:expr) => {{
        let options = (*$db.pool.connect_options()).clone();
        $db.pool.options().clone().connect_lazy_with(options)
    }};
}

/// A pool whose SQLite does not wait by itself: how long limbeck waits is what counts.
macro_rules! pool_that_does_not_wait {
    ($db:expr) => {{
        let options = (*$db.pool.connect_options()).clone();
        let is_sqlite = $db.dialect == Dialect::Sqlite;
        let hooked = $db
            .pool
            .options()
            .clone()
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if is_sqlite {
                        sqlx::raw_sql("PRAGMA busy_timeout = 50")
                            .execute(connection)
                            .await?;
                    }
                    Ok(())
                })
            });
        hooked.connect_lazy_with(options)
    }};
}

fn seconds(times: &mut [Duration]) -> String {
    if times.is_empty() {
        return "never".to_owned();
    }
    times.sort();
    format!(
        "median {:.2} s, worst {:.2} s",
        times[times.len() / 2].as_secs_f64(),
        times[times.len() - 1].as_secs_f64()
    )
}

on_each! {
    /// A process is killed in a statement that would take another half minute, and the server knows nothing of
    /// it: the next one takes over when the server is done with that statement or has ended it, and never
    /// before. The statement itself counts who is in it.
    async fn a_statement_that_outlives_its_process(db) {
        for words in kinds_of_steps(db.dialect) {
            let rounds = times(1, 10);
            let ids: Vec<String> = (0..rounds).map(|n| format!("b{n}{words}")).collect();
            let revisions: Vec<(&str, &str)> = ids.iter().map(|id| (id.as_str(), *words)).collect();
            let all = slow_files(db.dialect, &revisions);
            let files = Files::of(&all);
            let migrator = Migrator::new(&db.pool, all);
            let _ = migrator.upgrade("a").await.expect("a");
            let (mut took, mut wrong) = (Vec::new(), Vec::new());
            for id in &ids {
                db.run("UPDATE pace SET seconds = 30").await;
                let mut child = files.upgrade(&db.url, id);
                if db.dialect == Dialect::Sqlite && words.is_empty() {
                    shut_out(&db.url).await;
                } else {
                    slow::begun(&db).await;
                }
                assert!(child.is_running(), "{:?}", child.end().await);
                child.kill().await;
                if db.dialect == Dialect::Sqlite {
                    // A process' own database: the statement died with it, and its lock was the file's.
                    assert_eq!(db.strings("SELECT rev FROM audit WHERE rev LIKE 'b%'").await.len(), took.len());
                } else {
                    assert_eq!(db.strings(slow::sessions(db.dialect)).await.len(), 1, "the server goes on");
                }
                if !is_full() {
                    // The default lease is what takes long here, and nothing but time.
                    db.run("UPDATE limbeck_history_lock SET lease_ms = 1000 WHERE holder IS NOT NULL").await;
                }
                db.run("UPDATE pace SET seconds = 0").await;
                let began = Instant::now();
                match migrator.upgrade(id.as_str()).await {
                    Ok(_) => took.push(began.elapsed()),
                    Err(error) => wrong.push(error.to_string()),
                }
                let found = db.strings(&format!("SELECT rev FROM audit WHERE rev LIKE '{id} %'")).await;
                if found != [format!("{id} beside 0")] {
                    wrong.push(format!("{found:?}"));
                }
            }
            let kind = if words.is_empty() && !db.dialect.is_mysql_family() { "a transaction" } else { "a lease" };
            tell(
                &format!("holder of {kind} killed in a 30 s statement that the server goes on with, {}", name_of(db.dialect)),
                rounds,
                wrong.len(),
                format!("takeover: {}{}", seconds(&mut took), if kind == "a lease" && !is_full() { " (lease of 1 s)" } else { "" }),
            );
            assert!(wrong.is_empty(), "{wrong:?}");
            let tables = ["audit", "pace", "limbeck_history", "limbeck_history_lock", "limbeck_version"];
            for table in tables {
                db.run(&format!("DROP TABLE {table}")).await;
            }
        }
    }

    /// The server ends the holder's session, as an administrator does: the step is done once all the same.
    async fn a_holder_whose_session_is_ended(db) {
        if db.dialect == Dialect::Sqlite {
            return; // It has no sessions that anybody could end.
        }
        for words in kinds_of_steps(db.dialect) {
            let all = slow_files(db.dialect, &[("b", words)]);
            let _ = Migrator::new(&db.pool, all.clone()).upgrade("a").await.expect("a");
            db.run("UPDATE pace SET seconds = 20").await;
            let holder = Migrator::new(pool_beside!(db), all.clone()).lease(Duration::from_secs(1));
            let holder = tokio::spawn(async move { holder.upgrade_to_head().await });
            let session = slow::begun(&db).await;
            let end = if db.dialect == Dialect::Postgres { format!("SELECT pg_terminate_backend({session})") } else { format!("KILL {session}") };
            db.run(&end).await;
            // Not before: the statement may not have read it yet.
            db.run("UPDATE pace SET seconds = 0").await;
            // Whether it comes back by itself or says that its connection is gone: both are true.
            if let Err(error) = holder.await.expect("no panic") {
                assert!(["connection", "statement_failed"].contains(&error.kind()), "{error}");
            }
            assert_eq!(Migrator::new(&db.pool, all).upgrade_to_head().await.expect("the next boot").current, ["b"]);
            assert_eq!(db.strings("SELECT rev FROM audit").await, ["b beside 0"]);
            let tables = ["audit", "pace", "limbeck_history", "limbeck_history_lock", "limbeck_version"];
            for table in tables {
                db.run(&format!("DROP TABLE {table}")).await;
            }
        }
    }

    /// Processes whose clocks are an hour apart, both ways, agree on who migrates.
    async fn clocks_an_hour_apart(db) {
        if !has_faketime() {
            return;
        }
        let files = Files::of(&mixed(db.dialect));
        let boots: Vec<_> = (0..9)
            .map(|n| files.upgrade_under(&clock(["-3600s", "+0s", "+3600s"][n % 3]), &db.url, "heads"))
            .collect();
        let mut ran = Vec::new();
        for boot in boots {
            ran.extend(boot.end().await.ran());
        }
        ran.sort();
        assert_eq!(ran, ["r1", "r2", "r3", "r4", "r5", "r6"]);
        assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["r1", "r2", "r3", "r4", "r6"]);
    }

    /// A live holder's lease is not taken for expired by a process in its future, nor by one in its past.
    async fn a_lease_across_clocks_an_hour_apart(db) {
        if !has_faketime() {
            return;
        }
        let words = "autocommit";
        let all = slow_files(db.dialect, &[("b0", words), ("b1", words)]);
        let files = Files::of(&all);
        let _ = Migrator::new(&db.pool, all).upgrade("a").await.expect("a");
        for (id, offsets) in [("b0", ["-3600s", "+3600s"]), ("b1", ["+3600s", "-3600s"])] {
            db.run("UPDATE pace SET seconds = 3").await;
            let holder = files.upgrade_under(&clock(offsets[0]), &db.url, id);
            slow::begun(&db).await;
            let waiter = files.upgrade_under(&clock(offsets[1]), &db.url, id);
            assert_eq!(holder.end().await.ran(), [id]);
            assert_eq!(waiter.end().await.ran(), Vec::<String>::new());
        }
        assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["b0 beside 0", "b1 beside 0"]);
    }

    /// Whatever somebody writes into the lease's row while nobody holds it: a typed error or a recovery.
    async fn a_lease_row_edited_while_nobody_holds_it(db) {
        let all = slow_files(db.dialect, &[("b", "autocommit"), ("c", "")]);
        let set = |change: &str| format!("UPDATE limbeck_history_lock SET {change}");
        let edits = [
            ("epoch below zero", set("epoch = -7"), Some("")),
            ("epoch at its end", set("epoch = 9223372036854775807"), None),
            ("counter below zero", set("beat = -7"), Some("")),
            ("counter at its end", set("beat = 9223372036854775807"), Some("")),
            ("a holder that never was", set("holder = 'nobody', lease_ms = 500"), Some("")),
            ("a holder without a time", set("holder = 'nobody', lease_ms = NULL, since = NULL"), Some("")),
            ("a time below zero", set("holder = 'nobody', lease_ms = -1"), Some("")),
            ("a time without end", set("holder = 'nobody', lease_ms = 9223372036854775807"), Some("lock_timeout")),
            ("a holder without a name", set("holder = '', lease_ms = 500"), Some("")),
            ("a holder with SQL for a name", set("holder = ''' OR 1=1; -- */ %', lease_ms = 500, pid = -1, session = '0; x'"), Some("")),
            ("no row", "DELETE FROM limbeck_history_lock".to_owned(), Some("")),
            ("no table", "DROP TABLE limbeck_history_lock".to_owned(), Some("")),
            ("a second row", "INSERT INTO limbeck_history_lock (scope, layout, epoch, beat, holder, lease_ms) SELECT 'other', layout, 9, 9, 'nobody', 100000 FROM limbeck_history_lock".to_owned(), Some("")),
            ("an older layout", set("layout = 0"), Some("")),
            ("a layout below zero", set("layout = -1"), Some("")),
            ("a newer layout", set("layout = 2"), Some("newer_layout")),
        ];
        let count = edits.len();
        let mut wrong = Vec::new();
        for (name, edit, expected) in edits {
            let migrator = Migrator::new(pool_beside!(db), all.clone()).lock_wait(Duration::from_secs(4)).lease(Duration::from_secs(1));
            let _ = migrator.upgrade("a").await.expect("a");
            db.run(&edit).await;
            let boot = tokio::spawn(async move { migrator.upgrade_to_head().await.map(|report| report.current) });
            let kind = match boot.await {
                Ok(Ok(heads)) if heads == ["c"] => "",
                Ok(Ok(_)) => "other heads",
                Ok(Err(error)) => error.kind(),
                Err(_) => "a panic",
            };
            // No kind is expected where the databases differ: any but a panic.
            if expected.map_or(kind == "a panic", |expected| kind != expected) {
                wrong.push(format!("{name}: {kind:?}, not {expected:?}"));
            }
            let mut found = db.strings("SELECT rev FROM audit ORDER BY rev").await;
            let heads = db.strings("SELECT version_num FROM limbeck_version").await;
            let there = match heads[0].as_str() { "a" => 0, "b" => 1, _ => 2 };
            if found.len() != there {
                wrong.push(format!("{name}: at {heads:?} with {found:?}"));
            }
            found.dedup();
            assert!(found.len() == there, "{name}: {found:?}");
            for table in ["audit", "pace", "limbeck_history", "limbeck_history_lock", "limbeck_version"] {
                db.run(&format!("DROP TABLE IF EXISTS {table}")).await;
            }
        }
        tell(&format!("lease row edited while nobody holds it, {}", name_of(db.dialect)), count, wrong.len(), "each recovered from or told");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// Whatever somebody writes into the lease's row under a live holder: nothing is committed twice, nobody
    /// panics or hangs, and the next boot finishes.
    async fn a_lease_row_edited_under_its_holder(db) {
        let all = slow_files_of(db.dialect, &[("b", "autocommit", vec!["b1", "b2"]), ("c", "", vec!["c0"])]);
        let set = |change: &str| format!("UPDATE limbeck_history_lock SET {change}");
        let edits = [
            ("the holder removed", set("holder = NULL")),
            ("no row", "DELETE FROM limbeck_history_lock".to_owned()),
            ("epoch lowered", set("epoch = epoch - 1, lease_ms = 500")),
            ("a short time", set("lease_ms = 1")),
            ("a newer layout", set("layout = 2")),
            ("another holder", set("holder = 'nobody', lease_ms = 500")),
            ("epoch raised", set("epoch = epoch + 1, lease_ms = 500")),
            ("counter lowered", set("beat = -5")),
            ("no time", set("lease_ms = NULL")),
            ("a time below zero", set("lease_ms = -1")),
        ];
        // The likeliest in every run.
        let count = times(3, edits.len());
        let mut wrong = Vec::new();
        for (name, edit) in edits.into_iter().take(count) {
            let boot = |pool| {
                let migrator = Migrator::new(pool, all.clone()).lock_wait(Duration::from_secs(15)).lease(Duration::from_secs(1));
                tokio::spawn(async move { migrator.upgrade_to_head().await })
            };
            let _ = Migrator::new(&db.pool, all.clone()).upgrade("a").await.expect("a");
            // SQLite shuts the editor out while the statement runs: there it comes right behind it, and how long that is
            // the machine's other load decides.
            let patience = if db.dialect == limbeck::Dialect::Sqlite { "PRAGMA busy_timeout = 600000; " } else { "" };
            db.run("UPDATE pace SET seconds = 1").await;
            let holder = boot(pool_beside!(db));
            slow::begun(&db).await;
            db.run(&format!("{patience}{edit}")).await;
            let waiter = boot(pool_beside!(db));
            for (who, end) in [("holder", holder.await), ("waiter", waiter.await)] {
                match end {
                    Err(_) => wrong.push(format!("{name}: the {who} panicked")),
                    Ok(Ok(report)) if report.current != ["c"] => wrong.push(format!("{name}: the {who} is at {:?}", report.current)),
                    Ok(_) => {}
                }
            }
            if !db.strings("SELECT scope FROM limbeck_history_lock").await.is_empty() {
                db.run("UPDATE limbeck_history_lock SET layout = 1").await;
            }
            db.run("UPDATE pace SET seconds = 0").await;
            if let Err(error) = Migrator::new(&db.pool, all.clone()).upgrade_to_head().await {
                wrong.push(format!("{name}: the last boot: {error}"));
            }
            let mut found = db.strings("SELECT rev FROM audit ORDER BY rev").await;
            // Who else was in the statement may have been told to go already: what counts is what was committed.
            found.iter_mut().for_each(|rev| rev.truncate(2));
            if found != ["b1", "b2", "c0"] {
                wrong.push(format!("{name}: {found:?}"));
            }
            for table in ["audit", "pace", "limbeck_history", "limbeck_history_lock", "limbeck_version"] {
                db.run(&format!("DROP TABLE IF EXISTS {table}")).await;
            }
        }
        tell(&format!("lease row edited under its holder, {}", name_of(db.dialect)), count, wrong.len(), "nothing committed twice");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    /// A waiter that is dropped leaves nothing: no transaction, no lock, no change of the lease.
    async fn a_waiter_that_goes_away(db) {
        for words in kinds_of_steps(db.dialect) {
            let all = slow_files(db.dialect, &[("b", words)]);
            let _ = Migrator::new(&db.pool, all.clone()).upgrade("a").await.expect("a");
            db.run("UPDATE pace SET seconds = 3").await;
            let holder = Migrator::new(pool_beside!(db), all.clone());
            let holder = tokio::spawn(async move { holder.upgrade_to_head().await });
            if db.dialect == Dialect::Sqlite && words.is_empty() {
                shut_out(&db.url).await;
            } else {
                slow::begun(&db).await;
            }
            let lease = db.strings("SELECT holder FROM limbeck_history_lock").await;
            let pool = pool_beside!(db);
            let waiter = Migrator::new(pool.clone(), all.clone());
            let mut dropped = 0;
            for polls in 1..=times(40, 120) {
                let work = waiter.upgrade_to_head();
                let mut work = std::pin::pin!(work);
                let mut left = polls;
                let ended = std::future::poll_fn(|context| {
                    left -= 1;
                    match work.as_mut().poll(context) {
                        std::task::Poll::Ready(end) => std::task::Poll::Ready(Some(end)),
                        std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                        std::task::Poll::Pending => std::task::Poll::Pending,
                    }
                })
                .await;
                // It has nothing to wait for any more once the holder has committed.
                if let Some(end) = ended {
                    assert_eq!(end.expect("the holder's work is done").current, ["b"]);
                    break;
                }
                dropped += 1;
            }
            // A connection of SQLite's goes on waiting for up to 5 s behind its waiter: a few use up the pool.
            let enough = if db.dialect == Dialect::Sqlite { 1 } else { 10 };
            assert!(dropped >= enough, "{dropped} waiters were dropped");
            if dropped == times(40, 120) && !holder.is_finished() {
                assert_eq!(db.strings("SELECT holder FROM limbeck_history_lock").await, lease);
            }
            assert_eq!(holder.await.expect("no panic").expect("the holder").current, ["b"]);
            assert_eq!(db.strings("SELECT rev FROM audit").await, ["b beside 0"]);
            assert_eq!(db.strings("SELECT holder FROM limbeck_history_lock").await, ["NULL"]);
            let quiet = match db.dialect {
                Dialect::Postgres => "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND (state <> 'idle') UNION ALL SELECT l.pid::text FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.locktype = 'advisory'",
                Dialect::Sqlite => "SELECT 1 WHERE 0",
                _ => "SELECT CONVERT(trx_mysql_thread_id, CHAR) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id IN (SELECT id FROM information_schema.processlist WHERE db = DATABASE())",
            };
            let mut polls = 0;
            while !db.strings(quiet).await.is_empty() {
                polls += 1;
                assert!(polls < 100, "a dropped waiter's session is still at work");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(waiter.upgrade_to_head().await.expect("its pool works").current, ["b"]);
            for table in ["audit", "pace", "limbeck_history", "limbeck_history_lock", "limbeck_version"] {
                db.run(&format!("DROP TABLE {table}")).await;
            }
        }
    }

    /// A step that is one transaction and one that is none, on two branches, let go at the same moment: one
    /// after the other, by the database's own clock.
    async fn two_kinds_of_steps_exclude_each_other(db) {
        let (now, wait) = match db.dialect {
            Dialect::Postgres => ("clock_timestamp()::text", "SELECT pg_sleep(0.02)"),
            Dialect::Sqlite => ("strftime('%Y-%m-%d %H:%M:%f', 'now')", "SELECT 1"),
            _ => ("CONVERT(SYSDATE(6), CHAR)", "DO SLEEP(0.02)"),
        };
        let section = |id: &str, words: &str| format!(
            "-- @upgrade {words}\nINSERT INTO spans (rev, began) VALUES ('{id}', {now});\n{wait};\nUPDATE spans SET ended = {now} WHERE rev = '{id}' AND ended IS NULL;\n-- @downgrade\n"
        );
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE spans (rev VARCHAR(9), began VARCHAR(40), ended VARCHAR(40));\n"),
            ("l", "a", "", &section("l", "")),
            ("r", "a", "", &section("r", "autocommit")),
        ]);
        let rounds = times(25, 1000);
        let whole = Migrator::new(&db.pool, files.clone());
        let _ = whole.upgrade("a").await.expect("a");
        let mut wrong = Vec::new();
        let pools = [pool_beside!(db), pool_beside!(db)];
        for round in 0..rounds {
            let start = Arc::new(tokio::sync::Barrier::new(2));
            let mut both = tokio::task::JoinSet::new();
            for (pool, target) in pools.iter().zip(["l", "r"]) {
                let (migrator, start) = (Migrator::new(pool.clone(), files.clone()), start.clone());
                both.spawn(async move {
                    start.wait().await;
                    migrator.upgrade(target).await
                });
            }
            while let Some(end) = both.join_next().await {
                if let Err(error) = end.expect("no panic") {
                    wrong.push(format!("round {round}: {error}"));
                }
            }
            let _ = whole.downgrade("a").await.expect("back to the beginning");
        }
        let overlaps = db.strings(
            "SELECT x.began FROM spans x, spans y WHERE x.rev = 'l' AND y.rev = 'r' AND x.began < y.ended AND y.began < x.ended",
        ).await;
        let each = db.strings("SELECT rev FROM spans WHERE ended IS NOT NULL").await.len();
        tell(
            &format!("a transactional and an autocommit step begin at one moment, {}", name_of(db.dialect)),
            rounds,
            wrong.len() + overlaps.len() + (2 * rounds).abs_diff(each),
            format!("{} overlaps among {each} steps", overlaps.len()),
        );
        assert!(wrong.is_empty() && overlaps.is_empty() && each == 2 * rounds, "{wrong:#?} {overlaps:#?} {each}");
    }

    /// Who waits too long for a lease is told who has it, since when, and what it does.
    async fn the_holder_of_a_lease_is_named(db) {
        let all = slow_files(db.dialect, &[("b", "autocommit")]);
        let (text, statement) = told_to_a_waiter(&db, all, pool_beside!(db), pool_that_does_not_wait!(db)).await;
        // Of which server, since a cluster has several.
        let session = match db.dialect {
            Dialect::Sqlite => "",
            Dialect::Postgres => ", session N of the server",
            _ => ", session N@SERVER of the server",
        };
        assert_eq!(text, format!(
            "the migration lock was not to be had within N s: held by billing on host HOST, process N{session}, since N, \
             at revision b"
        ));
        match db.dialect {
            // A statement that shares a transaction with its record is seen in the list of sessions, if there is one.
            Dialect::Sqlite => assert!(statement.starts_with(". Nothing was changed by this call"), "{statement}"),
            Dialect::Postgres => assert!(statement.starts_with(", in: WITH others AS"), "{statement}"),
            _ => assert!(statement.starts_with(", in: INSERT INTO audit"), "{statement}"),
        }
    }

    /// The same of a transaction's lock. SQLite does not know who has it.
    async fn the_holder_of_a_transaction_is_named(db) {
        if db.dialect.is_mysql_family() {
            return;
        }
        let all = slow_files(db.dialect, &[("b", "")]);
        let (text, statement) = told_to_a_waiter(&db, all, pool_beside!(db), pool_that_does_not_wait!(db)).await;
        if db.dialect == Dialect::Sqlite {
            assert_eq!(text, "the migration lock was not to be had within N s: another connection holds it, which this role or \
                              database cannot show. Nothing was changed by this call since it began to wait; call again once \
                              the holder is done, or raise `lock_wait`");
            return;
        }
        assert_eq!(text, "the migration lock was not to be had within N s: held by billing on host HOST, process N, session N of \
                          the server, since N, at revision b");
        assert!(statement.starts_with(", in: WITH others AS"), "{statement}");
        assert!(statement.ends_with("Nothing was changed by this call since it began to wait; call again once the holder is done, or raise `lock_wait`"), "{statement}");
    }
}

/// Boots beside a holder in a slow statement, for a short time. The error, with what changes from run to run
/// replaced, and apart from it what follows the revision.
async fn told_to_a_waiter<DB: limbeck::migrator::Backend>(
    db: &crate::support::servers::Database<DB>,
    all: Migrations,
    pool: sqlx::Pool<DB>,
    waiting: sqlx::Pool<DB>,
) -> (String, String)
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let is_transaction = all
        .get("b")
        .is_some_and(|b| !b.text().contains("autocommit"));
    let _ = Migrator::new(&db.pool, all.clone())
        .upgrade("a")
        .await
        .expect("a");
    // SQLite's seconds are shorter.
    let pace = if db.dialect == Dialect::Sqlite { 6 } else { 2 };
    db.run(&format!("UPDATE pace SET seconds = {pace}")).await;
    let holder = Migrator::new(pool, all.clone()).application("billing");
    let holder = tokio::spawn(async move { holder.upgrade_to_head().await });
    if db.dialect == Dialect::Sqlite && is_transaction {
        shut_out(&db.url).await;
    } else {
        slow::begun(db).await;
    }
    let waiter = Migrator::new(waiting, all).lock_wait(Duration::from_millis(300));
    let error = waiter.upgrade_to_head().await.expect_err("it is held");
    assert!(error.is_lock_timeout(), "{error}");
    assert_eq!(
        holder.await.expect("no panic").expect("the holder").current,
        ["b"]
    );
    let mut text = error.to_string();
    if db.dialect.is_mysql_family() {
        let server = db
            .strings("SELECT CONCAT('@', @@hostname, ':', CONVERT(@@port, CHAR))")
            .await;
        text = text.replace(&server[0], "@SERVER");
    }
    let text = redacted(&text).replace(" N ms", " N s");
    let end = text
        .find("at revision b")
        .map_or(text.len(), |at| at + "at revision b".len());
    (text[..end].to_owned(), text[end..].to_owned())
}

/// The host and whatever begins with a digit as placeholders.
fn redacted(text: &str) -> String {
    let host = whoami::hostname().expect("a host");
    let mut redacted = String::new();
    let text = text.replace(&format!("on host {host}"), "on host HOST");
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let value = rest[start..].find(|c: char| !(c.is_ascii_digit() || "-:.TZ".contains(c)));
        let value = &rest[start..value.map_or(rest.len(), |length| start + length)];
        let value = value.trim_end_matches(['.', ':']);
        redacted.push_str(&rest[..start]);
        redacted.push('N');
        rest = &rest[start + value.len()..];
    }
    redacted + rest
}

/// Waits until a writer of this SQLite file shuts every other out.
async fn shut_out(url: &str) {
    use sqlx::ConnectOptions as _;
    use std::str::FromStr as _;
    let options = sqlx::sqlite::SqliteConnectOptions::from_str(url)
        .expect("a URL")
        .busy_timeout(Duration::ZERO);
    let mut connection = options.connect().await.expect("SQLite");
    for _ in 0..3000 {
        match sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK")
            .execute(&mut connection)
            .await
        {
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => {
                assert!(error.to_string().contains("locked"), "{error}");
                // A bookkeeping write is over at once; what stays is the slow statement.
                tokio::time::sleep(Duration::from_millis(100)).await;
                if sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK")
                    .execute(&mut connection)
                    .await
                    .is_err()
                {
                    return;
                }
            }
        }
    }
    panic!("nobody came to write");
}

/// A clock that far away, but none faked of those that only measure.
fn clock(offset: &'static str) -> [&'static str; 5] {
    [
        "env",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "faketime",
        "-f",
        offset,
    ]
}

fn has_faketime() -> bool {
    let found = std::process::Command::new("faketime")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        assert!(
            std::env::var_os("LIMBECK_TEST_REQUIRE_SERVERS").is_none(),
            "faketime is not installed, and LIMBECK_TEST_REQUIRE_SERVERS forbids leaving this test out"
        );
        left_out("clocks an hour apart need the program faketime");
    }
    found
}
