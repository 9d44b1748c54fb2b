//! Why nothing was adopted.

use super::compare::Difference;
use crate::commands::origin::Tool;
use crate::error::CliError;

/// What an adoption stops with, before anything was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdoptError {
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

impl From<AdoptError> for CliError {
    fn from(error: AdoptError) -> CliError {
        CliError::of(error.kind(), error)
    }
}

impl AdoptError {
    pub(crate) fn kind(&self) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text() {
        let words = |word: &str| word.to_owned();
        let not_here = |tool| Difference::NotHere {
            tool,
            version: words("9"),
        };
        let all = [
            AdoptError::NoTable {
                table: words("_sqlx_migrations"),
                tool: Tool::Sqlx,
            },
            AdoptError::Nothing {
                table: words("_sqlx_migrations"),
                tool: Tool::Sqlx,
            },
            AdoptError::OwnTable {
                table: words("alembic_version"),
            },
            AdoptError::Disagree {
                table: words("_sqlx_migrations"),
                differences: vec![
                    Difference::Failed {
                        version: words("3"),
                    },
                    not_here(Tool::Alembic),
                    not_here(Tool::Sqlx),
                    Difference::Gap {
                        revision: words("1"),
                        above: words("2"),
                    },
                    Difference::Changed {
                        revision: words("1"),
                        recorded: words("sha384:0f"),
                    },
                ],
            },
        ];
        let texts: Vec<String> = all
            .iter()
            .map(|error| format!("{}: {error}", error.kind()))
            .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        no_version_table: there is no table _sqlx_migrations: if sqlx ran on this database with a table of another name, name it with --table and --table-schema
        nothing_to_adopt: _sqlx_migrations has no row: sqlx applied nothing that could be adopted; `limbeck upgrade` runs everything
        same_table: alembic_version is limbeck's own version table here, by --version-table: it is read as it stands, and there is nothing to adopt
        disagreement: _sqlx_migrations and the revisions do not agree, and nothing was stamped:
          3: it failed halfway there: finish it with the tool that began it
          9: it is applied there, and there is no such revision here: import it
          9: it is applied there, and no revision here says `imported from sqlx: 9`: import it
          1: it is not applied there, and 2 above it is: run it with the old tool, or leave it out here if it was never meant to run
          1: what ran there had the checksum sha384:0f, and the file that was imported had another: import the file that ran, or, where it was edited on purpose, put this checksum into the revision's line `imported from`
        ");
    }
}
