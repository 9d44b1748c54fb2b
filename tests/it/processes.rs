//! Twenty processes at once, each the real binary, on each database.

use std::process::{Child, Command, Output, Stdio};

use limbeck::Migrations;
use serde_json::Value;

use crate::support::{migrations, on_each};
use crate::together::mixed;

const PROCESSES: usize = 20;

/// The files of a set, in a folder of their own.
fn folder_of(migrations: &Migrations) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for revision in migrations.iter() {
        std::fs::write(folder.path().join(revision.path()), revision.text()).expect("a file");
    }
    folder
}

fn start(folder: &tempfile::TempDir, url: &str, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_limbeck"))
        .args(arguments)
        .arg("--json")
        .arg("--dir")
        .arg(folder.path())
        .args(["--database-url", url])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

fn end(child: Child) -> Output {
    child.wait_with_output().expect("an end")
}

fn told(output: &Output) -> String {
    format!(
        "{:?}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// How many steps a process ran that has to succeed at the head.
fn steps(output: &Output) -> usize {
    assert!(output.status.success(), "{}", told(output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["heads"], serde_json::json!(["r6"]), "{document}");
    document["steps"].as_array().expect("a list").len()
}

on_each! {
    /// All of them succeed, and each revision ran exactly once, counted by the audit table.
    async fn twenty_processes_boot_at_once(db) {
        let folder = folder_of(&mixed(db.dialect));
        let children: Vec<Child> =
            (0..PROCESSES).map(|_| start(&folder, &db.url, &["upgrade", "heads"])).collect();
        let ran: usize = children.into_iter().map(|child| steps(&end(child))).sum();
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
        let folder = folder_of(&mixed(db.dialect));
        let _ = steps(&end(start(&folder, &db.url, &["upgrade", "heads"])));
        let mut children: Vec<Child> =
            (0..PROCESSES / 2).map(|_| start(&folder, &db.url, &["upgrade", "heads"])).collect();
        let down = start(&folder, &db.url, &["downgrade", "r1", "--yes"]);
        children.extend((0..PROCESSES / 2).map(|_| start(&folder, &db.url, &["upgrade", "heads"])));
        let down = end(down);
        if !down.status.success() {
            assert!(String::from_utf8_lossy(&down.stderr).contains("\"heads_moved\""), "{}", told(&down));
        }
        for child in children {
            let output = end(child);
            // Who applied a step that the downgrade undid is told so.
            if !String::from_utf8_lossy(&output.stderr).contains("\"contended\"") {
                let _ = steps(&output);
            }
        }
        let _ = steps(&end(start(&folder, &db.url, &["upgrade", "heads"])));
        assert_eq!(db.strings("SELECT rev FROM audit WHERE rev = 'r4' OR rev = 'r1'").await.len(), if down.status.success() { 3 } else { 2 });
        assert_eq!(db.strings("SELECT revision FROM limbeck_history WHERE state = 'running'").await.len(), 0);
        assert_eq!(db.strings("SELECT holder FROM limbeck_history_lock").await, ["NULL"]);
    }

    /// A batched section that is killed goes on behind its last batch, and does no batch twice.
    async fn a_repeat_section_goes_on_after_a_kill(db) {
        const ROWS: usize = 1500;
        let batch = "UPDATE t SET done = done + 1 WHERE id = (SELECT i FROM (SELECT min(id) AS i FROM t WHERE done = 0) x)";
        let folder = folder_of(&migrations(&[
            ("a", "", "", "-- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY, done INT NOT NULL);\nCREATE INDEX t_done ON t (done, id);\n"),
            ("b", "a", "", &format!("-- @upgrade repeat\n{batch};\n")),
        ]));
        let first = end(start(&folder, &db.url, &["upgrade", "a"]));
        assert!(first.status.success(), "{}", told(&first));
        let rows: Vec<String> = (0..ROWS).map(|id| format!("({id}, 0)")).collect();
        db.run(&format!("INSERT INTO t VALUES {}", rows.join(", "))).await;

        let mut child = start(&folder, &db.url, &["upgrade", "heads"]);
        let done = "SELECT id FROM t WHERE done > 0";
        while db.strings(done).await.len() < 20 {
            assert!(child.try_wait().expect("a process").is_none(), "{}", told(&end(child)));
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        child.kill().expect("SIGKILL");
        let _ = child.wait();
        let before = db.strings(done).await.len();
        assert!((20..ROWS).contains(&before), "{before} batches ran before the kill");
        assert_eq!(db.strings("SELECT state FROM limbeck_history WHERE revision = 'b'").await, ["running"]);

        let second = end(start(&folder, &db.url, &["upgrade", "heads"]));
        assert!(second.status.success(), "{}", told(&second));
        assert_eq!(db.strings("SELECT id FROM t WHERE done = 1").await.len(), ROWS);
        let ledger = limbeck::Migrator::new(&db.pool, migrations(&[])).ledger().await.expect("ledger");
        let row = ledger.iter().filter(|row| row.revision == "b").collect::<Vec<_>>();
        assert_eq!(row.len(), 1);
        assert_eq!((row[0].state.name(), row[0].statements_done, row[0].rows_affected), ("done", ROWS as u64, ROWS as u64));
    }
}
