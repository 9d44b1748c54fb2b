//! Servers that a test starts, kills and stops, in the rig that `LIMBECK_TEST_RIG` names: `tests/servers.sh`
//! does it, and says what there is.

use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::servers::server;

/// The folder of the servers.
#[derive(Debug, Clone)]
pub struct Rig(PathBuf);

/// The rig; none where there is none, and that said aloud.
pub fn rig() -> Option<Rig> {
    server("LIMBECK_TEST_RIG").map(|folder| Rig(folder.into()))
}

impl Rig {
    /// The lines that the script answers.
    pub async fn call(&self, words: &[&str]) -> Vec<String> {
        self.call_with(&[], words).await
    }

    async fn call_with(&self, environment: &[(&str, &str)], words: &[&str]) -> Vec<String> {
        let mut command = self.command(words);
        command.envs(environment.iter().copied());
        let told = format!("{words:?}");
        let output = tokio::task::spawn_blocking(move || command.output());
        lines(&told, &output.await.expect("no panic").expect("bash"))
    }

    fn command<W: AsRef<OsStr>>(&self, words: &[W]) -> Command {
        let mut command = Command::new("bash");
        command
            .arg(super::repository().join("tests/servers.sh"))
            .args(words)
            .env("LIMBECK_TEST_RIG", &self.0)
            .stdin(Stdio::null());
        command
    }

    async fn url(&self, words: &[&str]) -> String {
        self.call(words).await.pop().expect("a URL")
    }

    /// The PostgreSQL that all tests share.
    pub async fn postgres(&self) -> String {
        self.url(&["postgres", "postgres"]).await
    }

    /// A PgBouncer before it, in that `pool_mode`, with three server connections for each database.
    pub async fn pgbouncer(&self, mode: &str) -> String {
        let _ = self.postgres().await;
        let name = format!("pgbouncer-{mode}");
        self.url(&["pgbouncer", &name, mode, "postgres"]).await
    }

    /// The nodes of the cluster, for this test alone: others wait until the value is dropped.
    pub async fn galera(&self) -> Cluster {
        let path = self.0.join("galera.turn");
        let turn = tokio::task::spawn_blocking(move || {
            let turn = File::create(path).expect("a file in the rig");
            turn.lock().expect("a lock on it");
            turn
        });
        let turn = turn.await.expect("no panic");
        let nodes = self.call(&["galera"]).await;
        assert_eq!(nodes.len(), 3, "{nodes:?}");
        Cluster {
            rig: self.clone(),
            nodes,
            _turn: turn,
        }
    }

    /// A PostgreSQL of the test's own: of a major version, or of the system's.
    pub async fn own_postgres(&self, version: Option<u32>, options: &[&str]) -> Own {
        let name = own_name("postgres");
        let version = version.map_or(String::new(), |version| version.to_string());
        let mut words = vec!["postgres", &name];
        words.extend(options);
        let url = self.call_with(&[("VERSION", &version)], &words).await.pop();
        self.own(name, url).await
    }

    /// A streaming standby of that one.
    pub async fn own_standby(&self, primary: &Own) -> Own {
        let name = own_name("standby");
        let url = self.call(&["standby", &name, &primary.name]).await.pop();
        self.own(name, url).await
    }

    /// A MariaDB of the test's own, of a major version that is not the system's.
    pub async fn own_mariadb(&self, version: u32) -> Own {
        let name = own_name("mariadb");
        let version = version.to_string();
        let words = ["mariadb", &name];
        let url = self.call_with(&[("VERSION", &version)], &words).await.pop();
        self.own(name, url).await
    }

    /// A server of the test's own, of the kind that the test runs on: MariaDB or MySQL.
    #[cfg(feature = "mysql")]
    pub async fn own_mysql(&self, options: &[&str]) -> Own {
        let kind = super::servers::MySqlServer::here().pick("mariadb", "mysql");
        let name = own_name(kind);
        let mut words = vec![kind, &name];
        words.extend(options);
        let url = self.call(&words).await.pop();
        self.own(name, url).await
    }

    async fn own(&self, name: String, url: Option<String>) -> Own {
        let pid = self.pid(&name).await;
        Own {
            rig: self.clone(),
            name,
            url: url.expect("a URL"),
            pid: AtomicU32::new(pid),
        }
    }

    async fn pid(&self, name: &str) -> u32 {
        let pid = self.call(&["pid", name]).await.pop();
        pid.expect("a process").parse().expect("a number")
    }
}

static SERIAL: AtomicU32 = AtomicU32::new(0);

fn own_name(kind: &str) -> String {
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    format!("{kind}-{}-{serial}", std::process::id())
}

fn lines(what: &str, output: &Output) -> Vec<String> {
    assert!(
        output.status.success(),
        "servers.sh {what}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

/// A server of a test's own, removed with the value.
#[derive(Debug)]
pub struct Own {
    rig: Rig,
    pub name: String,
    pub url: String,
    pid: AtomicU32,
}

impl Own {
    /// SIGKILL, at once; nothing of it is left when this returns.
    pub async fn kill(&self) {
        self.signal("-KILL");
        let _ = self.rig.call(&["kill", &self.name]).await;
    }

    /// An orderly shutdown of a MariaDB or MySQL, begun at once; nothing of it is left when this returns.
    pub async fn shut_down(&self) {
        self.signal("-TERM");
        let _ = self.rig.call(&["stop", &self.name]).await;
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid.load(Ordering::SeqCst).to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill").success(), "{} runs no more", self.name);
    }

    /// Starts it again where it was, with its data.
    pub async fn start(&self) {
        let kind = self.name.split('-').next().expect("a kind");
        let _ = self.rig.call(&[kind, &self.name]).await;
        let pid = self.rig.pid(&self.name).await;
        self.pid.store(pid, Ordering::SeqCst);
    }

    /// A standby becomes a primary.
    pub async fn promote(&self) {
        let _ = self.rig.call(&["promote", &self.name]).await;
    }

    pub fn port(&self) -> u16 {
        let (_, rest) = self.url.rsplit_once(':').expect("a port");
        let (port, _) = rest.split_once('/').expect("a database");
        port.parse().expect("a number")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read(self.rig.0.join(&self.name).join("log")).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let from = log.lines().count().saturating_sub(60);
            let last: Vec<&str> = log.lines().skip(from).collect();
            println!("the end of {}'s log:\n{}", self.name, last.join("\n"));
        }
        // A test that panics must not panic again.
        let _ = self.rig.command(&["remove", &self.name]).output();
    }
}

/// The three nodes, for one test at a time.
#[derive(Debug)]
pub struct Cluster {
    rig: Rig,
    /// The URL of each node.
    pub nodes: Vec<String>,
    _turn: File,
}

impl Cluster {
    /// SIGKILL to a node, counted from 0.
    pub async fn kill(&self, node: usize) {
        let name = format!("galera{}", node + 1);
        let _ = self.rig.call(&["kill", &name]).await;
    }

    /// Starts the nodes that do not run, and waits until all of them are in the cluster and caught up.
    pub async fn heal(&self) {
        let _ = self.rig.call(&["galera"]).await;
    }
}
