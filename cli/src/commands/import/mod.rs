//! `import`: another tool's migrations become revision files.
//!
//! A revision's id is the version as the other tool's own table holds it, so that importing twice gives the
//! same ids: Alembic's ids as they are, sqlx's and refinery's number in decimal without leading zeros, diesel's
//! digits without dashes. The files keep their names. What Alembic does not say by its ids, the last line of
//! the message does: [`Origin`](super::origin::Origin).

mod alembic;
mod diesel;
mod error;
mod found;
mod offline;
mod online;
mod project;
mod python;
mod refinery;
mod sqlx;

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use limbeck::migrations::MigrationsError;
use limbeck::revision::SectionKind;
use limbeck::{Dialect, Migrations, Revision};
use serde::Serialize;

use self::error::ImportError;
use self::found::{Found, LeftOut, Migration, Sql, entries, one_line, unreadable};
use super::origin::Tool;
use crate::call::{Call, Exit, Run};
use crate::context::Subfolders;
use crate::error::CliError;
use crate::files::Folder;
use crate::options::Uses;
use crate::redact::Redactor;

/// Turn another tool's migrations into revision files.
#[derive(Clone, Args)]
#[command(
    after_help = "Nothing in DIR is changed. Alembic's revisions keep their ids; other tools' have their version as id \
    and form a chain. A step that limbeck cannot run as it stands is written as a comment, named in the answer with \
    the reason, and does not run until it is filled in.\n\n\
    For alembic the project's Python is run: env.py, each file of its versions with all that it imports, and their \
    upgrade() and downgrade(), once offline and once on a scratch database. They can do whatever you can: read your \
    files, reach the network, delete. Import a project that you do not trust in a container, or without a Python that \
    has alembic, which runs nothing.\n\n\
    Example:\n  limbeck import sqlx ./migrations --dir revisions"
)]
#[non_exhaustive]
pub struct ImportArgs {
    /// The tool that DIR belongs to.
    #[arg(value_name = "TOOL")]
    pub tool: Tool,

    /// The folder of its migrations; for alembic the one with alembic.ini, or the script location.
    #[arg(value_name = "DIR")]
    pub source: PathBuf,

    /// The database that the SQL is for: sections are marked with it, and read as it reads them. Default: none
    /// in particular; for alembic what sqlalchemy.url says.
    #[arg(long, value_name = "NAME")]
    pub dialect: Option<Dialect>,

    /// alembic: a Python that has alembic. Default: python3 or python, from the PATH.
    #[arg(long, value_name = "PATH")]
    pub python: Option<PathBuf>,

    /// alembic: an empty database of the project's kind, where each step is run to see what it sends; what they make
    /// stays there. Default: for SQLite a new file, removed again; for other databases none, and the SQL is what alembic
    /// writes offline.
    #[arg(long, value_name = "URL")]
    pub scratch_url: Option<String>,

    /// alembic: run the steps on no database; the SQL is what alembic writes offline.
    #[arg(long, conflicts_with = "scratch_url")]
    pub offline: bool,
}

impl fmt::Debug for ImportArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportArgs")
            .field("tool", &self.tool)
            .field("source", &self.source)
            .field("dialect", &self.dialect)
            .field("python", &self.python)
            .field("scratch_url", &Redactor::url(self.scratch_url.as_deref()))
            .field("offline", &self.offline)
            .finish()
    }
}

