//! The graph of revisions: who comes after whom. It knows ids only: no file, no SQL, no database.

mod build;
mod error;
mod names;
mod set;
mod walk;

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub use error::{GraphError, Key};
pub use set::RevisionSet;

#[doc(hidden)]
pub use build::GraphTables;
pub(crate) use error::Names;
pub(crate) use names::{is_reserved, is_word};
use names::{may_be_shortened, nearest};
pub(crate) use set::BitSet;
pub(crate) use walk::reach;

/// One revision as [`Graph::new`] takes it.
///
/// ```
/// # use limbeck::graph::Node;
/// let node = Node {
///     down_revision: vec!["1c0e5a77d9b2".into()],
///     branch_labels: vec!["accounts".into()],
///     ..Node::new("3f2a9c1d7b04")
/// };
/// # assert!(node.depends_on.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The full id.
    pub id: Arc<str>,
    /// The parents' full ids. None: a base. Several: a merge.
    pub down_revision: Vec<Arc<str>>,
    /// Names of the branch that this revision begins.
    pub branch_labels: Vec<Arc<str>>,
    /// What else must be applied before this: ids, unambiguous partial ids, labels.
    pub depends_on: Vec<Arc<str>>,
}

impl Node {
    /// A base without labels and dependencies.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Node {
            id: id.into(),
            down_revision: Vec::new(),
            branch_labels: Vec::new(),
            depends_on: Vec::new(),
        }
    }
}

/// Revisions joined by `down_revision` and `depends_on`.
///
/// [`Graph::new`] is the only door, so whatever graph there is, is complete (each revision it names is
/// there), unique (no id twice, also when case is ignored) and acyclic (through both kinds of edge). It
/// cannot be changed; a clone shares it.
///
/// Two kinds of edge matter in different places, as in Alembic. A *branch* follows `down_revision` alone:
/// heads, bases, branch points, labels. What is *applied* follows both: a revision that is applied has all
/// its ancestors applied, whichever edge leads to them.
///
/// Where a method takes an id it takes a full one. One that the graph does not hold has no parents, no
/// children and no labels, and belongs to no set; [`Graph::contains`] tells.
///
/// ```
/// # use limbeck::Graph;
/// # use limbeck::graph::Node;
/// # fn main() -> Result<(), limbeck::graph::GraphError> {
/// // a ─► b ─► d
/// //  └─► c
/// let graph = Graph::new([
///     Node { down_revision: vec!["b".into()], ..Node::new("d") },
///     Node { down_revision: vec!["a".into()], ..Node::new("c") },
///     Node { down_revision: vec!["a".into()], ..Node::new("b") },
///     Node::new("a"),
/// ])?;
/// assert_eq!(graph.ids().map(|id| &**id).collect::<Vec<_>>(), ["a", "b", "d", "c"]);
/// assert_eq!(graph.heads(), ["c".into(), "d".into()]);
/// assert!(graph.is_ancestor("a", "d") && !graph.is_ancestor("b", "c"));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

/// Everything is numbered by place in the canonical order: a parent's number is smaller than its
/// child's, and a set of numbers in ascending order is in the canonical order.
struct Inner {
    ids: Ids,
    /// The nodes in the order of their ids.
    by_id: Cow<'static, [u32]>,
    /// Every label and the node that carries it, in the order of the labels.
    labels: Box<[(Arc<str>, u32)]>,
    /// Labels as written, of the nodes that have any: ascending.
    own_labels: Box<[(u32, OwnLabels)]>,
    /// `down_revision`, as written.
    down: Lists,
    /// `depends_on`, resolved: in the order of the ids, none twice.
    depends: Lists,
    /// Both, none twice.
    parents: Lists,
    /// Who lists this node in its `down_revision`, ascending.
    children: Lists,
    /// Who lists this node at all, ascending, none twice.
    dependants: Lists,
    /// Nodes without `children`, in the order of their ids.
    heads: Cow<'static, [u32]>,
    /// Nodes without `dependants`, in the order of their ids.
    effective_heads: Cow<'static, [u32]>,
    /// Nodes without `down_revision`, in the order of their ids.
    bases: Cow<'static, [u32]>,
}

