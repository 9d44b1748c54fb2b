//! The revisions of a graph, by their places in it.

use std::sync::OnceLock;

use super::{EmbeddedRevision, Revision};

/// Revisions in a graph's canonical order.
pub(crate) enum Store {
    /// Read and checked by this process.
    Read(Box<[Revision]>),
    /// Checked by the build script: each is made when it is first asked for, since a boot with nothing to do asks for
    /// none.
    Embedded {
        all: &'static [EmbeddedRevision],
        made: Box<[OnceLock<Box<Revision>>]>,
    },
}

impl Store {
    pub(crate) fn embedded(all: &'static [EmbeddedRevision]) -> Store {
        Store::Embedded {
            all,
            made: all.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Store::Read(revisions) => revisions.len(),
            Store::Embedded { all, .. } => all.len(),
        }
    }

    pub(crate) fn at(&self, place: usize) -> &Revision {
        match self {
            Store::Read(revisions) => &revisions[place],
            Store::Embedded { all, made } => {
                made[place].get_or_init(|| Box::new(Revision::from(&all[place])))
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Revision> {
        (0..self.len()).map(|place| self.at(place))
    }

    /// The lineage digest that the build script worked out.
    pub(crate) fn lineage(&self, place: usize) -> Option<&'static str> {
        match self {
            Store::Read(_) => None,
            Store::Embedded { all, .. } => Some(all[place].lineage),
        }
    }
}
