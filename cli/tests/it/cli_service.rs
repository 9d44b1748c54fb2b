//! The commands inside a service: the example, run as a process.

use std::process::Command;

use serde_json::Value;

use crate::support::examples::example;

struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

fn service(folder: &std::path::Path, arguments: &[&str]) -> Said {
    let output = Command::new(example(
        "service_cli",
        &[
            ("sqlite", cfg!(feature = "sqlite")),
            ("postgres", cfg!(feature = "postgres")),
            ("mysql", cfg!(feature = "mysql")),
            ("tls", cfg!(feature = "tls")),
            ("mysql-rsa", cfg!(feature = "mysql-rsa")),
        ],
    ))
    .args(arguments)
    .current_dir(folder)
    .env_remove("DATABASE_URL")
    .output()
    .expect("the example");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        code: output.status.code().expect("an exit code"),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

#[test]
fn a_service_has_the_commands_on_its_own_migrations_and_pool() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let ready = |expected: bool| {
        let status = service(folder, &["--json", "migrate", "status"]);
        assert_eq!(status.code, 0, "{}", status.stderr);
        let status: Value = serde_json::from_str(&status.stdout).expect("a document");
        assert_eq!(status["ready"], expected, "{status}");
    };
    ready(false);
    let upgraded = service(folder, &["migrate", "upgrade", "1a6f2c80b311"]);
    assert_eq!(upgraded.code, 0, "{}", upgraded.stderr);
    assert!(
        upgraded.stdout.contains("upgrade <base> -> 1a6f2c80b311"),
        "{}",
        upgraded.stdout
    );
    ready(false);
    let behind = service(folder, &["migrate", "current", "--check-heads"]);
    assert_eq!(behind.code, 3, "{}{}", behind.stdout, behind.stderr);

    let served = service(folder, &["serve"]);
    assert_eq!(served.code, 0, "{}", served.stderr);
    ready(true);

    let history = service(folder, &["migrate", "history", "--no-graph", "-i"]);
    assert!(history.stdout.contains("(current)"), "{}", history.stdout);
    let script = service(folder, &["migrate", "downgrade", "heads:base", "--sql"]);
    assert!(
        script.stdout.contains("DROP TABLE"),
        "{}{}",
        script.stdout,
        script.stderr
    );
    let other = service(
        folder,
        &[
            "migrate",
            "upgrade",
            "heads",
            "--sql",
            "--dialect",
            "postgres",
        ],
    );
    assert!(
        other.stdout.contains("ON_ERROR_STOP"),
        "{}{}",
        other.stdout,
        other.stderr
    );
    let down = service(folder, &["migrate", "downgrade", "base"]);
    assert_eq!(down.code, 0, "{}", down.stderr);
    ready(false);
}

#[test]
fn a_service_compares_its_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let served = service(folder, &["serve"]);
    assert_eq!(served.code, 0, "{}", served.stderr);
    std::fs::write(folder.join("schema.sql"), "CREATE TABLE extra (x INTEGER);").expect("a file");
    let said = service(folder, &["migrate", "check"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout.contains("drop table accounts") && said.stdout.contains("create table extra"),
        "{}",
        said.stdout
    );
    assert!(!said.stdout.contains("limbeck_"), "{}", said.stdout);
    let said = service(folder, &["--json", "migrate", "check", "--exclude", "*"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let said = service(
        folder,
        &[
            "--json",
            "migrate",
            "check",
            "--scratch-url",
            "mysql://u:hunter2@h/d",
        ],
    );
    assert_eq!(said.code, 1, "{}", said.stdout);
    assert!(
        said.stderr.contains("invalid_scratch_url") && !said.stderr.contains("hunter2"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_service_writes_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["--json", "migrate", "revision", "-m", "more"][..],
        &[
            "--json",
            "migrate",
            "revision",
            "-m",
            "more",
            "--autogenerate",
        ],
        &["--json", "migrate", "init"],
        &["--json", "migrate", "merge", "heads"],
        &["--json", "migrate", "edit", "1a6f2c80b311"],
    ] {
        let refused = service(folder.path(), arguments);
        assert_eq!(refused.code, 1, "{}", refused.stdout);
        let line = refused.stderr.lines().last().expect("an error");
        let error: Value = serde_json::from_str(line).expect("a document");
        assert_eq!(error["error"]["kind"], "embedded", "{arguments:?}: {error}");
    }
    assert!(!folder.path().join("migrations").exists());
}

#[test]
fn the_parser_is_the_services_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = service(folder.path(), &["migrate", "--help"]);
    assert!(
        help.stdout.contains("Usage: service_cli migrate"),
        "{}",
        help.stdout
    );
    for wrong in [
        &["migrate", "upgrad"][..],
        &["migrate", "man"],
        &["migrate", "completions", "bash"],
    ] {
        let said = service(folder.path(), wrong);
        assert_eq!((said.code, &*said.stdout), (2, ""), "{wrong:?}");
    }
}
