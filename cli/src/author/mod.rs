//! The commands that write revision files: `init`, `revision`, `merge`, `edit`.
//!
//! What would break the graph is refused before anything is written: the graph is built in memory with the new
//! revision in it first.

mod draft;
mod edit;
mod editor;
mod error;
mod generate;
mod id;
mod init;
mod merge;
mod revision;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use draft::Draft;
pub use edit::EditArgs;
pub(super) use edit::edit;
pub(super) use error::AuthorError;
pub use init::InitArgs;
pub(super) use init::init;
pub use merge::MergeArgs;
pub(super) use merge::merge;
pub use revision::RevisionArgs;
pub(super) use revision::revision;

use super::context::{Context, Subfolders};
use super::document::ListDocument;
use super::error::CliError;
use super::lists::listed;
use super::output::Output;
use super::text::Names;
use limbeck::revision::FileTemplate;
use limbeck::{Graph, Migrations};

/// What every new revision file takes.
#[derive(Debug, Clone, Args)]
#[non_exhaustive]
pub struct NewFileArgs {
    /// The revision's id. Default: twelve random hex digits.
    #[arg(long, value_name = "ID")]
    pub rev_id: Option<String>,

    /// A label of the branch that begins with the revision; may be given several times.
    #[arg(long = "branch-label", value_name = "LABEL")]
    pub branch_labels: Vec<String>,

    /// The file's name, from {revision}, {slug} (the message), {year}, {month}, {day}, {hour}, {minute} and
    /// {second}.
    #[arg(long, value_name = "TEMPLATE", default_value_t)]
    pub file_template: FileTemplate,

    /// Open the new file in the editor that VISUAL or EDITOR names, and check it afterwards.
    #[arg(long)]
    pub edit: bool,
}

/// The folder to write to.
fn folder(context: &dyn Context) -> Result<&Path, AuthorError> {
    context.folder().ok_or(AuthorError::Embedded)
}

/// Ends a command that wrote a file: the editor where one is wanted, then the answer.
async fn answer_written(
    written: Draft,
    args: &NewFileArgs,
    subfolders: Subfolders,
    output: &Output,
) -> Result<(), CliError> {
    let paths = [written.path];
    let migrations = edited(&paths, written.migrations, args, subfolders, output).await?;
    answer("wrote", &paths, &migrations, output)?;
    note_heads_added(&migrations, written.heads_before, output);
    Ok(())
}

/// The folder's migrations after the editor, where one is wanted.
async fn edited(
    paths: &[PathBuf],
    migrations: Migrations,
    args: &NewFileArgs,
    subfolders: Subfolders,
    output: &Output,
) -> Result<Migrations, CliError> {
    let folder = paths.first().and_then(|path| path.parent());
    let Some(folder) = folder.filter(|_| args.edit) else {
        return Ok(migrations);
    };
    // Said before: what comes to an end in the editor may be an error.
    for path in paths {
        output.note(&format!("wrote {}", path.display()));
    }
    editor::open(paths.to_vec()).await?;
    Ok(subfolders.read(folder)?)
}

/// Tells which files were written or edited.
fn answer(
    done: &str,
    paths: &[PathBuf],
    migrations: &Migrations,
    output: &Output,
) -> Result<(), CliError> {
    output.answer(&written_list(paths, migrations), || {
        let lines = paths
            .iter()
            .map(|path| format!("{done} {}\n", path.display()));
        lines.collect()
    })
}

/// The revisions of these files.
fn written_list(paths: &[PathBuf], migrations: &Migrations) -> ListDocument {
    let of_these = migrations.iter().filter(|revision| {
        let path = Path::new(revision.path());
        paths.iter().any(|known| known == path)
    });
    let ids: Vec<Arc<str>> = of_these.map(|revision| revision.id().into()).collect();
    listed(migrations, &ids, None)
}

/// Said where a revision is a head beside others.
fn note_heads_added(migrations: &Migrations, before: usize, output: &Output) {
    if migrations.graph().heads().len() > before {
        note_heads(migrations.graph(), output);
    }
}

/// Several heads are allowed, and seldom meant.
fn note_heads(graph: &Graph, output: &Output) {
    let heads = graph.heads();
    if heads.len() > 1 {
        output.note(&format!(
            "note: there are {} heads: {}; `limbeck merge` joins them, and `upgrade head` and build scripts \
             want one, or labels",
            heads.len(),
            Names(&heads)
        ));
    }
}
