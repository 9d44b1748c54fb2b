//! Each revision starts from the session as the pool gave it: one call and many leave the same database.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use limbeck::{Dialect, Migrations, Migrator, Revision};

use crate::support::servers::{Database, sqlite};
use crate::support::{file, migrations};

/// A kind of statement that changes its session: a name, and a section with `{n}` for a number of its own.
type Kind = (&'static str, &'static str);

/// A query of one cell that tells something of a session.
type Probe = (&'static str, &'static str);

/// A generated history: a base, then by turns a revision that changes its session and one that writes down what it finds.
struct History {
    migrations: Migrations,
    ids: Vec<String>,
    met: BTreeSet<&'static str>,
}

fn history(dialect: Dialect, seed: u64, base: &str, kinds: &[Kind], probes: &[Probe]) -> History {
    // Knuth's MMIX generator.
    let mut state = seed;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut files: Vec<(String, String)> = vec![("r000".into(), format!("-- @upgrade\n{base}\n"))];
    let mut met = BTreeSet::new();
    for n in 0..12 {
        let mut words = if next(2) == 0 { "" } else { " autocommit" };
        let mut changes = String::new();
        for _ in 0..=next(2) {
            let (name, text) = kinds[next(kinds.len())];
            met.insert(name);
            if name.ends_with("(autocommit)") {
                words = " autocommit";
            }
            let number = files.len() * 10 + next(10);
            if !changes.contains(
                text.split(' ')
                    .take(3)
                    .collect::<Vec<_>>()
                    .join(" ")
                    .as_str(),
            ) {
                changes.push_str(&text.replace("{n}", &number.to_string()));
                changes.push('\n');
            }
        }
        files.push((
            format!("r{:03}", 2 * n + 1),
            format!("-- @upgrade{words}\n{changes}"),
        ));
        files.push((format!("r{:03}", 2 * n + 2), look(dialect, n, probes)));
    }
    History {
        migrations: chain(&files),
        ids: files.into_iter().map(|(id, _)| id).collect(),
        met,
    }
}

/// A section that writes down what it finds in its session.
fn look(dialect: Dialect, n: usize, probes: &[Probe]) -> String {
    let mut look = format!("-- @upgrade\nINSERT INTO users (note) VALUES ('{n}');\n");
    for (name, probe) in probes {
        look.push_str(&format!(
            "INSERT INTO seen (n, what, value) VALUES ({n}, '{name}', ({probe}));\n"
        ));
    }
    if dialect.is_mysql_family() {
        look.push_str(&format!("CREATE TABLE made_{n} (id INT);\n"));
    }
    look
}

/// One revision behind the other.
fn chain(files: &[(String, String)]) -> Migrations {
    let revisions = files.iter().enumerate().map(|(index, (id, sections))| {
        let down = index.checked_sub(1).map_or("", |before| &files[before].0);
        Revision::parse(format!("{id}.sql"), file(id, down, "", sections))
            .unwrap_or_else(|error| panic!("{error}\n{sections}"))
    });
    Migrations::new(revisions).expect("a valid graph")
}

/// Each kind in a revision of its own, and all of them in code: none is seen in the revision behind it.
macro_rules! no_member_reaches_the_next {
    ($make:expr, $base:expr, $kinds:expr, $probes:expr) => {{
        let db = $make;
        let mut names = vec!["nothing"];
        let mut files: Vec<(String, String)> = vec![
            ("first".into(), format!("-- @upgrade\n{}\n", $base)),
            ("look0".into(), look(db.dialect, 0, $probes)),
        ];
        for (name, text) in $kinds {
            let number = names.len();
            let alone = name.ends_with("(autocommit)") || number % 2 == 0;
            let words = if alone { " autocommit" } else { "" };
            let text = text.replace("{n}", &number.to_string());
            files.push((
                format!("change{number}"),
                format!("-- @upgrade{words}\n{text}\n"),
            ));
            files.push((format!("look{number}"), look(db.dialect, number, $probes)));
            names.push(name);
        }
        let number = names.len();
        files.push(("code".into(), "-- @upgrade rust\n".into()));
        files.push((format!("look{number}"), look(db.dialect, number, $probes)));
        names.push("code");
        let migrator = Migrator::new(&db.pool, chain(&files)).on_upgrade("code", |connection| {
            Box::pin(async move {
                for (number, (name, text)) in $kinds.iter().enumerate() {
                    if !name.ends_with("(autocommit)") {
                        let text = text.replace("{n}", &(1000 + number).to_string());
                        let text = sqlx::AssertSqlSafe(text);
                        sqlx::raw_sql(text).execute(&mut *connection).await?;
                    }
                }
                Ok(())
            })
        });
        let _ = migrator
            .upgrade_to_head()
            .await
            .unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)));
        for (what, _) in $probes {
            let values = format!("SELECT value FROM seen WHERE what = '{what}' ORDER BY n");
            let values = db.strings(&values).await;
            assert_eq!(values.len(), names.len(), "{what}");
            for (value, name) in values.iter().zip(&names) {
                assert_eq!(*value, values[0], "{what} behind {name}");
            }
        }
        let users = db.strings("SELECT note FROM users").await;
        assert_eq!(users.len(), names.len(), "{users:?}");
    }};
}

