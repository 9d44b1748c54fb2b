//! Going on after an error: what a session held is not computed again, and a statement that failed in the middle is a question.

use limbeck::error::{DatabaseState, RunError, UnfinishedReason};
use limbeck::{Dialect, Error, Migrations, Migrator, Resolution};

use crate::support::{migrations, on_each};

fn autocommit(first: &str, section: &str) -> Migrations {
    migrations(&[
        ("a", "", "", &format!("-- @upgrade\n{first}\n")),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade autocommit\n{section}\n"),
        ),
    ])
}

/// The reason why a step stands half done, and the number of the statement that is asked about.
fn asked(error: &Error) -> Option<(UnfinishedReason, Option<u64>)> {
    let Error::Run(run) = error else { return None };
    match &**run {
        RunError::Unfinished(unfinished) => {
            Some((unfinished.reason, unfinished.step.statement_running))
        }
        _ => None,
    }
}

fn in_doubt(error: &Error) -> Option<u64> {
    match error.state() {
        DatabaseState::Partly { in_doubt, .. } => in_doubt,
        _ => None,
    }
}

fn integer(dialect: Dialect, column: &str) -> String {
    match dialect {
        Dialect::Mysql | Dialect::Mariadb => format!("CONVERT({column}, CHAR)"),
        _ => format!("CAST({column} AS TEXT)"),
    }
}

/// A value of a session of this database's that a later statement reads: the table's key, and the statements that carry it.
fn carrying(dialect: Dialect) -> Vec<(&'static str, &'static str, &'static str)> {
    const TABLE: &str = "CREATE TEMPORARY TABLE hidden AS SELECT 42 AS v";
    match dialect {
        Dialect::Sqlite => vec![
            ("INTEGER PRIMARY KEY", "", "SELECT last_insert_rowid()"),
            ("INTEGER PRIMARY KEY", TABLE, "SELECT v FROM hidden"),
        ],
        Dialect::Postgres => vec![
            ("SERIAL PRIMARY KEY", "", "SELECT lastval()"),
            ("SERIAL PRIMARY KEY", "", "SELECT currval('p_id_seq')"),
            (
                "SERIAL PRIMARY KEY",
                "SELECT set_config('app.pid', (SELECT max(id)::text FROM p), false)",
                "SELECT current_setting('app.pid')::int",
            ),
            ("SERIAL PRIMARY KEY", TABLE, "SELECT v FROM hidden"),
        ],
        _ => vec![
            (
                "INT PRIMARY KEY AUTO_INCREMENT",
                "",
                "SELECT LAST_INSERT_ID()",
            ),
            (
                "INT PRIMARY KEY AUTO_INCREMENT",
                "SET @pid = LAST_INSERT_ID()",
                "SELECT @pid",
            ),
            (
                "INT PRIMARY KEY AUTO_INCREMENT",
                "SELECT max(id) INTO @pid FROM p",
                "SELECT @pid",
            ),
            (
                "INT PRIMARY KEY AUTO_INCREMENT",
                "SELECT @pid := max(id) FROM p",
                "SELECT @pid",
            ),
            (
                "INT PRIMARY KEY AUTO_INCREMENT",
                "CALL last_of(@pid)",
                "SELECT @pid",
            ),
            (
                "INT PRIMARY KEY AUTO_INCREMENT",
                TABLE,
                "SELECT v FROM hidden",
            ),
        ],
    }
}

