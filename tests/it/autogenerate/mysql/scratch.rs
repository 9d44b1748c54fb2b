//! Scratch databases: what they may not be, what they leave, and what the session's settings do to them.

use super::*;
use limbeck::autogenerate::AutogenerateError;
use sqlx::Connection as _;

async fn scratches(pool: &MySqlPool) -> Vec<String> {
    use sqlx::Row as _;
    let query = "SELECT CONVERT(schema_name USING utf8mb4) FROM information_schema.schemata \
                 WHERE schema_name LIKE 'limbeck\\_scratch%' ORDER BY 1";
    let rows = sqlx::raw_sql(query).fetch_all(pool).await.expect("names");
    rows.iter()
        .map(|row| row.try_get_unchecked(0).expect("text"))
        .collect()
}

async fn failure(pool: &MySqlPool, desired: Autogenerate) -> AutogenerateError {
    desired.compare(pool).await.expect_err("it is refused")
}

async fn a_failing_statement_is_placed_and_leaves_nothing() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let before = scratches(&db.pool).await;
    let sql = "CREATE TABLE a (x INT);\n\n  CREATE TABLE é (y NOSUCHTYPE);";
    let error = failure(&db.pool, Autogenerate::from_sql(sql)).await;
    match &error {
        AutogenerateError::Desired {
            line,
            column,
            statement,
            ..
        } => assert_eq!((*line, *column, *statement), (3, 3, 2), "{error}"),
        other => panic!("{other}"),
    }
    // Other tests have theirs for a moment.
    let mut new = scratches(&db.pool).await;
    new.retain(|one| !before.contains(one));
    for _ in 0..600 {
        let there = scratches(&db.pool).await;
        new.retain(|one| there.contains(one));
        if new.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(new, Vec::<String>::new(), "left there");
    for sql in [
        "CREATE DATABASE x",
        "USE mysql",
        "CREATE TABLE mysql.x (a INT)",
        "DROP DATABASE mysql",
        "SET GLOBAL sql_mode = ''",
    ] {
        let error = failure(&db.pool, Autogenerate::from_sql(sql)).await;
        assert!(
            matches!(error, AutogenerateError::Desired { .. }),
            "{sql}: {error}"
        );
    }
}

/// What a killed run left is removed; what only looks like it stays.
async fn left_overs_are_removed_and_nothing_else() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let random = format!("{:012x}", seconds * 1_000_003 % (1 << 48));
    let old = format!("limbeck_scratch_{}_{random}", seconds - 9000);
    let unmarked = format!("limbeck_scratch_{}_{random}", seconds - 9001);
    let held = format!("limbeck_scratch_{}_{random}", seconds - 9002);
    let young = format!("limbeck_scratch_{}_{random}", seconds - 60);
    let foreign = format!("limbeck_scratch_of_{random}");
    let wrong = format!("limbeck_scratch_{}_{random}", seconds - 9003);
    let marker = |name: &str, of: &str| {
        format!(
            "CREATE TABLE {name}.limbeck_scratch_marker (id INT) \
             COMMENT = 'limbeck scratch database {of}: dropped by limbeck'"
        )
    };
    // Before it is there: other tests sweep this server too.
    let mut holder = sqlx::MySqlConnection::connect(&db.url)
        .await
        .expect("a session");
    let lock = format!("DO GET_LOCK('{held}', 0)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
        .execute(&mut holder)
        .await
        .expect("the lock");
    for name in [&old, &unmarked, &held, &young, &foreign, &wrong] {
        db.run(&format!("CREATE DATABASE {name}")).await;
    }
    for name in [&old, &held, &young, &foreign] {
        db.run(&marker(name, name)).await;
    }
    db.run(&marker(&wrong, &old)).await;

    compared(&db.pool, "CREATE TABLE a (x INT)").await;
    let left = scratches(&db.pool).await;
    assert!(!left.contains(&old), "{left:?}");
    for name in [&unmarked, &held, &young, &foreign, &wrong] {
        assert!(left.contains(name), "{name} of {left:?}");
        db.run(&format!("DROP DATABASE {name}")).await;
    }
}

