//! The command line of [`limbeck`]: what the binary does, on a folder of revision files and a database URL.
//!
//! [`Cli`] is a clap parser. [`main`] is the whole binary; [`run`] is it after parsing. Under `--json` a
//! command prints one JSON document on standard output:
//!
//! | command | document |
//! |---|---|
//! | `plan`, `upgrade`, `downgrade`, `stamp` | `{"steps":[{"action","revision","heads":[…],"message"}],"heads":[…],"outcome"}`: `heads` sorted, a step's are those after it; a step that is code has `"code"`; `plan` and `--dry-run` have no `outcome` |
//! | `history`, `graph`, `heads`, `branches`, `show`, `current`; of what they wrote `init`, `revision`, `merge`; `edit` | `{"revisions":[…]}`, each a [`RevisionInfo`] with `"unknown":true` if the files do not hold it |
//! | `revision --autogenerate` | the same with `"changes"` and `"notes"` as of `check`, each change with `"withheld":true` if it is written as a comment; no revisions where nothing differs |
//! | `check` | `{"changes":[{"kind","subject","table","class","reason"}],"notes":[…]}`: `table` is null for what is no table's, `class` one of `safe`, `lossy`, `manual` |
//! | `diff` | as `check`, with `"sql"`: the statements that mend it |
//! | `dump` | `{"sql":"…"}`, or `{"path":"…"}` of the file that was written |
//! | `status` | a [`Status`] with `"ready"`, and `"code"`: the pending revisions that are code, if there are any |
//! | anything with `--sql` | `{"sql":"…"}` |
//! | `resolve` | `{"revision","resolution"}` |
//! | `ensure_version` | `{"heads":[…]}` |
//! | `completions`, `man` | `{"text":"…"}` |
//! | `import` | `{"tool","dir","revisions":[{"revision","path","source","message","fill_in":[{"section","reason"}]}],"left_out":[{"path","reason"}],"notes":[…]}` |
//! | `adopt` | as `stamp` |
//! | `scratch` | what the program prints |
//!
//! and an error is the last line on standard error, `{"error":{"kind","message"}}` with [`Error::kind`] or one
//! of `no_database_url`, `invalid_database_url`, `connection`, `rejected` (a connection that no retry brings about), `no_dialect`, `not_confirmed`, `usage`, `io`,
//! `json`, `left_out` (a database that this program was built without); of what writes files `embedded`, `not_empty`, `multiple_heads`, `not_a_head`, `nothing_to_merge`,
//! `invalid_target`, `invalid_file`, `invalid_graph`, `file_template`, `file_exists`, `editor`, `not_at_head`; of what
//! compares schemas `unreadable_schema`, `invalid_schema_order`, `invalid_schema_file`, `desired_schema_failed`, `no_scratch`,
//! `invalid_scratch_url`, `scratch_is_live`, `scratch_not_empty`, `reflection_failed`;
//! of `import` and `adopt` `unreadable_source`, `no_migrations`, `refused_source`,
//! `same_folder`, `exists`, `no_alembic`, `project_failed`, `scratch_failed`, `no_folder`, `no_version_table`, `nothing_to_adopt`, `disagreement`,
//! `same_table`; of `scratch` `no_scratch`, `program`, `interrupted`. Exit codes: 0 done, 1 an error, 2 wrong usage, 3 what
//! `check` and `current --check-heads` look for; that of `scratch` is its program's.
//!
//! A SQLite file that is not there is created by what writes, unless the URL's `mode=` says otherwise; what
//! only looks takes it for an empty database.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `sqlite`, `postgres`, `mysql` (default) | the databases; a service that embeds the commands takes its own alone |
//! | `tls` (default) | TLS by rustls and ring, with the authorities that the system trusts; a service's own choice is a feature of its sqlx |
//! | `mysql-rsa` | MySQL's default login (`caching_sha2_password`) over a connection without TLS |
//!
//! [`RevisionInfo`]: limbeck::status::RevisionInfo
//! [`Status`]: limbeck::Status
//! [`Error::kind`]: limbeck::Error::kind

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
compile_error!("limbeck-cli needs a database: switch on `sqlite`, `postgres` or `mysql`");

mod call;
mod code;
mod commands;
mod connect;
mod context;
mod database;
mod document;
mod error;
mod files;
mod options;
mod output;
mod paint;
mod progress;
mod redact;
mod service;
mod show;
mod text;
mod tls;

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use crate::call::{Call, Run as _, tell};
pub use crate::commands::*;
use crate::context::FromOptions;
pub use crate::options::{Form, Options};
use crate::output::Output;
use crate::redact::Redactor;
pub use crate::service::run_in_service;

const AFTER_HELP: &str = if cfg!(feature = "tls") {
    "Exit codes: 0 done; 1 an error; 2 wrong usage; 3 what `check` and `current --check-heads` look for.\n\
     Over TLS a server is known by the authorities that the system trusts, or by those that the URL names."
} else {
    "Exit codes: 0 done; 1 an error; 2 wrong usage; 3 what `check` and `current --check-heads` look for.\n\
     This program is built without TLS: where a server wants it, build it with the feature `tls` of limbeck-cli."
};

/// The command line's arguments.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "limbeck",
    version,
    about = "Alembic's migration model for Rust services: plan, run and look at migrations.",
    after_help = AFTER_HELP,
    mut_subcommands = commands::with_its_options
)]
#[non_exhaustive]
pub struct Cli {
    /// The options that the commands have in common.
    #[command(flatten)]
    pub options: Options,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The binary: reads the process's arguments, runs the command, and gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(say_usage(&error, &arguments)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => ExitCode::from(tell(
            &error.into(),
            &Output::new(
                cli.options.form.json,
                cli.options.form.color,
                Redactor::default(),
            ),
        )),
    }
}

/// Runs a command and prints its answer, or its error. Gives the exit code.
pub async fn run(cli: Cli) -> ExitCode {
    let context = FromOptions::new(cli.options.clone());
    let form = &cli.options.form;
    let redactor = context
        .redactor()
        .and(Redactor::of(cli.command.scratch_url()));
    let output = Output::new(form.json, form.color, redactor);
    let call = Call {
        context: &context,
        output: &output,
        program: Some(Cli::command),
    };
    call.execute(&cli.command).await
}

/// Prints what clap has to say: help and version on standard output, wrong usage on standard error.
fn say_usage(error: &clap::Error, arguments: &[OsString]) -> u8 {
    if !error.use_stderr() {
        // Help and version quote nothing that was given.
        let _ = anstream::stdout().write_all(error.render().ansi().to_string().as_bytes());
        return 0;
    }
    // A URL may stand where none belongs.
    let redactor = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .map(|argument| {
            let value = argument
                .strip_prefix("--")
                .and_then(|option| option.split_once('='));
            Redactor::of(Some(value.map_or(argument, |(_, value)| value)))
        })
        .fold(Redactor::default(), Redactor::and);
    let text = redactor.clean(&error.render().to_string());
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(show::escaped(&text).as_bytes());
    if arguments.iter().any(|argument| argument == "--json") {
        let summary = text.split("\n\n").next().unwrap_or_default();
        let summary = summary.strip_prefix("error: ").unwrap_or(summary).trim();
        let _ = stderr.write_all(error::json_line("usage", summary).as_bytes());
    }
    2
}
