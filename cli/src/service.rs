//! The commands inside a service: its own migrations, its own pool.

use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::BoxFuture;
use limbeck::autogenerate::Reflect;
use limbeck::migrations::MigrationsError;
use limbeck::{Dialect, Migrations, Migrator};
use sqlx::Pool;

use crate::call::{Call, Run as _};
use crate::commands::Command;
use crate::connect::{Access, Observer, Opened};
use crate::context::{Context, Naming};
use crate::database::Database;
use crate::error::CliError;
use crate::options::Form;
use crate::output::Output;
use crate::redact::Redactor;

/// Runs a command on a service's own migrator, prints the answer, or the error, and gives the exit code: 0 done, 1 an
/// error, 2 wrong usage, 3 what `check` and `current --check-heads` look for.
///
/// [`Command`] is a clap subcommand, and [`Form`] a group of options, for a parser of the service's own:
///
/// ```no_run
/// use clap::{Parser, Subcommand};
///
/// #[derive(Parser)]
/// struct Cli {
///     #[command(flatten)]
///     form: limbeck_cli::Form,
///     #[command(subcommand)]
///     task: Task,
/// }
///
/// #[derive(Subcommand)]
/// enum Task {
///     /// Serve.
///     Serve,
///     /// Look at the database's migrations, and run them.
///     #[command(subcommand)]
///     Migrate(limbeck_cli::Command),
/// }
///
/// # async fn main_() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
/// # let (pool, migrations): (sqlx::SqlitePool, limbeck::Migrations) = unimplemented!();
/// let cli = Cli::parse();
/// let migrator = limbeck::Migrator::new(&pool, migrations);
/// match cli.task {
///     Task::Serve => Ok(std::process::ExitCode::SUCCESS),
///     Task::Migrate(command) => Ok(limbeck_cli::run_in_service(&command, &cli.form, &migrator).await),
/// }
/// # }
/// ```
///
/// The migrator's settings, registered code and observer are in force. Commands that write revision files are refused:
/// a service's migrations are part of its program.
pub async fn run_in_service<DB: Reflect>(
    command: &Command,
    form: &Form,
    migrator: &Migrator<Pool<DB>>,
) -> ExitCode {
    let redactor = Redactor::of(command.scratch_url());
    let output = Output::new(form.json, form.color, redactor);
    let call = Call {
        context: &OfService { migrator },
        output: &output,
        program: None,
    };
    call.execute(command).await
}

struct OfService<'a, DB: Reflect> {
    migrator: &'a Migrator<Pool<DB>>,
}

impl<DB: Reflect> Context for OfService<'_, DB> {
    fn migrations(&self) -> Result<Migrations, MigrationsError> {
        Ok(self.migrator.migrations().clone())
    }

    fn naming(&self) -> Naming {
        Naming::Here
    }

    /// The pool has its own patience.
    fn open(
        &self,
        _migrations: Migrations,
        _access: Access,
        _patience: Duration,
        observer: Option<Observer>,
    ) -> BoxFuture<'_, Result<Opened, CliError>> {
        let mut migrator = self.migrator.clone();
        if let Some(ours) = observer {
            migrator = migrator.on_event(move |event| ours(event));
        }
        Box::pin(async move { Ok(Opened::kept(Box::new(migrator))) })
    }

    fn script(
        &self,
        _migrations: Migrations,
        dialect: Option<Dialect>,
    ) -> Result<Box<dyn Database>, CliError> {
        let migrator = self.migrator.clone();
        Ok(Box::new(match dialect {
            Some(dialect) => migrator.script_dialect(dialect),
            None => migrator,
        }))
    }
}
