//! What every form of picture shows.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use limbeck::graph::RevisionId;
use limbeck::{Migrations, Status};

/// Revisions and the lines between them, newest first: what a revision needs stands below it.
pub(crate) struct Picture<'p> {
    pub rows: Vec<Row<'p>>,
    /// What the database has and the files do not.
    pub unknown: Vec<&'p str>,
}

/// A revision in a picture.
pub(crate) struct Row<'p> {
    /// Its place, from 0.
    pub at: usize,
    pub id: &'p str,
    /// The message's first line.
    pub summary: &'p str,
    /// Its own labels: those that it has by descent can be seen.
    pub labels: &'p [Arc<str>],
    pub is_head: bool,
    pub is_current: bool,
    pub state: State,
    pub lines: Vec<Line<'p>>,
}

/// How a revision and the database stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// No database was asked.
    Unasked,
    Pending,
    Applied,
    Current,
    /// Applied, and its file was edited since.
    Edited,
    /// Applied, and in no file.
    Unknown,
}

/// From a revision to what it needs.
pub(crate) struct Line<'p> {
    pub kind: LineKind,
    pub id: &'p str,
    /// Its row; none where it is outside of the picture.
    pub to: Option<usize>,
}

/// Which key of the header it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    DownRevision,
    DependsOn,
}

impl<'p> Picture<'p> {
    /// Of these ids, newest first.
    pub(crate) fn new(
        migrations: &'p Migrations,
        ids: &'p [RevisionId],
        status: Option<&'p Status>,
    ) -> Self {
        let graph = migrations.graph();
        let places: HashMap<&str, usize> = (0..).zip(ids).map(|(at, id)| (&**id, at)).collect();
        let known = status.map(Known::new);
        let rows = ids
            .iter()
            .filter_map(|id| migrations.get(id))
            .enumerate()
            .map(|(at, revision)| {
                let id = revision.id();
                let line = |kind, id: &'p RevisionId| Line {
                    kind,
                    id,
                    to: places.get(&**id).copied(),
                };
                let down = graph.down_revision(id);
                let depends = graph
                    .depends_on(id)
                    .filter(|other| !revision.down_revision().contains(other));
                Row {
                    at,
                    id,
                    summary: revision.summary(),
                    labels: graph.branch_labels(id),
                    is_head: graph.children(id).len() == 0,
                    is_current: known.as_ref().is_some_and(|known| known.is_current(id)),
                    state: known
                        .as_ref()
                        .map_or(State::Unasked, |known| known.state(id)),
                    lines: down
                        .map(|id| line(LineKind::DownRevision, id))
                        .chain(depends.map(|id| line(LineKind::DependsOn, id)))
                        .collect(),
                }
            })
            .collect();
        let unknown = status.map_or(&[][..], |status| &status.unknown);
        Picture {
            rows,
            unknown: unknown.iter().map(RevisionId::as_str).collect(),
        }
    }
}

impl Row<'_> {
    /// ` (labels) (head) …`
    pub(crate) fn marks(&self) -> String {
        let labels = self.labels.join(", ");
        let marks = [
            (!self.labels.is_empty(), &*labels),
            (self.is_head, "head"),
            (self.is_current, "current"),
            (self.state == State::Pending, "pending"),
            (self.state == State::Edited, "edited"),
        ];
        let marks = marks.iter().filter(|(applies, _)| *applies);
        marks.map(|(_, mark)| format!(" ({mark})")).collect()
    }
}

/// A status, ready to be asked about one revision after another.
struct Known<'p> {
    current: BTreeSet<&'p str>,
    pending: BTreeSet<&'p str>,
    edited: BTreeSet<&'p str>,
}

impl<'p> Known<'p> {
    fn new(status: &'p Status) -> Self {
        Known {
            current: status.current.iter().map(RevisionId::as_str).collect(),
            pending: status.pending.iter().map(RevisionId::as_str).collect(),
            edited: (status.drift.iter())
                .map(|edited| &*edited.revision)
                .collect(),
        }
    }

    fn is_current(&self, id: &str) -> bool {
        self.current.contains(id)
    }

    fn state(&self, id: &str) -> State {
        if self.edited.contains(id) {
            State::Edited
        } else if self.is_current(id) {
            State::Current
        } else if self.pending.contains(id) {
            State::Pending
        } else {
            State::Applied
        }
    }
}
