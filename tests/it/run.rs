//! Runs on every database: what a call does, what it leaves behind, and what it says when it stops.

use limbeck::ledger::State;
use limbeck::plan::{Action, Purge};
use limbeck::{Migrations, Migrator, Outcome, Target};

use crate::support::migrations;
use crate::support::on_each;

/// Every revision writes a row here, and nothing keeps it from doing so twice.
const AUDIT: &str = "CREATE TABLE audit (rev VARCHAR(40) NOT NULL)";

/// ```text
/// a1 ─┬─ b1 ── b2 ─┬─ m1
///     └─ c1 ───────┘
/// ```
pub fn diamond() -> Migrations {
    migrations(&[
        (
            "a1",
            "",
            "",
            &format!(
                "-- @upgrade\n{AUDIT};\nINSERT INTO audit VALUES ('a1');\n-- @downgrade\nDROP TABLE audit;\n"
            ),
        ),
        (
            "b1",
            "a1",
            "-- branch_labels: left",
            "-- @upgrade\nCREATE TABLE b1 (id INT);\nINSERT INTO audit VALUES ('b1');\n-- @downgrade\n\
             DROP TABLE b1;\nINSERT INTO audit VALUES ('-b1');\n",
        ),
        (
            "b2",
            "b1",
            "",
            "-- @upgrade\nCREATE TABLE b2 (id INT);\nINSERT INTO audit VALUES ('b2');\n-- @downgrade\n\
             DROP TABLE b2;\nINSERT INTO audit VALUES ('-b2');\n",
        ),
        (
            "c1",
            "a1",
            "-- branch_labels: right",
            "-- @upgrade\nCREATE TABLE c1 (id INT);\nINSERT INTO audit VALUES ('c1');\n-- @downgrade\n\
             DROP TABLE c1;\nINSERT INTO audit VALUES ('-c1');\n",
        ),
        (
            "m1",
            "b2, c1",
            "",
            "-- @upgrade\nINSERT INTO audit VALUES ('m1');\n-- @downgrade\nINSERT INTO audit VALUES ('-m1');\n",
        ),
    ])
}

