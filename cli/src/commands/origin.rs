//! Where an imported revision came from: one line at the end of its message, which `adopt` reads again.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use limbeck::Revision;
use limbeck::revision::Mode;

/// A tool that migrations can be taken over from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Tool {
    /// Alembic, of Python's SQLAlchemy.
    Alembic,
    /// sqlx migrate.
    Sqlx,
    /// diesel migration.
    Diesel,
    /// refinery.
    Refinery,
}

impl Tool {
    pub(crate) const ALL: [Tool; 4] = [Tool::Alembic, Tool::Sqlx, Tool::Diesel, Tool::Refinery];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Tool::Alembic => "alembic",
            Tool::Sqlx => "sqlx",
            Tool::Diesel => "diesel",
            Tool::Refinery => "refinery",
        }
    }

    /// The table in which it keeps what it applied, where it is not told another.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Tool::Alembic => "alembic_version",
            Tool::Sqlx => "_sqlx_migrations",
            Tool::Diesel => "__diesel_schema_migrations",
            Tool::Refinery => "refinery_schema_history",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a revision came from, as the last line of its message says it: `imported from TOOL: VERSION`, and
/// behind a comma each checksum that the tool may have recorded, as in `imported from sqlx: 7, sha384:0f…`.
///
/// A header key would bind every later version of the format to what other tools keep; a message is free text,
/// is embedded with the revision, and stands under its checksum like all else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub tool: Tool,
    /// The version as the tool's own table holds it.
    pub version: String,
    /// Any one of them is right: what a tool records may depend on how it was built.
    pub checksums: Vec<String>,
}

const BEGINS: &str = "imported from ";

impl Origin {
    /// What a revision's message says.
    pub(crate) fn of_message(message: &str) -> Option<Origin> {
        message.lines().next_back()?.parse().ok()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{BEGINS}{}: {}", self.tool, self.version)?;
        for checksum in &self.checksums {
            write!(f, ", {checksum}")?;
        }
        Ok(())
    }
}

impl FromStr for Origin {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (tool, rest) = line
            .strip_prefix(BEGINS)
            .and_then(|rest| rest.split_once(": "))
            .ok_or(())?;
        let tool = Tool::ALL.into_iter().find(|one| one.name() == tool);
        let mut words = rest.split(", ").map(str::to_owned);
        let version = words.next().filter(|version| !version.is_empty());
        Ok(Origin {
            tool: tool.ok_or(())?,
            version: version.ok_or(())?,
            checksums: words.collect(),
        })
    }
}

/// How the comment begins that stands for a body.
pub(crate) const FILL_IN: &str = "-- To be filled in:";

/// Whether a revision was imported without all of its SQL, and nobody has written it since.
pub(crate) fn is_open(revision: &Revision) -> bool {
    revision.sections().iter().any(|section| {
        section.mode() == Mode::Rust && revision.body(section).trim_start().starts_with(FILL_IN)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for checksums in [
            vec![],
            vec!["sha384:0f"],
            vec!["siphash13:1", "siphash13:2"],
        ] {
            for tool in Tool::ALL {
                let origin = Origin {
                    tool,
                    version: "20240501120000".to_owned(),
                    checksums: checksums.iter().map(ToString::to_string).collect(),
                };
                let message = format!("create users\n\n{origin}");
                assert_eq!(Origin::of_message(&message), Some(origin));
            }
        }
        for message in [
            "",
            "imported from sqlx",
            "imported from flyway: 1",
            "imported from sqlx: ",
        ] {
            assert_eq!(Origin::of_message(message), None, "{message}");
        }
        assert_eq!(
            Origin::of_message("imported from sqlx: 1\n\nand edited"),
            None
        );
    }
}
