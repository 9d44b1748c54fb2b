//! The JSON documents.

use serde::Serialize;
use serde_json::Value;

use limbeck::status::RevisionInfo;
use limbeck::{Migrations, Revision, Status};

use super::error::CliError;

/// A plan or a report, each of its steps with its revision's message.
pub(super) fn run(run: &impl Serialize, migrations: &Migrations) -> Result<Value, CliError> {
    let mut document = serde_json::to_value(run).map_err(std::io::Error::from)?;
    let steps = document.get_mut("steps").and_then(Value::as_array_mut);
    for step in steps.into_iter().flatten() {
        let revision = step["revision"].as_str().and_then(|id| migrations.get(id));
        let message = revision.map_or("", Revision::message);
        step["message"] = message.into();
    }
    Ok(document)
}

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

/// Where the database stands.
#[derive(Debug, Serialize)]
pub(super) struct StatusDocument<'a> {
    pub ready: bool,
    #[serde(flatten)]
    pub status: &'a Status,
}

/// A script.
#[derive(Debug, Serialize)]
pub(super) struct ScriptDocument {
    pub sql: String,
}

/// What `resolve` settled.
#[derive(Debug, Serialize)]
pub(super) struct ResolveDocument<'a> {
    pub revision: &'a str,
    pub resolution: limbeck::Resolution,
}

/// The heads alone.
#[derive(Debug, Serialize)]
pub(super) struct HeadsDocument {
    pub heads: Vec<String>,
}
