//! This binary's other tests, on a server of another version.

use std::process::{Command, Stdio};
use std::time::Instant;

use sqlx::{Connection as _, MySqlConnection, PgConnection};

use super::soak::tell;

/// The exact version of a server that should be of this major one.
pub async fn exact_version(url: &str, major: u32) -> String {
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL");
    let exact: String = sqlx::query_scalar("SHOW server_version")
        .fetch_one(&mut connection)
        .await
        .expect("its version");
    assert!(exact.starts_with(&major.to_string()), "{exact} for {major}");
    connection.close().await.expect("an orderly end");
    exact
}

/// As [`exact_version`], of a MariaDB.
pub async fn exact_mariadb(url: &str, major: u32) -> String {
    let mut connection = MySqlConnection::connect(url).await.expect("MariaDB");
    let exact: String = sqlx::query_scalar("SELECT VERSION()")
        .fetch_one(&mut connection)
        .await
        .expect("its version");
    assert!(
        exact.starts_with(&major.to_string()) && exact.contains("MariaDB"),
        "{exact} for {major}"
    );
    connection.close().await.expect("an orderly end");
    exact
}

/// The tests that these arguments choose, in a process of their own that takes the server of that variable and URL for the
/// one that all tests share. What went wrong: also that fewer ran than there should be.
pub async fn tests_on(
    what: &str,
    (variable, url): (&str, &str),
    exact: &str,
    arguments: &[&str],
    at_least: usize,
) -> Vec<String> {
    let began = Instant::now();
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(arguments)
        .args(["--test-threads", "8"])
        .env(variable, url)
        .env("LIMBECK_TEST_REQUIRE_SERVERS", "1")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("this binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let result = text
        .lines()
        .find_map(|line| line.strip_prefix("test result: "))
        .unwrap_or("none");
    let count = |what: &str| -> usize {
        let words: Vec<&str> = result.split([' ', ';']).collect();
        let at = words.iter().position(|word| *word == what);
        at.and_then(|at| words[at - 1].parse().ok()).unwrap_or(0)
    };
    let (passed, failed) = (count("passed"), count("failed"));
    tell(
        &format!("{what} on {exact}"),
        passed + failed,
        failed,
        format!("{:.0} s", began.elapsed().as_secs_f64()),
    );
    let mut wrong = Vec::new();
    if !output.status.success() {
        wrong.push(format!("on {exact}: {text}"));
    }
    if passed < at_least {
        wrong.push(format!("on {exact} only {passed} tests ran: {result}"));
    }
    wrong
}
