//! Alembic's migration model for Rust services that migrate themselves at boot.
//!
#![cfg_attr(feature = "sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlite"), doc = "```text")]
//! use limbeck::{Migrations, Migrator, Outcome, Revision};
//! use sqlx::sqlite::SqlitePoolOptions;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A service embeds its folder, by `limbeck::embedded!()`: see `codegen`.
//! let migrations = Migrations::new([
//!     Revision::parse("migrations/accounts.sql", "\
//! -- Accounts
//! --
//! -- revision: 1a6f2c80b311
//! -- down_revision: none
//!
//! -- @upgrade
//! CREATE TABLE accounts (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
//!
//! -- @downgrade
//! DROP TABLE accounts;
//! ")?,
//!     Revision::parse("migrations/names.sql", "\
//! -- A name for each account
//! --
//! -- revision: 5c09d7e4a2f8
//! -- down_revision: 1a6f2c80b311
//!
//! -- @upgrade
//! ALTER TABLE accounts ADD COLUMN name TEXT;
//!
//! -- @downgrade
//! ALTER TABLE accounts DROP COLUMN name;
//! ")?,
//! ])?;
//!
//! // One database for all connections of its pool, gone with the last of them: so none is closed for its age.
//! let pool = SqlitePoolOptions::new()
//!     .idle_timeout(None)
//!     .max_lifetime(None)
//!     .connect("sqlite::memory:")
//!     .await?;
//! let migrator = Migrator::new(&pool, migrations);
//!
//! let report = migrator.upgrade_to_head().await?;
//! assert_eq!(report.steps.len(), 2);
//! assert_eq!(report.current, ["5c09d7e4a2f8"]);
//!
//! // The next replica: one look, nothing written.
//! let report = migrator.upgrade_to_head().await?;
//! assert_eq!(report.outcome, Outcome::AlreadyThere);
//!
//! let report = migrator.downgrade("-1").await?;
//! assert_eq!(report.current, ["1a6f2c80b311"]);
//! assert_eq!(migrator.status().await?.pending, ["5c09d7e4a2f8"]);
//! # Ok(()) }
//! ```
//!
//! # Where to look
//!
//! - [`Revision`]: the file format, whole.
//! - [`Migrations`]: a set of revisions, embedded, from a folder, or merged from several libraries.
#![cfg_attr(
    feature = "codegen",
    doc = "- [`codegen`]: embedding a folder from a build script, which checks it."
)]
#![cfg_attr(
    not(feature = "codegen"),
    doc = "- `codegen`: embedding a folder from a build script, which checks it."
)]
#![cfg_attr(
    feature = "_sqlx",
    doc = "- [`Migrator`]: everything that touches a database.",
    doc = "- [`Error`]: what can go wrong; [`Report`], [`Event`], [`Status`]: what went on."
)]
#![cfg_attr(
    feature = "autogenerate",
    doc = "- [`autogenerate`]: a live schema compared with the desired one, and the revision between them."
)]
//! - [`Target`] and [`Range`]: Alembic's ways to name where to go: `head`, `+2`, `billing@head`, `1a6f:5c09`.
//! - [`Graph`], [`plan`] and [`sql`]: the pure parts, for tools of one's own.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite` (default) | SQLite, compiled from source with the crate |
//! | `postgres` | PostgreSQL 12 to 18 |
//! | `mysql` | MariaDB 10.6 and later; MySQL 8.0 and later |
//! | `codegen` | the module `codegen`, for build scripts |
//! | `autogenerate` | the module `autogenerate`: a live schema compared with the desired one, and the revision between them |
//! | `serde` | `Serialize` and `Deserialize` for plans, reports, status, the ledger and lists of revisions: the documents of `--json` |
//!
//! Features only add. Without any there is the pure core, which needs neither sqlx nor tokio: it reads files,
//! builds graphs and makes plans. A service on PostgreSQL takes
//! `default-features = false, features = ["postgres"]`, its build script
//! `default-features = false, features = ["codegen"]`. TLS and the like are features of the service's own
//! dependency on sqlx.
//!
//! The program `limbeck` is the package `limbeck-cli`, whose library gives a service the same commands.
//!
//! # What is unsupported
//!
//! - Other databases, other runtimes than tokio, other versions of sqlx than 0.9.
//! - Downgrading what the binary does not embed. A binary does not migrate a database that is ahead of it.
//! - `COPY … FROM STDIN`, and the commands of `psql`, `sqlite3` and `mariadb` in a revision file: a file is SQL.
//! - A pooler that allows no transactions (PgBouncer's statement mode). Its transaction mode works: limbeck
//!   prepares no statements and keeps no state in a session.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Not for users: what every database feature needs is said by their names.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "_sqlx"))))]
#![deny(missing_docs)]