on_each! {
    /// A value that the first run's session held is asked for, and neither guessed nor computed again.
    async fn what_a_session_held_is_asked_for(db) {
        for (index, (key, carry, read)) in carrying(db.dialect).into_iter().enumerate() {
            let carry = if carry.is_empty() { String::new() } else { format!("{carry};\n") };
            // Real tables that the lost ones would have hidden.
            let routine = if db.dialect.is_mysql_family() {
                "DROP PROCEDURE IF EXISTS last_of;\nCREATE PROCEDURE last_of(OUT x INT) SELECT max(id) INTO x FROM p;\n"
            } else { "" };
            let files = autocommit(
                &format!("CREATE TABLE p (id {key}, n INT);\nCREATE TABLE c (pid INT);\nCREATE TABLE hidden (v INT);\n\
                    INSERT INTO hidden VALUES (7);\nINSERT INTO p (n) VALUES (0);\n{routine}"),
                &format!("INSERT INTO p (n) VALUES (1);\n{carry}INSERT INTO missing VALUES (1);\nINSERT INTO c {read};"),
            );
            let migrator = Migrator::new(&db.pool, files);
            let error = migrator.upgrade_to_head().await.expect_err("a missing table");
            assert!(error.is_statement(), "{error}");
            // In a session of its own: what it generates is not the pool's to remember.
            let options = (*db.pool.connect_options()).clone();
            let beside = db.pool.options().clone().connect_lazy_with(options);
            sqlx::raw_sql("INSERT INTO p (n) VALUES (2)").execute(&beside).await.expect("a row");
            beside.close().await;
            db.run("CREATE TABLE missing (x INT)").await;
            let reader = if carry.is_empty() { 3 } else { 4 };
            // PostgreSQL makes a section's settings again for each statement.
            let is_setting = carry.contains("set_config");
            for _ in 0..2 {
                let error = migrator.upgrade_to_head().await.expect_err("the session is gone");
                let expected = if is_setting { 3 } else { reader };
                assert_eq!(asked(&error), Some((UnfinishedReason::SessionLost, Some(expected))), "{carry}{read}: {error}");
                assert!(error.to_string().contains("gave its session"), "{error}");
            }
            let rows = db.strings(&format!("SELECT {} FROM c", integer(db.dialect, "pid"))).await;
            assert_eq!(rows, Vec::<String>::new(), "{carry}{read}");
            if index == 0 {
                // Done by hand.
                db.run("INSERT INTO c VALUES (2)").await;
                migrator.resolve("b", Resolution::Applied).await.expect("settled");
                assert_eq!(migrator.upgrade_to_head().await.expect("the rest").current, ["b"]);
            } else if is_setting {
                migrator.resolve("b", Resolution::Abandoned).await.expect("settled");
            } else {
                // It may run with what there is.
                migrator.resolve("b", Resolution::NotApplied).await.expect("settled");
                if read.contains("currval") || read.contains("lastval") {
                    assert!(migrator.upgrade_to_head().await.is_err());
                } else {
                    assert_eq!(migrator.upgrade_to_head().await.expect("the rest").current, ["b"]);
                }
            }
            for table in ["p", "c", "hidden", "missing", "limbeck_history", "limbeck_version", "limbeck_history_lock"] {
                db.run(&format!("DROP TABLE IF EXISTS {table}")).await;
            }
        }
    }

    /// Constants are made again.
    async fn constants_are_made_again(db) {
        let (set, read) = match db.dialect {
            Dialect::Sqlite => ("PRAGMA recursive_triggers = ON", "SELECT recursive_triggers FROM pragma_recursive_triggers"),
            Dialect::Postgres => ("SELECT set_config('app.pid', '5', false)", "SELECT current_setting('app.pid')::int"),
            _ => ("SET @x = 4, @y = @x, sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES')", "SELECT @x + 1 AS \"y\""),
        };
        let files = autocommit("CREATE TABLE c (pid INT);", &format!("{set};\nINSERT INTO missing VALUES (1);\nINSERT INTO c {read};"));
        let migrator = Migrator::new(&db.pool, files);
        let error = migrator.upgrade_to_head().await.expect_err("a missing table");
        assert!(error.is_statement(), "{error}");
        db.run("CREATE TABLE missing (x INT)").await;
        assert_eq!(migrator.upgrade_to_head().await.expect("the rest").current, ["b"]);
        let expected = if db.dialect == Dialect::Sqlite { "1" } else { "5" };
        assert_eq!(db.strings(&format!("SELECT {} FROM c", integer(db.dialect, "pid"))).await, [expected]);
    }
}

/// PostgreSQL: a setting that is computed is computed once, and the statements behind it get its value.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_computed_setting_is_computed_once() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let files = autocommit(
        "CREATE TABLE p (id INT);\nCREATE TABLE c (pid TEXT);\nINSERT INTO p VALUES (1);",
        "SELECT set_config('app.pid', (SELECT max(id)::text FROM p), false);\nINSERT INTO p VALUES (2);\n\
         INSERT INTO c SELECT current_setting('app.pid');",
    );
    let migrator = Migrator::new(&db.pool, files);
    assert_eq!(
        migrator.upgrade_to_head().await.expect("a run").current,
        ["b"]
    );
    assert_eq!(db.strings("SELECT pid FROM c").await, ["1"]);
}

