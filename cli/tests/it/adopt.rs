//! Databases that other tools migrated, taken over: the old tool runs (or, where that would be a heavy
//! dependency, its table is made as its sources make it), the files are imported, the place is stamped.

use std::path::Path;

use serde_json::json;
use sqlx::migrate::Migrator as Sqlx;

use crate::calls::{Called, Folder, texts};
use crate::project::Project;
use crate::support::servers::Database;

/// Runs a command with `--json` on a database, and the revisions in `migrations/`.
fn on(folder: &Folder, url: &str, arguments: &[&str]) -> Called {
    folder.call(&[arguments, &["--json", "--database-url", url]].concat())
}

/// Tables, columns, indexes and constraints, without those of the tools themselves.
async fn schema<DB>(db: &Database<DB>) -> Vec<String>
where
    DB: limbeck::migrator::Backend,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let query = match db.dialect {
        limbeck::Dialect::Sqlite => {
            "SELECT tbl_name || ' ' || sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1"
        }
        limbeck::Dialect::Postgres => {
            "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, is_nullable, \
             column_default) FROM information_schema.columns WHERE table_schema = 'public' \
             UNION ALL SELECT tablename || ' ' || indexdef FROM pg_indexes WHERE schemaname = 'public' \
             UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
             WHERE connamespace = 'public'::regnamespace ORDER BY 1"
        }
        _ => {
            "SELECT CONVERT(CONCAT_WS(' ', table_name, column_name, column_type, is_nullable, column_default, \
             column_key) USING utf8mb4) FROM information_schema.columns WHERE table_schema = DATABASE() \
             UNION ALL SELECT CONVERT(CONCAT_WS(' ', table_name, index_name, column_name, non_unique) USING utf8mb4) \
             FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1"
        }
    };
    let tools = [
        "sqlite_",
        "limbeck_",
        "alembic_",
        "_sqlx",
        "__diesel",
        "refinery_",
    ];
    let mut schema: Vec<String> = db
        .strings(query)
        .await
        .into_iter()
        .filter(|line| !tools.iter().any(|tool| line.starts_with(tool)))
        // Alembic writes a script with other white space than it sends.
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    schema.sort();
    schema
}

const NEW: &str = "-- Of limbeck's own\n--\n-- revision: own\n-- down_revision: LAST\n\n\
                   -- @upgrade\nCREATE TABLE own (id INTEGER PRIMARY KEY);\n\n-- @downgrade\nDROP TABLE own;\n";

/// What is the same for every tool, once its first revisions are applied and `migrations/` is imported: stamps
/// `place`, upgrades to what the old tool had not run, then to a new revision above `last`, and back.
async fn taken_over<DB>(
    folder: &Folder,
    tool: &str,
    db: &Database<DB>,
    fresh: &Database<DB>,
    (place, heads): (&[&str], &[&str]),
) where
    DB: limbeck::migrator::Backend,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let adopt = || on(folder, &db.url, &["adopt", "--from", tool]).json();
    let document = adopt();
    assert_eq!(document["heads"], json!(place));
    assert_eq!(document["outcome"], "migrated");
    let before = schema(db).await;
    let document = adopt();
    assert_eq!(
        (&document["heads"], &document["outcome"]),
        (&json!(place), &json!("already_there"))
    );
    let status = on(folder, &db.url, &["status"]).json();
    assert_eq!(
        (&status["drift"], &status["unverified"]),
        (&json!([]), &json!([])),
        "{status}"
    );

    // Everything that the old tool did not run, here, and everything at all there.
    let document = on(folder, &db.url, &["upgrade", "heads"]).json();
    assert_eq!(document["heads"], json!(heads));
    on(folder, &fresh.url, &["upgrade", "heads"]).json();
    assert_eq!(schema(db).await, schema(fresh).await);

    // A revision of limbeck's own, and the old place is not gone back to.
    folder.write("migrations/own.sql", NEW.replace("LAST", heads[0]));
    on(folder, &db.url, &["upgrade", "heads"]).json();
    assert!(db.tables().await.contains(&"own".to_owned()));
    let document = adopt();
    assert_eq!(document["outcome"], "already_there");
    assert!(
        document["heads"]
            .as_array()
            .expect("heads")
            .contains(&json!("own")),
        "{document}"
    );

    // And down again, over the stamp.
    let [place] = place else { return };
    on(folder, &db.url, &["downgrade", place]).json();
    assert_eq!(schema(db).await, before);
}

