//! From names to nodes: what a target means in this graph.

use std::sync::Arc;

use crate::aim::{Fork, OutOfRange, Place, Symbol, Target, TargetError, Unknown};
use crate::graph::{BitSet, Graph};

/// The revisions that a target names by itself, without a database: oldest first. What `show` shows.
///
/// `-n` and `X@-n` count down from each of the graph's effective heads, as in Alembic
/// (`RevisionMap.get_revisions`), `+n` and `X@+n` up from the base. `base` names nothing.
///
/// # Errors
/// [`TargetError`]: a target that leads nowhere in this graph.
pub fn resolve(graph: &Graph, target: &Target) -> Result<Vec<Arc<str>>, TargetError> {
    let spots = Resolver::new(graph, target).spots(&[])?;
    let mut named: Vec<u32> = spots.into_iter().filter_map(Spot::node).collect();
    named.sort_unstable();
    named.dedup();
    let ids = named.iter().map(|&node| Arc::clone(graph.id(node)));
    Ok(ids.collect())
}

/// Where a database is.
pub(super) struct Current {
    /// The rows as stored, ascending.
    pub(super) stored: Vec<u32>,
    /// Those that no other implies, ascending.
    pub(super) tips: Vec<u32>,
    /// They and all they need.
    pub(super) applied: BitSet,
}

impl Current {
    pub(super) fn new(graph: &Graph, heads: &[impl AsRef<str>]) -> Result<Self, TargetError> {
        let mut stored = Vec::with_capacity(heads.len());
        for head in heads {
            let head = head.as_ref();
            stored.push(
                graph
                    .index(head)
                    .ok_or_else(|| TargetError::UnknownRevision {
                        expression: head.to_owned(),
                        identifier: Arc::from(head),
                        why: Unknown::Current {
                            nearest: graph.nearest_name(head, &[]),
                        },
                    })?,
            );
        }
        stored.sort_unstable();
        stored.dedup();
        Ok(Current {
            tips: graph.tips(&stored),
            applied: graph.applied_under(stored.iter().copied()),
            stored,
        })
    }
}

/// A place that a walk comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    Base,
    At(u32),
}

impl Spot {
    pub(super) fn node(self) -> Option<u32> {
        match self {
            Spot::Base => None,
            Spot::At(node) => Some(node),
        }
    }
}

/// What to do when a walk comes to the end of the graph too early.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Overrun {
    Refuse,
    Stop,
}

/// What stands before the `@`, looked up.
pub(super) struct Branch {
    pub(super) node: u32,
    /// The node with its ancestors and descendants by `down_revision`.
    pub(super) lineage: BitSet,
}

impl Branch {
    pub(super) fn of(graph: &Graph, node: u32) -> Self {
        Branch {
            node,
            lineage: graph.lineage(node),
        }
    }
}