impl Graph {
    /// Joins revisions to a graph. Their order does not matter, for the result and for the error.
    ///
    /// A `depends_on` entry is read as an id, else as a label (then the revision that carries it), else as
    /// a partial id.
    ///
    /// # Errors
    /// A name that cannot be one, an id or label that is there twice, a reference to a revision that is
    /// not there, a partial id of several, a cycle: the first in the order of the ids.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Result<Graph, GraphError> {
        build::build(nodes.into_iter().collect()).map(|inner| Graph(Arc::new(inner)))
    }

    /// How many revisions it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.ids.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.ids.len() == 0
    }

    /// Whether it holds the revision with this full id.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.index(id).is_some()
    }

    /// All ids in the canonical order: parents and dependencies first, one branch finished before the next
    /// where possible, siblings by id. It is fixed by the revisions alone.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = &Arc<str>> + ExactSizeIterator {
        self.nodes().map(|node| self.id(node))
    }

    /// The parents, as written.
    pub fn down_revision(&self, id: &str) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.named(self.index(id).map_or(&[], |node| self.0.down.of(node)))
    }

    /// What it depends on besides, resolved to ids, unreduced: also what an ancestor depends on already.
    /// Sorted.
    pub fn depends_on(&self, id: &str) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.named(self.index(id).map_or(&[], |node| self.0.depends.of(node)))
    }

    /// The labels written on this very revision.
    #[must_use]
    pub fn branch_labels(&self, id: &str) -> &[Arc<str>] {
        self.index(id).map_or(&[], |node| self.own_labels(node))
    }

    /// The labels that cover this revision, sorted: its own, those of its ancestors by `down_revision`, and
    /// those further up as long as the way up to the head is linear. See [`Graph::labelled`].
    ///
    /// Takes a walk over the ancestors. To know this of all revisions, ask for each label's members.
    #[must_use]
    pub fn covering_labels(&self, id: &str) -> Vec<Arc<str>> {
        let mut labels: Vec<_> = self
            .index(id)
            .into_iter()
            .flat_map(|node| self.labels_over(node))
            .collect();
        labels.sort_unstable();
        labels
    }

    /// The revisions that a label covers: the one that carries it, its descendants by `down_revision`, and,
    /// if it stands on a linear way to one head, the parents too, down to a branch or merge point, which
    /// stays outside (Alembic's `RevisionMap._add_branches`). Empty for a label that nobody carries.
    #[must_use]
    pub fn labelled(&self, label: &str) -> RevisionSet<'_> {
        let members = match self.label(label) {
            Some(node) => self.covered_from(node),
            None => self.empty_set(),
        };
        RevisionSet::new(self, &members)
    }

    /// Every label and the id of the revision that carries it, sorted by label.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Arc<str>)> {
        self.0
            .labels
            .iter()
            .map(|(label, node)| (label, self.id(*node)))
    }

    /// Who names this revision in its `down_revision`, in canonical order.
    pub fn children(&self, id: &str) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.named(self.index(id).map_or(&[], |node| self.0.children.of(node)))
    }

    /// The revisions that none names in its `down_revision`, sorted.
    #[must_use]
    pub fn heads(&self) -> Vec<Arc<str>> {
        self.ids_of(&self.0.heads)
    }

    /// The revisions that none names at all, sorted: the rows of a version table that is up to date. These
    /// are the heads without those that another revision consumes by `depends_on`.
    #[must_use]
    pub fn effective_heads(&self) -> Vec<Arc<str>> {
        self.ids_of(&self.0.effective_heads)
    }

    /// The revisions without `down_revision`, sorted.
    #[must_use]
    pub fn bases(&self) -> Vec<Arc<str>> {
        self.ids_of(&self.0.bases)
    }

    /// The revisions that several name in their `down_revision`, in canonical order.
    pub fn branch_points(&self) -> impl Iterator<Item = &Arc<str>> {
        self.nodes()
            .filter(|&node| self.0.children.of(node).len() > 1)
            .map(|node| self.id(node))
    }

    /// These revisions and all that they need, by `down_revision` and `depends_on`: what is applied where
    /// these are heads.
    pub fn ancestors(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> RevisionSet<'_> {
        let ancestors = self.applied_under(self.indices(ids));
        RevisionSet::new(self, &ancestors)
    }

    /// These revisions and all that need them, by `down_revision` and `depends_on`.
    pub fn descendants(&self, ids: impl IntoIterator<Item = impl AsRef<str>>) -> RevisionSet<'_> {
        let descendants = self.reach(self.indices(ids), |node| self.dependants_of(node));
        RevisionSet::new(self, &descendants)
    }

    /// Those of the given revisions that no other of them needs, by either edge and over any distance:
    /// sorted. For a set of applied revisions these are the rows of the version table.
    pub fn effective_heads_of(
        &self,
        ids: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Vec<Arc<str>> {
        let members: Vec<u32> = self.indices(ids).collect();
        self.ids_of(&self.tips(&members))
    }

    /// Whether `descendant` needs `ancestor`, by either edge and over any distance. No revision is its own
    /// ancestor.
    #[must_use]
    pub fn is_ancestor(&self, ancestor: &str, descendant: &str) -> bool {
        match (self.index(ancestor), self.index(descendant)) {
            (Some(low), Some(high)) if low < high => {
                // Below the one that is looked for nothing can lead to it.
                self.reach([high], |node| {
                    self.parents_of(node).filter(|&parent| parent >= low)
                })
                .contains(low)
            }
            _ => false,
        }
    }
}

