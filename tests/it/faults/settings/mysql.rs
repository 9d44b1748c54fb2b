//! MariaDB and MySQL: settings of a whole server, so of one that the test starts.

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};

use super::*;
use crate::support::migrations;
use crate::support::rig::{Own, rig};
use crate::support::servers::MySqlServer;

/// A setting's name and value.
type Setting = (&'static str, &'static str);

/// The likeliest of both servers: they are tried in every run.
const LIKELY: &[Setting] = &[
    ("sql_mode", "'ANSI_QUOTES'"),
    ("sql_mode", "'NO_BACKSLASH_ESCAPES'"),
    ("sql_mode", "'ANSI'"),
    ("sql_mode", "'ONLY_FULL_GROUP_BY'"),
    ("autocommit", "0"),
    ("init_connect", "'SET autocommit = 0'"),
    ("init_connect", "'SET sql_safe_updates = 1'"),
    ("init_connect", "'SET sql_select_limit = 1'"),
    ("completion_type", "'CHAIN'"),
    ("character_set_client", "'latin1'"),
    ("init_connect", "'SET NAMES latin1'"),
    ("time_zone", "'+05:45'"),
    ("default_storage_engine", "'MyISAM'"),
    ("init_connect", "'SET sql_auto_is_null = 1'"),
    ("binlog_format", "'STATEMENT'"),
    ("innodb_default_row_format", "'COMPACT'"),
];

const LIKELY_MARIADB: &[Setting] = &[
    ("sql_mode", "'ORACLE'"),
    ("sql_mode", "'EMPTY_STRING_IS_NULL'"),
    ("sql_mode", "'SIMULTANEOUS_ASSIGNMENT'"),
    ("tx_isolation", "'SERIALIZABLE'"),
    ("sql_quote_show_create", "0"),
    ("lc_messages", "'de_DE'"),
];

const LIKELY_MYSQL: &[Setting] = &[
    ("transaction_isolation", "'SERIALIZABLE'"),
    ("transaction_isolation", "'READ-COMMITTED'"),
    ("sql_require_primary_key", "1"),
    ("sql_generate_invisible_primary_key", "1"),
    ("explicit_defaults_for_timestamp", "0"),
    ("default_collation_for_utf8mb4", "'utf8mb4_general_ci'"),
];

const FURTHER: &[Setting] = &[
    ("sql_mode", "''"),
    ("sql_mode", "'PIPES_AS_CONCAT'"),
    ("sql_mode", "'TRADITIONAL'"),
    ("sql_mode", "'IGNORE_SPACE'"),
    ("sql_mode", "'HIGH_NOT_PRECEDENCE'"),
    ("sql_mode", "'NO_UNSIGNED_SUBTRACTION'"),
    (
        "sql_mode",
        "'NO_AUTO_VALUE_ON_ZERO,PAD_CHAR_TO_FULL_LENGTH'",
    ),
    (
        "sql_mode",
        "'NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES,REAL_AS_FLOAT'",
    ),
    ("sql_mode", "'ALLOW_INVALID_DATES,NO_DIR_IN_CREATE'"),
    ("sql_safe_updates", "1"),
    ("sql_select_limit", "1"),
    ("sql_select_limit", "0"),
    ("completion_type", "'RELEASE'"),
    ("default_storage_engine", "'MEMORY'"),
    ("default_tmp_storage_engine", "'MyISAM'"),
    ("character_set_server", "'latin1'"),
    ("collation_server", "'utf8mb4_general_ci'"),
    ("innodb_lock_wait_timeout", "1"),
    ("lock_wait_timeout", "1"),
    ("wait_timeout", "3"),
    ("foreign_key_checks", "0"),
    ("unique_checks", "0"),
    ("sql_big_selects", "0"),
    ("sql_buffer_result", "1"),
    ("sql_notes", "0"),
    ("max_error_count", "0"),
    ("lc_time_names", "'de_DE'"),
    ("low_priority_updates", "1"),
    ("group_concat_max_len", "4"),
    ("div_precision_increment", "0"),
    ("innodb_strict_mode", "0"),
    ("innodb_file_per_table", "0"),
    ("innodb_table_locks", "0"),
    ("init_connect", "'SET @a = 1; SELECT 1'"),
    ("init_connect", "'SET timestamp = 1700000000'"),
    ("init_connect", "'SET sql_log_bin = 0'"),
    ("max_sort_length", "8"),
    ("default_week_format", "3"),
    ("auto_increment_increment", "5"),
    ("binlog_format", "'MIXED'"),
    ("binlog_row_image", "'MINIMAL'"),
    ("session_track_schema", "0"),
    ("session_track_state_change", "1"),
    ("session_track_system_variables", "'*'"),
    ("session_track_transaction_info", "'CHARACTERISTICS'"),
    ("tmp_table_size", "1024"),
    ("max_heap_table_size", "16384"),
    ("max_seeks_for_key", "1"),
    ("updatable_views_with_limit", "'NO'"),
];

