//! Pictures of the graph: for `graph`, and for `history` on a terminal.

pub(super) mod dot;
pub(super) mod mermaid;
mod picture;
pub(super) mod text;

use limbeck::graph::RevisionId;
use limbeck::target::Bound;
use limbeck::{Migrations, Range, Status, plan};

pub(super) use self::picture::Picture;
use super::revision_list::{embedded, look};
use crate::call::Call;
use crate::error::CliError;

/// What is to be drawn.
pub(super) struct Seen {
    /// Newest first.
    pub ids: Vec<RevisionId>,
    pub status: Option<Status>,
}

pub(super) async fn see(
    is_asked: bool,
    range: &Range,
    migrations: &Migrations,
    call: &Call<'_>,
) -> Result<Seen, CliError> {
    let mut status = look(is_asked, migrations, call, |database| database.status()).await?;
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
