//! SQLite: pragmas of the connection.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::*;

#[tokio::test]
async fn pragmas_of_a_connection() {
    let pragmas = [
        ("foreign_keys", "0"),
        ("foreign_keys", "1"),
        ("case_sensitive_like", "1"),
        ("legacy_alter_table", "1"),
        ("recursive_triggers", "1"),
        ("reverse_unordered_selects", "1"),
        ("count_changes", "1"),
        ("full_column_names", "1"),
        ("short_column_names", "0"),
        ("empty_result_callbacks", "1"),
        ("automatic_index", "0"),
        ("ignore_check_constraints", "1"),
        ("trusted_schema", "0"),
        ("cell_size_check", "1"),
        ("read_uncommitted", "1"),
        ("locking_mode", "EXCLUSIVE"),
        ("journal_mode", "DELETE"),
        ("journal_mode", "TRUNCATE"),
        ("journal_mode", "MEMORY"),
        ("synchronous", "0"),
        ("temp_store", "2"),
        ("encoding", "'UTF-16le'"),
        ("encoding", "'UTF-16be'"),
        ("auto_vacuum", "2"),
        ("page_size", "512"),
        ("busy_timeout", "1"),
        ("max_page_count", "4000"),
        ("secure_delete", "1"),
        ("query_only", "0"),
    ];
    let mut wrong = Vec::new();
    for (name, value) in pragmas {
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("a.db"))
            .create_if_missing(true)
            .pragma(name, value);
        // An exclusive lock shuts out every second connection.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options)
            .await
            .expect("SQLite");
        // Some have no answer.
        let ask = format!("PRAGMA {name}");
        let answer = sqlx::raw_sql(AssertSqlSafe(ask.clone()))
            .fetch_optional(&pool)
            .await
            .expect("a pragma");
        let before = answer.map(|row| row.try_get_unchecked::<String, _>(0).expect("text"));
        let readable = !matches!(name, "case_sensitive_like" | "busy_timeout");
        let read = if readable && before.is_some() {
            format!("INSERT INTO seen SELECT '{name}', * FROM pragma_{name};")
        } else {
            String::new()
        };
        if let Err(error) =
            whole_life(Migrator::new(&pool, every_kind(Dialect::Sqlite, &read))).await
        {
            wrong.push(format!("{name} = {value}: {error}"));
            continue;
        }
        let seen: Vec<String> = sqlx::raw_sql(SEEN)
            .fetch_all(&pool)
            .await
            .expect("rows")
            .iter()
            .map(|row| row.try_get_unchecked(0).expect("text"))
            .collect();
        if !read.is_empty() && seen != before.clone().into_iter().collect::<Vec<_>>() {
            wrong.push(format!(
                "{name} = {value}: a migration saw {seen:?}, the connection had {before:?}"
            ));
        }
        let after = sqlx::raw_sql(AssertSqlSafe(ask))
            .fetch_optional(&pool)
            .await
            .expect("a pragma");
        let after = after.map(|row| row.try_get_unchecked::<String, _>(0).expect("text"));
        if after != before {
            wrong.push(format!(
                "{name} = {value}: {before:?} before, {after:?} behind"
            ));
        }
    }
    tell(
        "pragmas set by somebody else, sqlite",
        pragmas.len(),
        wrong.len(),
        "each read back unchanged",
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A connection that must not write is a typed error, and nothing is half done.
#[tokio::test]
async fn a_connection_that_must_not_write() {
    let db = crate::support::servers::sqlite().await;
    let options = (*db.pool.connect_options())
        .clone()
        .pragma("query_only", "1");
    let pool = SqlitePoolOptions::new()
        .connect_with(options)
        .await
        .expect("SQLite");
    let error = Migrator::new(&pool, every_kind(Dialect::Sqlite, ""))
        .upgrade_to_head()
        .await
        .expect_err("read only");
    assert_eq!(error.kind(), "read_only", "{error}");
    assert!(db.tables().await.is_empty());
}