/// By number: what plans are made of.
impl Graph {
    pub(crate) fn index(&self, id: &str) -> Option<u32> {
        let by_id = &self.0.by_id;
        by_id
            .binary_search_by(|&node| self.0.ids.text(node).cmp(id))
            .ok()
            .map(|at| by_id[at])
    }

    /// The node that carries this label.
    pub(crate) fn label(&self, label: &str) -> Option<u32> {
        let labels = &self.0.labels;
        labels
            .binary_search_by(|(known, _)| (**known).cmp(label))
            .ok()
            .map(|at| labels[at].1)
    }

    /// Every id and label that `prefix` may stand for, ids first, each in its order.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<(&Arc<str>, u32)> {
        let Inner {
            ids, by_id, labels, ..
        } = &*self.0;
        let first = by_id.partition_point(|&node| ids.text(node) < prefix);
        let by_id = by_id[first..]
            .iter()
            .map(|&node| (ids.of(node), node))
            .take_while(|(id, _)| id.starts_with(prefix));
        let first = labels.partition_point(|(label, _)| **label < *prefix);
        let by_label = labels[first..]
            .iter()
            .map(|(label, node)| (label, *node))
            .take_while(|(label, _)| label.starts_with(prefix));
        by_id
            .chain(by_label)
            .filter(|(name, _)| may_be_shortened(name))
            .collect()
    }

    /// The id, label or one of these `words` that `word` may be a slip of.
    pub(crate) fn nearest_name(&self, word: &str, words: &[&str]) -> Option<Arc<str>> {
        let words: Vec<Arc<str>> = words.iter().map(|&word| Arc::from(word)).collect();
        let labels = self.0.labels.iter().map(|(label, _)| label);
        nearest(word, self.ids().chain(labels).chain(&words))
    }

    /// The id that `word` may be a part of or a slip of.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn meant_id(&self, word: &str) -> Option<Arc<str>> {
        match &self.with_prefix(word)[..] {
            [(_, node)] if !word.is_empty() => Some(Arc::clone(self.id(*node))),
            _ => self.nearest_id(word),
        }
    }

    /// The id that `word` may be a slip of.
    pub(crate) fn nearest_id(&self, word: &str) -> Option<Arc<str>> {
        nearest(word, self.ids())
    }

    /// A graph that was built and checked before, as a build script wrote it down: see [`Graph::tables`].
    pub(crate) fn restore(tables: &'static GraphTables) -> Graph {
        Graph(Arc::new(build::restore(tables)))
    }

    /// What [`Graph::restore`] takes, as the Rust that says it.
    #[cfg(feature = "codegen")]
    pub(crate) fn tables(&self) -> String {
        build::tables(&self.0)
    }

    pub(crate) fn id(&self, node: u32) -> &Arc<str> {
        self.0.ids.of(node)
    }

    fn own_labels(&self, node: u32) -> &[Arc<str>] {
        let own = &self.0.own_labels;
        own.binary_search_by_key(&node, |(node, _)| *node)
            .map_or(&[], |at| &own[at].1)
    }

    /// Their ids, sorted.
    pub(crate) fn ids_of(&self, nodes: &[u32]) -> Vec<Arc<str>> {
        let mut ids: Vec<_> = nodes
            .iter()
            .map(|&node| Arc::clone(self.id(node)))
            .collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn head_nodes(&self) -> &[u32] {
        &self.0.heads
    }

    pub(crate) fn effective_head_nodes(&self) -> &[u32] {
        &self.0.effective_heads
    }

    pub(crate) fn base_nodes(&self) -> &[u32] {
        &self.0.bases
    }

    pub(crate) fn down_of(&self, node: u32) -> impl ExactSizeIterator<Item = u32> + '_ {
        counted(self.0.down.of(node))
    }

    pub(crate) fn parents_of(&self, node: u32) -> impl ExactSizeIterator<Item = u32> + '_ {
        counted(self.0.parents.of(node))
    }

    pub(crate) fn children_of(&self, node: u32) -> impl ExactSizeIterator<Item = u32> + '_ {
        counted(self.0.children.of(node))
    }

    pub(crate) fn dependants_of(&self, node: u32) -> impl ExactSizeIterator<Item = u32> + '_ {
        counted(self.0.dependants.of(node))
    }

    pub(crate) fn empty_set(&self) -> BitSet {
        BitSet::new(self.len())
    }

    pub(crate) fn reach<I: IntoIterator<Item = u32>>(
        &self,
        starts: impl IntoIterator<Item = u32>,
        next: impl FnMut(u32) -> I,
    ) -> BitSet {
        reach(self.len(), starts, next)
    }

    /// What is applied where these are heads.
    pub(crate) fn applied_under(&self, heads: impl IntoIterator<Item = u32>) -> BitSet {
        self.reach(heads, |node| self.parents_of(node))
    }

    /// `node` with its ancestors and descendants by `down_revision`: its branch, seen from it.
    pub(crate) fn lineage(&self, node: u32) -> BitSet {
        let mut lineage = self.reach([node], |node| self.down_of(node));
        lineage.unite(&self.reach([node], |node| self.children_of(node)));
        lineage
    }

    /// What any of `members` needs: their ancestors by either edge, and themselves only where another of
    /// them needs them.
    pub(crate) fn needed_by(&self, members: &[u32]) -> BitSet {
        self.applied_under(members.iter().flat_map(|&node| self.parents_of(node)))
    }

    /// The nodes among `members` that no other of them needs, in the order given.
    pub(crate) fn tips(&self, members: &[u32]) -> Vec<u32> {
        let needed = self.needed_by(members);
        members
            .iter()
            .copied()
            .filter(|&node| !needed.contains(node))
            .collect()
    }

    /// The nodes that a label on `node` covers. See [`Graph::labelled`].
    pub(crate) fn covered_from(&self, node: u32) -> BitSet {
        let mut covered = self.reach([node], |node| self.children_of(node));
        if self.linear_above(node).is_some() {
            let mut at = node;
            while let Some(parent) = self.down_of(at).next()
                && self.is_linear(parent)
            {
                covered.insert(parent);
                at = parent;
            }
        }
        covered
    }

    /// The labels that cover `node`, in no order.
    pub(crate) fn labels_over(&self, node: u32) -> Vec<Arc<str>> {
        let below = self.reach([node], |node| self.down_of(node));
        let mut labels: Vec<Arc<str>> = below
            .iter()
            .flat_map(|node| self.own_labels(node))
            .cloned()
            .collect();
        for above in self.linear_above(node).into_iter().flatten().skip(1) {
            labels.extend_from_slice(self.own_labels(above));
        }
        labels
    }

    /// `node` and what follows up to a head, if no branch or merge point is among them.
    fn linear_above(&self, node: u32) -> Option<Vec<u32>> {
        let mut way = vec![node];
        loop {
            let at = way[way.len() - 1];
            if !self.is_linear(at) {
                return None;
            }
            match self.children_of(at).next() {
                Some(child) => way.push(child),
                None => return Some(way),
            }
        }
    }

    /// Neither a merge point nor a branch point, dependants counted as branches.
    fn is_linear(&self, node: u32) -> bool {
        self.dependants_of(node).len() <= 1 && self.down_of(node).len() <= 1
    }

    fn nodes(&self) -> Nodes {
        Nodes(0..u32::try_from(self.len()).expect("nodes are numbered by u32"))
    }

    fn indices<S: AsRef<str>, I: IntoIterator<Item = S>>(
        &self,
        ids: I,
    ) -> impl Iterator<Item = u32> + use<'_, S, I> {
        ids.into_iter().filter_map(|id| self.index(id.as_ref()))
    }

    fn named<'g>(&'g self, nodes: &'g [u32]) -> impl ExactSizeIterator<Item = &'g Arc<str>> {
        nodes.iter().map(|&node| self.id(node))
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Down<'g>(&'g Graph, u32);
        impl fmt::Debug for Down<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let Down(graph, node) = self;
                f.debug_list()
                    .entries(graph.named(graph.0.parents.of(*node)))
                    .finish()
            }
        }
        f.debug_map()
            .entries(self.nodes().map(|node| (self.id(node), Down(self, node))))
            .finish()
    }
}

