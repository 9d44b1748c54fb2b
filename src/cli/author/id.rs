//! Ids of new revisions.

use super::error::AuthorError;
use crate::graph::Graph;
use crate::migrations::hex;

/// Twelve random hex digits, as Alembic's ids are.
pub(super) fn random_hex() -> Result<String, AuthorError> {
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|source| AuthorError::NoRandom { source })?;
    Ok(hex(&bytes))
}

/// An id that no revision and no label of the graph has.
pub(super) fn fresh(graph: &Graph) -> Result<String, AuthorError> {
    loop {
        let id = random_hex()?;
        if graph.index(&id).is_none() && graph.label(&id).is_none() {
            return Ok(id);
        }
    }
}