macro_rules! on_pairs {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident, $fresh:ident) $body:block)*) => {
        mod sqlite {
            use super::*;
            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let $db = crate::support::servers::sqlite().await;
                let $fresh = crate::support::servers::sqlite().await;
                $body
            })*
        }
        mod postgres {
            use super::*;
            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let Some($db) = crate::support::servers::postgres_database().await else { return };
                let Some($fresh) = crate::support::servers::postgres_database().await else { return };
                $body
            })*
        }
        mod mysql_family {
            use super::*;
            $($(#[$doc])*
            async fn $name() {
                let Some($db) = crate::support::servers::mysql_database().await else { return };
                let Some($fresh) = crate::support::servers::mysql_database().await else { return };
                $body
            })*
            crate::support::on_mysql!($($name),*);
        }
    };
}

/// Of sqlx: reversible, the last one outside of a transaction.
fn of_sqlx() -> Folder {
    Folder::of(&[
        (
            "old/1_users.up.sql",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email VARCHAR(80) NOT NULL);\n",
        ),
        ("old/1_users.down.sql", "DROP TABLE users;\n"),
        (
            "old/20240501120000_name.up.sql",
            "\r\nALTER TABLE users ADD name VARCHAR(40);\r\n",
        ),
        (
            "old/20240501120000_name.down.sql",
            "ALTER TABLE users DROP COLUMN name;\n",
        ),
        (
            "old/20240601120000_age.up.sql",
            "-- no-transaction\nALTER TABLE users ADD age INTEGER;\n",
        ),
        (
            "old/20240601120000_age.down.sql",
            "ALTER TABLE users DROP COLUMN age;\n",
        ),
    ])
}

