//! The SQL that Alembic writes for a revision, step by step.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use limbeck::Dialect;
use limbeck::revision::{Mode, SectionKind};
use limbeck::sql::{self, Class, Statement};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ImportError;
use super::found::one_line;
use super::online::{self, Ran};
use super::project::{Project, absolute};

/// Runs in the project's own Python.
const SCRIPT: &str = concat!(include_str!("project.py"), "\n", include_str!("offline.py"));

/// A Python that has alembic, and the project that it works on.
pub(super) struct Alembic<'p> {
    python: PathBuf,
    project: &'p Project,
}

/// One direction of a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rendered {
    pub sql: String,
    pub mode: Mode,
    pub dialect: Dialect,
}

/// Why a direction has no SQL that could be run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Open {
    pub reason: String,
    /// The step's output, and the statements that it sent before.
    pub seen: String,
}

impl Open {
    pub(super) fn new(reason: &str, seen: &[&str]) -> Open {
        Open {
            reason: one_line(reason),
            seen: seen
                .iter()
                .map(|text| text.trim())
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n"),
        }
    }
}

/// A revision as Alembic knows it.
#[derive(Debug, Deserialize)]
pub(super) struct Known {
    pub revision: String,
    /// Without links.
    pub path: PathBuf,
    pub down_revision: Vec<String>,
    pub branch_labels: Vec<String>,
    pub depends_on: Vec<String>,
    pub doc: Option<String>,
    upgrade: Option<Script>,
    downgrade: Option<Script>,
}

impl Known {
    /// The statements of a direction. None: the revision has no such function.
    pub(super) fn body(
        &self,
        kind: SectionKind,
        dialect: Dialect,
    ) -> Option<Result<Rendered, Open>> {
        self.script(kind).map(|script| script.body(dialect))
    }

    /// True if a direction asks whether it runs offline, and may then leave something out.
    pub(super) fn asks_offline(&self, kind: SectionKind) -> bool {
        self.script(kind).is_some_and(|script| script.asked_offline)
    }

    fn script(&self, kind: SectionKind) -> Option<&Script> {
        match kind {
            SectionKind::Upgrade => self.upgrade.as_ref(),
            _ => self.downgrade.as_ref(),
        }
    }
}

/// A whole project, parents first.
pub(super) struct Answers {
    pub dialect: Dialect,
    pub revisions: Vec<Known>,
    /// The number of times that env.py runs the migrations: for several databases or schemas.
    pub runs: usize,
}

impl<'p> Alembic<'p> {
    /// The Python that is named, which has to have alembic; or else the one in the PATH, if that has it.
    pub(super) fn find(
        named: Option<&Path>,
        project: &'p Project,
    ) -> Result<Option<Self>, ImportError> {
        let with = |python: PathBuf| Alembic { python, project };
        if let Some(python) = named {
            // Where the process is to be started from is another folder.
            let python = std::path::absolute(python)
                .ok()
                .filter(|path| path.exists())
                .unwrap_or_else(|| python.to_owned());
            return match has_alembic(&python) {
                Ok(()) => Ok(Some(with(python))),
                Err(problem) => Err(ImportError::NoAlembic {
                    path: python,
                    problem,
                }),
            };
        }
        let in_path = ["python3", "python"].map(PathBuf::from);
        Ok(in_path
            .into_iter()
            .find(|python| has_alembic(python).is_ok())
            .map(with))
    }

    /// Every revision that Alembic finds, and what it does offline.
    pub(super) fn ask(&self, wanted: Option<Dialect>) -> Result<Answers, ImportError> {
        let document: Document = self.answer(SCRIPT, wanted, serde_json::json!({}))?;
        let project = |problem: &str| ImportError::ProjectFailed {
            path: self.python.clone(),
            problem: one_line(problem),
        };
        if let Some(problem) = document.failed {
            return Err(project(&problem));
        }
        if let Some(problem) = all_missing(&document.revisions) {
            return Err(project(problem));
        }
        let Some(dialect) = Dialect::ALL
            .into_iter()
            .find(|dialect| backend(*dialect) == document.dialect)
        else {
            return Err(project(&format!(
                "its SQL is for {}, which limbeck does not speak",
                document.dialect
            )));
        };
        // The servers are two, the language of these is one.
        if wanted.is_some_and(|wanted| {
            wanted != dialect && !(wanted.is_mysql_family() && dialect.is_mysql_family())
        }) {
            return Err(ImportError::OtherDialect {
                wanted: wanted.map_or("", Dialect::name).to_owned(),
                found: dialect.name().to_owned(),
            });
        }
        Ok(Answers {
            dialect,
            revisions: document.revisions,
            runs: document.runs,
        })
    }

