//! `scratch`: another program beside a database at the heads, which is made for it and removed afterwards.

mod place;

use std::ffi::OsString;
use std::process::ExitStatus;

use clap::Args;
use limbeck::{Migrations, Target};
use tokio::process::Command;

use self::place::Place;
use crate::call::{Call, Exit, Run};
use crate::connect::{self, Access, Opening};
use crate::context::Named;
use crate::error::CliError;

/// Run a program beside a database of its own, at the heads.
///
/// A database is made on the server of the URL, or a file for SQLite, and migrated to the heads. The program finds its URL in
/// DATABASE_URL, and SQLX_OFFLINE=false beside it. The database is removed when the program has ended, and the exit code is
/// the program's.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "The role has to be allowed to create databases. Of the URL's own database nothing is read but its character \
                  set, and nothing is written. What a killed run leaves behind, a later one removes.\n\n\
                  Examples:\n  \
                  limbeck scratch -- cargo sqlx prepare\n  \
                  limbeck scratch -- cargo test\n  \
                  limbeck scratch --env APP_DATABASE_URL -- sh -c 'psql \"$APP_DATABASE_URL\"'"
)]
#[non_exhaustive]
pub struct ScratchArgs {
    /// The variable that holds the database's URL for the program.
    #[arg(long, value_name = "NAME", default_value = "DATABASE_URL")]
    pub env: String,

    /// The program and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl Run for ScratchArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let named = call.context.named()?;
        let migrations = call.context.migrations()?;
        let mut stop = Stop::listen()?;
        let place = tokio::select! {
            place = Place::create(&named) => place?,
            _ = stop.next() => return Err(interrupted()),
        };
        let done = self.beside(&place, &named, migrations, &mut stop).await;
        let shown = place.shown();
        if let Err(error) = place.remove(&named).await {
            call.output.note(&format!(
                "note: {shown} could not be removed, a later run will try again: {error}"
            ));
        }
        done
    }
}

impl ScratchArgs {
    async fn beside(
        &self,
        place: &Place,
        named: &Named<'_>,
        migrations: Migrations,
        stop: &mut Stop,
    ) -> Result<Exit, CliError> {
        tokio::select! {
            migrated = migrate(place.url(), named, migrations) => migrated?,
            _ = stop.next() => return Err(interrupted()),
        }
        let (program, arguments) = self.command.split_first().expect("clap asks for one");
        let mut child = Command::new(program)
            .args(arguments)
            .env(&self.env, place.url())
            .env("SQLX_OFFLINE", "false")
            .spawn()
            .map_err(|error| {
                let program = program.to_string_lossy();
                CliError::new("program", format!("`{program}` could not be started"))
                    .caused_by(error)
            })?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                signal = stop.next() => match signal {
                    // It ends, or goes on.
                    Signal::Interrupt => {}
                    Signal::End => child.start_kill()?,
                },
            }
        };
        Ok(Exit::Of(code(status)))
    }
}

async fn migrate(url: &str, named: &Named<'_>, migrations: Migrations) -> Result<(), CliError> {
    let opened = connect::open(Opening {
        url,
        options: named.options,
        migrations,
        access: Access::Write,
        limit: named.options.connect_timeout(),
        observer: None,
    })
    .await?;
    let report = opened.database.upgrade(vec![Target::heads()]).await;
    opened.close().await;
    let _ = report?;
    Ok(())
}

fn interrupted() -> CliError {
    CliError::new(
        "interrupted",
        "a signal came before the program was started",
    )
}

/// As a shell tells it.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    let code = status.code().or(signal.map(|signal: i32| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// The signals that end a process, which would leave the database behind.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    /// From the terminal, to the program as well.
    Interrupt,
    End,
}

impl Stop {
    #[cfg(unix)]
    fn listen() -> Result<Stop, CliError> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Stop {
            signals: [
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
                signal(SignalKind::hangup())?,
            ],
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        let [interrupt, terminate, hangup] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::End,
            _ = hangup.recv() => Signal::End,
        }
    }

    #[cfg(not(unix))]
    fn listen() -> Result<Stop, CliError> {
        Ok(Stop {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::Interrupt
    }
}
