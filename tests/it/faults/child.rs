//! A migrating process of its own, with any setting: this test binary once more, told by one environment
//! variable what to do. It says on its standard output, a line of JSON each, when it begins, where it waits,
//! and how it ended.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use limbeck::{Dialect, Event};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteOperation, SqlitePoolOptions};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

use super::engine::Engine;
use super::outcome::{LEASE, follow};
use super::revisions::Course;

const TASK: &str = "LIMBECK_TEST_CHILD";
/// Before each line that is meant for the parent: the test harness says other things as well.
const MARK: &str = "child: ";

/// A place inside SQLite, and the how-manieth time that a run comes by there, from 1.
pub type Point = (String, usize);

/// What a child does.
#[derive(Debug, Clone)]
pub struct Task {
    pub url: String,
    pub course: Course,
    pub lease: Duration,
    pub lock_wait: Duration,
    /// SQLite: at which point of the run it waits for a line of its standard input.
    pub stop_at: Option<Point>,
    /// SQLite: it tells every point that it passes.
    pub tells_points: bool,
    /// The files of the course, or these.
    pub files: Option<std::path::PathBuf>,
}

impl Task {
    pub fn new(url: &str, course: Course) -> Task {
        Task {
            url: url.to_owned(),
            course,
            lease: LEASE,
            lock_wait: Duration::from_secs(30),
            stop_at: None,
            tells_points: false,
            files: None,
        }
    }

    pub fn start(&self) -> Child {
        let task = json!({
            "url": self.url,
            "course": format!("{:?}", self.course),
            "lease_ms": self.lease.as_millis() as u64,
            "lock_wait_ms": self.lock_wait.as_millis() as u64,
            "stop_at": self.stop_at,
            "tells_points": self.tells_points,
            "files": self.files,
        });
        let mut process = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "faults::child::boot", "--ignored", "--nocapture"])
            .env(TASK, task.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("this binary starts");
        let lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        Child { process, lines }
    }
}

/// The process; killed with the value.
#[derive(Debug)]
pub struct Child {
    process: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// The next thing that it says; none once it is gone.
    pub async fn says(&mut self) -> Option<Value> {
        while let Some(line) = self.lines.next_line().await.expect("its standard output") {
            if let Some(told) = line.split_once(MARK) {
                return Some(serde_json::from_str(told.1).expect("JSON"));
            }
        }
        None
    }

    /// Waits until it says this.
    pub async fn until(&mut self, what: &str) -> Value {
        loop {
            let said = self
                .says()
                .await
                .unwrap_or_else(|| panic!("it ended before it said {what}"));
            if let Some(value) = said.get(what) {
                return value.clone();
            }
        }
    }

    /// Waits until it stands at its point. False: it came to its end without passing there.
    pub async fn is_held(&mut self) -> bool {
        loop {
            let said = self.says().await.expect("a process that runs");
            if said.get("held").is_some() || said.get("result").is_some() {
                return said.get("held").is_some();
            }
        }
    }

    /// Its own word on how the call ended.
    pub async fn result(&mut self) -> Value {
        self.until("result").await
    }

    /// Whether a process that is gone had come to the end of its call.
    pub async fn has_ended(&mut self) -> bool {
        while let Some(said) = self.says().await {
            if said.get("result").is_some() {
                return true;
            }
        }
        false
    }

    pub fn id(&self) -> u32 {
        self.process
            .id()
            .expect("a process that nobody has waited for")
    }

    /// SIGKILL, and the process is gone.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("SIGKILL");
    }

    /// Lets it go on behind the point at which it waits.
    pub async fn go_on(&mut self) {
        let input = self.process.stdin.as_mut().expect("a pipe");
        input.write_all(b"\n").await.expect("its standard input");
        input.flush().await.expect("its standard input");
    }

    /// SIGSTOP, and it stands still.
    pub async fn stop(&self) {
        signal("STOP", self.id()).await;
        let path = format!("/proc/{}/stat", self.id());
        loop {
            // The state stands behind the name in brackets.
            let stat = std::fs::read_to_string(&path).expect("Linux");
            if stat
                .rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// SIGCONT.
    pub async fn resume(&self) {
        signal("CONT", self.id()).await;
    }
}

async fn signal(name: &str, id: u32) {
    let kill = format!("kill -{name} {id}");
    let sent = Command::new("sh")
        .args(["-c", &kill])
        .status()
        .await
        .expect("a shell");
    assert!(sent.success(), "{kill}");
}

/// Not a test: what a child runs.
#[test]
#[ignore = "the process that other tests start, kill and stop"]
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
    runtime.block_on(async {
        let url = task["url"].as_str().expect("a URL");
        match url.split(':').next() {
            Some("postgres") => {
                run(
                    sqlx::Postgres::connect(url).await,
                    Dialect::Postgres,
                    &task,
                    None,
                )
                .await
            }
            Some("mysql") => {
                run(
                    sqlx::MySql::connect(url).await,
                    Dialect::Mariadb,
                    &task,
                    None,
                )
                .await
            }
            _ => {
                let points = Points::new(&task);
                run(
                    sqlite(url, points.clone()),
                    Dialect::Sqlite,
                    &task,
                    Some(points),
                )
                .await;
            }
        }
    });
}