    /// Runs each step on an empty database: that of the URL, or a new file for SQLite.
    pub(super) fn run(&self, dialect: Dialect, scratch: Option<&str>) -> Result<Ran, ImportError> {
        let order = serde_json::json!({ "dialect": backend(dialect), "scratch": scratch });
        self.answer(online::SCRIPT, None, order)
    }

    fn answer<A: DeserializeOwned>(
        &self,
        script: &str,
        dialect: Option<Dialect>,
        more: serde_json::Value,
    ) -> Result<A, ImportError> {
        let order = serde_json::json!({
            "home": absolute(self.project.home()),
            "ini": self.project.ini.as_deref().map(absolute),
            "config": self.project.config(),
            "scripts": absolute(&self.project.scripts),
            // SQLAlchemy takes one without a place to connect to.
            "url": dialect.map(|dialect| format!("{}://", backend(dialect))),
            "more": more,
        });
        let failed = |problem: String| ImportError::NoAlembic {
            path: self.python.clone(),
            problem,
        };
        let mut child = self
            .command(script)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        // A Python that ends before it has read the order says why.
        let mut stdin = child.stdin.take().expect("it is piped");
        let order = order.to_string();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                let _ = stdin.write_all(order.as_bytes());
            });
            child.wait_with_output()
        });
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(last_line(&output.stderr)));
        }
        let answer = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&answer).map_err(|_| failed(last_line(&output.stderr)))
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.python);
        command
            .args(["-c", script])
            // As `python -m alembic` finds the project's own modules.
            .current_dir(self.project.home())
            // The source is not written to, not even by Python.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn has_alembic(python: &Path) -> Result<(), String> {
    let output = Command::new(python)
        // The current folder may hold one of the project's that has this name.
        .args(["-c", "import sys; sys.path[:1] = []; import alembic.config"])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(last_line(&output.stderr))
    }
}

fn last_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    last.unwrap_or("it ended without a word").trim().to_owned()
}

/// SQLAlchemy's name of the database.
fn backend(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "postgresql",
        other => other.name(),
    }
}

/// The script's answer.
#[derive(Deserialize)]
struct Document {
    failed: Option<String>,
    #[serde(default)]
    dialect: String,
    #[serde(default)]
    revisions: Vec<Known>,
    #[serde(default)]
    runs: usize,
}

/// The run of one function.
#[derive(Debug, Deserialize)]
struct Script {
    error: Option<String>,
    /// The error is that a module is missing.
    #[serde(default)]
    is_import: bool,
    sql: String,
    asked_offline: bool,
    printed: String,
    does_nothing: bool,
}

/// The error, if every revision lacks a module: then it is not the revisions that are wrong.
fn all_missing(revisions: &[Known]) -> Option<&str> {
    let mut scripts = revisions
        .iter()
        .flat_map(|one| &one.upgrade)
        .filter(|script| !script.does_nothing)
        .peekable();
    let first = scripts.peek()?.error.as_deref()?;
    scripts
        .all(|script| script.is_import && script.error.is_some())
        .then_some(first)
}

impl Script {
    fn body(&self, dialect: Dialect) -> Result<Rendered, Open> {
        let open = |reason: String| Open::new(&reason, &[&self.printed, &self.sql]);
        if let Some(error) = &self.error {
            return Err(open(error.clone()));
        }
        let (rendered, is_empty) = without_transactions(&self.sql, dialect).map_err(open)?;
        if is_empty && !self.does_nothing {
            return Err(open(
                "its Python is not empty, and it sent no statement".to_owned(),
            ));
        }
        Ok(rendered)
    }
}

/// The statements without those of `autocommit_block()`, which leaves the transaction and begins the next; and whether
/// none are left.
pub(super) fn without_transactions(
    script: &str,
    dialect: Dialect,
) -> Result<(Rendered, bool), String> {
    let statements = sql::split(dialect, script).map_err(|error| error.to_string())?;
    let is_transaction = |statement: &Statement<'_>| {
        matches!(
            sql::classify(dialect, statement.text()).class(),
            Class::Transaction(_)
        )
    };
    let gone: Vec<Range<usize>> = statements
        .iter()
        .filter(|statement| is_transaction(statement))
        .map(|statement| statement.span().start..statement.piece_span().end)
        .collect();
    let mut sql = String::new();
    let mut kept = 0;
    for gone in &gone {
        sql += &script[kept..gone.start];
        // With the line breaks behind it, so that no gap stays.
        let rest = &script[gone.end..];
        kept = gone.end + (rest.len() - rest.trim_start_matches('\n').len());
    }
    sql += &script[kept..];
    let rendered = Rendered {
        sql: sql.trim().to_owned(),
        mode: if gone.is_empty() {
            Mode::Transactional
        } else {
            Mode::Autocommit
        },
        dialect,
    };
    Ok((rendered, statements.len() == gone.len()))
}
