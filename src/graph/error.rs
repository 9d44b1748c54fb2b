//! Why revisions make no graph.

use std::fmt;
use std::sync::Arc;

/// A key of a revision's header that names other revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// `down_revision`: the parents.
    DownRevision,
    /// `depends_on`: what must be applied too, on whatever branch.
    DependsOn,
}

impl Key {
    /// The key as it stands in a header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Key::DownRevision => "down_revision",
            Key::DependsOn => "depends_on",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why [`Graph::new`](crate::Graph::new) refused.
///
/// Revisions are checked in the order of their ids, so that the same revisions give the same error in
/// whatever order they come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GraphError {
    /// Not a word that can name a revision: targets could not be told apart.
    #[error(
        "`{revision}` cannot be a revision id: it is one word without white space, comma, `@`, `+`, `-` \
         or `:`, and not `head`, `heads`, `base`, `current` or `none`"
    )]
    InvalidRevision {
        /// The id.
        revision: Arc<str>,
    },

    /// Not a word that can name a branch.
    #[error(
        "`{label}`, a branch label of revision `{revision}`, cannot be one: it is one word without white \
         space, comma, `@`, `+`, `-` or `:`, and not `head`, `heads`, `base`, `current` or `none`"
    )]
    InvalidLabel {
        /// The label.
        label: Arc<str>,
        /// The revision that carries it.
        revision: Arc<str>,
    },

    /// Two revisions have one id, or two ids that differ in case only.
    #[error("{}", Duplicate { revision, other })]
    DuplicateRevision {
        /// The id of the first.
        revision: Arc<str>,
        /// The id of the second: the same, or another in case only.
        other: Arc<str>,
    },

    /// Two revisions carry one label, or one carries it twice.
    #[error(
        "branch label `{label}` stands on revision `{revision}` and again on revision `{other}`"
    )]
    DuplicateLabel {
        /// The label.
        label: Arc<str>,
        /// The first revision that carries it.
        revision: Arc<str>,
        /// The second.
        other: Arc<str>,
    },

    /// A label is some revision's id.
    #[error(
        "branch label `{label}` of revision `{revision}` is the id of a revision: choose another"
    )]
    LabelIsRevision {
        /// The label, and the id.
        label: Arc<str>,
        /// The revision that carries the label.
        revision: Arc<str>,
    },

    /// A revision names one that is not there.
    #[error("{}", Missing { revision, key: *key, reference, nearest: nearest.as_deref() })]
    MissingReference {
        /// The revision that names it.
        revision: Arc<str>,
        /// Under which key.
        key: Key,
        /// What it names.
        reference: Arc<str>,
        /// A known name that this may be a slip of.
        nearest: Option<Arc<str>>,
    },

    /// A revision names the same parent twice.
    #[error("revision `{revision}` names `{reference}` twice in its down_revision")]
    RepeatedReference {
        /// The revision.
        revision: Arc<str>,
        /// The parent.
        reference: Arc<str>,
    },

    /// A partial id in `depends_on` fits several revisions.
    #[error(
        "revision `{revision}` has `{reference}` in its depends_on, which fits several revisions: {}; write \
         more of the id",
        Names(candidates)
    )]
    AmbiguousReference {
        /// The revision that names it.
        revision: Arc<str>,
        /// The partial id.
        reference: Arc<str>,
        /// The ids that begin with it, sorted.
        candidates: Vec<Arc<str>>,
    },

    /// Revisions that need each other: none of them could ever be the first.
    #[error("{}", Cycle { path, through: *through })]
    Cycle {
        /// Each needs the next, the last needs the first. It begins with the smallest id; where a `depends_on`
        /// is part of the cycle, with the smallest that has one.
        path: Vec<Arc<str>>,
        /// [`Key::DownRevision`] if `down_revision` alone closes it.
        through: Key,
    },
}

impl GraphError {
    /// The revision whose header is wrong: of a duplicate the second, of a cycle the first of its path, whose
    /// [`key`](Self::key) leads on to the second.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        match self {
            GraphError::InvalidRevision { revision }
            | GraphError::InvalidLabel { revision, .. }
            | GraphError::LabelIsRevision { revision, .. }
            | GraphError::MissingReference { revision, .. }
            | GraphError::RepeatedReference { revision, .. }
            | GraphError::AmbiguousReference { revision, .. } => Some(revision),
            GraphError::DuplicateRevision { other, .. }
            | GraphError::DuplicateLabel { other, .. } => Some(other),
            GraphError::Cycle { path, .. } => path.first().map(|id| &**id),
        }
    }

    /// The words at that key of which the first that stands there is wrong.
    pub(crate) fn words(&self) -> Vec<&str> {
        match self {
            GraphError::InvalidRevision { revision } => vec![revision],
            GraphError::DuplicateRevision { other, .. } => vec![other],
            GraphError::InvalidLabel { label, .. }
            | GraphError::DuplicateLabel { label, .. }
            | GraphError::LabelIsRevision { label, .. } => vec![label],
            GraphError::MissingReference { reference, .. }
            | GraphError::RepeatedReference { reference, .. }
            | GraphError::AmbiguousReference { reference, .. } => vec![reference],
            GraphError::Cycle { path, .. } => path.get(1).map(|id| &**id).into_iter().collect(),
        }
    }

    /// The other revision, where two disagree: the first of a duplicate, and the one whose id a label is.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        match self {
            GraphError::DuplicateRevision { revision, .. }
            | GraphError::DuplicateLabel { revision, .. } => Some(revision),
            GraphError::LabelIsRevision { label, .. } => Some(label),
            _ => None,
        }
    }

    /// The key of that header at which it is wrong: `revision`, `branch_labels`, `down_revision` or
    /// `depends_on`.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            GraphError::InvalidRevision { .. } | GraphError::DuplicateRevision { .. } => "revision",
            GraphError::InvalidLabel { .. }
            | GraphError::DuplicateLabel { .. }
            | GraphError::LabelIsRevision { .. } => "branch_labels",
            GraphError::MissingReference { key, .. } | GraphError::Cycle { through: key, .. } => {
                key.name()
            }
            GraphError::RepeatedReference { .. } => Key::DownRevision.name(),
            GraphError::AmbiguousReference { .. } => Key::DependsOn.name(),
        }
    }
}

struct Duplicate<'a> {
    revision: &'a str,
    other: &'a str,
}

impl fmt::Display for Duplicate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Duplicate { revision, other } = self;
        if revision == other {
            write!(f, "revision id `{revision}` is there twice")
        } else {
            write!(
                f,
                "revision ids `{revision}` and `{other}` differ in case only, which not every database can \
                 tell apart"
            )
        }
    }
}

struct Missing<'a> {
    revision: &'a str,
    key: Key,
    reference: &'a str,
    nearest: Option<&'a str>,
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "revision `{}` has `{}` in its {}, which is not there",
            self.revision, self.reference, self.key
        )?;
        match self.nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

struct Cycle<'a> {
    path: &'a [Arc<str>],
    through: Key,
}

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.through {
            Key::DownRevision => "a cycle through down_revision: ",
            Key::DependsOn => "a cycle through down_revision and depends_on: ",
        })?;
        for id in self.path {
            write!(f, "`{id}` needs ")?;
        }
        match self.path.first() {
            Some(first) => write!(f, "`{first}`"),
            None => Ok(()),
        }
    }
}

/// Names in a message: enough of them to go on with, never a screenful.
pub(crate) struct Names<'a>(pub(crate) &'a [Arc<str>]);

impl Names<'_> {
    const SHOWN: usize = 8;
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().take(Self::SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        match self.0.len().saturating_sub(Self::SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
