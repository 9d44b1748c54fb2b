//! A folder of `diesel migration`: `<VERSION>_<NAME>/up.sql`, and `down.sql` and `metadata.toml` beside it.
//!
//! How diesel reads it is in `migrations_internals/src/lib.rs`, of version 2.3: hidden folders and files are
//! passed over, every other folder holds an `up.sql`, the version is the name up to the first `_` without its
//! dashes and sorts as text, and a `metadata.toml` that says nothing means `run_in_transaction = false`.

use std::path::Path;

use limbeck::revision::{Mode, SectionKind};

use super::error::ImportError;
use super::found::{
    Body, Found, LeftOut, Migration, chain, entries, holds_sql, is_folder, name, read_text,
    without_bom, words,
};
use crate::commands::origin::{Origin, Tool};

pub(super) fn read(folder: &Path) -> Result<Found, ImportError> {
    let mut found = Found::default();
    for path in entries(folder)? {
        let name = name(&path);
        if name.starts_with('.') {
            continue;
        }
        if !is_folder(&path)? {
            if name.ends_with(".sql") {
                found.left_out.push(LeftOut {
                    path,
                    reason: "diesel passes over a file that is in no migration's folder".to_owned(),
                });
            }
            continue;
        }
        if !path.join("up.sql").is_file() {
            let reason = match holds_sql(&path) {
                true => {
                    "is no migration of diesel's, which holds an up.sql: diesel passes over its files"
                }
                false => "is no migration of diesel's, which holds an up.sql",
            };
            found.left_out.push(LeftOut {
                path,
                reason: reason.to_owned(),
            });
            continue;
        }
        let migration = migration(&path, &name, &mut found.left_out)?;
        found.migrations.push(migration);
    }
    found.migrations.sort_by(|a, b| a.id.cmp(&b.id));
    chain(&mut found.migrations)?;
    Ok(found)
}

fn migration(
    folder: &Path,
    name: &str,
    left_out: &mut Vec<LeftOut>,
) -> Result<Migration, ImportError> {
    let up = folder.join("up.sql");
    let (version, rest) = name.split_once('_').unwrap_or((name, ""));
    let origin = Origin {
        tool: Tool::Diesel,
        version: version.replace('-', ""),
        checksums: Vec::new(),
    };
    let metadata = folder.join("metadata.toml");
    let mode = mode(&metadata)?.unwrap_or_else(|problem| {
        // Diesel itself takes a file that it cannot read for none.
        left_out.push(LeftOut {
            path: metadata,
            reason: format!("{problem}: diesel passes over it"),
        });
        Mode::Transactional
    });
    let mut migration = Migration::numbered(origin, &words(rest), name, folder);
    let down = folder.join("down.sql");
    let mut add = |kind, path: &Path| -> Result<(), ImportError> {
        let verbatim = |text| Body::verbatim(kind, mode, without_bom(text), path);
        migration.bodies.push(Body::of_file(kind, path, verbatim)?);
        Ok(())
    };
    add(SectionKind::Upgrade, &up)?;
    if down.is_file() {
        add(SectionKind::Downgrade, &down)?;
    }
    Ok(migration)
}

/// The mode, or why the file says none.
fn mode(path: &Path) -> Result<Result<Mode, String>, ImportError> {
    if !path.is_file() {
        return Ok(Ok(Mode::Transactional));
    }
    let text = read_text(path)?;
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let error: toml::de::Error = error;
            return Ok(Err(format!("is no TOML: {}", error.message())));
        }
    };
    Ok(match table.get("run_in_transaction") {
        None => Ok(Mode::Autocommit),
        Some(toml::Value::Boolean(true)) => Ok(Mode::Transactional),
        Some(toml::Value::Boolean(false)) => Ok(Mode::Autocommit),
        Some(_) => Err("run_in_transaction is neither true nor false".to_owned()),
    })
}
