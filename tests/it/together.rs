//! Many at once: each revision runs exactly once, counted by a table without constraints.

use std::sync::Arc;

use limbeck::{Dialect, Migrations, Migrator, Outcome};

use crate::support::{migrations, on_each};

/// Revisions of every kind, each of which leaves one row for each time that it ran.
pub fn mixed(dialect: Dialect) -> Migrations {
    let (alone, back) = match dialect {
        Dialect::Postgres => (
            "CREATE INDEX CONCURRENTLY audit_rev ON audit (rev)",
            "DROP INDEX audit_rev;",
        ),
        Dialect::Sqlite => ("VACUUM", ""),
        _ => (
            "CREATE INDEX audit_rev ON audit (rev)",
            "DROP INDEX audit_rev ON audit;",
        ),
    };
    migrations(&[
        (
            "r1",
            "",
            "",
            "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL);\nINSERT INTO audit VALUES ('r1');\n-- @downgrade\nDROP TABLE audit;\n",
        ),
        (
            "r2",
            "r1",
            "",
            "-- @upgrade\nCREATE TABLE r2 (id INT, done INT NOT NULL);\nINSERT INTO r2 VALUES (1, 0), (2, 0), (3, 0);\nINSERT INTO audit VALUES ('r2');\n-- @downgrade\nDROP TABLE r2;\n",
        ),
        (
            "r3",
            "r2",
            "",
            &format!(
                "-- @upgrade autocommit\nINSERT INTO audit VALUES ('r3');\n{alone};\n-- @downgrade\nDELETE FROM audit WHERE rev = 'r3';\n{back}\n"
            ),
        ),
        (
            "r4",
            "r3",
            "",
            "-- @upgrade\nCREATE TABLE r4 (id INT);\nINSERT INTO audit VALUES ('r4');\n-- @downgrade\nDROP TABLE r4;\n",
        ),
        (
            "r5",
            "r4",
            "",
            "-- @upgrade repeat\nUPDATE r2 SET done = done + 1 WHERE done = 0;\n-- @downgrade\n",
        ),
        (
            "r6",
            "r5",
            "",
            "-- @upgrade\nINSERT INTO audit VALUES ('r6');\n-- @downgrade\n",
        ),
    ])
}

on_each! {
    /// Twenty boots in one process, let go at one moment, each with a connection of its own, again and again.
    async fn twenty_boots_in_one_process(db) {
        for _ in 0..5 {
            let start = Arc::new(tokio::sync::Barrier::new(20));
            let mut boots = tokio::task::JoinSet::new();
            for _ in 0..20 {
                let options = (*db.pool.connect_options()).clone();
                let pool = db.pool.options().clone().connect_lazy_with(options);
                let (files, start) = (mixed(db.dialect), start.clone());
                boots.spawn(async move {
                    drop(pool.acquire().await.expect("a connection"));
                    start.wait().await;
                    Migrator::new(pool, files).upgrade_to_head().await
                });
            }
            let mut migrated = 0;
            while let Some(report) = boots.join_next().await {
                let report = report.expect("no panic").expect("a boot");
                assert_eq!(report.current, ["r6"]);
                migrated += usize::from(report.outcome == Outcome::Migrated);
            }
            assert!(migrated >= 1);
            assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["r1", "r2", "r3", "r4", "r6"]);
            assert_eq!(db.strings("SELECT done FROM r2 WHERE done <> 1").await.len(), 0);
            assert_eq!(db.strings("SELECT revision FROM limbeck_history WHERE state = 'done'").await.len(), 6);
            let tables = ["audit", "r2", "r4", "limbeck_history", "limbeck_history_lock", "limbeck_version"];
            for table in tables {
                db.run(&format!("DROP TABLE {table}")).await;
            }
        }
    }
}
