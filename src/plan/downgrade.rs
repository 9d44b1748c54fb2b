//! Down to a target.

use crate::aim::{Fork, OutOfRange, Place, Symbol, Target, TargetError};
use crate::graph::Graph;

use super::resolve::{Branch, Current, Overrun, Resolver, Spot};
use super::rows::VersionRows;
use super::{Action, Plan};

/// What is to be undone so that the target's children are not applied: the steps newest first, the reverse
/// of the canonical order.
///
/// `heads` are the rows of the version table. With each revision that is undone go all applied ones that
/// need it, on whatever branch. On a branch (`X@…`), only those children are undone that lead to X; with
/// `X@base` that is the root X stands on. `id-1` where `id` is a base leads to `base`: everything is undone
/// (Alembic's `RevisionMap._collect_downgrade_revisions`).
///
/// # Errors
/// [`TargetError`]: a target, or one of the `heads`, that leads nowhere in this graph; a target that no
/// applied revision follows, unless it is itself one of the `heads`.
pub fn downgrade(
    graph: &Graph,
    heads: &[impl AsRef<str>],
    target: &Target,
) -> Result<Plan, TargetError> {
    let current = Current::new(graph, heads)?;
    let resolver = Resolver::new(graph, target);
    let (branch, spot) = destination(graph, &resolver, &current)?;

    let mut roots: Vec<u32> = match spot {
        Spot::Base => graph.base_nodes().to_vec(),
        Spot::At(node) => graph.children_of(node).collect(),
    };
    let several = roots.len() > 1;
    if let Some(branch) = &branch
        && several
    {
        let below = graph.reach([branch.node], |node| graph.down_of(node));
        roots.retain(|&root| below.contains(root));
    }
    // Whatever leads from a root to an applied revision is applied too: no need to leave that set.
    let applied = |node: &u32| current.applied.contains(*node);
    let undone = graph.reach(roots.iter().copied().filter(applied), |node| {
        graph.dependants_of(node).filter(applied)
    });
    if let Spot::At(node) = spot
        && undone.is_empty()
        && (roots.is_empty() && several || !current.stored.contains(&node))
    {
        return Err(TargetError::InvalidTarget {
            expression: target.to_string(),
            revision: graph.id(node).clone(),
            branch: target.branch.clone(),
            heads: graph.ids_of(&current.tips),
        });
    }

    let mut rows = VersionRows::new(graph, &current.stored, &current.applied);
    let newest_first: Vec<u32> = undone.iter().collect();
    let steps = newest_first
        .into_iter()
        .rev()
        .map(|node| rows.downgrade(node))
        .collect();
    Ok(Plan {
        action: Action::Downgrade,
        from: graph.ids_of(&current.stored),
        steps,
        heads: rows.heads(),
        newly_implied: Vec::new(),
        no_longer_implied: Vec::new(),
    })
}

/// Where to go, and the branch that limits what is undone.
pub(super) fn destination(
    graph: &Graph,
    resolver: &Resolver<'_>,
    current: &Current,
) -> Result<(Option<Branch>, Spot), TargetError> {
    let branch = resolver.branch()?;
    let spot = match &resolver.target.place {
        Place::At(symbol @ (Symbol::Head | Symbol::Heads)) => {
            resolver.single(branch.as_ref(), symbol)?
        }
        // Unlike an upgrade's, a revision need not be on the branch: its children are filtered.
        Place::At(symbol) => resolver.single(None, symbol)?,
        Place::Walk { from: None, steps } if *steps >= 0 => {
            return Err(resolver.out_of_range(OutOfRange::NotDown));
        }
        Place::Walk { from: None, steps } => {
            let start = step_down_from(graph, resolver, branch.as_ref(), current)?;
            let spot = resolver.walk_down(Spot::At(start), *steps, Overrun::Refuse)?;
            let branch = branch.unwrap_or_else(|| Branch::of(graph, start));
            return Ok((Some(branch), spot));
        }
        Place::Walk {
            from: Some(symbol),
            steps,
        } if *steps >= 0 => {
            let start = resolver.single(None, symbol)?;
            resolver.walk_up(start, *steps, branch.as_ref(), Overrun::Refuse)?
        }
        Place::Walk {
            from: Some(symbol),
            steps,
        } => {
            let start = resolver.single(branch.as_ref(), symbol)?;
            resolver.walk_down(start, *steps, Overrun::Refuse)?
        }
    };
    Ok((branch, spot))
}

/// The one revision that `-n` counts from: the current head; on a branch the current head there, or where
/// another branch's head has consumed it, the newest applied revision there.
fn step_down_from(
    graph: &Graph,
    resolver: &Resolver<'_>,
    branch: Option<&Branch>,
    current: &Current,
) -> Result<u32, TargetError> {
    let mut starts = current.tips.clone();
    if let Some(branch) = branch {
        starts.retain(|&node| branch.lineage.contains(node));
        if starts.is_empty() {
            let newest = |&node: &u32| {
                branch.lineage.contains(node)
                    && !graph
                        .children_of(node)
                        .any(|child| current.applied.contains(child))
            };
            starts = current.applied.iter().filter(newest).collect();
        }
    }
    match starts[..] {
        [start] => Ok(start),
        [] => Err(resolver.out_of_range(OutOfRange::NothingApplied)),
        _ => Err(resolver.ambiguous(Fork::Current, &starts)),
    }
}