/// One run of a history in one call, one in as many as it has revisions: over a pool of one connection each.
macro_rules! one_call_and_many {
    ($make:expr, $seeds:expr, $base:expr, $kinds:expr, $probes:expr, $told:expr) => {{
        let mut met = BTreeSet::new();
        for seed in $seeds {
            let mut found: Vec<BTreeMap<&str, Vec<String>>> = Vec::new();
            for many in [false, true] {
                let db = $make;
                let history = history(db.dialect, seed, $base, $kinds, $probes);
                met.extend(history.met);
                let targets = match many {
                    false => vec!["head".to_owned()],
                    true => history.ids.clone(),
                };
                for target in targets {
                    let options = (*db.pool.connect_options()).clone();
                    let pool = db
                        .pool
                        .options()
                        .clone()
                        .max_connections(1)
                        .connect_lazy_with(options);
                    let migrator = Migrator::new(&pool, history.migrations.clone());
                    let _ = migrator
                        .upgrade(target.as_str())
                        .await
                        .unwrap_or_else(|error| panic!("seed {seed}, many: {many}: {error}"));
                    pool.close().await;
                }
                let mut told = BTreeMap::new();
                for (name, query) in $told {
                    told.insert(name, db.strings(query).await);
                }
                told.insert("tables", db.tables().await);
                assert!(!told["seen"].is_empty());
                found.push(told);
            }
            for (what, one) in &found[0] {
                assert_eq!(one, &found[1][what], "seed {seed}: {what}");
            }
        }
        let all: BTreeSet<&str> = $kinds.iter().map(|(name, _)| *name).collect();
        assert_eq!(met, all, "each kind is met");
    }};
}

const KINDS: &[Kind] = &[
    ("foreign keys (autocommit)", "PRAGMA foreign_keys = OFF;"),
    ("checks", "PRAGMA ignore_check_constraints = ON;"),
    ("triggers", "PRAGMA recursive_triggers = ON;"),
    ("like", "PRAGMA case_sensitive_like = ON;"),
    ("schema", "PRAGMA writable_schema = ON;"),
    (
        "temporary store (autocommit)",
        "PRAGMA temp_store = MEMORY;",
    ),
    ("locking", "PRAGMA locking_mode = EXCLUSIVE;"),
    ("spill", "PRAGMA cache_spill = OFF;"),
    ("deletion", "PRAGMA secure_delete = FAST;"),
    ("order", "PRAGMA reverse_unordered_selects = ON;"),
    (
        "attached (autocommit)",
        "ATTACH ':memory:' AS aside; CREATE TABLE aside.only_aside (id INT);",
    ),
    (
        "temporary table",
        "CREATE TEMP TABLE users (id INTEGER PRIMARY KEY, note TEXT);",
    ),
    ("temporary view", "CREATE TEMP VIEW v AS SELECT 1 AS x;"),
    (
        "temporary trigger",
        "CREATE TEMP TRIGGER tt AFTER INSERT ON main.users BEGIN DELETE FROM users; END;",
    ),
];
const PROBES: &[Probe] = &[
    ("foreign_keys", "SELECT * FROM pragma_foreign_keys"),
    ("like", "SELECT 'a' LIKE 'A'"),
    ("temporary", "SELECT count(*) FROM temp.sqlite_master"),
    (
        "attached",
        "SELECT count(*) FROM pragma_database_list WHERE name NOT IN ('main', 'temp')",
    ),
    ("temp_store", "SELECT * FROM pragma_temp_store"),
    (
        "ignore_check_constraints",
        "SELECT * FROM pragma_ignore_check_constraints",
    ),
    (
        "recursive_triggers",
        "SELECT * FROM pragma_recursive_triggers",
    ),
    ("writable_schema", "SELECT * FROM pragma_writable_schema"),
    ("cache_spill", "SELECT * FROM pragma_cache_spill"),
    ("reverse", "SELECT * FROM pragma_reverse_unordered_selects"),
];
const BASE: &str = "CREATE TABLE users (id INTEGER PRIMARY KEY, note TEXT);\nCREATE TABLE seen (n INT, what TEXT, value TEXT);";

#[tokio::test]
async fn no_member_reaches_the_next_revision_on_sqlite() {
    no_member_reaches_the_next!(sqlite().await, BASE, KINDS, PROBES);
}

#[tokio::test]
async fn one_call_and_many_leave_the_same_on_sqlite() {
    one_call_and_many!(
        sqlite().await,
        1..12,
        BASE,
        KINDS,
        PROBES,
        [
            ("users", "SELECT note FROM users ORDER BY id"),
            (
                "seen",
                "SELECT n || ' ' || what || ' ' || coalesce(value, 'NULL') FROM seen ORDER BY n, what"
            ),
        ]
    );
}

/// Each pragma of a connection, and a value that it does not have by itself.
const PRAGMAS: &[(&str, &str)] = &[
    ("foreign_keys", "0"),
    ("legacy_alter_table", "1"),
    ("recursive_triggers", "1"),
    ("ignore_check_constraints", "1"),
    ("read_uncommitted", "1"),
    ("reverse_unordered_selects", "1"),
    ("cell_size_check", "1"),
    ("trusted_schema", "0"),
    ("writable_schema", "1"),
    ("automatic_index", "0"),
    ("full_column_names", "1"),
    ("short_column_names", "0"),
    ("count_changes", "1"),
    ("empty_result_callbacks", "1"),
    ("fullfsync", "1"),
    ("checkpoint_fullfsync", "1"),
    ("synchronous", "0"),
    ("locking_mode", "exclusive"),
    ("secure_delete", "1"),
    ("temp_store", "2"),
    ("cache_size", "77"),
    ("cache_spill", "0"),
    ("mmap_size", "1048576"),
    ("max_page_count", "5000"),
    ("journal_size_limit", "4096"),
    ("wal_autocheckpoint", "7"),
    ("analysis_limit", "99"),
    ("threads", "3"),
    ("busy_timeout", "4321"),
];

