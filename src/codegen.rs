//! For build scripts: checks a folder of revisions and writes the Rust that embeds it.
//!
//! ```toml
//! [dependencies]
//! limbeck = { version = "0.1", default-features = false, features = ["postgres"] }
//!
//! [build-dependencies]
//! limbeck = { version = "0.1", default-features = false, features = ["codegen"] }
//! ```
//!
//! ```no_run
//! // build.rs
//! fn main() {
//!     limbeck::codegen::embed("migrations");
//! }
//! ```
//!
//! ```text
//! // the service
//! let migrator = limbeck::Migrator::new(pool, limbeck::embedded!());
//! ```
//!
//! A broken graph then fails `cargo build`, and a file that is added, changed or removed makes it build
//! again. Cargo sees a change by the time stamp: a file that is replaced in place by an older one, as some
//! backups do, is not noticed, nor are files that come with old time stamps after a build that embedded others, as
//! when a container is built in layers. `touch` them, or the build script, before that build.
#![allow(clippy::needless_doctest_main)] // What stands there is a whole build script.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::Arc;

use crate::graph::RevisionId;
use crate::migrations::{Migrations, MigrationsError, Subfolders, shown};
use crate::revision::Revision;

/// Embeds a folder for `limbeck::embedded!()`, or ends the build with what is wrong with it.
///
/// The folder is given relative to the package. This is [`Embed::new`] with its defaults, and
/// [`Embed::emit_or_exit`].
///
/// ```no_run
/// // build.rs
/// fn main() {
///     limbeck::codegen::embed("migrations");
/// }
/// ```
pub fn embed(folder: impl AsRef<Path>) {
    Embed::new(folder).emit_or_exit();
}

/// A folder to embed, with settings.
///
/// ```no_run
/// // build.rs
/// fn main() {
///     limbeck::codegen::Embed::new("billing/migrations")
///         .name("billing")
///         .allow_multiple_heads()
///         .emit_or_exit();
/// }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Embed {
    folder: PathBuf,
    name: String,
    heads: Heads,
    subfolders: Subfolders,
    emptiness: Emptiness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emptiness {
    Refused,
    Allowed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heads {
    One,
    Several,
}

/// Why a folder was not embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The folder is no valid set of revisions.
    #[error(transparent)]
    Migrations(#[from] MigrationsError),
    /// There are several heads that no branch label tells apart: two people added a revision to the same one.
    #[error("{folder}: several heads that no branch label tells apart: {}. Merge them, label the branches, or allow \
             it with `allow_multiple_heads`", list(.heads))]
    #[non_exhaustive]
    MultipleHeads {
        /// The folder.
        folder: String,
        /// The heads, sorted.
        heads: Vec<HeadFile>,
    },
    /// The folder holds no revision file. A service without revisions takes any empty database for one that is up
    /// to date.
    #[error(
        "{folder}: no revision file is there. If the files are copied later, as in the layers of a container, build \
         the service after that; a service that has none yet says so with `allow_empty`"
    )]
    #[non_exhaustive]
    Empty {
        /// The folder.
        folder: String,
    },
    /// A file's path is no Unicode text, as the path in an `include_str!` must be.
    #[error("{path}: the path is not Unicode, so that no Rust source can name it")]
    #[non_exhaustive]
    PathNotUnicode {
        /// The file, with U+FFFD for what is no Unicode.
        path: String,
    },
    /// This is not run by cargo as a build script.
    #[error("the environment variable {variable} is not set: this runs in a build script")]
    #[non_exhaustive]
    NoBuildScript {
        /// What cargo sets for build scripts.
        variable: &'static str,
    },
    /// The generated file could not be written.
    #[error("{path}: could not be written")]
    #[non_exhaustive]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A head, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadFile {
    /// Its id.
    pub revision: RevisionId,
    /// Its file.
    pub path: String,
    /// The line of its id, from 1.
    pub line: usize,
}

