//! What a user names when saying where a database should go: targets and ranges, read and written.

mod error;
mod range;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::graph::{is_reserved, is_word};

pub use error::{Fork, OutOfRange, RangeFault, TargetError, Unknown};
pub use range::{Bound, Range};

/// Where a run should go, in Alembic's language.
///
/// ```text
/// target = [ branch "@" ] place
/// branch = name
/// place  = symbol | [ symbol ] steps
/// symbol = "head" | "heads" | "base" | name
/// steps  = ( "+" | "-" ) digits
/// name   = a revision id, the beginning of one that fits no other, or a branch label
/// ```
///
/// | target | means |
/// |---|---|
/// | `head` | the one revision that none names in its `down_revision` |
/// | `heads` | all of them, without those that another consumes by `depends_on` |
/// | `base` | before the first revision |
/// | `3f2a9c1d7b04`, `3f2a`, `accounts` | a revision, by id, partial id or label |
/// | `+2`, `-1` | so many steps from where the database is |
/// | `3f2a+2`, `3f2a-1`, `head-1` | so many steps from that revision |
/// | `accounts@head`, `accounts@heads` | the head, the heads of one branch; what `depends_on` consumes is included |
/// | `accounts@base` | before the branch's first revision |
/// | `accounts@3f2a` | that revision, which must be an ancestor or descendant of the branch's |
/// | `accounts@+1`, `accounts@-1` | so many steps on one branch |
///
/// A step follows `down_revision`. Before the `@` stands a label or a revision; either means every
/// revision from which `down_revision` leads to that one, or to which it leads from there.
///
/// Reading a target needs no graph: a name that no revision has is found out when a run is planned.
/// [`Display`](fmt::Display) writes what [`FromStr`] reads.
///
/// ```
/// use limbeck::Target;
/// # fn main() -> Result<(), limbeck::target::TargetError> {
/// assert_eq!("accounts@+1".parse::<Target>()?, Target::relative(1).on("accounts"));
/// assert_eq!(Target::heads().to_string(), "heads");
/// assert_eq!("a@b@c".parse::<Target>().unwrap_err().kind(), "malformed_target");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub(crate) branch: Option<Arc<str>>,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    At(Symbol),
    /// Up where `steps` is positive. `from` nothing: from where the database is.
    Walk {
        from: Option<Symbol>,
        steps: i64,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Symbol {
    Head,
    Heads,
    Base,
    Name(Arc<str>),
}

impl Symbol {
    /// The words of the language.
    pub(crate) const WORDS: [&'static str; 3] = ["head", "heads", "base"];
}

impl Target {
    /// `head`: the one head, an error where there are several.
    #[must_use]
    pub fn head() -> Self {
        Target::at(Symbol::Head)
    }

    /// `heads`: all heads.
    #[must_use]
    pub fn heads() -> Self {
        Target::at(Symbol::Heads)
    }

    /// `base`: before the first revision.
    #[must_use]
    pub fn base() -> Self {
        Target::at(Symbol::Base)
    }

    /// A revision, by its id, by a part of it that fits no other, or by a label. Any other word is found
    /// unknown when a run is planned.
    #[must_use]
    pub fn revision(name: impl Into<Arc<str>>) -> Self {
        Target::at(Symbol::Name(name.into()))
    }

    /// `+n` or `-n`: so many steps from where the database is.
    #[must_use]
    pub fn relative(steps: i64) -> Self {
        Target {
            branch: None,
            place: Place::Walk { from: None, steps },
        }
    }

    /// `name+n` or `name-n`: so many steps from that revision.
    #[must_use]
    pub fn relative_to(name: impl Into<Arc<str>>, steps: i64) -> Self {
        Target {
            branch: None,
            place: Place::Walk {
                from: Some(Symbol::Name(name.into())),
                steps,
            },
        }
    }

    /// `branch@…`: this target on one branch, named by a label or a revision. Default: on any.
    #[must_use]
    pub fn on(mut self, branch: impl Into<Arc<str>>) -> Self {
        self.branch = Some(branch.into());
        self
    }

    /// Whether the target depends on where the database is: `+n` and `-n`, on a branch or not.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        matches!(self.place, Place::Walk { from: None, .. })
    }

    /// The one target of a downgrade; `targets` are one at least.
    #[cfg(any(test, feature = "_sqlx"))]
    pub(crate) fn only(targets: Vec<Target>) -> Result<Self, TargetError> {
        match <[Target; 1]>::try_from(targets) {
            Ok([target]) => Ok(target),
            Err(targets) => {
                let all: Vec<String> = targets.iter().map(Target::to_string).collect();
                Err(TargetError::SeveralTargets {
                    expression: all.join(" "),
                    count: all.len(),
                })
            }
        }
    }

    fn at(symbol: Symbol) -> Self {
        Target {
            branch: None,
            place: Place::At(symbol),
        }
    }
}

/// `heads`: what brings a database up to date whatever the graph.
impl Default for Target {
    fn default() -> Self {
        Target::heads()
    }
}

impl FromStr for Target {
    type Err = TargetError;

    /// # Errors
    /// [`TargetError::Malformed`] where the grammar does not fit.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let malformed = |reason| TargetError::Malformed {
            expression: text.to_owned(),
            reason,
        };
        if text.contains(':') {
            return Err(malformed(
                "a range stands in `history` and offline SQL only",
            ));
        }
        let (branch, place) = match text.split_once('@') {
            Some((branch, place)) => (Some(branch), place),
            None => (None, text),
        };
        let branch = match branch {
            Some("") => return Err(malformed("before the `@` stands a label or a revision")),
            Some(branch) if is_reserved(branch) && is_word(place) && !is_reserved(place) => {
                return Err(malformed(
                    "the branch stands before the `@`, as in `accounts@head`",
                ));
            }
            Some(branch) if !is_word(branch) || is_reserved(branch) => {
                return Err(malformed(
                    "before the `@` stands one label or revision, nothing else",
                ));
            }
            branch => branch.map(Arc::from),
        };
        let place = match place.rfind(['+', '-']) {
            None => Place::At(symbol(place).map_err(malformed)?),
            Some(sign) => {
                let (from, steps) = place.split_at(sign);
                Place::Walk {
                    from: match from {
                        "" => None,
                        from => Some(symbol(from).map_err(malformed)?),
                    },
                    steps: self::steps(steps).map_err(malformed)?,
                }
            }
        };
        Ok(Target { branch, place })
    }
}