mod aim;
#[cfg(feature = "autogenerate")]
pub mod autogenerate;
#[cfg(feature = "_sqlx")]
mod backend;
#[cfg(feature = "codegen")]
pub mod codegen;
mod dialect;
pub mod error;
#[cfg(feature = "_sqlx")]
mod executor;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod graph;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
pub mod ledger;
pub mod migrations;
#[cfg(feature = "_sqlx")]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql")))
)]
pub mod migrator;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod offline;
pub mod plan;
// A database uses its own part.
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code)
)]
mod prepare;
#[cfg(feature = "_sqlx")]
#[cfg_attr(
    docsrs,
    doc(cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql")))
)]
pub mod report;
#[cfg(feature = "_sqlx")]
mod resolution;
pub mod revision;
#[cfg(feature = "_sqlx")]
mod settings;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod snippet;
pub mod sql;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
mod standing;
#[cfg_attr(not(feature = "_sqlx"), allow(dead_code))]
pub mod status;

/// Alembic's ways to name where to go, and what is wrong with a name that leads nowhere.
pub mod target {
    pub use crate::aim::{
        Bound, Fork, OutOfRange, Range, RangeFault, Target, TargetError, Unknown,
    };
}

/// What `embedded!` expands to.
#[doc(hidden)]
pub mod embedding {
    pub use crate::graph::GraphTables;
    pub use crate::migrations::Embedded;
    pub use crate::revision::EmbeddedRevision;
}

pub use dialect::Dialect;
pub use error::Error;
pub use graph::Graph;
pub use migrations::Migrations;
#[cfg(feature = "_sqlx")]
pub use migrator::Migrator;
pub use plan::Plan;
#[cfg(feature = "_sqlx")]
pub use report::{Event, Outcome, Report};
#[cfg(feature = "_sqlx")]
pub use resolution::Resolution;
pub use revision::Revision;
pub use status::Status;
pub use target::{Range, Target};

/// The revisions of these files, compiled into the binary: paths relative to the source file, as
/// [`include_str!`] takes them. Gives a `Result<Migrations, MigrationsError>`.
///
/// ```text
/// let migrations = limbeck::migrations!["../migrations/1a6f_accounts.sql", "../migrations/5c09_billing.sql"]?;
/// ```
///
/// No build script is needed, and none checks the graph: that happens here, at run time. See
/// [`embedded!`] for the other way.
#[macro_export]
macro_rules! migrations {
    ($($path:literal),* $(,)?) => {
        $crate::Migrations::from_files([$(($path, ::core::include_str!($path))),*])
            .map(|migrations| migrations.named(::core::env!("CARGO_PKG_NAME")))
    };
}

/// The revisions that the build script embedded with `limbeck::codegen::embed`: checked then, so this gives
/// [`Migrations`] without an error.
///
/// ```text
/// let migrator = limbeck::Migrator::new(pool, limbeck::embedded!());
/// ```
///
/// It is a constant: `static MIGRATIONS: Migrations = limbeck::embedded!();` works too, for tests and commands that share it.
/// The graph is read on first use, once in a process.
///
/// A service with several folders gives each a name of its own: `embedded!("billing")`.
#[macro_export]
macro_rules! embedded {
    () => {
        $crate::embedded!("migrations")
    };
    ($name:literal) => {{
        use $crate::embedding::{Embedded, EmbeddedRevision, GraphTables};
        static EMBEDDED: Embedded = ::core::include!(::core::concat!(
            ::core::env!("OUT_DIR"),
            "/limbeck_",
            $name,
            ".rs"
        ));
        $crate::Migrations::from_embedded(&EMBEDDED, ::core::env!("CARGO_PKG_NAME"))
    }};
}
