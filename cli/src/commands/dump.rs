//! `dump`: the live schema as a desired one.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::desired_schema::{FilterArgs, migrations_if_any};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;
use crate::files;

/// Write the database's schema as SQL that builds it: a schema.sql from which nothing differs.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Owners and privileges are not in it, nor is what check does not compare.\n\n\
                  Examples:\n  \
                  limbeck dump --output schema.sql\n  \
                  limbeck dump --exclude 'table:audit_*' | less"
)]
#[non_exhaustive]
pub struct DumpArgs {
    /// The file to write: it is replaced once all of the schema is read. Default: standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// What is written.
    #[command(flatten)]
    pub filter: FilterArgs,
}

#[derive(Debug, Serialize)]
struct DumpDocument<'a> {
    /// The schema, where no file was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl Run for DumpArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = migrations_if_any(call)?;
        let opened = call.open(Access::Read, &migrations).await?;
        let filter = self.filter.filter();
        let sql = opened.database.dump(&filter).await;
        opened.close().await;
        let sql = sql?;
        match &self.output {
            None => {
                let document = DumpDocument {
                    sql: Some(&sql),
                    path: None,
                };
                call.output.answer_raw(&document, || sql.clone())?;
            }
            Some(path) => {
                files::replace(path, &sql)?;
                let document = DumpDocument {
                    sql: None,
                    path: Some(path.display().to_string()),
                };
                call.output
                    .answer(&document, || format!("wrote {}\n", path.display()))?;
            }
        }
        Ok(Exit::Done)
    }
}