/// Statements that fail in the middle, of which a part stands: with the rows that it leaves in `t`.
#[cfg(any(feature = "postgres", feature = "mysql"))]
const PART: &str = "SELECT count(*) FROM t";

#[cfg(any(feature = "postgres", feature = "mysql"))]
macro_rules! a_part_that_stands_is_a_question {
    ($db:ident, $first:expr, $failing:expr, $word:expr, $left:expr) => {{
        let files = migrations(&[
            ("a", "", "", &format!("-- @upgrade\n{}\n", $first)),
            (
                "b",
                "a",
                "",
                &format!(
                    "-- @upgrade{}\n{};\nINSERT INTO t VALUES (100);\n",
                    $word, $failing
                ),
            ),
        ]);
        let migrator = Migrator::new(&$db.pool, files);
        let error = migrator.upgrade_to_head().await.expect_err("a failure");
        assert!(error.is_statement(), "{}: {error}", $failing);
        assert_eq!(in_doubt(&error), Some(1), "{}: {error}", $failing);
        for _ in 0..3 {
            let error = migrator.upgrade_to_head().await.expect_err("a question");
            assert_eq!(
                asked(&error),
                Some((UnfinishedReason::InDoubt, Some(1))),
                "{}: {error}",
                $failing
            );
        }
        let left = $db
            .strings(&PART.replace("count(*)", &integer($db.dialect, "count(*)")))
            .await;
        assert_eq!(left, [$left], "{}: it ran once", $failing);
        migrator
            .resolve("b", Resolution::Applied)
            .await
            .expect("settled");
        assert_eq!(
            migrator.upgrade_to_head().await.expect("the rest").current,
            ["b"],
            "{}",
            $failing
        );
    }};
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
macro_rules! nothing_ran {
    ($db:ident, $first:expr, $failing:expr, $word:expr) => {{
        let files = migrations(&[
            ("a", "", "", &format!("-- @upgrade\n{}\n", $first)),
            (
                "b",
                "a",
                "",
                &format!("-- @upgrade{}\n{};\n", $word, $failing),
            ),
        ]);
        let migrator = Migrator::new(&$db.pool, files);
        for _ in 0..2 {
            let error = migrator.upgrade_to_head().await.expect_err("a failure");
            assert!(error.is_statement(), "{}: {error}", $failing);
            assert_eq!(in_doubt(&error), None, "{}: {error}", $failing);
        }
    }};
}

#[cfg(feature = "mysql")]
async fn asks_about_a_part_that_stands() {
    use crate::support::servers::{MySqlServer, mysql_database};
    const FIRST: &str = "CREATE TABLE t (x INT PRIMARY KEY) ENGINE=MyISAM;\nCREATE TABLE u (x INT);\nCREATE TABLE v (x INT);\n\
        CREATE PROCEDURE p(x INT) BEGIN INSERT INTO t VALUES (x); CALL missing(); END;\n\
        CREATE PROCEDURE q(x INT) BEGIN INSERT INTO t VALUES (x); PREPARE bad FROM 'SELEC 1'; END;\n\
        CREATE PROCEDURE r(x INT) BEGIN INSERT INTO t VALUES (x); INSERT INTO nowhere VALUES (1); END;";
    for word in ["", " autocommit"] {
        for (failing, left) in [
            ("CALL p(1)", "1"),
            ("CALL q(1)", "1"),
            ("CALL r(1)", "1"),
            // MySQL has none outside of a routine: there this is no SQL, and nothing ran.
            (
                MySqlServer::here().pick(
                    "BEGIN NOT ATOMIC INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (2); END",
                    "CALL r(1)",
                ),
                "1",
            ),
            ("INSERT INTO t VALUES (1), (2), (1)", "2"),
            ("DROP TABLE u, nowhere, v", "0"),
        ] {
            let Some(db) = mysql_database().await else {
                return;
            };
            a_part_that_stands_is_a_question!(db, FIRST, failing, word, left);
        }
        for failing in [
            "CALL nosuch(1)",
            "CALL p(1,,2)",
            "CALL p(nothing)",
            "SELEC 1",
            "BEGIN NOT ATOMIC INSERT INTO t VALUES (1); SELEC 1; END",
            "INSERT INTO nowhere VALUES (1)",
            "INSERT INTO t VALUES (1), (nothing)",
            "INSERT INTO t (y) VALUES (1)",
            "DROP TABLE nowhere",
            "ALTER TABLE u ADD COLUMN x INT",
            "CREATE TABLE u (x INT)",
        ] {
            let Some(db) = mysql_database().await else {
                return;
            };
            nothing_ran!(db, FIRST, failing, word);
        }
    }
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn postgres_asks_about_a_part_that_stands() {
    use crate::support::servers::postgres_database;
    const FIRST: &str = "CREATE TABLE t (x INT);\n\
        CREATE PROCEDURE p(x INT) LANGUAGE plpgsql AS $$BEGIN INSERT INTO t VALUES (x); COMMIT; CALL missing(); END$$;\n\
        CREATE PROCEDURE q(x INT) LANGUAGE plpgsql AS $$BEGIN INSERT INTO t VALUES (x); COMMIT; EXECUTE 'SELEC 1'; END$$;";
    for (failing, left) in [
        ("CALL p(1)", "1"),
        ("CALL q(1)", "1"),
        (
            "DO $$BEGIN INSERT INTO t VALUES (1); COMMIT; INSERT INTO nowhere VALUES (2); END$$",
            "1",
        ),
        (
            "DO $$BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM 1 / 0; END$$",
            "1",
        ),
    ] {
        let Some(db) = postgres_database().await else {
            return;
        };
        a_part_that_stands_is_a_question!(db, FIRST, failing, " autocommit", left);
    }
    for failing in [
        "CALL nosuch(1)",
        "CALL p(1,,2)",
        "CALL p('x')",
        "SELEC 1",
        "DO $$BEGIN INSERT INTO t VALUES (1); COMMIT; SELEC 1; END$$",
        "DO $$BEGIN INSERT INTO t VALUES (1); RAISE EXCEPTION 'no'; END$$",
        "INSERT INTO nowhere VALUES (1)",
    ] {
        let Some(db) = postgres_database().await else {
            return;
        };
        nothing_ran!(db, FIRST, failing, " autocommit");
    }
}

/// A routine that commits cannot do so in a section's one transaction: the error says the word, and with it the routine runs.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_routine_that_commits_is_told_the_word() {
    use crate::support::servers::postgres_database;
    let Some(db) = postgres_database().await else {
        return;
    };
    let files = |words: &str| {
        let first = "CREATE TABLE t (x INT);\n\
            CREATE PROCEDURE p() LANGUAGE plpgsql AS $$BEGIN INSERT INTO t VALUES (1); COMMIT; END$$;";
        migrations(&[
            ("a", "", "", &format!("-- @upgrade\n{first}\n")),
            ("b", "a", "", &format!("-- @upgrade{words}\nCALL p();\n")),
        ])
    };
    let error = Migrator::new(&db.pool, files(""))
        .upgrade_to_head()
        .await
        .expect_err("it is in a transaction");
    assert!(error.is_statement(), "{error}");
    assert!(error.to_string().contains("`autocommit`"), "{error}");
    let report = Migrator::new(&db.pool, files(" autocommit"))
        .upgrade_to_head()
        .await
        .expect("alone");
    assert_eq!(report.current, ["b"]);
    assert_eq!(db.strings("SELECT x::text FROM t").await, ["1"]);
}

/// Two services whose version tables differ in nothing but case, where the database takes both for one: the second one finds the
/// first one's revision, and changes nothing.
#[tokio::test]
async fn version_tables_that_differ_in_case_are_one_on_sqlite() {
    let db = crate::support::servers::sqlite().await;
    let files = |id: &str| {
        let section = format!("-- @upgrade\nCREATE TABLE {id} (x INT);\n");
        migrations(&[(id, "", "", &section)])
    };
    let one = Migrator::new(&db.pool, files("a")).version_table("service_version");
    let other = Migrator::new(&db.pool, files("b")).version_table("Service_Version");
    let _ = one.upgrade_to_head().await.expect("the first");
    let before = db.tables().await;
    let error = other.upgrade_to_head().await.expect_err("another's table");
    assert_eq!(error.kind(), "unknown_ancestor", "{error}");
    assert!(!other.status().await.expect("a status").is_ready());
    assert_eq!(db.tables().await, before);
    assert_eq!(one.current().await.expect("its own"), ["a"]);
}

mod mysql_family {
    use super::*;
    crate::support::on_mysql!(asks_about_a_part_that_stands);
}