on_pairs! {
    async fn sqlx_itself_ran_before(db, fresh) {
        let folder = of_sqlx();
        let old = Sqlx::new(Path::new(&folder.path("old"))).await.expect("sqlx reads its folder");
        old.run_to(20_240_501_120_000, &db.pool).await.expect("sqlx runs");
        let table = "SELECT COUNT(*) FROM _sqlx_migrations WHERE success";
        assert_eq!(db.strings(table).await, ["2"]);
        let document = folder.call(&["import", "sqlx", "old", "--json"]).json();
        assert_eq!(texts(&document["revisions"], "revision").len(), 3);
        taken_over(&folder, "sqlx", &db, &fresh, (&["20240501120000"], &["20240601120000"])).await;
        assert_eq!(db.strings(table).await, ["2"], "the old table is as it was");
        // What sqlx would have made of it all.
        std::fs::remove_file(folder.path("migrations/own.sql")).expect("it is there");
        on(&folder, &db.url, &["upgrade", "heads"]).json();
        old.run(&db.pool).await.expect_err("the column is there already");
        assert!(!fresh.tables().await.contains(&"_sqlx_migrations".to_owned()));
    }

    /// sqlx ran a checkout that had the other line ends.
    async fn sqlx_ran_other_line_ends(db, fresh) {
        let folder = of_sqlx();
        for (ran, other) in [(&db, "\r\n"), (&fresh, "\n")] {
            let name = "20240601120000_age.up.sql";
            let text = folder.read(&format!("old/{name}")).replace("\r\n", "\n");
            folder.write(&format!("old/{name}"), text.replace('\n', other));
            let old = Sqlx::new(Path::new(&folder.path("old"))).await.expect("sqlx reads its folder");
            old.run(&ran.pool).await.expect("sqlx runs");
            let ours = if other == "\n" { "\r\n" } else { "\n" };
            folder.write(&format!("old/{name}"), text.replace('\n', ours));
            let dir = if other == "\n" { "windows" } else { "unix" };
            folder.call(&["import", "sqlx", "old", "--json", "--dir", dir]).json();
            let document = on(&folder, &ran.url, &["adopt", "--from", "sqlx", "--dir", dir]).json();
            assert_eq!(document["heads"], json!(["20240601120000"]), "{other:?}");
        }
    }

    async fn sqlx_differs(db, fresh) {
        let folder = of_sqlx();
        let old = Sqlx::new(Path::new(&folder.path("old"))).await.expect("sqlx reads its folder");
        folder.call(&["import", "sqlx", "old", "--json"]).json();
        let adopt = |url: &str| on(&folder, url, &["adopt", "--from", "sqlx"]).error();
        let refused = |url: &str, kind: &str, words: &[&str]| {
            let (found, message) = adopt(url);
            assert_eq!(found, kind, "{message}");
            for word in words {
                assert!(message.contains(word), "{word}: {message}");
            }
        };
        refused(&fresh.url, "no_version_table", &["_sqlx_migrations", "--table"]);
        old.run(&db.pool).await.expect("sqlx runs");
        let limbecks = |tables: Vec<String>| tables.into_iter().filter(|name| name.starts_with("limbeck_")).count();

        db.run("UPDATE _sqlx_migrations SET success = FALSE WHERE version = 20240601120000").await;
        refused(&db.url, "disagreement", &["20240601120000: it failed halfway"]);
        db.run("UPDATE _sqlx_migrations SET success = TRUE").await;
        db.run("DELETE FROM _sqlx_migrations WHERE version = 1").await;
        refused(&db.url, "disagreement", &["1: it is not applied there, and 20240501120000 above it is"]);
        db.run("UPDATE _sqlx_migrations SET version = 2 WHERE version = 20240501120000").await;
        refused(&db.url, "disagreement", &["2: it is applied there", "imported from sqlx: 2"]);
        db.run("DELETE FROM _sqlx_migrations").await;
        refused(&db.url, "nothing_to_adopt", &["_sqlx_migrations"]);
        assert_eq!(limbecks(db.tables().await), 0, "nothing was written");

        // The file was edited after it ran, and imported then.
        old.run(&fresh.pool).await.expect("sqlx runs");
        folder.write("old/1_users.up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);\n");
        folder.call(&["import", "sqlx", "old", "--json", "--dir", "edited"]).json();
        let said = on(&folder, &fresh.url, &["adopt", "--from", "sqlx", "--dir", "edited"]);
        let (kind, message) = said.error();
        assert_eq!(kind, "disagreement");
        assert!(message.contains("\n  1: what ran there had the checksum sha384:"), "{message}");
        assert_eq!(message.lines().count(), 2, "{message}");
        assert_eq!(limbecks(fresh.tables().await), 0, "nothing was written");
    }

    /// `diesel/src/migration/setup_migration_table.sql`, of version 2.3.
    async fn diesels_table(db, fresh) {
        let folder = Folder::of(&[
            ("old/2024-05-01-120000_users/up.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);\n"),
            ("old/2024-05-01-120000_users/down.sql", "DROP TABLE users;\n"),
            ("old/2024-05-02-120000_index/up.sql", "CREATE INDEX i ON users (id);\n"),
            ("old/2024-05-02-120000_index/down.sql", "DROP TABLE users;\n"),
            ("old/2024-05-02-120000_index/metadata.toml", "run_in_transaction = false\n"),
            ("old/2024-05-03-120000_name/up.sql", "ALTER TABLE users ADD name VARCHAR(40);\n"),
            ("old/2024-05-03-120000_name/down.sql", "ALTER TABLE users DROP COLUMN name;\n"),
        ]);
        db.run(
            "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (\n       version VARCHAR(50) PRIMARY KEY NOT NULL,\n       \
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP\n)",
        ).await;
        for (name, version) in [("2024-05-01-120000_users", "20240501120000"), ("2024-05-02-120000_index", "20240502120000")] {
            db.run(&folder.read(&format!("old/{name}/up.sql"))).await;
            db.run(&format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')")).await;
        }
        folder.call(&["import", "diesel", "old", "--json"]).json();
        taken_over(&folder, "diesel", &db, &fresh, (&["20240502120000"], &["20240503120000"])).await;
        let rows = db.strings("SELECT version FROM __diesel_schema_migrations ORDER BY version").await;
        assert_eq!(rows, ["20240501120000", "20240502120000"]);
    }

    /// The table and the row of `refinery-core/src/traits/mod.rs`, of version 0.10; the checksums are what that
    /// version gives for these files, without `int8-versions` and with it.
    async fn refinerys_table(db, fresh) {
        let folder = Folder::of(&[
            ("old/V1__initial.sql", "CREATE TABLE persons (id INTEGER);\n"),
            ("old/V3__add_cars.sql", "CREATE TABLE cars (id INTEGER);\n"),
            ("old/V4__add_name.sql", "ALTER TABLE persons ADD name VARCHAR(40);\n"),
        ]);
        db.run(
            "CREATE TABLE IF NOT EXISTS refinery_schema_history(\n             version int4 PRIMARY KEY,\n             \
             name VARCHAR(255),\n             applied_on VARCHAR(255),\n             checksum VARCHAR(255));",
        ).await;
        let rows = [
            (1, "V1__initial", "13883581915421004867", "2910983356869775310"),
            (3, "V3__add_cars", "8553775373139536085", "18383023418864995596"),
        ];
        for (version, stem, checksum, _) in rows {
            let (_, name) = stem.split_once("__").expect("a name");
            db.run(&folder.read(&format!("old/{stem}.sql"))).await;
            db.run(&format!(
                "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES ({version}, '{name}', '2024-05-01T12:00:00.123Z', '{checksum}')"
            )).await;
        }
        folder.call(&["import", "refinery", "old", "--json"]).json();
        db.run("UPDATE refinery_schema_history SET checksum = '17' WHERE version = 3").await;
        let (kind, message) = on(&folder, &db.url, &["adopt", "--from", "refinery"]).error();
        assert_eq!(kind, "disagreement");
        assert!(message.contains("\n  3: what ran there had the checksum siphash13:17"), "{message}");
        for (version, _, checksum, wide) in rows {
            // One of a build with the feature, the other of one without.
            let checksum = if version == 1 { wide } else { checksum };
            db.run(&format!("UPDATE refinery_schema_history SET checksum = '{checksum}' WHERE version = {version}")).await;
        }
        let document = on(&folder, &db.url, &["adopt", "--from", "refinery"]).json();
        assert_eq!(document["heads"], json!(["3"]));
        let before = db.strings("SELECT checksum FROM refinery_schema_history ORDER BY version").await;
        on(&folder, &db.url, &["upgrade", "head"]).json();
        on(&folder, &fresh.url, &["upgrade", "head"]).json();
        assert_eq!(schema(&db).await, schema(&fresh).await);
        let after = db.strings("SELECT checksum FROM refinery_schema_history ORDER BY version").await;
        assert_eq!(before, after);
    }

    /// A table of another name, in a place of its own; and limbeck's own is none.
    async fn the_table_may_be_named(db, _fresh) {
        let folder = of_sqlx();
        let old = Sqlx::new(Path::new(&folder.path("old"))).await.expect("sqlx reads its folder");
        old.run(&db.pool).await.expect("sqlx runs");
        folder.call(&["import", "sqlx", "old", "--json"]).json();
        db.run("ALTER TABLE _sqlx_migrations RENAME TO moved").await;
        let adopt = |more: &[&str]| on(&folder, &db.url, &[&["adopt", "--from", "sqlx"], more].concat());
        assert_eq!(adopt(&[]).error().0, "no_version_table");
        assert_eq!(adopt(&["--table", "moved", "--version-table", "moved"]).error().0, "same_table");
        let schema = match db.dialect {
            limbeck::Dialect::Sqlite => "main".to_owned(),
            limbeck::Dialect::Postgres => "public".to_owned(),
            _ => db.url.rsplit_once('/').expect("a database").1.to_owned(),
        };
        let document = adopt(&["--table", "moved", "--table-schema", &schema]).json();
        assert_eq!(document["heads"], json!(["20240601120000"]));
    }

    /// Each process adopts and upgrades, all at one time: nobody is stamped back.
    async fn many_at_once(db, _fresh) {
        let folder = of_sqlx();
        let old = Sqlx::new(Path::new(&folder.path("old"))).await.expect("sqlx reads its folder");
        old.run(&db.pool).await.expect("sqlx runs");
        folder.call(&["import", "sqlx", "old", "--json"]).json();
        folder.write("migrations/own.sql", NEW.replace("LAST", "20240601120000"));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    on(&folder, &db.url, &["adopt", "--from", "sqlx"]).json();
                    on(&folder, &db.url, &["upgrade", "head"]).json();
                });
            }
        });
        assert_eq!(db.strings("SELECT version_num FROM limbeck_version").await, ["own"]);
        let rows = db.strings("SELECT action FROM limbeck_history ORDER BY id").await;
        assert_eq!(rows, ["stamp", "stamp", "stamp", "upgrade"]);
    }
}

