//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "_sqlx")]
mod backend;
mod dialect;
mod graph;
pub mod plan;
mod target;

pub use dialect::Dialect;
pub use graph::{Graph, GraphError, Key, Node, RevisionSet};
pub use plan::{Action, Plan, Step};
pub use target::{Bound, Fork, OutOfRange, Range, RangeFault, Target, TargetError, Unknown};
