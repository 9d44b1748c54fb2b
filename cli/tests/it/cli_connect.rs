//! A role that may have one connection, a server that has no place for one more, and URLs of any form.

use std::time::Duration;

use sqlx::Connection as _;

use crate::cli::Place;
use crate::support::servers::Database;

/// Ordinary sections, one statement by statement, and what follows on them.
fn place() -> Place {
    let sections = |words: &str, table: &str| {
        format!(
            "-- @upgrade {words}\nCREATE TABLE {table} (id INTEGER);\nINSERT INTO {table} VALUES (1);\n\
             -- @downgrade\nDROP TABLE {table};\n"
        )
    };
    let place = Place::new(&[
        ("a1", "", "", &sections("", "ta")),
        ("b1", "a1", "", &sections("autocommit", "tb")),
        ("c1", "b1", "", &sections("", "tc")),
    ]);
    place.write("schema.sql", "CREATE TABLE ta (id INTEGER);\n");
    place
}

/// Every command that connects, over the one connection that this role may have.
fn every_command_has_one_connection(url: &str) {
    let place = place();
    for arguments in [
        &["status"][..],
        &["upgrade", "a1"],
        &["upgrade", "heads", "--dry-run"],
        &["upgrade", "heads"],
        &["upgrade", "heads"],
        &["current", "-v"],
        &["current", "--check-heads"],
        &["history", "-i"],
        &["graph", "-i"],
        &["show", "current"],
        &["plan"],
        &["status"],
        &["dump"],
        &["downgrade", "a1", "--yes"],
        &["stamp", "heads"],
        &["stamp", "--purge", "a1"],
        &["ensure_version"],
        &["downgrade", "base"],
    ] {
        let said = place.call(&[arguments, &["--database-url", url]].concat());
        assert_eq!(
            (said.code, besides(&said.stderr)),
            (0, None),
            "{arguments:?}: {}",
            said.stdout
        );
    }
}

/// A line besides that a lease has no heartbeat, which is said and is no failure.
fn besides(stderr: &str) -> Option<&str> {
    let note = "the server has no second connection for this run";
    stderr.lines().find(|line| !line.starts_with(note))
}

/// Waits for the end of the sessions that a query names: a server ends one a moment after its process has ended.
macro_rules! until_gone {
    ($db:expr, $sessions:expr) => {
        while !$db.strings($sessions).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
}

/// The server has no place: an error that says so. It gets one while the command waits, by `$free`: the command is done.
macro_rules! waits_for_a_place {
    ($url:expr, $words:expr, $free:expr) => {{
        let place = place();
        let url: String = $url;
        let said = place.call(&["status", "--connect-timeout", "1", "--database-url", &url]);
        assert_eq!(said.code, 1, "{}", said.stdout);
        assert!(said.stderr.contains($words), "{}", said.stderr);
        let said = place.call(&[
            "status",
            "--json",
            "--connect-timeout=0",
            "--database-url",
            &url,
        ]);
        assert_eq!(said.kind(), "connection");
        let waiting = tokio::task::spawn_blocking(move || {
            place.call(&[
                "upgrade",
                "heads",
                "--connect-timeout",
                "120",
                "--database-url",
                &url,
            ])
        });
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(!waiting.is_finished(), "it waits");
        $free.await;
        let said = waiting.await.expect("no panic");
        assert_eq!(
            (said.code, besides(&said.stderr)),
            (0, None),
            "{}",
            said.stdout
        );
    }};
}

async fn end(connection: impl sqlx::Connection) {
    connection.close().await.expect("the end of a connection");
}

/// The URL with another user.
fn with_user(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}://{user}@{rest}")
}

fn database_of(url: &str) -> &str {
    url.rsplit_once('/').expect("a database").1
}

