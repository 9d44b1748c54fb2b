//! The desired schema, as `check` and `revision --autogenerate` take it, and the differences as they tell them.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use limbeck::autogenerate::{Autogenerate, Change, Class, Comparison, Filter, Pattern};
use limbeck::graph::RevisionId;
use limbeck::migrations::MigrationsError;
use limbeck::{Migrations, Status};
use serde::Serialize;

use crate::call::Call;
use crate::error::CliError;
use crate::paint;
use crate::redact::Redactor;

const DEFAULT: &str = "schema.sql";

/// What the database is compared with, and in what. `Debug` shows no password.
#[derive(Clone, Default, Args)]
#[non_exhaustive]
pub struct DesiredArgs {
    /// The file with the desired schema: SQL that builds it in an empty database; - is standard input. Or a folder: its
    /// .sql files, those of its folders too, in the order of their paths, or in that of the file named order in it.
    /// Default: schema.sql.
    #[arg(long, value_name = "PATH")]
    pub schema: Option<PathBuf>,

    /// An empty database to build the desired schema on, which is left empty again: where the role may not create
    /// databases. Default: one that is created and dropped again; in memory for SQLite.
    #[arg(long, value_name = "URL")]
    pub scratch_url: Option<String>,

    /// What is compared.
    #[command(flatten)]
    pub filter: FilterArgs,
}

/// A part of a schema.
#[derive(Debug, Clone, Default, Args)]
#[non_exhaustive]
pub struct FilterArgs {
    /// Take only what matches: a name, with * and ?, or KIND:NAME as in table:audit_*, schema:legacy, kind:trigger;
    /// may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<Pattern>,

    /// Leave out what matches, written as for --include; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<Pattern>,
}

impl FilterArgs {
    pub(super) fn filter(&self) -> Filter {
        let included = self.include.iter().cloned();
        let filter = included.fold(Filter::default(), Filter::include);
        self.exclude.iter().cloned().fold(filter, Filter::exclude)
    }
}

impl fmt::Debug for DesiredArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DesiredArgs")
            .field("schema", &self.schema)
            .field("scratch_url", &Redactor::url(self.scratch_url.as_deref()))
            .field("filter", &self.filter)
            .finish()
    }
}

impl DesiredArgs {
    /// An option that was given.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            ("--schema", self.schema.is_some()),
            ("--scratch-url", self.scratch_url.is_some()),
            ("--include", !self.filter.include.is_empty()),
            ("--exclude", !self.filter.exclude.is_empty()),
        ]
        .into_iter()
        .find_map(|(option, is_given)| is_given.then_some(option))
    }

    /// What people call the file.
    pub(super) fn shown(&self) -> String {
        match self.schema.as_deref() {
            None => DEFAULT.to_owned(),
            Some(path) if path == Path::new("-") => "<standard input>".to_owned(),
            Some(path) => path.display().to_string(),
        }
    }

    /// Reads the file, or those of the folder.
    pub(super) fn read(&self) -> Result<Autogenerate, CliError> {
        let path = self.schema.as_deref().unwrap_or(Path::new(DEFAULT));
        let desired = if path == Path::new("-") {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| unreadable(&self.shown(), error))?;
            Autogenerate::from_sql(text).path(self.shown())
        } else if path.is_dir() {
            Autogenerate::from_files(files(path)?)
        } else {
            Autogenerate::from_sql(text_of(path)?).path(self.shown())
        };
        Ok(self.set(desired))
    }

    /// With the scratch database and the filter that were given.
    pub(super) fn set(&self, desired: Autogenerate) -> Autogenerate {
        let desired = desired.filter(self.filter.filter());
        match &self.scratch_url {
            Some(url) => desired.scratch_url(url),
            None => desired,
        }
    }
}

/// The folder's revisions: none where there is no folder, for a database can be compared before it has any.
pub(super) fn migrations_if_any(call: &Call<'_>) -> Result<Migrations, CliError> {
    match call.context.migrations() {
        Err(MigrationsError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            Ok(Migrations::new([])?)
        }
        migrations => Ok(migrations?),
    }
}

fn unreadable(shown: &str, source: std::io::Error) -> CliError {
    let message =
        format!("the desired schema, {shown}, could not be read: --schema names another file");
    CliError::new("unreadable_schema", message).caused_by(source)
}

fn text_of(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| unreadable(&path.display().to_string(), error))
}

/// The file of a folder that says in which order its files are run: a path in a line, `#` begins a comment.
const ORDER: &str = "order";

/// The files of a folder with their texts. What begins with a dot is left alone, as in a folder of revisions.
fn files(folder: &Path) -> Result<Vec<(String, String)>, CliError> {
    let mut paths = Vec::new();
    sql_files(folder, &mut paths)?;
    paths.sort();
    let order = folder.join(ORDER);
    if order.is_file() {
        paths = in_order(folder, &text_of(&order)?, paths)?;
    }
    if paths.is_empty() {
        let shown = folder.display();
        let message = format!("the folder of the desired schema, {shown}, holds no .sql file");
        return Err(CliError::new("unreadable_schema", message));
    }
    let texts = paths
        .into_iter()
        .map(|path| Ok((path.display().to_string(), text_of(&path)?)));
    texts.collect()
}

