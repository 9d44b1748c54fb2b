//! A statement that takes as long as the table `pace` says, and counts who is in it beside its own session: what
//! is committed shows whether two ever were in it at once. The marker of a run tells them from a test that looks.

use limbeck::Dialect;

use crate::support::servers::Database;

/// What creates `audit` and `pace`.
pub const TABLES: &str = "CREATE TABLE audit (rev VARCHAR(60) NOT NULL);\nCREATE TABLE pace (seconds INT NOT NULL);\nINSERT INTO pace VALUES (0);";

/// Adds `<id> beside <n>` to `audit`, n being the others; SQLite has no way to see them.
pub fn statement(dialect: Dialect, id: &str) -> String {
    match dialect {
        Dialect::Postgres => format!(
            "WITH others AS MATERIALIZED (SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '/* limbeck run=%INSERT INTO audit%slowly%') \
             INSERT INTO audit SELECT '{id} beside ' || n FROM others, \
             LATERAL (SELECT pg_sleep(seconds + 0 * n) FROM pace) AS slowly"
        ),
        Dialect::Sqlite => format!(
            "INSERT INTO audit SELECT '{id} beside 0' FROM (WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n \
             WHERE i < (SELECT seconds FROM pace) * 1000000) SELECT max(i) AS slowly FROM n) WHERE slowly >= 0"
        ),
        _ => format!(
            "INSERT INTO audit SELECT CONCAT('{id} beside ', n, LEFT(SLEEP(seconds + 0 * n), 0)) FROM pace, \
             (SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = DATABASE() \
             AND id <> CONNECTION_ID() AND info LIKE '/* limbeck run=%INSERT INTO audit%slowly%') slowly"
        ),
    }
}

/// The sessions that are in the statement; on SQLite, the steps that have begun and hold no transaction.
pub fn sessions(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => {
            "SELECT pid::text FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '/* limbeck run=%INSERT INTO audit%slowly%'"
        }
        Dialect::Sqlite => "SELECT revision FROM limbeck_history WHERE state = 'running'",
        _ => {
            "SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE db = DATABASE() \
             AND id <> CONNECTION_ID() AND info LIKE '/* limbeck run=%INSERT INTO audit%slowly%'"
        }
    }
}

/// Waits until a session is in the statement, and says which.
pub async fn begun<DB: limbeck::migrator::Backend>(db: &Database<DB>) -> String
where
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    for _ in 0..3000 {
        if let Some(session) = db.strings(sessions(db.dialect)).await.pop() {
            return session;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no session came to the statement");
}
