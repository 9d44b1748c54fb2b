//! Why a target leads nowhere.

use std::fmt;
use std::sync::Arc;

use crate::graph::Names;

/// Why a target, given a graph and the heads of a database, names no run.
///
/// `expression` is always what the user wrote. [`TargetError::kind`] is the stable name that `--json`
/// prints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// One head was asked for and there are several.
    #[error("{}", SeveralHeadsText { expression, heads })]
    MultipleHeads {
        /// The target.
        expression: String,
        /// The heads to choose from, sorted.
        heads: Vec<Arc<str>>,
    },

    /// A partial id that several names begin with.
    #[error(
        "`{identifier}`{} begins several names: {}; write more of it",
        In(expression, identifier),
        Names(candidates)
    )]
    AmbiguousRevision {
        /// The target.
        expression: String,
        /// The part of it that is ambiguous.
        identifier: Arc<str>,
        /// The ids and labels that begin with it, sorted.
        candidates: Vec<Arc<str>>,
    },

    /// A name that no revision has, or none on that branch.
    #[error("{}", UnknownText { expression, identifier, why })]
    UnknownRevision {
        /// The target, or the head of the database that the graph does not hold.
        expression: String,
        /// The part of it that is unknown.
        identifier: Arc<str>,
        /// What is known about it.
        why: Unknown,
    },

    /// Two ends that bound no range.
    #[error("`{expression}` is no range: {fault}")]
    NotAncestor {
        /// The range.
        expression: String,
        /// Why.
        fault: RangeFault,
    },

    /// A revision that a downgrade from these heads cannot go back to.
    #[error("{}", InvalidText { expression, revision, branch: branch.as_deref(), heads })]
    InvalidTarget {
        /// The target.
        expression: String,
        /// The revision it names.
        revision: Arc<str>,
        /// The branch it names.
        branch: Option<Arc<str>>,
        /// The current heads, sorted.
        heads: Vec<Arc<str>>,
    },

    /// A step that could go several ways.
    #[error(
        "`{expression}` forks {at}: {}; name the revision, or the branch as in `<branch>@{}1`",
        Names(candidates),
        // No id has a sign in it.
        if expression.contains('-') { '-' } else { '+' }
    )]
    AmbiguousWalk {
        /// The target.
        expression: String,
        /// Where.
        at: Fork,
        /// The revisions to choose from, sorted.
        candidates: Vec<Arc<str>>,
    },

    /// More steps than there are, or steps in the wrong direction.
    #[error("`{expression}` leads out of the graph: {why}")]
    RelativeOutOfRange {
        /// The target.
        expression: String,
        /// What is there instead.
        why: OutOfRange,
    },

    /// Several revisions of which one is applied with another anyway.
    #[error(
        "`{expression}` asks for `{revision}` and for `{implied_by}`, which includes it: leave `{revision}` \
         out"
    )]
    OverlappingTargets {
        /// The target; several are separated by spaces.
        expression: String,
        /// A revision that was asked for.
        revision: Arc<str>,
        /// Another one, which needs it.
        implied_by: Arc<str>,
    },

    /// Several targets where one can be meant: a downgrade's.
    #[error(
        "`{expression}` is {count} targets, and a downgrade goes back to one: name the one that stays applied"
    )]
    SeveralTargets {
        /// The targets, separated by spaces.
        expression: String,
        /// How many they are.
        count: usize,
    },

    /// No target at all.
    #[error("`{expression}` is no target: {reason}")]
    Malformed {
        /// What was read.
        expression: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl TargetError {
    /// The stable name of the kind of error, as the command line prints it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            TargetError::MultipleHeads { .. } => "multiple_heads",
            TargetError::AmbiguousRevision { .. } => "ambiguous_revision",
            TargetError::UnknownRevision { .. } => "unknown_revision",
            TargetError::NotAncestor { .. } => "not_ancestor",
            TargetError::InvalidTarget { .. } => "invalid_target",
            TargetError::AmbiguousWalk { .. } => "ambiguous_walk",
            TargetError::RelativeOutOfRange { .. } => "relative_out_of_range",
            TargetError::OverlappingTargets { .. } => "overlapping_targets",
            TargetError::SeveralTargets { .. } => "several_targets",
            TargetError::Malformed { .. } => "malformed_target",
        }
    }

    /// What the user wrote.
    #[must_use]
    pub fn expression(&self) -> &str {
        match self {
            TargetError::MultipleHeads { expression, .. }
            | TargetError::AmbiguousRevision { expression, .. }
            | TargetError::UnknownRevision { expression, .. }
            | TargetError::NotAncestor { expression, .. }
            | TargetError::InvalidTarget { expression, .. }
            | TargetError::AmbiguousWalk { expression, .. }
            | TargetError::RelativeOutOfRange { expression, .. }
            | TargetError::OverlappingTargets { expression, .. }
            | TargetError::SeveralTargets { expression, .. }
            | TargetError::Malformed { expression, .. } => expression,
        }
    }

    /// What the user may have meant: the heads, revisions or labels to choose from.
    #[must_use]
    pub fn candidates(&self) -> &[Arc<str>] {
        match self {
            TargetError::MultipleHeads { heads, .. } => heads,
            TargetError::AmbiguousRevision { candidates, .. }
            | TargetError::AmbiguousWalk { candidates, .. } => candidates,
            TargetError::UnknownRevision {
                why: Unknown::Nowhere { nearest } | Unknown::Current { nearest },
                ..
            } => nearest.as_slice(),
            _ => &[],
        }
    }
}

