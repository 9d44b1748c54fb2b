//! Limbeck's own tables: whose they are, and whether a run sees them as they are.

use limbeck::error::RunError;
use limbeck::migrator::VersionSchema;
use limbeck::{Error, Migrations, Migrator, Outcome};

use crate::support::{migrations, on_each};

fn run_error(error: &Error) -> &RunError {
    match error {
        Error::Run(run) => run,
        other => panic!("{other}"),
    }
}

fn chain() -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE ta (id INT);\n-- @downgrade\nDROP TABLE ta;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade\nCREATE TABLE tb (id INT);\n-- @downgrade\nDROP TABLE tb;\n",
        ),
    ])
}

/// Ways to swallow or change what is written to limbeck's tables: a name, the statements that make it, and those that take it
/// away again.
fn swallowers(dialect: limbeck::Dialect) -> Vec<(&'static str, &'static str, &'static str)> {
    match dialect {
        limbeck::Dialect::Sqlite => vec![
            (
                "the swap is ignored",
                "CREATE TRIGGER s BEFORE UPDATE ON limbeck_version BEGIN SELECT RAISE(IGNORE); END",
                "DROP TRIGGER s",
            ),
            (
                "the swap is taken back",
                "CREATE TRIGGER s AFTER UPDATE ON limbeck_version BEGIN UPDATE limbeck_version SET version_num = OLD.version_num; END",
                "DROP TRIGGER s",
            ),
            (
                "the row is ignored",
                "CREATE TRIGGER s BEFORE INSERT ON limbeck_history BEGIN SELECT RAISE(IGNORE); END",
                "DROP TRIGGER s",
            ),
            (
                "the row is taken back",
                "CREATE TRIGGER s AFTER INSERT ON limbeck_history BEGIN DELETE FROM limbeck_history WHERE id = NEW.id; END",
                "DROP TRIGGER s",
            ),
            (
                "the row is changed",
                "CREATE TRIGGER s AFTER INSERT ON limbeck_history BEGIN UPDATE limbeck_history SET lineage = 'x', checksum = 'x' WHERE id = NEW.id; END",
                "DROP TRIGGER s",
            ),
            (
                "a view of the ledger",
                "ALTER TABLE limbeck_history RENAME TO h; CREATE VIEW limbeck_history AS SELECT * FROM h; \
                 CREATE TRIGGER s INSTEAD OF INSERT ON limbeck_history BEGIN SELECT 1; END",
                "DROP VIEW limbeck_history; ALTER TABLE h RENAME TO limbeck_history",
            ),
            (
                "the lease is ignored",
                "CREATE TRIGGER s BEFORE UPDATE ON limbeck_history_lock BEGIN SELECT RAISE(IGNORE); END",
                "DROP TRIGGER s",
            ),
        ],
        limbeck::Dialect::Postgres => vec![
            (
                "the swap is ignored",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
                 CREATE TRIGGER s BEFORE UPDATE ON limbeck_version FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
            (
                "the swap is taken back",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE limbeck_version SET version_num = OLD.version_num \
                 WHERE version_num <> OLD.version_num; RETURN NULL; END'; \
                 CREATE TRIGGER s AFTER UPDATE ON limbeck_version FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
            (
                "the swap is changed",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.version_num = OLD.version_num; RETURN NEW; END'; \
                 CREATE TRIGGER s BEFORE UPDATE ON limbeck_version FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
            (
                "the row is ignored",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
                 CREATE TRIGGER s BEFORE INSERT ON limbeck_history FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
            (
                "the row is changed",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.checksum = ''x''; NEW.lineage = ''x''; RETURN NEW; END'; \
                 CREATE TRIGGER s BEFORE INSERT OR UPDATE ON limbeck_history FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
            (
                "a rule on the swap",
                "CREATE RULE s AS ON UPDATE TO limbeck_version DO INSTEAD NOTHING",
                "DROP RULE s ON limbeck_version",
            ),
            (
                "a rule on the ledger",
                "CREATE RULE s AS ON INSERT TO limbeck_history DO INSTEAD NOTHING",
                "DROP RULE s ON limbeck_history",
            ),
            (
                "a rule on the ledger that takes the row away",
                "CREATE RULE s AS ON INSERT TO limbeck_history DO ALSO DELETE FROM limbeck_history WHERE revision = 'b'",
                "DROP RULE s ON limbeck_history",
            ),
            (
                "a view of the ledger",
                "ALTER TABLE limbeck_history RENAME TO h; CREATE VIEW limbeck_history AS SELECT * FROM h; \
                 CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
                 CREATE TRIGGER s INSTEAD OF INSERT ON limbeck_history FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP VIEW limbeck_history; DROP FUNCTION f; ALTER TABLE h RENAME TO limbeck_history",
            ),
            (
                "the lease is changed",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'; \
                 CREATE TRIGGER s BEFORE UPDATE ON limbeck_history_lock FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
            (
                "the lease is ignored",
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
                 CREATE TRIGGER s BEFORE UPDATE ON limbeck_history_lock FOR EACH ROW EXECUTE FUNCTION f()",
                "DROP FUNCTION f CASCADE",
            ),
        ],
        _ => vec![
            (
                "the swap is changed",
                "CREATE TRIGGER s BEFORE UPDATE ON limbeck_version FOR EACH ROW SET NEW.version_num = OLD.version_num",
                "DROP TRIGGER s",
            ),
            (
                "the row is changed",
                "CREATE TRIGGER s BEFORE INSERT ON limbeck_history FOR EACH ROW SET NEW.lineage = 'x', NEW.checksum = 'x'",
                "DROP TRIGGER s",
            ),
            (
                "the row is another's",
                "CREATE TRIGGER s BEFORE INSERT ON limbeck_history FOR EACH ROW SET NEW.revision = 'x'",
                "DROP TRIGGER s",
            ),
            (
                "a view of the ledger",
                "ALTER TABLE limbeck_history RENAME TO h; CREATE VIEW limbeck_history AS SELECT * FROM h WHERE revision <> 'b'",
                "DROP VIEW limbeck_history; ALTER TABLE h RENAME TO limbeck_history; DELETE FROM limbeck_history WHERE revision = 'b'",
            ),
            (
                "the lease is changed",
                "CREATE TRIGGER s BEFORE UPDATE ON limbeck_history_lock FOR EACH ROW SET NEW.epoch = OLD.epoch, NEW.beat = OLD.beat, NEW.holder = OLD.holder",
                "DROP TRIGGER s",
            ),
        ],
    }
}

on_each! {
    /// A path or role that no database but PostgreSQL has is refused before anything is asked.
    async fn a_pin_is_for_postgres(db) {
        for migrator in [
            Migrator::new(&db.pool, chain()).pin_search_path(["app"]),
            Migrator::new(&db.pool, chain()).pin_role("app"),
        ] {
            let error = migrator.current().await.expect_err("no such schema, or role");
            match db.dialect {
                limbeck::Dialect::Postgres => assert_ne!(error.kind(), "bad_name", "{error}"),
                _ => assert_eq!(error.kind(), "bad_name", "{error}"),
            }
        }
    }

    /// A temporary table, or one of an attached file, that has the version table's name and says that all is done.
    async fn a_temporary_version_table_is_never_taken(db) {
        let pool = db.pool.clone();
        let mut connection = pool.acquire().await.expect("a connection");
        let making = match db.dialect {
            limbeck::Dialect::Sqlite => "ATTACH ':memory:' AS other; CREATE TABLE other.limbeck_version (version_num TEXT); \
                                         CREATE TEMP TABLE limbeck_version (version_num TEXT); \
                                         INSERT INTO temp.limbeck_version VALUES ('b')",
            limbeck::Dialect::Postgres => "CREATE TEMP TABLE limbeck_version (version_num varchar); \
                                           INSERT INTO limbeck_version VALUES ('b'); \
                                           CREATE TEMP TABLE limbeck_history (id int); CREATE TEMP TABLE limbeck_history_lock (x int)",
            // There it goes before a table of any schema, whatever a statement says.
            _ => return,
        };
        sqlx::raw_sql(making).execute(&mut *connection).await.expect("a temporary table");
        let migrator = Migrator::new(&mut *connection, chain());
        let report = migrator.upgrade_to_head().await.expect("a run");
        assert_eq!(report.steps.len(), 2, "{report:?}");
        let again = migrator.upgrade_to_head().await.expect("a run");
        assert_eq!(again.outcome, Outcome::AlreadyThere);
        drop(migrator);
        assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, ["b"]);
    }

    /// A trigger, rule or view that swallows or changes a write to limbeck's tables is found by every call that writes, and
    /// named; once it is gone the next call goes on.
    async fn a_swallowed_write_is_found(db) {
        use limbeck::migrator::TransactionMode;
        use limbeck::plan::Purge;
        for (name, make, end) in swallowers(db.dialect) {
            for call in ["upgrade", "autocommit", "single", "stamp"] {
                let is_leased = call == "autocommit" || db.dialect.is_mysql_family();
                if name.starts_with("the lease") && !is_leased || call == "single" && db.dialect.is_mysql_family() {
                    continue;
                }
                let words = if call == "autocommit" { " autocommit" } else { "" };
                let files = migrations(&[
                    ("a", "", "", "-- @upgrade\nCREATE TABLE ta (id INT);\n"),
                    ("b", "a", "", &format!("-- @upgrade{words}\nCREATE TABLE tb (id INT);\n")),
                ]);
                let mode = match call {
                    "single" => TransactionMode::SingleTransaction,
                    _ => TransactionMode::PerRevision,
                };
                let migrator = Migrator::new(&db.pool, files).transaction_mode(mode).lock_wait(std::time::Duration::from_secs(20));
                let _ = migrator.upgrade("a").await.expect("a");
                db.run(make).await;
                let called = match call {
                    "stamp" => migrator.stamp("head", Purge::Keep).await,
                    _ => migrator.upgrade_to_head().await,
                };
                let error = called.map(drop).expect_err(&format!("{name}, {call}"));
                assert!(matches!(run_error(&error), RunError::NotAsWritten { .. }), "{name}, {call}: {error}");
                assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, ["a"], "{name}, {call}");
                if !is_leased {
                    assert!(!db.tables().await.contains(&"tb".to_owned()), "{name}, {call}");
                }
                db.run(end).await;
                let again = match call {
                    "stamp" => migrator.stamp("head", Purge::Keep).await,
                    _ => migrator.upgrade_to_head().await,
                };
                let report = again.unwrap_or_else(|error| panic!("{name}, {call}: {error}"));
                assert_eq!(report.current, ["b"], "{name}, {call}");
                let _ = migrator.require_head().await.expect("nothing is edited");
                for table in db.tables().await {
                    db.run(&format!("DROP TABLE {table}")).await;
                }
            }
        }
    }
}

#[cfg(feature = "postgres")]
mod on_postgres {
    use sqlx::postgres::{PgPool, PgPoolOptions};
    use sqlx::{AssertSqlSafe, Connection as _};

    use super::*;
    use crate::support::servers::{Database, postgres_database};

    /// A pool of one connection with this search path.
    pub(super) fn with_path(db: &Database<sqlx::Postgres>, path: &str) -> PgPool {
        let options = (*db.pool.connect_options()).clone();
        let options = options.options([("search_path", path)]);
        PgPoolOptions::new()
            .max_connections(1)
            .connect_lazy_with(options)
    }

    async fn places(db: &Database<sqlx::Postgres>) -> Vec<String> {
        let tables = "SELECT schemaname || '.' || tablename FROM pg_tables \
                      WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1";
        db.strings(tables).await
    }

    /// A tenant's schema before a migrated `public`: the tenant's run neither takes `public` for its own nor begins anew
    /// beside it, unless a setting says which of the two it is to do.
    #[tokio::test]
    async fn a_version_table_further_along_the_search_path() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let _ = Migrator::new(&db.pool, chain())
            .upgrade_to_head()
            .await
            .expect("public");
        db.run("CREATE SCHEMA \"The Tenant\"").await;
        let pool = with_path(&db, "\"The Tenant\",public");
        let before = places(&db).await;
        let migrator = || Migrator::new(&pool, chain());
        for refused in [
            migrator().upgrade_to_head().await.map(drop),
            migrator().downgrade("base").await.map(drop),
            migrator()
                .stamp("head", limbeck::plan::Purge::Keep)
                .await
                .map(drop),
            migrator().status().await.map(drop),
            migrator().require_head().await.map(drop),
        ] {
            let error = refused.expect_err("the schema is not certain");
            match run_error(&error) {
                RunError::VersionTableElsewhere {
                    table,
                    current,
                    other,
                    ..
                } => assert_eq!(
                    (table.as_str(), current.as_str(), other.as_str()),
                    ("limbeck_version", "The Tenant", "public")
                ),
                _ => panic!("{error}"),
            }
            assert!(error.to_string().contains("version_schema"), "{error}");
        }
        assert_eq!(places(&db).await, before);
        // The service that relied on the path.
        let there = migrator().version_schema("public");
        assert_eq!(
            there.upgrade_to_head().await.expect("public").outcome,
            Outcome::AlreadyThere
        );
        // The one that begins anew, and from then on needs no setting.
        let fresh = migrator().version_schema(VersionSchema::Current);
        let report = fresh.upgrade_to_head().await.expect("the tenant");
        assert_eq!(report.steps.len(), 2);
        let again = migrator().upgrade_to_head().await.expect("the tenant");
        assert_eq!(again.outcome, Outcome::AlreadyThere);
        let tenants: Vec<String> = places(&db)
            .await
            .into_iter()
            .filter(|place| !before.contains(place))
            .collect();
        assert_eq!(
            tenants,
            [
                "The Tenant.limbeck_history",
                "The Tenant.limbeck_history_lock",
                "The Tenant.limbeck_version",
                "The Tenant.ta",
                "The Tenant.tb"
            ]
        );
    }

    /// Tables of one service spread over two schemas are never mixed: each schema stands for itself.
    #[tokio::test]
    async fn tables_in_each_schema_are_not_mixed() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let _ = Migrator::new(&db.pool, chain())
            .upgrade_to_head()
            .await
            .expect("public");
        db.run("CREATE SCHEMA tenant; CREATE TABLE tenant.limbeck_version (version_num varchar(255) PRIMARY KEY)").await;
        let pool = with_path(&db, "tenant,public");
        let report = Migrator::new(&pool, chain())
            .upgrade_to_head()
            .await
            .expect("the tenant");
        assert_eq!(report.steps.len(), 2);
        for schema in ["tenant", "public"] {
            let rows = format!("SELECT count(*)::text FROM {schema}.limbeck_history");
            assert_eq!(db.strings(&rows).await, ["2"], "{schema}");
        }
    }

    /// A tenant whose schema nobody made: `public` would be taken for the tenant's.
    #[tokio::test]
    async fn a_schema_of_the_search_path_that_does_not_exist() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let _ = Migrator::new(&db.pool, chain())
            .upgrade("a")
            .await
            .expect("public");
        let pool = with_path(&db, "\"$user\",tenant42,public");
        let migrator = || Migrator::new(&pool, chain());
        let error = migrator().upgrade_to_head().await.expect_err("no tenant42");
        match run_error(&error) {
            RunError::MissingSchema {
                missing, current, ..
            } => {
                assert_eq!((missing.as_str(), current.as_str()), ("tenant42", "public"));
            }
            _ => panic!("{error}"),
        }
        assert!(error.to_string().contains("version_schema"), "{error}");
        assert_eq!(
            db.strings("SELECT version_num FROM limbeck_version").await,
            ["a"]
        );
        for migrator in [
            migrator().version_schema("public"),
            migrator().version_schema(VersionSchema::Current),
        ] {
            assert_eq!(migrator.current().await.expect("heads"), ["a"]);
        }
        db.run("CREATE SCHEMA tenant42").await;
        let error = migrator()
            .upgrade_to_head()
            .await
            .expect_err("another has one");
        assert!(
            matches!(run_error(&error), RunError::VersionTableElsewhere { .. }),
            "{error}"
        );
    }

    /// The path that the look pins ends with the look: nothing of it is in the session, nor in a transaction of the
    /// caller's.
    #[tokio::test]
    async fn a_look_leaves_the_path_as_it_was() {
        let Some(db) = postgres_database().await else {
            return;
        };
        db.run("CREATE SCHEMA app").await;
        let pool = with_path(&db, "app,public");
        let path = || async {
            let path: String = sqlx::query_scalar("SHOW search_path")
                .fetch_one(&pool)
                .await
                .expect("a setting");
            path
        };
        for _ in 0..2 {
            let _ = Migrator::new(&pool, chain())
                .current()
                .await
                .expect("heads");
            assert_eq!(path().await, "app,public");
            let _ = Migrator::new(&pool, chain())
                .upgrade_to_head()
                .await
                .expect("a run");
        }
        let mut connection = pool.acquire().await.expect("a connection");
        for begin in ["BEGIN", ""] {
            let mut transaction = None;
            let lent = match begin {
                "" => &mut **transaction.insert(connection.begin().await.expect("a transaction")),
                begin => {
                    let begun = sqlx::raw_sql(AssertSqlSafe(begin.to_owned()));
                    begun
                        .execute(&mut *connection)
                        .await
                        .expect("a transaction");
                    &mut *connection
                }
            };
            let error = Migrator::new(&mut *lent, chain())
                .current()
                .await
                .expect_err("in a transaction");
            assert!(
                matches!(run_error(&error), RunError::InTransaction),
                "{error}"
            );
            for (setting, value) in [("search_path", "app,public"), ("row_security", "on")] {
                let seen: String = sqlx::query_scalar(AssertSqlSafe(format!("SHOW {setting}")))
                    .fetch_one(&mut *lent)
                    .await
                    .expect("the transaction is intact");
                assert_eq!(seen, value);
            }
            let ended = sqlx::raw_sql("ROLLBACK").execute(&mut *lent).await;
            ended.expect("a rollback");
        }
    }
}

/// Row level security on limbeck's tables.
#[cfg(feature = "postgres")]
mod row_security {
    use sqlx::postgres::{PgPool, PgPoolOptions};

    use super::*;
    use crate::support::servers::{Database, postgres_database};

    const TABLES: [&str; 3] = ["limbeck_version", "limbeck_history", "limbeck_history_lock"];

    /// Sections of every kind, each of which writes down `row_security` as it finds it.
    fn every_kind() -> Migrations {
        let seen = "INSERT INTO seen VALUES (current_setting('row_security'));\n";
        migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE seen (v text);\nCREATE TABLE rows (id int, done int);\nINSERT INTO rows VALUES (1, 0), (2, 0);\n",
            ),
            (
                "b",
                "a",
                "",
                &format!("-- @upgrade\n{seen}\n-- @downgrade\n{seen}"),
            ),
            (
                "c",
                "b",
                "",
                &format!(
                    "-- @upgrade autocommit\n{seen}SET work_mem = '1MB';\n{seen}\n-- @require\nSELECT 1 WHERE current_setting('row_security') <> 'on';\n-- @downgrade\n{seen}"
                ),
            ),
            (
                "d",
                "c",
                "",
                "-- @upgrade repeat\nWITH one AS (UPDATE rows SET done = 1 WHERE id = (SELECT min(id) FROM rows WHERE done = 0) RETURNING 1) \
              INSERT INTO seen SELECT current_setting('row_security') FROM one;\n-- @downgrade\n",
            ),
            (
                "e",
                "d",
                "",
                &format!(
                    "-- @upgrade\n{seen}\n-- @verify\nSELECT 1 WHERE current_setting('row_security') <> 'on';\n-- @downgrade\n{seen}"
                ),
            ),
        ])
    }

    /// A database whose role owns limbeck's tables and is no superuser, and a pool of that role's.
    async fn owned() -> Option<(Database<sqlx::Postgres>, PgPool, String)> {
        let db = postgres_database().await?;
        let name = db
            .strings("SELECT current_database()::text")
            .await
            .remove(0);
        let role = format!("role_{name}");
        db.run(&format!(
            "CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}"
        ))
        .await;
        let options = (*db.pool.connect_options()).clone().username(&role);
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(options);
        Some((db, pool, role))
    }

    async fn end(db: &Database<sqlx::Postgres>, pool: PgPool, role: &str) {
        pool.close().await;
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }

    /// A policy that hides the rows of any one of the three tables is an error of every call that reads or writes it, and
    /// never a fresh database.
    #[tokio::test]
    async fn rows_that_a_policy_hides_are_an_error() {
        let Some((db, pool, role)) = owned().await else {
            return;
        };
        let migrator = || Migrator::new(&pool, every_kind());
        let _ = migrator()
            .upgrade("c")
            .await
            .expect("before there is a policy");
        let before = db
            .strings("SELECT count(*)::text FROM limbeck_history")
            .await;
        for table in TABLES {
            db.run(&format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            ))
            .await;
            for refused in [
                migrator().upgrade_to_head().await.map(drop),
                migrator().downgrade("base").await.map(drop),
                migrator()
                    .stamp("head", limbeck::plan::Purge::Keep)
                    .await
                    .map(drop),
                migrator().status().await.map(drop),
                migrator().current().await.map(drop),
                migrator().require_head().await.map(drop),
            ] {
                let error = refused.expect_err("rows are hidden");
                assert!(
                    matches!(run_error(&error), RunError::Bookkeeping { .. })
                        && error.to_string().contains("row-level security"),
                    "{table}: {error}"
                );
            }
            db.run(&format!(
                "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY"
            ))
            .await;
        }
        assert_eq!(
            db.strings("SELECT count(*)::text FROM limbeck_history")
                .await,
            before
        );
        end(&db, pool, &role).await;
    }

    /// A policy that comes between the look and a record stops the record.
    #[tokio::test]
    async fn a_policy_made_on_the_way_stops_the_record() {
        for table in TABLES {
            for words in ["", " autocommit"] {
                // A transactional step writes no lease.
                if words.is_empty() && table == "limbeck_history_lock" {
                    continue;
                }
                let Some((db, pool, role)) = owned().await else {
                    return;
                };
                let hides = format!(
                    "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
                );
                let files = migrations(&[
                    ("a", "", "", "-- @upgrade\nCREATE TABLE ta (id INT);\n"),
                    (
                        "b",
                        "a",
                        "",
                        &format!("-- @upgrade{words}\nCREATE TABLE tb (id INT);\n{hides};\n"),
                    ),
                ]);
                let error = Migrator::new(&pool, files)
                    .upgrade_to_head()
                    .await
                    .expect_err("rows are hidden");
                assert!(
                    error.to_string().contains("row-level security"),
                    "{table}{words}: {error}"
                );
                assert_eq!(
                    db.strings("SELECT version_num FROM limbeck_version").await,
                    ["a"]
                );
                end(&db, pool, &role).await;
            }
        }
    }

    /// Revisions of every kind see `row_security` as the session has it, and so does whoever has the session afterwards.
    #[tokio::test]
    async fn a_revision_has_the_sessions_own_value() {
        use limbeck::migrator::TransactionMode::{PerRevision, SingleTransaction};
        for value in ["on", "off"] {
            for mode in [PerRevision, SingleTransaction] {
                let Some(db) = postgres_database().await else {
                    return;
                };
                let options = (*db.pool.connect_options()).clone();
                let pool = PgPoolOptions::new()
                    .max_connections(1)
                    .connect_lazy_with(options.options([("row_security", value)]));
                let files = match mode {
                    SingleTransaction => migrations(&[
                        ("a", "", "", "-- @upgrade\nCREATE TABLE seen (v text);\n"),
                        (
                            "b",
                            "a",
                            "",
                            "-- @upgrade\nINSERT INTO seen VALUES (current_setting('row_security'));\n-- @downgrade\nDELETE FROM seen;\n",
                        ),
                        (
                            "c",
                            "b",
                            "",
                            "-- @upgrade\nINSERT INTO seen VALUES (current_setting('row_security'));\n-- @require\nSELECT 1 WHERE false;\n-- @downgrade\n",
                        ),
                    ]),
                    _ if value == "on" => every_kind(),
                    _ => migrations(&[
                        ("a", "", "", "-- @upgrade\nCREATE TABLE seen (v text);\n"),
                        (
                            "b",
                            "a",
                            "",
                            "-- @upgrade\nINSERT INTO seen VALUES (current_setting('row_security'));\nSET row_security = on;\n-- @downgrade\n",
                        ),
                        (
                            "c",
                            "b",
                            "",
                            "-- @upgrade autocommit\nINSERT INTO seen VALUES (current_setting('row_security'));\n-- @downgrade\n",
                        ),
                    ]),
                };
                let mut connection = pool.acquire().await.expect("a connection");
                let migrator = Migrator::new(&mut *connection, files).transaction_mode(mode);
                let _ = migrator.upgrade_to_head().await.expect("up");
                let _ = migrator.downgrade("a").await.expect("down");
                let _ = migrator.upgrade_to_head().await.expect("up again");
                drop(migrator);
                let seen = db.strings("SELECT DISTINCT v FROM seen").await;
                assert_eq!(seen, [value], "{mode:?}");
                let after: String = sqlx::query_scalar("SHOW row_security")
                    .fetch_one(&mut *connection)
                    .await
                    .expect("a setting");
                assert_eq!(after, value);
            }
        }
    }
}

