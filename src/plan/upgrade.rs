//! Up to targets.

use crate::aim::{Target, TargetError};
use crate::graph::Graph;

use super::resolve::{Current, Overrun, Resolver, refuse_overlap};
use super::rows::VersionRows;
use super::{Action, Plan};

/// What is to be applied so that `targets` and all they need are: the steps in the graph's canonical order,
/// parents and dependencies first.
///
/// `heads` are the rows of the version table. A target that is applied already needs no step; `base`
/// neither. Each target is resolved by itself, relative ones from `heads` (Alembic's
/// `RevisionMap._collect_upgrade_revisions`).
///
/// # Errors
/// [`TargetError`]: a target, or one of the `heads`, that leads nowhere in this graph; two revisions of
/// which one implies the other.
pub fn upgrade(
    graph: &Graph,
    heads: &[impl AsRef<str>],
    targets: &[Target],
) -> Result<Plan, TargetError> {
    if let Some(plan) = already_there(graph, heads, targets) {
        return Ok(plan);
    }
    let current = Current::new(graph, heads)?;
    let mut wanted = Vec::new();
    for target in targets {
        wanted.extend(Resolver::new(graph, target).points(&current.tips, Overrun::Refuse)?);
    }
    wanted.sort_unstable();
    wanted.dedup();
    refuse_overlap(graph, &wanted, || {
        let targets: Vec<_> = targets.iter().map(Target::to_string).collect();
        targets.join(" ")
    })?;

    let mut needed = graph.applied_under(wanted);
    needed.subtract(&current.applied);
    let mut rows = VersionRows::new(graph, &current.stored, &current.applied);
    let steps = needed.iter().map(|node| rows.upgrade(node)).collect();
    Ok(Plan {
        action: Action::Upgrade,
        from: graph.ids_of(&current.stored),
        steps,
        heads: rows.heads(),
        newly_implied: Vec::new(),
        no_longer_implied: Vec::new(),
    })
}

/// What most boots come to, without a walk over the graph: all rows are heads of it, and every target is one of them.
fn already_there(graph: &Graph, heads: &[impl AsRef<str>], targets: &[Target]) -> Option<Plan> {
    let mut stored = Vec::with_capacity(heads.len());
    for head in heads {
        let node = graph.index(head.as_ref())?;
        if graph.dependants_of(node).len() > 0 {
            return None;
        }
        stored.push(node);
    }
    if targets.iter().any(Target::is_relative) {
        return None;
    }
    for target in targets {
        let points = Resolver::new(graph, target)
            .points(&[], Overrun::Refuse)
            .ok()?;
        if points.iter().any(|point| !stored.contains(point)) {
            return None;
        }
    }
    stored.sort_unstable();
    stored.dedup();
    let rows = graph.ids_of(&stored);
    Some(Plan {
        action: Action::Upgrade,
        from: rows.clone(),
        steps: Vec::new(),
        heads: rows,
        newly_implied: Vec::new(),
        no_longer_implied: Vec::new(),
    })
}
