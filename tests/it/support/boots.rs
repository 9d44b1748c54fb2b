//! Boots in processes of their own: the real binary, over a folder of revision files.

use std::process::{ExitStatus, Stdio};

use limbeck::Migrations;
use serde_json::Value;
use tokio::process::{Child, Command};

/// Revision files in a folder of their own, removed with the value.
pub struct Files(tempfile::TempDir);

impl Files {
    pub fn of(migrations: &Migrations) -> Files {
        let folder = tempfile::tempdir().expect("a folder");
        for revision in migrations.iter() {
            std::fs::write(folder.path().join(revision.path()), revision.text()).expect("a file");
        }
        Files(folder)
    }

    pub fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    /// Starts a command of the binary on this database.
    pub fn start(&self, url: &str, arguments: &[&str]) -> Boot {
        self.start_under(&[], url, arguments)
    }

    /// The same, with another program in front, such as `faketime`.
    pub fn start_under(&self, wrapper: &[&str], url: &str, arguments: &[&str]) -> Boot {
        let binary = env!("CARGO_BIN_EXE_limbeck");
        let mut words = wrapper.iter().copied().chain([binary]);
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .args(arguments)
            .args(["--json", "--database-url", url, "--dir"])
            .arg(self.0.path())
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Boot(command.spawn().expect("the binary starts"))
    }
}

/// A process on its way; killed with the value.
pub struct Boot(Child);

impl Boot {
    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a process").is_none()
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(mut self) {
        self.0.kill().await.expect("SIGKILL");
    }

    pub async fn end(self) -> Ended {
        let output = self.0.wait_with_output().await.expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended {
            status: output.status,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// The report of a run that had to succeed.
    pub fn report(&self) -> Value {
        assert!(self.status.success(), "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The revisions that a run which had to succeed ran itself.
    pub fn ran(&self) -> Vec<String> {
        let report = self.report();
        let steps = report["steps"].as_array().expect("a list of steps");
        steps
            .iter()
            .map(|step| step["revision"].as_str().expect("an id").to_owned())
            .collect()
    }

    /// The kind of the error that a run stopped with; none where it succeeded.
    pub fn error_kind(&self) -> Option<String> {
        if self.status.success() {
            return None;
        }
        let last = self.stderr.lines().last().unwrap_or_default();
        let document: Value =
            serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        Some(
            document["error"]["kind"]
                .as_str()
                .expect("a kind")
                .to_owned(),
        )
    }
}
