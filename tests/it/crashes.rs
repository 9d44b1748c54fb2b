//! Processes that die in a statement which no transaction holds, and how the next boot goes on.

use std::time::Duration;

use limbeck::error::{RunError, UnfinishedReason};
use limbeck::graph::RevisionId;
use limbeck::{Error, Migrations, Migrator, Resolution};

use crate::support::boots::Files;
use crate::support::migrations;
use crate::support::servers::{mysql_database, postgres_database};

fn index_files(words: &str) -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (1), (2);\n",
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade autocommit\nCREATE INDEX CONCURRENTLY {words} t_id ON t (id);\nINSERT INTO t VALUES (3);\n"
            ),
        ),
    ])
}

/// Killed while the index is being built: the session is ended, the invalid index is removed and built again,
/// also where `IF NOT EXISTS` would take it for a good one.
#[tokio::test]
async fn an_interrupted_index_build_is_built_again() {
    for words in ["", "IF NOT EXISTS"] {
        let Some(db) = postgres_database().await else {
            return;
        };
        let _ = Migrator::new(&db.pool, index_files(words))
            .upgrade("a")
            .await
            .expect("a");
        // An older transaction keeps the build from ending.
        let mut older = db.pool.begin().await.expect("a transaction");
        sqlx::raw_sql("INSERT INTO t VALUES (9)")
            .execute(&mut *older)
            .await
            .expect("a write");
        let files = Files::of(&index_files(words));
        let mut child = files.upgrade(&db.url, "heads");
        let building = "SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
                        WHERE NOT i.indisvalid AND c.relname = 't_id'";
        while db.strings(building).await.is_empty() {
            assert!(child.is_running(), "it waits for the older transaction");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        child.kill().await;
        // The statement goes on in the server without its client: the next boot ends it.
        let next = Migrator::new(&db.pool, index_files(words));
        let release = async {
            let ended = "SELECT pid::text FROM pg_stat_activity WHERE query LIKE '%CREATE INDEX CONCURRENTLY%t_id%' \
                         AND query NOT LIKE '%pg_stat_activity%' AND state = 'active'";
            let mut polls = 0;
            while !db.strings(ended).await.is_empty() {
                polls += 1;
                assert!(
                    polls < 600,
                    "the session of the killed process is still there"
                );
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            older.rollback().await.expect("rollback");
        };
        let (report, ()) = tokio::join!(next.upgrade_to_head(), release);
        assert_eq!(report.expect("built again").current, ["b"]);
        assert_eq!(db.strings(building).await.len(), 0);
        let valid = db.strings("SELECT c.relname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid AND c.relname = 't_id'").await;
        assert_eq!(valid, ["t_id"]);
        assert_eq!(
            db.strings("SELECT id::text FROM t WHERE id = 3")
                .await
                .len(),
            1
        );
    }
}

/// A build that fails leaves no invalid index behind.
#[tokio::test]
async fn a_failed_index_build_is_cleared_away() {
    let Some(db) = postgres_database().await else {
        return;
    };
    let files = migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (1), (1);\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nCREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id);\n",
        ),
    ]);
    let migrator = Migrator::new(&db.pool, files);
    let error = migrator.upgrade_to_head().await.expect_err("a duplicate");
    assert!(error.is_statement(), "{error}");
    assert_eq!(
        db.strings("SELECT relname::text FROM pg_class WHERE relname = 't_id'")
            .await
            .len(),
        0
    );
    db.run("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)")
        .await;
    assert_eq!(
        migrator.upgrade_to_head().await.expect("built").current,
        ["b"]
    );
}