/// Runs a section, and behind it a query as code of the next revision, over one connection.
async fn seen_behind(section: &str, query: &'static str) -> (Vec<String>, Vec<String>) {
    let db = sqlite().await;
    let options = (*db.pool.connect_options()).clone();
    let pool = db
        .pool
        .options()
        .clone()
        .max_connections(1)
        .connect_lazy_with(options);
    let before = cells(&mut pool.acquire().await.expect("a connection"), query).await;
    let files = migrations(&[
        ("a", "", "", &format!("-- @upgrade autocommit\n{section}\n")),
        ("b", "a", "", "-- @upgrade rust\n"),
    ]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let migrator = Migrator::new(&pool, files).on_upgrade("b", move |connection| {
        let told = told.clone();
        Box::pin(async move {
            *told.lock().expect("a lock") = cells(connection, query).await;
            Ok(())
        })
    });
    let _ = migrator
        .upgrade_to_head()
        .await
        .unwrap_or_else(|error| panic!("{section}: {error}"));
    let seen = seen.lock().expect("a lock").clone();
    (before, seen)
}

async fn cells(connection: &mut sqlx::SqliteConnection, query: &str) -> Vec<String> {
    use sqlx::Row as _;
    let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(query.to_owned()))
        .fetch_all(connection)
        .await
        .unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter()
        .map(|row| {
            let cell: Option<String> = row.try_get_unchecked(0).expect("text");
            cell.unwrap_or_else(|| "NULL".to_owned())
        })
        .collect()
}

#[tokio::test]
async fn no_pragma_reaches_the_next_revision() {
    for (pragma, value) in PRAGMAS {
        let query: &'static str = format!("PRAGMA {pragma}").leak();
        let section = format!("PRAGMA {pragma} = {value};");
        let (before, seen) = seen_behind(&section, query).await;
        // A default that is that value would prove nothing.
        assert_ne!(before, [*value], "{pragma}");
        assert_eq!(seen, before, "{pragma}");
    }
    let like = seen_behind("PRAGMA case_sensitive_like = ON;", "SELECT 'a' LIKE 'A'").await;
    assert_eq!(like, (vec!["1".to_owned()], vec!["1".to_owned()]));
    // The mode of the file stays, the connection's goes.
    let mode = seen_behind("PRAGMA journal_mode = DELETE;", "PRAGMA journal_mode").await;
    assert_eq!(mode, (vec!["wal".to_owned()], vec!["delete".to_owned()]));
    let attached = "SELECT name FROM pragma_database_list WHERE name <> 'temp'";
    let attached = seen_behind("ATTACH ':memory:' AS aside;", attached).await;
    assert_eq!(attached, (vec!["main".to_owned()], vec!["main".to_owned()]));
}

/// SQLite: an orphan that a foreign key forbids is not committed, though the revision before switched keys off.
#[tokio::test]
async fn foreign_keys_hold_again_in_the_next_revision() {
    let db = sqlite().await;
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p INTEGER REFERENCES p (id));\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nPRAGMA foreign_keys = OFF;\n",
        ),
        ("c", "b", "", "-- @upgrade\nINSERT INTO c VALUES (7);\n"),
    ]);
    let error = Migrator::new(&db.pool, files)
        .upgrade_to_head()
        .await
        .expect_err("an orphan");
    assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
    assert_eq!(db.strings("SELECT p FROM c").await.len(), 0);
}

/// SQLite, in one transaction: what a section left is taken back inside it.
#[tokio::test]
async fn a_single_transaction_is_many_sessions() {
    let db = sqlite().await;
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE users (id INT CHECK (id < 5));\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\nCREATE TEMP TABLE users (id INT);\nPRAGMA ignore_check_constraints = ON;\n",
        ),
        ("c", "b", "", "-- @upgrade\nINSERT INTO users VALUES (1);\n"),
        ("d", "c", "", "-- @upgrade\nINSERT INTO users VALUES (9);\n"),
    ]);
    let single = |files: Migrations| {
        Migrator::new(&db.pool, files)
            .transaction_mode(limbeck::migrator::TransactionMode::SingleTransaction)
    };
    let error = single(files.clone())
        .upgrade_to_head()
        .await
        .expect_err("a check");
    assert!(error.to_string().contains("CHECK"), "{error}");
    let _ = single(files).upgrade("c").await.expect("c");
    assert_eq!(db.strings("SELECT id FROM users").await, ["1"]);
}