#[tokio::test]
async fn one_connection_is_enough_on_postgres() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let (role, url) = limited_role(&db).await;
    let database = database_of(&db.url);
    every_command_has_one_connection(&url);

    let sessions = format!("SELECT pid::text FROM pg_stat_activity WHERE usename = '{role}'");
    until_gone!(db, &sessions);
    let taken = sqlx::PgConnection::connect(&url).await.expect("the role's");
    waits_for_a_place!(url.clone(), "too many connections for role", end(taken));

    // The database's own limit, which does not hold for a superuser.
    db.run("DROP TABLE ta, tb, tc; DELETE FROM limbeck_version; DELETE FROM limbeck_history")
        .await;
    db.run(&format!("ALTER ROLE {role} CONNECTION LIMIT -1"))
        .await;
    db.run(&format!("ALTER DATABASE {database} CONNECTION LIMIT 0"))
        .await;
    let unlimited = format!("ALTER DATABASE {database} CONNECTION LIMIT -1");
    waits_for_a_place!(url, "too many connections for database", db.run(&unlimited));
    db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
}

/// A role of one connection, with all rights in the schema.
async fn limited_role(db: &Database<sqlx::Postgres>) -> (String, String) {
    let role = format!("one_{}", database_of(&db.url));
    db.run(&format!(
        "CREATE ROLE {role} LOGIN CONNECTION LIMIT 1; GRANT ALL ON SCHEMA public TO {role}"
    ))
    .await;
    let url = with_user(&db.url, &role);
    (role, url)
}

/// Each way in which MariaDB says that there is no place: 1226 of a user's own limit, 1203 of all users', 1040 of the
/// server's.
async fn one_connection_is_enough() {
    let Some(rig) = crate::support::rig::rig() else {
        return;
    };
    // The limit of all users can be changed only where there was one.
    let server = rig.own_mysql(&["--max-user-connections=100"]).await;
    let (pool, url) = crate::support::servers::mysql_on(&server.url).await;
    let db = crate::support::servers::of_mysql(pool, url);
    for host in ["localhost", "127.0.0.1"] {
        db.run(&format!(
            "CREATE USER one@{host} WITH MAX_USER_CONNECTIONS 1; GRANT ALL ON {}.* TO one@{host}",
            database_of(&db.url)
        ))
        .await;
    }
    let url = with_user(&db.url, "one");
    every_command_has_one_connection(&url);

    let sessions =
        "SELECT CONVERT(id, CHAR) FROM information_schema.processlist WHERE user = 'one'";
    let again = "DROP TABLE ta, tb, tc; DELETE FROM limbeck_version; DELETE FROM limbeck_history";
    until_gone!(db, sessions);
    let taken = sqlx::MySqlConnection::connect(&url)
        .await
        .expect("the user's");
    waits_for_a_place!(url.clone(), "max_user_connections", end(taken));

    db.run(again).await;
    for host in ["localhost", "127.0.0.1"] {
        db.run(&format!(
            "ALTER USER one@{host} WITH MAX_USER_CONNECTIONS 0"
        ))
        .await;
    }
    until_gone!(db, sessions);
    let taken = sqlx::MySqlConnection::connect(&url)
        .await
        .expect("the user's");
    db.run("SET GLOBAL max_user_connections = 1").await;
    waits_for_a_place!(url.clone(), "active connections", end(taken));

    db.run(again).await;
    db.run("SET GLOBAL max_user_connections = 100; SET GLOBAL max_connections = 10")
        .await;
    until_gone!(db, sessions);
    let mut taken = Vec::new();
    while let Ok(connection) = sqlx::MySqlConnection::connect(&url).await {
        taken.push(connection);
    }
    let last = taken.pop().expect("a connection");
    waits_for_a_place!(url, "Too many connections", end(last));
}

const PASSWORD: &str = "hunter2Kw9";

