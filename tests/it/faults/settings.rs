//! What somebody else set, for the server, the database, the role or the connection, changes nothing: runs end as
//! everywhere, and a migration that reads a setting sees what the session would see without limbeck.

use std::time::Duration;

use limbeck::{Dialect, Migrations, Migrator, Outcome, Source};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::support::migrations;
use crate::support::servers::Database;
use crate::support::soak::{tell, times};

/// Steps of every kind, which compare nothing and call nothing: what is hijacked is limbeck's alone. `read` is
/// repeated in each mode.
fn every_kind(dialect: Dialect, read: &str) -> Migrations {
    let create = match dialect {
        Dialect::Postgres => {
            "CREATE TABLE public.seen (name pg_catalog.text, value pg_catalog.text);\nCREATE TABLE public.work (done pg_catalog.bool);"
        }
        Dialect::Sqlite => {
            "CREATE TABLE seen (name TEXT, value TEXT);\nCREATE TABLE work (done INT);"
        }
        _ => {
            "CREATE TABLE seen (name VARCHAR(100), value TEXT) ENGINE = InnoDB;\nCREATE TABLE work (id INT PRIMARY KEY, done INT) ENGINE = InnoDB;"
        }
    };
    let (seen, work) = if dialect == Dialect::Postgres {
        ("public.seen", "public.work")
    } else {
        ("seen", "work")
    };
    let fill = if dialect.is_mysql_family() {
        "(1, FALSE), (2, FALSE)"
    } else {
        "(FALSE), (FALSE)"
    };
    let key = if dialect.is_mysql_family() {
        " AND id > 0"
    } else {
        ""
    };
    migrations(&[
        (
            "a",
            "",
            "",
            &format!(
                "-- @upgrade\n{create}\nINSERT INTO {work} VALUES {fill};\n{read}\n-- @downgrade\nDROP TABLE {work};\nDROP TABLE {seen};\n"
            ),
        ),
        (
            "b",
            "a",
            "",
            &format!(
                "-- @upgrade autocommit\n{read}\nCREATE TABLE {work}_b (id INT);\n{read}\n-- @downgrade autocommit\nDROP TABLE {work}_b;\n"
            ),
        ),
        (
            "c",
            "b",
            "",
            &format!(
                "-- @upgrade repeat\nUPDATE {work} SET done = TRUE WHERE NOT done{key};\n-- @downgrade\n"
            ),
        ),
        (
            "d",
            "c",
            "",
            &format!(
                "-- @require\nSELECT done FROM {work} WHERE NOT done{key};\n-- @upgrade\nCREATE TABLE {work}_d (id INT);\n-- @verify\nSELECT id FROM {work}_d\n-- @downgrade\nDROP TABLE {work}_d;\n"
            ),
        ),
    ])
}

/// [`life`], which must come to an end.
async fn whole_life<S: Source>(migrator: Migrator<S>) -> Result<(), String> {
    let ended = tokio::time::timeout(Duration::from_secs(60), life(migrator)).await;
    ended.unwrap_or_else(|_| Err("it does not end".to_owned()))
}

/// Up, look, down, and up again; each time a second run finds nothing to do.
async fn life<S: Source>(migrator: Migrator<S>) -> Result<(), String> {
    let told = |at: &str, error: limbeck::Error| {
        let mut text = format!("{at}: {error}");
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            text.push_str(&format!(": {cause}"));
            next = cause.source();
        }
        text
    };
    let migrator = migrator
        .lock_wait(Duration::from_secs(20))
        .lock_retry_for(Duration::from_secs(20));
    for round in 0..2 {
        let report = migrator
            .upgrade_to_head()
            .await
            .map_err(|error| told("upgrade", error))?;
        if report.heads != ["d"] || report.steps.len() != 4 {
            return Err(format!("{report:?}"));
        }
        let again = migrator
            .upgrade_to_head()
            .await
            .map_err(|error| told("again", error))?;
        if again.outcome != Outcome::AlreadyThere {
            return Err(format!("{again:?}"));
        }
        let status = migrator
            .status()
            .await
            .map_err(|error| told("status", error))?;
        if status.current != ["d"]
            || !status.pending.is_empty()
            || !status.unverified.is_empty()
            || status.unfinished.is_some()
            || status.holder.is_some()
        {
            return Err(format!("{status:?}"));
        }
        let ledger = migrator
            .ledger()
            .await
            .map_err(|error| told("ledger", error))?;
        if ledger.len() != 4 + round * 8 || ledger.iter().any(|entry| entry.state != "done") {
            return Err(format!("{ledger:?}"));
        }
        if round == 0 {
            let down = migrator
                .downgrade("base")
                .await
                .map_err(|error| told("downgrade", error))?;
            if !down.heads.is_empty() {
                return Err(format!("{down:?}"));
            }
        }
    }
    migrator
        .stamp("b", limbeck::Purge::Clear)
        .await
        .map(drop)
        .map_err(|error| told("stamp", error))?;
    migrator
        .stamp("d", limbeck::Purge::Keep)
        .await
        .map(drop)
        .map_err(|error| told("stamp", error))
}

