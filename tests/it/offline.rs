//! Scripts: run by the databases' own clients, they leave what the online run leaves.

use std::io::Write as _;
use std::process::{Command, Stdio};

use limbeck::{Error, Migrator, Outcome, Range};

use crate::support::{migrations, on_each};

/// Feeds a script to the database's own client. None: the client is not installed, and may be missing.
fn client(url: &str, script: &str) -> Option<(bool, String)> {
    let mut command;
    if let Some(file) = url.strip_prefix("sqlite://") {
        command = Command::new("sqlite3");
        command.arg(file);
    } else if url.starts_with("postgres") {
        command = Command::new("psql");
        command.args(["-X", "-q", url]);
    } else {
        let rest = url.strip_prefix("mysql://").expect("a URL of MySQL");
        let (user, rest) = rest.split_once('@').expect("a user");
        let (server, database) = rest.split_once('/').expect("a database");
        let (host, port) = server.split_once(':').expect("a port");
        command = Command::new("mariadb");
        command.args(["--no-defaults", "-h", host, "-P", port]);
        command.arg(format!("-u{}", user.split(':').next().expect("a name")));
        if let Some((_, password)) = user.split_once(':') {
            command.arg(format!("-p{password}"));
        }
        command.arg(database);
    }
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else {
        assert!(
            std::env::var_os("LIMBECK_TEST_REQUIRE_SERVERS").is_none(),
            "{:?} is not installed",
            command.get_program()
        );
        eprintln!("LEFT OUT: {:?} is not installed", command.get_program());
        return None;
    };
    // A client that stopped at an error reads no further: that is not this test's failure.
    let _ = child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(script.as_bytes());
    let output = child.wait_with_output().expect("an end");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((output.status.success(), told))
}

fn odd() -> limbeck::Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE a (id INT, t VARCHAR(80));\nINSERT INTO a VALUES (1, 'it''s; -- no comment');\n-- @downgrade\nDROP TABLE a;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\nCREATE TABLE b (id INT) -- the end\n;\n-- @downgrade\nDROP TABLE b;\n",
        ),
        (
            "c",
            "b",
            "-- depends_on: a",
            "-- @upgrade [sqlite]\nCREATE TRIGGER t AFTER INSERT ON b BEGIN UPDATE a SET id = id + 1; END;\n\
             -- @upgrade [postgres]\nCREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;\n\
             -- @upgrade [mysql]\nCREATE TRIGGER t AFTER INSERT ON b FOR EACH ROW BEGIN UPDATE a SET id = id + 1; END;\n\
             -- @downgrade [sqlite, mysql]\nDROP TRIGGER t;\n-- @downgrade [postgres]\nDROP FUNCTION f();\n",
        ),
    ])
}

