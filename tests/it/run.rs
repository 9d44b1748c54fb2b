//! Runs on every database: what a call does, what it leaves behind, and what it says when it stops.

use limbeck::{Action, Migrations, Migrator, Outcome, Purge, State, Target};

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
        assert_eq!(report.heads, ["m1"]);
        assert_eq!(report.steps.len(), 5);
        assert_eq!(report.rows(), 5);
        assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["a1", "b1", "b2", "c1", "m1"]);

        let report = migrator.upgrade_to_head().await.expect("again");
        assert_eq!(report.outcome, Outcome::AlreadyThere);
        assert_eq!(report.statements(), 0);

        let report = migrator.downgrade("left@a1").await.expect("downgrade");
        assert_eq!(report.heads, ["c1"]);
        assert_eq!(db.strings("SELECT rev FROM audit WHERE rev LIKE '-%' ORDER BY rev").await, ["-b1", "-b2", "-m1"]);

        let report = migrator.upgrade_to_head().await.expect("up again");
        assert_eq!(report.heads, ["m1"]);
        assert_eq!(report.steps.len(), 3);

        let report = migrator.downgrade(Target::base()).await.expect("base");
        assert_eq!(report.heads, Vec::<String>::new());
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
        assert_eq!(report.heads, ["m1"]);
        assert_eq!(migrator.current().await.expect("current"), ["m1"]);
        let ledger = migrator.ledger().await.expect("ledger");
        assert_eq!(ledger.len(), 5);
        assert!(ledger.iter().all(|entry| entry.action == Action::Stamp && entry.state == State::Done));
        assert!(!db.tables().await.contains(&"audit".to_owned()));
        let report = migrator.upgrade_to_head().await.expect("upgrade");
        assert_eq!(report.outcome, Outcome::AlreadyThere);
        let report = migrator.stamp("base", Purge::Clear).await.expect("purge");
        assert_eq!(report.heads, Vec::<String>::new());
    }
}