/// A real Alembic, its heads on two branches.
async fn alembic_ran_before<DB>(db: Database<DB>, fresh: Database<DB>)
where
    DB: limbeck::migrator::Backend,
    for<'c> &'c mut DB::Connection: sqlx::Executor<'c, Database = DB>,
    for<'q> sqlx::RawSql: sqlx::Execute<'q, DB>,
    for<'r> String: sqlx::Decode<'r, DB>,
    for<'r> Option<String>: sqlx::Decode<'r, DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let folder = Folder::new();
    let Some(project) = Project::new(&folder, &db.url) else {
        return;
    };
    project.with_branches();
    for (target, range) in [("m1", "m1"), ("x1", "m1:x1")] {
        if db.dialect.is_mysql_family() {
            // Its Python has no driver for this server: the script that it writes is run.
            db.run(&project.run(&["upgrade", range, "--sql"])).await;
        } else {
            project.run(&["upgrade", target]);
        }
    }
    let stored = db
        .strings("SELECT version_num FROM alembic_version ORDER BY 1")
        .await;
    assert_eq!(stored, ["m1", "x1"]);
    let document = folder.call(&project.import()).json();
    for revision in document["revisions"].as_array().expect("a list") {
        assert_eq!(revision["fill_in"], json!([]), "{revision}");
    }
    taken_over(
        &folder,
        "alembic",
        &db,
        &fresh,
        (&["m1", "x1"], &["n1", "x1"]),
    )
    .await;
    assert_eq!(
        db.strings("SELECT version_num FROM alembic_version ORDER BY 1")
            .await,
        stored
    );
    // The data too.
    for db in [&db, &fresh] {
        assert_eq!(db.strings("SELECT name FROM users").await, ["it's; -- me"]);
    }
    // What limbeck made from nothing, Alembic undoes, and the other way round.
    on(&folder, &fresh.url, &["downgrade", "base"]).json();
    assert_eq!(schema(&fresh).await, Vec::<String>::new());

    db.run("UPDATE alembic_version SET version_num = 'zz' WHERE version_num = 'x1'")
        .await;
    let (kind, message) = on(&folder, &db.url, &["adopt", "--from", "alembic"]).error();
    assert_eq!(kind, "disagreement");
    assert!(message.contains("\n  zz: it is applied there"), "{message}");
    let (kind, _) = on(
        &folder,
        &db.url,
        &[
            "adopt",
            "--from",
            "alembic",
            "--version-table",
            "alembic_version",
        ],
    )
    .error();
    assert_eq!(kind, "same_table");
}