/// A node's labels, as written.
type OwnLabels = Box<[Arc<str>]>;

/// All nodes. (A range of `u32` does not know its length for the compiler.)
struct Nodes(std::ops::Range<u32>);

impl Iterator for Nodes {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.0.end - self.0.start) as usize;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Nodes {
    fn next_back(&mut self) -> Option<u32> {
        self.0.next_back()
    }
}

impl ExactSizeIterator for Nodes {}

/// The nodes' ids. Those of a build script are made into shared ones when they are asked for.
enum Ids {
    Read(Box<[Arc<str>]>),
    Embedded {
        texts: &'static [&'static str],
        made: Box<[OnceLock<Arc<str>>]>,
    },
}

impl Ids {
    fn len(&self) -> usize {
        match self {
            Ids::Read(ids) => ids.len(),
            Ids::Embedded { texts, .. } => texts.len(),
        }
    }

    fn text(&self, node: u32) -> &str {
        match self {
            Ids::Read(ids) => &ids[node as usize],
            Ids::Embedded { texts, .. } => texts[node as usize],
        }
    }

    fn of(&self, node: u32) -> &Arc<str> {
        let node = node as usize;
        match self {
            Ids::Read(ids) => &ids[node],
            Ids::Embedded { texts, made } => made[node].get_or_init(|| Arc::from(texts[node])),
        }
    }
}

