//! Alembic's migration model for Rust services that migrate themselves at boot.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod dialect;
mod revision;
pub mod sql;

pub use dialect::Dialect;
#[doc(hidden)]
pub use revision::EmbeddedRevision;
pub use revision::{
    Checksum, ChecksumError, FileStatement, FileTemplate, FileTemplateError, ForeignKeys, Mode,
    NewRevision, NewSection, Revision, RevisionError, RevisionErrorKind, Section, SectionKind,
    Timeout, TimeoutError, WordError, slug,
};
