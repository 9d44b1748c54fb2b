//! The rights that `docs/operations.md` names: roles that have these and no others.

use std::time::Duration;

use limbeck::{Migrations, Migrator};

use crate::support::migrations;

const OWN: [&str; 3] = ["limbeck_version", "limbeck_history", "limbeck_history_lock"];

fn files() -> Migrations {
    migrations(&[
        (
            "a",
            "",
            "",
            "-- @upgrade\nCREATE TABLE t (id INT);\nINSERT INTO t VALUES (1);\n-- @downgrade\nDROP TABLE t;\n",
        ),
        (
            "b",
            "a",
            "",
            "-- @upgrade autocommit\nALTER TABLE t ADD COLUMN v INT;\n-- @downgrade\nALTER TABLE t DROP COLUMN v;\n",
        ),
    ])
}

/// All that a migrating role does.
macro_rules! migrates {
    ($pool:expr) => {{
        let migrator = Migrator::new($pool, files());
        let _ = migrator.upgrade_to_head().await.expect("an upgrade");
        let _ = migrator.downgrade("base").await.expect("a downgrade");
        let _ = migrator
            .stamp("b", limbeck::plan::Purge::Keep)
            .await
            .expect("a stamp");
        let _ = migrator
            .stamp("base", limbeck::plan::Purge::Keep)
            .await
            .expect("a stamp");
        let _ = migrator.upgrade_to_head().await.expect("an upgrade");
        assert!(migrator.status().await.expect("a status").is_ready());
    }};
}

/// What a booting role and a probe call, and what each gave.
macro_rules! looks {
    ($pool:expr) => {{
        let migrator = Migrator::new($pool, files());
        [
            (
                "upgrade_to_head",
                migrator
                    .upgrade_to_head()
                    .await
                    .map(|report| report.steps.is_empty()),
            ),
            ("require_head", migrator.require_head().await.map(|_| true)),
            (
                "wait_for_head",
                migrator.wait_for_head(Duration::ZERO).await.map(|_| true),
            ),
            (
                "status",
                migrator.status().await.map(|status| status.is_ready()),
            ),
            (
                "current",
                migrator.current().await.map(|heads| heads == ["b"]),
            ),
        ]
    }};
}

/// What a reader calls where steps are pending: all of it answers, and only the upgrade is refused.
macro_rules! looks_ahead {
    ($pool:expr) => {{
        let mut more = files().iter().cloned().collect::<Vec<_>>();
        let next = migrations(&[("c", "", "", "-- @upgrade\nCREATE TABLE u (id INT);\n")]);
        more.extend(next.iter().cloned());
        let migrator = Migrator::new($pool, Migrations::new(more).expect("a graph"));
        let plan = migrator.plan_upgrade("heads").await.expect("a plan");
        assert_eq!(plan.steps().len(), 1);
        let back = migrator.plan_downgrade("a").await.expect("a plan back");
        assert_eq!(back.steps().len(), 1);
        assert_eq!(migrator.status().await.expect("status").pending, ["c"]);
        assert_eq!(
            migrator
                .history(&limbeck::Range::all())
                .await
                .expect("history")
                .len(),
            3
        );
        assert_eq!(migrator.show("current").await.expect("show").len(), 1);
        assert!(!migrator.ledger().await.expect("the ledger").is_empty());
        assert!(
            migrator
                .require_head()
                .await
                .expect_err("pending")
                .is_behind()
        );
        let error = migrator
            .upgrade("heads")
            .await
            .expect_err("no right to write");
        assert!(!error.is_connection() && !error.is_behind(), "{error}");
        assert_eq!(migrator.status().await.expect("status").pending, ["c"]);
    }};
}

/// What a reader calls where nobody has migrated yet.
macro_rules! looks_at_nothing {
    ($pool:expr) => {{
        let migrator = Migrator::new($pool, files());
        assert_eq!(migrator.current().await.expect("current"), [""; 0]);
        assert_eq!(migrator.status().await.expect("status").pending, ["a", "b"]);
        assert_eq!(
            migrator
                .plan_upgrade("head")
                .await
                .expect("a plan")
                .steps()
                .len(),
            2
        );
        assert!(
            migrator
                .require_head()
                .await
                .expect_err("nothing")
                .is_behind()
        );
        assert!(migrator.upgrade_to_head().await.is_err());
    }};
}

