//! The version rows while revisions are applied and undone.

use crate::graph::RevisionId;
use crate::graph::{BitSet, Graph};

use super::{Action, Step};

/// Which rows there are, kept step by step.
///
/// What is applied always includes its own ancestors, so a revision has a row exactly if it is applied and
/// none of its direct dependants is: a count for each revision is enough, and a step looks at its own
/// parents only.
pub(super) struct VersionRows<'g> {
    graph: &'g Graph,
    rows: BitSet,
    /// How many applied revisions name this one, by either edge.
    needed_by: Vec<u32>,
    /// Stored rows that another implies. The first step removes them, unless it makes them needed.
    redundant: Vec<u32>,
}

impl<'g> VersionRows<'g> {
    /// `applied` is what `stored` implies.
    pub(super) fn new(graph: &'g Graph, stored: &[u32], applied: &BitSet) -> Self {
        let mut rows = graph.empty_set();
        let mut needed_by = vec![0; graph.len()];
        for node in applied.iter() {
            for parent in graph.parents_of(node) {
                needed_by[parent as usize] += 1;
            }
        }
        for &node in stored {
            rows.insert(node);
        }
        let redundant = stored
            .iter()
            .copied()
            .filter(|&node| needed_by[node as usize] > 0)
            .collect();
        VersionRows {
            graph,
            rows,
            needed_by,
            redundant,
        }
    }

    /// Applies `node`, whose parents are applied and which is not.
    pub(super) fn upgrade(&mut self, node: u32) -> Step {
        let mut removed = Vec::new();
        for parent in self.graph.parents_of(node) {
            self.needed_by[parent as usize] += 1;
            if self.rows.remove(parent) {
                removed.push(parent);
            }
        }
        self.rows.insert(node);
        self.step(Action::Upgrade, node, removed, vec![node])
    }

    /// Undoes `node`, which is applied while none of its dependants is.
    pub(super) fn downgrade(&mut self, node: u32) -> Step {
        let mut added = Vec::new();
        self.rows.remove(node);
        for parent in self.graph.parents_of(node) {
            let needed_by = &mut self.needed_by[parent as usize];
            *needed_by -= 1;
            if *needed_by == 0 && self.rows.insert(parent) {
                added.push(parent);
            }
        }
        self.step(Action::Downgrade, node, vec![node], added)
    }

    /// The rows as they are now, sorted.
    pub(super) fn heads(&self) -> Vec<RevisionId> {
        self.graph.ids_of(&self.rows.iter().collect::<Vec<_>>())
    }

    fn step(&mut self, action: Action, node: u32, mut removed: Vec<u32>, added: Vec<u32>) -> Step {
        for node in std::mem::take(&mut self.redundant) {
            if self.needed_by[node as usize] > 0 && self.rows.remove(node) {
                removed.push(node);
            }
        }
        Step {
            action,
            revision: self.graph.id(node).clone(),
            removes: self.graph.ids_of(&removed),
            adds: self.graph.ids_of(&added),
        }
    }
}
