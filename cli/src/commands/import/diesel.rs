//! A folder of `diesel migration`: `<VERSION>_<NAME>/up.sql`, and `down.sql` and `metadata.toml` beside it.
//!
//! How diesel reads it is in `migrations_internals/src/lib.rs`, of version 2.3: hidden folders and files are
//! passed over, every other folder holds an `up.sql`, the version is the name up to the first `_` without its
//! dashes and sorts as text, and a `metadata.toml` that says nothing means `run_in_transaction = false`.

use std::path::Path;

use limbeck::revision::{Mode, SectionKind};

use super::error::ImportError;
use super::found::{
    Body, Found, LeftOut, Migration, chain, entries, is_folder, name, read_text, without_bom, words,
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
        found.migrations.push(migration(&path, &name)?);
    }
    found.migrations.sort_by(|a, b| a.id.cmp(&b.id));
    chain(&mut found.migrations)?;
    Ok(found)
}

fn migration(folder: &Path, name: &str) -> Result<Migration, ImportError> {
    let up = folder.join("up.sql");
    if !up.is_file() {
        return Err(ImportError::source(
            folder,
            "is no migration of diesel's, which holds an up.sql: move it elsewhere or mend it",
        ));
    }
    let (version, rest) = name.split_once('_').unwrap_or((name, ""));
    let origin = Origin {
        tool: Tool::Diesel,
        version: version.replace('-', ""),
        checksums: Vec::new(),
    };
    let mode = mode(&folder.join("metadata.toml"))?;
    let mut migration = Migration::numbered(origin, &words(rest), name, folder);
    let down = folder.join("down.sql");
    let mut add = |kind, path: &Path| -> Result<(), ImportError> {
        let text = without_bom(read_text(path)?);
        migration
            .bodies
            .push(Body::verbatim(kind, mode, text, path));
        Ok(())
    };
    add(SectionKind::Upgrade, &up)?;
    if down.is_file() {
        add(SectionKind::Downgrade, &down)?;
    }
    Ok(migration)
}

fn mode(path: &Path) -> Result<Mode, ImportError> {
    if !path.is_file() {
        return Ok(Mode::Transactional);
    }
    let text = read_text(path)?;
    let problem = |problem: &str| {
        // Diesel itself takes a file that it cannot read for none.
        ImportError::source(path, format!("{problem}: mend it or remove it"))
    };
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| problem(&format!("is no TOML: {}", error.message())))?;
    match table.get("run_in_transaction") {
        None => Ok(Mode::Autocommit),
        Some(toml::Value::Boolean(true)) => Ok(Mode::Transactional),
        Some(toml::Value::Boolean(false)) => Ok(Mode::Autocommit),
        Some(_) => Err(problem("run_in_transaction is neither true nor false")),
    }
}
