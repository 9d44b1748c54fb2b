//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "_sqlx")]
mod backend;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "codegen")]
pub mod codegen;
mod dialect;
mod error;
#[cfg(feature = "_sqlx")]
mod executor;
mod graph;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod ledger;
mod migrations;
#[cfg(feature = "_sqlx")]
mod migrator;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod offline;
pub mod plan;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod prepare;
mod revision;
pub mod sql;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod standing;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod status;
mod target;

#[cfg(feature = "_sqlx")]
pub use backend::{Backend, Borrowed, IntoSource, Source};
pub use dialect::{Dialect, UnknownDialect};
pub use error::Error;
#[cfg(feature = "_sqlx")]
pub use executor::{
    Event, Holder, Outcome, Report, RunError, StatementError, StepReport, Unfinished,
    UnfinishedReason, Violation,
};
pub use graph::{Graph, GraphError, Key, Node, RevisionSet};
pub use ledger::{Edited, LedgerEntry};
pub use migrations::{Migrations, MigrationsError};
#[cfg(feature = "_sqlx")]
pub use migrator::settings::{OnAhead, OnDrift, TransactionMode};
#[cfg(feature = "_sqlx")]
pub use migrator::{CodeFuture, IntoTargets, Migrator, Resolution};
pub use plan::{Action, Plan, Purge, Step};
pub use prepare::RefusedError;
#[doc(hidden)]
pub use revision::EmbeddedRevision;
pub use revision::{
    Checksum, ChecksumError, FileStatement, FileTemplate, FileTemplateError, ForeignKeys, Mode,
    NewRevision, NewSection, Revision, RevisionError, RevisionErrorKind, Section, SectionKind,
    Timeout, TimeoutError, WordError, slug,
};
pub use standing::StandingError;
pub use status::{RevisionInfo, Status, UnfinishedStep};
pub use target::{Bound, Fork, OutOfRange, Range, RangeFault, Target, TargetError, Unknown};

/// The revisions of these files, compiled into the binary: paths relative to the source file, as
/// [`include_str!`] takes them. Gives a `Result<Migrations, MigrationsError>`.
///
/// ```ignore
/// let migrations = limbeck::migrations!["../migrations/1a6f_accounts.sql", "../migrations/5c09_billing.sql"]?;
/// ```
///
/// No build script is needed, and none checks the graph: that happens here, at run time. See
/// [`embedded!`] for the other way.
#[macro_export]
macro_rules! migrations {
    ($($path:literal),* $(,)?) => {
        $crate::Migrations::from_files([$(($path, ::core::include_str!($path))),*])
    };
}

/// The revisions that the build script embedded with [`codegen::embed`](crate::codegen::embed): checked then,
/// so this gives [`Migrations`] without an error.
///
/// ```ignore
/// let migrator = limbeck::Migrator::new(pool, limbeck::embedded!());
/// ```
///
/// A service with several folders gives each a name of its own: `embedded!("billing")`.
#[macro_export]
macro_rules! embedded {
    () => {
        $crate::embedded!("limbeck")
    };
    ($name:literal) => {{
        use $crate::EmbeddedRevision;
        static REVISIONS: &[EmbeddedRevision] =
            &::core::include!(::core::concat!(::core::env!("OUT_DIR"), "/", $name, ".rs"));
        $crate::Migrations::from_embedded(REVISIONS)
    }};
}
