//! What a database and a set of migrations look like to whoever asks: lists of revisions, and the status.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use crate::ledger::{Edited, Holder, LedgerEntry};
use crate::migrations::Migrations;
use crate::standing::StandingError;

/// A revision as lists show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RevisionInfo {
    /// Its id.
    pub revision: String,
    /// Its parents; empty for a base.
    pub down_revision: Vec<String>,
    /// Its own labels.
    pub branch_labels: Vec<String>,
    /// What it depends on, as full ids.
    pub depends_on: Vec<String>,
    /// Its message.
    pub message: String,
    /// When its file was made.
    pub create_date: Option<DateTime<FixedOffset>>,
    /// Whether no revision names it as `down_revision`.
    pub head: bool,
    /// Whether the version table has a row of it; none where no database was asked.
    pub current: Option<bool>,
    /// Whether it is applied; none where no database was asked.
    pub applied: Option<bool>,
    /// Its file.
    pub path: String,
}

impl RevisionInfo {
    /// A revision of which its id is known, and nothing else: one that the database has and the files do not.
    #[must_use]
    pub fn new(revision: impl Into<String>) -> Self {
        RevisionInfo {
            revision: revision.into(),
            ..RevisionInfo::default()
        }
    }
}

impl Migrations {
    /// These revisions, given by their full ids, as lists show them, in this order. Ids that are not of this set are left
    /// out. `current` are the rows of the version table, where a database was asked for them
    /// ([`Migrator::current`](crate::Migrator::current)).
    #[must_use]
    pub fn infos<I: AsRef<str>>(
        &self,
        ids: impl IntoIterator<Item = I>,
        current: Option<&[String]>,
    ) -> Vec<RevisionInfo> {
        let graph = self.graph();
        let heads: BTreeSet<Arc<str>> = graph.heads().into_iter().collect();
        let rows: Option<BTreeSet<&str>> =
            current.map(|rows| rows.iter().map(String::as_str).collect());
        let applied = rows.as_ref().map(|rows| {
            // Of heads that are not embedded nothing is known here.
            graph.ancestors(rows.iter().filter(|id| graph.contains(id)))
        });
        let strings =
            |ids: &mut dyn Iterator<Item = &Arc<str>>| ids.map(|id| id.to_string()).collect();
        ids.into_iter()
            .filter_map(|id| {
                let id = id.as_ref();
                let revision = self.get(id)?;
                Some(RevisionInfo {
                    revision: id.to_owned(),
                    down_revision: strings(&mut graph.down_revision(id)),
                    branch_labels: strings(&mut graph.branch_labels(id).iter()),
                    depends_on: strings(&mut graph.depends_on(id)),
                    message: revision.message().to_owned(),
                    create_date: revision.create_date(),
                    head: heads.contains(id),
                    current: rows.as_ref().map(|rows| rows.contains(id)),
                    applied: applied.as_ref().map(|applied| applied.contains(id)),
                    path: revision.path().to_owned(),
                })
            })
            .collect()
    }
}

/// Where a database stands to the migrations of this binary. Reading it writes nothing.
///
/// A test of one's own tooling begins with [`Status::default`], an empty database at no head, and sets what it is about:
///
/// ```
/// let mut status = limbeck::Status::default();
/// status.heads = vec!["5c09d7e4a2f8".into()];
/// status.pending = status.heads.clone();
/// assert!(status.is_ready());
/// status.refusal = Some(limbeck::status::Refusal::new("behind", "1 revision is not applied"));
/// assert!(!status.is_ready());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Status {
    /// The embedded heads, sorted: where the database should be.
    pub heads: Vec<String>,
    /// The rows of the version table, sorted: where it is.
    pub current: Vec<String>,
    /// Embedded revisions that are not applied, in the order in which they would be.
    pub pending: Vec<String>,
    /// Applied revisions that are not embedded, sorted: the database is ahead, or elsewhere.
    pub unknown: Vec<String>,
    /// Applied revisions whose file was edited since.
    pub drift: Vec<Edited>,
    /// Applied heads of which the ledger has no checksum to compare.
    pub unverified: Vec<String>,
    /// The step that is running, or was when its process ended. Serialized, it has what is read of such a step.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::ledger::unfinished"))]
    pub unfinished: Option<LedgerEntry>,
    /// Who holds the migration lock, as far as it can be seen.
    pub holder: Option<Holder>,
    /// The reason why a service with these migrations must not serve on this database: that of
    /// [`Migrator::require_head`](crate::Migrator::require_head).
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub refusal: Option<Refusal>,
}

/// The reason why a binary must not serve on a database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Refusal {
    /// The error's [`kind`](crate::Error::kind): `behind`, `ahead`, `drift`, `binary_too_old` and so on.
    pub kind: String,
    /// Its message.
    pub message: String,
}

impl Refusal {
    /// A reason of this kind, with its message.
    #[must_use]
    pub fn new(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Refusal {
            kind: kind.into(),
            message: message.into(),
        }
    }
}

impl From<&StandingError> for Refusal {
    fn from(error: &StandingError) -> Self {
        Refusal::new(error.kind(), error.to_string())
    }
}

impl Status {
    /// Tells whether a service with these migrations may serve: whether
    /// [`Migrator::require_head`](crate::Migrator::require_head) succeeds on this database.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.refusal.is_none()
    }
}
