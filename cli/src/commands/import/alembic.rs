//! An Alembic project: graph and SQL from Alembic itself, which runs the project's Python files. Where no Alembic is,
//! the graph alone, from the literals in the files.

use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use limbeck::Dialect;
use limbeck::revision::{ForeignKeys, NewRevision, NewSection, SectionKind};

use super::ImportArgs;
use super::error::ImportError;
use super::found::{
    Body, Found, LeftOut, Migration, Sql, entries, is_folder, name, one_line, read_text, unreadable,
};
use super::offline::{Alembic, Answers, Known};
use super::online::Ran;
use super::project::Project;
use super::python::{self, Literal};
use crate::commands::origin::Tool;

pub(super) fn read(args: &ImportArgs) -> Result<Found, ImportError> {
    let project = Project::locate(&args.source)?;
    let mut found = Found::default();
    let mut paths = Vec::new();
    for versions in &project.versions {
        paths.extend(files(versions, project.is_recursive)?);
    }
    if paths.is_empty() {
        return Ok(found);
    }
    let Some(alembic) = Alembic::find(args.python.as_deref(), &project)? else {
        found.notes.push(
            "no Python that has alembic is in the PATH: name one with --python, and the SQL is written too"
                .to_owned(),
        );
        for path in paths {
            let mut migration = Identity::read(&path)?.migration(&path);
            for kind in DIRECTIONS {
                let reason = format!(
                    "{} of {} was not asked for its SQL",
                    python_name(kind),
                    name(&path)
                );
                migration.bodies.push(Body::fill_in(kind, reason, &path));
            }
            found.migrations.push(migration);
        }
        return Ok(found);
    };
    let answers = alembic.ask(args.dialect)?;
    let ran = match args.offline {
        true => Ran::default(),
        false => run(
            &alembic,
            &answers,
            args.scratch_url.as_deref(),
            &mut found.notes,
        )?,
    };
    if answers.runs > 1 {
        found.notes.push(format!(
            "env.py runs the migrations {} times, for several databases or schemas: the SQL is of the first time",
            answers.runs
        ));
    }
    for path in paths {
        let real = path.canonicalize().map_err(unreadable(&path))?;
        let Some(known) = answers.revisions.iter().find(|one| one.path == real) else {
            found.left_out.push(LeftOut {
                path,
                reason: "alembic finds no revision in it".to_owned(),
            });
            continue;
        };
        let mut migration = Identity::known(known).migration(&path);
        for kind in DIRECTIONS {
            let body = body(known, kind, &answers, &ran, &path, &mut found.notes);
            migration.bodies.extend(body);
        }
        unlabelled(&mut migration, &mut found.notes);
        found.migrations.push(migration);
    }
    Ok(found)
}

/// A direction as it is written: by what it sent, if it ran and that is SQL, else by what Alembic wrote offline.
fn body(
    known: &Known,
    kind: SectionKind,
    answers: &Answers,
    ran: &Ran,
    path: &Path,
    notes: &mut Vec<String>,
) -> Option<Body> {
    let python = format!("{} of {}", python_name(kind), name(path));
    let Some(written) = known.body(kind, answers.dialect) else {
        // Without a way back, as in Alembic.
        return (kind == SectionKind::Upgrade).then(|| {
            let reason = format!("{} has no {}", name(path), python_name(kind));
            Body::fill_in(kind, reason, path)
        });
    };
    let sent = ran.body(&known.revision, kind, answers.dialect, written.is_ok());
    if sent.is_none() && known.asks_offline(kind) {
        notes.push(format!(
            "{python} asks whether it runs offline: compare what it does then with what was written"
        ));
    }
    let (body, what) = match sent {
        Some(sent) => (sent, format!("{python} cannot be SQL alone")),
        None => (written, format!("alembic could not write {python} offline")),
    };
    Some(match body {
        Ok(body) => Body {
            kind,
            mode: body.mode,
            foreign_keys: ForeignKeys::default(),
            sql: Sql::Rendered(body.sql),
            dialect: Some(body.dialect),
            source: path.to_owned(),
        },
        Err(open) => Body::fill_in(kind, format!("{what}: {}", open.reason), path).seen(open.seen),
    })
}

