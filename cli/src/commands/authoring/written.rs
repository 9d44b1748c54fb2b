//! Files that were written: the editor on them, and the answer that tells of them.

use std::path::{Path, PathBuf};

use limbeck::graph::RevisionId;
use limbeck::{Graph, Migrations};

use super::draft::Draft;
use super::editor;
use super::error::AuthorError;
use super::new_file::NewFileArgs;
use crate::commands::revision_list::listed;
use crate::context::{Context, Subfolders};
use crate::document::ListDocument;
use crate::error::CliError;
use crate::output::Output;
use crate::text::Names;

/// The folder to write to.
pub(crate) fn folder(context: &dyn Context) -> Result<&Path, AuthorError> {
    context.folder().ok_or(AuthorError::Embedded)
}

/// Ends a command that wrote a file: the editor where one is wanted, then the answer.
pub(crate) async fn answer_written(
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
pub(crate) async fn edited(
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
pub(crate) fn answer(
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
pub(crate) fn written_list(paths: &[PathBuf], migrations: &Migrations) -> ListDocument {
    let of_these = migrations.iter().filter(|revision| {
        let path = Path::new(revision.path());
        paths.iter().any(|known| known == path)
    });
    let ids: Vec<RevisionId> = of_these.map(|revision| revision.id().into()).collect();
    listed(migrations, &ids, None)
}

/// Said where a revision is a head beside others.
pub(crate) fn note_heads_added(migrations: &Migrations, before: usize, output: &Output) {
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
