//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "_sqlx")]
mod backend;
mod dialect;
mod error;
#[cfg(feature = "_sqlx")]
mod executor;
mod graph;
mod ledger;
mod migrations;
#[cfg(feature = "_sqlx")]
mod migrator;
pub mod plan;
mod prepare;
mod revision;
pub mod sql;
mod standing;
mod target;

pub use dialect::Dialect;
pub use graph::{Graph, GraphError, Key, Node, RevisionSet};
pub use plan::{Action, Plan, Step};
pub use target::{Bound, Fork, OutOfRange, Range, RangeFault, Target, TargetError, Unknown};
