//! A stretch of history.

use std::sync::Arc;

use crate::aim::{Bound, Range, RangeFault, Target, TargetError, Unknown};
use crate::graph::{BitSet, Graph};

use super::resolve::{Current, Overrun, Resolver, Spot, refuse_overlap};

/// The revisions of a range, newest first: what `history` lists.
///
/// Without a lower bound these are the upper bound and all it needs. With one, those of them that descend
/// from it by `down_revision`, itself included. `heads` are the rows of the version table, for `current`
/// inside the range (Alembic's `ScriptDirectory.walk_revisions`).
///
/// # Errors
/// [`TargetError`]: a bound, or one of the `heads`, that leads nowhere in this graph; a lower bound that is
/// no ancestor of the upper one; several revisions as one bound of which one implies another;
/// [`TargetError::MultipleHeads`] where these come of a lower bound `-n` in a graph of several heads.
pub fn history(
    graph: &Graph,
    heads: &[impl AsRef<str>],
    range: &Range,
) -> Result<Vec<Arc<str>>, TargetError> {
    listed(graph, heads, range).map_err(|error| match error {
        // What lies below the base does so for each of them.
        TargetError::NotAncestor {
            fault: RangeFault::BelowBase,
            ..
        } => error,
        TargetError::NotAncestor { .. } | TargetError::OverlappingTargets { .. } => {
            several_starts(graph, range).unwrap_or(error)
        }
        TargetError::UnknownRevision {
            expression,
            identifier,
            why: Unknown::Nowhere { .. },
        } if *expression == *identifier => TargetError::UnknownRevision {
            why: Unknown::Nowhere {
                nearest: graph.nearest_name(&identifier, &IN_RANGES),
            },
            expression,
            identifier,
        },
        _ => error,
    })
}

/// The words that can be a bound by themselves.
const IN_RANGES: [&str; 4] = ["head", "heads", "base", "current"];

/// Where the lower end counts down from several heads, that they are several: to each of them a range of its own may
/// belong, whatever is wrong with the ends taken together.
fn several_starts(graph: &Graph, range: &Range) -> Option<TargetError> {
    let Bound::At(target) = range.lower() else {
        return None;
    };
    let starts = Resolver::new(graph, target).starts_down().ok()??;
    (starts.len() > 1).then(|| TargetError::MultipleHeads {
        expression: range.to_string(),
        heads: graph.ids_of(&starts),
    })
}

fn listed(
    graph: &Graph,
    heads: &[impl AsRef<str>],
    range: &Range,
) -> Result<Vec<Arc<str>>, TargetError> {
    let current = Current::new(graph, heads)?;
    let (lower, upper) = bounds(graph, &current, range)?;
    refuse_overlap(graph, &upper, || range.to_string())?;
    let mut listed = graph.applied_under(upper.iter().copied());
    if let Some(&outside) = lower.iter().find(|&&node| !listed.contains(node)) {
        return Err(fault(
            range,
            RangeFault::Unrelated {
                lower: Arc::clone(graph.id(outside)),
                upper: graph.ids_of(&upper),
            },
        ));
    }
    if !lower.is_empty() {
        refuse_overlap(graph, &lower, || range.to_string())?;
        listed.subtract(&graph.applied_under(lower.iter().copied()));
        lower.iter().for_each(|&node| {
            listed.insert(node);
        });
        listed.intersect(&graph.reach(lower.iter().copied(), |node| graph.children_of(node)));
        refuse_apart(graph, range, &upper, &listed)?;
    }
    let mut newest_first: Vec<_> = listed
        .iter()
        .map(|node| Arc::clone(graph.id(node)))
        .collect();
    newest_first.reverse();
    Ok(newest_first)
}

/// The two ends: the lower one's revisions, none for the base, and the upper one's.
fn bounds(
    graph: &Graph,
    current: &Current,
    range: &Range,
) -> Result<(Vec<u32>, Vec<u32>), TargetError> {
    // The upper end is resolved first, unless it counts from the lower one.
    match range.upper() {
        Bound::At(target) if target.is_relative() => {
            let lower = lower_end(graph, current, range)?;
            let upper = Resolver::new(graph, target).points(&lower, Overrun::Stop)?;
            let upper = on_label(graph, range, upper)?;
            Ok((lower, upper))
        }
        upper => {
            let upper = match upper {
                Bound::Open => graph.effective_head_nodes().to_vec(),
                Bound::Current => current.tips.clone(),
                Bound::At(target) => Resolver::new(graph, target).points(&[], Overrun::Stop)?,
            };
            let upper = on_label(graph, range, upper)?;
            Ok((lower_end(graph, current, range)?, upper))
        }
    }
}

fn lower_end(graph: &Graph, current: &Current, range: &Range) -> Result<Vec<u32>, TargetError> {
    let target = match range.lower() {
        Bound::Open => return Ok(Vec::new()),
        Bound::Current => return Ok(current.tips.clone()),
        Bound::At(target) => target,
    };
    let spots = Resolver::new(graph, target).spots(&current.tips)?;
    if spots.contains(&Spot::Base) {
        return Err(fault(range, RangeFault::BelowBase));
    }
    let mut lower: Vec<u32> = spots.into_iter().filter_map(Spot::node).collect();
    lower.sort_unstable();
    lower.dedup();
    Ok(lower)
}

/// Where the lower end is `X@…`: those of `upper` that the label X covers, or if X is a revision, the one
/// label that covers X.
fn on_label(graph: &Graph, range: &Range, mut upper: Vec<u32>) -> Result<Vec<u32>, TargetError> {
    let Bound::At(
        target @ Target {
            branch: Some(word), ..
        },
    ) = range.lower()
    else {
        return Ok(upper);
    };
    let covered = match graph.label(word) {
        Some(node) => graph.covered_from(node),
        None => match Resolver::new(graph, target).branch()? {
            Some(branch) => covered_by_one_label(graph, range, branch.node)?,
            None => return Ok(upper),
        },
    };
    upper.retain(|&node| covered.contains(node));
    Ok(upper)
}

fn covered_by_one_label(graph: &Graph, range: &Range, node: u32) -> Result<BitSet, TargetError> {
    let mut labels = graph.labels_over(node);
    labels.sort_unstable();
    match &labels[..] {
        [label] => Ok(graph
            .label(label)
            .map_or_else(|| graph.empty_set(), |node| graph.covered_from(node))),
        _ => Err(fault(
            range,
            RangeFault::NotOneLabel {
                revision: Arc::clone(graph.id(node)),
                labels,
            },
        )),
    }
}

/// Refuses a range of which some revision cannot be come to from the upper end without leaving it.
fn refuse_apart(
    graph: &Graph,
    range: &Range,
    upper: &[u32],
    listed: &BitSet,
) -> Result<(), TargetError> {
    let inside = |node: &u32| listed.contains(*node);
    let met = graph.reach(upper.iter().copied().filter(inside), |node| {
        graph.parents_of(node).filter(inside)
    });
    match listed.iter().find(|&node| !met.contains(node)) {
        None => Ok(()),
        Some(node) => Err(fault(
            range,
            RangeFault::Apart {
                revision: Arc::clone(graph.id(node)),
            },
        )),
    }
}

fn fault(range: &Range, fault: RangeFault) -> TargetError {
    TargetError::NotAncestor {
        expression: range.to_string(),
        fault,
    }
}