/// One target in one graph.
pub(super) struct Resolver<'a> {
    graph: &'a Graph,
    pub(super) target: &'a Target,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(graph: &'a Graph, target: &'a Target) -> Self {
        Resolver { graph, target }
    }

    /// The revisions that an upgrade goes to. `+n` counts from `current`; `base` is none.
    pub(super) fn points(
        &self,
        current: &[u32],
        overrun: Overrun,
    ) -> Result<Vec<u32>, TargetError> {
        let branch = self.branch()?;
        let branch = branch.as_ref();
        let spot = match &self.target.place {
            Place::At(Symbol::Heads) => return Ok(self.heads(branch)),
            Place::At(symbol) => {
                return Ok(self.single(branch, symbol)?.node().into_iter().collect());
            }
            Place::Walk { from: None, steps } if *steps <= 0 => {
                return Err(self.out_of_range(OutOfRange::NotUp));
            }
            Place::Walk { from: None, steps } => {
                let start = self.step_up_from(branch, current)?;
                self.walk_up(start, *steps, branch, overrun)?
            }
            Place::Walk {
                from: Some(symbol),
                steps,
            } if *steps > 0 => {
                let start = self.single(None, symbol)?;
                self.walk_up(start, *steps, branch, overrun)?
            }
            Place::Walk {
                from: Some(symbol),
                steps,
            } => {
                let start = self.single(branch, symbol)?;
                self.walk_down(start, *steps, overrun)?
            }
        };
        match spot {
            Spot::At(node) => Ok(vec![node]),
            Spot::Base => Err(self.out_of_range(OutOfRange::AtBase)),
        }
    }

    /// The heads that `-n` or `X@-n` counts down from; none for other targets.
    pub(super) fn starts_down(&self) -> Result<Option<Vec<u32>>, TargetError> {
        if !matches!(self.target.place, Place::Walk { from: None, steps } if steps <= 0) {
            return Ok(None);
        }
        let mut starts = self.graph.effective_head_nodes().to_vec();
        if let (Some(word), Some(branch)) = (&self.target.branch, self.branch()?) {
            // A label covers its members; a revision before the `@` means its lineage.
            let members = match self.graph.label(word) {
                Some(node) => self.graph.covered_from(node),
                None => branch.lineage,
            };
            starts.retain(|&head| members.contains(head));
        }
        Ok(Some(starts))
    }

    /// What the target names by itself: as [`Resolver::points`], but `-n` counts down from each effective
    /// head of the graph, or of the branch, and a walk may end at the base.
    pub(super) fn spots(&self, current: &[u32]) -> Result<Vec<Spot>, TargetError> {
        match &self.target.place {
            Place::Walk { from: None, steps } if *steps <= 0 => {
                let starts = self.starts_down()?.unwrap_or_default();
                let mut spots = Vec::with_capacity(starts.len());
                let mut overrun = None;
                for start in starts {
                    // That a walk forks somewhere is told before that another one is too short.
                    match self.walk_down(Spot::At(start), *steps, Overrun::Refuse) {
                        Ok(spot) => spots.push(spot),
                        Err(error @ TargetError::RelativeOutOfRange { .. }) => {
                            overrun.get_or_insert(error);
                        }
                        Err(error) => return Err(error),
                    }
                }
                match overrun {
                    Some(error) if !spots.contains(&Spot::Base) => Err(error),
                    _ => Ok(spots),
                }
            }
            Place::Walk {
                from: Some(symbol),
                steps,
            } if *steps <= 0 => {
                let start = self.single(self.branch()?.as_ref(), symbol)?;
                Ok(vec![self.walk_down(start, *steps, Overrun::Refuse)?])
            }
            _ => {
                let points = self.points(current, Overrun::Refuse)?;
                Ok(points.into_iter().map(Spot::At).collect())
            }
        }
    }

    pub(super) fn branch(&self) -> Result<Option<Branch>, TargetError> {
        match &self.target.branch {
            None => Ok(None),
            Some(word) => {
                let node = self.name(word, None, &[])?;
                Ok(Some(Branch::of(self.graph, node)))
            }
        }
    }

    /// The one place that a symbol names; with a branch, on that branch.
    pub(super) fn single(
        &self,
        branch: Option<&Branch>,
        symbol: &Symbol,
    ) -> Result<Spot, TargetError> {
        let heads = match symbol {
            Symbol::Base => return Ok(Spot::Base),
            Symbol::Name(word) => return Ok(Spot::At(self.name(word, branch, &Symbol::WORDS)?)),
            Symbol::Heads => self.heads(branch),
            Symbol::Head => {
                let heads = self.graph.head_nodes().iter().copied();
                heads.filter(|&head| on(branch, head)).collect()
            }
        };
        match heads[..] {
            // An empty graph: a head of it is where nothing is applied.
            [] => Ok(Spot::Base),
            [head] => Ok(Spot::At(head)),
            _ => Err(TargetError::MultipleHeads {
                expression: self.target.to_string(),
                heads: self.graph.ids_of(&heads),
            }),
        }
    }

    /// `heads`: of the graph those that nothing consumes, of a branch all.
    fn heads(&self, branch: Option<&Branch>) -> Vec<u32> {
        match branch {
            None => self.graph.effective_head_nodes().to_vec(),
            Some(branch) => {
                let heads = self.graph.head_nodes().iter().copied();
                heads
                    .filter(|&head| branch.lineage.contains(head))
                    .collect()
            }
        }
    }

    /// A revision by id, label or the beginning of one; with a branch, among its lineage. `words` could stand in its place.
    fn name(
        &self,
        word: &Arc<str>,
        branch: Option<&Branch>,
        words: &[&str],
    ) -> Result<u32, TargetError> {
        let graph = self.graph;
        if let Some(node) = graph.index(word).or_else(|| graph.label(word)) {
            return match &self.target.branch {
                Some(name) if !on(branch, node) => Err(self.unknown(
                    word,
                    Unknown::NotOnBranch {
                        branch: Arc::clone(name),
                    },
                )),
                _ => Ok(node),
            };
        }
        let mut fitting = match &**word {
            "" => Vec::new(),
            prefix => graph.with_prefix(prefix),
        };
        fitting.retain(|&(_, node)| on(branch, node));
        match fitting[..] {
            [(_, node)] => Ok(node),
            [] => Err(self.unknown(
                word,
                Unknown::Nowhere {
                    nearest: graph.nearest_name(word, words),
                },
            )),
            _ => {
                let mut candidates: Vec<_> =
                    fitting.iter().map(|(name, _)| Arc::clone(name)).collect();
                candidates.sort_unstable();
                Err(TargetError::AmbiguousRevision {
                    expression: self.target.to_string(),
                    identifier: Arc::clone(word),
                    candidates,
                })
            }
        }
    }

    /// Where `+n` counts from: the current head; on a branch the current head there, else the newest
    /// applied revision there, else the base.
    fn step_up_from(&self, branch: Option<&Branch>, current: &[u32]) -> Result<Spot, TargetError> {
        let mut starts = current.to_vec();
        if let Some(branch) = branch {
            starts.retain(|&node| branch.lineage.contains(node));
            if starts.is_empty() {
                let mut active = self.graph.applied_under(current.iter().copied());
                active.intersect(&branch.lineage);
                let mut newest = active.clone();
                for parent in active.iter().flat_map(|node| self.graph.parents_of(node)) {
                    newest.remove(parent);
                }
                starts = newest.iter().collect();
            }
        }
        match starts[..] {
            [] => Ok(Spot::Base),
            [start] => Ok(Spot::At(start)),
            _ => Err(self.ambiguous(Fork::Current, &starts)),
        }
    }

    /// `steps` times to the one child by `down_revision`; with a branch, the one child in its lineage. From
    /// the base the children are the bases.
    pub(super) fn walk_up(
        &self,
        start: Spot,
        steps: i64,
        branch: Option<&Branch>,
        overrun: Overrun,
    ) -> Result<Spot, TargetError> {
        let mut at = start;
        for done in 0..steps.unsigned_abs() {
            let ways: Vec<u32> = match at {
                Spot::Base => self.graph.base_nodes().to_vec(),
                Spot::At(node) => self.graph.children_of(node).collect(),
            };
            let ways: Vec<u32> = ways.into_iter().filter(|&way| on(branch, way)).collect();
            at = match ways[..] {
                [way] => Spot::At(way),
                [] if overrun == Overrun::Stop => return Ok(at),
                [] => return Err(self.too_few(start, done)),
                _ => return Err(self.ambiguous(self.fork(at), &ways)),
            };
        }
        Ok(at)
    }

    /// `steps`, not positive, times to the one parent by `down_revision`. From a base that leads to
    /// [`Spot::Base`], and from there nowhere.
    pub(super) fn walk_down(
        &self,
        start: Spot,
        steps: i64,
        overrun: Overrun,
    ) -> Result<Spot, TargetError> {
        let mut at = start;
        for done in 0..steps.unsigned_abs() {
            at = match at {
                Spot::Base if overrun == Overrun::Stop => return Ok(at),
                Spot::Base => return Err(self.too_few(start, done)),
                Spot::At(node) => {
                    let mut ways = self.graph.down_of(node);
                    match (ways.next(), ways.len()) {
                        (None, _) => Spot::Base,
                        (Some(parent), 0) => Spot::At(parent),
                        _ => {
                            let ways: Vec<u32> = self.graph.down_of(node).collect();
                            return Err(self.ambiguous(self.fork(at), &ways));
                        }
                    }
                }
            };
        }
        Ok(at)
    }

    pub(super) fn out_of_range(&self, why: OutOfRange) -> TargetError {
        TargetError::RelativeOutOfRange {
            expression: self.target.to_string(),
            why,
        }
    }

    pub(super) fn ambiguous(&self, at: Fork, candidates: &[u32]) -> TargetError {
        TargetError::AmbiguousWalk {
            expression: self.target.to_string(),
            at,
            candidates: self.graph.ids_of(candidates),
        }
    }

    fn too_few(&self, start: Spot, possible: u64) -> TargetError {
        self.out_of_range(OutOfRange::Steps {
            from: start.node().map(|node| Arc::clone(self.graph.id(node))),
            possible,
        })
    }

    fn unknown(&self, identifier: &Arc<str>, why: Unknown) -> TargetError {
        TargetError::UnknownRevision {
            expression: self.target.to_string(),
            identifier: Arc::clone(identifier),
            why,
        }
    }

    fn fork(&self, at: Spot) -> Fork {
        match at {
            Spot::Base => Fork::Base,
            Spot::At(node) => Fork::Revision(Arc::clone(self.graph.id(node))),
        }
    }
}

/// Refuses revisions of which one is applied with another anyway.
pub(super) fn refuse_overlap(
    graph: &Graph,
    wanted: &[u32],
    expression: impl FnOnce() -> String,
) -> Result<(), TargetError> {
    let needed = graph.needed_by(wanted);
    let Some(&implied) = wanted.iter().find(|&&node| needed.contains(node)) else {
        return Ok(());
    };
    let above = graph.reach([implied], |node| graph.dependants_of(node));
    let implied_by = wanted
        .iter()
        .copied()
        .find(|&node| node != implied && above.contains(node))
        .expect("what another needs is its ancestor");
    Err(TargetError::OverlappingTargets {
        expression: expression(),
        revision: Arc::clone(graph.id(implied)),
        implied_by: Arc::clone(graph.id(implied_by)),
    })
}

fn on(branch: Option<&Branch>, node: u32) -> bool {
    branch.is_none_or(|branch| branch.lineage.contains(node))
}