const FURTHER_MARIADB: &[Setting] = &[
    ("sql_mode", "'MSSQL'"),
    ("sql_mode", "'DB2'"),
    ("sql_mode", "'MAXDB'"),
    ("sql_mode", "'POSTGRESQL'"),
    ("sql_mode", "'TIME_ROUND_FRACTIONAL'"),
    ("tx_isolation", "'READ-UNCOMMITTED'"),
    ("max_statement_time", "15"),
    ("check_constraint_checks", "0"),
    ("explicit_defaults_for_timestamp", "0"),
    ("old_mode", "'NO_PROGRESS_INFO,ZERO_DATE_TIME_CAST'"),
    ("idle_transaction_timeout", "15"),
    ("alter_algorithm", "'COPY'"),
    ("max_recursive_iterations", "0"),
    ("query_cache_type", "'ON'"),
];

const FURTHER_MYSQL: &[Setting] = &[
    ("sql_mode", "'TIME_TRUNCATE_FRACTIONAL'"),
    ("transaction_isolation", "'READ-UNCOMMITTED'"),
    ("max_execution_time", "15000"),
    ("show_gipk_in_create_table_and_information_schema", "0"),
    ("default_table_encryption", "1"),
    ("binlog_row_value_options", "'PARTIAL_JSON'"),
    ("binlog_rows_query_log_events", "1"),
    (
        "optimizer_switch",
        "'derived_merge=off,subquery_to_derived=on,materialization=off,semijoin=off,prefer_ordering_index=off'",
    ),
    ("information_schema_stats_expiry", "0"),
    ("show_create_table_verbosity", "1"),
    ("print_identified_with_as_hex", "1"),
    ("windowing_use_high_precision", "0"),
    ("cte_max_recursion_depth", "0"),
    ("end_markers_in_json", "1"),
    ("explain_format", "'JSON'"),
    ("select_into_disk_sync", "1"),
    ("select_into_buffer_size", "8192"),
    ("session_track_gtids", "'ALL_GTIDS'"),
    ("partial_revokes", "1"),
    ("internal_tmp_mem_storage_engine", "'MEMORY'"),
    ("old_alter_table", "1"),
    ("big_tables", "1"),
    ("restrict_fk_on_non_standard_key", "0"),
    ("xa_detach_on_prepare", "0"),
];

/// Settings without a value for the session.
const GLOBAL: [&str; 3] = [
    "innodb_default_row_format",
    "innodb_file_per_table",
    "partial_revokes",
];

/// Settings that take more rights than a service has. The user of those has them.
const PRIVILEGED: [&str; 2] = ["timestamp", "sql_log_bin"];

fn settings() -> Vec<Setting> {
    let here = MySqlServer::here();
    let likely = [LIKELY, here.pick(LIKELY_MARIADB, LIKELY_MYSQL)].concat();
    let further = [FURTHER, here.pick(FURTHER_MARIADB, FURTHER_MYSQL)].concat();
    let all = [&likely[..], &further].concat();
    all[..times(likely.len(), all.len())].to_vec()
}

