//! How a database stands to the binary that looks at it: where it should be, behind, ahead, or elsewhere.

use std::collections::BTreeSet;

use crate::aim::{Target, TargetError};
use crate::graph::RevisionId;
use crate::ledger::{Edited, Known};
use crate::migrations::Migrations;
use crate::plan;

/// Why this binary must not run against this database.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StandingError {
    /// Part of what this binary needs is not applied, and the database has revisions that it does not know.
    #[error("this binary and the database have diverged: the database has {} that this binary does not embed, \
             and lacks {} that it needs. Nothing was changed. Deploy a binary that embeds both (merge the \
             branches), or point this one at another database", names(.unknown), names(.missing))]
    #[non_exhaustive]
    Diverged {
        /// Applied revisions that are not embedded.
        unknown: Vec<RevisionId>,
        /// Revisions of the target that are not applied.
        missing: Vec<RevisionId>,
    },
    /// The database is ahead, and the settings refuse that.
    #[error("the database is ahead of this binary by {}, and `on_ahead` is set to refuse. Nothing was \
             changed. Start a newer binary", names(.unknown))]
    #[non_exhaustive]
    Ahead {
        /// Applied revisions that are not embedded.
        unknown: Vec<RevisionId>,
    },
    /// An applied revision says that only binaries which embed a certain revision may run.
    #[error(
        "revision {revision}, which is applied, requires a binary that embeds revision {required}: this one \
             does not. Nothing was changed. Start a newer binary"
    )]
    #[non_exhaustive]
    BinaryTooOld {
        /// The applied revision.
        revision: RevisionId,
        /// The revision that a binary must embed.
        required: RevisionId,
    },
    /// An applied revision descends from nothing that this binary knows.
    #[error(
        "the database has revision {revision}, which this binary does not embed and which descends from none \
             that it does: this is another service's database, or the ledger does not know the revision's \
             parents. Nothing was changed. Look at the connection's URL and at `version_table`"
    )]
    #[non_exhaustive]
    UnknownRevision {
        /// The revision.
        revision: RevisionId,
    },
    /// A relative target means nothing where the heads are not embedded.
    #[error("the target {target} counts from the database's heads, and of these the binary does not embed {}. \
             Nothing was changed. Name a revision, or start a newer binary", names(.unknown))]
    #[non_exhaustive]
    RelativeToUnknown {
        /// The target.
        target: String,
        /// The heads that are not embedded.
        unknown: Vec<RevisionId>,
    },
    /// A binary does not migrate what it does not embed.
    #[error("the database is ahead of this binary by {}: it does not {action} what it does not embed. Nothing \
             was changed. Use a binary that embeds these revisions", names(.unknown))]
    #[non_exhaustive]
    NotEmbedded {
        /// What was asked for.
        action: &'static str,
        /// The heads that are not embedded.
        unknown: Vec<RevisionId>,
    },
    /// Applied revisions were edited since.
    #[error("{}. Nothing was changed. Put the files back as they were and write a new revision instead; or, if \
             the edit is meant, accept it with `resolve`, or set `on_drift` to warn", list_edited(.edited))]
    #[non_exhaustive]
    Drift {
        /// Which, with both checksums.
        edited: Vec<Edited>,
    },
    /// The target is not applied, and this call does not migrate.
    #[error("the database is behind this binary: {} not applied. Nothing was changed. Run the migration job", 
            names(.missing))]
    #[non_exhaustive]
    Behind {
        /// Revisions of the target that are not applied.
        missing: Vec<RevisionId>,
    },
    /// The ledger was written by a newer limbeck, in a layout that this one does not know.
    #[error(
        "the ledger has layout {found}, this version of limbeck knows {known}: a newer one wrote it. Nothing \
             was changed. Update limbeck in this binary"
    )]
    #[non_exhaustive]
    NewerLayout {
        /// The layout in the database.
        found: u32,
        /// The newest that this version knows.
        known: u32,
    },
}

impl StandingError {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            StandingError::Diverged { .. } => "diverged",
            StandingError::Ahead { .. } => "ahead",
            StandingError::BinaryTooOld { .. } => "binary_too_old",
            StandingError::UnknownRevision { .. } => "unknown_ancestor",
            StandingError::RelativeToUnknown { .. } => "relative_to_unknown",
            StandingError::NotEmbedded { .. } => "not_embedded",
            StandingError::Drift { .. } => "drift",
            StandingError::Behind { .. } => "behind",
            StandingError::NewerLayout { .. } => "newer_layout",
        }
    }
}

fn names(ids: &[RevisionId]) -> String {
    const SHOWN: usize = 8;
    let mut text = if ids.len() == 1 {
        "revision ".to_owned()
    } else {
        "revisions ".to_owned()
    };
    text.push_str(
        &ids.iter()
            .take(SHOWN)
            .map(RevisionId::as_str)
            .collect::<Vec<_>>()
            .join(", "),
    );
    if ids.len() > SHOWN {
        text.push_str(&format!(" and {} more", ids.len() - SHOWN));
    }
    text
}

fn list_edited(all: &[Edited]) -> String {
    let mut text = "applied revisions were edited since".to_owned();
    for one in all {
        text.push_str(&format!(
            "\n  revision {} ({}): recorded {}, now {}",
            one.revision, one.path, one.recorded, one.embedded
        ));
    }
    text
}

/// The answer for a database whose heads, or running steps, this binary does not all embed.
///
/// `heads` are those in the version table, and the revisions of upgrades that are still running.
pub(crate) fn beyond(
    migrations: &Migrations,
    known: &Known,
    heads: &[RevisionId],
    targets: &[Target],
) -> Result<Vec<RevisionId>, BeyondError> {
    let graph = migrations.graph();
    let unknown = known.unknown(migrations, heads);
    let all: Vec<RevisionId> = unknown.revisions.iter().cloned().collect();
    if let Some((revision, required)) = unknown.required.first() {
        return Err(StandingError::BinaryTooOld {
            revision: revision.clone(),
            required: required.clone(),
        }
        .into());
    }
    if let Some(revision) = unknown.rootless.first() {
        return Err(StandingError::UnknownRevision {
            revision: revision.clone(),
        }
        .into());
    }
    if let Some(target) = targets.iter().find(|target| target.is_relative()) {
        return Err(StandingError::RelativeToUnknown {
            target: target.to_string(),
            unknown: all,
        }
        .into());
    }
    let applied = graph.ancestors(&unknown.stands_on);
    let mut missing = BTreeSet::new();
    for target in targets {
        for id in plan::resolve(graph, target)? {
            if !applied.contains(&id) {
                missing.insert(id);
            }
        }
    }
    if missing.is_empty() {
        Ok(all)
    } else {
        Err(StandingError::Diverged {
            unknown: all,
            missing: missing.into_iter().collect(),
        }
        .into())
    }
}

/// What [`beyond`] stops with.
#[derive(Debug)]
pub(crate) enum BeyondError {
    Standing(StandingError),
    Target(TargetError),
}

impl From<StandingError> for BeyondError {
    fn from(error: StandingError) -> Self {
        BeyondError::Standing(error)
    }
}

impl From<TargetError> for BeyondError {
    fn from(error: TargetError) -> Self {
        BeyondError::Target(error)
    }
}
