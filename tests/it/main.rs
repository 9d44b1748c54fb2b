//! Everything that uses limbeck as its users do: one binary, so that it links once.

mod alembic;
mod classify;
mod conformance;
mod embedding;
mod graph_properties;
mod offline;
mod revision_files;
mod run;
mod session;
mod splitter;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod splitter_servers;
mod standing;
mod stops;
#[allow(dead_code)]
mod support;
mod together;
