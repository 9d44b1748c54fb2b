//! What a person settles.

use crate::backend::Source;
use crate::error::Error;
use crate::executor::Run;

/// A person's answer to what a run cannot know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
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

impl<S: Source> Run<'_, S> {
    pub(super) async fn resolve(
        &mut self,
        revision: &str,
        resolution: Resolution,
    ) -> Result<(), Error> {
        match resolution {
            Resolution::Accepted => self.accept(revision).await,
            _ => self.settle(revision, resolution).await,
        }
    }
}
