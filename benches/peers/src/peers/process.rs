//! The peers that are programs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{Kind, Peer, Ready};
use crate::database::Database;
use crate::task::{Set, Task};

/// Its output is shown where it fails.
fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} did not start"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A folder of files, written once.
fn folder(path: PathBuf, write: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    if !path.exists() {
        fs::create_dir_all(&path)?;
        write(&path).with_context(|| path.display().to_string())?;
    }
    Ok(path)
}

/// Its revisions say the same SQL by `op.execute`. What Python compiles of them is kept, as Alembic does.
pub struct Alembic {
    python: String,
    scratch: PathBuf,
}

impl Alembic {
    pub fn new(python: String, scratch: &Path) -> Alembic {
        Alembic {
            python,
            scratch: scratch.join("alembic"),
        }
    }

    fn project(&self, set: Set) -> Result<PathBuf> {
        folder(self.scratch.join(set.name()), |project| {
            fs::write(
                project.join("alembic.ini"),
                "[alembic]\nscript_location = %(here)s\n",
            )?;
            fs::write(
                project.join("env.py"),
                "import os\n\
                 from alembic import context\n\
                 from sqlalchemy import create_engine, pool\n\n\
                 engine = create_engine(os.environ[\"PEERS_URL\"], poolclass=pool.NullPool)\n\
                 with engine.connect() as connection:\n    \
                     context.configure(connection=connection, target_metadata=None)\n    \
                     with context.begin_transaction():\n        \
                         context.run_migrations()\n",
            )?;
            let versions = project.join("versions");
            fs::create_dir(&versions)?;
            let mut down = "None".to_owned();
            for revision in set.revisions() {
                let name = &revision.name;
                // One statement to a call: Python's driver of SQLite takes no more.
                let calls: String = revision
                    .sql
                    .lines()
                    .map(|statement| format!("    op.execute({statement:?})\n"))
                    .collect();
                fs::write(
                    versions.join(format!("{name}.py")),
                    format!(
                        "from alembic import op\n\nrevision = {name:?}\ndown_revision = {down}\n\n\n\
                         def upgrade():\n{calls}"
                    ),
                )?;
                down = format!("{name:?}");
            }
            Ok(())
        })
    }
}

impl Peer for Alembic {
    fn key(&self) -> &'static str {
        "alembic"
    }

    fn name(&self, _: &Database) -> &'static str {
        "Alembic"
    }

    fn kind(&self) -> Kind {
        Kind::Process
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let url = match database {
            Database::Postgres { .. } => {
                database
                    .url()
                    .replacen("postgres://", "postgresql+psycopg2://", 1)
            }
            // An absolute path comes after three slashes.
            Database::Sqlite { path } => format!("sqlite:///{}", path.display()),
        };
        let mut command = Command::new(&self.python);
        command
            .args(["-m", "alembic", "upgrade", "head"])
            .current_dir(self.project(task.set)?)
            .env("PEERS_URL", url);
        Ok(Ready::new(move || run(&mut command)))
    }
}

/// The schema that it writes to a file after each run, by `pg_dump`, is left out.
pub struct Dbmate {
    program: String,
    scratch: PathBuf,
}

impl Dbmate {
    pub fn new(program: String, scratch: &Path) -> Dbmate {
        Dbmate {
            program,
            scratch: scratch.join("dbmate"),
        }
    }

    fn migrations(&self, set: Set) -> Result<PathBuf> {
        folder(self.scratch.join(set.name()), |folder| {
            for revision in set.revisions() {
                fs::write(
                    folder.join(format!("{:05}_{}.sql", revision.number, revision.name)),
                    format!("-- migrate:up\n{}\n-- migrate:down\n", revision.sql),
                )?;
            }
            Ok(())
        })
    }
}

impl Peer for Dbmate {
    fn key(&self) -> &'static str {
        "dbmate"
    }

    fn name(&self, _: &Database) -> &'static str {
        "dbmate"
    }

    fn kind(&self) -> Kind {
        Kind::Process
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let url = match database {
            // It insists on TLS unless it is told.
            Database::Postgres { .. } => format!("{}?sslmode=disable", database.url()),
            Database::Sqlite { path } => format!("sqlite:{}", path.display()),
        };
        let mut command = Command::new(&self.program);
        command
            .arg("--url")
            .arg(url)
            .arg("--migrations-dir")
            .arg(self.migrations(task.set)?)
            .args(["--no-dump-schema", "migrate"])
            .current_dir(&self.scratch);
        Ok(Ready::new(move || run(&mut command)))
    }
}

/// The database's own client with the pending statements in one transaction: the floor. It keeps no record, so
/// that where nothing is pending it asks `SELECT 1`.
pub struct Client {
    scratch: PathBuf,
}

impl Client {
    pub fn new(scratch: &Path) -> Client {
        Client {
            scratch: scratch.join("client"),
        }
    }

    fn script(&self, task: Task) -> Result<PathBuf> {
        fs::create_dir_all(&self.scratch)?;
        let path = self
            .scratch
            .join(format!("{}-{}.sql", task.set.name(), task.applied));
        let pending: String = task
            .pending()
            .iter()
            .map(|revision| revision.sql.as_str())
            .collect();
        let pending = if pending.is_empty() {
            "SELECT 1;\n".to_owned()
        } else {
            pending
        };
        fs::write(&path, pending)?;
        Ok(path)
    }
}

impl Peer for Client {
    fn key(&self) -> &'static str {
        "client"
    }

    fn name(&self, database: &Database) -> &'static str {
        match database {
            Database::Postgres { .. } => "`psql -1`",
            Database::Sqlite { .. } => "`sqlite3`, one transaction",
        }
    }

    fn kind(&self) -> Kind {
        Kind::Process
    }

    fn ready(&self, database: &Database, task: Task) -> Result<Ready> {
        let script = self.script(task)?;
        match database {
            Database::Postgres { .. } => {
                let mut command = Command::new("psql");
                command
                    .args(["-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f"])
                    .arg(script)
                    .arg(database.url());
                Ok(Ready::new(move || run(&mut command)))
            }
            Database::Sqlite { path } => {
                let text = fs::read_to_string(&script)?;
                fs::write(&script, format!("BEGIN IMMEDIATE;\n{text}COMMIT;\n"))?;
                let path = path.clone();
                Ok(Ready::new(move || {
                    let script = Stdio::from(File::open(&script)?);
                    run(Command::new("sqlite3")
                        .arg("-bail")
                        .arg(&path)
                        .stdin(script))
                }))
            }
        }
    }
}
