//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod dialect;
pub mod sql;

pub use dialect::Dialect;
