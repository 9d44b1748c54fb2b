//! Where the parts of an Alembic project are: `alembic.ini`, the script location, the folders of revisions.

use std::path::{Path, PathBuf};

use configparser::ini::Ini;

use super::error::ImportError;
use super::found::{name, read_text};
use crate::commands::origin::Tool;
use crate::files::folder_of;

/// A project, or the script location alone.
#[derive(Debug)]
pub(super) struct Project {
    pub ini: Option<PathBuf>,
    /// A `pyproject.toml` with a table `[tool.alembic]`.
    pub toml: Option<PathBuf>,
    /// The folder with `env.py`.
    pub scripts: PathBuf,
    /// The folders with the revisions.
    pub versions: Vec<PathBuf>,
    pub is_recursive: bool,
}

const INI: &str = "alembic.ini";
const TOML: &str = "pyproject.toml";

/// The path from the root, whether there is such a file or not.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The table `[tool.alembic]`, if the file has one.
fn tables(path: &Path) -> Result<Option<toml::Table>, ImportError> {
    let table: toml::Table = read_text(path)?.parse().map_err(|error: toml::de::Error| {
        ImportError::source(path, format!("is no TOML: {}", error.message()))
    })?;
    let alembic = table.get("tool").and_then(|tool| tool.get("alembic"));
    Ok(alembic.and_then(toml::Value::as_table).cloned())
}

/// A folder, by its path from the settings' own or, as `package:folder`, below a Python package that is found in the
/// settings' folder or in one of `roots`.
fn located(
    settings: &Path,
    here: &Path,
    roots: &[String],
    key: &str,
    value: &str,
) -> Result<PathBuf, ImportError> {
    // Without the `.` that both may begin with.
    let path: PathBuf = here.join(value).components().collect();
    if path.is_dir() {
        return Ok(path);
    }
    let Some((package, inner)) = value.split_once(':') else {
        let problem = format!("{key} = {value}: there is no such folder");
        return Err(ImportError::source(settings, problem));
    };
    let inner = PathBuf::from(package.replace('.', "/")).join(inner);
    let roots = roots.iter().map(String::as_str).chain([".", "src"]);
    roots
        .map(|root| here.join(root).join(&inner).components().collect())
        .find(|path: &PathBuf| path.is_dir())
        .ok_or_else(|| {
            let problem = format!(
                "{key} = {value} names a folder of a Python package that is not beside this file: name that folder \
                 itself instead of this file's"
            );
            ImportError::source(settings, problem)
        })
}

impl Project {
    /// `folder` holds `alembic.ini` or a `pyproject.toml` with Alembic's settings, is one of these files, or is the script
    /// location.
    pub(super) fn locate(folder: &Path) -> Result<Project, ImportError> {
        if folder.is_file() {
            return match name(folder).ends_with(".toml") {
                true => Self::of_toml(folder),
                false => Settings::read(folder)?.project(),
            };
        }
        let ini = folder.join(INI);
        let toml = folder.join(TOML);
        let has_toml = toml.is_file() && tables(&toml)?.is_some();
        if ini.is_file() {
            let settings = Settings::read(&ini)?;
            // Alembic reads both, and the database's settings stand in the ini file.
            if has_toml && settings.get("script_location").is_none() {
                let mut project = Self::of_toml(&toml)?;
                project.ini = Some(ini);
                return Ok(project);
            }
            return settings.project();
        }
        if has_toml {
            return Self::of_toml(&toml);
        }
        let versions = folder.join("versions");
        if !folder.join("env.py").is_file() && !versions.is_dir() {
            return Err(ImportError::NoMigrations {
                path: folder.to_owned(),
                tool: Tool::Alembic,
                hint: "name the folder that holds alembic.ini, or the one that holds env.py and versions/"
                    .to_owned(),
            });
        }
        // The nearest settings above are this one's only if they say so.
        let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let above = whole.ancestors().skip(1).map(|above| above.join(INI));
        if let Some(ini) = above.into_iter().find(|ini| ini.is_file())
            && let Ok(project) = Settings::read(&ini)?.project()
            && project
                .scripts
                .canonicalize()
                .is_ok_and(|scripts| scripts == whole)
        {
            return Ok(project);
        }
        Ok(Project {
            ini: None,
            toml: None,
            scripts: folder.to_owned(),
            versions: vec![versions],
            is_recursive: false,
        })
    }

