//! A revision that fits, before it is written.

use std::path::{Path, PathBuf};

use chrono::{SubsecRound as _, Utc};
use limbeck::graph::RevisionId;
use limbeck::migrations::MigrationsError;
use limbeck::revision::{NewRevision, NewSection, SectionKind};
use limbeck::{Migrations, Revision};

use super::error::AuthorError;
use super::id;
use super::new_file::NewFileArgs;
use crate::context::Subfolders;
use crate::error::CliError;
use crate::files::Folder;

/// What a command says of its new revision.
#[derive(Clone)]
pub(crate) struct Wish<'a> {
    pub message: &'a str,
    pub down_revision: Vec<RevisionId>,
    pub depends_on: Vec<RevisionId>,
    pub file: &'a NewFileArgs,
    /// What becomes of folders in the folder that it is for.
    pub subfolders: Subfolders,
    /// None: both ways, empty.
    pub sections: Option<Vec<NewSection>>,
}

/// A file's text and name, and the graph that it makes with the others.
pub(crate) struct Draft {
    pub id: String,
    text: String,
    pub path: PathBuf,
    pub migrations: Migrations,
    /// How many the graph has without it.
    pub heads_before: usize,
}

impl Draft {
    /// Checks all that can be checked without writing.
    pub(crate) fn new(
        wish: Wish<'_>,
        folder: &Path,
        others: &Migrations,
    ) -> Result<Draft, CliError> {
        let args = wish.file;
        let id = match &args.rev_id {
            Some(id) => id.clone(),
            None => id::fresh(others.graph())?,
        };
        // Said before all else: as its own parent it would only seem to name itself.
        if let Some(other) = others.get(&id) {
            return Err(AuthorError::IdTaken {
                revision: id,
                other: other.path().to_owned(),
            }
            .into());
        }
        let sections = wish.sections.unwrap_or_else(|| {
            let both = [SectionKind::Upgrade, SectionKind::Downgrade];
            both.map(NewSection::new).into()
        });
        let new = NewRevision::new(&id)
            .message(wish.message)
            .down_revision(wish.down_revision.iter().map(|id| &**id))
            .branch_labels(&args.branch_labels)
            .depends_on(wish.depends_on.iter().map(|id| &**id))
            // Seconds are enough of a date.
            .create_date(Utc::now().trunc_subsecs(0));
        let new = sections.into_iter().fold(new, NewRevision::section);
        let unwritable = |error: limbeck::revision::RevisionError| AuthorError::Unwritable {
            kind: error.kind().clone(),
        };
        let text = new.to_text().map_err(unwritable)?;
        let name = new
            .file_name(&args.file_template)
            .map_err(|error| AuthorError::Name { error })?;
        if name.contains('/') && wish.subfolders == Subfolders::Refused {
            return Err(AuthorError::InFolder { name }.into());
        }
        let path = folder.join(name);
        let shown = path.to_string_lossy().into_owned();
        let revision = Revision::parse(shown, text.clone()).map_err(unwritable)?;
        let migrations = Migrations::new(others.iter().cloned().chain([revision]));
        let migrations = migrations.map_err(misfit)?;
        Ok(Draft {
            id,
            text,
            path,
            migrations,
            heads_before: others.graph().heads().len(),
        })
    }

    /// The file, for a folder that gets several.
    pub(crate) fn file(&self) -> (PathBuf, String) {
        (self.path.clone(), self.text.clone())
    }

    /// Into the folder that it was made for.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), AuthorError> {
        Ok(folder.add(&self.path, &self.text)?)
    }
}

/// The others were a graph without the new one, which reads no file and requires no binary: whatever is wrong is
/// the graph's.
fn misfit(error: MigrationsError) -> CliError {
    match error {
        MigrationsError::Graph { error, .. } => AuthorError::Misfit { error: *error }.into(),
        other => other.into(),
    }
}
