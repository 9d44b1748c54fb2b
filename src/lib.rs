//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod dialect;

pub use dialect::Dialect;