/// What a URL may hold, well written or not: its password is in no answer and no error, as text and as JSON.
#[test]
fn a_url_of_any_form_shows_no_password() {
    let place = place();
    place.write("schema.sql", "CREATE TABLE t (id INTEGER);\n");
    let mut urls = Vec::new();
    for scheme in [
        "postgres",
        "postgresql",
        "mysql",
        "mariadb",
        "postgresql+asyncpg",
        "ftp",
    ] {
        for rest in [
            format!(":app:{PASSWORD}@127.0.0.1:1/x"),
            format!(":/app:{PASSWORD}@127.0.0.1:1/x"),
            format!(":///app:{PASSWORD}@127.0.0.1:1/x"),
            format!(":\\\\app:{PASSWORD}@127.0.0.1:1/x"),
            format!("://app:{PASSWORD}@127.0.0.1:1/x@y"),
            format!("://app:{PASSWORD}@x@127.0.0.1:1/x"),
            format!("://app:x@{PASSWORD}@127.0.0.1:1/x?y=@"),
            format!("://app:a/{PASSWORD}@127.0.0.1:1/x"),
            format!("://app:a {PASSWORD}@127.0.0.1:1/x"),
            format!("://app:%20{PASSWORD}%40@127.0.0.1:1/x"),
            format!("://app:%zz{PASSWORD}@127.0.0.1:1/x"),
            format!("://app@127.0.0.1:1/x?password={PASSWORD}"),
            format!("://app@127.0.0.1:1/x?p%61ssword={PASSWORD}&sslmode=prefer"),
            format!("://app@127.0.0.1:1/x?sslpassword={PASSWORD}"),
            format!("://app:{PASSWORD}@%2Fnowhere%2Frun/x"),
            format!("://app:{PASSWORD}@/x?host=/nowhere/run"),
            format!("://app:{PASSWORD}@h/x?socket=/nowhere/m.sock"),
            format!("//app:{PASSWORD}@127.0.0.1:1/x"),
        ] {
            urls.push(format!("{scheme}{rest}"));
        }
    }
    urls.push(format!("app:{PASSWORD}@127.0.0.1:1/x"));
    urls.push(format!("host=127.0.0.1 port=1 password={PASSWORD}"));
    for url in &urls {
        // A word of a target's ends at white space.
        let wrong_target = if url.contains(' ') { "x@y" } else { url };
        let fast = ["--connect-timeout=2"];
        let in_environment = [("DATABASE_URL", url.as_str())];
        let of_database = ["--database-url", url];
        let of_scratch = ["--database-url=sqlite:app.db", "--scratch-url", url];
        place.write(".env", &format!("A=b\nDATABASE_URL={url}\n"));
        for form in [&[][..], &["--json"]] {
            for (arguments, environment) in [
                ([&["status"][..], &of_database].concat(), &[][..]),
                (vec!["upgrade", "heads", "--sql"], &in_environment),
                (vec!["history"], &in_environment),
                (vec!["status"], &[]),
                ([&["check"][..], &of_scratch].concat(), &[]),
                // Where no URL belongs.
                (vec!["status", url], &[]),
                (vec!["status", "--database_url", url], &[]),
                (vec!["show", wrong_target], &[]),
            ] {
                let call = [&arguments[..], &fast, form].concat();
                let said = place.call_with(&call, environment);
                let answer = said.stdout + &said.stderr;
                assert!(!answer.contains(PASSWORD), "{call:?}: {answer}");
            }
        }
    }
    for slip in [":", ":/", ":///"] {
        let url = format!("postgres{slip}app:{PASSWORD}@127.0.0.1:1/x");
        let said = place.call(&["status", "--json", "--database-url", &url]);
        assert_eq!(said.kind(), "invalid_database_url", "{url}");
    }
}

#[test]
fn arguments_show_no_password_to_those_who_debug() {
    use clap::Parser as _;
    let url = format!("postgres:app:{PASSWORD}@db/x");
    let cli = limbeck_cli::Cli::try_parse_from([
        "limbeck",
        "check",
        "--database-url",
        &url,
        "--scratch-url",
        &url,
    ])
    .expect("arguments");
    let said = format!("{cli:?}{cli:#?}");
    assert!(
        said.contains("postgres:app:***@db/x") && !said.contains(PASSWORD),
        "{said}"
    );
}

crate::support::on_mysql!(one_connection_is_enough);