fn list(heads: &[HeadFile]) -> String {
    heads
        .iter()
        .map(|head| format!("`{}` ({}:{})", head.revision, head.path, head.line))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Embed {
    /// A folder, relative to the package.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Embed {
            folder: folder.as_ref().to_owned(),
            name: "migrations".to_owned(),
            heads: Heads::One,
            subfolders: Subfolders::Refused,
            emptiness: Emptiness::Refused,
        }
    }

    /// The name for `limbeck::embedded!("name")`, where a service embeds several folders. It becomes part of a
    /// file's name. Default: `migrations`, which `limbeck::embedded!()` reads.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Embeds also a graph with several heads that no branch label tells apart. Default: that fails the build.
    pub fn allow_multiple_heads(mut self) -> Self {
        self.heads = Heads::Several;
        self
    }

    /// Embeds the folders inside of the folder as well. Default: a revision file in one fails the build.
    pub fn subfolders(mut self) -> Self {
        self.subfolders = Subfolders::Read;
        self
    }

    /// Embeds also a folder without revision files. Default: that fails the build. While the folder is empty, the
    /// build script runs at each build, whatever the time stamps say.
    pub fn allow_empty(mut self) -> Self {
        self.emptiness = Emptiness::Allowed;
        self
    }

    /// Checks the folder, writes the file that `embedded!` includes, and tells cargo what to watch.
    ///
    /// # Errors
    ///
    /// [`EmbedError::Migrations`] names file, line and reason of a broken file or graph.
    pub fn emit(&self) -> Result<(), EmbedError> {
        // First of all: a build that fails must run again when the folder changes.
        println!("cargo::rerun-if-changed={}", self.folder.display());
        let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
        let out = PathBuf::from(variable("OUT_DIR")?);
        // Build tools other than cargo may run the script in another working directory.
        let folder = package.join(&self.folder);
        let files = crate::migrations::sql_files(&folder, self.subfolders)?;
        for file in &files {
            println!("cargo::rerun-if-changed={}", file.display());
            // A folder behind a symbolic link, which cargo does not look into.
            if let Some(parent) = file.parent().filter(|parent| *parent != folder) {
                println!("cargo::rerun-if-changed={}", parent.display());
            }
        }
        if files.is_empty() {
            if self.emptiness == Emptiness::Refused {
                return Err(EmbedError::Empty {
                    folder: shown(&self.folder),
                });
            }
            // Cargo takes a file that is missing for a change: files that come with old time stamps are seen.
            let missing = self.folder.join(".limbeck-is-empty");
            println!("cargo::rerun-if-changed={}", missing.display());
        }
        let (migrations, sources) = read(&package, files)?;
        self.check_heads(&migrations)?;
        let path = out.join(format!("limbeck_{}.rs", self.name));
        let code = code(&migrations, &sources);
        // An unchanged file keeps its time stamp.
        if std::fs::read_to_string(&path).is_ok_and(|before| before == code) {
            return Ok(());
        }
        std::fs::write(&path, code).map_err(|source| EmbedError::Write {
            path: shown(&path),
            source,
        })
    }

    /// [`emit`](Embed::emit), or what is wrong on standard error and the end of the build script.
    pub fn emit_or_exit(&self) {
        if let Err(error) = self.emit() {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                let _ = write!(text, ": {error}");
                cause = error.source();
            }
            if let EmbedError::Migrations(error) = &error
                && let Some(snippet) = error.snippet()
            {
                let _ = write!(text, "\n{snippet}");
            }
            eprintln!("limbeck: {text}");
            for line in text.lines() {
                println!("cargo::error={line}");
            }
            std::process::exit(1);
        }
    }

    fn check_heads(&self, migrations: &Migrations) -> Result<(), EmbedError> {
        if self.heads == Heads::Several {
            return Ok(());
        }
        let graph = migrations.graph();
        let mut by_labels: BTreeMap<Vec<Arc<str>>, Vec<RevisionId>> = BTreeMap::new();
        for head in graph.heads() {
            let labels = graph.covering_labels(&head);
            by_labels.entry(labels).or_default().push(head);
        }
        match by_labels.into_values().find(|heads| heads.len() > 1) {
            None => Ok(()),
            Some(heads) => Err(EmbedError::MultipleHeads {
                folder: shown(&self.folder),
                heads: heads
                    .into_iter()
                    .filter_map(|head| migrations.get(&head))
                    .map(|revision| HeadFile {
                        revision: revision.id().into(),
                        path: revision.path().to_owned(),
                        line: revision.line_of("revision").unwrap_or(1),
                    })
                    .collect(),
            }),
        }
    }
}