/// What is known about a name that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// No id or label is or begins with it.
    Nowhere {
        /// A known name, or a word of the language, that it may be a slip of.
        nearest: Option<Arc<str>>,
    },
    /// The revision is there, but neither an ancestor nor a descendant of the branch's.
    NotOnBranch {
        /// The branch, as written before the `@`.
        branch: Arc<str>,
    },
    /// The database is there: another binary migrated it.
    Current {
        /// A known id that it may be a slip of.
        nearest: Option<Arc<str>>,
    },
}

/// Why two ends bound no range.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RangeFault {
    /// The lower end is no ancestor of the upper one.
    Unrelated {
        /// The lower revision.
        lower: Arc<str>,
        /// The upper revisions, sorted. None: the base.
        upper: Vec<Arc<str>>,
    },
    /// The lower end goes back to the base.
    BelowBase,
    /// The lower end is on the branch of a revision that not one label, but none or several cover.
    NotOneLabel {
        /// The revision before the `@`.
        revision: Arc<str>,
        /// The labels that cover it, sorted.
        labels: Vec<Arc<str>>,
    },
    /// A revision descends from the lower end, but the upper end needs it only by way of revisions that do
    /// not.
    Apart {
        /// The revision.
        revision: Arc<str>,
    },
}

/// Where a walk forks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fork {
    /// At the start: the database has several heads.
    Current,
    /// At the base: the graph has several.
    Base,
    /// At a branch or merge point.
    Revision(Arc<str>),
}

/// What is there instead of the steps that were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutOfRange {
    /// Fewer steps.
    Steps {
        /// Where the walk began. Nothing: at the base.
        from: Option<Arc<str>>,
        /// How many steps there are.
        possible: u64,
    },
    /// Nothing is applied, on that branch at least: there is no revision to step down from.
    NothingApplied,
    /// An upgrade goes up by one step at least.
    NotUp,
    /// A downgrade goes down by one step at least.
    NotDown,
    /// The walk ends at the base, where a revision is wanted.
    AtBase,
}

/// ` in …`, where the ambiguous or unknown part is not the whole expression.
struct In<'a>(&'a str, &'a str);

impl fmt::Display for In<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let In(expression, part) = self;
        if expression == part {
            Ok(())
        } else {
            write!(f, " in `{expression}`")
        }
    }
}

struct SeveralHeadsText<'a> {
    expression: &'a str,
    heads: &'a [Arc<str>],
}

