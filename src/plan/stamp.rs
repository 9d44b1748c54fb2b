//! Rows moved without running anything.

use crate::aim::{Place, Symbol, Target, TargetError};
use crate::graph::RevisionId;
use crate::graph::{BitSet, Graph};

use super::downgrade::destination;
use super::resolve::{Current, Overrun, Resolver, Spot, refuse_overlap};
use super::{Action, Plan, Step};

/// What a stamp does with the rows that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Purge {
    /// Those of other branches stay. The default.
    #[default]
    Keep,
    /// All go first, known to the graph or not: `--purge`.
    Clear,
}

/// How the version rows are moved so that the database is said to be at `targets`, without running
/// anything.
///
/// A row of a target's own lineage, an ancestor or descendant by either edge, gives way to the target;
/// other rows stay. `base` removes all rows, `X@base` those of X's lineage. There is one step for each
/// target that has no row yet, or for each removed row where no target takes its place; they belong in one
/// transaction. [`Plan::newly_implied`] and [`Plan::no_longer_implied`] say what is applied after and was not before, and
/// the reverse.
///
/// `+n` and `-n` count from `heads`, as for an upgrade and a downgrade; Alembic knows neither here. Alembic's
/// `ScriptDirectory._stamp_revs` moves the rows of all targets' lineages in each target's step, and fails
/// where several targets share one row; here each row moves once.
///
/// # Errors
/// [`TargetError`]: a target that leads nowhere in this graph; with [`Purge::Keep`], one of the `heads` that
/// it does not hold; two targets of which one implies the other.
pub fn stamp(
    graph: &Graph,
    heads: &[impl AsRef<str>],
    targets: &[Target],
    purge: Purge,
) -> Result<Plan, TargetError> {
    let known: Vec<&str> = heads
        .iter()
        .map(AsRef::as_ref)
        .filter(|head| purge == Purge::Keep || graph.contains(head))
        .collect();
    let current = Current::new(graph, &known)?;
    let mut gone = graph.empty_set();
    let mut wanted = Vec::new();
    for target in targets {
        match aim(graph, target, &current)? {
            Aim::Revisions(nodes) => wanted.extend(nodes),
            Aim::Clear(nodes) => gone.unite(&nodes),
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    refuse_overlap(graph, &wanted, || {
        let targets: Vec<_> = targets.iter().map(Target::to_string).collect();
        targets.join(" ")
    })?;
    gone.unite(&related(graph, &wanted));

    let mut from: Vec<RevisionId> = heads
        .iter()
        .map(|head| RevisionId::from(head.as_ref()))
        .collect();
    from.sort_unstable();
    from.dedup();
    let stays = |node: u32| match purge {
        Purge::Clear => wanted.binary_search(&node).is_ok(),
        // What another row implies has no row after a step, whoever it belongs to.
        Purge::Keep => {
            wanted.binary_search(&node).is_ok()
                || !gone.contains(node) && current.tips.binary_search(&node).is_ok()
        }
    };
    let removed = |id: &RevisionId| !graph.index(id).is_some_and(stays);
    let removes: Vec<RevisionId> = from.iter().filter(|id| removed(id)).cloned().collect();
    let kept = from.iter().filter(|id| !removed(id)).cloned();
    let adds: Vec<RevisionId> = wanted
        .iter()
        .map(|&node| graph.id(node))
        .filter(|id| from.binary_search(id).is_err())
        .cloned()
        .collect();
    let mut heads: Vec<RevisionId> = kept.chain(adds.iter().cloned()).collect();
    heads.sort_unstable();

    let after = graph.applied_under(heads.iter().filter_map(|id| graph.index(id)));
    let only = |a: &BitSet, b: &BitSet| {
        let mut only = a.clone();
        only.subtract(b);
        let ids: Vec<_> = only.iter().map(|node| graph.id(node).clone()).collect();
        ids
    };
    let mut no_longer_implied = only(&current.applied, &after);
    no_longer_implied.reverse();
    Ok(Plan {
        action: Action::Stamp,
        from,
        steps: steps(&wanted_ids(graph, &wanted), removes, adds),
        heads,
        newly_implied: only(&after, &current.applied),
        no_longer_implied,
    })
}

/// What one target of a stamp asks for.
enum Aim {
    /// A row each.
    Revisions(Vec<u32>),
    /// No row of these.
    Clear(BitSet),
}

fn aim(graph: &Graph, target: &Target, current: &Current) -> Result<Aim, TargetError> {
    let resolver = Resolver::new(graph, target);
    let (branch, spot) = match &target.place {
        Place::At(Symbol::Base) => (resolver.branch()?, Spot::Base),
        Place::Walk { steps, .. } if *steps < 0 => destination(graph, &resolver, current)?,
        _ => {
            return Ok(Aim::Revisions(
                resolver.points(&current.tips, Overrun::Refuse)?,
            ));
        }
    };
    Ok(match (spot, branch) {
        (Spot::At(node), _) => Aim::Revisions(vec![node]),
        (Spot::Base, Some(branch)) => Aim::Clear(related(graph, &[branch.node])),
        (Spot::Base, None) => Aim::Clear(graph.applied_under(current.stored.iter().copied())),
    })
}

/// The nodes with all ancestors and descendants, by either edge.
fn related(graph: &Graph, nodes: &[u32]) -> BitSet {
    let mut related = graph.applied_under(nodes.iter().copied());
    related.unite(&graph.reach(nodes.iter().copied(), |node| graph.dependants_of(node)));
    related
}

fn wanted_ids(graph: &Graph, wanted: &[u32]) -> Vec<RevisionId> {
    wanted.iter().map(|&node| graph.id(node).clone()).collect()
}

/// The first step takes all removed rows with it. Each added row has a step; where none is added, one
/// target that stays, or else each removed row has.
fn steps(wanted: &[RevisionId], removes: Vec<RevisionId>, adds: Vec<RevisionId>) -> Vec<Step> {
    let step = |revision: &RevisionId, removes, adds| Step {
        action: Action::Stamp,
        revision: revision.clone(),
        removes,
        adds,
    };
    match (&adds[..], wanted) {
        ([], []) => removes
            .iter()
            .map(|id| step(id, vec![id.clone()], Vec::new()))
            .collect(),
        ([], _) if removes.is_empty() => Vec::new(),
        ([], [first, ..]) => vec![step(first, removes, Vec::new())],
        _ => {
            let mut removes = removes;
            adds.iter()
                .map(|id| step(id, std::mem::take(&mut removes), vec![id.clone()]))
                .collect()
        }
    }
}
