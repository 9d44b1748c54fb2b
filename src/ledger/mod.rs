//! The ledger as it is read back: one entry for each step that was attempted.

mod holder;
pub(crate) mod look;
pub(crate) mod tables;
pub(crate) mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use holder::Holder;
#[cfg(feature = "_sqlx")]
pub(crate) use holder::excerpt;
use look::{TextRow, list};

use crate::migrations::Migrations;

/// One row of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The row's number; later steps have higher ones.
    pub id: i64,
    /// The revision.
    pub revision: String,
    /// Its parents, as the binary that wrote the row knew them.
    pub down_revision: Vec<String>,
    /// Its resolved dependencies, likewise.
    pub depends_on: Vec<String>,
    /// The revision's message.
    pub message: String,
    /// `upgrade`, `downgrade`, `stamp`, `baseline` or `accept`.
    pub action: String,
    /// `sha256:` over the revision's file.
    pub checksum: Option<String>,
    /// The revision that a binary must embed to run against this one.
    pub requires_binary: Option<String>,
    /// The lineage digest.
    pub lineage: Option<String>,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// How many statements the section has.
    pub statements: u64,
    /// How many took effect; batches of a `repeat` section.
    pub statements_done: u64,
    /// The rows that they changed.
    pub rows_affected: u64,
    /// By the database's clock, RFC 3339, UTC.
    pub started_at: Option<String>,
    /// Likewise.
    pub finished_at: Option<String>,
    /// The database user.
    pub db_user: Option<String>,
    /// The host of the process.
    pub host: Option<String>,
    /// Its process id.
    pub pid: Option<i64>,
    /// The application's name and version.
    pub application: Option<String>,
    /// The version of limbeck that wrote the row.
    pub limbeck_version: Option<String>,
    /// Why it failed, or stopped.
    pub error: Option<String>,
}

/// The rows of [`crate::ledger::write::read_history`].
pub(crate) fn read(rows: &[TextRow]) -> Vec<LedgerEntry> {
    rows.iter()
        .map(|row| {
            let text = |index: usize| row.get(index).cloned().flatten();
            let string = |index: usize| text(index).unwrap_or_default();
            let number = |index: usize| string(index).parse().unwrap_or(0);
            LedgerEntry {
                id: string(0).parse().unwrap_or(0),
                revision: string(1),
                down_revision: list(&string(2)),
                depends_on: list(&string(3)),
                message: string(4),
                action: string(5),
                checksum: text(6),
                requires_binary: text(7),
                lineage: text(8),
                state: string(9),
                statements: number(10),
                statements_done: number(11),
                rows_affected: number(12),
                started_at: text(13),
                finished_at: text(14),
                db_user: text(15),
                host: text(16),
                pid: text(17).and_then(|text| text.parse().ok()),
                application: text(18),
                limbeck_version: text(19),
                error: text(20),
            }
        })
        .collect()
}

/// What the ledger last said of each revision.
#[derive(Debug, Default)]
pub(crate) struct Known {
    latest: HashMap<String, LedgerEntry>,
}

impl Known {
    pub(crate) fn new(entries: impl IntoIterator<Item = LedgerEntry>) -> Known {
        let mut latest = HashMap::new();
        for entry in entries {
            let counts = match entry.state.as_str() {
                "done" => entry.action != "downgrade",
                // A step that is still running counts as applied.
                "running" => entry.action == "upgrade",
                _ => false,
            };
            if counts {
                latest.insert(entry.revision.clone(), entry);
            }
        }
        Known { latest }
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
                let recorded = stored.checksum.clone().filter(|_| stored.state == "done")?;
                let revision = migrations.get(id)?;
                let embedded = revision.checksum().to_string();
                (recorded != embedded).then(|| Edited {
                    revision: id.to_owned(),
                    path: revision.path().to_owned(),
                    recorded,
                    embedded,
                })
            })
            .collect()
    }

    /// Every revision that the given heads imply and the graph does not know, with what the ledger says of
    /// it; the known revisions that they descend from; and the ones that descend from none.
    pub(crate) fn unknown(&self, migrations: &Migrations, heads: &[String]) -> Unknown {
        let graph = migrations.graph();
        let mut unknown = Unknown::default();
        let mut pending: Vec<&str> = heads.iter().map(String::as_str).collect();
        let mut children: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut rooted: Vec<&str> = Vec::new();
        while let Some(id) = pending.pop() {
            if graph.contains(id) {
                unknown.stands_on.insert(id.to_owned());
                continue;
            }
            if !unknown.revisions.insert(id.to_owned()) {
                continue;
            }
            let Some(entry) = self.get(id) else { continue };
            if let Some(required) = entry
                .requires_binary
                .as_deref()
                .filter(|id| !graph.contains(id))
            {
                unknown.required.push((id.to_owned(), required.to_owned()));
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
    pub revisions: BTreeSet<String>,
    pub stands_on: BTreeSet<String>,
    pub rootless: Vec<String>,
    /// `(unknown revision, the revision that it requires and that is not embedded)`
    pub required: Vec<(String, String)>,
}

/// An applied revision whose file is not the one that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Edited {
    /// The revision.
    pub revision: String,
    /// Its file.
    pub path: String,
    /// The checksum in the ledger.
    pub recorded: String,
    /// The checksum of the file.
    pub embedded: String,
}