/// What was written.
#[derive(Debug, Serialize)]
struct ImportDocument {
    tool: &'static str,
    dir: PathBuf,
    /// Parents and dependencies first.
    revisions: Vec<Written>,
    left_out: Vec<LeftOut>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Written {
    revision: String,
    path: PathBuf,
    source: PathBuf,
    message: String,
    /// The sections that do not run until somebody fills them in.
    fill_in: Vec<FillIn>,
}

#[derive(Debug, Serialize)]
struct FillIn {
    section: SectionName,
    reason: String,
}

/// As a file has it, without the `@`.
#[derive(Debug)]
struct SectionName(SectionKind);

impl Serialize for SectionName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl Run for ImportArgs {
    const USES: Uses = Uses::Files;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let folder = call.context.folder().ok_or(ImportError::NoFolder)?;
        // A folder that is not there is told before what it should hold.
        if !(self.tool == Tool::Alembic && self.source.is_file()) {
            entries(&self.source)?;
        }
        apart(self, folder)?;
        let mut found = read(self)?;
        for migration in &mut found.migrations {
            for body in &mut migration.bodies {
                let is_open = matches!(body.sql, Sql::Verbatim(_));
                body.dialect = body.dialect.or(self.dialect.filter(|_| is_open));
                body.unwrap();
                body.keep_referring_rows();
                body.open_if_refused();
            }
        }
        if let Some(note) = own_table_note(self.tool, &found.migrations) {
            found.notes.push(note);
        }
        let files = files(&found.migrations, folder)?;
        checked(&files, folder, call.context.subfolders())?;
        // Nothing is made before all is found right; and another process may have written since.
        let locked = Folder::create(folder)?;
        let order = checked(&files, folder, call.context.subfolders())?;
        // Parents first: who reads the folder meanwhile finds no revision without them.
        let texts: Vec<(PathBuf, String)> = order
            .iter()
            .map(|&index| (folder.join(&files[index].name), files[index].text.clone()))
            .collect();
        locked.add_all(&texts)?;
        let document = ImportDocument {
            tool: self.tool.name(),
            dir: folder.to_owned(),
            revisions: order
                .into_iter()
                .map(|index| files[index].written())
                .collect(),
            left_out: found.left_out,
            notes: found.notes,
        };
        call.output.answer(&document, || text(&document))?;
        Ok(Exit::Done)
    }

    fn scratch_url(&self) -> Option<&str> {
        self.scratch_url.as_deref()
    }
}

/// A fresh database has no table of the old tool's.
fn own_table_note(tool: Tool, migrations: &[Migration]) -> Option<String> {
    let table = tool.table();
    let names: Vec<String> = migrations
        .iter()
        .filter(|migration| {
            let mut bodies = migration.bodies.iter();
            bodies.any(|body| body.sql_text().is_some_and(|text| text.contains(table)))
        })
        .map(|migration| found::name(&migration.source))
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "{table} is named in {}, and a fresh database has no such table: take the statement out, or create the \
             table in a revision before",
            names.join(", ")
        )
    })
}

fn read(args: &ImportArgs) -> Result<Found, ImportError> {
    let source = &*args.source;
    let found = match args.tool {
        Tool::Alembic => alembic::read(args),
        Tool::Sqlx => sqlx::read(source),
        Tool::Diesel => diesel::read(source),
        Tool::Refinery => refinery::read(source),
    }?;
    if found.migrations.is_empty() {
        return Err(ImportError::NoMigrations {
            path: source.to_owned(),
            tool: args.tool,
            hint: alembic::hint(source, args.tool),
        });
    }
    Ok(found)
}

/// What is read is never written to, so that the old tool goes on working.
fn apart(args: &ImportArgs, folder: &Path) -> Result<(), ImportError> {
    let read = match args.tool {
        Tool::Alembic => project::Project::locate(&args.source)?.folders(),
        _ => vec![args.source.clone()],
    };
    // A folder that is not there yet is in one that is.
    let above = std::path::absolute(folder)
        .map_err(unreadable(folder))?
        .ancestors()
        .find_map(|above| above.canonicalize().ok());
    for read in read {
        // One that is not there is told when it is read.
        if let Ok(read) = read.canonicalize()
            && above
                .as_deref()
                .is_some_and(|above| above.starts_with(&read))
        {
            return Err(ImportError::SameFolder {
                path: folder.to_owned(),
            });
        }
    }
    Ok(())
}

/// A file to be written.
struct NewFile<'f> {
    name: String,
    path: PathBuf,
    text: String,
    migration: &'f Migration,
}

impl NewFile<'_> {
    fn written(&self) -> Written {
        let fill_in = self
            .migration
            .bodies
            .iter()
            .filter_map(|body| match &body.sql {
                Sql::FillIn { reason, .. } => Some(FillIn {
                    section: SectionName(body.kind),
                    reason: one_line(reason),
                }),
                _ => None,
            });
        Written {
            revision: self.migration.id.clone(),
            path: self.path.clone(),
            source: self.migration.source.clone(),
            message: self
                .migration
                .message
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            fill_in: fill_in.collect(),
        }
    }
}

