//! Rows of limbeck's own tables that a person, or another program, wrote: every call comes back, with an answer or
//! a typed error, and none panics, spins or runs a step twice.

use std::time::Duration;

use limbeck::migrator::Source;
use limbeck::plan::Purge;
use limbeck::{Dialect, Error, Migrations, Migrator, Range, Resolution};

use crate::support::soak::{tell, times};
use crate::support::{migrations, on_each};

fn three() -> Migrations {
    let file = |id: &str| {
        format!(
            "-- @upgrade\nINSERT INTO ran VALUES ('{id}');\n-- @downgrade\nDELETE FROM ran WHERE id = '{id}';\n"
        )
    };
    migrations(&[
        ("a", "", "", &file("a")),
        ("b", "a", "", &file("b")),
        (
            "c",
            "b",
            "",
            &file("c")
                .replace("@upgrade", "@upgrade autocommit")
                .replace(
                    "VALUES ('c');",
                    "VALUES ('c');\nINSERT INTO ran VALUES ('c2');",
                ),
        ),
    ])
}

const MAX: &str = "9223372036854775807";

/// What was done to the rows of version table `v` by hand.
fn edits(dialect: Dialect, v: &str) -> Vec<String> {
    let lock = |set: &str| format!("UPDATE limbeck_history_lock SET {set} WHERE scope = '{v}'");
    let ledger = |set: &str| format!("UPDATE limbeck_history SET {set} WHERE scope = '{v}'");
    let row = |columns: &str, values: &str| {
        let now = "'2026-11-22 12:00:00'";
        format!(
            "INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, state, statements, \
             statements_done, rows_affected, started_at, {columns}) \
             VALUES ('{v}', {values})"
        )
        .replace("NOW", now)
    };
    // Columns: revision, down_revision, depends_on, message, action, state, statements, done, rows, started_at, then one more.
    let running = |id: &str, action: &str, done: &str, extra: &str, value: &str| {
        row(
            extra,
            &format!("'{id}', 'b', '', 'm', '{action}', 'running', 2, {done}, 0, NOW, {value}"),
        )
    };
    let known = |id: &str, down: &str, depends: &str, extra: &str, value: &str| {
        row(
            extra,
            &format!(
                "'{id}', '{down}', '{depends}', 'm', 'upgrade', 'done', 1, 1, 0, NOW, {value}"
            ),
        )
    };
    let head = |id: &str| format!("INSERT INTO {v} (version_num) VALUES ('{id}')");
    let mut edits = vec![
        lock("layout = 2"),
        lock("layout = -1"),
        lock(&format!("layout = {MAX}")),
        lock(&format!("epoch = {MAX}")),
        lock(&format!("epoch = {MAX}, holder = 'somebody', lease_ms = 1")),
        lock("epoch = -5"),
        lock(&format!("beat = {MAX}")),
        lock(&format!("beat = {MAX}, holder = 'somebody', lease_ms = 1")),
        lock("holder = 'somebody', lease_ms = 1"),
        lock("holder = '', lease_ms = -1"),
        lock("holder = '%', lease_ms = 1, session = '%'"),
        lock(
            "holder = '''; DROP TABLE ran; --', lease_ms = 1, host = '*/', application = '%s', session = '0'",
        ),
        lock(&format!("holder = 'somebody', lease_ms = {MAX}")),
        lock("holder = 'somebody', lease_ms = NULL"),
        format!("DELETE FROM limbeck_history_lock WHERE scope = '{v}'"),
        format!("DELETE FROM limbeck_history WHERE scope = '{v}'"),
        ledger("checksum = 'sha256:0', lineage = 'x'"),
        ledger("checksum = ''"),
        ledger("lineage = NULL"),
        ledger("lineage = ''"),
        ledger("checksum = NULL, lineage = NULL"),
        ledger("requires_binary = ''"),
        ledger("requires_binary = 'zz'"),
        ledger("state = 'running'"),
        ledger("state = ''"),
        ledger("action = 'nonsense'"),
        ledger("action = 'downgrade'"),
        ledger("down_revision = 'b,a,,zz', depends_on = ',,'"),
        ledger("statements = -1, statements_done = -1, rows_affected = -1"),
        running("c", "upgrade", "0", "statement_running", "NULL"),
        running("c", "upgrade", "0", "statement_running", "0"),
        running("c", "upgrade", "0", "statement_running", "-1"),
        running("c", "upgrade", "0", "statement_running", "2"),
        running("c", "upgrade", "0", "statement_running", MAX),
        running("c", "upgrade", "-1", "statement_running", "1"),
        running("c", "upgrade", MAX, "statement_running", MAX),
        running("c", "upgrade", "1", "done_digest", "'nonsense'"),
        running("c", "upgrade", "2", "done_digest", "NULL"),
        running("c", "downgrade", "0", "statement_running", "1"),
        running("c", "nonsense", "0", "statement_running", "1"),
        running("c", "stamp", "0", "statement_running", "1"),
        running("a", "upgrade", "0", "statement_running", "1"),
        running("zz", "upgrade", "0", "statement_running", "1"),
        running("", "", "0", "statement_running", "1"),
        [
            running("c", "upgrade", "0", "statement_running", "1"),
            running("c", "upgrade", "1", "statement_running", "2"),
        ]
        .join(";"),
        [
            running("c", "upgrade", "0", "error", "'it broke'"),
            running("b", "downgrade", "0", "error", "'it broke'"),
        ]
        .join(";"),
        head(""),
        head("a"),
        head("c"),
        head("zz"),
        head("B"),
        head(&"z".repeat(255)),
        [head("zz"), known("zz", "b", "", "requires_binary", "NULL")].join(";"),
        [head("zz"), known("zz", "b", "", "requires_binary", "'yy'")].join(";"),
        [
            head("zz"),
            known("zz", "zz", "zz", "requires_binary", "NULL"),
        ]
        .join(";"),
        [
            head("zz"),
            known("zz", "yy", "", "requires_binary", "NULL"),
            known("yy", "zz", "b", "requires_binary", "NULL"),
        ]
        .join(";"),
        [head("zz"), known("zz", "", "", "requires_binary", "NULL")].join(";"),
        format!("DELETE FROM {v}"),
        format!("UPDATE {v} SET version_num = 'head'"),
        format!("DROP TABLE {v}"),
    ];
    if dialect == Dialect::Sqlite {
        // Its columns hold whatever they are given.
        edits.extend([
            lock("epoch = 'abc', beat = x'00ff', layout = 1.5, lease_ms = 'long'"),
            lock("holder = 7, since = 3.25, pid = 'x', host = x'ff', session = zeroblob(3), epoch = 1e300"),
            ledger("statements = 'many', started_at = x'ff', state = x'00', id = id + 1000"),
            ledger("message = x'ff', down_revision = 9, checksum = 1e300"),
            running("c", "upgrade", "'one'", "statement_running", "'1st'"),
            running("c", "upgrade", "1e300", "statement_running", "18446744073709551615"),
            format!("INSERT INTO {v} VALUES (x'00ff')"),
            format!("INSERT INTO {v} VALUES (7)"),
        ]);
    }
    edits
}