/// With the right to read all three tables everything is seen; without that to one of them nothing is, and nothing is
/// taken for a fresh database.
macro_rules! reads_all_three {
    ($db:expr, $pool:expr, $grant:expr, $revoke:expr) => {{
        for missing in OWN {
            for table in OWN {
                $db.run(&$grant(table)).await;
            }
            for (call, said) in looks!($pool) {
                assert!(matches!(said, Ok(true)), "{call}: {said:?}");
            }
            $db.run(&$revoke(missing)).await;
            for (call, said) in looks!($pool) {
                let error = said.expect_err(call);
                let text = format!("{error} {:?}", std::error::Error::source(&error));
                assert!(
                    text.contains("denied") && text.contains(missing),
                    "{call}: {text}"
                );
            }
        }
    }};
}

#[cfg(feature = "postgres")]
async fn postgres_pool(url: &str, role: &str) -> sqlx::PgPool {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(2)
        .connect(&format!("{scheme}://{role}@{rest}"))
        .await;
    pool.expect("the role connects")
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn roles_of_postgres() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let name = db.url.rsplit_once('/').expect("a database").1.to_owned();
    let [migrator, second, reader] = ["m", "n", "r"].map(|letter| format!("{letter}_{name}"));
    for role in [&migrator, &second, &reader] {
        db.run(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public TO {role}"
        ))
        .await;
    }
    db.run(&format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT CREATE ON SCHEMA public TO {migrator}"
    ))
    .await;
    let reading = postgres_pool(&db.url, &reader).await;
    looks_at_nothing!(&reading);
    let pool = postgres_pool(&db.url, &migrator).await;
    migrates!(&pool);

    reads_all_three!(
        db,
        &reading,
        |table| format!("GRANT SELECT ON {table} TO {reader}"),
        |table| format!("REVOKE SELECT ON {table} FROM {reader}")
    );
    // The README's two lines are these.
    db.run(&format!("GRANT SELECT ON {} TO {reader}", OWN.join(", ")))
        .await;
    looks_ahead!(&reading);

    // A migrating role that does not own the tables.
    db.run("DROP TABLE t; DELETE FROM limbeck_version; DELETE FROM limbeck_history")
        .await;
    db.run(&format!(
        "GRANT CREATE ON SCHEMA public TO {second}; GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {second}",
        OWN.join(", ")
    ))
    .await;
    migrates!(&postgres_pool(&db.url, &second).await);
    for role in [&migrator, &second, &reader] {
        db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    }
}

/// Whoever makes one of the tables before limbeck does has a function run with the rights of the migrating role.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_trigger_runs_as_the_migrating_role_on_postgres() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let name = db.url.rsplit_once('/').expect("a database").1.to_owned();
    let (migrator, other) = (format!("m_{name}"), format!("o_{name}"));
    db.run(&format!(
        "CREATE ROLE {migrator} LOGIN; CREATE ROLE {other} LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO {migrator}, {other}"
    ))
    .await;
    let theirs = postgres_pool(&db.url, &other).await;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "CREATE TABLE limbeck_version (version_num varchar(255) NOT NULL PRIMARY KEY); \
         CREATE TABLE seen (who text); \
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.seen VALUES (current_user); RETURN NEW; END $$; \
         CREATE TRIGGER t BEFORE INSERT ON limbeck_version FOR EACH ROW EXECUTE FUNCTION f(); \
         GRANT ALL ON limbeck_version, seen TO {migrator}"
    )))
    .execute(&theirs)
    .await
    .expect("a role that may create");
    let pool = postgres_pool(&db.url, &migrator).await;
    let _ = Migrator::new(&pool, files()).upgrade("a").await;
    let seen = db.strings("SELECT DISTINCT who FROM seen").await;
    db.run(&format!(
        "DROP OWNED BY {migrator}, {other}; DROP ROLE {migrator}, {other}"
    ))
    .await;
    assert_eq!(seen, [migrator]);
}

#[cfg(feature = "mysql")]
async fn mysql_user(
    db: &crate::support::servers::Database<sqlx::MySql>,
    user: &str,
    rights: &str,
) -> sqlx::MySqlPool {
    let name = db.url.rsplit_once('/').expect("a database").1;
    for host in ["localhost", "127.0.0.1"] {
        db.run(&format!(
            "CREATE USER '{user}'@'{host}'; GRANT {rights} ON {name}.* TO '{user}'@'{host}'"
        ))
        .await;
    }
    mysql_again(db, user).await
}

/// A pool of a user that is there: its sessions know the rights of now.
#[cfg(feature = "mysql")]
async fn mysql_again(
    db: &crate::support::servers::Database<sqlx::MySql>,
    user: &str,
) -> sqlx::MySqlPool {
    let (scheme, rest) = db.url.split_once("://").expect("a URL");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let pool = sqlx::mysql::MySqlPoolOptions::new()
        .max_connections(2)
        .connect(&format!("{scheme}://{user}@{rest}"))
        .await;
    pool.expect("the user connects")
}