fn files<'f>(migrations: &'f [Migration], folder: &Path) -> Result<Vec<NewFile<'f>>, ImportError> {
    let mut names: HashSet<String> = HashSet::new();
    let mut ids: HashMap<&str, &Path> = HashMap::new();
    let mut files = Vec::with_capacity(migrations.len());
    for migration in migrations {
        if let Some(other) = ids.insert(&migration.id, &migration.source) {
            return Err(ImportError::source(
                &migration.source,
                format!(
                    "revision {} is in {} already",
                    migration.id,
                    other.display()
                ),
            ));
        }
        // Several folders of revisions may hold files of one name.
        let mut name = format!("{}.sql", migration.stem);
        if !names.insert(name.to_lowercase()) {
            name = format!("{}_{}.sql", migration.stem, migration.id);
            names.insert(name.to_lowercase());
        }
        files.push(NewFile {
            path: folder.join(&name),
            name,
            text: found::text(migration)?,
            migration,
        });
    }
    Ok(files)
}

/// Reads what would be written together with what is there, and gives the files in the graph's order.
fn checked(
    files: &[NewFile<'_>],
    folder: &Path,
    subfolders: Subfolders,
) -> Result<Vec<usize>, CliError> {
    let mut revisions = Vec::with_capacity(files.len());
    for file in files {
        let path = file.path.to_string_lossy().into_owned();
        revisions.push(Revision::parse(path, file.text.clone()).map_err(|error| {
            ImportError::Refused {
                path: file.migration.source.clone(),
                line: None,
                kind: Box::new(error.kind().clone()),
            }
        })?);
    }
    if folder.exists() {
        let there = subfolders.read(folder)?;
        for revision in there.iter() {
            if files
                .iter()
                .any(|file| file.migration.id.eq_ignore_ascii_case(revision.id()))
            {
                return Err(ImportError::IsThere {
                    revision: revision.id().to_owned(),
                    path: PathBuf::from(revision.path()),
                }
                .into());
            }
        }
        revisions.extend(there.iter().cloned());
    }
    let migrations = Migrations::new(revisions).map_err(|error| match error {
        MigrationsError::Graph { path, error, .. } => {
            let file = files.iter().find(|file| file.path == Path::new(&path));
            ImportError::Graph {
                path: file
                    .map_or_else(|| PathBuf::from(path), |file| file.migration.source.clone()),
                error: *error,
            }
            .into()
        }
        other => CliError::from(other),
    })?;
    let places: HashMap<&str, usize> = files
        .iter()
        .enumerate()
        .map(|(index, file)| (&*file.migration.id, index))
        .collect();
    Ok(migrations
        .iter()
        .filter_map(|revision| places.get(revision.id()).copied())
        .collect())
}

fn text(document: &ImportDocument) -> String {
    let mut text = String::new();
    let mut open = 0;
    for written in &document.revisions {
        let _ = writeln!(
            text,
            "{}  {}, {}",
            written.path.display(),
            written.revision,
            written.message
        );
        for fill_in in &written.fill_in {
            let _ = writeln!(
                text,
                "    @{} is to be filled in: {}",
                fill_in.section.0.name(),
                fill_in.reason
            );
        }
        open += usize::from(!written.fill_in.is_empty());
    }
    for left_out in &document.left_out {
        let _ = writeln!(
            text,
            "left out: {}: {}",
            left_out.path.display(),
            left_out.reason
        );
    }
    for note in &document.notes {
        let _ = writeln!(text, "note: {note}");
    }
    let count = document.revisions.len();
    let _ = write!(
        text,
        "{count} revision{} imported",
        if count == 1 { "" } else { "s" }
    );
    if open > 0 {
        let _ = write!(
            text,
            ", {open} to be filled in before {} run",
            if open == 1 { "it can" } else { "they can" }
        );
    }
    text.push('\n');
    text
}
