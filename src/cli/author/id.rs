//! Ids of new revisions.

use super::error::AuthorError;
use crate::cli::files::random_hex;
use crate::graph::Graph;

/// An id that no revision and no label of the graph has.
pub(super) fn fresh(graph: &Graph) -> Result<String, AuthorError> {
    loop {
        let id = random_hex()?;
        if graph.index(&id).is_none() && graph.label(&id).is_none() {
            return Ok(id);
        }
    }
}
