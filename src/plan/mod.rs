//! From a graph, the heads of a database and a target to the steps of a run.
//!
//! Everything here is pure: the heads come in as arguments, and a [`Plan`] only says what is to be done.
//! The meaning of targets is that of Alembic 1.20. Where Alembic crashes or goes by the order of a hash
//! table, there is one fixed answer:
//!
//! - An unlabelled relative step from several heads is `ambiguous_walk`, also downwards, where Alembic
//!   takes the first row that the database happens to return.
//! - `X@-1` with no applied revision on the branch is `relative_out_of_range`, with several current ones
//!   `ambiguous_walk`.
//! - A walk that ends outside of the graph, or at the base where a revision is wanted, is
//!   `relative_out_of_range`; `base-1` too.
//! - `X@…` looks X up in every command, also where it would make no difference.
//! - `downgrade X@head` means the head of branch X, as everywhere else.
//! - A range whose revisions hang together only by way of revisions outside, and one that begins at `X@…`
//!   where X is a revision that not exactly one label covers, is `not_ancestor`.
//! - Stored rows of which one implies another are accepted; relative targets count from the rows that
//!   remain, and the first step of a run removes the others.
//! - [`stamp`] moves only rows of the targets' own lineage, whatever the number of targets.
//!
//! Names of heads are full ids. All lists of ids are sorted, except where an order is given.

#[cfg(feature = "serde")]
pub(crate) mod document;
mod downgrade;
mod history;
mod resolve;
mod rows;
mod stamp;
mod upgrade;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub use downgrade::downgrade;
pub use history::history;
pub use resolve::resolve;
pub use stamp::{Purge, stamp};
pub use upgrade::upgrade;

/// What a step does with its revision; also what a ledger row records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum Action {
    /// Runs the `@upgrade` section.
    Upgrade,
    /// Runs the `@downgrade` section.
    Downgrade,
    /// Runs nothing and moves version rows.
    Stamp,
    /// Runs nothing: the revision was there when the ledger began. No plan holds such a step.
    Baseline,
    /// Runs nothing: somebody accepted that the revision's file was edited. No plan holds such a step.
    Accept,
}

impl Action {
    pub(crate) const ALL: [Action; 5] = [
        Action::Upgrade,
        Action::Downgrade,
        Action::Stamp,
        Action::Baseline,
        Action::Accept,
    ];

    /// `upgrade`, `downgrade`, `stamp`, `baseline` or `accept`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::Upgrade => "upgrade",
            Action::Downgrade => "downgrade",
            Action::Stamp => "stamp",
            Action::Baseline => "baseline",
            Action::Accept => "accept",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One revision's part in a [`Plan`], with the change of version rows that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// With which revision.
    pub revision: Arc<str>,
    /// The rows that must be there before and go, sorted.
    pub removes: Vec<Arc<str>>,
    /// The rows that must not be there before and come, sorted.
    pub adds: Vec<Arc<str>>,
}

impl Step {
    /// A step that moves no row: a revision of which only the ledger is told.
    #[must_use]
    pub fn marking(action: Action, revision: impl Into<Arc<str>>) -> Self {
        Step {
            action,
            revision: revision.into(),
            removes: Vec::new(),
            adds: Vec::new(),
        }
    }
}

/// The steps of one run, in order, and the version rows before and after.
///
/// A plan is bound to the rows that it was made from: each step's `removes` and `adds` are exact for the
/// rows that the steps before it leave.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Plan {
    action: Action,
    from: Vec<Arc<str>>,
    steps: Vec<Step>,
    heads: Vec<Arc<str>>,
    newly_implied: Vec<Arc<str>>,
    no_longer_implied: Vec<Arc<str>>,
}

impl Plan {
    /// Nothing to do, at these rows.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn empty(action: Action, rows: Vec<Arc<str>>) -> Self {
        Plan {
            action,
            from: rows.clone(),
            steps: Vec::new(),
            heads: rows,
            newly_implied: Vec::new(),
            no_longer_implied: Vec::new(),
        }
    }

    /// The rows that are there before the run and not after, and the other way round.
    #[cfg(feature = "_sqlx")]
    pub(crate) fn change(&self) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let not_in = |these: &[Arc<str>], those: &[Arc<str>]| -> Vec<Arc<str>> {
            let those: BTreeSet<&Arc<str>> = those.iter().collect();
            these
                .iter()
                .filter(|id| !those.contains(id))
                .cloned()
                .collect()
        };
        let removes = not_in(&self.from, &self.heads);
        let adds = not_in(&self.heads, &self.from);
        (removes, adds)
    }

    /// What every step of the plan does.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The steps, first to last. A downgrade's begin with the newest revision. Those of a stamp belong in one
    /// transaction: between them the rows stand for neither the old state nor the new one.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The version rows that the plan was made from, sorted.
    #[must_use]
    pub fn from(&self) -> &[Arc<str>] {
        &self.from
    }

    /// The version rows after the last step, sorted.
    #[must_use]
    pub fn heads(&self) -> &[Arc<str>] {
        &self.heads
    }

    /// The version rows from step to step.
    ///
    /// ```
    /// # use limbeck::{Graph, Target, plan};
    /// # use limbeck::graph::Node;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let graph = Graph::new([
    ///     Node::new("a"),
    ///     Node { down_revision: vec!["a".into()], ..Node::new("b") },
    /// ])?;
    /// let plan = plan::upgrade(&graph, &[] as &[&str], &[Target::head()])?;
    /// let mut walk = plan.walk();
    /// while let Some(step) = walk.advance() {
    ///     println!("{} {}: {:?}", step.action.name(), step.revision, walk.heads());
    /// }
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn walk(&self) -> HeadsWalk<'_> {
        HeadsWalk {
            heads: self.from.iter().cloned().collect(),
            steps: self.steps.iter(),
        }
    }

    /// What a stamp implies: the revisions that count as applied after it and did not before, oldest first.
    /// The steps of other plans say the same themselves; they have none here.
    #[must_use]
    pub fn newly_implied(&self) -> &[Arc<str>] {
        &self.newly_implied
    }

    /// The revisions that counted as applied before a stamp and do not after it, newest first. Other plans
    /// have none here.
    #[must_use]
    pub fn no_longer_implied(&self) -> &[Arc<str>] {
        &self.no_longer_implied
    }
}

/// The version rows from step to step of a [`Plan`]: it keeps one set and changes it, since the sets of a
/// long plan over many branches would not fit in memory.
#[derive(Debug, Clone)]
pub struct HeadsWalk<'p> {
    heads: BTreeSet<Arc<str>>,
    steps: std::slice::Iter<'p, Step>,
}

impl<'p> HeadsWalk<'p> {
    /// Goes past the next step and returns it; nothing after the last.
    pub fn advance(&mut self) -> Option<&'p Step> {
        let step = self.steps.next()?;
        for removed in &step.removes {
            self.heads.remove(removed);
        }
        self.heads.extend(step.adds.iter().cloned());
        Some(step)
    }

    /// The rows after the steps so far, sorted.
    #[must_use]
    pub fn heads(&self) -> &BTreeSet<Arc<str>> {
        &self.heads
    }
}

#[cfg(test)]
mod tests;
