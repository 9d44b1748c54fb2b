//! `init`: a folder with a first revision, and what to paste into a service.

use std::path::{Path, PathBuf};

use clap::Args;
use limbeck::Migrations;

use super::authoring::{AuthorError, Draft, NewFileArgs, Wish, answer_written, folder};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::files::Folder;
use crate::options::Uses;

/// Make a folder with a first revision, and show what a service needs to carry it.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Nothing is written over: a folder that holds anything but hidden files is refused.\n\n\
                  Examples:\n  \
                  limbeck init\n  \
                  limbeck init crates/billing/migrations -m 'Invoices' --branch-label billing"
)]
#[non_exhaustive]
pub struct InitArgs {
    /// The folder to make. Default: what --dir says.
    #[arg(value_name = "DIRECTORY")]
    pub directory: Option<PathBuf>,

    /// What the first revision does, in a line.
    #[arg(short, long, default_value = "First revision")]
    pub message: String,

    /// The first revision's file.
    #[command(flatten)]
    pub file: NewFileArgs,
}

impl Run for InitArgs {
    const USES: Uses = Uses::Files;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let path = folder(call.context)?;
        let path = self.directory.as_deref().unwrap_or(path);
        let wish = Wish {
            message: &self.message,
            down_revision: Vec::new(),
            depends_on: Vec::new(),
            file: &self.file,
            subfolders: call.context.subfolders(),
            sections: None,
        };
        let draft = Draft::new(wish, path, &Migrations::new([])?)?;
        let folder = Folder::create(path)?;
        if let (true, files) = folder.contents()? {
            return Err(AuthorError::NotEmpty {
                path: path.to_owned(),
                files,
            }
            .into());
        }
        draft.write(&folder)?;
        drop(folder);
        answer_written(draft, &self.file, call.context.subfolders(), call.output).await?;
        call.output.progress(&to_paste(path));
        Ok(Exit::Done)
    }
}

/// What makes a service carry the folder. Each part can be pasted as it is.
fn to_paste(folder: &Path) -> String {
    let version = concat!(
        env!("CARGO_PKG_VERSION_MAJOR"),
        ".",
        env!("CARGO_PKG_VERSION_MINOR")
    );
    format!(
        r#"
A service carries the folder with these lines.

# Cargo.toml: or "sqlite", "mysql"
[dependencies]
limbeck = {{ version = "{version}", default-features = false, features = ["postgres"] }}

[build-dependencies]
limbeck = {{ version = "{version}", default-features = false, features = ["codegen"] }}

// build.rs: the folder as it is seen from there
fn main() {{
    limbeck::codegen::embed({folder:?});
}}

// where the service starts, with its pool
limbeck::Migrator::new(&pool, limbeck::embedded!()).upgrade_to_head().await?;"#
    )
}