/// Every call there is, each bounded: what they answer matters less than that they do.
async fn call_all<S: Source>(migrator: &Migrator<S>) -> Result<(), String> {
    async fn answered<T>(
        name: &str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<(), String> {
        match tokio::time::timeout(Duration::from_secs(30), work).await {
            Err(_) => Err(format!("{name} does not end")),
            Ok(Err(error)) if error.to_string().is_empty() || error.kind().is_empty() => {
                Err(format!("{name}: an error without a text"))
            }
            Ok(_) => Ok(()),
        }
    }
    answered("current", migrator.current()).await?;
    answered("status", async {
        migrator.status().await.map(|status| {
            format!(
                "{status:?}{}",
                serde_json::to_string(&status).expect("JSON")
            )
        })
    })
    .await?;
    answered("ledger", async {
        migrator
            .ledger()
            .await
            .map(|ledger| serde_json::to_string(&ledger).expect("JSON"))
    })
    .await?;
    answered("history", migrator.history(&Range::all())).await?;
    answered("show", migrator.show("head")).await?;
    answered("plan_upgrade", migrator.plan_upgrade("+1")).await?;
    answered("plan_downgrade", migrator.plan_downgrade("-1")).await?;
    answered("require_head", migrator.require_head()).await?;
    answered("wait_for_head", migrator.wait_for_head(Duration::ZERO)).await?;
    answered("upgrade_to_head", migrator.upgrade_to_head()).await?;
    answered(
        "resolve: applied",
        migrator.resolve("c", Resolution::Applied),
    )
    .await?;
    answered(
        "resolve: not applied",
        migrator.resolve("c", Resolution::NotApplied),
    )
    .await?;
    answered(
        "resolve: accepted",
        migrator.resolve("a", Resolution::Accepted),
    )
    .await?;
    answered("downgrade", migrator.downgrade("base")).await?;
    answered("stamp", migrator.stamp("a", Purge::Keep)).await?;
    for id in ["a", "b", "c", "zz", ""] {
        answered(
            "resolve: abandoned",
            migrator.resolve(id, Resolution::Abandoned),
        )
        .await?;
    }
    answered("stamp --purge", migrator.stamp("b", Purge::Clear)).await?;
    answered("the last upgrade", migrator.upgrade_to_head()).await
}

on_each! {
    async fn rows_that_limbeck_did_not_write(db) {
        db.run("CREATE TABLE ran (id VARCHAR(20))").await;
        let count = edits(db.dialect, "v").len();
        // Each kind of edit has several neighbours.
        let (mut runs, mut wrong) = (0, Vec::new());
        for number in (0..count).step_by(times(3, 1)) {
            runs += 1;
            let table = format!("v{number}");
            let edit = edits(db.dialect, &table).remove(number);
            db.run("DELETE FROM ran").await;
            let migrator = Migrator::new(&db.pool, three())
                .version_table(&table)
                .lock_wait(Duration::from_millis(150))
                .lock_retry_for(Duration::from_millis(150));
            assert_eq!(migrator.upgrade("b").await.expect("the first two").current, ["b"]);
            db.run(&edit).await;
            // On a task of its own, where a panic is an answer too.
            let calls = tokio::spawn(async move { call_all(&migrator).await });
            match calls.await {
                Ok(Ok(())) => {}
                Ok(Err(told)) => wrong.push(format!("{edit}\n    {told}")),
                Err(panic) => wrong.push(format!("{edit}\n    {panic}")),
            }
        }
        tell(&format!("rows written by hand, {}", db.dialect), runs, wrong.len(), "21 calls over each");
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