/// SQLite: ordinary sections are not followed by a look at the connection, however many they are.
#[tokio::test]
async fn ordinary_sections_ask_for_no_pragma() {
    let mut counts = Vec::new();
    for length in [1, 6] {
        let db = sqlite().await;
        let options = (*db.pool.connect_options()).clone();
        let pool = db
            .pool
            .options()
            .clone()
            .max_connections(1)
            .connect_lazy_with(options);
        let files: Vec<_> = (0..length)
            .map(|n| {
                let text = format!(
                    "-- @upgrade\nCREATE TABLE t{n} (id INT);\nINSERT INTO t{n} VALUES (1);\n"
                );
                (format!("r{n}"), text)
            })
            .collect();
        let statements = crate::support::trace::statements(&pool).await;
        let _ = Migrator::new(&pool, chain(&files))
            .upgrade_to_head()
            .await
            .expect("upgrade");
        let statements = statements.lock().expect("the list");
        let pragmas = statements.iter().filter(|text| text.contains("PRAGMA"));
        counts.push(pragmas.count());
    }
    assert!(counts[0] > 0, "the list is told of them");
    assert_eq!(counts[0], counts[1]);
}

/// SQLite: of two table rebuilds the second has its switches too, whatever the first one set.
#[tokio::test]
async fn a_rebuild_keeps_its_switches_behind_a_pragma() {
    let db = sqlite().await;
    let rebuild = "PRAGMA cache_size = 77;\nCREATE TABLE p2 (id INTEGER PRIMARY KEY);\n\
                   INSERT INTO p2 SELECT id FROM p;\nDROP TABLE p;\nALTER TABLE p2 RENAME TO p;\n";
    let base = "CREATE TABLE p (id INTEGER PRIMARY KEY);\n\
                CREATE TABLE c (p INTEGER REFERENCES p (id) ON DELETE CASCADE);\n\
                INSERT INTO p VALUES (1);\nINSERT INTO c VALUES (1);\n";
    let files = migrations(&[
        ("a", "", "", &format!("-- @upgrade\n{base}")),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade [sqlite] foreign_keys=off\n{rebuild}"),
        ),
        (
            "c",
            "b",
            "",
            &format!("-- @upgrade [sqlite] foreign_keys=off\n{rebuild}"),
        ),
        ("d", "c", "", "-- @upgrade\nINSERT INTO c VALUES (9);\n"),
    ]);
    let error = Migrator::new(&db.pool, files)
        .upgrade_to_head()
        .await
        .expect_err("an orphan");
    assert_eq!(error.revision(), Some("d"), "{error}");
    assert!(error.to_string().contains("FOREIGN KEY"), "{error}");
    assert_eq!(db.strings("SELECT p FROM c").await.len(), 1);
}

/// SQLite: what a caller's own connection had stays, what a section made goes.
#[tokio::test]
async fn a_lent_sqlite_connection_keeps_what_is_its_callers() {
    let db = sqlite().await;
    let mut connection = db.pool.acquire().await.expect("a connection");
    let mine =
        "ATTACH ':memory:' AS mine; CREATE TEMP TABLE mine_too (id INT); PRAGMA cache_size = 55";
    sqlx::raw_sql(mine)
        .execute(&mut *connection)
        .await
        .expect("the caller's");
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade autocommit\nATTACH ':memory:' AS theirs;\nCREATE TEMP TABLE theirs_too (id INT);\nPRAGMA cache_size = 66;\n",
        ),
        ("b", "a", "", "-- @upgrade\nCREATE TABLE b (id INT);\n"),
    ]);
    let _ = Migrator::new(&mut *connection, files)
        .upgrade_to_head()
        .await
        .expect("upgrade");
    let attached = "SELECT name FROM pragma_database_list ORDER BY name";
    assert_eq!(
        cells(&mut connection, attached).await,
        ["main", "mine", "temp"]
    );
    assert_eq!(
        cells(&mut connection, "SELECT name FROM temp.sqlite_master").await,
        ["mine_too"]
    );
    assert_eq!(cells(&mut connection, "PRAGMA cache_size").await, ["55"]);
}

