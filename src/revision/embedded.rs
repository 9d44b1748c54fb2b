//! The door for revisions that a build script checked.

/// A revision as limbeck's generated code writes it: everything that a graph needs, and the text.
///
/// Not for hands. Its fields are public because code outside of this crate has to write it in a
/// `const`, and hidden because nothing is checked here: the build script parsed the file, and
/// [`Revision::check`](crate::Revision::check) compares the text with `sha256` before it is used.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedRevision {
    /// The path for messages, relative to the package.
    pub path: &'static str,
    /// The file as `include_str!` gives it: a byte-order mark and CRLF may still be there.
    pub text: &'static str,
    /// The digest of the normalized text. A reference, so that it is one literal: rustc takes quadratic time
    /// over a table of `*b"…"`.
    pub sha256: &'static [u8; 32],
    /// `revision`
    pub id: &'static str,
    /// `down_revision`; empty for `none`.
    pub down_revision: &'static [&'static str],
    /// `branch_labels`
    pub branch_labels: &'static [&'static str],
    /// `depends_on`
    pub depends_on: &'static [&'static str],
    /// The message, its lines joined by `\n`.
    pub message: &'static str,
    /// `create_date`
    pub create_date: Option<&'static str>,
    /// `requires_binary`
    pub requires_binary: Option<&'static str>,
    /// The lineage digest.
    pub lineage: &'static str,
}