/// Runs the steps, on SQLite in a file of their own and elsewhere where a database is given for it.
fn run(
    alembic: &Alembic<'_>,
    answers: &Answers,
    scratch: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Ran, ImportError> {
    if scratch.is_none() && answers.dialect != Dialect::Sqlite {
        let open = answers
            .revisions
            .iter()
            .flat_map(|known| DIRECTIONS.map(|kind| known.body(kind, answers.dialect)))
            .filter(|body| matches!(body, Some(Err(_))))
            .count();
        if open > 0 {
            notes.push(format!(
                "{open} step{} could not be written offline: with --scratch-url, the URL of an empty database of {}, \
                 each is run there, and those that read no rows become SQL",
                if open == 1 { "" } else { "s" },
                answers.dialect
            ));
        }
        return Ok(Ran::default());
    }
    let ran = alembic
        .run(answers.dialect, scratch)
        .unwrap_or_else(Ran::failed);
    if let Some(problem) = &ran.failed {
        if scratch.is_some() {
            return Err(ImportError::ScratchFailed {
                problem: one_line(problem),
            });
        }
        notes.push(format!(
            "the steps could not be run on a scratch database, and are as alembic writes them offline: {}",
            one_line(problem)
        ));
    }
    notes.extend(ran.note());
    Ok(ran)
}

const DIRECTIONS: [SectionKind; 2] = [SectionKind::Upgrade, SectionKind::Downgrade];

/// Takes out branch labels that can name no branch here, as a `"None"` in quotes.
fn unlabelled(migration: &mut Migration, notes: &mut Vec<String>) {
    migration.branch_labels.retain(|label| {
        let new = NewRevision::new("a")
            .branch_labels([label])
            .section(NewSection::new(SectionKind::Upgrade));
        let is_label = new.to_text().is_ok();
        if !is_label {
            notes.push(format!(
                "the branch label {label:?} of {} is left out: no branch can have that name here",
                name(&migration.source)
            ));
        }
        is_label
    });
}

fn python_name(kind: SectionKind) -> String {
    format!("{}()", kind.name())
}

/// `alembic/script/base.py` loads every `.py` file that begins with neither `.#` nor `__init__`.
fn files(folder: &Path, is_recursive: bool) -> Result<Vec<PathBuf>, ImportError> {
    if !folder.is_dir() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(unreadable(folder)(missing));
    }
    let mut files = Vec::new();
    for path in entries(folder)? {
        let name = name(&path);
        if is_folder(&path)? {
            // Links to folders are not followed, as Python does not.
            if is_recursive && name != "__pycache__" && !path.is_symlink() {
                files.extend(self::files(&path, true)?);
            }
        } else if name.ends_with(".py") && !name.starts_with(".#") && !name.starts_with("__init__")
        {
            files.push(path);
        }
    }
    Ok(files)
}

/// A revision's own assignments and docstring.
struct Identity {
    id: String,
    down_revision: Vec<String>,
    branch_labels: Vec<String>,
    depends_on: Vec<String>,
    docstring: String,
}

impl Identity {
    /// By what Alembic found when it ran the file.
    fn known(known: &Known) -> Self {
        Identity {
            id: known.revision.clone(),
            down_revision: known.down_revision.clone(),
            branch_labels: known.branch_labels.clone(),
            depends_on: known.depends_on.clone(),
            docstring: known.doc.clone().unwrap_or_default(),
        }
    }

    /// By the file's own literals, where no Alembic is.
    fn read(path: &Path) -> Result<Self, ImportError> {
        const NAMES: [&str; 4] = ["revision", "down_revision", "branch_labels", "depends_on"];
        let at = |line: Option<usize>, problem: String| ImportError::Source {
            path: path.to_owned(),
            line,
            problem,
        };
        let module = python::read(&read_text(path)?, &NAMES)
            .map_err(|error| at(Some(error.line), error.problem))?;
        let missing = |name: &str| {
            at(
                None,
                format!(
                    "assigns no `{name}` by itself, as a revision of Alembic's does: remove it from the folder or mend it"
                ),
            )
        };
        let list = |name: &str| match module.assigned.get(name).map(|(_, value)| value) {
            None | Some(Literal::None) => Vec::new(),
            Some(Literal::Text(text)) => vec![text.clone()],
            Some(Literal::List(texts)) => texts.clone(),
        };
        let id = match module.assigned.get("revision") {
            Some((_, Literal::Text(id))) => id.clone(),
            Some((line, _)) => return Err(at(Some(*line), "`revision` is no string".to_owned())),
            None => return Err(missing("revision")),
        };
        if !module.assigned.contains_key("down_revision") {
            return Err(missing("down_revision"));
        }
        Ok(Identity {
            id,
            down_revision: list("down_revision"),
            branch_labels: list("branch_labels"),
            depends_on: list("depends_on"),
            docstring: module.docstring.unwrap_or_default(),
        })
    }