    /// By `[tool.alembic]` of a `pyproject.toml`, where values are lists or texts and no separators are.
    fn of_toml(path: &Path) -> Result<Project, ImportError> {
        let table = tables(path)?
            .ok_or_else(|| ImportError::source(path, "has no table [tool.alembic]"))?;
        let here = folder_of(path);
        let text = |value: &toml::Value| {
            value
                .as_str()
                .map(|text| text.replace("%(here)s", ".").replace("%%", "%"))
        };
        let folder = |key: &str, value: &str| located(path, here, &[], key, value);
        let location = table.get("script_location").and_then(text).ok_or_else(|| {
            ImportError::source(path, "has no script_location in its table [tool.alembic]")
        })?;
        let scripts = folder("script_location", &location)?;
        let versions = match table
            .get("version_locations")
            .and_then(toml::Value::as_array)
        {
            Some(list) => list
                .iter()
                .filter_map(text)
                .map(|one| folder("version_locations", &one))
                .collect::<Result<_, _>>()?,
            None => vec![scripts.join("versions")],
        };
        Ok(Project {
            ini: None,
            toml: Some(path.to_owned()),
            scripts,
            versions,
            is_recursive: table
                .get("recursive_version_locations")
                .is_some_and(|value| value.as_bool() == Some(true)),
        })
    }

    /// The folders that Alembic reads.
    pub(super) fn folders(self) -> Vec<PathBuf> {
        let mut folders = self.versions;
        folders.push(self.scripts);
        folders
    }

    /// Arguments of Alembic's `Config` beside the ini file.
    pub(super) fn config(&self) -> serde_json::Value {
        match &self.toml {
            Some(toml) => {
                serde_json::json!({ "toml_file": absolute(toml) })
            }
            None => serde_json::json!({}),
        }
    }

    /// The folder that Alembic is called from.
    pub(super) fn home(&self) -> &Path {
        folder_of(
            self.ini
                .as_ref()
                .or(self.toml.as_ref())
                .unwrap_or(&self.scripts),
        )
    }
}

/// The section `[alembic]` of a settings file.
struct Settings {
    path: PathBuf,
    ini: Ini,
}

impl Settings {
    fn read(path: &Path) -> Result<Settings, ImportError> {
        let text = read_text(path)?;
        // As Python reads it: comments have lines of their own, and values may have several.
        let mut form = Ini::new().defaults();
        form.inline_comment_symbols = Some(Vec::new());
        form.multiline = true;
        let mut ini = Ini::new_from_defaults(form);
        ini.read(text)
            .map_err(|problem| ImportError::source(path, format!("cannot be read: {problem}")))?;
        Ok(Settings {
            path: path.to_owned(),
            ini,
        })
    }

    fn here(&self) -> &Path {
        folder_of(&self.path)
    }

    /// A value of the section, or of `[DEFAULT]`, with `%(here)s`, the file's own folder, put in.
    fn get(&self, key: &str) -> Option<String> {
        let value = self
            .ini
            .get("alembic", key)
            .or_else(|| self.ini.get("default", key))?;
        // Relative paths begin at the file's own folder already. Two percent signs are one.
        let parts: Vec<String> = value
            .split("%%")
            .map(|part| part.replace("%(here)s", "."))
            .collect();
        Some(parts.join("%").trim().to_owned())
    }

    fn folder(&self, key: &str, value: &str) -> Result<PathBuf, ImportError> {
        let roots: Vec<String> = self
            .get("prepend_sys_path")
            .map(|text| self.split(&text).into_iter().map(str::to_owned).collect())
            .unwrap_or_default();
        located(&self.path, self.here(), &roots, key, value)
    }

    fn project(self) -> Result<Project, ImportError> {
        let scripts = match self.get("script_location") {
            Some(location) => self.folder("script_location", &location)?,
            // As Flask-Migrate has it.
            None if self.here().join("env.py").is_file() => self.here().to_owned(),
            None => {
                return Err(ImportError::source(
                    &self.path,
                    "has no script_location in its section [alembic]",
                ));
            }
        };
        let versions = match self
            .get("version_locations")
            .filter(|text| !text.is_empty())
        {
            Some(text) => self
                .split(&text)
                .into_iter()
                .map(|one| self.folder("version_locations", one))
                .collect::<Result<_, _>>()?,
            None => vec![scripts.join("versions")],
        };
        let is_recursive = self
            .get("recursive_version_locations")
            .is_some_and(|word| matches!(&*word.to_ascii_lowercase(), "true" | "yes" | "on" | "1"));
        Ok(Project {
            scripts,
            versions,
            is_recursive,
            ini: Some(self.path),
            toml: None,
        })
    }

    /// By the separator that the settings name; without one by commas and spaces, as Alembic always did.
    fn split<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let separator = self
            .get("path_separator")
            .or_else(|| self.get("version_path_separator"));
        let parts: Vec<&str> = match separator.as_deref() {
            Some("os") => text.split(if cfg!(windows) { ';' } else { ':' }).collect(),
            Some("space") => text.split(' ').collect(),
            Some("newline") => text.split('\n').collect(),
            Some(one @ (":" | ";")) => text.split(one).collect(),
            _ => text.split([',', ' ']).collect(),
        };
        parts
            .into_iter()
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .collect()
    }
}
