//! Sets of nodes.

use std::fmt;

use super::Graph;
use crate::graph::RevisionId;

/// Some revisions of a [`Graph`], in its canonical order: parents and dependencies first.
///
/// What [`Graph::ancestors`] and its kin return. It borrows the graph and holds numbers only, so that
/// the ancestors of a long history cost four bytes each.
#[derive(Clone)]
pub struct RevisionSet<'g> {
    graph: &'g Graph,
    /// Ascending.
    members: Vec<u32>,
}

impl<'g> RevisionSet<'g> {
    pub(super) fn new(graph: &'g Graph, nodes: &BitSet) -> Self {
        RevisionSet {
            graph,
            members: nodes.iter().collect(),
        }
    }

    /// How many revisions it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `id`, a full revision id, is among them.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.graph
            .index(id)
            .is_some_and(|node| self.members.binary_search(&node).is_ok())
    }

    /// The ids, oldest first; `.rev()` gives the newest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &'g RevisionId> + ExactSizeIterator + '_ {
        self.members.iter().map(|&node| self.graph.id(node))
    }
}

impl<'s, 'g> IntoIterator for &'s RevisionSet<'g> {
    type Item = &'g RevisionId;
    type IntoIter = Box<dyn Iterator<Item = &'g RevisionId> + 's>;

    /// [`iter`](RevisionSet::iter).
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for RevisionSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A set of nodes below a bound that is fixed when it is made: one bit each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    pub(crate) fn new(bound: usize) -> Self {
        BitSet {
            words: vec![0; bound.div_ceil(64)],
        }
    }

    /// Adds `node`; whether it was absent.
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = place(node);
        let absent = self.words[word] & bit == 0;
        self.words[word] |= bit;
        absent
    }

    /// Takes `node` out; whether it was there.
    pub(crate) fn remove(&mut self, node: u32) -> bool {
        let (word, bit) = place(node);
        let present = self.words[word] & bit != 0;
        self.words[word] &= !bit;
        present
    }

    pub(crate) fn contains(&self, node: u32) -> bool {
        let (word, bit) = place(node);
        self.words[word] & bit != 0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Keeps what `other` holds too. Both sets must have the same bound.
    pub(crate) fn intersect(&mut self, other: &BitSet) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= theirs;
        }
    }

    /// Drops what `other` holds. Both sets must have the same bound.
    pub(crate) fn subtract(&mut self, other: &BitSet) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine &= !theirs;
        }
    }

    /// Adds what `other` holds. Both sets must have the same bound.
    pub(crate) fn unite(&mut self, other: &BitSet) {
        for (mine, theirs) in self.words.iter_mut().zip(&other.words) {
            *mine |= theirs;
        }
    }

    /// The nodes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let base = u32::try_from(at * 64).expect("nodes are numbered by u32");
            std::iter::successors((word != 0).then_some(word), |&left| {
                let rest = left & (left - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |left| base + left.trailing_zeros())
        })
    }
}

fn place(node: u32) -> (usize, u64) {
    (node as usize / 64, 1 << (node % 64))
}

#[cfg(test)]
mod tests {
    use super::BitSet;

    #[test]
    fn members_come_back_ascending_across_words() {
        let mut set = BitSet::new(200);
        for node in [199, 0, 63, 64, 127, 128, 5] {
            assert!(set.insert(node));
            assert!(!set.insert(node));
        }
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [0, 5, 63, 64, 127, 128, 199]
        );
        assert!(set.remove(64));
        assert!(!set.remove(64));
        assert!(!set.contains(64) && set.contains(63));
    }

    #[test]
    fn set_algebra() {
        let of = |nodes: &[u32]| {
            let mut set = BitSet::new(130);
            nodes.iter().for_each(|&node| {
                set.insert(node);
            });
            set
        };
        let mut set = of(&[1, 2, 70, 129]);
        set.subtract(&of(&[2, 3]));
        assert_eq!(set, of(&[1, 70, 129]));
        set.intersect(&of(&[70, 129, 100]));
        assert_eq!(set, of(&[70, 129]));
        set.unite(&of(&[0]));
        assert_eq!(set, of(&[0, 70, 129]));
        assert!(!set.is_empty() && of(&[]).is_empty());
    }
}
