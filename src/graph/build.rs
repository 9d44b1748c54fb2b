//! From loose revisions to the graph: the checks, the canonical order, the flat arrays.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::names::{is_reserved, is_word, may_be_shortened, nearest};
use super::walk::{Ready, cycle, order};
use super::{BitSet, GraphError, Ids, Inner, Key, Lists, Node};

/// Until the canonical order is known, nodes are numbered in the order of their ids, which is as
/// independent of the order given.
pub(super) fn build(mut nodes: Vec<Node>) -> Result<Inner, GraphError> {
    nodes.sort_by(|a, b| a.id.cmp(&b.id));
    check_ids(&nodes)?;
    let labels = collect_labels(&nodes)?;
    let (down, depends) = resolve(&nodes, &labels)?;
    let parents = united(&down, &depends);
    let dependants = reversed(&parents);

    let order = canonical_order(&nodes, &down, &parents, &dependants)?;
    let mut place = vec![0; nodes.len()];
    for (at, &node) in (0..).zip(&order) {
        place[node as usize] = at;
    }

    let moved = |lists: &Lists| -> Lists {
        let list = |&node: &u32| lists.of(node).iter().map(|&to| place[to as usize]);
        Lists::from_lists(order.iter().map(list))
    };
    let (down, depends) = (moved(&down), moved(&depends));
    let labels = labels
        .into_iter()
        .map(|(label, node)| (label, place[node as usize]))
        .collect();
    let mut ids = Vec::with_capacity(nodes.len());
    let mut own_labels = Vec::new();
    for (at, &node) in (0..).zip(&order) {
        let node = &mut nodes[node as usize];
        ids.push(Arc::clone(&node.id));
        if !node.branch_labels.is_empty() {
            let own = std::mem::take(&mut node.branch_labels);
            own_labels.push((at, own.into_boxed_slice()));
        }
    }
    let parents = united(&down, &depends);
    let (children, dependants) = (reversed(&down), reversed(&parents));
    let where_empty = |lists: &Lists| -> Cow<'static, [u32]> {
        let empty = |node: &u32| lists.of(*node).is_empty();
        place.iter().copied().filter(empty).collect()
    };
    Ok(Inner {
        ids: Ids::Read(ids.into_boxed_slice()),
        heads: where_empty(&children),
        effective_heads: where_empty(&dependants),
        bases: where_empty(&down),
        labels,
        by_id: place.into(),
        own_labels: own_labels.into_boxed_slice(),
        down,
        depends,
        parents,
        children,
        dependants,
    })
}

/// A graph as a build script wrote it down: everything that [`Graph`](super::Graph) keeps of one.
///
/// Not for hands, as [`EmbeddedRevision`](crate::EmbeddedRevision).
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct GraphTables {
    /// The ids in the canonical order.
    pub ids: &'static [&'static str],
    /// The places in that order, in the order of the ids.
    pub by_id: &'static [u32],
    /// Every label and its place, in the order of the labels.
    pub labels: &'static [(&'static str, u32)],
    /// Where there are labels, and which, as written: ascending.
    pub own_labels: &'static [(u32, &'static [&'static str])],
    /// Lists for each place: where each begins, and what is in them.
    pub down: (&'static [u32], &'static [u32]),
    /// As `down`.
    pub depends: (&'static [u32], &'static [u32]),
    /// As `down`.
    pub parents: (&'static [u32], &'static [u32]),
    /// As `down`.
    pub children: (&'static [u32], &'static [u32]),
    /// As `down`.
    pub dependants: (&'static [u32], &'static [u32]),
    /// Places without `children`, in the order of their ids.
    pub heads: &'static [u32],
    /// Places without `dependants`, in the order of their ids.
    pub effective_heads: &'static [u32],
    /// Places without `down`, in the order of their ids.
    pub bases: &'static [u32],
}

/// Nothing is worked out, and nothing looked at: see [`GraphTables`].
pub(super) fn restore(tables: &'static GraphTables) -> Inner {
    let lists = |(starts, items): (&'static [u32], &'static [u32])| Lists {
        starts: Cow::Borrowed(starts),
        items: Cow::Borrowed(items),
    };
    let own = |&(place, labels): &(u32, &'static [&'static str])| {
        let labels = labels.iter().map(|&label| label.into());
        (place, labels.collect())
    };
    Inner {
        ids: Ids::Embedded {
            texts: tables.ids,
            made: tables.ids.iter().map(|_| OnceLock::new()).collect(),
        },
        by_id: Cow::Borrowed(tables.by_id),
        labels: tables
            .labels
            .iter()
            .map(|&(label, place)| (label.into(), place))
            .collect(),
        own_labels: tables.own_labels.iter().map(own).collect(),
        down: lists(tables.down),
        depends: lists(tables.depends),
        parents: lists(tables.parents),
        children: lists(tables.children),
        dependants: lists(tables.dependants),
        heads: Cow::Borrowed(tables.heads),
        effective_heads: Cow::Borrowed(tables.effective_heads),
        bases: Cow::Borrowed(tables.bases),
    }
}

