//! PostgreSQL: settings of the database and of the role, and schemas in the search path.

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
                Migrator::new(&pool, every_kind(Dialect::Postgres, "")).version_schema("public"),
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
    let migrator = Migrator::new(&pool, every_kind(Dialect::Postgres, read));
    let ran = whole_life(migrator.version_schema(limbeck::migrator::VersionSchema::Current)).await;
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
