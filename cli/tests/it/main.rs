//! The command line as its users call it: the program, and its commands inside a service. What the tests share with the
//! library's is the library's: `tests/it/support`.
#![cfg(all(unix, feature = "sqlite", feature = "postgres", feature = "mysql"))]

mod adopt;
mod beside_sqlx;
mod calls;
#[cfg(feature = "tls")]
mod certificates;
mod cli;
mod cli_author;
mod cli_autogenerate;
mod cli_bad_input;
mod cli_check;
mod cli_connect;
mod cli_diff;
mod cli_every;
mod cli_graph;
mod cli_hostile;
mod cli_options;
mod cli_passwords;
mod cli_scratch;
mod cli_service;
mod cli_shell;
mod cli_terminal;
mod cli_versions;
mod cli_visibility;
mod import;
mod import_alembic;
mod import_corpus;
mod project;
#[allow(dead_code)]
#[path = "../../../tests/it/support/mod.rs"]
mod support;
#[cfg(feature = "tls")]
mod tls;
mod workflow;
