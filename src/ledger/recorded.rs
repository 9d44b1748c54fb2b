//! Words and digests of the ledger, which a newer version of limbeck or a hand may have written.

use std::fmt;
use std::str::FromStr;

use crate::plan::Action;
use crate::revision::Checksum;

/// A value as the ledger has it: one that this version of limbeck writes, or the text of any other.
///
/// ```
/// # use limbeck::ledger::Recorded;
/// # use limbeck::plan::Action;
/// assert_eq!(Recorded::<Action>::from("upgrade"), Action::Upgrade);
/// assert_eq!(Recorded::<Action>::from("Upgrade").to_string(), "Upgrade");
/// assert_eq!(Recorded::<Action>::from("Upgrade").known(), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Recorded<T> {
    /// A value that this version knows.
    Known(T),
    /// The text that a newer version, or a hand, wrote.
    Other(String),
}

impl<T> Recorded<T> {
    /// The value, where this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<&T> {
        match self {
            Recorded::Known(value) => Some(value),
            Recorded::Other(_) => None,
        }
    }

    fn read(text: &str, known: Option<T>) -> Self {
        known.map_or_else(|| Recorded::Other(text.to_owned()), Recorded::Known)
    }
}

impl Recorded<Action> {
    /// The action's name, as it is stored.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Recorded::Known(action) => action.name(),
            Recorded::Other(text) => text,
        }
    }
}

impl Recorded<State> {
    /// The state's name, as it is stored.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Recorded::Known(state) => state.name(),
            Recorded::Other(text) => text,
        }
    }
}

impl<T> Default for Recorded<T> {
    fn default() -> Self {
        Recorded::Other(String::new())
    }
}

impl<T> From<T> for Recorded<T> {
    fn from(value: T) -> Self {
        Recorded::Known(value)
    }
}

impl From<&str> for Recorded<Action> {
    fn from(text: &str) -> Self {
        let named = |action: &Action| action.name() == text;
        Recorded::read(text, Action::ALL.into_iter().find(named))
    }
}

impl From<&str> for Recorded<State> {
    fn from(text: &str) -> Self {
        let named = |state: &State| state.name() == text;
        Recorded::read(text, State::ALL.into_iter().find(named))
    }
}

impl From<&str> for Recorded<Checksum> {
    fn from(text: &str) -> Self {
        // Not the same digest in capitals, which only a hand writes: it stays as it was written.
        let exact = |checksum: &Checksum| checksum.to_string() == text;
        Recorded::read(text, Checksum::from_str(text).ok().filter(exact))
    }
}

impl<T: PartialEq> PartialEq<T> for Recorded<T> {
    fn eq(&self, other: &T) -> bool {
        self.known() == Some(other)
    }
}

impl<T: fmt::Display> fmt::Display for Recorded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recorded::Known(value) => value.fmt(f),
            Recorded::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(feature = "serde")]
impl<T: fmt::Display> serde::Serialize for Recorded<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(feature = "serde")]
impl<'de, T> serde::Deserialize<'de> for Recorded<T>
where
    Recorded<T>: for<'t> From<&'t str>,
{
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.as_str().into())
    }
}

/// How far a step of the ledger is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum State {
    /// It has begun and has neither ended nor failed, or its process ended in it.
    Running,
    /// It took effect.
    Done,
    /// It did not, or was given up.
    Failed,
}

impl State {
    const ALL: [State; 3] = [State::Running, State::Done, State::Failed];

    /// `running`, `done` or `failed`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Done => "done",
            State::Failed => "failed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_this_version_writes_is_known_again() {
        for action in Action::ALL {
            assert_eq!(Recorded::from(action.name()), action);
        }
        for state in State::ALL {
            assert_eq!(Recorded::from(state.name()), state);
        }
        let checksum = Checksum::of("abc");
        let read = Recorded::<Checksum>::from(checksum.to_string().as_str());
        assert_eq!(read, checksum);
        assert_eq!(read.to_string(), checksum.to_string());
    }

    #[test]
    fn any_other_text_stays_as_it_was_written() {
        for text in ["", "Done", "done ", "paused"] {
            let state = Recorded::<State>::from(text);
            assert_eq!((state.known(), &*state.to_string()), (None, text));
        }
        let capitals = Checksum::of("abc").to_string().replace("ba78", "BA78");
        for text in ["", "sha256:", "blake3:00", &capitals] {
            let checksum = Recorded::<Checksum>::from(text);
            assert_eq!((checksum.known(), &*checksum.to_string()), (None, text));
        }
    }
}