#[cfg(feature = "mysql")]
async fn drop_users(db: &crate::support::servers::Database<sqlx::MySql>, users: &[&str]) {
    for user in users {
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("DROP USER '{user}'@'{host}'")).await;
        }
    }
}

#[cfg(feature = "mysql")]
async fn users() {
    let Some(db) = crate::support::servers::mysql_database().await else {
        return;
    };
    let name = db.url.rsplit_once('/').expect("a database").1.to_owned();
    let [migrator, second, reader] = ["m", "n", "r"].map(|letter| format!("{letter}_{name}"));
    // For limbeck's tables the first five; the revisions want the others.
    let rights = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP";
    // Whoever has a right to one table may connect; none to the rest.
    let reading = mysql_user(&db, &reader, "CREATE TEMPORARY TABLES").await;
    // MariaDB says of a table that is not there what it says of one that may not be read.
    let error = Migrator::new(&reading, files())
        .current()
        .await
        .expect_err("no right");
    assert!(error.to_string().contains("denied"), "{error}");
    for (words, to) in [("GRANT SELECT", "TO"), ("REVOKE SELECT", "FROM")] {
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("{words} ON {name}.* {to} '{reader}'@'{host}'"))
                .await;
        }
        if to == "TO" {
            let reading = mysql_again(&db, &reader).await;
            looks_at_nothing!(&reading);
        }
    }
    let reading = mysql_again(&db, &reader).await;
    migrates!(&mysql_user(&db, &migrator, rights).await);

    let both = |words: &str, to: &str, table: &str| {
        ["localhost", "127.0.0.1"]
            .map(|host| format!("{words} ON {name}.{table} {to} '{reader}'@'{host}'"))
            .join("; ")
    };
    reads_all_three!(
        db,
        &reading,
        |table| both("GRANT SELECT", "TO", table),
        |table| both("REVOKE SELECT", "FROM", table)
    );
    for table in OWN {
        db.run(&both("GRANT SELECT", "TO", table)).await;
    }
    looks_ahead!(&reading);

    db.run("DROP TABLE t; DELETE FROM limbeck_version; DELETE FROM limbeck_history")
        .await;
    db.run("CREATE TABLE t (id INT); DROP TABLE t").await;
    let later = mysql_user(&db, &second, "CREATE, ALTER, DROP, INSERT").await;
    for table in OWN {
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!(
                "GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.{table} TO '{second}'@'{host}'"
            ))
            .await;
        }
    }
    migrates!(&later);
    drop_users(&db, &[&migrator, &second, &reader]).await;
}

/// A trigger of MariaDB's runs as the one who made it, and sees and changes what limbeck writes.
#[cfg(feature = "mysql")]
async fn a_trigger_changes_what_is_written() {
    let Some(db) = crate::support::servers::mysql_database().await else {
        return;
    };
    let name = db.url.rsplit_once('/').expect("a database").1.to_owned();
    let (migrator, other) = (format!("m_{name}"), format!("o_{name}"));
    let pool = mysql_user(
        &db,
        &migrator,
        "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP",
    )
    .await;
    Migrator::new(&pool, files())
        .ensure_tables()
        .await
        .expect("the tables");
    db.run("CREATE TABLE seen (who TEXT, row_text TEXT)").await;
    let _ = mysql_user(&db, &other, "SELECT, INSERT, UPDATE, TRIGGER").await;
    if db.dialect == limbeck::Dialect::Mysql {
        // Its binary log is on: whoever makes triggers needs more there.
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("GRANT SUPER ON *.* TO '{other}'@'{host}'"))
                .await;
        }
    }
    let theirs = mysql_again(&db, &other).await;
    sqlx::raw_sql(
        "CREATE TRIGGER t BEFORE INSERT ON limbeck_version FOR EACH ROW INSERT INTO seen VALUES (CURRENT_USER(), NEW.version_num)",
    )
    .execute(&theirs)
    .await
    .expect("a user that may make triggers");
    let _ = Migrator::new(&pool, files()).upgrade("a").await;
    let seen = db
        .strings("SELECT DISTINCT SUBSTRING_INDEX(who, '@', 1) FROM seen")
        .await;
    drop_users(&db, &[&migrator, &other]).await;
    assert_eq!(seen, [other]);
}

crate::support::on_mysql!(users, a_trigger_changes_what_is_written);
