//! Where the parts of an Alembic project are: `alembic.ini`, the script location, the folders of revisions.

use std::path::{Path, PathBuf};

use configparser::ini::Ini;

use super::error::ImportError;
use super::found::read_text;
use crate::commands::origin::Tool;

/// A project, or the script location alone.
#[derive(Debug)]
pub(super) struct Project {
    pub ini: Option<PathBuf>,
    /// The folder with `env.py`.
    pub scripts: PathBuf,
    /// The folders with the revisions.
    pub versions: Vec<PathBuf>,
    pub is_recursive: bool,
}

const INI: &str = "alembic.ini";

impl Project {
    /// `folder` holds `alembic.ini`, or is the script location.
    pub(super) fn locate(folder: &Path) -> Result<Project, ImportError> {
        let ini = folder.join(INI);
        if ini.is_file() {
            return Settings::read(&ini)?.project();
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
            scripts: folder.to_owned(),
            versions: vec![versions],
            is_recursive: false,
        })
    }

    /// The folders that Alembic reads.
    pub(super) fn folders(self) -> Vec<PathBuf> {
        let mut folders = self.versions;
        folders.push(self.scripts);
        folders
    }

    /// The folder that Alembic is called from.
    pub(super) fn home(&self) -> &Path {
        let home = match &self.ini {
            Some(ini) => ini.parent(),
            None => self.scripts.parent(),
        };
        home.filter(|home| !home.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
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
        let here = self.path.parent();
        here.filter(|here| !here.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
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
        // Without the `.` that both may begin with.
        let path: PathBuf = self.here().join(value).components().collect();
        if path.is_dir() {
            return Ok(path);
        }
        let problem = if value.contains(':') {
            format!(
                "{key} = {value} names a folder of a Python package: name that folder itself instead of this \
                 file's"
            )
        } else {
            format!("{key} = {value}: there is no such folder")
        };
        Err(ImportError::source(&self.path, problem))
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
