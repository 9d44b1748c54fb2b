//! Everything that uses limbeck as its users do: one binary, so that it links once.

mod alembic;
#[cfg(feature = "autogenerate")]
mod autogenerate;
mod budgets;
mod classify;
mod conformance;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod crashes;
mod embedding;
#[cfg(all(unix, feature = "sqlite", feature = "serde"))]
mod examples;
#[cfg(all(unix, feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod faults;
mod fresh_sessions;
mod fuzz_corpus;
mod going_on;
mod grants;
mod graph_properties;
mod ledger;
mod log;
#[cfg(feature = "sqlite")]
mod memory;
mod merged;
mod offline;
mod processes;
mod resumption;
mod review;
mod revision_files;
mod run;
mod session;
mod snippets;
mod splitter;
#[cfg(all(feature = "postgres", feature = "mysql"))]
mod splitter_servers;
mod standing;
mod stops;
#[allow(dead_code)]
mod support;
#[cfg(feature = "mysql")]
mod timeouts;
mod together;
#[cfg(feature = "mysql")]
mod units;
#[cfg(all(unix, feature = "sqlite", feature = "postgres", feature = "mysql"))]
mod visibility;

/// Plain `cargo test` builds without the servers' features: it says so.
#[test]
fn databases_left_out_are_named() {
    for (built, feature) in [
        (cfg!(feature = "postgres"), "postgres"),
        (cfg!(feature = "mysql"), "mysql"),
    ] {
        if !built {
            support::servers::left_out(&format!(
                "every test of the feature `{feature}`, which is not on; tests/run.sh runs them"
            ));
        }
    }
}
