//! The SQL that Alembic writes for a revision, step by step.

use std::io::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use limbeck::Dialect;
use limbeck::revision::Mode;
use limbeck::sql::{self, Class, Statement};
use serde::Deserialize;

use super::error::ImportError;
use super::found::one_line;
use super::project::Project;

/// Runs in the project's own Python.
const SCRIPT: &str = include_str!("offline.py");

/// A Python that has alembic, and the project that it works on.
pub(super) struct Alembic<'p> {
    python: PathBuf,
    project: &'p Project,
}

/// A revision, and one of its parents.
pub(super) struct Asked {
    pub revision: String,
    pub down: Option<String>,
}

/// One direction of a revision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub sql: String,
    pub mode: Mode,
    pub dialect: Dialect,
}

/// Upgrade and downgrade, or why there is none.
type Answers = [Result<Rendered, String>; 2];

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

    /// What each revision does, in the order in which they are asked for.
    pub(super) fn bodies(
        &self,
        asked: &[Asked],
        wanted: Option<Dialect>,
    ) -> Result<Vec<Answers>, ImportError> {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let steps: Vec<_> = asked.iter().map(|one| (&one.revision, &one.down)).collect();
        let order = serde_json::json!({
            "home": absolute(self.project.home()),
            "ini": self.project.ini.as_deref().map(absolute),
            "scripts": absolute(&self.project.scripts),
            "url": wanted.map(url),
            "steps": steps,
        });
        let failed = |problem: String| ImportError::NoAlembic {
            path: self.python.clone(),
            problem,
        };
        let mut child = self
            .command()
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
        let answers: Vec<Answer> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        if !output.status.success() || answers.len() != asked.len() {
            return Err(failed(last_line(&output.stderr)));
        }
        answers
            .into_iter()
            .zip(asked)
            .map(|(answer, asked)| {
                Ok([
                    answer.upgrade.body("upgrade", &asked.revision, wanted)?,
                    answer
                        .downgrade
                        .body("downgrade", &asked.revision, wanted)?,
                ])
            })
            .collect()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.python);
        command
            .args(["-c", SCRIPT])
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
        .args(["-c", "import alembic"])
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

/// What SQLAlchemy knows the database by, without a place to connect to.
fn url(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "sqlite://",
        Dialect::Postgres => "postgresql://",
        Dialect::Mariadb => "mariadb://",
        _ => "mysql://",
    }
}

#[derive(Deserialize)]
struct Answer {
    upgrade: Script,
    downgrade: Script,
}

/// Either an error, or the rest.
#[derive(Deserialize)]
struct Script {
    error: Option<String>,
    #[serde(default)]
    sql: String,
    #[serde(default)]
    dialect: String,
    #[serde(default)]
    table: String,
}

impl Script {
    fn body(
        self,
        direction: &str,
        revision: &str,
        wanted: Option<Dialect>,
    ) -> Result<Result<Rendered, String>, ImportError> {
        if let Some(error) = self.error {
            return Ok(Err(one_line(&error)));
        }
        let Ok(dialect) = (match &*self.dialect {
            "postgresql" => Ok(Dialect::Postgres),
            other => other.parse(),
        }) else {
            return Ok(Err(format!(
                "its SQL is for {}, which limbeck does not speak",
                self.dialect
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
        Ok(cut(&self.sql, direction, revision, dialect, &self.table))
    }
}

/// One step's own statements, out of a script that moves the version table too and may hold other steps.
fn cut(
    script: &str,
    direction: &str,
    revision: &str,
    dialect: Dialect,
    table: &str,
) -> Result<Rendered, String> {
    let block = block(script, direction, revision)
        .ok_or_else(|| "its script does not hold this step".to_owned())?;
    let statements = sql::split(dialect, block).map_err(|error| error.to_string())?;
    let is_transaction = |statement: &Statement<'_>| {
        matches!(
            sql::classify(dialect, statement.text()).class(),
            Class::Transaction(_)
        )
    };
    // Behind the step's own come the version table's, and behind these what ends the transaction.
    let mut own = statements.len();
    while own > 0 && is_transaction(&statements[own - 1]) {
        own -= 1;
    }
    let end = own;
    while own > 0 && moves_version(statements[own - 1].text(), table) {
        own -= 1;
    }
    if own == end {
        return Err("its script does not end in the version table's row".to_owned());
    }
    // `autocommit_block()`: out of the transaction and in again.
    let is_autocommit = statements[..own].iter().any(is_transaction);
    let mut gone: Vec<Range<usize>> = statements[..own]
        .iter()
        .filter(|statement| is_transaction(statement))
        .map(|statement| statement.span().start..statement.piece_span().end)
        .collect();
    gone.push(statements[own].span().start..block.len());
    let mut sql = String::new();
    let mut kept = 0;
    for gone in gone {
        sql += &block[kept..gone.start];
        // With the line breaks behind it, so that no gap stays.
        let rest = &block[gone.end..];
        kept = gone.end + (rest.len() - rest.trim_start_matches('\n').len());
    }
    Ok(Rendered {
        sql: sql.trim().to_owned(),
        mode: if is_autocommit {
            Mode::Autocommit
        } else {
            Mode::Transactional
        },
        dialect,
    })
}

/// What stands below the comment that begins the step, up to the next such comment.
fn block<'s>(script: &'s str, direction: &str, revision: &str) -> Option<&'s str> {
    let begins = format!("-- Running {direction} ");
    let is_this = |line: &str| {
        let Some(ends) = line.strip_prefix(&*begins) else {
            return false;
        };
        let (from, to) = ends.split_once(" -> ").unwrap_or((ends, ""));
        let own = if direction == "upgrade" { to } else { from };
        own.trim() == revision
    };
    let mut start = None;
    let mut at = 0;
    for line in script.split_inclusive('\n') {
        if let Some(start) = start
            && line.starts_with(&*begins)
        {
            return Some(&script[start..at]);
        }
        at += line.len();
        if is_this(line) {
            start = Some(at);
        }
    }
    start.map(|start| &script[start..])
}

/// Whether a statement is one of those by which Alembic moves its heads.
fn moves_version(statement: &str, table: &str) -> bool {
    let words = statement.to_ascii_uppercase();
    ["INSERT INTO ", "UPDATE ", "DELETE FROM "]
        .iter()
        .any(|verb| words.starts_with(verb))
        && statement.contains(table)
        && statement.contains("version_num")
}
