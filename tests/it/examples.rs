//! The examples, run as processes: what they print, and the service asked over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

fn example(name: &str) -> PathBuf {
    crate::support::examples::example(
        name,
        &[
            ("sqlite", cfg!(feature = "sqlite")),
            ("postgres", cfg!(feature = "postgres")),
            ("mysql", cfg!(feature = "mysql")),
            ("codegen", cfg!(feature = "codegen")),
            ("autogenerate", cfg!(feature = "autogenerate")),
            ("serde", cfg!(feature = "serde")),
        ],
    )
}

fn printed_by(name: &str) -> String {
    let output = Command::new(example(name)).output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn quickstart() {
    let text = printed_by("quickstart");
    let mut lines = text.lines();
    for expected in [
        "boot of the first replica:",
        "  upgrade 1a6f2c80b311 (1 statements)",
        "  upgrade f71c04a8e962 (2 statements)",
        "  5 steps in ",
        "boot of the second replica:",
        "  AlreadyThere",
        "  downgrade 8b3e61f0c57d",
        "  at 5c09d7e4a2f8",
        "  pending  f71c04a8e962",
        "  at       5c09d7e4a2f8",
        "  applied  1a6f2c80b311",
    ] {
        let found = lines.any(|line| line.starts_with(expected));
        assert!(found, "after the lines before, `{expected}` in:\n{text}");
    }
}

#[cfg(feature = "autogenerate")]
#[test]
fn autogenerate() {
    let text = printed_by("autogenerate");
    insta::assert_snapshot!(text, @r"
    # Accounts
    create table accounts
    # Invoices
    rename column accounts.mail to email
    drop column accounts.fax (lossy: its data are lost)
    add unique constraint (UNIQUE (email)) of accounts
    create table invoices
    # Nothing differs any more
    ");
}

#[test]
fn tooling() {
    let expected = "\
# A plan without a database
1. upgrade Profiles, on the web team's branch (8b3e61f0c57d), then at 5c09d7e4a2f8 and 8b3e61f0c57d
2. upgrade Merge billing and web (d240b9f6137a), then at d240b9f6137a
3. upgrade A name on each invoice (f71c04a8e962), then at f71c04a8e962
# What a deploy would do
1. upgrade Accounts (1a6f2c80b311), then at 1a6f2c80b311
2. upgrade Invoices, on the billing team's branch (5c09d7e4a2f8), then at 5c09d7e4a2f8
3. upgrade Profiles, on the web team's branch (8b3e61f0c57d), then at 5c09d7e4a2f8 and 8b3e61f0c57d
4. upgrade Merge billing and web (d240b9f6137a), then at d240b9f6137a
5. upgrade A name on each invoice (f71c04a8e962), then at f71c04a8e962
not ready: 5 pending, 0 edited, 0 unknown
# One branch only
2 of 5
not ready: 3 pending, 0 edited, 0 unknown
# History
[ ] f71c after d240b9f6137a  A name on each invoice
[ ] d240 after 5c09d7e4a2f8+8b3e61f0c57d Merge billing and web
[ ] 8b3e after 1a6f2c80b311  Profiles, on the web team's branch
[x] 5c09 after 1a6f2c80b311  Invoices, on the billing team's branch
[x] 1a6f after               Accounts
# Who did what
upgrade 1a6f2c80b311 done, by tooling 1.0
upgrade 5c09d7e4a2f8 done, by tooling 1.0
# A target that leads nowhere
relative_out_of_range: ";
    let text = printed_by("tooling");
    assert!(text.starts_with(expected), "{text}");
}

/// A running example, killed if the test ends early.
struct Service {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    address: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(url: &str) -> Service {
        let mut child = Command::new(example("axum_boot"))
            .env("DATABASE_URL", url)
            .env_remove("PORT")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut migrated = String::new();
        stdout.read_line(&mut migrated).expect("a line");
        assert!(migrated.starts_with("migrated: "), "{migrated}");
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.expect("its address").to_owned();
        Service {
            child,
            stdout,
            address,
        }
    }

    /// Status code and body.
    fn get(&self, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .expect("a timeout");
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        let (head, body) = response.split_once("\r\n\r\n").expect("head and body");
        let code = head
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3));
        let code = code.and_then(|code| code.parse().ok()).expect("a code");
        (code, serde_json::from_str(body).expect("JSON"))
    }

    /// Asks it to end, and waits for that: its exit code, and what it printed last.
    fn end(mut self) -> (Option<i32>, String) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(killed.expect("kill starts").success());
        let deadline = Instant::now() + Duration::from_secs(30);
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("its status") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("its output");
        (status.code(), rest)
    }
}

#[tokio::test]
async fn axum_service() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("notes.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    let service = Service::start(&url);

    let (code, body) = service.get("/readyz");
    let expected = json!({
        "ready": true, "heads": ["92c5e8f3107d"], "current": ["92c5e8f3107d"], "pending": [],
        "unknown": [], "drift": [], "unverified": [], "unfinished": null, "holder": null,
    });
    assert_eq!((code, body), (200, expected));
    let (code, body) = service.get("/");
    let notes = json!({ "notes": [["nobody", "the first note came with the schema"]] });
    assert_eq!((code, body), (200, notes));

    // Somebody takes a revision back under the running service.
    let pool = sqlx::SqlitePool::connect(&url).await.expect("SQLite");
    sqlx::query("UPDATE limbeck_version SET version_num = '4d1f0b7ac623'")
        .execute(&pool)
        .await
        .expect("an update");
    let (code, body) = service.get("/readyz");
    assert_eq!((code, &body["ready"]), (503, &json!(false)));
    assert_eq!(body["pending"], json!(["92c5e8f3107d"]));
    sqlx::query("UPDATE limbeck_version SET version_num = '92c5e8f3107d'")
        .execute(&pool)
        .await
        .expect("an update");
    pool.close().await;

    let second = Service::start(&url);
    assert_eq!(second.get("/readyz").0, 200);
    assert_eq!(second.end(), (Some(0), "ended\n".to_owned()));
    assert_eq!(service.end(), (Some(0), "ended\n".to_owned()));
}