    fn migration(self, path: &Path) -> Migration {
        let doc = Doc::read(&self.docstring);
        Migration {
            id: self.id,
            down_revision: self.down_revision,
            branch_labels: self.branch_labels,
            depends_on: self.depends_on,
            message: doc.message,
            date: doc.date,
            // The id is the one that Alembic's table holds.
            origin: None,
            stem: name(path).trim_end_matches(".py").to_owned(),
            source: path.to_owned(),
            bodies: Vec::new(),
        }
    }
}

/// What a revision's docstring says: Alembic's template writes the message and three lines for people.
struct Doc {
    message: String,
    date: Option<DateTime<Utc>>,
}

impl Doc {
    fn read(docstring: &str) -> Doc {
        let mut date = None;
        let mut lines = Vec::new();
        for line in docstring.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("Create Date:") {
                date = date_of(text.trim());
            } else if !line.starts_with("Revision ID:") && !line.starts_with("Revises:") {
                lines.push(line);
            }
        }
        Doc {
            message: lines.join("\n").trim().to_owned(),
            date,
        }
    }
}

/// Python's form of a time. One without a zone is Alembic's default, the local time of whoever made the
/// revision: where that was is not known, and it is taken for UTC.
fn date_of(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = text.parse::<DateTime<FixedOffset>>() {
        return Some(time.with_timezone(&Utc));
    }
    let time = NaiveDateTime::parse_from_str(&text.replacen('T', " ", 1), "%Y-%m-%d %H:%M:%S%.f");
    Some(time.ok()?.and_utc())
}

/// What a folder looks like that holds migrations of one tool and is given for another's.
pub(super) fn hint(folder: &Path, wanted: Tool) -> String {
    let names: Vec<(String, bool)> = entries(folder)
        .unwrap_or_default()
        .iter()
        .map(|path| (name(path), path.join("up.sql").is_file()))
        .collect();
    let any = |is: &dyn Fn(&str) -> bool| names.iter().any(|(name, _)| is(name));
    let looks_like = if any(&|name| name == "alembic.ini" || name == "env.py") {
        Some(Tool::Alembic)
    } else if names.iter().any(|(_, holds_up)| *holds_up) {
        Some(Tool::Diesel)
    } else if any(&|name| {
        name.starts_with(['V', 'U']) && name.contains("__") && name.ends_with(".sql")
    }) {
        Some(Tool::Refinery)
    } else if any(&|name| {
        name.ends_with(".sql") && name.starts_with(|first: char| first.is_ascii_digit())
    }) {
        Some(Tool::Sqlx)
    } else {
        None
    };
    match looks_like {
        Some(tool) if tool != wanted => format!("it looks like {tool}'s: `limbeck import {tool}`"),
        _ if any(&|name| name == "migrations") => "name the folder `migrations` in it".to_owned(),
        _ => match wanted {
            Tool::Alembic => "its versions/ has no .py file",
            Tool::Sqlx => "sqlx's files are <VERSION>_<DESCRIPTION>.sql",
            Tool::Diesel => "diesel's are folders <VERSION>_<NAME> that hold an up.sql",
            Tool::Refinery => "refinery's files are V<VERSION>__<NAME>.sql",
        }
        .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docstring_holds_message_and_date() {
        let doc = Doc::read(
            "Add users\n\n    For the shop.\n\nRevision ID: a1\nRevises: b1, c1\nCreate Date: 2024-05-01 12:00:00.123456\n\n",
        );
        assert_eq!(doc.message, "Add users\n\nFor the shop.");
        let time = |text: &str| text.parse::<DateTime<Utc>>().expect("a time");
        assert_eq!(doc.date, Some(time("2024-05-01T12:00:00.123456Z")));
        for (text, expected) in [
            ("2024-05-01 12:00:00+02:00", Some("2024-05-01T10:00:00Z")),
            (
                "2024-05-01 12:00:00.5-00:00",
                Some("2024-05-01T12:00:00.5Z"),
            ),
            ("yesterday", None),
        ] {
            assert_eq!(date_of(text), expected.map(time), "{text}");
        }
    }
}