on_each! {
    /// Up by script equals up by limbeck, ledger included; then down by script.
    async fn a_script_leaves_what_a_run_leaves(db) {
        let migrator = Migrator::new(&db.pool, odd()).script_dialect(db.dialect);
        let script = migrator.upgrade_sql(&Range::all()).expect("a script");
        let Some((ok, told)) = client(&db.url, &script) else { return };
        assert!(ok, "{told}\n{script}");
        assert_eq!(migrator.upgrade_to_head().await.expect("nothing left").outcome, Outcome::AlreadyThere);
        assert!(migrator.status().await.expect("status").unverified.is_empty());
        let by_script = migrator.ledger().await.expect("ledger");

        // Run again, it stops at once: the database is no longer where it begins.
        let (ok, told) = client(&db.url, &script).expect("a client");
        assert!(!ok, "{told}");
        assert_eq!(migrator.ledger().await.expect("ledger").len(), 3);

        let script = migrator.downgrade_sql(&"c:base".parse().expect("a range")).expect("a script");
        let (ok, told) = client(&db.url, &script).expect("a client");
        assert!(ok, "{told}\n{script}");
        assert_eq!(migrator.current().await.expect("current"), Vec::<String>::new());

        db.run("DELETE FROM limbeck_history").await;
        let _ = migrator.upgrade_to_head().await.expect("by limbeck");
        let by_run = migrator.ledger().await.expect("ledger");
        let compared = |entries: Vec<limbeck::ledger::LedgerEntry>| -> Vec<String> {
            entries
                .into_iter()
                .map(|e| format!(
                    "{} {:?} {:?} {} {} {:?} {:?} {} {} {}",
                    e.revision, e.down_revision, e.depends_on, e.message, e.action, e.checksum, e.lineage, e.state,
                    e.statements, e.statements_done
                ))
                .collect()
        };
        assert_eq!(compared(by_script), compared(by_run));
    }

    /// So does a stamp's, which stops where the database is not where it begins.
    async fn a_stamps_script_leaves_what_a_stamp_leaves(db) {
        let migrator = Migrator::new(&db.pool, odd()).script_dialect(db.dialect);
        let told = |entries: Vec<limbeck::ledger::LedgerEntry>| -> Vec<String> {
            let entries = entries.into_iter();
            entries
                .map(|e| format!("{} {} {:?} {:?} {}", e.revision, e.action, e.checksum, e.lineage, e.state))
                .collect()
        };
        let ends = |text: &str| vec![text.parse::<limbeck::Target>().expect("a target")];
        let script = migrator.stamp_sql(&[], &ends("heads"), limbeck::plan::Purge::Keep).expect("a script");
        let Some((ok, text)) = client(&db.url, &script) else { return };
        assert!(ok, "{text}\n{script}");
        let by_script = (migrator.current().await.expect("current"), told(migrator.ledger().await.expect("ledger")));
        let (ok, text) = client(&db.url, &script).expect("a client");
        assert!(!ok, "{text}");

        let back = migrator.stamp_sql(&ends("heads"), &ends("base"), limbeck::plan::Purge::Keep).expect("a script");
        let (ok, text) = client(&db.url, &back).expect("a client");
        assert!(ok, "{text}\n{back}");
        assert_eq!(migrator.current().await.expect("current"), Vec::<String>::new());
        db.run("DELETE FROM limbeck_history").await;
        let _ = migrator.stamp("heads", limbeck::plan::Purge::Keep).await.expect("a stamp");
        let by_run = (migrator.current().await.expect("current"), told(migrator.ledger().await.expect("ledger")));
        assert_eq!(by_script, by_run);
    }

    /// A check that finds rows stops the script where it would stop the run.
    async fn a_scripts_checks_stop_it(db) {
        for (check, section) in [("@require", "SELECT id FROM a WHERE id = 1 -- none of these"), ("@verify", "SELECT id FROM b")] {
            let files = migrations(&[
                ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\nINSERT INTO a VALUES (1);\n-- @downgrade\nDROP TABLE a;\n"),
                ("b", "a", "", &format!("-- {check}\n{section}\n-- @upgrade lock_timeout=3s\nCREATE TABLE b (id INT);\nINSERT INTO b VALUES (1);\n")),
            ]);
            let migrator = Migrator::new(&db.pool, files).script_dialect(db.dialect);
            let script = migrator.upgrade_sql(&Range::all()).expect("a script");
            let Some((ok, told)) = client(&db.url, &script) else { return };
            assert!(!ok, "{told}\n{script}");
            assert_eq!(migrator.current().await.expect("current"), ["a"], "{script}");
            let _ = migrator.downgrade("base").await.expect("down");
            db.run("DROP TABLE IF EXISTS b").await;
        }
    }

    /// Each revision of a script begins in the session as the script found it, and limbeck's own tables are found
    /// whatever a revision set.
    async fn settings_of_a_section_end_behind_it(db) {
        use limbeck::Dialect::{Postgres, Sqlite};
        let name = match db.dialect {
            Sqlite => "main".to_owned(),
            Postgres => db.strings("SELECT current_database()::text").await.remove(0),
            _ => db.strings("SELECT CONVERT(DATABASE() USING utf8mb4)").await.remove(0),
        };
        let role = format!("r_{name}");
        let sets: &[&str] = match db.dialect {
            Sqlite => &[
                "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA case_sensitive_like = ON",
                "CREATE TEMP TABLE limbeck_version (x); CREATE TEMP TABLE limbeck_history (x)",
            ],
            Postgres => &[
                "CREATE SCHEMA s; CREATE TABLE s.limbeck_version (x int); SET search_path = s",
                "SET ROLE {role}",
                "SET SESSION AUTHORIZATION {role}",
                "CREATE TEMP TABLE probe (n INT, t VARCHAR(20)); SET default_transaction_read_only = on",
                "CREATE TABLE k (id int PRIMARY KEY, o int REFERENCES k DEFERRABLE INITIALLY DEFERRED); \
                 INSERT INTO k VALUES (1, 2), (2, 1)",
            ],
            _ => &[
                "USE mysql",
                "SET ROLE {role}",
                "SET ROLE NONE",
                "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', foreign_key_checks = 0, time_zone = '+05:00'",
                "SET NAMES latin1; SET autocommit = 0; SET sql_select_limit = 1",
            ],
        };
        db.run("CREATE TABLE probe (n INT, t VARCHAR(20)); CREATE TABLE seen (n INT)").await;
        if db.dialect == Postgres {
            db.run(&format!("CREATE ROLE {role}")).await;
        } else if db.dialect != Sqlite {
            db.run(&format!("CREATE ROLE {role}; GRANT {role} TO CURRENT_USER()")).await;
        }
        for words in ["", " autocommit"] {
            for (number, sql) in sets.iter().enumerate() {
                // In a transaction SQLite would do nothing.
                if db.dialect == Sqlite && words.is_empty() && number == 0 {
                    continue;
                }
                let sql = sql.replace("{role}", &role);
                let settings = match db.dialect {
                    Sqlite => "SELECT (SELECT foreign_keys FROM pragma_foreign_keys) + 2 * ('a' LIKE 'A')",
                    Postgres => "SELECT length(current_setting('search_path')) + length(current_user)",
                    _ => "SELECT LENGTH(@@sql_mode) + LENGTH(DATABASE()) + LENGTH(IFNULL(CURRENT_ROLE(), '')) \
                          + @@autocommit + @@foreign_key_checks + LENGTH(@@character_set_client) + LENGTH(@@time_zone)",
                };
                let settings = format!("-- @upgrade\nINSERT INTO seen {settings};\nINSERT INTO probe VALUES (1, 'x');\n");
                let files = migrations(&[
                    ("a", "", "", &*settings),
                    ("b", "a", "", &format!("-- @upgrade{words} lock_timeout=3s\n{sql};\n-- @downgrade\n")),
                    ("c", "b", "", &*settings),
                ]);
                let migrator = Migrator::new(&db.pool, files).script_dialect(db.dialect);
                let migrator = if sql.starts_with("USE") {
                    let error = migrator.upgrade_sql(&Range::all()).expect_err("no database is known");
                    assert_eq!(error.kind(), "not_as_script", "{error}");
                    migrator.version_schema(&name)
                } else {
                    migrator
                };
                let script = migrator.upgrade_sql(&Range::all()).expect("a script");
                let Some((ok, told)) = client(&db.url, &script) else { return };
                assert!(ok, "{told}\n{script}");
                assert_eq!(migrator.current().await.expect("current"), ["c"], "{script}");
                let seen = db.strings("SELECT CAST(n AS CHAR(20)) FROM seen").await;
                assert_eq!(seen.len(), 2, "{script}");
                assert_eq!(seen[0], seen[1], "{script}");
                assert_eq!(db.strings("SELECT t FROM probe").await, ["x", "x"], "{script}");
                db.run("DELETE FROM seen; DELETE FROM probe; DELETE FROM limbeck_version; DELETE FROM limbeck_history").await;
                if db.dialect == Postgres {
                    db.run("DROP SCHEMA IF EXISTS s CASCADE; DROP TABLE IF EXISTS k").await;
                }
            }
        }
        if db.dialect != Sqlite {
            db.run(&format!("DROP ROLE {role}")).await;
        }
    }

    /// A message and a file's name stay comments, whatever characters they hold.
    async fn what_a_script_says_of_a_revision_stays_a_comment(db) {
        let ends = "\r\u{b}\u{c}\u{1b}\u{85}\u{2028}\u{202e}";
        let lost = |number: usize, end: char| format!("x{end}CREATE TABLE lost{number}(id INT);");
        for (number, end) in ends.chars().enumerate() {
            let text = format!(
                "-- {}\n--\n-- revision: a{number}\n-- down_revision: none\n\n-- @require\nSELECT 1 WHERE 1 = 0;\n\
                 -- @upgrade\nCREATE TABLE a{number} (id INT);\n",
                lost(number, end)
            );
            let revision = limbeck::Revision::parse(lost(number + 100, end), text).expect("a revision");
            let files = limbeck::Migrations::new([revision]).expect("a graph");
            let migrator = Migrator::new(&db.pool, files)
                .version_table(format!("version{number}"))
                .script_dialect(db.dialect);
            let script = migrator.upgrade_sql(&Range::all()).expect("a script");
            let Some((ok, told)) = client(&db.url, &script) else { return };
            assert!(ok, "{told}\n{script:?}");
            let made: Vec<String> = db.tables().await.into_iter().filter(|table| table.contains("lost")).collect();
            assert_eq!(made, Vec::<String>::new(), "{script:?}");
            let mut comments = script.split('\n').filter(|line| line.starts_with("--"));
            assert!(!comments.any(|comment| comment.contains(end)), "{script:?}");
        }
    }

    /// A `--` comment ends where the database ends it: what stands behind it is run, or is none of the statements.
    async fn a_comment_hides_what_it_hides_from_the_server(db) {
        let files = migrations(&[("a", "", "", "-- @upgrade\n-- note\rCREATE TABLE found(id INT);\n")]);
        let _ = Migrator::new(&db.pool, files).upgrade_to_head().await.expect("a run");
        let made = db.tables().await.contains(&"found".to_owned());
        assert_eq!(made, db.dialect == limbeck::Dialect::Postgres);
    }

    /// A setting of the server's says what a backslash is: a file that fits it runs.
    async fn a_backslash_is_what_the_server_takes_it_for(db) {
        let files = migrations(&[(
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE a (t VARCHAR(20));\n\
             -- @downgrade [sqlite]\nINSERT INTO a VALUES ('C:\\');\n\
             -- @downgrade [postgres]\nINSERT INTO a VALUES ('it\\'s; x');\n\
             -- @downgrade [mysql, mariadb]\nSET sql_mode = 'NO_BACKSLASH_ESCAPES';\nINSERT INTO a VALUES ('C:\\');\n",
        )]);
        let _ = Migrator::new(&db.pool, files.clone()).upgrade_to_head().await.expect("up");
        let mut connection = db.pool.acquire().await.expect("a connection");
        let setting = match db.dialect {
            limbeck::Dialect::Postgres => "SET standard_conforming_strings = off",
            _ => "SELECT 1",
        };
        sqlx::raw_sql(setting).execute(&mut *connection).await.expect("it can be set");
        let _ = Migrator::new(&mut *connection, files).downgrade("base").await.expect("down");
        drop(connection);
        let expected = if db.dialect == limbeck::Dialect::Postgres { "it's; x" } else { "C:\\" };
        assert_eq!(db.strings("SELECT t FROM a").await, [expected]);
    }

    /// What no script can hold is refused, and so is a range that needs a database.
    async fn what_no_script_can_hold_is_refused(db) {
        for words in ["rust", "repeat"] {
            let body = if words == "rust" { "" } else { "DELETE FROM a;\n" };
            let files = migrations(&[("a", "", "", &format!("-- @upgrade {words}\n{body}"))]);
            let error = Migrator::new(&db.pool, files).upgrade_sql(&Range::all()).expect_err("refused");
            assert!(matches!(error, Error::Refused(_)), "{error}");
            assert_eq!(error.revision(), Some("a"));
        }
        let error = Migrator::new(&db.pool, odd()).upgrade_sql(&"current:".parse().expect("a range")).expect_err("refused");
        assert_eq!(error.kind(), "malformed_target", "{error}");
    }
}
