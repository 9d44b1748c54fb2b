//! What a service's own test or tool calls.

use limbeck::autogenerate::{Autogenerate, AutogenerateError, Comparison, Filter};
use limbeck::{Error, Migrator};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions};

use crate::support::migrations;
use crate::support::servers::SqliteFile;

/// One connection has to be enough.
async fn memory(sql: &'static str) -> SqlitePool {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .expect("SQLite");
    sqlx::raw_sql(sql).execute(&pool).await.expect("a schema");
    pool
}

fn told(comparison: &Comparison) -> Vec<String> {
    comparison
        .changes()
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[tokio::test]
async fn a_migrator_knows_its_own_tables() {
    let database = SqliteFile::new().await;
    let sections = "-- @upgrade\nCREATE TABLE users (id INTEGER PRIMARY KEY);\n-- @downgrade\n";
    let migrations = migrations(&[("a1", "", "", sections)]);
    let migrator = Migrator::new(&database.pool, migrations)
        .version_table("shop_versions")
        .history_table("shop_ledger");
    let report = migrator.upgrade_to_head().await.expect("a run");
    assert_eq!(report.steps.len(), 1);
    let desired = Autogenerate::from_sql("CREATE TABLE users (id INTEGER PRIMARY KEY)");
    let comparison = migrator.compare_schema(&desired).await.expect("an answer");
    assert!(comparison.is_empty(), "{:?}", comparison.changes());
    // Nobody else knows them.
    let comparison = desired.compare(&database.pool).await.expect("an answer");
    assert_eq!(
        told(&comparison),
        [
            "drop table shop_ledger (lossy: its rows are lost)",
            "drop table shop_ledger_lock (lossy: its rows are lost)",
            "drop table shop_versions (lossy: its rows are lost)",
        ]
    );

    let broken = Autogenerate::from_sql("CREATE TABLE users (id INTEGER);\nCREATE").path("s.sql");
    let error = migrator.compare_schema(&broken).await.expect_err("no SQL");
    assert_eq!(error.kind(), "desired_schema_failed");
    assert_eq!(error.path(), Some("s.sql"));
    assert!(matches!(
        error,
        Error::Autogenerate(AutogenerateError::Desired {
            line: 2,
            statement: 2,
            ..
        })
    ));
}

/// What a transaction that is still open did is compared too, and stays open.
#[tokio::test]
async fn an_open_transaction() {
    let database = SqliteFile::new().await;
    let options = SqliteConnectOptions::new().filename(database.folder.path().join("test.db"));
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .expect("a connection");
    let mut transaction = connection.begin().await.expect("a transaction");
    sqlx::raw_sql("CREATE TABLE a (x INTEGER)")
        .execute(&mut *transaction)
        .await
        .expect("a table");
    let desired = Autogenerate::from_sql("CREATE TABLE a (x INTEGER, y TEXT)");
    let comparison = desired
        .compare_on(&mut *transaction, &options)
        .await
        .expect("an answer");
    assert_eq!(told(&comparison), ["add column a.y"]);
    let outside = desired.compare(&database.pool).await.expect("an answer");
    assert_eq!(told(&outside), ["create table a"]);
    transaction.rollback().await.expect("it is open still");
    let comparison = desired
        .compare_on(&mut connection, &options)
        .await
        .expect("an answer");
    assert_eq!(told(&comparison), ["create table a"]);
}

#[tokio::test]
async fn statements_of_a_builder() {
    let pool = memory("CREATE TABLE a (x INTEGER)").await;
    let desired = Autogenerate::from_statements([
        "CREATE TABLE a (x INTEGER) -- as it is",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a WHERE x < 0; END;",
        "CREATE TABLE b (\n  y INTEGER\n)",
    ]);
    let comparison = desired.compare(&pool).await.expect("an answer");
    assert_eq!(
        told(&comparison),
        ["create table b", "create trigger t of a"]
    );

    let broken = Autogenerate::from_statements(["CREATE TABLE a (x)", "CREATE TABLE\n  a (x)"]);
    let error = broken.compare(&pool).await.expect_err("twice");
    let text = error.to_string();
    assert!(text.contains("statement 2 of the desired schema"), "{text}");
    assert_eq!(error.kind(), "desired_schema_failed");
    let open = Autogenerate::from_statements(["SELECT 1", "SELECT\n  'x"]);
    let error = open.compare(&pool).await.expect_err("no SQL");
    assert_eq!(
        error.to_string(),
        "<desired schema>, statement 2:2:3: a string is not closed"
    );
}

#[tokio::test]
async fn renames_by_a_call() {
    let pool = memory("CREATE TABLE \"Old People\" (Mail TEXT, \"a.b\" INTEGER)").await;
    let desired = Autogenerate::from_sql("CREATE TABLE users (email TEXT, c INTEGER)")
        .renamed_table("\"Old People\"", "main.users")
        .renamed_column("USERS", "mail", "email")
        .renamed_column("users", "a.b", "c")
        .renamed_column("users", "nothing", "email");
    let comparison = desired.compare(&pool).await.expect("an answer");
    assert_eq!(
        told(&comparison),
        [
            "rename table Old People to users",
            "rename column users.Mail to email",
            "rename column users.a.b to c"
        ]
    );
}

/// A rebuild of a table brings back what nobody compares.
#[tokio::test]
async fn what_is_left_out_survives() {
    let pool = memory(
        "CREATE TABLE a (x INTEGER NOT NULL, y TEXT, z_old TEXT);
         CREATE INDEX a_tmp ON a (y);
         CREATE TRIGGER t AFTER DELETE ON a BEGIN UPDATE a SET y = 'seen'; END;
         INSERT INTO a VALUES (1, 'one', 'kept');",
    )
    .await;
    let pattern = |text: &str| text.parse().expect("a pattern");
    let filter = Filter::default()
        .exclude(pattern("index:*_TMP"))
        .exclude(pattern("kind:trigger"))
        .exclude(pattern("column:a.*_old"));
    let desired = Autogenerate::from_sql("CREATE TABLE a (x INTEGER, y TEXT)").filter(filter);
    let comparison = desired.compare(&pool).await.expect("an answer");
    assert_eq!(told(&comparison), ["alter column a.x: nullability"]);

    let mut revision = limbeck::revision::NewRevision::new("a1").message("x may be NULL");
    for draft in comparison.drafts(Default::default()) {
        for section in draft.sections() {
            revision = revision.section(section);
        }
    }
    let text = revision.to_text().expect("a revision file");
    let revision = limbeck::Revision::parse("a1.sql", text).expect("a revision file");
    let migrations = limbeck::Migrations::new([revision]).expect("a graph");
    let migrator = Migrator::new(&pool, migrations);
    let report = migrator.upgrade_to_head().await.expect("a run");
    assert_eq!(report.steps.len(), 1);
    let comparison = migrator.compare_schema(&desired).await.expect("an answer");
    assert!(comparison.is_empty(), "{:?}", comparison.changes());
    let kept: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE tbl_name = 'a' AND type <> 'table' ORDER BY name",
    )
    .fetch_all(&pool)
    .await
    .expect("the catalog");
    assert_eq!(kept, ["a_tmp", "t"]);
    let row: (i64, String, String) = sqlx::query_as("SELECT x, y, z_old FROM a")
        .fetch_one(&pool)
        .await
        .expect("the row");
    assert_eq!(row, (1, "one".to_owned(), "kept".to_owned()));
}