#[tokio::test]
async fn alembic_on_sqlite() {
    use crate::support::servers::sqlite;
    alembic_ran_before(sqlite().await, sqlite().await).await;
}

#[tokio::test]
async fn alembic_on_postgres() {
    use crate::support::servers::postgres_database;
    let Some(db) = postgres_database().await else {
        return;
    };
    let Some(fresh) = postgres_database().await else {
        return;
    };
    alembic_ran_before(db, fresh).await;
}

async fn alembic() {
    use crate::support::servers::mysql_database;
    let Some(db) = mysql_database().await else {
        return;
    };
    let Some(fresh) = mysql_database().await else {
        return;
    };
    alembic_ran_before(db, fresh).await;
}

/// A database that is not there is not made: it holds nothing that could be adopted.
#[test]
fn a_missing_sqlite_file_is_not_made() {
    let folder = of_sqlx();
    folder.call(&["import", "sqlx", "old", "--json"]).json();
    let (kind, _) = on(&folder, "sqlite:none.db", &["adopt", "--from", "sqlx"]).error();
    assert_eq!(kind, "rejected");
    assert!(!folder.path("none.db").exists());
    let help = folder.call(&["adopt", "--help"]).stdout;
    assert!(
        help.contains("Example:\n  limbeck adopt --from sqlx"),
        "{help}"
    );
}

mod of_alembic {
    use super::*;
    crate::support::on_mysql!(alembic);
}
