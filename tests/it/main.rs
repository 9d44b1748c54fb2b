//! Everything that uses limbeck as its users do: one binary, so that it links once.

mod conformance;
mod graph_properties;
