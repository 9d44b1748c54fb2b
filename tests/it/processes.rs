//! Twenty processes at once, on each database.

use crate::support::boots::{Boot, Ended, Files};
use crate::support::{migrations, on_each};
use crate::together::mixed;

const PROCESSES: usize = 20;

/// How many steps a process ran that has to succeed at the head.
fn steps(ended: &Ended) -> usize {
    assert_eq!(ended.heads(), ["r6"]);
    ended.ran().len()
}

on_each! {
    /// All of them succeed, and each revision ran exactly once, counted by the audit table.
    async fn twenty_processes_boot_at_once(db) {
        let files = Files::of(&mixed(db.dialect));
        let children: Vec<Boot> =
            (0..PROCESSES).map(|_| files.upgrade(&db.url, "heads")).collect();
        let mut ran = 0;
        for child in children {
            ran += steps(&child.end().await);
        }
        assert_eq!(ran, 6, "each step in one process's report");
        assert_eq!(db.strings("SELECT rev FROM audit ORDER BY rev").await, ["r1", "r2", "r3", "r4", "r6"]);
        assert_eq!(db.strings("SELECT done FROM r2").await.len(), 3);
        assert_eq!(db.strings("SELECT id FROM r2 WHERE done = 1").await.len(), 3);
        let done = db.strings("SELECT revision FROM limbeck_history WHERE state = 'done' ORDER BY id").await;
        assert_eq!(done, ["r1", "r2", "r3", "r4", "r5", "r6"]);
        assert_eq!(db.strings("SELECT revision FROM limbeck_history WHERE state <> 'done'").await.len(), 0);
        assert_eq!(db.strings("SELECT holder FROM limbeck_history_lock").await, ["NULL"]);
    }

    /// A downgrade in their midst wins or stops with `heads_moved`; nobody loops, and a last boot heals all.
    async fn a_downgrade_among_twenty_boots(db) {
        let files = Files::of(&mixed(db.dialect));
        let _ = steps(&files.upgrade(&db.url, "heads").end().await);
        let mut children: Vec<Boot> =
            (0..PROCESSES / 2).map(|_| files.upgrade(&db.url, "heads")).collect();
        let down = files.downgrade(&db.url, "r1");
        children.extend((0..PROCESSES / 2).map(|_| files.upgrade(&db.url, "heads")));
        let down = down.end().await;
        if !down.status.success() {
            assert_eq!(down.error_kind().as_deref(), Some("heads_moved"), "{down:?}");
        }
        for child in children {
            let output = child.end().await;
            // Who applied a step that the downgrade undid is told so.
            if output.error_kind().as_deref() != Some("contended") {
                let _ = steps(&output);
            }
        }
        let _ = steps(&files.upgrade(&db.url, "heads").end().await);
        assert_eq!(db.strings("SELECT rev FROM audit WHERE rev = 'r4' OR rev = 'r1'").await.len(), if down.status.success() { 3 } else { 2 });
        assert_eq!(db.strings("SELECT revision FROM limbeck_history WHERE state = 'running'").await.len(), 0);
        assert_eq!(db.strings("SELECT holder FROM limbeck_history_lock").await, ["NULL"]);
    }

    /// A batched section that is killed goes on behind its last batch, and does no batch twice.
    async fn a_repeat_section_goes_on_after_a_kill(db) {
        const ROWS: usize = 1500;
        let batch = "UPDATE t SET done = done + 1 WHERE id = (SELECT i FROM (SELECT min(id) AS i FROM t WHERE done = 0) x)";
        let files = Files::of(&migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY, done INT NOT NULL);\nCREATE INDEX t_done ON t (done, id);\n"),
            ("b", "a", "", &format!("-- @upgrade repeat\n{batch};\n")),
        ]));
        let first = files.upgrade(&db.url, "a").end().await;
        assert!(first.status.success(), "{first:?}");
        let rows: Vec<String> = (0..ROWS).map(|id| format!("({id}, 0)")).collect();
        db.run(&format!("INSERT INTO t VALUES {}", rows.join(", "))).await;

        let mut child = files.upgrade(&db.url, "heads");
        let done = "SELECT id FROM t WHERE done > 0";
        while db.strings(done).await.len() < 20 {
            assert!(child.is_running(), "{:?}", child.end().await);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        child.kill().await;
        let before = db.strings(done).await.len();
        assert!((20..ROWS).contains(&before), "{before} batches ran before the kill");
        assert_eq!(db.strings("SELECT state FROM limbeck_history WHERE revision = 'b'").await, ["running"]);

        let second = files.upgrade(&db.url, "heads").end().await;
        assert!(second.status.success(), "{second:?}");
        assert_eq!(db.strings("SELECT id FROM t WHERE done = 1").await.len(), ROWS);
        let ledger = limbeck::Migrator::new(&db.pool, migrations(&[])).ledger().await.expect("ledger");
        let row = ledger.iter().filter(|row| row.revision == "b").collect::<Vec<_>>();
        assert_eq!(row.len(), 1);
        assert_eq!((row[0].state.name(), row[0].statements_done, row[0].rows_affected), ("done", ROWS as u64, ROWS as u64));
    }
}
