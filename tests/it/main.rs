//! Everything that uses limbeck as its users do: one binary, so that it links once.

mod classify;
mod revision_files;
mod splitter;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod splitter_servers;
