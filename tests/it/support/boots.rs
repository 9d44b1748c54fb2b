//! Boots in processes of their own, as those of services: this test binary once more, told by one environment variable
//! what to do, over a folder of revision files.

use std::process::{ExitStatus, Stdio};

use limbeck::migrator::Source;
use limbeck::{Dialect, Error, Migrations, Migrator, Report};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

const TASK: &str = "LIMBECK_TEST_BOOT";
/// Before the line that is meant for the parent: the test harness says other things as well.
const MARK: &str = "boot: ";

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

    /// Starts a process that upgrades this database.
    pub fn upgrade(&self, url: &str, target: &str) -> Boot {
        self.start(&[], url, "upgrade", target)
    }

    /// The same, with another program in front, such as `faketime`.
    pub fn upgrade_under(&self, wrapper: &[&str], url: &str, target: &str) -> Boot {
        self.start(wrapper, url, "upgrade", target)
    }

    pub fn downgrade(&self, url: &str, target: &str) -> Boot {
        self.start(&[], url, "downgrade", target)
    }

    pub fn downgrade_under(&self, wrapper: &[&str], url: &str, target: &str) -> Boot {
        self.start(wrapper, url, "downgrade", target)
    }

    fn start(&self, wrapper: &[&str], url: &str, action: &str, target: &str) -> Boot {
        let binary = std::env::current_exe().expect("this binary");
        let binary = binary.to_str().expect("a path in UTF-8");
        let task = json!({ "url": url, "dir": self.path(), "action": action, "target": target });
        let mut words = wrapper.iter().copied().chain([binary]);
        let mut command = Command::new(words.next().expect("a program"));
        command
            .args(words)
            .args([
                "--exact",
                "support::boots::boot",
                "--ignored",
                "--nocapture",
            ])
            .env(TASK, task.to_string())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Boot(command.spawn().expect("this binary starts"))
    }
}

/// Not a test: what a boot runs.
#[test]
#[ignore = "the process that other tests start and kill"]
fn boot() {
    // Whoever runs all ignored tests gives no task.
    let Ok(task) = std::env::var(TASK) else {
        return;
    };
    let task: Value = serde_json::from_str(&task).expect("a task");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    match runtime.block_on(follow(&task)) {
        Ok(report) => {
            let steps = report.steps.iter().map(|done| &*done.step.revision);
            let steps: Vec<Value> = steps.map(|id| json!({ "revision": id })).collect();
            println!(
                "{MARK}{}",
                json!({ "steps": steps, "heads": report.current })
            );
        }
        Err(error) => {
            eprintln!(
                "{MARK}{}",
                json!({ "kind": error.kind(), "message": whole(&error) })
            );
            std::process::exit(1);
        }
    }
}

async fn follow(task: &Value) -> Result<Report, Error> {
    let text = |key: &str| task[key].as_str().expect("a text");
    let files = Migrations::from_dir(text("dir"))?;
    let url = text("url");
    match Dialect::of_url(url).expect("a URL") {
        #[cfg(feature = "postgres")]
        Dialect::Postgres => {
            let pool = sqlx::PgPool::connect_lazy(url).expect("a URL");
            go(Migrator::new(pool, files), task).await
        }
        #[cfg(feature = "mysql")]
        Dialect::Mysql | Dialect::Mariadb => {
            let pool = sqlx::MySqlPool::connect_lazy(url).expect("a URL");
            go(Migrator::new(pool, files), task).await
        }
        _ => {
            let pool = sqlx::SqlitePool::connect_lazy(url).expect("a URL");
            go(Migrator::new(pool, files), task).await
        }
    }
}

async fn go<S: Source>(migrator: Migrator<S>, task: &Value) -> Result<Report, Error> {
    let target = task["target"].as_str().expect("a target");
    match task["action"].as_str() {
        Some("downgrade") => migrator.downgrade(target).await,
        _ => migrator.upgrade(target).await,
    }
}

/// An error with its causes.
fn whole(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
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
    fn told(&self, said: &str) -> Value {
        let line = said.lines().find_map(|line| line.split_once(MARK));
        let (_, line) = line.unwrap_or_else(|| panic!("it said nothing: {self:?}"));
        serde_json::from_str(line).expect("JSON")
    }

    /// The heads at the end of a run that had to succeed.
    pub fn heads(&self) -> Vec<String> {
        let heads = self.report()["heads"].take();
        serde_json::from_value(heads).expect("a list of ids")
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

    /// How many steps it ran itself; none where it failed.
    pub fn steps(&self) -> Option<usize> {
        self.status.success().then(|| self.ran().len())
    }

    fn report(&self) -> Value {
        assert!(self.status.success(), "{self:?}");
        self.told(&self.stdout)
    }

    /// The kind of the error that a run stopped with; none where it succeeded.
    pub fn error_kind(&self) -> Option<String> {
        if self.status.success() {
            return None;
        }
        let kind = self.told(&self.stderr)["kind"].take();
        Some(kind.as_str().expect("a kind").to_owned())
    }
}
