//! Ids of new revisions.

use limbeck::Graph;

use super::error::AuthorError;
use crate::files::random_hex;

/// An id that no revision and no label of the graph has.
pub(super) fn fresh(graph: &Graph) -> Result<String, AuthorError> {
    loop {
        let id = random_hex()?;
        let is_label = graph.labels().any(|(label, _)| **label == *id);
        if !graph.contains(&id) && !is_label {
            return Ok(id);
        }
    }
}