/// A run that is dropped in the middle of a section: the connection goes back to its pool as it came, the temporary table that
/// hides a real one and the attached file included.
#[tokio::test]
async fn a_dropped_run_leaves_nothing_in_a_pooled_connection_of_sqlite() {
    let mut db = sqlite().await;
    db.pool = sqlx::sqlite::SqlitePoolOptions::new()
        .max_connections(1)
        .connect_lazy_with((*db.pool.connect_options()).clone());
    db.run("CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('real')")
        .await;
    let files = migrations(&[(
        "a",
        "",
        "",
        "-- @upgrade autocommit\nCREATE TEMP TABLE users (name TEXT);\nATTACH ':memory:' AS beside;\n\
         PRAGMA recursive_triggers = ON;\nPRAGMA case_sensitive_like = ON;\nCREATE TABLE last (x INT);\n",
    )]);
    let (started, at_the_last) = tokio::sync::oneshot::channel();
    let started = Mutex::new(Some(started));
    let migrator = Migrator::new(&db.pool, files).on_event(move |event| {
        if let limbeck::Event::StatementStarted { number: 5, .. } = event
            && let Some(started) = started.lock().expect("a lock").take()
        {
            started.send(()).expect("somebody waits");
        }
    });
    tokio::select! {
        biased;
        _ = migrator.upgrade_to_head() => panic!("the run ended before it was dropped"),
        _ = at_the_last => {}
    }
    let session = "SELECT (SELECT name FROM users) || (SELECT group_concat(name) FROM pragma_database_list WHERE name <> 'temp') \
                   || (SELECT recursive_triggers FROM pragma_recursive_triggers) || ('a' LIKE 'A')";
    assert_eq!(db.strings(session).await, ["realmain01"]);
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use limbeck::Error;
    use limbeck::error::RunError;
    use sqlx::{Connection as _, PgConnection};

    use super::*;
    use crate::support::servers::postgres_database;

    const KINDS: &[Kind] = &[
        ("path", "SET search_path = aside;"),
        ("role", "SET ROLE pg_monitor; RESET ROLE;"),
        ("time-out", "SET lock_timeout = '7s';"),
        ("function", "SELECT set_config('work_mem', '7MB', false);"),
        (
            "temporary table",
            "CREATE TEMP TABLE users (id SERIAL, note TEXT);",
        ),
        (
            "temporary table by name",
            "CREATE TABLE pg_temp.users2 (id INT); INSERT INTO pg_temp.users2 VALUES (1);",
        ),
        (
            "temporary view",
            "CREATE TEMPORARY VIEW v AS SELECT 1 AS x;",
        ),
        (
            "temporary function",
            "CREATE FUNCTION pg_temp.f() RETURNS INT LANGUAGE sql AS 'SELECT 1';",
        ),
        (
            "temporary table of a block",
            "DO $$BEGIN CREATE TEMP TABLE IF NOT EXISTS users (id SERIAL, note TEXT); END$$;",
        ),
        ("prepared", "PREPARE p{n} AS SELECT 1;"),
        ("cursor", "DECLARE c{n} CURSOR WITH HOLD FOR SELECT 1;"),
        ("listen", "LISTEN c{n};"),
        ("lock", "SELECT pg_advisory_lock(1, {n});"),
        (
            "lock of a block",
            "DO $$BEGIN PERFORM pg_advisory_lock(2, {n}); END$$;",
        ),
        (
            "sequence",
            "INSERT INTO public.counted (note) VALUES ('{n}');",
        ),
    ];
    const PROBES: &[Probe] = &[
        ("path", "SELECT current_setting('search_path')"),
        ("lock_timeout", "SELECT current_setting('lock_timeout')"),
        ("work_mem", "SELECT current_setting('work_mem')"),
        ("role", "SELECT current_user::text"),
        (
            "prepared",
            "SELECT count(*)::text FROM pg_prepared_statements WHERE from_sql",
        ),
        (
            "cursors",
            "SELECT count(*)::text FROM pg_cursors WHERE is_holdable",
        ),
        (
            "listens",
            "SELECT count(*)::text FROM pg_listening_channels()",
        ),
        (
            "locks",
            "SELECT count(*)::text FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND pid = pg_backend_pid()",
        ),
        (
            "temporary",
            "SELECT count(*)::text FROM pg_class WHERE relnamespace = pg_my_temp_schema()",
        ),
        (
            "functions",
            "SELECT count(*)::text FROM pg_proc WHERE pronamespace = pg_my_temp_schema()",
        ),
        ("lastval", "SELECT public.last_value_or_none()"),
    ];
    const BASE: &str = "CREATE SCHEMA aside;\nCREATE TABLE users (id INT GENERATED ALWAYS AS IDENTITY, note TEXT);\n\
             CREATE TABLE counted (id SERIAL, note TEXT);\n\
             CREATE TABLE seen (n INT, what TEXT, value TEXT);\n\
             CREATE FUNCTION last_value_or_none() RETURNS TEXT LANGUAGE plpgsql AS $$ BEGIN RETURN lastval()::text > ''; \
             EXCEPTION WHEN OTHERS THEN RETURN 'none'; END $$;";

    #[tokio::test]
    async fn no_member_reaches_the_next_revision() {
        let Some(db) = postgres_database().await else {
            return;
        };
        no_member_reaches_the_next!(db, BASE, KINDS, PROBES);
    }

    #[tokio::test]
    async fn one_call_and_many_leave_the_same() {
        if postgres_database().await.is_none() {
            return;
        }
        one_call_and_many!(
            postgres_database().await.expect("it was there"),
            4..6,
            BASE,
            KINDS,
            PROBES,
            [
                ("users", "SELECT note FROM public.users ORDER BY id"),
                (
                    "seen",
                    "SELECT n || ' ' || what || ' ' || coalesce(value, 'NULL') FROM public.seen ORDER BY n, what"
                ),
            ]
        );
    }

    async fn cells(connection: &mut PgConnection, query: &str) -> Vec<String> {
        use sqlx::Row as _;
        let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(query.to_owned()))
            .fetch_all(connection)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.iter()
            .map(|row| row.get_unchecked::<String, _>(0))
            .collect()
    }

    /// A deferred trigger fires under the settings of its own section.
    #[tokio::test]
    async fn a_deferred_trigger_has_its_sections_path() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let body = "SET search_path = app;\nINSERT INTO t VALUES (1);\n";
        let files = migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE SCHEMA app;\nCREATE TABLE app.t (id INT);\nCREATE TABLE app.log (id INT);\n\
                 CREATE FUNCTION app.note() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (NEW.id); RETURN NULL; END $$;\n\
                 CREATE CONSTRAINT TRIGGER noted AFTER INSERT ON app.t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION app.note();\n",
            ),
            ("b", "a", "", &format!("-- @upgrade\n{body}")),
            ("c", "b", "", &format!("-- @upgrade autocommit\n{body}")),
        ]);
        let _ = Migrator::new(&db.pool, files)
            .upgrade_to_head()
            .await
            .expect("upgrade");
        assert_eq!(db.strings("SELECT id::text FROM app.log").await, ["1", "1"]);
    }

    const MINE: &str = "PREPARE mine AS SELECT 1; LISTEN mine; SELECT pg_advisory_lock(1, 1); \
                        CREATE TEMP TABLE mine (id INT); SET work_mem = '5MB'; \
                        BEGIN; DECLARE mine CURSOR WITH HOLD FOR SELECT 1; COMMIT";
    const THEIRS: &str = "PREPARE theirs AS SELECT 1;\nLISTEN theirs;\nSELECT pg_advisory_lock(2, 2);\n\
                          SELECT pg_advisory_lock(2, 2);\nSELECT pg_advisory_lock(-7);\nCREATE TEMP TABLE theirs (id INT);\n\
                          CREATE FUNCTION pg_temp.theirs() RETURNS INT LANGUAGE sql AS 'SELECT 1';\n\
                          SET work_mem = '6MB';\nDECLARE theirs CURSOR WITH HOLD FOR SELECT * FROM theirs;\n";
    const STANDING: &str = "SELECT 'prepared ' || name FROM pg_prepared_statements WHERE from_sql \
         UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable \
         UNION ALL SELECT 'listen ' || l FROM pg_listening_channels() l \
         UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() \
         UNION ALL SELECT 'temporary ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() \
         UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = pg_my_temp_schema() \
         UNION ALL SELECT 'memory ' || current_setting('work_mem') ORDER BY 1";

    /// What a caller's own connection had stays, what a section made goes, also behind a section that failed.
    #[tokio::test]
    async fn a_lent_connection_keeps_what_is_its_callers() {
        for words in ["", " autocommit"] {
            for fails in [false, true] {
                let Some(db) = postgres_database().await else {
                    return;
                };
                let mut connection = PgConnection::connect(&db.url).await.expect("a connection");
                sqlx::raw_sql(MINE)
                    .execute(&mut connection)
                    .await
                    .expect("the caller's");
                // The driver's own, too.
                let _: i32 = sqlx::query_scalar("SELECT 42")
                    .fetch_one(&mut connection)
                    .await
                    .expect("42");
                let end = if fails { "SELECT 1 / 0;\n" } else { "" };
                let files = migrations(&[
                    ("a", "", "", &format!("-- @upgrade{words}\n{THEIRS}{end}")),
                    ("b", "a", "", "-- @upgrade rust\n"),
                    ("c", "b", "", "-- @upgrade\nCREATE TABLE c (id INT);\n"),
                ]);
                let migrator =
                    Migrator::new(&mut connection, files).on_upgrade("b", |connection| {
                        Box::pin(async move {
                            sqlx::raw_sql(sqlx::AssertSqlSafe(THEIRS.to_owned()))
                                .execute(connection)
                                .await?;
                            Ok(())
                        })
                    });
                let result = migrator.upgrade_to_head().await;
                drop(migrator);
                assert_eq!(result.is_err(), fails, "{words}: {result:?}");
                let standing = cells(&mut connection, STANDING).await;
                let mine = [
                    "cursor mine",
                    "listen mine",
                    "lock 1",
                    "memory 5MB",
                    "prepared mine",
                    "temporary mine",
                ];
                assert_eq!(standing, mine, "{words}, {fails}");
                let seen: i32 = sqlx::query_scalar("SELECT 42")
                    .fetch_one(&mut connection)
                    .await
                    .expect("42");
                assert_eq!(seen, 42);
            }
        }
    }

    /// A call inside the caller's transaction is refused before limbeck's tables exist too, and the transaction goes on.
    #[tokio::test]
    async fn a_callers_transaction_is_left_as_it_was() {
        let Some(db) = postgres_database().await else {
            return;
        };
        db.run("CREATE TABLE mine (id INT)").await;
        let files = || migrations(&[("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n")]);
        let refuse = async |connection: &mut PgConnection| {
            let migrator = Migrator::new(connection, files());
            for error in [
                migrator
                    .upgrade_to_head()
                    .await
                    .map(drop)
                    .expect_err("an upgrade"),
                migrator.status().await.map(drop).expect_err("a status"),
            ] {
                assert!(
                    matches!(&error, Error::Run(run) if matches!(**run, RunError::InTransaction)),
                    "{error}"
                );
            }
        };
        let mut connection = PgConnection::connect(&db.url).await.expect("a connection");
        for (begin, id) in [("driver", 1), ("raw", 2)] {
            let insert = format!("INSERT INTO mine VALUES ({id})");
            let insert = sqlx::AssertSqlSafe(insert);
            if begin == "driver" {
                let mut transaction = connection.begin().await.expect("a transaction");
                sqlx::raw_sql(insert)
                    .execute(&mut *transaction)
                    .await
                    .expect("a row");
                refuse(&mut transaction).await;
                transaction.commit().await.expect("a commit");
            } else {
                sqlx::raw_sql("BEGIN")
                    .execute(&mut connection)
                    .await
                    .expect("a transaction");
                sqlx::raw_sql(insert)
                    .execute(&mut connection)
                    .await
                    .expect("a row");
                refuse(&mut connection).await;
                sqlx::raw_sql("COMMIT")
                    .execute(&mut connection)
                    .await
                    .expect("a commit");
            }
        }
        assert_eq!(
            db.strings("SELECT id::text FROM mine ORDER BY id").await,
            ["1", "2"]
        );
        // One that has failed already stays its caller's to end.
        sqlx::raw_sql("BEGIN")
            .execute(&mut connection)
            .await
            .expect("a transaction");
        let _ = sqlx::raw_sql("SELECT 1 / 0")
            .execute(&mut connection)
            .await
            .expect_err("it fails");
        refuse(&mut connection).await;
        let _ = sqlx::raw_sql("SELECT 1")
            .execute(&mut connection)
            .await
            .expect_err("still failed");
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut connection)
            .await
            .expect("a rollback");
        let report = Migrator::new(&mut connection, files())
            .upgrade_to_head()
            .await;
        assert_eq!(report.expect("outside of it").current, ["a"]);
    }

    /// The lease of a downgrade names the session that its code runs in.
    #[tokio::test]
    async fn a_lease_moves_along_into_the_session_of_code() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let same = "SELECT (session = pg_backend_pid()::text)::text FROM limbeck_history_lock";
        super::a_lease_moves_along(&db, same, "true").await;
    }
}

