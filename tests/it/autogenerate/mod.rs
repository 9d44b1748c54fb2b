//! Autogenerate: a database is compared with the schema that it should have, and the revision leads there and back.

mod facade;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod kinds;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod reported;
#[cfg(feature = "sqlite")]
mod sqlite;
