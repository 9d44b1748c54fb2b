//! Everything that uses limbeck as its users do: one binary, so that it links once.

mod classify;
#[cfg(feature = "cli")]
mod cli;
mod conformance;
#[cfg(all(unix, feature = "sqlite", feature = "serde"))]
mod examples;
mod graph_properties;
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