/// A downgrade of several steps with code, which sees whether the lease names its own session.
#[cfg(any(feature = "postgres", feature = "mysql"))]
async fn a_lease_moves_along<DB>(db: &Database<DB>, same: &'static str, yes: &str)
where
    DB: limbeck::migrator::Backend,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    use sqlx::Row as _;
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE a (id INT);\n-- @downgrade\nDROP TABLE a;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\nCREATE TABLE b (id INT);\n-- @downgrade rust\n",
        ),
        (
            "c",
            "b",
            "",
            "-- @upgrade\nCREATE TABLE c (id INT);\n-- @downgrade\nDROP TABLE c;\n",
        ),
    ]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let migrator = Migrator::new(&db.pool, files).on_downgrade("b", move |connection| {
        let told = told.clone();
        Box::pin(async move {
            let row = sqlx::Executor::fetch_one(connection, sqlx::raw_sql(same)).await?;
            let cell: String = row.try_get_unchecked(0)?;
            told.lock().expect("a lock").push(cell);
            Ok(())
        })
    });
    let _ = migrator.upgrade_to_head().await.expect("upgrade");
    let report = migrator.downgrade("base").await.expect("downgrade");
    assert_eq!(report.steps.len(), 3);
    assert_eq!(*seen.lock().expect("a lock"), [yes]);
}