on_each! {
    /// Up, again, down to one branch, up again, down to nothing.
    async fn a_graph_is_walked_up_and_down(db) {
        let migrator = Migrator::new(&db.pool, diamond());
        let report = migrator.upgrade_to_head().await.expect("upgrade");
        assert_eq!(report.outcome, Outcome::Migrated);
        assert_eq!(report.current, ["m1"]);
        assert_eq!(report.steps.len(), 5);
        assert_eq!(report.rows(), 5);
        assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["a1", "b1", "b2", "c1", "m1"]);

        let report = migrator.upgrade_to_head().await.expect("again");
        assert_eq!(report.outcome, Outcome::AlreadyThere);
        assert_eq!(report.statements(), 0);

        let report = migrator.downgrade("left@a1").await.expect("downgrade");
        assert_eq!(report.current, ["c1"]);
        assert_eq!(db.strings("SELECT rev FROM audit WHERE rev LIKE '-%' ORDER BY rev").await, ["-b1", "-b2", "-m1"]);

        let report = migrator.upgrade_to_head().await.expect("up again");
        assert_eq!(report.current, ["m1"]);
        assert_eq!(report.steps.len(), 3);

        let report = migrator.downgrade(Target::base()).await.expect("base");
        assert_eq!(report.current, Vec::<String>::new());
        assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, Vec::<String>::new());

        let states = db.strings("SELECT DISTINCT state FROM limbeck_history").await;
        assert_eq!(states, ["done"]);
        assert_eq!(migrator.ledger().await.expect("ledger").len(), 5 + 3 + 3 + 5);
    }

    /// What a plan says is what a run does, and planning writes nothing.
    async fn a_plan_writes_nothing(db) {
        let migrator = Migrator::new(&db.pool, diamond());
        let plan = migrator.plan_upgrade(Target::head()).await.expect("plan");
        assert_eq!(plan.steps().len(), 5);
        assert_eq!(db.tables().await, Vec::<String>::new());
        let _ = migrator.upgrade("b2").await.expect("upgrade");
        let plan = migrator.plan_downgrade("a1").await.expect("plan");
        assert_eq!(plan.steps().len(), 2);
        assert_eq!(migrator.current().await.expect("current"), ["b2"]);
    }

    /// A stamp moves rows and runs nothing.
    async fn a_stamp_runs_nothing(db) {
        let migrator = Migrator::new(&db.pool, diamond());
        let report = migrator.stamp("m1", Purge::Keep).await.expect("stamp");
        assert_eq!(report.current, ["m1"]);
        assert_eq!(migrator.current().await.expect("current"), ["m1"]);
        let ledger = migrator.ledger().await.expect("ledger");
        assert_eq!(ledger.len(), 5);
        assert!(ledger.iter().all(|entry| entry.action == Action::Stamp && entry.state == State::Done));
        assert!(!db.tables().await.contains(&"audit".to_owned()));
        let report = migrator.upgrade_to_head().await.expect("upgrade");
        assert_eq!(report.outcome, Outcome::AlreadyThere);
        let report = migrator.stamp("base", Purge::Clear).await.expect("purge");
        assert_eq!(report.current, Vec::<String>::new());
    }

    /// It goes back to one place: of two targets neither is silently left out.
    async fn a_downgrade_has_one_target(db) {
        let migrator = Migrator::new(&db.pool, diamond());
        let _ = migrator.upgrade_to_head().await.expect("up");
        let targets = || vec!["b1".parse::<Target>().expect("a target"), Target::base()];
        for error in [
            migrator.downgrade(targets()).await.expect_err("two"),
            migrator.plan_downgrade(targets()).await.expect_err("two"),
        ] {
            assert_eq!(error.kind(), "several_targets");
            assert!(error.to_string().contains("`b1 base` is 2 targets"), "{error}");
        }
        assert_eq!(migrator.current().await.expect("current"), ["m1"]);
    }

    /// No table of the database's own is ever taken for limbeck's, nor one of limbeck's for another.
    async fn names_of_the_catalog_and_of_each_other_are_refused(db) {
        use limbeck::Dialect::{Postgres, Sqlite};
        let before = db.tables().await;
        let new = || Migrator::new(&db.pool, diamond());
        let mut refused = match db.dialect {
            Sqlite => vec![new().version_table("sqlite_schema"), new().history_table("SQLITE_x"), new().version_table("LIMBECK_history")],
            Postgres => vec![new().version_table("pg_class"), new().history_table("pg_x"), new().version_schema("pg_catalog"), new().version_schema("information_schema")],
            _ => vec![new().version_schema("Information_Schema"), new().version_table("Limbeck_History_Lock")],
        };
        refused.push(new().version_table("limbeck_history"));
        refused.push(new().version_table("public.v"));
        refused.push(new().history_table("public.v"));
        refused.push(new().version_table("h_lock").history_table("h"));
        for migrator in refused {
            for error in [
                migrator.upgrade_to_head().await.expect_err("refused"),
                migrator.current().await.expect_err("refused"),
                migrator.upgrade_sql(&limbeck::Range::all()).expect_err("refused"),
            ] {
                assert_eq!(error.kind(), "bad_name", "{error}");
            }
        }
        let error = new().history_table("`shop`.`ledger`").current().await.expect_err("a schema").to_string();
        assert!(error.contains("`version_schema(\"shop\")`, and here `history_table(\"ledger\")`"), "{error}");
        assert_eq!(db.tables().await, before);
        if db.dialect == Postgres {
            // Where the database tells names by their case, they are two.
            let _ = new().version_table("Limbeck_History").upgrade_to_head().await.expect("up");
            // A schema may have a dot in its name: it is one that is there.
            db.run("DROP TABLE IF EXISTS limbeck_history, limbeck_history_lock").await;
            db.run("CREATE SCHEMA \"a.b\"").await;
            assert_eq!(new().version_schema("a.b").current().await.expect("a schema"), [""; 0]);
            let error = new().version_schema("a.c").ensure_tables().await.expect_err("no schema");
            assert!(error.to_string().contains("schema \"a.c\" does not exist"), "{error}");
        }
    }
}

/// SQLite keeps an index's text up to the semicolon: nothing that is not the revision's stands before that.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn stored_text_ends_with_the_statement() {
    let db = crate::support::servers::sqlite().await;
    let section = "-- @upgrade\nCREATE TABLE t (a INT);\nCREATE INDEX i ON t (a);\nCREATE INDEX j ON t (a) -- last\n;\n\
                   CREATE VIEW v AS SELECT a FROM t";
    for words in ["", " autocommit"] {
        let section = section.replace("@upgrade", &format!("@upgrade{words}"));
        let files = migrations(&[("a", "", "", &section)]);
        let migrator = Migrator::new(&db.pool, files);
        let report = migrator.upgrade_to_head().await.expect("a run");
        assert_eq!(report.current, ["a"]);
        let texts = "SELECT sql FROM sqlite_schema WHERE tbl_name IN ('t', 'v') ORDER BY name";
        let expected = [
            "CREATE INDEX i ON t (a)",
            "CREATE INDEX j ON t (a)",
            "CREATE TABLE t (a INT)",
            "CREATE VIEW v AS SELECT a FROM t",
        ];
        assert_eq!(db.strings(texts).await, expected, "{words}");
        db.run(
            "DROP VIEW v; DROP TABLE t; DELETE FROM limbeck_version; DELETE FROM limbeck_history",
        )
        .await;
    }
}
