//! PostgreSQL.

pub(super) mod alteration;
#[cfg(feature = "postgres")]
mod catalog;
pub(super) mod faults;
pub(super) mod lower;
mod names;
mod online;
mod placeholder;
#[cfg(feature = "postgres")]
mod query;
#[cfg(feature = "postgres")]
mod reflect;
#[cfg(feature = "postgres")]
mod scratch;
#[cfg(feature = "postgres")]
mod scratch_sql;
pub(super) mod stages;
pub(super) mod types;