/// What the migrations saw, once for each time that they looked.
const SEEN: &str = "SELECT DISTINCT value FROM seen ORDER BY value";

mod sqlite {
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
}

#[cfg(feature = "postgres")]
mod postgres {
    use sqlx::postgres::PgPoolOptions;

    use super::*;
    use crate::support::servers::postgres_database;

    /// A pool whose sessions begin with what the database has set.
    async fn fresh(db: &Database<sqlx::Postgres>) -> sqlx::PgPool {
        let options = (*db.pool.connect_options()).clone();
        PgPoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .expect("PostgreSQL")
    }

    async fn database_name(db: &Database<sqlx::Postgres>) -> String {
        db.strings("SELECT current_database()::text")
            .await
            .remove(0)
    }

    #[tokio::test]
    async fn settings_of_a_database() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let settings = [
            ("standard_conforming_strings", "off"),
            ("backslash_quote", "off"),
            ("escape_string_warning", "off"),
            ("datestyle", "'SQL, DMY'"),
            ("datestyle", "'German'"),
            ("intervalstyle", "'iso_8601'"),
            ("timezone", "'Asia/Kathmandu'"),
            ("bytea_output", "escape"),
            ("extra_float_digits", "-15"),
            ("default_transaction_isolation", "'serializable'"),
            ("default_transaction_isolation", "'repeatable read'"),
            ("default_transaction_read_only", "on"),
            ("default_transaction_deferrable", "on"),
            ("statement_timeout", "'15s'"),
            ("lock_timeout", "'7s'"),
            ("idle_in_transaction_session_timeout", "'15s'"),
            ("idle_session_timeout", "'15s'"),
            ("client_min_messages", "debug5"),
            ("client_min_messages", "error"),
            ("quote_all_identifiers", "on"),
            ("transform_null_equals", "on"),
            ("array_nulls", "off"),
            ("row_security", "off"),
            ("session_replication_role", "replica"),
            ("check_function_bodies", "off"),
            ("synchronous_commit", "off"),
            ("enable_seqscan", "off"),
            ("enable_indexscan", "off"),
            ("plan_cache_mode", "force_generic_plan"),
            ("search_path", "public"),
            ("search_path", "pg_temp, public"),
            ("search_path", "\"$user\", nowhere, public"),
            ("gin_fuzzy_search_limit", "1"),
            ("work_mem", "'64kB'"),
            ("application_name", "'; DROP TABLE work; --'"),
            ("allow_system_table_mods", "on"),
            ("debug_print_parse", "on"),
            ("ignore_checksum_failure", "on"),
            ("client_connection_check_interval", "'3s'"),
            ("parallel_setup_cost", "0"),
            ("xmloption", "document"),
        ];
        let name = database_name(&db).await;
        let mut wrong = Vec::new();
        for (setting, value) in settings {
            db.run(&format!("ALTER DATABASE {name} SET {setting} = {value}"))
                .await;
            let pool = fresh(&db).await;
            let ask = format!("SELECT pg_catalog.current_setting('{setting}')");
            let before: String = sqlx::raw_sql(AssertSqlSafe(ask.clone()))
                .fetch_one(&pool)
                .await
                .expect("a setting")
                .get(0);
            // Limbeck's own, for the step's transaction.
            let read = match setting {
                "client_connection_check_interval" => String::new(),
                _ => format!(
                    "INSERT INTO public.seen SELECT '{setting}', pg_catalog.current_setting('{setting}');"
                ),
            };
            let ran = whole_life(
                Migrator::new(&pool, every_kind(Dialect::Postgres, &read)).version_schema("public"),
            )
            .await;
            let after: String = sqlx::raw_sql(AssertSqlSafe(ask))
                .fetch_one(&pool)
                .await
                .expect("a setting")
                .get(0);
            let seen = match &ran {
                Ok(()) => db.strings(SEEN).await,
                Err(_) => vec![],
            };
            match ran {
                Err(error) => wrong.push(format!("{setting} = {value}: {error}")),
                Ok(()) if !read.is_empty() && seen != [before.clone()] => wrong.push(format!(
                    "{setting} = {value}: a migration saw {seen:?}, the session had {before:?}"
                )),
                Ok(()) if after != before => wrong.push(format!(
                    "{setting} = {value}: {before:?} before, {after:?} behind"
                )),
                Ok(()) => {}
            }
            pool.close().await;
            db.run(&format!("ALTER DATABASE {name} RESET ALL")).await;
            for table in db.tables().await {
                db.run(&format!("DROP TABLE public.{table}")).await;
            }
        }
        tell(
            "settings by somebody else, postgres",
            settings.len(),
            wrong.len(),
            "each read by migrations as the session has it",
        );
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Twins of everything that limbeck's statements call or compare with, in a schema of the search path. Each
    /// raises when it is used: for exactly PostgreSQL's types, and for those that are turned into them.
    const EVIL: &str = r"
        CREATE SCHEMA evil;
        DO $do$
        DECLARE
            twin record;
            kinds text[] := ARRAY['text', 'varchar', 'name', 'int4', 'int8', 'oid', 'bool', 'timestamptz', 'char'];
            a text;
            b text;
            operator text;
        BEGIN
            FOR twin IN
                SELECT p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid) AS arguments,
                    pg_catalog.pg_get_function_result(p.oid) AS result, p.oid
                FROM pg_catalog.pg_proc p
                WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
                AND p.proname IN ('now', 'clock_timestamp', 'statement_timestamp', 'current_setting', 'set_config',
                    'pg_try_advisory_xact_lock', 'pg_backend_pid', 'to_char', 'to_regclass', 'current_schema',
                    'current_database', 'version', 'pg_table_is_visible', 'pg_terminate_backend', 'pg_blocking_pids',
                    'strpos', 'left', 'length', 'starts_with', 'timezone', 'session_user', 'current_user', 'int8', 'text')
                AND p.prorettype NOT IN ('internal'::regtype, 'cstring'::regtype)
                AND NOT ('internal'::regtype = ANY (p.proargtypes) OR 'cstring'::regtype = ANY (p.proargtypes))
            LOOP
                EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''evil %s''; END$f$',
                    twin.proname, twin.arguments, twin.result, twin.proname);
            END LOOP;
            FOREACH a IN ARRAY kinds LOOP
                FOREACH b IN ARRAY kinds LOOP
                    FOREACH operator IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>=', '||', '+', '-', '~~', '~'] LOOP
                        EXECUTE format('CREATE FUNCTION evil.%I(pg_catalog.%I, pg_catalog.%I) RETURNS %s LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''evil %s''; END$f$',
                            'op ' || operator || a || b, a, b, CASE WHEN operator IN ('||', '+', '-') THEN 'pg_catalog.' || quote_ident(a) ELSE 'pg_catalog.bool' END, operator);
                        EXECUTE format('CREATE OPERATOR evil.%s (leftarg = pg_catalog.%I, rightarg = pg_catalog.%I, function = evil.%I)',
                            operator, a, b, 'op ' || operator || a || b);
                    END LOOP;
                END LOOP;
                EXECUTE format('CREATE FUNCTION evil.%I(pg_catalog.%I) RETURNS pg_catalog.%I LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''evil max''; END$f$', 'step ' || a, a, a);
            END LOOP;
            CREATE FUNCTION evil.counted(pg_catalog.int8) RETURNS pg_catalog.int8 LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION 'evil count'; END$f$;
            CREATE FUNCTION evil.most(pg_catalog.int8, pg_catalog.int8) RETURNS pg_catalog.int8 LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION 'evil max'; END$f$;
            CREATE AGGREGATE evil.count(*) (sfunc = evil.counted, stype = pg_catalog.int8, initcond = '0');
            CREATE AGGREGATE evil.max(pg_catalog.int8) (sfunc = evil.most, stype = pg_catalog.int8);
        END
        $do$;
        CREATE TABLE evil.pg_class (oid int, relname int, relnamespace int);
        CREATE TABLE evil.pg_locks (pid int);
        CREATE TABLE evil.pg_stat_activity (pid int);
        CREATE TABLE evil.pg_settings (name int);
        CREATE TABLE evil.columns (table_name int);
    ";

    /// Behind the catalog's own names, before them, and where the types of new columns are hijacked as well.
    #[tokio::test]
    async fn evil_twins_in_the_search_path() {
        let paths = ["evil, public", "public, evil", "evil, pg_catalog, public"];
        let mut wrong = Vec::new();
        for path in paths {
            for types in [
                "",
                "CREATE DOMAIN evil.text AS pg_catalog.text CHECK (false); CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (false); CREATE DOMAIN evil.int8 AS pg_catalog.int8 CHECK (false); CREATE DOMAIN evil.int4 AS pg_catalog.int4 CHECK (false); CREATE DOMAIN evil.oid AS pg_catalog.oid CHECK (false);",
            ] {
                let Some(db) = postgres_database().await else {
                    return;
                };
                db.run(EVIL).await;
                db.run(types).await;
                let name = database_name(&db).await;
                db.run(&format!("ALTER DATABASE {name} SET search_path = {path}"))
                    .await;
                let pool = fresh(&db).await;
                let hijacked =
                    sqlx::raw_sql("SELECT 'a'::pg_catalog.varchar = 'a'::pg_catalog.varchar")
                        .execute(&pool)
                        .await;
                assert!(
                    hijacked
                        .expect_err("the trap is set")
                        .to_string()
                        .contains("evil =")
                );
                let ran = whole_life(
                    Migrator::new(&pool, every_kind(Dialect::Postgres, ""))
                        .version_schema("public"),
                )
                .await;
                if let Err(error) = ran {
                    wrong.push(format!("{path}, types {}: {error}", !types.is_empty()));
                }
            }
        }
        tell(
            "evil twins in the search_path",
            paths.len() * 2,
            wrong.len(),
            "each raises when it is used",
        );
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// A role of its own whose settings somebody made, and who owns next to nothing.
    #[tokio::test]
    async fn settings_of_a_role() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let name = database_name(&db).await;
        let role = format!("role_{name}");
        db.run(&format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}; ALTER ROLE {role} SET search_path = nowhere, public; ALTER ROLE {role} SET default_transaction_read_only = on; ALTER ROLE {role} SET standard_conforming_strings = off; ALTER ROLE {role} SET default_transaction_isolation = 'serializable'; ALTER ROLE {role} SET datestyle = 'SQL, DMY'; ALTER ROLE {role} SET statement_timeout = '20s'")).await;
        let options = (*db.pool.connect_options()).clone().username(&role);
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .expect("PostgreSQL");
        let read = "INSERT INTO public.seen SELECT 'statement_timeout', pg_catalog.current_setting('statement_timeout');";
        let ran = whole_life(Migrator::new(&pool, every_kind(Dialect::Postgres, read))).await;
        let seen = if ran.is_ok() {
            db.strings(SEEN).await
        } else {
            vec![]
        };
        pool.close().await;
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
        assert_eq!(ran, Ok(()));
        assert_eq!(seen, ["20s"]);
    }

    /// A time-out too short for a statement of a migration ends that statement, by name, and nothing else.
    #[tokio::test]
    async fn a_statement_timeout_that_is_too_short() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let name = database_name(&db).await;
        db.run(&format!(
            "ALTER DATABASE {name} SET statement_timeout = '1s'"
        ))
        .await;
        let pool = fresh(&db).await;
        let files = migrations(&[(
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nSELECT pg_sleep(30);\n-- @downgrade\n",
        )]);
        let error = Migrator::new(&pool, files)
            .upgrade_to_head()
            .await
            .expect_err("too short");
        assert!(error.is_statement(), "{error}");
        assert!(error.to_string().contains("statement timeout"), "{error}");
        assert!(!db.tables().await.contains(&"t".to_owned()));
    }
}

