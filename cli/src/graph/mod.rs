//! Pictures of the graph: `graph`, and `history` on a terminal.

mod dot;
mod mermaid;
mod picture;
mod text;

use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::command::HistoryArgs;
use super::context::Context;
use super::error::CliError;
use super::lists::{embedded, is_asked, listed, look};
use super::output::Output;
use super::text::Writer;
use limbeck::target::Bound;
use limbeck::{Migrations, Range, Status, plan};
use picture::Picture;

/// Arguments of `graph`.
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

pub(super) async fn graph(
    args: &GraphArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    if output.is_json() && args.format != Format::Text {
        return Err(CliError::Usage(
            "--json lists the revisions and draws none: it goes without --format".to_owned(),
        ));
    }
    let range: Range = match &args.rev_range {
        Some(range) => range.parse()?,
        None => Range::all(),
    };
    let migrations = context.migrations()?;
    let is_asked = is_asked(args.indicate_current, &range);
    let seen = see(is_asked, &range, &migrations, context, output).await?;
    let picture = Picture::new(&migrations, &seen.ids, seen.status.as_ref());
    let rows = seen.status.as_ref().map(|status| &*status.current);
    output.answer(&listed(&migrations, &seen.ids, rows), || {
        match args.format {
            Format::Text => text::draw(&picture, text::line),
            Format::Mermaid => mermaid::draw(&picture),
            Format::Dot => dot::draw(&picture),
        }
    })?;
    Ok(0)
}

/// `history` with the lines of the graph beside it.
pub(super) async fn history(
    args: &HistoryArgs,
    range: &Range,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let is_asked = is_asked(args.indicate_current, range);
    let seen = see(is_asked, range, &migrations, context, output).await?;
    let picture = Picture::new(&migrations, &seen.ids, seen.status.as_ref());
    let rows = seen.status.as_ref().map(|status| &*status.current);
    let document = listed(&migrations, &seen.ids, rows);
    output.answer(&document, || {
        if !args.verbose {
            return text::draw(&picture, text::line);
        }
        let writer = Writer::new(&migrations);
        // Row by row the picture shows the revisions of the list.
        text::draw(&picture, |row| match document.revisions.get(row.at) {
            Some(listed) => writer.block(listed),
            None => text::line(row),
        })
    })?;
    Ok(0)
}

/// What is to be drawn.
struct Seen {
    /// Newest first.
    ids: Vec<Arc<str>>,
    status: Option<Status>,
}

async fn see(
    is_asked: bool,
    range: &Range,
    migrations: &Migrations,
    context: &dyn Context,
    output: &Output,
) -> Result<Seen, CliError> {
    let mut status = look(is_asked, migrations, context, output, |database| {
        database.status()
    })
    .await?;
    let rows = status.as_ref().map(|status| status.current.clone());
    let ids = plan::history(migrations.graph(), &embedded(migrations, &rows), range)?;
    if let Some(status) = &mut status
        && (*range.lower() != Bound::Open || *range.upper() != Bound::Open)
    {
        // Where they belong is not known: in a part of the graph they would be a guess.
        status.unknown.clear();
    }
    Ok(Seen { ids, status })
}
