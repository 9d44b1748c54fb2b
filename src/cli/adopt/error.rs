//! Why nothing was adopted.

use super::compare::Difference;
use crate::cli::import::Tool;

/// What an adoption stops with, before anything was written.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum AdoptError {
    #[error(
        "there is no table {table}: if {tool} ran on this database with a table of another name, name it with \
         --table and --table-schema"
    )]
    NoTable { table: String, tool: Tool },
    #[error(
        "{table} has no row: {tool} applied nothing that could be adopted; `limbeck upgrade` runs everything"
    )]
    Nothing { table: String, tool: Tool },
    #[error(
        "{table} is limbeck's own version table here, by --version-table: it is read as it stands, and there is \
         nothing to adopt"
    )]
    OwnTable { table: String },
    #[error("{table} and the revisions do not agree, and nothing was stamped:{}", list(.differences))]
    Disagree {
        table: String,
        differences: Vec<Difference>,
    },
}

impl AdoptError {
    pub(in crate::cli) fn kind(&self) -> &'static str {
        match self {
            AdoptError::NoTable { .. } => "no_version_table",
            AdoptError::Nothing { .. } => "nothing_to_adopt",
            AdoptError::OwnTable { .. } => "same_table",
            AdoptError::Disagree { .. } => "disagreement",
        }
    }
}

/// One on a line.
fn list(differences: &[Difference]) -> String {
    differences
        .iter()
        .map(|difference| format!("\n  {difference}"))
        .collect()
}
