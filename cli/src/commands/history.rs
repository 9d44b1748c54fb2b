//! `history`: a list of revisions, on a terminal with the lines of the graph.

use clap::Args;
use limbeck::{Range, plan};

use super::drawing::{self, Picture};
use super::revision_list::{answer, embedded, is_asked, listed, rows};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::text::Writer;

/// List revisions, newest first.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "On a terminal the lines of the graph are drawn beside the revisions, as `limbeck graph` does. \
                  Elsewhere there is a line for each, `parents -> revision, message`.\n\n\
                  Examples:\n  \
                  limbeck history -i\n  \
                  limbeck history -r 1a6f:5c09 --no-graph"
)]
#[non_exhaustive]
pub struct HistoryArgs {
    /// Show all that the files say.
    #[arg(short, long)]
    pub verbose: bool,

    /// A:B, A: or :B, both ends included; current may stand for an end.
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true)]
    pub rev_range: Option<String>,

    /// Ask the database, and mark what is current.
    #[arg(short, long)]
    pub indicate_current: bool,

    /// Draw the graph, wherever the list goes.
    #[arg(long, overrides_with = "no_graph")]
    pub graph: bool,

    /// Draw no graph.
    #[arg(long, overrides_with = "graph")]
    pub no_graph: bool,
}

impl Run for HistoryArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let range: Range = match &self.rev_range {
            Some(range) => range.parse()?,
            None => Range::all(),
        };
        if !call.output.is_json() && !self.no_graph && (self.graph || call.output.is_terminal()) {
            return drawn(self, &range, call).await;
        }
        let migrations = call.context.migrations()?;
        let is_asked = is_asked(self.indicate_current, &range);
        let rows = rows(is_asked, &migrations, call).await?;
        let ids = plan::history(migrations.graph(), &embedded(&migrations, &rows), &range)?;
        let document = listed(&migrations, &ids, rows.as_deref());
        let line = Writer::line_with_parents;
        answer(&document, &migrations, self.verbose, line, call.output)?;
        Ok(Exit::Done)
    }
}

/// With the lines of the graph beside it.
async fn drawn(args: &HistoryArgs, range: &Range, call: &Call<'_>) -> Result<Exit, CliError> {
    let migrations = call.context.migrations()?;
    let is_asked = is_asked(args.indicate_current, range);
    let seen = drawing::see(is_asked, range, &migrations, call).await?;
    let picture = Picture::new(&migrations, &seen.ids, seen.status.as_ref());
    let rows = seen.status.as_ref().map(|status| &*status.current);
    let document = listed(&migrations, &seen.ids, rows);
    if !args.verbose {
        call.output.answer_drawn(&document, || {
            drawing::text::draw(&picture, drawing::text::line)
        })?;
        return Ok(Exit::Done);
    }
    call.output.answer(&document, || {
        let writer = Writer::new(&migrations);
        // Row by row the picture shows the revisions of the list.
        drawing::text::draw(&picture, |row| match document.revisions.get(row.at) {
            Some(listed) => writer.block(listed),
            None => drawing::text::line(row),
        })
    })?;
    Ok(Exit::Done)
}
