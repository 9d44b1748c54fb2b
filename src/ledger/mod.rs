//! The ledger as it is read back: one entry for each step that was attempted.

pub(crate) mod failure;
mod holder;
pub(crate) mod look;
mod recorded;
pub(crate) mod row;
pub(crate) mod tables;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use holder::Holder;
#[cfg(feature = "_sqlx")]
pub(crate) use holder::excerpt;
pub use recorded::{Recorded, State};
pub use row::LedgerEntry;
#[cfg(feature = "serde")]
pub(crate) use row::unfinished;

use crate::graph::RevisionId;
use crate::migrations::Migrations;
use crate::plan::Action;
use crate::revision::Checksum;

/// What the ledger last said of each revision.
#[derive(Debug, Default)]
pub(crate) struct Known {
    latest: HashMap<RevisionId, LedgerEntry>,
}

impl Known {
    /// Takes these rows in; of several of one revision the last counts.
    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = LedgerEntry>) {
        for entry in entries {
            let counts = match entry.state.known() {
                Some(State::Done) => entry.action != Action::Downgrade,
                // A step that is still running counts as applied.
                Some(State::Running) => entry.action == Action::Upgrade,
                Some(State::Failed) | None => false,
            };
            if counts {
                self.latest.insert(entry.revision.clone(), entry);
            }
        }
    }

    /// The revisions that it has a row of.
    pub(crate) fn revisions(&self) -> impl Iterator<Item = &str> {
        self.latest.keys().map(RevisionId::as_str)
    }

    /// Tells whether the row of a revision proves that neither it nor an ancestor was edited.
    pub(crate) fn is_proven(&self, migrations: &Migrations, id: &str) -> bool {
        let proof = self
            .get(id)
            .filter(|row| row.state == State::Done)
            .and_then(|row| row.lineage.as_deref());
        proof.is_some() && proof == migrations.lineage(id)
    }

    pub(crate) fn get(&self, revision: &str) -> Option<&LedgerEntry> {
        self.latest.get(revision)
    }

    /// The applied revisions whose file was edited since, in canonical order.
    pub(crate) fn edited<'m>(
        &self,
        migrations: &'m Migrations,
        applied: impl IntoIterator<Item = &'m str>,
    ) -> Vec<Edited> {
        applied
            .into_iter()
            .filter_map(|id| {
                let stored = self.get(id)?;
                let recorded = stored.checksum.as_ref()?;
                let revision = migrations.get(id)?;
                let embedded = revision.checksum();
                (stored.state == State::Done && *recorded != *embedded).then(|| Edited {
                    revision: id.into(),
                    path: revision.path().to_owned(),
                    recorded: recorded.clone(),
                    embedded: *embedded,
                })
            })
            .collect()
    }

    /// Every revision that the given heads imply and the graph does not know, with what the ledger says of
    /// it; the known revisions that they descend from; and the ones that descend from none.
    pub(crate) fn unknown(&self, migrations: &Migrations, heads: &[RevisionId]) -> Unknown {
        let graph = migrations.graph();
        let mut unknown = Unknown::default();
        let mut pending: Vec<&str> = heads.iter().map(RevisionId::as_str).collect();
        let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut rooted: Vec<&str> = Vec::new();
        while let Some(id) = pending.pop() {
            if graph.contains(id) {
                unknown.stands_on.insert(id.into());
                continue;
            }
            if !unknown.revisions.insert(id.into()) {
                continue;
            }
            let Some(entry) = self.get(id) else { continue };
            if let Some(required) = entry
                .requires_binary
                .as_deref()
                .filter(|id| !graph.contains(id))
            {
                unknown.required.push((id.into(), required.into()));
            }
            for parent in entry.down_revision.iter().chain(&entry.depends_on) {
                children.entry(parent).or_default().push(id);
                if graph.contains(parent) {
                    rooted.push(id);
                }
                pending.push(parent);
            }
        }
        // From each one with a known parent, forward: what is not reached has no known ancestor.
        let mut reached = BTreeSet::new();
        while let Some(id) = rooted.pop() {
            if reached.insert(id) {
                rooted.extend(children.get(id).into_iter().flatten());
            }
        }
        unknown.rootless = unknown
            .revisions
            .iter()
            .filter(|id| !reached.contains(id.as_str()))
            .cloned()
            .collect();
        unknown.required.sort();
        unknown
    }
}

/// The result of [`Known::unknown`].
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    pub revisions: BTreeSet<RevisionId>,
    pub stands_on: BTreeSet<RevisionId>,
    pub rootless: Vec<RevisionId>,
    /// `(unknown revision, the revision that it requires and that is not embedded)`
    pub required: Vec<(RevisionId, RevisionId)>,
}

/// An applied revision whose file is not the one that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Edited {
    /// The revision.
    pub revision: RevisionId,
    /// Its file.
    pub path: String,
    /// The checksum in the ledger.
    pub recorded: Recorded<Checksum>,
    /// The checksum of the file.
    pub embedded: Checksum,
}

impl Edited {
    /// An edit of this revision's file.
    #[must_use]
    pub fn new(
        revision: impl Into<RevisionId>,
        path: impl Into<String>,
        recorded: impl Into<Recorded<Checksum>>,
        embedded: Checksum,
    ) -> Self {
        Edited {
            revision: revision.into(),
            path: path.into(),
            recorded: recorded.into(),
            embedded,
        }
    }
}
