//! SQLite.
//!
//! `query` asks the catalog, `parse` reads what it keeps as text, and `model` makes a schema of both; `faults` says what
//! SQLite would refuse in one; `lower` writes
//! what `ALTER TABLE` can do, and the documented rebuild of a table for the rest.

pub(super) mod faults;
#[cfg(feature = "sqlite")]
mod full_text;
pub(super) mod lower;
#[cfg(feature = "sqlite")]
mod model;
mod names;
#[cfg(feature = "sqlite")]
mod parse;
#[cfg(feature = "sqlite")]
mod query;
pub(super) mod reference;
#[cfg(feature = "sqlite")]
mod reflect;
#[cfg(feature = "sqlite")]
mod scratch;
pub(super) mod spelling;
pub(super) mod types;