impl fmt::Display for SeveralHeadsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SeveralHeadsText { expression, heads } = self;
        let (count, names) = (heads.len(), Names(heads));
        // Who wrote `heads` is not helped by that word.
        if expression.contains("heads") {
            return write!(
                f,
                "`{expression}` stands where one revision is wanted, and there are {count} heads: {names}; name \
                 one of them, or `<branch>@head`"
            );
        }
        write!(
            f,
            "`{expression}` asks for one head and there are {count}: {names}; name one of them, `<branch>@head`, \
             or, to upgrade to all of them, `heads`"
        )
    }
}

struct UnknownText<'a> {
    expression: &'a str,
    identifier: &'a str,
    why: &'a Unknown,
}

impl fmt::Display for UnknownText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownText {
            expression,
            identifier,
            why,
        } = self;
        match why {
            Unknown::Nowhere { nearest } => {
                write!(
                    f,
                    "no revision or label is `{identifier}`{} or begins so",
                    In(expression, identifier)
                )?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
                    None => Ok(()),
                }
            }
            Unknown::NotOnBranch { branch } => {
                write!(
                    f,
                    "revision `{identifier}` in `{expression}` is not on branch `{branch}`: leave `{branch}@` \
                     out, or name a revision of that branch"
                )
            }
            Unknown::Current { nearest } => {
                write!(
                    f,
                    "the database is at revision `{identifier}`, which these migrations do not hold: another \
                     version of the program migrated it"
                )?;
                match nearest {
                    Some(nearest) => write!(f, "; the nearest known is `{nearest}`"),
                    None => Ok(()),
                }
            }
        }
    }
}

struct InvalidText<'a> {
    expression: &'a str,
    revision: &'a str,
    branch: Option<&'a str>,
    heads: &'a [Arc<str>],
}

impl fmt::Display for InvalidText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidText {
            expression,
            revision,
            branch,
            heads,
        } = self;
        write!(
            f,
            "`{expression}` leaves nothing to undo: no applied revision follows `{revision}`"
        )?;
        if let Some(branch) = branch {
            write!(f, " on branch `{branch}`")?;
        }
        if heads.is_empty() {
            f.write_str("; nothing is applied")
        } else {
            write!(f, "; applied are {} and what they need", Names(heads))
        }
    }
}

impl fmt::Display for RangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RangeFault::Unrelated { lower, upper } if upper.is_empty() => {
                write!(f, "`{lower}` is no ancestor of the base")
            }
            RangeFault::Unrelated { lower, upper } => {
                write!(f, "`{lower}` is no ancestor of {}", Names(upper))
            }
            RangeFault::BelowBase => {
                f.write_str("its lower end goes back to the base; leave it out to begin there")
            }
            RangeFault::NotOneLabel { revision, labels } if labels.is_empty() => {
                write!(
                    f,
                    "no branch label covers `{revision}`; write a label before the `@`"
                )
            }
            RangeFault::NotOneLabel { revision, labels } => write!(
                f,
                "several branch labels cover `{revision}`: {}; write one of them before the `@`",
                Names(labels)
            ),
            RangeFault::Apart { revision } => write!(
                f,
                "only revisions outside of it lead from its upper end to `{revision}`"
            ),
        }
    }
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fork::Current => f.write_str("at the current heads"),
            Fork::Base => f.write_str("at the base"),
            Fork::Revision(revision) => write!(f, "at `{revision}`"),
        }
    }
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutOfRange::Steps { from, possible } => {
                let steps = if *possible == 1 { "step" } else { "steps" };
                match from {
                    Some(from) => write!(f, "the most from `{from}` is {possible} {steps}"),
                    None => write!(f, "the most from the base is {possible} {steps}"),
                }
            }
            OutOfRange::NothingApplied => f.write_str("no revision is applied to step down from"),
            OutOfRange::NotUp => {
                f.write_str("from where the database is, an upgrade goes up: `+1`")
            }
            OutOfRange::NotDown => {
                f.write_str("from where the database is, a downgrade goes down: `-1`")
            }
            OutOfRange::AtBase => f.write_str("it ends at the base, and a revision is wanted"),
        }
    }
}
