//! `diff`: the database beside what its own applied revisions make.

use clap::Args;
use limbeck::autogenerate::DraftOptions;
use serde::Serialize;

use super::desired_schema::{self, ChangeDocument, FilterArgs};
use crate::call::{Call, Exit, Run};
use crate::connect::Access;
use crate::error::CliError;
use crate::redact::Redactor;

/// Say what was changed by hand: how the database differs from what its applied revisions make, and the SQL that mends it.
///
/// The applied revisions run on a scratch database, without rows. Code is not run, nor is what reaches beyond the database:
/// each is named.
#[derive(Clone, Args)]
#[command(after_help = "Exit codes: 0 nothing differs, 3 something does.\n\n\
                  Examples:\n  \
                  limbeck diff\n  \
                  limbeck diff --sql > mend.sql")]
#[non_exhaustive]
pub struct DiffArgs {
    /// Print the SQL that makes the database what its revisions make. What loses data is written as comments.
    #[arg(long)]
    pub sql: bool,

    /// An empty database to run the revisions on, which is left empty again: where the role may not create databases.
    /// Default: one that is created and dropped again; in memory for SQLite.
    #[arg(long, value_name = "URL")]
    pub scratch_url: Option<String>,

    /// What is compared.
    #[command(flatten)]
    pub filter: FilterArgs,
}

impl std::fmt::Debug for DiffArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiffArgs")
            .field("sql", &self.sql)
            .field("scratch_url", &Redactor::url(self.scratch_url.as_deref()))
            .field("filter", &self.filter)
            .finish()
    }
}

#[derive(Debug, Serialize)]
struct DiffDocument {
    changes: Vec<ChangeDocument>,
    notes: Vec<String>,
    sql: String,
}

impl Run for DiffArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let migrations = call.context.migrations()?;
        let opened = call.open(Access::Read, &migrations).await?;
        let compared = async {
            let applied = opened.database.applied_schema().await?;
            let desired = applied.desired.filter(self.filter.filter());
            let desired = match &self.scratch_url {
                Some(url) => desired.scratch_url(url),
                None => desired,
            };
            let comparison = opened.database.compare(&desired).await?;
            Ok::<_, limbeck::Error>((applied.left_out, comparison))
        };
        let compared = compared.await;
        opened.close().await;
        let (mut notes, comparison) = compared?;

        notes.extend(desired_schema::notes(&comparison));
        if !call.output.is_json() {
            for note in &notes {
                call.output.note(&format!("note: {note}"));
            }
        }
        let changes = comparison.changes();
        let document = DiffDocument {
            changes: changes.iter().map(ChangeDocument::new).collect(),
            notes,
            sql: comparison.script(DraftOptions::default()),
        };
        if self.sql {
            call.output.answer_raw(&document, || document.sql.clone())?;
        } else {
            call.output.answer(&document, || {
                if changes.is_empty() {
                    return "nothing differs from what the applied revisions make\n".to_owned();
                }
                let list = desired_schema::listed(changes);
                let counted = desired_schema::counted(changes, "what its applied revisions make");
                format!("{list}{counted}; --sql prints the statements\n")
            })?;
        }
        Ok(match changes.is_empty() {
            true => Exit::Done,
            false => Exit::Found,
        })
    }

    fn scratch_url(&self) -> Option<&str> {
        self.scratch_url.as_deref()
    }
}
