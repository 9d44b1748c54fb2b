//! New and changed revision files: for `init`, `revision`, `merge` and `edit`.
//!
//! What would break the graph is refused before anything is written: the graph is built in memory with the new
//! revision in it first.

mod draft;
pub(super) mod editor;
mod error;
mod id;
mod new_file;
mod written;

pub(super) use self::draft::{Draft, Wish};
pub(super) use self::error::AuthorError;
pub use self::new_file::NewFileArgs;
pub(super) use self::written::{
    answer, answer_written, edited, folder, note_heads_added, written_list,
};