async fn settings_of_a_server() {
    let Some(rig) = rig() else {
        return;
    };
    let here = MySqlServer::here();
    // MySQL has a binary log unless it is told otherwise.
    let server = rig.own_mysql(here.pick(&["--log-bin=log"], &[])).await;
    let mut root = MySqlConnection::connect(&server.url).await.expect("root");
    // `init_connect` is not for those who may do everything.
    let rights = here.pick("BINLOG ADMIN", "SESSION_VARIABLES_ADMIN");
    run(
        &mut root,
        &format!(
            "CREATE DATABASE app; CREATE USER app@localhost, privileged@localhost; \
             GRANT ALL ON app.* TO app@localhost, privileged@localhost; GRANT {rights} ON *.* TO privileged@localhost"
        ),
    )
    .await;
    let settings = settings();
    let mut wrong = Vec::new();
    for &(setting, value) in &settings {
        run(&mut root, ANEW).await;
        let was: String = ask(
            &mut root,
            &format!("SELECT CONVERT(@@GLOBAL.{setting} USING utf8mb4)"),
        )
        .await;
        run(&mut root, &format!("SET GLOBAL {setting} = {value}")).await;
        let name = match setting {
            // The variable that `init_connect` sets.
            "init_connect" => value
                .split_whitespace()
                .nth(1)
                .filter(|name| !name.starts_with('@') && *name != "NAMES")
                .unwrap_or("autocommit"),
            name if GLOBAL.contains(&name) => "autocommit",
            name => name,
        };
        let is_privileged = PRIVILEGED.contains(&name);
        let user = if is_privileged { "privileged" } else { "app" };
        let pool = pool(&server, user).await;
        let pool = pool.unwrap_or_else(|error| panic!("{setting} = {value}: {error}"));
        // sqlx sets these two for its sessions; a migration has the server's own.
        let scope = if matches!(name, "sql_mode" | "time_zone") {
            "GLOBAL"
        } else {
            "SESSION"
        };
        let mut plain = pool.acquire().await.expect("a connection");
        let before = ask(
            &mut plain,
            &format!("SELECT CONVERT(@@{scope}.{name} USING utf8mb4)"),
        )
        .await;
        drop(plain);
        // Limbeck's own for a run: each commit is its own, and opens no other transaction.
        let read = match name {
            "completion_type" | "autocommit" => {
                format!("INSERT INTO seen (name, value) VALUES ('{name}', '{before}');")
            }
            _ => format!("INSERT INTO seen (name, value) VALUES ('{name}', @@SESSION.{name});"),
        };
        let ran = whole_life(Migrator::new(&pool, every_kind(here.dialect(), &read))).await;
        pool.close().await;
        let was = match was.parse::<f64>() {
            Ok(_) => was,
            Err(_) if was.is_empty() => "DEFAULT".to_owned(),
            Err(_) => format!("'{was}'"),
        };
        run(&mut root, &format!("SET GLOBAL {setting} = {was}")).await;
        match ran {
            Err(error) => wrong.push(format!("{setting} = {value}: {error}")),
            Ok(()) => {
                let rows =
                    sqlx::raw_sql("SELECT DISTINCT CONVERT(value USING utf8mb4) FROM app.seen")
                        .fetch_all(&mut root)
                        .await
                        .expect("rows");
                let seen: Vec<String> = rows
                    .iter()
                    .map(|row| row.try_get_unchecked(0).expect("text"))
                    .collect();
                if seen.len() != 1 || as_number(&seen[0]) != as_number(&before) {
                    wrong.push(format!(
                        "{setting} = {value}: a migration saw {seen:?}, the session has {before:?}"
                    ));
                }
            }
        }
    }
    wrong.extend(forbidding(&server, &mut root).await);
    wrong.extend(read_only(&server, &mut root).await);
    tell(
        &format!("settings by somebody else, {}", here.dialect()),
        settings.len(),
        wrong.len(),
        "each read by migrations as the session has it",
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Settings that no statement of limbeck's depends on: read-only transactions, and a limit of joins that an author's may exceed.
async fn forbidding(server: &Own, root: &mut MySqlConnection) -> Vec<String> {
    let mut wrong = Vec::new();
    let read_only = MySqlServer::here().pick("tx_read_only", "transaction_read_only");
    for (setting, value, default) in [(read_only, "1", "0"), ("max_join_size", "1", "DEFAULT")] {
        run(root, ANEW).await;
        run(root, &format!("SET GLOBAL {setting} = {value}")).await;
        let pool = pool(server, "app").await.expect("a connection");
        for words in ["", " autocommit"] {
            let migrator = Migrator::new(&pool, one_table(words));
            let up = migrator.upgrade_to_head().await.map(drop);
            let status = migrator.status().await.map(drop);
            let back = migrator.downgrade("base").await.map(drop);
            for error in [up, status, back].into_iter().filter_map(Result::err) {
                wrong.push(format!("{setting} = {value}{words}: {error}"));
            }
        }
        let mut session = pool.acquire().await.expect("a connection");
        let same = format!("SELECT @@SESSION.{setting} = @@GLOBAL.{setting}");
        if ask(&mut session, &same).await != "1" {
            wrong.push(format!("{setting}: the session went back changed"));
        }
        drop(session);
        run(root, &format!("SET GLOBAL {setting} = {default}")).await;
        pool.close().await;
    }
    wrong
}

/// A server that takes no writes says so in one error of every call that would write, and nothing is left behind.
async fn read_only(server: &Own, root: &mut MySqlConnection) -> Vec<String> {
    let mut wrong = Vec::new();
    let here = MySqlServer::here();
    for setting in here.pick(&["read_only"][..], &["read_only", "super_read_only"]) {
        run(root, ANEW).await;
        let pool = pool(server, "app").await.expect("a connection");
        let migrator = Migrator::new(&pool, one_table(""));
        let mut is_there = false;
        for _ in 0..2 {
            run(root, &format!("SET GLOBAL {setting} = 1")).await;
            let status = migrator.status().await;
            if !status.is_ok_and(|status| status.current.is_empty() != is_there) {
                wrong.push(format!("{setting}: no status"));
            }
            // A boot with nothing to do writes nothing.
            let call = match is_there {
                false => migrator.upgrade_to_head().await,
                true => migrator.downgrade("base").await,
            };
            match call {
                Err(error) if error.kind() == "read_only" => {}
                other => wrong.push(format!("{setting}: {other:?}")),
            }
            if is_there {
                let again = migrator.upgrade_to_head().await;
                if !again.is_ok_and(|report| report.outcome == Outcome::AlreadyThere) {
                    wrong.push(format!("{setting}: a boot at the head fails"));
                }
            }
            run(root, "SET GLOBAL read_only = 0").await;
            if let Err(error) = migrator.upgrade_to_head().await {
                wrong.push(format!("{setting}, and then not: {error}"));
            }
            is_there = true;
        }
        pool.close().await;
    }
    wrong
}

fn one_table(words: &str) -> Migrations {
    let section = "CREATE TABLE t (x INT);\nINSERT INTO t VALUES (1);\n";
    let down = "-- @downgrade\nDELETE FROM t;\nDROP TABLE t;\n";
    migrations(&[("a", "", "", &format!("-- @upgrade{words}\n{section}{down}"))])
}

const ANEW: &str = "DROP DATABASE app; CREATE DATABASE app CHARACTER SET utf8mb4";

async fn pool(server: &Own, user: &str) -> Result<MySqlPool, sqlx::Error> {
    let options: MySqlConnectOptions = server.url.parse().expect("a URL");
    MySqlPoolOptions::new()
        .max_connections(2)
        .connect_with(options.username(user).database("app"))
        .await
}

async fn run(root: &mut MySqlConnection, script: &str) {
    sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
        .execute(root)
        .await
        .unwrap_or_else(|error| panic!("{script}: {error}"));
}

/// A switch reads as a word or as a number, a time with its fractions or without.
fn as_number(value: &str) -> String {
    match (value, value.parse::<f64>()) {
        ("ON", _) => "1".to_owned(),
        ("OFF", _) => "0".to_owned(),
        (_, Ok(number)) => number.to_string(),
        _ => value.to_owned(),
    }
}

async fn ask(connection: &mut MySqlConnection, query: &str) -> String {
    // A limit of its own overrules `sql_select_limit`.
    let row = sqlx::raw_sql(AssertSqlSafe(format!("{query} LIMIT 1")))
        .fetch_one(connection)
        .await;
    let row = row.unwrap_or_else(|error| panic!("{query}: {error}"));
    row.try_get_unchecked::<Option<String>, _>(0)
        .expect("text")
        .unwrap_or_default()
}

crate::support::on_mysql!(settings_of_a_server);
