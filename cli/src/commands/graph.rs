//! `graph`: a picture of the revisions.

use clap::{Args, ValueEnum};
use limbeck::Range;

use super::drawing::{self, Picture};
use super::revision_list::{is_asked, listed};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;

/// Draw the revisions, with their branches and merges.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "On a terminal the newest revisions are above. `*` is a revision; where a database is asked, \
                  `@` is current, `●` applied, `○` pending, `×` edited since it was applied, `?` not in these \
                  files. A full line leads to what a revision follows, a dotted one to what it depends on. \
                  `~` ends a line that would lead too far: the revision's own line says (after …) then, and \
                  (before …) at the other end.\n\n\
                  mermaid draws 500 lines at most, unless its maxEdges is set: -r takes a part of the graph.\n\n\
                  Examples:\n  \
                  limbeck graph -i\n  \
                  limbeck graph --format dot | dot -Tsvg > graph.svg\n  \
                  limbeck graph --format mermaid -r billing@base:billing@head"
)]
#[non_exhaustive]
pub struct GraphArgs {
    /// For whom the picture is: text for people, or the source of one for mermaid or Graphviz.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// A:B, A: or :B, both ends included; current may stand for an end.
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub rev_range: Option<String>,

    /// Ask the database, and mark what is current, applied, pending and edited.
    #[arg(short, long)]
    pub indicate_current: bool,
}

/// A form of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[non_exhaustive]
pub enum Format {
    /// Lines beside a list, for a terminal.
    Text,
    /// A flowchart for mermaid.
    Mermaid,
    /// A digraph for Graphviz.
    Dot,
}

impl Run for GraphArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        if call.output.is_json() && self.format != Format::Text {
            return Err(CliError::usage(
                "--json lists the revisions and draws none: it goes without --format",
            ));
        }
        let range: Range = match &self.rev_range {
            Some(range) => range.parse()?,
            None => Range::all(),
        };
        let migrations = call.context.migrations()?;
        let is_asked = is_asked(self.indicate_current, &range);
        let seen = drawing::see(is_asked, &range, &migrations, call).await?;
        let picture = Picture::new(&migrations, &seen.ids, seen.status.as_ref());
        let rows = seen.status.as_ref().map(|status| &*status.current);
        let document = listed(&migrations, &seen.ids, rows);
        match self.format {
            Format::Text => call.output.answer_drawn(&document, || {
                drawing::text::draw(&picture, drawing::text::line)
            }),
            Format::Mermaid => call
                .output
                .answer(&document, || drawing::mermaid::draw(&picture)),
            Format::Dot => call
                .output
                .answer(&document, || drawing::dot::draw(&picture)),
        }?;
        Ok(Exit::Done)
    }
}
