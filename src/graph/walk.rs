//! Walks over any directed graph whose nodes are numbered from 0. They know nothing but numbers and the
//! closure that names a node's neighbours, look at each node and each edge at most once, and keep their
//! own stack: a history of any length cannot exhaust the thread's.

use super::set::BitSet;

/// Everything that `starts` reach along `next`, `starts` included. Nodes are below `bound`.
pub(crate) fn reach<I: IntoIterator<Item = u32>>(
    bound: usize,
    starts: impl IntoIterator<Item = u32>,
    mut next: impl FnMut(u32) -> I,
) -> BitSet {
    let mut seen = BitSet::new(bound);
    let mut open: Vec<u32> = starts
        .into_iter()
        .filter(|&start| seen.insert(start))
        .collect();
    while let Some(node) = open.pop() {
        open.extend(next(node).into_iter().filter(|&there| seen.insert(there)));
    }
    seen
}

/// How [`order`] treats a node that has just lost its last parent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// It continues what was just emitted: it comes next.
    Soon,
    /// It was only waiting for it: it comes once nothing continues.
    Later,
}

/// All nodes, each after everything that has an edge to it, depth first: a path is followed as long as
/// nothing else has to come before its next node. Among equals the smaller number comes first.
///
/// `waits_for` is how many edges lead to a node; `children`, ascending, where a node's edges lead.
/// Fewer than `bound` nodes come back exactly when there is a cycle.
pub(crate) fn order<'a>(
    bound: u32,
    mut waits_for: Vec<u32>,
    children: impl Fn(u32) -> &'a [u32],
    ready: impl Fn(u32, u32) -> Ready,
) -> Vec<u32> {
    let mut order = Vec::with_capacity(bound as usize);
    let mut open: Vec<u32> = (0..bound)
        .rev()
        .filter(|&node| waits_for[node as usize] == 0)
        .collect();
    let mut soon = Vec::new();
    while let Some(node) = open.pop() {
        order.push(node);
        for &child in children(node).iter().rev() {
            let left = &mut waits_for[child as usize];
            *left -= 1;
            if *left == 0 {
                match ready(node, child) {
                    Ready::Soon => soon.push(child),
                    Ready::Later => open.push(child),
                }
            }
        }
        open.append(&mut soon);
    }
    order
}

/// A cycle among the nodes that `stuck` holds, of which each has a parent in `stuck`: every node
/// followed by one of its parents, the last by the first. It begins with its smallest node.
pub(crate) fn cycle<'a>(stuck: &BitSet, parents: impl Fn(u32) -> &'a [u32]) -> Vec<u32> {
    let stuck_parent = |node| {
        parents(node)
            .iter()
            .copied()
            .filter(|&parent| stuck.contains(parent))
            .min()
            .expect("a node that an order leaves out waits for another such node")
    };
    let mut inside = stuck.iter().next().expect("a cycle has nodes");
    // From any node the way along parents runs into a cycle: the first node met twice is in it.
    let mut met = stuck.clone();
    while met.remove(inside) {
        inside = stuck_parent(inside);
    }
    let mut path = vec![inside];
    loop {
        let parent = stuck_parent(path[path.len() - 1]);
        if parent == inside {
            break;
        }
        path.push(parent);
    }
    let smallest = (0..path.len()).min_by_key(|&at| path[at]).unwrap_or(0);
    path.rotate_left(smallest);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    // 0 ─► 1 ─► 3 ─► 4
    //  └─► 2 ──┘
    const DIAMOND: [&[u32]; 5] = [&[1, 2], &[3], &[3], &[4], &[]];

    #[test]
    fn reach_asks_each_node_once() {
        let mut asked = Vec::new();
        let seen = reach(5, [1, 2, 1], |node| {
            asked.push(node);
            DIAMOND[node as usize].iter().copied()
        });
        assert_eq!(seen.iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
        asked.sort_unstable();
        assert_eq!(asked, [1, 2, 3, 4]);
    }

    #[test]
    fn order_follows_a_path_to_its_end() {
        // 0 ─► 2 ─► 4
        // 1 ─► 3
        let children: [&[u32]; 5] = [&[2], &[3], &[4], &[], &[]];
        let order = order(
            5,
            vec![0, 0, 1, 1, 1],
            |node| children[node as usize],
            |_, _| Ready::Soon,
        );
        assert_eq!(order, [0, 2, 4, 1, 3]);
    }

    #[test]
    fn order_leaves_a_cycle_out_and_cycle_names_it() {
        // 0 ─► 1 ─► 2 ─► 3
        //      ▲────┘
        let children: [&[u32]; 4] = [&[1], &[2], &[1, 3], &[]];
        let parents: [&[u32]; 4] = [&[], &[0, 2], &[1], &[2]];
        let order = order(
            4,
            vec![0, 2, 1, 1],
            |node| children[node as usize],
            |_, _| Ready::Soon,
        );
        assert_eq!(order, [0]);
        let mut stuck = BitSet::new(4);
        for node in [1, 2, 3] {
            stuck.insert(node);
        }
        assert_eq!(cycle(&stuck, |node| parents[node as usize]), [1, 2]);
    }
}