fn sql_files(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let failed = |error| unreadable(&folder.display().to_string(), error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            sql_files(&path, paths)?;
        } else if name.ends_with(".sql") {
            paths.push(path);
        }
    }
    Ok(())
}

/// The files as the order file names them: each once, and none besides.
fn in_order(folder: &Path, order: &str, there: Vec<PathBuf>) -> Result<Vec<PathBuf>, CliError> {
    let mut paths: Vec<PathBuf> = Vec::with_capacity(there.len());
    let wrong = |number: Option<usize>, message: String| {
        let place = folder.join(ORDER);
        let line = number.map_or_else(String::new, |number| format!(":{number}"));
        let message = format!("{}{line}: {message}", place.display());
        Err(CliError::new("invalid_schema_order", message))
    };
    for (at, line) in order.lines().enumerate() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if name.is_empty() {
            continue;
        }
        let path = folder.join(name);
        if !there.contains(&path) {
            return wrong(
                Some(at + 1),
                format!("`{name}` is no .sql file of this folder"),
            );
        }
        if paths.contains(&path) {
            return wrong(Some(at + 1), format!("`{name}` is named twice"));
        }
        paths.push(path);
    }
    match there.iter().find(|path| !paths.contains(path)) {
        Some(path) => wrong(None, format!("{} is not named in it", path.display())),
        None => Ok(paths),
    }
}

/// A difference.
#[derive(Debug, Serialize)]
pub(super) struct ChangeDocument {
    pub kind: &'static str,
    pub subject: String,
    pub table: Option<String>,
    pub class: Class,
    pub reason: Option<String>,
    /// `revision` only: whether it is written as a comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<bool>,
}

impl ChangeDocument {
    pub(super) fn new(change: &Change) -> Self {
        ChangeDocument {
            kind: change.kind(),
            subject: change.subject(),
            table: change.table(),
            class: change.class(),
            reason: change.reason().map(str::to_owned),
            withheld: None,
        }
    }
}

/// Lines for people: the changes below their tables, then all others.
pub(super) fn listed(changes: &[Change]) -> String {
    let mut groups: BTreeMap<(bool, String), Vec<&Change>> = BTreeMap::new();
    for change in changes {
        let table = change.table();
        let key = (table.is_none(), table.unwrap_or_default());
        groups.entry(key).or_default().push(change);
    }
    let mut text = String::new();
    for ((is_of_none, table), changes) in groups {
        let heading = if is_of_none { "other objects" } else { &table };
        let _ = writeln!(text, "{heading}:");
        for change in changes {
            let line = change.to_string();
            let _ = match line
                .split_once(" (")
                .filter(|_| change.class() != Class::Safe)
            {
                Some((what, why)) => writeln!(text, "  {what} {}", paint::bad(&format!("({why}"))),
                None => writeln!(text, "  {line}"),
            };
        }
    }
    text
}

/// `3 changes lead from the database to schema.sql (1 lossy)`.
pub(super) fn counted(changes: &[Change], schema: &str) -> String {
    let of = |class: Class| {
        let changes = changes.iter().filter(|change| change.class() == class);
        changes.count()
    };
    let classes: Vec<String> = [Class::Lossy, Class::Manual]
        .into_iter()
        .filter(|class| of(*class) > 0)
        .map(|class| format!("{} {class}", of(class)))
        .collect();
    let lead = match changes.len() {
        1 => "1 change leads".to_owned(),
        n => format!("{n} changes lead"),
    };
    let classes = match classes.is_empty() {
        true => String::new(),
        false => format!(" ({})", classes.join(", ")),
    };
    format!("{lead} from the database to {schema}{classes}")
}

/// What is said beside the changes.
pub(super) fn notes(comparison: &Comparison) -> Vec<String> {
    let mut notes = comparison.notes();
    for possible in comparison.possible_renames() {
        notes.push(format!(
            "perhaps {} was renamed to {}: if so, write `{}` above the new one",
            possible.old(),
            possible.new_name(),
            possible.hint()
        ));
    }
    notes
}

/// Why what differs may be no news: the database is not where the revisions lead.
pub(super) fn behind(status: &Status) -> Option<String> {
    if let Some(step) = &status.unfinished {
        return Some(format!(
            "the {} of `{}` is unfinished (`limbeck status` says more)",
            step.action, step.revision
        ));
    }
    if !status.unknown.is_empty() {
        return Some(format!(
            "it is at {}, which is not among these revisions",
            named(&status.unknown)
        ));
    }
    match &status.pending[..] {
        [] => None,
        [one] => Some(format!(
            "`{one}` is not applied (`limbeck upgrade heads` applies it)"
        )),
        several => Some(format!(
            "{} revisions are not applied (`limbeck upgrade heads` applies them): {}",
            several.len(),
            named(several)
        )),
    }
}

/// The first few.
fn named(ids: &[RevisionId]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = ids.iter().take(SHOWN).map(|id| format!("`{id}`")).collect();
    let more = match ids.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!(" and {more} more"),
        _ => String::new(),
    };
    format!("{}{more}", shown.join(", "))
}