/// A search path and a role that settings pin.
#[cfg(feature = "postgres")]
mod pinned {
    use std::sync::{Arc, Mutex};

    use limbeck::Event;
    use limbeck::report::Note;
    use sqlx::AssertSqlSafe;

    use super::on_postgres::with_path;
    use super::*;
    use crate::support::servers::{Database, postgres_database};

    /// Sections of every kind, with the checks; each finds what it names only along the pinned path.
    fn every_kind() -> Migrations {
        let seen = "INSERT INTO seen VALUES (current_setting('search_path'), current_user);\n";
        let check = "SELECT 1 WHERE current_setting('search_path') <> 'app' OR to_regclass('seen') IS NULL;\n";
        migrations(&[
            (
                "a",
                "",
                "",
                "-- @upgrade\nCREATE TABLE seen (path text, role text);\nCREATE TABLE rows (id int, done int);\n\
              INSERT INTO rows VALUES (1, 0), (2, 0);\n-- @downgrade\nDROP TABLE seen, rows;\n",
            ),
            (
                "b",
                "a",
                "",
                &format!(
                    "-- @require\n{check}\n-- @upgrade\n{seen}SET search_path = other;\n-- @downgrade\n{seen}\n-- @verify\n{check}"
                ),
            ),
            (
                "c",
                "b",
                "",
                &format!(
                    "-- @require\n{check}\n-- @upgrade autocommit\n{seen}CREATE INDEX CONCURRENTLY rows_id ON rows (id);\n{seen}\
              -- @downgrade autocommit\nDROP INDEX CONCURRENTLY rows_id;\n{seen}\n-- @verify\n{check}"
                ),
            ),
            (
                "d",
                "c",
                "",
                &format!(
                    "-- @upgrade repeat\nWITH one AS (UPDATE rows SET done = 1 WHERE id = (SELECT min(id) FROM rows WHERE done = 0) RETURNING 1) \
              INSERT INTO seen SELECT current_setting('search_path'), current_user FROM one;\n-- @downgrade\n{seen}"
                ),
            ),
            ("e", "d", "", "-- @upgrade rust\n-- @downgrade rust\n"),
            (
                "f",
                "e",
                "",
                &format!("-- @upgrade\n{seen}\n-- @downgrade\n{seen}"),
            ),
        ])
    }