/// The Rust of a [`GraphTables`].
#[cfg(feature = "codegen")]
pub(super) fn tables(graph: &Inner) -> String {
    let lists = |lists: &Lists| format!("(&{:?}, &{:?})", lists.starts, lists.items);
    let ids: Vec<&str> = (0..)
        .take(graph.ids.len())
        .map(|node| graph.ids.text(node))
        .collect();
    let own: Vec<String> = graph
        .own_labels
        .iter()
        .map(|(place, labels)| format!("({place}, &{labels:?})"))
        .collect();
    format!(
        "GraphTables {{\nids: &{ids:?},\nby_id: &{:?},\nlabels: &{:?},\nown_labels: &[{}],\ndown: {},\ndepends: {},\n\
         parents: {},\nchildren: {},\ndependants: {},\nheads: &{:?},\neffective_heads: &{:?},\nbases: &{:?},\n}}",
        graph.by_id,
        graph.labels,
        own.join(", "),
        lists(&graph.down),
        lists(&graph.depends),
        lists(&graph.parents),
        lists(&graph.children),
        lists(&graph.dependants),
        graph.heads,
        graph.effective_heads,
        graph.bases,
    )
}

/// `nodes` are in the order of their ids.
fn check_ids(nodes: &[Node]) -> Result<(), GraphError> {
    for node in nodes {
        if !is_word(&node.id) || is_reserved(&node.id) {
            return Err(GraphError::InvalidRevision {
                revision: Arc::clone(&node.id),
            });
        }
    }
    let mut folded: Vec<(String, &Arc<str>)> = nodes
        .iter()
        .map(|node| (node.id.to_lowercase(), &node.id))
        .collect();
    folded.sort_unstable();
    match folded.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(GraphError::DuplicateRevision {
            revision: Arc::clone(pair[0].1),
            other: Arc::clone(pair[1].1),
        }),
        None => Ok(()),
    }
}

/// All labels with the nodes that carry them, sorted.
fn collect_labels(nodes: &[Node]) -> Result<Vec<(Arc<str>, u32)>, GraphError> {
    let mut labels: Vec<(Arc<str>, u32)> = Vec::new();
    for (at, node) in (0..).zip(nodes) {
        for label in &node.branch_labels {
            if !is_word(label) || is_reserved(label) {
                return Err(GraphError::InvalidLabel {
                    label: Arc::clone(label),
                    revision: Arc::clone(&node.id),
                });
            }
            if find(nodes, label).is_some() {
                return Err(GraphError::LabelIsRevision {
                    label: Arc::clone(label),
                    revision: Arc::clone(&node.id),
                });
            }
            labels.push((Arc::clone(label), at));
        }
    }
    labels.sort_unstable();
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(GraphError::DuplicateLabel {
            label: Arc::clone(&pair[0].0),
            revision: Arc::clone(&nodes[pair[0].1 as usize].id),
            other: Arc::clone(&nodes[pair[1].1 as usize].id),
        }),
        None => Ok(labels),
    }
}

/// What each node's `down_revision` (as written) and `depends_on` (ascending, none twice) name.
fn resolve(nodes: &[Node], labels: &[(Arc<str>, u32)]) -> Result<(Lists, Lists), GraphError> {
    let names: HashMap<&str, u32> = labels
        .iter()
        .map(|(label, node)| (&**label, *node))
        .chain((0..).zip(nodes).map(|(at, node)| (&*node.id, at)))
        .collect();
    let mut down = Vec::with_capacity(nodes.len());
    let mut depends = Vec::with_capacity(nodes.len());
    for node in nodes {
        down.push(down_revision(node, nodes, &names)?);
        depends.push(depends_on(node, nodes, labels, &names)?);
    }
    Ok((Lists::from_lists(down), Lists::from_lists(depends)))
}

fn down_revision(
    node: &Node,
    nodes: &[Node],
    names: &HashMap<&str, u32>,
) -> Result<Vec<u32>, GraphError> {
    let mut parents = Vec::with_capacity(node.down_revision.len());
    for reference in &node.down_revision {
        match names.get(&**reference) {
            // A label is no id: a parent is named by its own.
            Some(&parent) if nodes[parent as usize].id == *reference => parents.push(parent),
            _ => {
                return Err(GraphError::MissingReference {
                    revision: Arc::clone(&node.id),
                    key: Key::DownRevision,
                    reference: Arc::clone(reference),
                    nearest: nearest(
                        reference,
                        (nodes.iter().map(|node| &node.id)).chain([&Arc::from("none")]),
                    ),
                });
            }
        }
    }
    let mut sorted = parents.clone();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(GraphError::RepeatedReference {
            revision: Arc::clone(&node.id),
            reference: Arc::clone(&nodes[pair[0] as usize].id),
        }),
        None => Ok(parents),
    }
}