#[cfg(feature = "mysql")]
mod mysql_family {
    use sqlx::{Connection as _, MySqlConnection};

    use super::*;
    use crate::support::servers::{MySqlServer, mysql_database};

    const KINDS: &[Kind] = &[
        ("variable", "SET @x = {n};"),
        ("variable of a query", "SELECT {n} INTO @x;"),
        ("variable of a call", "CALL give(@x);"),
        ("engine", "SET default_storage_engine = MyISAM;"),
        ("safe updates", "SET SESSION sql_safe_updates = 1;"),
        ("increment", "SET SESSION auto_increment_increment = 7;"),
        (
            "isolation",
            "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED;",
        ),
        ("names", "SET NAMES latin1;"),
        ("sql_mode", "SET sql_mode = 'ANSI';"),
        ("time zone", "SET time_zone = '+05:00';"),
        ("keys", "SET foreign_key_checks = 0;"),
        (
            "temporary table",
            "CREATE TEMPORARY TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20));",
        ),
        ("prepared", "PREPARE p{n} FROM 'SELECT 1';"),
        ("lock", "SELECT GET_LOCK(CONCAT(DATABASE(), 'l'), 1);"),
    ];
    /// With what only one of the servers has.
    fn kinds() -> Vec<Kind> {
        let own: &[Kind] = MySqlServer::here().pick(
            &[
                ("statement time", "SET SESSION max_statement_time = 77;"),
                ("block", "BEGIN NOT ATOMIC SET @x = {n}; END;"),
            ],
            &[
                ("statement time", "SET SESSION max_execution_time = 77000;"),
                ("primary key", "SET SESSION sql_require_primary_key = 1;"),
                (
                    "invisible key",
                    "SET SESSION sql_generate_invisible_primary_key = 1;",
                ),
            ],
        );
        [KINDS, own].concat()
    }

    fn probes() -> Vec<Probe> {
        let own: &[Probe] = MySqlServer::here().pick(
            &[
                ("isolation", "SELECT @@SESSION.tx_isolation"),
                ("statement time", "SELECT @@SESSION.max_statement_time"),
            ],
            &[
                ("isolation", "SELECT @@SESSION.transaction_isolation"),
                ("statement time", "SELECT @@SESSION.max_execution_time"),
                ("primary key", "SELECT @@SESSION.sql_require_primary_key"),
                (
                    "invisible key",
                    "SELECT @@SESSION.sql_generate_invisible_primary_key",
                ),
            ],
        );
        [PROBES, own].concat()
    }

    const PROBES: &[Probe] = &[
        ("variable", "SELECT @x"),
        ("engine", "SELECT @@SESSION.default_storage_engine"),
        ("safe updates", "SELECT @@SESSION.sql_safe_updates"),
        ("increment", "SELECT @@SESSION.auto_increment_increment"),
        ("client", "SELECT @@SESSION.character_set_client"),
        ("connection", "SELECT @@SESSION.collation_connection"),
        ("sql_mode", "SELECT @@SESSION.sql_mode"),
        ("time zone", "SELECT @@SESSION.time_zone"),
        ("keys", "SELECT @@SESSION.foreign_key_checks"),
        (
            "lock",
            "SELECT IS_USED_LOCK(CONCAT(DATABASE(), 'l')) IS NULL",
        ),
    ];
    const BASE: &str = "CREATE TABLE users (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(20));\n\
             CREATE TABLE seen (n INT, what VARCHAR(40), value VARCHAR(400));\n\
             CREATE PROCEDURE give(OUT x INT) SET x = 5;";

