//! A password that a database's URL has stands in nothing that the program writes, nor in a table.

use std::process::Command;

use crate::support::boots::Files;
use crate::support::secrets::{
    MARK, PASSWORDS, around, everything_stored, failing, rude_server, unused_port,
};
use crate::support::servers::{mysql_database, postgres_database};
use crate::support::soak::tell;

/// Of each command, as text and as JSON.
const CALLS: usize = 8;

/// What the program writes, as text and as JSON.
fn says(url: &str, environment: &[(&str, &str)]) -> String {
    let files = Files::of(&failing());
    let mut said = String::new();
    for command in [
        &["status"][..],
        &["upgrade", "head"],
        &["current", "-v"],
        &["downgrade", "base", "--yes"],
    ] {
        for json in [&[][..], &["--json"]] {
            let output = Command::new(env!("CARGO_BIN_EXE_limbeck"))
                .args(command)
                .args(json)
                .arg("--dir")
                .arg(files.path())
                .env("DATABASE_URL", url)
                .env("RUST_LOG", "trace")
                .envs(environment.iter().copied())
                .current_dir(files.path())
                .output()
                .expect("the binary starts");
            said.push_str(&String::from_utf8_lossy(&output.stdout));
            said.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(!said.is_empty());
    said
}

/// The server's part of a URL.
fn server(url: &str) -> &str {
    let behind = url.rsplit_once('@').map_or(url, |(_, server)| server);
    behind.split_once('/').map_or(behind, |(server, _)| server)
}

fn none(what: &str, calls: usize, said: &str) {
    let found = said.matches(MARK).count();
    tell(what, calls, found, format!("{} bytes of texts", said.len()));
    assert_eq!(found, 0, "{}", around(said));
}

#[tokio::test]
async fn connections_that_fail() {
    let (closed, rude) = (unused_port().await, rude_server());
    let (mut said, mut calls) = (String::new(), 0);
    for (_, password) in PASSWORDS {
        for port in [closed, rude] {
            for scheme in ["postgres", "mysql"] {
                let url = format!("{scheme}://app:{password}@127.0.0.1:{port}/x");
                said.push_str(&says(&url, &[]));
                calls += CALLS;
            }
        }
    }
    assert!(said.contains("no connection to"), "{said}");
    none("passwords of the program's that fail", calls, &said);
}

/// Runs that get through, one that fails in a statement, and servers that turn the user away.
async fn a_user() {
    let Some(db) = mysql_database().await else {
        return;
    };
    let name = db
        .strings("SELECT CONVERT(DATABASE() USING utf8mb4)")
        .await
        .remove(0);
    let mut said = String::new();
    for (at, (password, in_url)) in PASSWORDS.into_iter().enumerate() {
        let user = format!("p{at}_{name}");
        let literal = password.replace('\\', "\\\\").replace('\'', "\\'");
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("CREATE USER '{user}'@'{host}' IDENTIFIED BY '{literal}'; GRANT ALL ON {name}.* TO '{user}'@'{host}'")).await;
        }
        let server = server(&db.url);
        let url = |password: &str, database: &str| {
            format!("mysql://{user}:{password}@{server}/{database}")
        };
        let own = says(&url(in_url, &name), &[]);
        assert!(own.contains("upgrade a -> b"), "it got through: {own}");
        said.push_str(&own);
        let wrong = says(&url(&format!("wrong{in_url}"), &name), &[]);
        assert!(wrong.contains("Access denied"), "turned away: {wrong}");
        said.push_str(&wrong);
        said.push_str(&says(&url(in_url, "nowhere"), &[]));
        said.push_str(&everything_stored(&db).await);
        for host in ["localhost", "127.0.0.1"] {
            db.run(&format!("DROP USER '{user}'@'{host}'")).await;
        }
    }
    let calls = PASSWORDS.len() * 3 * CALLS;
    none("passwords of the program's, mariadb", calls, &said);
}

#[tokio::test]
async fn a_user_of_postgres() {
    let Some(db) = postgres_database().await else {
        return;
    };
    let name = db
        .strings("SELECT current_database()::text")
        .await
        .remove(0);
    let server = server(&db.url);
    let user = db
        .url
        .trim_start_matches("postgres://")
        .split(['@', ':'])
        .next()
        .unwrap_or_default();
    let mut said = String::new();
    for (_, in_url) in PASSWORDS {
        for url in [
            format!("postgres://{user}:{in_url}@{server}/{name}"),
            format!("postgres://{user}@{server}/{name}?password={in_url}"),
            format!("postgres://nobody_{name}:{in_url}@{server}/{name}"),
            format!("postgres://{user}:{in_url}@{server}/nowhere_{name}"),
        ] {
            said.push_str(&says(&url, &[]));
        }
    }
    assert!(
        said.contains("upgrade a -> b") && said.contains("does not exist"),
        "{said}"
    );
    let without = format!("postgres://nobody_{name}@{server}/{name}");
    said.push_str(&says(&without, &[("PGPASSWORD", PASSWORDS[0].0)]));
    said.push_str(&everything_stored(&db).await);
    let calls = (PASSWORDS.len() * 4 + 1) * CALLS;
    none("passwords of the program's, postgres", calls, &said);
}

crate::support::on_mysql!(a_user);
