//! The ledger stays small, and what is read of it does not grow with it.

use limbeck::{Dialect, Migrations, Migrator, State};

use crate::support::{migrations, on_each};

/// `a` is fine; `b` runs these statements, with a comment that makes its file another.
fn files(statements: &str, edit: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\n-- @downgrade\nDROP TABLE t;\n",
        ),
        (
            "b",
            "a",
            "",
            &format!("-- @upgrade\n{statements};\n-- @downgrade\n-- {edit}\nDROP TABLE kept;\n"),
        ),
    ])
}

/// Fails with a text of twenty thousand characters.
fn long(dialect: Dialect) -> String {
    let name = "x".repeat(20_000);
    match dialect {
        Dialect::Postgres => format!("INSERT INTO t VALUES (CAST('{name}' AS INT))"),
        _ => format!("INSERT INTO t SELECT 1 FROM {name}"),
    }
}

on_each! {
    /// A step that fails at every boot leaves one row, which counts; it carries no SQL of the downgrade, and no long text.
    async fn a_step_that_fails_at_every_boot_is_one_row(db) {
        let fails = || files("INSERT INTO nowhere VALUES (1)", "");
        for _ in 0..5 {
            let error = Migrator::new(&db.pool, fails()).upgrade_to_head().await.expect_err("a failure");
            let text = error.to_string();
            let rows = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger");
            assert_eq!(rows.len(), 2, "{rows:#?}");
            assert_eq!(rows[1].state, State::Failed);
            assert!(rows[1].error.as_ref().is_some_and(|error| error.starts_with(&text)), "{rows:#?}");
        }
        let rows = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger");
        assert!(rows[1].error.as_ref().is_some_and(|error| error.ends_with("\n(5 times)")), "{rows:#?}");
        assert!(rows[1].finished_at > rows[1].started_at, "{rows:#?}");
        assert_eq!(db.strings("SELECT down_sql FROM limbeck_history WHERE revision = 'b'").await, ["NULL"]);

        // Another error is another row, and one of another file too.
        for _ in 0..3 {
            let _ = Migrator::new(&db.pool, files(&long(db.dialect), "")).upgrade_to_head().await.expect_err("a long one");
            let _ = Migrator::new(&db.pool, files("INSERT INTO nowhere VALUES (1)", "edited")).upgrade_to_head().await.expect_err("edited");
        }
        let rows = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger");
        for row in &rows {
            assert!(row.error.as_ref().is_none_or(|error| error.chars().count() < 5_000), "{row:#?}");
        }
        let kept = db.strings("SELECT revision FROM limbeck_history WHERE down_sql IS NOT NULL").await;
        assert_eq!(kept, ["a"]);

        // What it came to is recorded as ever.
        let _ = Migrator::new(&db.pool, files("CREATE TABLE kept (id INT)", "")).upgrade_to_head().await.expect("corrected");
        let last = Migrator::new(&db.pool, fails()).ledger().await.expect("the ledger").pop().expect("a row");
        assert_eq!((last.state, last.error), (State::Done.into(), None));
    }

    /// Files that are edited to and fro, and errors that differ each time, come to an end too.
    async fn failures_that_differ_are_bounded(db) {
        for n in 0..24 {
            let name = ["bee", "sea", "dee", "eff", "gee", "jay", "kay", "ell"][n % 8].repeat(1 + n / 8);
            let wrong = format!("INSERT INTO {name} VALUES (1)");
            let _ = Migrator::new(&db.pool, files(&wrong, "")).upgrade_to_head().await.expect_err("a failure");
        }
        let rows = Migrator::new(&db.pool, files("", "")).ledger().await.expect("the ledger");
        assert_eq!(rows.len(), 1 + 8, "{rows:#?}");
        assert!(rows[8].error.as_ref().is_some_and(|error| error.contains("ellellell") && error.ends_with("(17 times)")), "{rows:#?}");
    }
}
