//! A stretch of history: `a:b`.

use std::fmt;
use std::str::FromStr;

use super::{Target, TargetError};

/// A stretch of history, both ends included: `a:b`, `a:`, `:b` or `:`.
///
/// ```text
/// range = [ bound ] ":" [ bound ]
/// bound = "current" | target
/// ```
///
/// The lower bound comes first. Left out it is `base`, and the upper one `heads`. `current` stands for the
/// heads of the database. A relative upper bound counts from the lower one (`3f2a:+2`) and stops at the
/// head where fewer revisions follow; a relative lower one (`-3:`) counts down from each of the graph's
/// heads, whatever the upper bound, as in Alembic. `X@…` as the lower bound keeps the upper bound's
/// revisions to those that the branch label X covers.
///
/// ```
/// use limbeck::{Range, Target};
/// use limbeck::target::Bound;
/// # fn main() -> Result<(), limbeck::target::TargetError> {
/// let range: Range = "3f2a:current".parse()?;
/// assert_eq!(range, Range::new(Target::revision("3f2a"), Bound::Current));
/// assert_eq!(range.to_string(), "3f2a:current");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Range {
    lower: Bound,
    upper: Bound,
}

/// One end of a [`Range`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Bound {
    /// Left out: as far as the graph goes.
    #[default]
    Open,
    /// `current`: where the database is.
    Current,
    /// A target.
    At(Target),
}

impl Range {
    /// From one bound up to another, both included.
    #[must_use]
    pub fn new(lower: impl Into<Bound>, upper: impl Into<Bound>) -> Self {
        Range {
            lower: lower.into(),
            upper: upper.into(),
        }
    }

    /// `:`, everything. The default.
    #[must_use]
    pub fn all() -> Self {
        Range::default()
    }

    /// The older end.
    #[must_use]
    pub fn lower(&self) -> &Bound {
        &self.lower
    }

    /// The newer end.
    #[must_use]
    pub fn upper(&self) -> &Bound {
        &self.upper
    }
}

impl From<Target> for Bound {
    fn from(target: Target) -> Self {
        Bound::At(target)
    }
}

impl FromStr for Range {
    type Err = TargetError;

    /// # Errors
    /// [`TargetError::Malformed`] where the grammar does not fit.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let malformed = |reason| TargetError::Malformed {
            expression: text.to_owned(),
            reason,
        };
        let bound = |text: &str| match text {
            "" => Ok(Bound::Open),
            "current" => Ok(Bound::Current),
            _ => text.parse().map(Bound::At),
        };
        match text.split_once(':') {
            None => Err(malformed("a range is written `a:b`, `a:` or `:b`")),
            Some((_, upper)) if upper.contains(':') => Err(malformed("a range has one `:`")),
            Some((lower, upper)) => Ok(Range::new(bound(lower)?, bound(upper)?)),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.lower, self.upper)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Open => Ok(()),
            Bound::Current => f.write_str("current"),
            Bound::At(target) => target.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_and_write_back() {
        let table = [
            (":", Range::all()),
            (
                "a:b",
                Range::new(Target::revision("a"), Target::revision("b")),
            ),
            ("a:", Range::new(Target::revision("a"), Bound::Open)),
            (":b", Range::new(Bound::Open, Target::revision("b"))),
            (
                "-3:current",
                Range::new(Target::relative(-3), Bound::Current),
            ),
            (
                "current:+3",
                Range::new(Bound::Current, Target::relative(3)),
            ),
            (
                "x@base:x@head",
                Range::new(Target::base().on("x"), Target::head().on("x")),
            ),
        ];
        for (text, range) in table {
            assert_eq!(text.parse::<Range>().unwrap(), range, "{text}");
            assert_eq!(range.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_range() {
        for text in ["", "a", "a:b:c", "::", "a b:", ":current+1", "x@:", ":@"] {
            let error = text.parse::<Range>().unwrap_err();
            assert_eq!(error.kind(), "malformed_target", "{text:?}");
        }
    }
}
