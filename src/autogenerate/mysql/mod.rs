//! MySQL and MariaDB.
//!
//! One model for both: an index is one whether it is unique or not, since the servers know no other unique constraint;
//! the primary key is a constraint called `PRIMARY`; a check that is written at a column (MariaDB keeps those apart) is
//! a constraint without a name whose first column is that one. What a session leaves in an object is
//! kept and not compared: definers, and the `sql_mode` that routines, triggers and events remember. Their character set is
//! left out.

#[cfg(feature = "mysql")]
mod desired;
pub(super) mod events;
pub(super) mod lower;
#[cfg(feature = "mysql")]
mod online;
#[cfg(feature = "mysql")]
mod query;
#[cfg(feature = "mysql")]
mod read;
#[cfg(feature = "mysql")]
mod reflect;
mod render;
#[cfg(feature = "mysql")]
mod scratch;
// Only what reads needs all of it.
#[cfg_attr(not(feature = "mysql"), allow(dead_code))]
mod text;
pub(super) use text::{partition_renamed, renamed_with_table};
pub(super) mod types;
