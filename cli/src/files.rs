//! The folder of the revision files, as those see it who write there.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use crate::error::CliError;

/// Why no file was written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// The folder is not there.
    #[error("there is no folder {}: `limbeck init` makes one, --dir names another", .path.display())]
    NoFolder { path: PathBuf },
    /// A file of that name.
    #[error("{} is there already, and no file is written over: choose another name", .path.display())]
    Exists { path: PathBuf },
    /// A folder or file could not be written.
    #[error("{} could not be written, and no file was left behind", .path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    /// No random numbers for a name.
    #[error("the system gives no random numbers")]
    NoRandom { source: getrandom::Error },
}

impl From<FileError> for CliError {
    fn from(error: FileError) -> CliError {
        CliError::of(error.kind(), error)
    }
}

impl FileError {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            FileError::Exists { .. } => "file_exists",
            FileError::NoFolder { .. } | FileError::Write { .. } | FileError::NoRandom { .. } => {
                "io"
            }
        }
    }
}

/// Bytes as lower-case digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Twelve random hex digits, as Alembic's ids are.
pub(super) fn random_hex() -> Result<String, FileError> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|source| FileError::NoRandom { source })?;
    Ok(hex(&bytes))
}

/// A folder that no other limbeck writes to, until this is dropped.
///
/// Whoever looks at the revisions and then adds one does both under it: of two processes the second sees what
/// the first one wrote, and no two files ever hold one id. Where a folder cannot be locked (Windows, some
/// network drives) only the files' names guard.
pub(super) struct Folder {
    path: PathBuf,
    handle: Option<File>,
}

impl Folder {
    /// Makes it where it is missing.
    pub(super) fn create(path: &Path) -> Result<Folder, FileError> {
        fs::create_dir_all(path).map_err(|source| FileError::Write {
            path: path.to_owned(),
            source,
        })?;
        Folder::open(path)
    }

    /// Waits while another process writes.
    pub(super) fn open(path: &Path) -> Result<Folder, FileError> {
        let handle = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(FileError::NoFolder {
                    path: path.to_owned(),
                });
            }
            handle => handle.ok(),
        };
        if let Some(handle) = &handle {
            let _ = handle.lock();
        }
        Ok(Folder {
            path: path.to_owned(),
            handle,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything but hidden files, such as a `.gitkeep`; and how many files are SQL.
    pub(super) fn contents(&self) -> Result<(bool, usize), FileError> {
        let unreadable = |source| FileError::Write {
            path: self.path.clone(),
            source,
        };
        let (mut any, mut files) = (false, 0);
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy();
            let is_hidden = name.starts_with('.');
            any |= !is_hidden;
            files += usize::from(!is_hidden && name.to_lowercase().ends_with(".sql"));
        }
        Ok((any, files))
    }

    /// Adds a file: there is all of it or nothing, on the disk too, and never over another one.
    pub(super) fn add(&self, path: &Path, text: &str) -> Result<(), FileError> {
        self.add_all(&[(path.to_owned(), text.to_owned())])
    }

    /// Adds files, in this order: all of them or none.
    pub(super) fn add_all(&self, files: &[(PathBuf, String)]) -> Result<(), FileError> {
        if let Some((path, _)) = files
            .iter()
            .find(|(path, _)| fs::symlink_metadata(path).is_ok())
        {
            return Err(FileError::Exists { path: path.clone() });
        }
        let mut unnamed = Vec::with_capacity(files.len());
        for (_, text) in files {
            unnamed.push(Temporary::write(&self.path, text)?);
        }
        let mut named: Vec<Temporary> = Vec::with_capacity(files.len());
        for ((path, text), unnamed) in files.iter().zip(&unnamed) {
            fs::create_dir_all(folder_of(path)).map_err(|source| FileError::Write {
                path: path.clone(),
                source,
            })?;
            name(&unnamed.path, path, text).map_err(|source| match source.kind() {
                ErrorKind::AlreadyExists => FileError::Exists { path: path.clone() },
                _ => FileError::Write {
                    path: path.clone(),
                    source,
                },
            })?;
            named.push(Temporary { path: path.clone() });
        }
        named.into_iter().for_each(Temporary::keep);
        drop(unnamed);
        if let Some(handle) = &self.handle {
            // The names are on the disk with the folder. Where folders cannot be synced they get there later.
            let _ = handle.sync_all();
        }
        Ok(())
    }
}

/// The folder that a file or folder is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Writes a file, over another one too: there is all of the old one or all of the new one.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), FileError> {
    // A link stays one: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let unnamed = Temporary::write(folder_of(&path), text)?;
    fs::rename(&unnamed.path, &path).map_err(|source| FileError::Write {
        path: path.clone(),
        source,
    })?;
    unnamed.keep();
    Ok(())
}

/// Gives a finished file a second name. A rename would replace what has the name already.
fn name(unnamed: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    match fs::hard_link(unnamed, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            // A file system without a second name for a file: the name is taken first then.
            create(path, text)
        }
        linked => linked,
    }
}

/// A file that goes with the value.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// A finished file without its name. Nothing reads it: it is hidden and no `.sql`.
    fn write(folder: &Path, text: &str) -> Result<Temporary, FileError> {
        let path = folder.join(format!(".limbeck-{}.tmp", random_hex()?));
        create(&path, text).map_err(|source| FileError::Write {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Temporary { path })
    }

    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a file that must not be there yet, and takes it away again if it cannot be written whole.
fn create(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where folders cannot be locked the names still guard: one wins, and its text stays.
    #[test]
    fn a_name_is_taken_once() {
        const WRITERS: usize = 8;
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a.sql");
        let text = |writer: usize| format!("{writer}\n").repeat(10_000);
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (folder, path) = (temporary.path().to_owned(), &path);
                    scope.spawn(move || {
                        let folder = Folder {
                            path: folder,
                            handle: None,
                        };
                        folder.add(path, &text(writer))
                    })
                })
                .collect();
            let joined = writers.into_iter().map(|writer| writer.join().unwrap());
            joined.collect()
        });
        let winners: Vec<usize> = (0..WRITERS).filter(|&at| outcomes[at].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        for lost in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(lost.kind(), "file_exists", "{lost}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text(winners[0]));
        // No file without its name is left.
        assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1);
    }

    #[test]
    fn all_or_none() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let files = |names: &[&str]| -> Vec<(PathBuf, String)> {
            let files = names
                .iter()
                .map(|name| (temporary.path().join(name), format!("{name}\n")));
            files.collect()
        };
        let listed = || {
            let names = fs::read_dir(temporary.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names
        };
        folder.add_all(&files(&["a", "b"])).unwrap();
        assert_eq!(listed(), ["a", "b"]);
        assert_eq!(
            folder.add_all(&files(&["c", "b"])).unwrap_err().kind(),
            "file_exists"
        );
        assert_eq!(listed(), ["a", "b"]);
        // The second name is taken when its turn comes: the first goes again.
        assert!(folder.add_all(&files(&["d", "d"])).is_err());
        assert_eq!(listed(), ["a", "b"]);
    }

    /// As where the file system has no second names for files.
    #[test]
    fn a_file_is_created_or_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a.sql");
        create(&path, "one").unwrap();
        let refused = create(&path, "two").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
    }
}