#[cfg(feature = "mysql")]
mod mysql {
    use std::process::{Child, Command, Stdio};

    use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlPoolOptions};

    use super::*;
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
            crate::support::servers::server("LIMBECK_TEST_MYSQL_URL")?;
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
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            if !installed.is_ok_and(|status| status.success()) {
                left_out(
                    "settings of a whole MariaDB server: mariadb-install-db cannot be run here",
                );
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

    #[tokio::test]
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
            // Limbeck's own for a run: no transaction of it opens the next one.
            let read = match name {
                "completion_type" => {
                    "INSERT INTO seen VALUES ('completion_type', 'CHAIN');".to_owned()
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
                        wrong.push(format!("{setting} = {value}: a migration saw {seen:?}, the session has {before:?}"));
                    }
                }
            }
        }
        for (setting, value, default, kind) in [
            ("tx_read_only", "1", "0", "read_only"),
            ("max_join_size", "1", "DEFAULT", "bookkeeping"),
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
            sqlx::raw_sql(AssertSqlSafe(format!("SET GLOBAL {setting} = {default}")))
                .execute(&mut root)
                .await
                .expect("the default");
            // What the server forbids to everybody, it forbids to limbeck as well: said before anything is there.
            let error = Migrator::new(&pool, every_kind(Dialect::Mariadb, ""))
                .upgrade_to_head()
                .await
                .expect_err(setting);
            let tables = sqlx::raw_sql("SHOW TABLES FROM app")
                .fetch_all(&mut root)
                .await
                .expect("rows")
                .len();
            if error.kind() != kind || tables != 0 {
                wrong.push(format!("{setting} = {value}: {tables} tables, {error}"));
            }
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
}
