//! A folder of `sqlx migrate`: `<VERSION>_<DESCRIPTION>.sql`, or `.up.sql` and `.down.sql`.
//!
//! How sqlx reads it is in `sqlx-core/src/migrate/source.rs`, of version 0.9: a name without `_` or `.sql` is
//! passed over, a version that is no integer is an error, and `-- no-transaction` counts as the file's very
//! first characters only.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use limbeck::revision::{Mode, SectionKind};
use sha2::{Digest as _, Sha384};

use super::error::ImportError;
use super::found::{
    Body, Found, LeftOut, Migration, chain, entries, holds_sql, is_folder, name, none_twice,
    with_line_ends, without_bom, words,
};
use crate::commands::origin::{Origin, Tool};
use crate::files::hex;

#[derive(Default)]
struct Files {
    description: String,
    up: Option<PathBuf>,
    down: Option<PathBuf>,
}

pub(super) fn read(folder: &Path) -> Result<Found, ImportError> {
    let mut found = Found::default();
    let mut versions: BTreeMap<i64, Files> = BTreeMap::new();
    let mut twice = Vec::new();
    for path in entries(folder)? {
        let name = name(&path);
        if is_folder(&path)? {
            if holds_sql(&path) {
                let reason = "sqlx passes over the files of a folder in its own".to_owned();
                found.left_out.push(LeftOut { path, reason });
            }
            continue;
        }
        if !name.ends_with(".sql") {
            continue;
        }
        let Some((version, description)) = name.split_once('_') else {
            found.left_out.push(LeftOut {
                path,
                reason: "sqlx passes over a file without `_` in its name".to_owned(),
            });
            continue;
        };
        let Ok(number) = version.parse::<i64>() else {
            let reason = format!(
                "`{version}` is no version: sqlx's files are <VERSION>_<DESCRIPTION>.sql, the version an integer"
            );
            found.left_out.push(LeftOut { path, reason });
            continue;
        };
        let (is_down, suffix) = if description.ends_with(".down.sql") {
            (true, ".down.sql")
        } else if description.ends_with(".up.sql") {
            (false, ".up.sql")
        } else {
            (false, ".sql")
        };
        let files = versions.entry(number).or_default();
        let place = if is_down {
            &mut files.down
        } else {
            &mut files.up
        };
        match place {
            Some(other) => twice.push((other.clone(), path)),
            None => *place = Some(path),
        }
        if !is_down {
            description
                .trim_end_matches(suffix)
                .clone_into(&mut files.description);
        }
    }
    none_twice(&twice)?;
    for (version, files) in versions {
        match (files.up, files.down) {
            (Some(up), down) => {
                found.migrations.push(migration(
                    version,
                    &files.description,
                    &up,
                    down.as_deref(),
                )?);
            }
            (None, Some(path)) => found.left_out.push(LeftOut {
                path,
                reason: format!("version {version} has no `.up.sql` beside this"),
            }),
            (None, None) => unreachable!("a version is a file's"),
        }
    }
    chain(&mut found.migrations)?;
    Ok(found)
}

fn migration(
    version: i64,
    description: &str,
    up: &Path,
    down: Option<&Path>,
) -> Result<Migration, ImportError> {
    let mut checksums = Vec::new();
    let upgrade = Body::of_file(SectionKind::Upgrade, up, |text| {
        checksums = with_line_ends(&text)
            .iter()
            .map(|text| checksum(text))
            .collect();
        body(SectionKind::Upgrade, text, up)
    })?;
    let origin = Origin {
        tool: Tool::Sqlx,
        version: version.to_string(),
        checksums,
    };
    let stem = name(up);
    let stem = stem.trim_end_matches(".sql").trim_end_matches(".up");
    let mut migration = Migration::numbered(origin, &words(description), stem, up);
    migration.bodies.push(upgrade);
    if let Some(down) = down {
        let verbatim = |text| body(SectionKind::Downgrade, text, down);
        let downgrade = Body::of_file(SectionKind::Downgrade, down, verbatim)?;
        migration.bodies.push(downgrade);
    }
    Ok(migration)
}

fn body(kind: SectionKind, text: String, path: &Path) -> Body {
    let mode = if text.starts_with("-- no-transaction") {
        Mode::Autocommit
    } else {
        Mode::Transactional
    };
    Body::verbatim(kind, mode, without_bom(text), path)
}

/// `sqlx-core/src/migrate/migration.rs`: SHA-384 of the file as it stands.
fn checksum(text: &str) -> String {
    format!("sha384:{}", hex(&Sha384::digest(text)))
}