fn variable(variable: &'static str) -> Result<OsString, EmbedError> {
    std::env::var_os(variable).ok_or(EmbedError::NoBuildScript { variable })
}

/// The files' revisions, and each one's path for `include_str!`. Messages and the binary get paths that begin
/// at the package: the same on every machine.
fn read(
    package: &Path,
    files: Vec<PathBuf>,
) -> Result<(Migrations, HashMap<String, String>), EmbedError> {
    let mut revisions = Vec::with_capacity(files.len());
    let mut sources = HashMap::with_capacity(files.len());
    for file in files {
        let Some(source) = file.to_str().map(str::to_owned) else {
            return Err(EmbedError::PathNotUnicode { path: shown(&file) });
        };
        let path = file.strip_prefix(package).unwrap_or(&file);
        let path = shown(path).replace(MAIN_SEPARATOR, "/");
        let bytes = std::fs::read(&file).map_err(crate::migrations::unreadable(&file))?;
        let revision = Revision::parse_bytes(path, bytes).map_err(MigrationsError::from)?;
        sources.insert(revision.id().to_owned(), source);
        revisions.push(revision);
    }
    Ok((Migrations::new(revisions)?, sources))
}

/// An `Embedded`.
fn code(migrations: &Migrations, sources: &HashMap<String, String>) -> String {
    let mut code = String::new();
    push_all(&mut code, migrations, sources).expect("a String takes every write");
    code
}

fn push_all(
    code: &mut String,
    migrations: &Migrations,
    sources: &HashMap<String, String>,
) -> std::fmt::Result {
    writeln!(code, "Embedded::new(&[")?;
    for revision in migrations.iter() {
        push(code, revision, &sources[revision.id()])?;
        let lineage = migrations.lineage(revision.id()).unwrap_or_default();
        writeln!(code, "lineage: {lineage:?},\n}},")?;
    }
    writeln!(code, "],\n{},\n)", migrations.graph().tables())
}

/// The fields of one revision that its file alone tells.
fn push(code: &mut String, revision: &Revision, source: &str) -> std::fmt::Result {
    // Debug writes a text as the Rust literal of it.
    writeln!(code, "EmbeddedRevision {{")?;
    writeln!(code, "path: {:?},", revision.path())?;
    writeln!(code, "text: ::core::include_str!({source:?}),")?;
    write!(code, "sha256: b\"")?;
    for byte in revision.checksum().digest() {
        write!(code, "\\x{byte:02x}")?;
    }
    writeln!(code, "\",")?;
    writeln!(code, "id: {:?},", revision.id())?;
    writeln!(code, "down_revision: &{:?},", revision.down_revision())?;
    writeln!(code, "branch_labels: &{:?},", revision.branch_labels())?;
    writeln!(code, "depends_on: &{:?},", revision.depends_on())?;
    writeln!(code, "message: {:?},", revision.message())?;
    writeln!(
        code,
        "create_date: {},",
        option(revision.create_date_text())
    )?;
    writeln!(
        code,
        "requires_binary: {},",
        option(revision.requires_binary())
    )
}

fn option(value: Option<&str>) -> String {
    value.map_or_else(
        || "::core::option::Option::None".to_owned(),
        |value| format!("::core::option::Option::Some({value:?})"),
    )
}