/// The state that a process leaves when it dies in statement 2, made by hand: whether the statement took
/// effect or not is then up to `after`.
async fn died_in_the_second(
    statement: &str,
    after: &str,
) -> Option<(Result<Vec<RevisionId>, Error>, Vec<String>)> {
    let db = mysql_database().await?;
    let files = |second: &str| {
        migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, x INT);\nINSERT INTO t (x) VALUES (1);\n",
            ),
            (
                "b",
                "a",
                "",
                &format!(
                    "-- @upgrade\nINSERT INTO t (x) VALUES (2);\n{second};\nINSERT INTO t (x) VALUES (3);\n"
                ),
            ),
        ])
    };
    let migrator = Migrator::new(&db.pool, files(statement));
    let _ = migrator.upgrade("a").await.expect("a");
    // The statement is held up by a reader of the table, and its process is dropped in it.
    let mut reader = db.pool.begin().await.expect("a reader");
    sqlx::raw_sql("SELECT * FROM t")
        .execute(&mut *reader)
        .await
        .expect("a read");
    let files_in = Files::of(&files(statement));
    let mut child = files_in.upgrade(&db.url, "heads");
    while db
        .strings("SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '/* limbeck run%' AND state LIKE 'Waiting for table metadata lock%'")
        .await
        .is_empty()
    {
        assert!(
            child.is_running(),
            "it waits for the reader"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    child.kill().await;
    // The server goes on with a dead client's statement: end it, so that `after` alone decides.
    let left = "SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '/* limbeck run%'";
    for session in db.strings(left).await {
        // It may have ended by itself.
        let kill = sqlx::AssertSqlSafe(format!("KILL {session}"));
        let _ = sqlx::raw_sql(kill).execute(&db.pool).await;
    }
    reader.rollback().await.expect("rollback");
    while !db.strings(left).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if !after.is_empty() {
        db.run(after).await;
    }
    let result = migrator
        .upgrade_to_head()
        .await
        .map(|report| report.current);
    let rows = db
        .strings("SELECT CONVERT(x, CHAR) FROM t ORDER BY id")
        .await;
    Some((result, rows))
}

/// DDL that did not take effect runs again, and what came before it does not.
async fn ddl_that_did_not_take_effect_runs_again() {
    let Some((result, rows)) = died_in_the_second("ALTER TABLE t ADD COLUMN y INT", "").await
    else {
        return;
    };
    assert_eq!(result.expect("finished"), ["b"]);
    assert_eq!(rows, ["1", "2", "3"]);
}

/// DDL that took effect is not run again, though rows were written since.
async fn ddl_that_took_effect_is_gone_past() {
    let after = "ALTER TABLE t ADD COLUMN y INT";
    let Some((result, rows)) = died_in_the_second("ALTER TABLE t ADD COLUMN y INT", after).await
    else {
        return;
    };
    assert_eq!(result.expect("finished"), ["b"]);
    assert_eq!(rows, ["1", "2", "3"]);
}

/// What the catalog does not show is left to a person, who settles it either way.
async fn what_does_not_show_is_settled_by_hand() {
    let Some((result, _)) = died_in_the_second("ALTER TABLE t AUTO_INCREMENT = 100", "").await
    else {
        return;
    };
    let error = result.expect_err("nobody knows");
    let Error::Run(run) = &error else {
        panic!("{error}")
    };
    let RunError::Unfinished(unfinished) = &**run else {
        panic!("{error}")
    };
    assert_eq!(
        (unfinished.reason, unfinished.step.statement_running),
        (UnfinishedReason::InDoubt, Some(2)),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .contains("ALTER TABLE t AUTO_INCREMENT = 100"),
        "{error}"
    );
}

/// Both answers of a person: the step goes on after the statement, or runs it again.
async fn a_person_settles_a_doubt() {
    for (resolution, expected) in [(Resolution::Applied, 0), (Resolution::NotApplied, 1)] {
        let Some(db) = mysql_database().await else {
            return;
        };
        let files = migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE t (x INT);\nCREATE PROCEDURE p() INSERT INTO t VALUES (7);\n",
            ),
            (
                "b",
                "a",
                "",
                "-- @upgrade\nINSERT INTO t VALUES (1);\nCALL p();\nINSERT INTO nowhere VALUES (2);\n",
            ),
        ]);
        let migrator = Migrator::new(&db.pool, files);
        let error = migrator
            .upgrade_to_head()
            .await
            .expect_err("a failure behind the statement");
        assert!(error.is_statement(), "{error}");
        // As if the process had died in statement 2 instead, before it did anything.
        db.run(
            "UPDATE limbeck_history SET statements_done = 1, statement_running = 2, statement = 'CALL p()', \
             done_digest = (SELECT d FROM (SELECT done_digest AS d FROM limbeck_history WHERE revision = 'b') x) \
             WHERE revision = 'b'",
        )
        .await;
        db.run("DELETE FROM t WHERE x = 7").await;
        db.run("CREATE TABLE nowhere (x INT)").await;
        let digest = one_statement_digest();
        db.run(&format!(
            "UPDATE limbeck_history SET done_digest = '{digest}' WHERE revision = 'b'"
        ))
        .await;
        let error = migrator.upgrade_to_head().await.expect_err("in doubt");
        assert_eq!(error.kind(), "unfinished", "{error}");
        migrator.resolve("b", resolution).await.expect("settled");
        assert_eq!(
            migrator.upgrade_to_head().await.expect("finished").current,
            ["b"]
        );
        assert_eq!(
            db.strings("SELECT CONVERT(x, CHAR) FROM t WHERE x = 7")
                .await
                .len(),
            expected
        );
        assert_eq!(
            db.strings("SELECT CONVERT(x, CHAR) FROM t WHERE x = 1")
                .await
                .len(),
            1
        );
    }
}

/// The ledger's digest over `INSERT INTO t VALUES (1)` alone: sha256 over the digest before (none), a NUL, the text.
fn one_statement_digest() -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(b"\0INSERT INTO t VALUES (1)");
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

crate::support::on_mysql!(
    ddl_that_did_not_take_effect_runs_again,
    ddl_that_took_effect_is_gone_past,
    what_does_not_show_is_settled_by_hand,
    a_person_settles_a_doubt
);