fn say(what: Value) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{what}").expect("standard output");
    out.flush().expect("standard output");
}

async fn run<E: Engine>(
    pool: sqlx::Pool<E>,
    dialect: Dialect,
    task: &Value,
    points: Option<Arc<Points>>,
) {
    let course = match task["course"].as_str() {
        Some("Up") => Course::Up,
        Some("UpInOne") => Course::UpInOne,
        _ => Course::Down,
    };
    let files = match task["files"].as_str() {
        Some(folder) => limbeck::Migrations::from_dir(folder).expect("the files"),
        None => course.files(dialect),
    };
    let duration = |name: &str| Duration::from_millis(task[name].as_u64().expect("a time"));
    let migrator = E::migrator(&pool, files)
        .transaction_mode(course.mode())
        .lease(duration("lease_ms"))
        .lock_wait(duration("lock_wait_ms"))
        .on_event(move |event| {
            if let Event::Waiting { holder, .. } = event {
                say(json!({ "waiting": holder.to_string() }));
            }
            if let Some(points) = &points {
                points.pass(match event {
                    Event::Planned { .. } => "planned",
                    Event::StepStarted { .. } => "step started",
                    Event::StatementDone { .. } => "statement done",
                    Event::BatchDone { .. } => "batch done",
                    Event::StepFinished { .. } => "step finished",
                    _ => return,
                });
            }
        });
    say(json!({ "begins": std::process::id() }));
    let result = follow(&migrator, course).await;
    say(json!({ "result": match &result {
        Ok(report) => json!({ "heads": report.current, "steps": report.steps.len() }),
        Err(error) => json!({ "kind": error.kind(), "text": chain(error), "revision": error.revision() }),
    }}));
}

/// An error's text, and its causes'.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Places inside SQLite where a run can be held: there is no wire to hold it on.
#[derive(Debug)]
struct Points {
    /// How often the run came by each.
    passed: Mutex<HashMap<String, usize>>,
    stop_at: Option<Point>,
    tells: bool,
}

impl Points {
    fn new(task: &Value) -> Arc<Points> {
        let stop_at = task["stop_at"].as_array().map(|point| {
            let place = point[0].as_str().expect("a place").to_owned();
            let number = point[1].as_u64().expect("a number");
            (place, usize::try_from(number).expect("a small number"))
        });
        Arc::new(Points {
            passed: Mutex::default(),
            stop_at,
            tells: task["tells_points"] == true,
        })
    }

    /// Counts a place, and waits there if it is the one.
    fn pass(&self, place: &str) {
        let point = {
            let mut passed = self.passed.lock().expect("the counts");
            let count = passed.entry(place.to_owned()).or_default();
            *count += 1;
            (place.to_owned(), *count)
        };
        if self.tells {
            say(json!({ "point": point }));
        }
        if self.stop_at.as_ref() == Some(&point) {
            say(json!({ "held": place }));
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .expect("standard input");
        }
    }
}

/// The points of a course on SQLite, in the order in which an undisturbed run passes them.
pub async fn points(url: &str, course: Course) -> Vec<Point> {
    let task = Task {
        tells_points: true,
        ..Task::new(url, course)
    };
    let mut child = task.start();
    let mut points = Vec::new();
    while let Some(said) = child.says().await {
        assert!(said["result"].get("kind").is_none(), "{said}");
        if let Some(point) = said.get("point") {
            points.push(serde_json::from_value(point.clone()).expect("a point"));
        }
    }
    points
}

/// A pool whose connections pass a point with every row that they write, with every commit, and every now and
/// then inside a statement.
fn sqlite(url: &str, points: Arc<Points>) -> sqlx::SqlitePool {
    /// Few enough that a `CREATE TABLE` has a point inside it.
    const INSTRUCTIONS: i32 = 40;
    let options: SqliteConnectOptions = url.parse().expect("a URL");
    SqlitePoolOptions::new()
        .max_connections(3)
        .after_connect(move |connection, _| {
            let points = points.clone();
            Box::pin(async move {
                let mut handle = connection.lock_handle().await?;
                let (rows, commits, steps) = (points.clone(), points.clone(), points);
                handle.set_update_hook(move |change| {
                    let verb = match change.operation {
                        SqliteOperation::Insert => "insert",
                        SqliteOperation::Update => "update",
                        _ => "delete",
                    };
                    rows.pass(&format!("{verb} {}", change.table));
                });
                handle.set_commit_hook(move || {
                    commits.pass("commit");
                    true
                });
                handle.set_progress_handler(INSTRUCTIONS, move || {
                    steps.pass("statement");
                    true
                });
                Ok(())
            })
        })
        .connect_lazy_with(options)
}
