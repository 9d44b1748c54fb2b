//! The folder of the revision files, as those see it who write there.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::error::AuthorError;
use super::id::random_hex;
use crate::migrations::{Migrations, MigrationsError};

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
    /// Waits while another process writes.
    pub(super) fn open(path: &Path) -> Result<Folder, AuthorError> {
        let handle = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(AuthorError::NoFolder {
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

    pub(super) fn migrations(&self) -> Result<Migrations, MigrationsError> {
        Migrations::from_dir(&self.path)
    }

    /// Whether there is anything but hidden files, such as a `.gitkeep`; and how many files are SQL.
    pub(super) fn contents(&self) -> Result<(bool, usize), AuthorError> {
        let unreadable = |source| AuthorError::Write {
            path: self.path.clone(),
            source,
        };
        let (mut any, mut files) = (false, 0);
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy();
            any |= !name.starts_with('.');
            files += usize::from(name.to_lowercase().ends_with(".sql"));
        }
        Ok((any, files))
    }

    /// Adds a file: there is all of it or nothing, on the disk too, and never over another one.
    pub(super) fn add(&self, path: &Path, text: &str) -> Result<(), AuthorError> {
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::AlreadyExists => AuthorError::FileExists {
                path: path.to_owned(),
            },
            _ => AuthorError::Write {
                path: path.to_owned(),
                source,
            },
        };
        let unnamed = Unnamed::write(&self.path, text)?;
        // A new name for the finished file. A rename would replace what has the name already.
        match fs::hard_link(&unnamed.path, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                // A file system without a second name for a file: the name is taken first then.
                create(path, text).map_err(failed)?;
            }
            linked => linked.map_err(failed)?,
        }
        drop(unnamed);
        if let Some(handle) = &self.handle {
            // The name is on the disk with the folder. Where folders cannot be synced it gets there later.
            let _ = handle.sync_all();
        }
        Ok(())
    }
}

/// A finished file without its name. Nothing reads it: it is hidden and no `.sql`.
struct Unnamed {
    path: PathBuf,
}

impl Unnamed {
    fn write(folder: &Path, text: &str) -> Result<Unnamed, AuthorError> {
        let path = folder.join(format!(".limbeck-{}.tmp", random_hex()?));
        create(&path, text).map_err(|source| AuthorError::Write {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Unnamed { path })
    }
}

impl Drop for Unnamed {
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
