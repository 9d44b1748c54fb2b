//! A service that carries limbeck's commands beside its own: `service migrate upgrade head`, on its own migrations and
//! its own pool.
//!
//! ```text
//! cargo run -p limbeck-cli --example service_cli -- migrate upgrade head
//! cargo run -p limbeck-cli --example service_cli -- migrate history -i
//! cargo run -p limbeck-cli --example service_cli -- --json migrate status
//! cargo run -p limbeck-cli --example service_cli -- serve
//! ```

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use limbeck::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

/// A service of three tables.
#[derive(Parser)]
#[command(name = "service")]
struct Cli {
    /// The database's file.
    #[arg(long, global = true, default_value = "service.db")]
    database: std::path::PathBuf,

    #[command(flatten)]
    form: limbeck_cli::Form,

    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Migrate, then serve.
    Serve,
    /// Look at the migrations of this program, and run them.
    #[command(subcommand)]
    Migrate(limbeck_cli::Command),
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let cli = Cli::parse();
    let options = SqliteConnectOptions::new()
        .filename(&cli.database)
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await?;
    // A service of its own would say `limbeck::embedded!()`.
    let migrations = limbeck::migrations![
        "../../examples/quickstart/migrations/1a6f2c80b311_accounts.sql",
        "../../examples/quickstart/migrations/5c09d7e4a2f8_billing.sql",
        "../../examples/quickstart/migrations/8b3e61f0c57d_profiles.sql",
        "../../examples/quickstart/migrations/d240b9f6137a_merge.sql",
        "../../examples/quickstart/migrations/f71c04a8e962_names_on_invoices.sql",
    ]?;
    let migrator = Migrator::new(&pool, migrations).application("service");
    let code = match cli.task {
        Task::Serve => {
            let report = migrator.upgrade_to_head().await?;
            println!("serving on {}", report.current.join(", "));
            ExitCode::SUCCESS
        }
        Task::Migrate(command) => limbeck_cli::run_in_service(&command, &cli.form, &migrator).await,
    };
    pool.close().await;
    Ok(code)
}