fn symbol(word: &str) -> Result<Symbol, &'static str> {
    match word {
        "head" => Ok(Symbol::Head),
        "heads" => Ok(Symbol::Heads),
        "base" => Ok(Symbol::Base),
        "" => Err("nothing is named"),
        "current" => Err("`current` stands in ranges only; say `+1` or `-1` to go from there"),
        _ if is_reserved(word) => Err("it is a word of the language, which is written small"),
        _ if is_word(word) => Ok(Symbol::Name(Arc::from(word))),
        _ => Err("a name is one word without white space, comma, `@`, `+`, `-` or `:`"),
    }
}

/// `signed` begins with its sign.
fn steps(signed: &str) -> Result<i64, &'static str> {
    let digits = &signed[1..];
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("after a `+` or `-` stands a number of steps, and names hold neither sign");
    }
    signed.parse().map_err(|_| "no graph has that many steps")
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(branch) = &self.branch {
            write!(f, "{branch}@")?;
        }
        match &self.place {
            Place::At(symbol) => symbol.fmt(f),
            Place::Walk { from, steps } => {
                if let Some(from) = from {
                    from.fmt(f)?;
                }
                write!(f, "{steps:+}")
            }
        }
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Symbol::Head => "head",
            Symbol::Heads => "heads",
            Symbol::Base => "base",
            Symbol::Name(name) => name,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_as_its_constructor_and_writes_back() {
        let table = [
            ("head", Target::head()),
            ("heads", Target::heads()),
            ("base", Target::base()),
            ("3f2a", Target::revision("3f2a")),
            ("+2", Target::relative(2)),
            ("-1", Target::relative(-1)),
            ("+0", Target::relative(0)),
            ("3f2a+2", Target::relative_to("3f2a", 2)),
            ("3f2a-10", Target::relative_to("3f2a", -10)),
            ("x@head", Target::head().on("x")),
            ("x@heads", Target::heads().on("x")),
            ("x@base", Target::base().on("x")),
            ("x@3f2a", Target::revision("3f2a").on("x")),
            ("x@+1", Target::relative(1).on("x")),
            ("x@-1", Target::relative(-1).on("x")),
            ("x@3f2a-1", Target::relative_to("3f2a", -1).on("x")),
        ];
        for (text, target) in table {
            assert_eq!(text.parse::<Target>().unwrap(), target, "{text}");
            assert_eq!(target.to_string(), text);
        }
        let walk = "head-1".parse::<Target>().unwrap();
        assert_eq!(walk.to_string(), "head-1");
        assert!(!walk.is_relative() && Target::relative(1).on("x").is_relative());
    }

    #[test]
    fn what_is_no_target() {
        for text in [
            "",
            "@",
            "@head",
            "x@",
            "a@b@c",
            "head@head",
            "head@accounts",
            "base@+1",
            "a:b",
            ":",
            "current",
            "current-1",
            "none",
            "HEAD",
            "+",
            "-",
            "a+",
            "a-b",
            "+-1",
            "a++1",
            "1.5+x",
            "a b",
            " head",
            "head ",
            "a,b",
            "+99999999999999999999",
            "x@current",
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert_eq!(error.kind(), "malformed_target", "{text:?}");
        }
    }

    #[test]
    fn a_branch_behind_the_at_is_told_its_place() {
        for text in ["head@accounts", "heads@acounts", "base@accounts"] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains("as in `accounts@head`"), "{error}");
        }
    }
}