    async fn no_member_reaches_the_next_revision() {
        let Some(db) = mysql_database().await else {
            return;
        };
        no_member_reaches_the_next!(db, BASE, &kinds(), &probes());
    }

    async fn one_call_and_many_leave_the_same() {
        if mysql_database().await.is_none() {
            return;
        }
        one_call_and_many!(
            mysql_database().await.expect("it was there"),
            5..7,
            BASE,
            &kinds(),
            &probes(),
            [
                (
                    "users",
                    "SELECT CONCAT(id, ' ', note) FROM users ORDER BY id"
                ),
                (
                    "seen",
                    "SELECT CONCAT(n, ' ', what, ' ', COALESCE(value, 'NULL')) FROM seen ORDER BY n, what"
                ),
                (
                    "engines",
                    "SELECT CONCAT(table_name, ' ', engine) FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1"
                ),
            ]
        );
    }

    /// An ordinary section keeps the connection, one that may leave something gets the next one another.
    async fn a_new_session_only_where_one_is_needed() {
        let Some(db) = mysql_database().await else {
            return;
        };
        let files = migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE seen (n INT, id BIGINT);\n",
            ),
            (
                "b",
                "a",
                "",
                "-- @upgrade\nINSERT INTO seen VALUES (1, CONNECTION_ID());\nSET foreign_key_checks = 0;\n",
            ),
            (
                "c",
                "b",
                "",
                "-- @upgrade\nINSERT INTO seen VALUES (2, CONNECTION_ID());\nSET @x = 1;\n",
            ),
            (
                "d",
                "c",
                "",
                "-- @upgrade\nINSERT INTO seen VALUES (3, CONNECTION_ID());\n",
            ),
            (
                "e",
                "d",
                "",
                "-- @upgrade\nINSERT INTO seen SELECT 4, session = CONCAT(CONNECTION_ID(), '@', @@hostname, ':', @@port) FROM limbeck_history_lock;\n",
            ),
        ]);
        let options = (*db.pool.connect_options()).clone();
        let pool = db
            .pool
            .options()
            .clone()
            .max_connections(1)
            .connect_lazy_with(options);
        let _ = Migrator::new(&pool, files)
            .upgrade_to_head()
            .await
            .expect("upgrade");
        let ids = db
            .strings("SELECT CONVERT(id, CHAR) FROM seen ORDER BY n")
            .await;
        assert_eq!(ids[0], ids[1], "one session");
        assert_ne!(ids[1], ids[2], "another one");
        assert_eq!(ids[3], "1", "the lease came along");
    }

    /// There is no other connection where one was lent: refused before anything runs.
    async fn a_lent_connection_is_not_enough_behind_a_variable() {
        let Some(db) = mysql_database().await else {
            return;
        };
        let files = migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE a (id INT);\nSET @x = 1;\n",
            ),
            ("b", "a", "", "-- @upgrade\nCREATE TABLE b (id INT);\n"),
        ]);
        let mut connection = MySqlConnection::connect(&db.url)
            .await
            .expect("a connection");
        let migrator = Migrator::new(&mut connection, files.clone());
        let error = migrator.upgrade_to_head().await.expect_err("refused");
        let text = error.to_string();
        assert!(
            text.contains("revision b needs a new session: revision a before it"),
            "{text}"
        );
        assert_eq!(db.tables().await, Vec::<String>::new());
        assert_eq!(migrator.upgrade("a").await.expect("alone").current, ["a"]);
        drop(migrator);
        let mut other = MySqlConnection::connect(&db.url)
            .await
            .expect("a connection");
        let report = Migrator::new(&mut other, files).upgrade_to_head().await;
        assert_eq!(report.expect("over another one").current, ["b"]);
    }

    /// A downgrade's session for code has the settings of a run, and the lease names it.
    async fn a_lease_and_the_runs_settings_move_along_into_the_session_of_code() {
        let Some(mut db) = mysql_database().await else {
            return;
        };
        let options = (*db.pool.connect_options()).clone();
        db.pool = sqlx::mysql::MySqlPoolOptions::new()
            .after_connect(|connection, _| {
                Box::pin(async move {
                    let chain = "SET SESSION completion_type = 1";
                    sqlx::raw_sql(chain).execute(connection).await.map(drop)
                })
            })
            .connect_lazy_with(options);
        let same = "SELECT CONCAT(session = CONCAT(CONNECTION_ID(), '@', @@hostname, ':', @@port), \
                    ' ', @@SESSION.completion_type) FROM limbeck_history_lock";
        super::a_lease_moves_along(&db, same, "1 NO_CHAIN").await;
    }

    crate::support::on_mysql!(
        no_member_reaches_the_next_revision,
        one_call_and_many_leave_the_same,
        a_new_session_only_where_one_is_needed,
        a_lent_connection_is_not_enough_behind_a_variable,
        a_lease_and_the_runs_settings_move_along_into_the_session_of_code
    );
}
