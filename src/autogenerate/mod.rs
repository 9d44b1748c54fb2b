//! A live database compared with the schema that it should have, and the revision that leads there.
//!
#![cfg_attr(feature = "sqlite", doc = "```")]
#![cfg_attr(not(feature = "sqlite"), doc = "```text")]
//! use limbeck::autogenerate::{Autogenerate, Class, DraftOptions};
//! use limbeck::revision::NewRevision;
//! use sqlx::sqlite::SqlitePoolOptions;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
//! sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, age INTEGER)").execute(&pool).await?;
//!
//! // A service has this in a file, `schema.sql`.
//! let desired = Autogenerate::from_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT);");
//! let comparison = desired.compare(&pool).await?;
//!
//! let told: Vec<String> = comparison.changes().iter().map(ToString::to_string).collect();
//! assert_eq!(told, ["drop column users.age (lossy: its data are lost)", "add column users.email"]);
//!
//! // What loses data is written as a comment, with a warning, until it is allowed.
//! for draft in comparison.drafts(DraftOptions::default()) {
//!     let mut revision = NewRevision::new("1a6f2c80b311").message("An address for each user");
//!     for section in draft.sections() {
//!         revision = revision.section(section);
//!     }
//!     let text = revision.to_text()?;
//!     assert!(text.contains("ADD COLUMN") && text.contains("WARNING"));
//! }
//! # Ok(()) }
//! ```
//!
//! The desired SQL runs on a scratch database, and both databases are read through their own catalogs: the server words
//! every expression on both sides, so that only what means something else differs. Nothing is written to the live
//! database. `docs/autogenerate.md` in the repository lists what is detected on each database, beside other tools.
// One way: `schema` (the model) is filled by an engine's `reflect` from a live database and from a scratch one on which
// the desired SQL ran; `filter` leaves out what is not limbeck's business; `compare` finds the changes; `draft` sorts out
// what is withheld and has the engine's `lower` write SQL, both ways.

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod build;
mod change;
mod compare;
mod desired;
mod draft;
mod dump;
mod engine;
mod entangled;
mod error;
mod expression;
mod filter;
mod guess;
mod hints;
mod mysql;
mod order;
mod pattern;
mod postgres;
mod rename;
mod schema;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod scratch_name;
mod settle;
mod sqlite;
mod withhold;

pub use change::{Change, Class};
pub(crate) use desired::dump_without;
pub use desired::{Autogenerate, dump, reflect};
pub use draft::{Comparison, Draft, DraftOptions};
pub use engine::Reflect;
pub use error::AutogenerateError;
pub use filter::Filter;
pub use guess::PossibleRename;
pub use pattern::{FilterError, Pattern};
pub(crate) use schema::Name as TableName;
pub use schema::Schema;