    async fn prepared(db: &Database<sqlx::Postgres>) -> String {
        let name = db
            .strings("SELECT current_database()::text")
            .await
            .remove(0);
        let role = format!("owner_{name}");
        db.run(&format!(
            "CREATE ROLE {role}; CREATE SCHEMA app AUTHORIZATION {role}; CREATE SCHEMA other"
        ))
        .await;
        role
    }

    fn coded<S: limbeck::migrator::Source<Database = sqlx::Postgres>>(
        migrator: Migrator<S>,
    ) -> Migrator<S> {
        async fn write(connection: &mut sqlx::PgConnection) -> sqlx::Result<()> {
            let seen = "INSERT INTO seen VALUES (current_setting('search_path'), current_user)";
            sqlx::raw_sql(seen).execute(connection).await.map(drop)
        }
        migrator
            .on_upgrade("e", |connection| {
                Box::pin(async move { Ok(write(connection).await?) })
            })
            .on_downgrade("e", |connection| {
                Box::pin(async move { Ok(write(connection).await?) })
            })
    }

    /// Under any path of the session's, every look and step is under the pinned path and role, and the session is as it was
    /// afterwards.
    #[tokio::test]
    async fn every_look_and_step() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let role = prepared(&db).await;
        let pool = db.pool.clone();
        let mut connection = pool.acquire().await.expect("a connection");
        let setting = "SET search_path = other";
        sqlx::raw_sql(setting)
            .execute(&mut *connection)
            .await
            .expect("a setting");
        {
            let migrator = coded(Migrator::new(&mut *connection, every_kind()))
                .pin_search_path(["app"])
                .pin_role(&role);
            let report = migrator.upgrade_to_head().await.expect("up");
            assert_eq!((report.steps.len(), report.notes.len()), (6, 0));
            assert_eq!(
                migrator.upgrade_to_head().await.expect("a boot").outcome,
                Outcome::AlreadyThere
            );
            assert_eq!(migrator.status().await.expect("a status").heads, ["f"]);
            let _ = migrator.downgrade("a").await.expect("down");
            let _ = migrator
                .stamp("b", limbeck::plan::Purge::Keep)
                .await
                .expect("a stamp");
            let _ = migrator.upgrade_to_head().await.expect("up again");
        }
        let seen = db
            .strings("SELECT DISTINCT path || ' ' || role FROM app.seen")
            .await;
        assert_eq!(seen, [format!("app {role}")]);
        let owners = "SELECT DISTINCT schemaname || ' ' || tableowner FROM pg_tables \
                      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
        assert_eq!(db.strings(owners).await, [format!("app {role}")]);
        for (setting, value) in [("search_path", "other"), ("role", "none")] {
            let after: String = sqlx::query_scalar(AssertSqlSafe(format!("SHOW {setting}")))
                .fetch_one(&mut *connection)
                .await
                .expect("a setting");
            assert_eq!(after, value);
        }
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }

    /// A step that stopped half way goes on under the pinned path too.
    #[tokio::test]
    async fn a_step_that_goes_on() {
        let Some(db) = postgres_database().await else {
            return;
        };
        let role = prepared(&db).await;
        let files = migrations(&[(
            "a",
            "",
            "",
            "-- @upgrade autocommit\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (1), (1);\n\
             CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id);\nINSERT INTO t VALUES (3);\n",
        )]);
        let pool = with_path(&db, "other");
        let migrator = Migrator::new(&pool, files)
            .pin_search_path(["app"])
            .pin_role(&role);
        let error = migrator.upgrade_to_head().await.expect_err("not unique");
        assert!(error.is_statement(), "{error}");
        // The remains of a killed process.
        db.run("CREATE UNIQUE INDEX t_id ON app.t (id) WHERE id = 7; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'app.t_id'::regclass")
            .await;
        db.run(&format!("ALTER INDEX app.t_id OWNER TO {role}"))
            .await;
        db.run("DELETE FROM app.t WHERE ctid = (SELECT min(ctid) FROM app.t)")
            .await;
        let _ = migrator.upgrade_to_head().await.expect("the rest");
        assert_eq!(db.strings("SELECT count(*)::text FROM app.t").await, ["2"]);
        let valid = "SELECT indisvalid::text FROM pg_index WHERE indexrelid = 'app.t_id'::regclass";
        assert_eq!(db.strings(valid).await, ["true"]);
        pool.close().await;
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }

    /// A path that somebody set in the session is noted where there is something to do; one that it logged in with, or that is
    /// pinned, is not.
    #[tokio::test]
    async fn a_path_that_somebody_set() {
        let Some(db) = postgres_database().await else {
            return;
        };
        db.run("CREATE SCHEMA app").await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = || {
            let told = told.clone();
            move |event: &Event<'_>| {
                if let Event::SessionPath { search_path, .. } = event {
                    told.lock()
                        .expect("no panic")
                        .push((*search_path).to_owned());
                }
            }
        };
        let pool = with_path(&db, "app");
        let report = Migrator::new(&pool, chain())
            .on_event(hears())
            .upgrade("a")
            .await
            .expect("a");
        assert_eq!(report.notes, []);
        let mut connection = pool.acquire().await.expect("a connection");
        sqlx::raw_sql("SET search_path = app, public")
            .execute(&mut *connection)
            .await
            .expect("a setting");
        let migrator = Migrator::new(&mut *connection, chain()).on_event(hears());
        let report = migrator.upgrade("a").await.expect("nothing to do");
        assert_eq!(
            (report.outcome, report.notes.len()),
            (Outcome::AlreadyThere, 0)
        );
        let report = migrator.upgrade_to_head().await.expect("b");
        let [Note::SessionPath { search_path, .. }] = &*report.notes else {
            panic!("{report:?}")
        };
        assert_eq!(search_path, "app, public");
        assert_eq!(*told.lock().expect("no panic"), ["app, public"]);
        drop(migrator);
        let migrator = Migrator::new(&mut *connection, chain())
            .on_event(hears())
            .pin_search_path(["app"]);
        let report = migrator.downgrade("a").await.expect("a");
        assert_eq!(report.notes, []);
        drop(migrator);
        // Somebody set the one that it logged in with.
        sqlx::raw_sql("SET search_path = app")
            .execute(&mut *connection)
            .await
            .expect("a setting");
        let migrator = Migrator::new(&mut *connection, chain()).on_event(hears());
        let report = migrator.upgrade_to_head().await.expect("b");
        assert_eq!(report.notes, []);
        assert_eq!(told.lock().expect("no panic").len(), 1);
    }
}
