//! The JSON document of a list of revisions.

use limbeck::status::RevisionInfo;
use serde::Serialize;

/// A list of revisions.
#[derive(Debug, Serialize)]
pub(super) struct ListDocument {
    pub revisions: Vec<Listed>,
    /// `current` only: whether every head is applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_heads: Option<bool>,
}

/// A revision in a list.
#[derive(Debug, Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    pub info: RevisionInfo,
    /// Whether the files do not hold it: the database is ahead of them.
    pub unknown: bool,
}
