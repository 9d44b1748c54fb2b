//! An Alembic project: the graph from its Python files, which are read and not run, and the SQL from Alembic
//! itself where there is one.

use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, NaiveDateTime, Utc};
use limbeck::Dialect;
use limbeck::revision::SectionKind;

use super::error::ImportError;
use super::found::{Body, Found, Migration, Sql, entries, is_folder, name, read_text, unreadable};
use super::offline::{Alembic, Asked};
use super::project::Project;
use super::python::{self, Literal};
use crate::commands::origin::Tool;

pub(super) fn read(
    folder: &Path,
    python: Option<&Path>,
    dialect: Option<Dialect>,
) -> Result<Found, ImportError> {
    let project = Project::locate(folder)?;
    let mut found = Found::default();
    for versions in &project.versions {
        for path in files(versions, project.is_recursive)? {
            found.migrations.push(migration(&path)?);
        }
    }
    if found.migrations.is_empty() {
        return Ok(found);
    }
    let alembic = Alembic::find(python, &project)?;
    let asked = found.migrations.iter().map(|one| Asked {
        revision: one.id.clone(),
        // Any parent will do: a step's SQL is told from that of others.
        down: one.down_revision.first().cloned(),
    });
    let bodies = match &alembic {
        Some(alembic) => alembic.bodies(&asked.collect::<Vec<_>>(), dialect)?,
        None => {
            found.notes.push(
                "no Python that has alembic is in the PATH: name one with --python, and the SQL is written too"
                    .to_owned(),
            );
            Vec::new()
        }
    };
    let mut bodies = bodies.into_iter();
    for migration in &mut found.migrations {
        let mut answers = bodies.next().into_iter().flatten();
        for kind in [SectionKind::Upgrade, SectionKind::Downgrade] {
            let source = &migration.source;
            migration.bodies.push(match answers.next() {
                Some(Ok(body)) => Body {
                    kind,
                    mode: body.mode,
                    sql: Sql::Rendered(body.sql),
                    dialect: Some(body.dialect),
                    source: source.clone(),
                },
                Some(Err(reason)) => Body::fill_in(
                    kind,
                    format!(
                        "alembic could not write {} of {} offline: {reason}",
                        python_name(kind),
                        name(source)
                    ),
                    source,
                ),
                None => Body::fill_in(
                    kind,
                    format!(
                        "{} of {} was not asked for its SQL",
                        python_name(kind),
                        name(source)
                    ),
                    source,
                ),
            });
        }
    }
    Ok(found)
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

fn migration(path: &Path) -> Result<Migration, ImportError> {
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
    let stem = name(path);
    let doc = Doc::read(module.docstring.as_deref().unwrap_or_default());
    Ok(Migration {
        id,
        down_revision: list("down_revision"),
        branch_labels: list("branch_labels"),
        depends_on: list("depends_on"),
        message: doc.message,
        date: doc.date,
        // The id is the one that Alembic's table holds.
        origin: None,
        stem: stem.trim_end_matches(".py").to_owned(),
        source: path.to_owned(),
        bodies: Vec::new(),
    })
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
