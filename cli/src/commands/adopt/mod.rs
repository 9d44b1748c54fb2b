//! `adopt`: a database that another tool migrated so far is stamped at the same place.

mod compare;
mod error;
mod table;

use clap::Args;
use limbeck::graph::RevisionId;
use limbeck::{Migrations, Revision};

use self::error::AdoptError;
use self::table::Table;
use super::origin::{Tool, is_open};
use super::run_steps::document;
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;
use crate::text;

/// Stamp the place at which another tool's version table says that the database is.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Reads the other tool's version table and changes nothing in it. The revisions are those \
    that `limbeck import` wrote from that tool's files, and perhaps later ones above them. Where the table and \
    the revisions do not agree, nothing is stamped and the difference is told. May be called again: a database \
    that is adopted already stays as it is. The other tool should not run meanwhile.\n\n\
    Example:\n  limbeck adopt --from sqlx --database-url postgres://localhost/shop"
)]
#[non_exhaustive]
pub struct AdoptArgs {
    /// The tool that migrated the database so far.
    #[arg(long, value_name = "TOOL")]
    pub from: Tool,

    /// That tool's version table, where it is not the tool's default.
    #[arg(long, value_name = "NAME")]
    pub table: Option<String>,

    /// The schema (PostgreSQL), database (MySQL) or attached file (SQLite) of that table. Default: the current
    /// one.
    #[arg(long, value_name = "NAME")]
    pub table_schema: Option<String>,
}

impl Run for AdoptArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let table = Table::new(
            self.from,
            self.table.as_deref(),
            self.table_schema.as_deref(),
        );
        // A SQLite file that is not there holds no other tool's table, and is not made for that.
        let opened = call.open(Access::Existing, &migrations).await?;
        let database = &*opened.database;
        let stamped = async {
            let (schema, name) = database.own_table();
            if name.eq_ignore_ascii_case(table.name()) && schema == self.table_schema.as_deref() {
                return Err(AdoptError::OwnTable {
                    table: table.name().to_owned(),
                }
                .into());
            }
            let rows = database
                .foreign_rows(&table.query(database.family()))
                .await?;
            let missing = || AdoptError::NoTable {
                table: table.to_string(),
                tool: self.from,
            };
            let applied = table.read(rows.ok_or_else(missing)?);
            if applied.is_empty() {
                return Err(AdoptError::Nothing {
                    table: table.to_string(),
                    tool: self.from,
                }
                .into());
            }
            let places =
                compare::places(self.from, &migrations, &applied).map_err(|differences| {
                    AdoptError::Disagree {
                        table: table.to_string(),
                        differences,
                    }
                })?;
            if let Some(note) = open_note(&migrations, &places) {
                call.output.note(&note);
            }
            Ok::<_, CliError>(database.adopt(&places).await?)
        };
        let report = stamped.await;
        opened.close().await;
        let report = report?;
        let document = document(&report, &migrations)?;
        call.output
            .answer(&document, || text::end_of_run(&report))?;
        Ok(Exit::Done)
    }
}

/// What is stamped is recorded with its checksum: to fill it in later is an edit.
fn open_note(migrations: &Migrations, places: &[RevisionId]) -> Option<String> {
    let stamped = migrations.graph().ancestors(places);
    let open: Vec<&str> = migrations
        .iter()
        .filter(|revision| stamped.contains(revision.id()) && is_open(revision))
        .map(Revision::id)
        .collect();
    (!open.is_empty()).then(|| {
        format!(
            "note: to be filled in: {}: once that is done this database finds the revision edited, until \
             `limbeck resolve REV --accept` records it",
            open.join(", ")
        )
    })
}
