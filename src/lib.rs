//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(feature = "_sqlx")]
mod backend;
mod dialect;

pub use dialect::Dialect;