/// A list of nodes for each node, one after the other.
#[derive(Debug, Clone)]
struct Lists {
    /// Where each node's list begins, and after the last one the end.
    starts: Cow<'static, [u32]>,
    items: Cow<'static, [u32]>,
}

impl Lists {
    fn of(&self, node: u32) -> &[u32] {
        let from = self.starts[node as usize] as usize;
        let to = self.starts[node as usize + 1] as usize;
        &self.items[from..to]
    }

    fn from_lists<L: IntoIterator<Item = u32>>(lists: impl IntoIterator<Item = L>) -> Self {
        let mut starts = vec![0];
        let mut items = Vec::new();
        for list in lists {
            items.extend(list);
            starts.push(u32::try_from(items.len()).expect("fewer than 2^32 edges fit in memory"));
        }
        Lists {
            starts: starts.into(),
            items: items.into(),
        }
    }
}

/// A node's neighbours. Every walk gets them here, so that tests can count what it looks at.
fn counted(neighbours: &[u32]) -> std::iter::Copied<std::slice::Iter<'_, u32>> {
    #[cfg(test)]
    LOOKED_AT.with(|count| count.set(count.get() + 1 + neighbours.len() as u64));
    neighbours.iter().copied()
}

#[cfg(test)]
thread_local! {
    /// Nodes whose neighbours were asked for, and the neighbours, on this thread.
    pub(crate) static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
pub(crate) mod tests;
