//! Answers to what a run cannot find out by itself.

/// A person's answer to what a run cannot know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Resolution {
    /// The interrupted statement took effect: the step goes on after it.
    Applied,
    /// The interrupted statement did not take effect: it runs again.
    NotApplied,
    /// The unfinished step is given up, what it did was undone by hand: its revision stays as it was before.
    Abandoned,
    /// The edit of an applied revision is meant: its new checksum is recorded.
    Accepted,
}