fn depends_on(
    node: &Node,
    nodes: &[Node],
    labels: &[(Arc<str>, u32)],
    names: &HashMap<&str, u32>,
) -> Result<Vec<u32>, GraphError> {
    let mut resolved = Vec::with_capacity(node.depends_on.len());
    for reference in &node.depends_on {
        if let Some(&found) = names.get(&**reference) {
            resolved.push(found);
            continue;
        }
        let first = nodes.partition_point(|other| other.id < *reference);
        let candidates: Vec<_> = (0..)
            .zip(nodes)
            .skip(first)
            .take_while(|(_, other)| other.id.starts_with(&**reference))
            .filter(|(_, other)| !reference.is_empty() && may_be_shortened(&other.id))
            .collect();
        match candidates[..] {
            [(found, _)] => resolved.push(found),
            [] => {
                return Err(GraphError::MissingReference {
                    revision: Arc::clone(&node.id),
                    key: Key::DependsOn,
                    reference: Arc::clone(reference),
                    nearest: nearest(
                        reference,
                        (nodes.iter().map(|node| &node.id)).chain(labels.iter().map(|(l, _)| l)),
                    ),
                });
            }
            _ => {
                return Err(GraphError::AmbiguousReference {
                    revision: Arc::clone(&node.id),
                    reference: Arc::clone(reference),
                    candidates: candidates
                        .iter()
                        .map(|(_, node)| Arc::clone(&node.id))
                        .collect(),
                });
            }
        }
    }
    Ok(distinct(resolved))
}

/// The nodes, parents and dependencies first. After a node come those of its children for which it was the
/// last of their parents; one that was only waiting for it as a dependency comes when these are done.
fn canonical_order(
    nodes: &[Node],
    down: &Lists,
    parents: &Lists,
    dependants: &Lists,
) -> Result<Vec<u32>, GraphError> {
    let bound = count(nodes);
    let waits_for = (0..bound)
        .map(|node| u32::try_from(parents.of(node).len()).expect("nodes are numbered by u32"))
        .collect();
    let ready = |node: u32, child: u32| {
        if down.of(child).contains(&node) {
            Ready::Soon
        } else {
            Ready::Later
        }
    };
    let order = order(bound, waits_for, |node| dependants.of(node), ready);
    if order.len() == nodes.len() {
        return Ok(order);
    }

    let mut stuck = BitSet::new(nodes.len());
    (0..bound).for_each(|node| {
        stuck.insert(node);
    });
    order.iter().for_each(|&node| {
        stuck.remove(node);
    });
    let mut path = cycle(&stuck, |node| parents.of(node));
    let by_dependency = |at: &usize| {
        let next = path[(at + 1) % path.len()];
        !down.of(path[*at]).contains(&next)
    };
    let first = (0..path.len())
        .filter(by_dependency)
        .min_by_key(|&at| path[at]);
    path.rotate_left(first.unwrap_or(0));
    Err(GraphError::Cycle {
        through: match first {
            Some(_) => Key::DependsOn,
            None => Key::DownRevision,
        },
        path: path
            .iter()
            .map(|&node| Arc::clone(&nodes[node as usize].id))
            .collect(),
    })
}

/// The edges turned round; each list ascending.
fn reversed(lists: &Lists) -> Lists {
    let bound = lists.starts.len() - 1;
    let mut starts = vec![0; bound + 1];
    for &to in &*lists.items {
        starts[to as usize + 1] += 1;
    }
    for at in 0..bound {
        starts[at + 1] += starts[at];
    }
    let mut free = starts.clone();
    let mut items = vec![0; lists.items.len()];
    for from in 0..u32::try_from(bound).expect("nodes are numbered by u32") {
        for &to in lists.of(from) {
            let slot = &mut free[to as usize];
            items[*slot as usize] = from;
            *slot += 1;
        }
    }
    Lists {
        starts: starts.into(),
        items: items.into(),
    }
}

/// The lists of both, each node's ascending and without doubles.
fn united(down: &Lists, depends: &Lists) -> Lists {
    let bound = u32::try_from(down.starts.len() - 1).expect("nodes are numbered by u32");
    let both = |node| distinct([down.of(node), depends.of(node)].concat());
    Lists::from_lists((0..bound).map(both))
}

fn distinct(mut nodes: Vec<u32>) -> Vec<u32> {
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

/// `nodes` are in the order of their ids.
fn find(nodes: &[Node], id: &str) -> Option<usize> {
    nodes.binary_search_by(|node| (*node.id).cmp(id)).ok()
}

fn count(nodes: &[Node]) -> u32 {
    u32::try_from(nodes.len()).expect("fewer than 2^32 revisions fit in memory")
}
