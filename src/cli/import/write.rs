//! New files: all of them or none, and never over an existing one.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::error::ImportError;

/// Writes the files, by name and text. A reader of the folder sees each file whole or not at all.
///
/// # Errors
/// [`ImportError::FileIsThere`] for a name that is taken, also when it is taken meanwhile; else
/// [`ImportError::Write`]. What was written until then is removed.
pub(super) fn write_all(folder: &Path, files: &[(String, String)]) -> Result<(), ImportError> {
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    for (name, _) in files {
        let path = folder.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            return Err(ImportError::FileIsThere { path });
        }
    }
    let mut staged = Removed::default();
    let mut written = Removed::default();
    for (name, text) in files {
        let hidden = folder.join(format!(".{name}.{}.new", std::process::id()));
        let mut file = create(&hidden)?;
        staged.paths.push(hidden.clone());
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(unwritable(&hidden))?;
    }
    for ((name, _), hidden) in files.iter().zip(&staged.paths) {
        let path = folder.join(name);
        place(hidden, &path)?;
        written.paths.push(path);
    }
    written.paths.clear();
    Ok(())
}

fn create(path: &Path) -> Result<File, ImportError> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.map_err(unwritable(path))
}

/// Gives a finished file its name: a link fails where that is taken, which a renaming would not.
fn place(hidden: &Path, path: &Path) -> Result<(), ImportError> {
    match fs::hard_link(hidden, path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(ImportError::FileIsThere {
                path: path.to_owned(),
            })
        }
        result => result.map_err(unwritable(path)),
    }
}

/// Files that go when this does.
#[derive(Default)]
struct Removed {
    paths: Vec<PathBuf>,
}

impl Drop for Removed {
    fn drop(&mut self) {
        for path in &self.paths {
            // What cannot be removed stays: there is nobody left to tell.
            let _ = fs::remove_file(path);
        }
    }
}

fn unwritable(path: &Path) -> impl FnOnce(std::io::Error) -> ImportError {
    let path = path.to_owned();
    move |source| ImportError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("new");
        let files = |names: &[&str]| -> Vec<(String, String)> {
            names
                .iter()
                .map(|name| (format!("{name}.sql"), format!("-- {name}\n")))
                .collect()
        };
        write_all(&target, &files(&["a", "b"])).expect("an empty folder");
        let listed = || {
            let mut names: Vec<_> = fs::read_dir(&target)
                .expect("it is there")
                .map(|entry| entry.expect("an entry").file_name())
                .collect();
            names.sort();
            names
        };
        assert_eq!(listed(), ["a.sql", "b.sql"]);
        let error = write_all(&target, &files(&["c", "b"])).expect_err("one is taken");
        assert_eq!(error.kind(), "exists");
        assert_eq!(listed(), ["a.sql", "b.sql"]);
        // The second name cannot be written: the first goes again.
        let twice = files(&["d", "d"]);
        assert!(write_all(&target, &twice).is_err());
        assert_eq!(listed(), ["a.sql", "b.sql"]);
    }
}