async fn a_given_database_must_be_another_and_empty_and_is_left_so() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let desired = |url: &str| Autogenerate::from_sql(everything()).scratch_url(url);
    let error = failure(&db.pool, desired(&db.url)).await;
    assert!(
        matches!(error, AutogenerateError::ScratchIsLive { .. }),
        "{error}"
    );

    let other = servers::mysql_database().await.expect("a server");
    run(&db.pool, &everything()).await;
    let things = [
        ("CREATE TABLE t (a INT)", "table t", "DROP TABLE t"),
        (
            "CREATE PROCEDURE p() SELECT 1",
            "procedure p",
            "DROP PROCEDURE p",
        ),
    ];
    let sequence = ("CREATE SEQUENCE s", "sequence s", "DROP SEQUENCE s");
    let own = servers::MySqlServer::here().pick(Some(sequence), None);
    for (made, words, unmade) in things.into_iter().chain(own) {
        other.run(made).await;
        match failure(&db.pool, desired(&other.url)).await {
            AutogenerateError::ScratchNotEmpty { found, .. } => assert_eq!(found, words),
            error => panic!("{error}"),
        }
        other.run(unmade).await;
    }
    other.run("ALTER DATABASE CHARACTER SET latin1").await;
    let fresh = reflected(&other.pool).await;
    for _ in 0..2 {
        let comparison = desired(&other.url).compare(&db.pool).await;
        let comparison = comparison.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(words(&comparison), Vec::<String>::new());
        assert_eq!(
            difference(&reflected(&other.pool).await, &fresh),
            Vec::<String>::new()
        );
    }
    let collation = other.strings("SELECT @@collation_database").await;
    assert!(collation[0].starts_with("latin1"), "{collation:?}");
    // Also where a statement fails.
    let broken = Autogenerate::from_sql("CREATE TABLE a (x INT); NONSENSE").scratch_url(&other.url);
    failure(&db.pool, broken).await;
    assert_eq!(other.tables().await, Vec::<String>::new());
}

/// Whatever a session has set, a schema reads the same, and the session keeps what it had.
async fn settings_of_the_session_make_no_difference() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    run(&db.pool, &everything()).await;
    let plain = reflected(&db.pool).await;
    let own = servers::MySqlServer::here().pick(
        &["sql_mode = 'ORACLE'", "sql_mode = 'EMPTY_STRING_IS_NULL'"][..],
        &[
            "sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'",
            "information_schema_stats_expiry = 0",
            "default_collation_for_utf8mb4 = utf8mb4_general_ci",
            "show_create_table_verbosity = 1",
        ],
    );
    let both = [
        "sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
        "sql_select_limit = 1",
        "sql_quote_show_create = 0",
        "character_set_results = latin1",
        "character_set_client = latin1, collation_connection = latin1_bin",
        "time_zone = '+09:00'",
        "group_concat_max_len = 4",
        "lc_time_names = 'ja_JP'",
    ];
    for setting in both.iter().chain(own) {
        let mut connection = db.pool.acquire().await.expect("a connection").detach();
        let set = format!("SET SESSION {setting}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(set))
            .execute(&mut connection)
            .await
            .expect("a setting");
        let read = reflect_connection::<MySql>(&mut connection)
            .await
            .expect("a schema");
        assert_eq!(difference(&read, &plain), Vec::<String>::new(), "{setting}");
        assert_eq!(difference(&plain, &read), Vec::<String>::new(), "{setting}");
        let comparison = Autogenerate::from_sql(everything())
            .compare_on(&mut connection, &db.pool.connect_options())
            .await
            .unwrap_or_else(|error| panic!("{setting}: {error}"));
        assert_eq!(words(&comparison), Vec::<String>::new(), "{setting}");
        if setting.starts_with("sql_mode = 'ANSI") {
            let mode: String = sqlx::query_scalar("SELECT @@SESSION.sql_mode")
                .fetch_one(&mut connection)
                .await
                .expect("the mode");
            assert!(mode.contains("ANSI_QUOTES"), "{mode}");
        }
        connection.close().await.expect("closed");
    }
}

/// A name of the live database that the desired schema's views say is their own.
async fn the_databases_own_name_is_nothing() {
    let Some(db) = servers::mysql_database().await else {
        return;
    };
    let name = db.strings("SELECT DATABASE()").await.remove(0);
    let (tables, names) = servers::MySqlServer::here().pick(
        (
            "CREATE TABLE a (x INT); CREATE SEQUENCE s; CREATE TABLE b (n BIGINT DEFAULT NEXTVAL(s));",
            &["a", "b", "s", "v"][..],
        ),
        (
            "CREATE TABLE a (x INT); CREATE TABLE b (n BIGINT, twice BIGINT AS (n * 2), KEY ((n + 1)));",
            &["a", "b", "v"],
        ),
    );
    run(
        &db.pool,
        &format!("{tables} CREATE VIEW v AS SELECT x FROM a"),
    )
    .await;
    let desired = format!("{tables} CREATE VIEW v AS SELECT x FROM `{name}`.a");
    assert_eq!(
        words(&compared(&db.pool, &desired).await),
        Vec::<String>::new()
    );
    let created = format!("{tables} CREATE TABLE `{name}`.c (x INT)");
    failure(&db.pool, Autogenerate::from_sql(created)).await;
    assert_eq!(db.tables().await, names);
}

crate::support::on_mysql!(
    a_failing_statement_is_placed_and_leaves_nothing,
    left_overs_are_removed_and_nothing_else,
    a_given_database_must_be_another_and_empty_and_is_left_so,
    settings_of_the_session_make_no_difference,
    the_databases_own_name_is_nothing
);
