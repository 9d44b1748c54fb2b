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
//! ```ignore
//! // the service
//! let migrator = limbeck::Migrator::new(pool, limbeck::embedded!());
//! ```
//!
//! A broken graph then fails `cargo build`, and a file that is added, changed or removed makes it build
//! again. Cargo sees a change by the time stamp: a file that is replaced in place by an older one, as some
//! backups do, is not noticed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::migrations::{Migrations, MigrationsError};
use crate::revision::Revision;

/// Embeds a folder for `limbeck::embedded!()`, or ends the build with what is wrong with it.
///
/// The folder is given relative to the package. This is [`Embed::new`] with its defaults, and
/// [`Embed::emit_or_exit`].
pub fn embed(folder: impl AsRef<Path>) {
    Embed::new(folder.as_ref()).emit_or_exit();
}

/// A folder to embed, with settings.
#[derive(Debug, Clone)]
#[must_use]
pub struct Embed {
    folder: PathBuf,
    name: String,
    heads: Heads,
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
    /// There are several heads that no label tells apart: two people added a revision to the same one.
    #[error("{}: several heads without a branch label: {}. Merge them (`limbeck merge heads`), label the \
             branches, or allow it with `allow_multiple_heads`", .folder.display(), list(.heads))]
    #[non_exhaustive]
    MultipleHeads {
        /// The folder.
        folder: PathBuf,
        /// Each head, and its file.
        heads: Vec<(Arc<str>, String)>,
    },
    /// This is not run by cargo as a build script.
    #[error("the environment variable {variable} is not set: this runs in a build script")]
    #[non_exhaustive]
    NoBuildScript {
        /// What cargo sets for build scripts.
        variable: &'static str,
    },
    /// The generated file could not be written.
    #[error("{}: could not be written", .path.display())]
    #[non_exhaustive]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn list(heads: &[(Arc<str>, String)]) -> String {
    heads
        .iter()
        .map(|(id, path)| format!("{id} ({path})"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Embed {
    /// A folder, relative to the package.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Embed {
            folder: folder.into(),
            name: "limbeck".to_owned(),
            heads: Heads::One,
        }
    }

    /// The name for `limbeck::embedded!("name")`, where a service embeds several folders. Default: `limbeck`,
    /// which `limbeck::embedded!()` reads.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Embeds also a graph with several heads that no branch label tells apart. Default: that fails the build.
    pub fn allow_multiple_heads(mut self) -> Self {
        self.heads = Heads::Several;
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
        let package = variable("CARGO_MANIFEST_DIR")?;
        let out = variable("OUT_DIR")?;
        for path in crate::migrations::sql_files(&self.folder)? {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let migrations = Migrations::from_dir(&self.folder)?;
        self.check_heads(&migrations)?;
        let path = Path::new(&out).join(format!("{}.rs", self.name));
        let code = code(&migrations, Path::new(&package));
        // An unchanged file keeps its time stamp.
        if std::fs::read_to_string(&path).is_ok_and(|before| before == code) {
            return Ok(());
        }
        std::fs::write(&path, code).map_err(|source| EmbedError::Write { path, source })
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
            eprintln!("limbeck: {text}");
            for line in text.lines() {
                println!("cargo::error={line}");
            }
            std::process::exit(1);
        }
    }

    fn check_heads(&self, migrations: &Migrations) -> Result<(), EmbedError> {
        let graph = migrations.graph();
        let heads: Vec<(Arc<str>, String)> = graph
            .heads()
            .into_iter()
            .filter(|head| graph.covering_labels(head).is_empty())
            .map(|head| {
                let path = migrations
                    .get(&head)
                    .map(|revision| revision.path().to_owned());
                (head, path.unwrap_or_default())
            })
            .collect();
        if heads.len() > 1 && self.heads == Heads::One {
            return Err(EmbedError::MultipleHeads {
                folder: self.folder.clone(),
                heads,
            });
        }
        Ok(())
    }
}

fn variable(variable: &'static str) -> Result<String, EmbedError> {
    std::env::var(variable).map_err(|_| EmbedError::NoBuildScript { variable })
}

/// An array of `EmbeddedRevision`s, parents and dependencies first.
fn code(migrations: &Migrations, package: &Path) -> String {
    let mut code = String::from("[\n");
    for revision in migrations.iter() {
        push(&mut code, revision, package).expect("a String takes every write");
    }
    code.push_str("]\n");
    code
}

fn push(code: &mut String, revision: &Revision, package: &Path) -> std::fmt::Result {
    // Debug writes what is a Rust literal of the same text.
    let path = package.join(revision.path());
    writeln!(code, "EmbeddedRevision {{")?;
    writeln!(code, "path: {:?},", revision.path())?;
    writeln!(
        code,
        "text: ::core::include_str!({:?}),",
        path.display().to_string()
    )?;
    writeln!(code, "sha256: {:?},", revision.checksum().digest())?;
    writeln!(code, "id: {:?},", revision.id())?;
    writeln!(code, "down_revision: &{:?},", revision.down_revision())?;
    writeln!(code, "branch_labels: &{:?},", revision.branch_labels())?;
    writeln!(code, "depends_on: &{:?},", revision.depends_on())?;
    writeln!(code, "message: {:?},", revision.message())?;
    writeln!(code, "create_date: {},", option(revision.create_date()))?;
    writeln!(
        code,
        "requires_binary: {},",
        option(revision.requires_binary())
    )?;
    writeln!(code, "}},")
}

fn option(value: Option<&str>) -> String {
    value.map_or_else(
        || "::core::option::Option::None".to_owned(),
        |value| format!("::core::option::Option::Some({value:?})"),
    )
}
