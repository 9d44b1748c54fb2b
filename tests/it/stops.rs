//! Runs that stop: what is said, what is left, and how the next call goes on.

use limbeck::error::{RunError, UnfinishedReason};
use limbeck::migrator::TransactionMode;
use limbeck::{Dialect, Error, Migrations, Migrator, Outcome};

use crate::support::{migrations, on_each};

/// `a` is fine; `b` fails in its third statement, unless `table` is one that exists.
fn failing(table: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL);\n-- @downgrade\nDROP TABLE audit;\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade\nCREATE TABLE b (id INT);\n\nINSERT INTO audit VALUES ('é');\n  INSERT INTO audit\n    \
                 SELECT rev FROM {table};\nCREATE TABLE never (id INT);\n"
            ),
        ),
    ])
}

fn statement_error(error: &Error) -> &limbeck::error::StatementError {
    match error {
        Error::Run(run) => match &**run {
            RunError::Statement(statement) => statement,
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
}

on_each! {
    /// The error names file, line, column and statement; the database is as before the step, or the error
    /// and the ledger say which statements took effect.
    async fn a_failing_statement_is_named_and_undone_or_counted(db) {
        let migrator = Migrator::new(&db.pool, failing("nowhere"));
        let error = migrator.upgrade_to_head().await.expect_err("a failure");
        let statement = statement_error(&error);
        assert_eq!(error.revision(), Some("b"));
        assert_eq!(statement.path, "b.sql");
        assert_eq!((statement.number, statement.total), (3, 4));
        assert!(statement.statement.starts_with("INSERT INTO audit\n"), "{statement}");
        // PostgreSQL points at the table's name, the others at nothing.
        let expected = if db.dialect == Dialect::Postgres { (11, 21) } else { (10, 3) };
        assert_eq!((statement.line, statement.column), expected, "{statement}");
        assert!(statement.message.contains("nowhere"), "{statement}");
        assert!(!error.to_string().contains("parse_relation.c"), "{error}");
        assert_eq!(migrator.current().await.expect("current"), ["a"]);

        let tables = db.tables().await;
        let failed = db.strings("SELECT error FROM limbeck_history WHERE revision = 'b'").await;
        assert_eq!(failed, [error.to_string()]);
        if db.dialect.is_mysql_family() {
            assert!(error.to_string().contains("Statement 1 took effect and stays; statement 3 did not, and statement 2 was \
                rolled back with it, in one transaction, statement 4 was not run"), "{error}");
            assert!(tables.contains(&"b".to_owned()) && !tables.contains(&"never".to_owned()), "{tables:?}");
            assert_eq!(db.strings("SELECT rev FROM audit").await, Vec::<String>::new());
            let unfinished = migrator.status().await.expect("status").unfinished.clone().expect("an unfinished step");
            assert_eq!((unfinished.statements_done, unfinished.statements), (1, 4), "what is committed is counted");
        } else {
            assert!(!tables.contains(&"b".to_owned()), "{tables:?}");
            assert_eq!(db.strings("SELECT rev FROM audit").await, Vec::<String>::new());
            assert_eq!(db.strings("SELECT state FROM limbeck_history WHERE revision = 'b'").await, ["failed"]);
        }

        // The file is corrected behind what ran, and the next boot finishes the step.
        let report = Migrator::new(&db.pool, failing("audit")).upgrade_to_head().await.expect("corrected");
        assert_eq!(report.current, ["b"]);
        assert_eq!(db.strings("SELECT rev FROM audit").await, ["é", "é"]);
        assert!(db.tables().await.contains(&"never".to_owned()));
        let running = db.strings("SELECT revision FROM limbeck_history WHERE state = 'running'").await;
        assert_eq!(running, Vec::<String>::new());
    }

    /// A violation of `@require` is shown with its rows, and nothing of the step runs.
    async fn require_stops_a_step_and_shows_its_rows(db) {
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT, name VARCHAR(20));\nINSERT INTO t VALUES (1, 'x'), (2, NULL), (3, NULL);\n"),
            ("b", "a", "", "-- @require\nSELECT 1 WHERE 1 = 0;\nSELECT id, name FROM t WHERE name IS NULL ORDER BY id;\n-- @upgrade\nCREATE TABLE b (id INT);\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files);
        let error = migrator.upgrade_to_head().await.expect_err("a violation");
        let Error::Run(run) = &error else { panic!("{error}") };
        let RunError::Violation(violation) = &**run else { panic!("{error}") };
        assert_eq!(violation.check, "@require");
        assert_eq!(violation.columns, ["id", "name"]);
        assert_eq!(violation.rows, [[Some("2".to_owned()), None], [Some("3".to_owned()), None]]);
        assert!(error.to_string().contains("id = 2, name = NULL"), "{error}");
        assert_eq!(violation.line, 8, "{error}");
        assert!(!db.tables().await.contains(&"b".to_owned()));
        assert_eq!(migrator.current().await.expect("current"), ["a"]);
        db.run("DELETE FROM t WHERE name IS NULL").await;
        assert_eq!(migrator.upgrade_to_head().await.expect("upgrade").current, ["b"]);
    }

    /// `@verify` rolls the step back where it can, and else says that it could not.
    async fn verify_stops_a_step(db) {
        let files = migrations(&[(
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (7);\n-- @verify\nSELECT id FROM t WHERE id > 5;\n",
        )]);
        let migrator = Migrator::new(&db.pool, files);
        let error = migrator.upgrade_to_head().await.expect_err("a violation");
        assert!(error.to_string().contains("@verify of revision a found rows"), "{error}");
        assert!(error.to_string().contains("id = 7"), "{error}");
        assert_eq!(migrator.current().await.expect("current"), Vec::<String>::new());
        if db.dialect.is_mysql_family() {
            db.run("DELETE FROM t").await;
            assert_eq!(migrator.upgrade_to_head().await.expect("only the check was left").current, ["a"]);
            assert_eq!(db.strings("SELECT id FROM t").await, Vec::<String>::new());
        } else {
            assert!(!db.tables().await.contains(&"t".to_owned()));
        }
    }

    /// Batches run to their end, and go on behind a statement that failed.
    async fn a_repeat_section_runs_batch_by_batch(db) {
        let limit = "UPDATE t SET done = 1 WHERE id IN (SELECT id FROM (SELECT id FROM t WHERE done = 0 ORDER BY id LIMIT 10) x)";
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY, done INT NOT NULL);\n"),
            ("b", "a", "", &format!("-- @upgrade repeat\n{limit};\n-- @downgrade repeat\nUPDATE t SET done = 0 WHERE done = 1;\n")),
        ]);
        let batches = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let seen = batches.clone();
        let migrator = Migrator::new(&db.pool, files).on_event(move |event| {
            if let limbeck::Event::BatchDone { .. } = event {
                seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        });
        let _ = migrator.upgrade("a").await.expect("a");
        for id in 0..25 {
            db.run(&format!("INSERT INTO t VALUES ({id}, 0)")).await;
        }
        let report = migrator.upgrade_to_head().await.expect("batches");
        assert_eq!(batches.load(std::sync::atomic::Ordering::Relaxed), 3);
        assert_eq!((report.statements(), report.rows()), (3, 25));
        assert_eq!(db.strings("SELECT count(*) || '' FROM t WHERE done = 1".replace("||", if db.dialect.is_mysql_family() { "+" } else { "||" }).as_str()).await, ["25"]);
        let _ = migrator.downgrade("a").await.expect("down");
        assert_eq!(migrator.current().await.expect("current"), ["a"]);
    }

    /// Code gets the step's connection; missing code is refused before anything runs.
    async fn code_runs_on_the_steps_connection(db) {
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            ("b", "a", "", "-- @upgrade rust\n-- @downgrade rust\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files.clone());
        let error = migrator.upgrade_to_head().await.expect_err("no code");
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert_eq!(db.tables().await, Vec::<String>::new());

        let migrator = Migrator::new(&db.pool, files.clone())
            .on_upgrade("b", |connection| Box::pin(async move {
                sqlx::query("INSERT INTO t VALUES (1)").execute(&mut *connection).await?;
                sqlx::query("INSERT INTO t VALUES (2)").execute(connection).await?;
                Ok(())
            }))
            .on_downgrade("b", |connection| Box::pin(async move {
                sqlx::query("DELETE FROM t").execute(connection).await?;
                Ok(())
            }));
        assert_eq!(migrator.upgrade_to_head().await.expect("code").current, ["b"]);
        assert_eq!(db.strings("SELECT id FROM t ORDER BY id").await.len(), 2);
        let _ = migrator.downgrade("a").await.expect("down");
        assert_eq!(db.strings("SELECT id FROM t").await.len(), 0);

        let migrator = Migrator::new(&db.pool, files)
            .on_upgrade("b", |connection| Box::pin(async move {
                sqlx::query("INSERT INTO t VALUES (9)").execute(connection).await?;
                Err("the code's own reason".into())
            }))
            .on_downgrade("b", |_| Box::pin(async { Ok(()) }));
        let error = migrator.upgrade_to_head().await.expect_err("the code fails");
        assert_eq!(error.revision(), Some("b"));
        let source = std::error::Error::source(&error).expect("a source").to_string();
        assert_eq!(source, "the code's own reason");
        assert_eq!(migrator.current().await.expect("current"), ["a"]);
        if !db.dialect.is_mysql_family() {
            assert_eq!(db.strings("SELECT id FROM t").await.len(), 0, "rolled back");
        }
    }

    /// Code that could never run is a slip of the programmer's: it is named before anything is sent.
    async fn code_for_no_section_is_refused(db) {
        let files = || migrations(&[
            ("3f2a9c1d7b04", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade rust\n"),
            ("b", "3f2a9c1d7b04", "", "-- @upgrade [sqlite, postgres, mysql] rust\n-- @downgrade\n"),
        ]);
        let new = || Migrator::new(&db.pool, files()).on_upgrade("b", |_| Box::pin(async { Ok(()) }));
        for (migrator, kind, words) in [
            (new().on_upgrade("3f2a9c1d7b40", |_| Box::pin(async { Ok(()) })), "unknown_code", "did you mean `3f2a9c1d7b04`?"),
            (new().on_downgrade("3f2a", |_| Box::pin(async { Ok(()) })), "unknown_code", "did you mean `3f2a9c1d7b04`?"),
            (new().on_upgrade("users", |_| Box::pin(async { Ok(()) })), "unknown_code", "do not hold. "),
            (new().on_upgrade("3f2a9c1d7b04", |_| Box::pin(async { Ok(()) })), "unused_code", "3f2a9c1d7b04.sql: "),
            (new().on_downgrade("b", |_| Box::pin(async { Ok(()) })), "unused_code", "no section `-- @downgrade rust`"),
            (new().idempotent("a"), "nothing_idempotent", "`a`"),
        ] {
            for error in [
                migrator.plan_upgrade("head").await.expect_err("a plan"),
                migrator.upgrade_to_head().await.expect_err("an upgrade"),
                migrator.downgrade("base").await.expect_err("a downgrade"),
                migrator.plan_downgrade("base").await.expect_err("a plan back"),
            ] {
                assert_eq!(error.kind(), kind, "{error}");
                assert!(error.to_string().contains(words), "{error}");
            }
            // Who only looks needs no code.
            assert_eq!(migrator.status().await.expect("status").pending.len(), 2);
        }
        assert_eq!(db.tables().await, Vec::<String>::new());
        // In whatever order the two are called.
        let migrator = Migrator::new(&db.pool, files()).idempotent("b").on_upgrade("b", |_| Box::pin(async { Ok(()) }));
        assert_eq!(migrator.upgrade_to_head().await.expect("an upgrade").current, ["b"]);
    }

    /// A whole upgrade in one transaction is wholly there or wholly gone; MySQL refuses first.
    async fn a_single_transaction_is_all_or_nothing(db) {
        let migrator = Migrator::new(&db.pool, failing("nowhere")).transaction_mode(TransactionMode::SingleTransaction);
        let error = migrator.upgrade_to_head().await.expect_err("a failure");
        if db.dialect.is_mysql_family() {
            assert!(matches!(error, Error::Refused(_)), "{error}");
            assert_eq!(db.tables().await, Vec::<String>::new());
            return;
        }
        assert_eq!(error.revision(), Some("b"));
        assert_eq!(statement_error(&error).number, 3);
        assert!(!db.tables().await.contains(&"audit".to_owned()));
        let migrator = Migrator::new(&db.pool, failing("audit")).transaction_mode(TransactionMode::SingleTransaction);
        let report = migrator.upgrade_to_head().await.expect("upgrade");
        assert_eq!((report.current.as_slice(), report.steps.len()), (&["b".to_owned()][..], 2));
        assert_eq!(migrator.ledger().await.expect("ledger").len(), 2);
    }

    /// Statements outside a transaction are recorded one by one, and a failure says how far they came.
    async fn an_autocommit_section_is_recorded_statement_by_statement(db) {
        let alone = match db.dialect {
            Dialect::Postgres => "CREATE INDEX CONCURRENTLY t_id ON t (id)",
            Dialect::Sqlite => "VACUUM",
            _ => "OPTIMIZE TABLE t",
        };
        let files = |third: &str| migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            ("b", "a", "", &format!("-- @upgrade autocommit\nINSERT INTO t VALUES (1);\n{alone};\nINSERT INTO {third} VALUES (2);\n-- @downgrade autocommit\nDELETE FROM t;\n")),
            ("c", "b", "", "-- @upgrade\nCREATE TABLE c (id INT);\n-- @downgrade\nDROP TABLE c;\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files("nowhere"));
        let error = migrator.upgrade_to_head().await.expect_err("a failure");
        assert_eq!(statement_error(&error).number, 3, "{error}");
        assert!(error.to_string().contains("Statements 1 to 2 took effect and stay; statement 3 did not"), "{error}");
        let status = migrator.status().await.expect("status");
        let unfinished = status.unfinished.clone().expect("an unfinished step");
        assert_eq!((unfinished.revision.as_str(), unfinished.statements_done, unfinished.statement_running), ("b", 2, None));
        assert!(!status.is_ready());
        // Every other step is blocked until it is finished.
        let error = migrator.downgrade("base").await.expect_err("blocked or irreversible");
        assert!(matches!(error, Error::Refused(_) | Error::Run(_)), "{error}");

        // What ran must still be what the file says.
        let edited = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            ("b", "a", "", "-- @upgrade autocommit\nINSERT INTO t VALUES (5);\nINSERT INTO t VALUES (6);\nINSERT INTO t VALUES (2);\n"),
        ]);
        let error = Migrator::new(&db.pool, edited).upgrade_to_head().await.expect_err("edited");
        let Error::Run(run) = &error else { panic!("{error}") };
        let RunError::Unfinished(unfinished) = &**run else { panic!("{error}") };
        assert_eq!(unfinished.reason, UnfinishedReason::Edited, "{error}");

        let migrator = Migrator::new(&db.pool, files("t"));
        let report = migrator.upgrade_to_head().await.expect("corrected");
        assert_eq!(report.current, ["c"]);
        assert_eq!(db.strings("SELECT id FROM t").await.len(), 2);
        assert!(migrator.status().await.expect("status").is_ready());
        let _ = migrator.downgrade("a").await.expect("down");
        assert_eq!(db.strings("SELECT id FROM t").await.len(), 0);
    }

    /// A step that stands half done blocks every other, on any branch, until it is finished or given up.
    async fn an_unfinished_step_blocks_every_other(db) {
        let files = |table: &str| migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade\nDROP TABLE t;\n"),
            ("l", "a", "", &format!("-- @upgrade autocommit\nINSERT INTO t VALUES (1);\nINSERT INTO {table} VALUES (2);\n-- @downgrade\n")),
            ("r", "a", "", "-- @upgrade\nCREATE TABLE r (id INT);\n-- @downgrade\nDROP TABLE r;\n"),
            ("s", "a", "", "-- @upgrade autocommit\nINSERT INTO t VALUES (7);\n-- @downgrade\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files("nowhere"));
        let error = migrator.upgrade("l").await.expect_err("a failure");
        assert!(error.is_statement(), "{error}");
        for target in ["r", "s"] {
            let error = migrator.upgrade(target).await.expect_err("blocked");
            let Error::Run(run) = &error else { panic!("{error}") };
            let RunError::Unfinished(unfinished) = &**run else { panic!("{error}") };
            assert_eq!(unfinished.reason, UnfinishedReason::InTheWay, "{error}");
            assert_eq!((unfinished.step.revision.as_str(), unfinished.step.statements_done, unfinished.step.statements), ("l", 1, 2));
        }
        let error = migrator.downgrade("base").await.expect_err("blocked");
        assert!(matches!(&error, Error::Run(run) if matches!(**run, RunError::Unfinished(_))), "{error}");
        assert!(!db.tables().await.contains(&"r".to_owned()));
        // An upgrade that leads there finishes it first, whatever the order of its plan.
        let report = Migrator::new(&db.pool, files("t")).upgrade("heads").await.expect("finished");
        assert_eq!(report.current, ["l", "r", "s"]);
        assert_eq!(report.steps[0].step.revision.as_ref(), "l");
        assert_eq!(db.strings("SELECT id FROM t").await.len(), 3);
    }

    /// A step that was given up leaves the way free.
    async fn an_unfinished_step_may_be_given_up(db) {
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade\nDROP TABLE t;\n"),
            ("l", "a", "", "-- @upgrade autocommit\nINSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (2);\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files);
        let _ = migrator.upgrade("l").await.expect_err("a failure");
        let error = migrator.resolve("l", limbeck::Resolution::Applied).await.expect_err("no statement is in doubt");
        assert_eq!(error.kind(), "nothing_to_resolve", "{error}");
        migrator.resolve("l", limbeck::Resolution::Abandoned).await.expect("given up");
        assert!(migrator.status().await.expect("status").unfinished.is_none());
        assert_eq!(migrator.downgrade("base").await.expect("free").current, Vec::<String>::new());
    }

    /// Of two that give up the same step at once, the later one finds it settled.
    async fn a_step_is_settled_once(db) {
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT);\n"),
            ("l", "a", "", "-- @upgrade autocommit\nINSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (2);\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files);
        for round in 0..5 {
            let _ = migrator.upgrade("l").await.expect_err("a failure");
            let give_up = || migrator.resolve("l", limbeck::Resolution::Abandoned);
            let (one, other) = tokio::join!(give_up(), give_up());
            let kinds: Vec<&str> = [one, other].iter().filter_map(|end| Some(end.as_ref().err()?.kind())).collect();
            assert_eq!(kinds, ["nothing_to_resolve"], "round {round}");
        }
    }

    /// Where there is nothing to undo with, a downgrade is refused before its first step.
    async fn an_irreversible_revision_is_refused_first(db) {
        let files = migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"),
            ("b", "a", "", "-- @upgrade\nCREATE TABLE b (id INT);\n-- @downgrade\nDROP TABLE b;\n"),
        ]);
        let migrator = Migrator::new(&db.pool, files);
        let _ = migrator.upgrade_to_head().await.expect("upgrade");
        let error = migrator.downgrade("base").await.expect_err("irreversible");
        assert!(matches!(error, Error::Refused(_)), "{error}");
        assert_eq!(error.revision(), Some("a"));
        assert_eq!(migrator.current().await.expect("current"), ["b"]);
    }

    /// A boot with nothing to do writes nothing, and so needs no rights to write.
    async fn a_boot_with_nothing_to_do_writes_nothing(db) {
        let migrator = Migrator::new(&db.pool, failing("audit"));
        let _ = migrator.upgrade_to_head().await.expect("upgrade");
        let before = db.strings("SELECT max(id) || '' FROM limbeck_history".replace(" || ''", "").as_str()).await.len();
        let report = migrator.upgrade_to_head().await.expect("again");
        assert_eq!(report.outcome, Outcome::AlreadyThere);
        assert_eq!(migrator.require_head().await.expect("at the head").outcome, Outcome::AlreadyThere);
        assert_eq!(before, 1);
        assert_eq!(migrator.ledger().await.expect("ledger").len(), 2);
    }

    /// The time-outs of a section hold for its statements, checks included, and end with it.
    async fn a_statement_timeout_ends_a_statement(db) {
        let slow = match db.dialect {
            Dialect::Postgres => "SELECT 1 FROM pg_sleep(20) AS s WHERE s::text = 'x'",
            Dialect::Sqlite => "SELECT 1 FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT sum(i) AS s FROM n) WHERE s < 0",
            _ => "SELECT 1 FROM (SELECT SLEEP(20) AS s) x WHERE s = 5",
        };
        for file in [
            format!("-- @upgrade statement_timeout=200ms\nCREATE TABLE b (id INT);\n{slow};\n"),
            format!("-- @require statement_timeout=200ms\n{slow};\n-- @upgrade\nCREATE TABLE b (id INT);\n"),
        ] {
            let files = migrations(&[("a", "", "", "-- @upgrade\nCREATE TABLE a (id INT);\n"), ("b", "a", "", &file)]);
            let began = std::time::Instant::now();
            let error = Migrator::new(&db.pool, files).upgrade_to_head().await.expect_err("too slow");
            assert!(error.is_statement(), "{error}");
            // The clock tells a time-out from none at all, not how fast anything is.
            assert!(began.elapsed().as_secs() < 15, "{error}");
            db.run("DROP TABLE IF EXISTS b").await;
            db.run("DELETE FROM limbeck_history WHERE revision = 'b'").await;
        }
    }
}
