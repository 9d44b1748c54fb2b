//! MariaDB: settings of a whole server, so of one that the test starts.

use std::process::{Child, Command, Stdio};

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};

use super::*;
use crate::support::migrations;
use crate::support::servers::left_out;

/// A MariaDB of a test's own: what is set for a whole server would reach every other test.
struct Server {
    child: Child,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its data is thrown away.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start() -> Option<Server> {
        crate::support::servers::server("LIMBECK_TEST_MARIADB_URL")?;
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let user = String::from_utf8(
            Command::new("id")
                .arg("-un")
                .output()
                .expect("a user")
                .stdout,
        )
        .expect("a name");
        let installed = Command::new("mariadb-install-db")
            .args([
                "--no-defaults",
                "--skip-test-db",
                "--auth-root-authentication-method=normal",
            ])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--user={}", user.trim()))
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !installed.is_ok_and(|status| status.success()) {
            left_out("settings of a whole MariaDB server: mariadb-install-db cannot be run here");
            return None;
        }
        let child = Command::new("mariadbd")
            .args([
                "--no-defaults",
                "--skip-networking",
                "--innodb-flush-log-at-trx-commit=0",
                "--innodb-flush-method=nosync",
            ])
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--user={}", user.trim()))
            .arg(format!("--socket={}", folder.path().join("s").display()))
            // A server that starts clears its place for temporary tables, whosever they are.
            .env("TMPDIR", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mariadbd");
        let server = Server { child, folder };
        for _ in 0..600 {
            if MySqlConnection::connect_with(&server.options("root"))
                .await
                .is_ok()
            {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("MariaDB does not start");
    }

    fn options(&self, user: &str) -> MySqlConnectOptions {
        MySqlConnectOptions::new()
            .socket(self.folder.path().join("s"))
            .username(user)
    }
}

async fn settings_of_a_server() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut root = MySqlConnection::connect_with(&server.options("root"))
        .await
        .expect("root");
    // `init_connect` is not for those who may do everything.
    sqlx::raw_sql(
        "CREATE DATABASE app; CREATE USER app@localhost; GRANT ALL ON app.* TO app@localhost",
    )
    .execute(&mut root)
    .await
    .expect("a user");
    // The likeliest first: a sample stops behind them.
    let settings = [
        ("sql_mode", "'ANSI_QUOTES'"),
        ("sql_mode", "'NO_BACKSLASH_ESCAPES'"),
        ("sql_mode", "'ANSI'"),
        ("sql_mode", "'ORACLE'"),
        ("sql_mode", "'ONLY_FULL_GROUP_BY'"),
        ("sql_mode", "'EMPTY_STRING_IS_NULL'"),
        ("sql_mode", "'SIMULTANEOUS_ASSIGNMENT'"),
        ("autocommit", "0"),
        ("init_connect", "'SET autocommit = 0'"),
        ("init_connect", "'SET sql_safe_updates = 1'"),
        ("init_connect", "'SET sql_select_limit = 1'"),
        ("completion_type", "'CHAIN'"),
        ("tx_isolation", "'SERIALIZABLE'"),
        ("character_set_client", "'latin1'"),
        ("init_connect", "'SET NAMES latin1'"),
        ("time_zone", "'+05:45'"),
        ("default_storage_engine", "'MyISAM'"),
        ("init_connect", "'SET sql_auto_is_null = 1'"),
        ("sql_quote_show_create", "0"),
        ("lc_messages", "'de_DE'"),
        ("sql_mode", "''"),
        ("sql_mode", "'PIPES_AS_CONCAT'"),
        ("sql_mode", "'MSSQL'"),
        ("sql_mode", "'DB2'"),
        ("sql_mode", "'MAXDB'"),
        ("sql_mode", "'POSTGRESQL'"),
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
        ("sql_mode", "'TIME_ROUND_FRACTIONAL'"),
        ("sql_safe_updates", "1"),
        ("sql_select_limit", "1"),
        ("sql_select_limit", "0"),
        ("tx_isolation", "'READ-UNCOMMITTED'"),
        ("character_set_server", "'latin1'"),
        ("collation_server", "'utf8mb4_general_ci'"),
        ("innodb_lock_wait_timeout", "1"),
        ("lock_wait_timeout", "1"),
        ("max_statement_time", "15"),
        ("foreign_key_checks", "0"),
        ("unique_checks", "0"),
        ("check_constraint_checks", "0"),
        ("sql_big_selects", "0"),
        ("sql_notes", "0"),
        ("lc_time_names", "'de_DE'"),
        ("explicit_defaults_for_timestamp", "0"),
        ("old_mode", "'NO_PROGRESS_INFO,ZERO_DATE_TIME_CAST'"),
        ("low_priority_updates", "1"),
        ("group_concat_max_len", "4"),
        ("div_precision_increment", "0"),
        ("idle_transaction_timeout", "15"),
        ("innodb_strict_mode", "0"),
        ("init_connect", "'SET @a = 1; SELECT 1'"),
        ("alter_algorithm", "'COPY'"),
        ("max_sort_length", "8"),
        ("default_week_format", "3"),
    ];
    let settings = &settings[..times(20, settings.len())];
    let mut wrong = Vec::new();
    for &(setting, value) in settings {
        sqlx::raw_sql("DROP DATABASE app; CREATE DATABASE app CHARACTER SET utf8mb4")
            .execute(&mut root)
            .await
            .expect("a database");
        let was: String = ask(
            &mut root,
            &format!("SELECT CONVERT(@@GLOBAL.{setting} USING utf8mb4)"),
        )
        .await;
        let set = format!("SET GLOBAL {setting} = {value}");
        sqlx::raw_sql(AssertSqlSafe(set))
            .execute(&mut root)
            .await
            .unwrap_or_else(|error| panic!("{setting} = {value}: {error}"));
        let pool = MySqlPoolOptions::new()
            .max_connections(2)
            .connect_with(server.options("app").database("app"))
            .await;
        let pool = pool.unwrap_or_else(|error| panic!("{setting} = {value}: {error}"));
        // The variable that `init_connect` sets.
        let name = match setting {
            "init_connect" => value
                .split_whitespace()
                .nth(1)
                .filter(|name| !name.starts_with('@') && *name != "NAMES")
                .unwrap_or("autocommit"),
            name => name,
        };
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
                format!("INSERT INTO seen VALUES ('{name}', '{before}');")
            }
            _ => format!("INSERT INTO seen VALUES ('{name}', @@SESSION.{name});"),
        };
        let ran = whole_life(Migrator::new(&pool, every_kind(Dialect::Mariadb, &read))).await;
        pool.close().await;
        if was.parse::<f64>().is_ok() {
            sqlx::raw_sql(AssertSqlSafe(format!("SET GLOBAL {setting} = {was}")))
                .execute(&mut root)
                .await
                .expect("the default");
        } else {
            sqlx::raw_sql(AssertSqlSafe(format!("SET GLOBAL {setting} = '{was}'")))
                .execute(&mut root)
                .await
                .expect("the default");
        }
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
    // Limbeck's own statements do not depend on these; the author's joins do.
    for (setting, value, default) in [
        ("tx_read_only", "1", "0"),
        ("max_join_size", "1", "DEFAULT"),
    ] {
        sqlx::raw_sql("DROP DATABASE app; CREATE DATABASE app CHARACTER SET utf8mb4")
            .execute(&mut root)
            .await
            .expect("a database");
        sqlx::raw_sql(AssertSqlSafe(format!("SET GLOBAL {setting} = {value}")))
            .execute(&mut root)
            .await
            .expect("a setting");
        let pool = MySqlPoolOptions::new()
            .connect_with(server.options("app").database("app"))
            .await
            .expect("a connection");
        let section = "CREATE TABLE t (x INT);\nINSERT INTO t VALUES (1);\n";
        let down = "-- @downgrade\nDELETE FROM t;\nDROP TABLE t;\n";
        for words in ["", " autocommit"] {
            let files =
                migrations(&[("a", "", "", &format!("-- @upgrade{words}\n{section}{down}"))]);
            let migrator = Migrator::new(&pool, files);
            let up = migrator.upgrade_to_head().await.map(drop);
            let status = migrator.status().await.map(drop);
            let back = migrator.downgrade("base").await.map(drop);
            for error in [up, status, back].into_iter().filter_map(Result::err) {
                wrong.push(format!("{setting} = {value}{words}: {error}"));
            }
        }
        let as_before: Vec<sqlx::mysql::MySqlRow> = sqlx::raw_sql(AssertSqlSafe(format!(
            "SELECT 1 WHERE @@SESSION.{setting} = @@GLOBAL.{setting}"
        )))
        .fetch_all(&pool)
        .await
        .expect("rows");
        if as_before.len() != 1 {
            wrong.push(format!("{setting}: the session went back changed"));
        }
        sqlx::raw_sql(AssertSqlSafe(format!("SET GLOBAL {setting} = {default}")))
            .execute(&mut root)
            .await
            .expect("the default");
        pool.close().await;
    }
    tell(
        "settings by somebody else, mariadb",
        settings.len(),
        wrong.len(),
        "each read by migrations as the session has it",
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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

crate::support::on_mariadb!(settings_of_a_server);
