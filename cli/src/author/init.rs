//! `init`: a folder with a first revision, and what to paste into a service.

use std::path::{Path, PathBuf};

use clap::Args;

use super::draft::{Draft, Wish};
use super::error::AuthorError;
use super::{NewFileArgs, answer_written, folder};
use crate::context::Context;
use crate::error::CliError;
use crate::files::Folder;
use crate::output::Output;
use limbeck::Migrations;

/// Arguments of `init`.
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

pub(crate) async fn init(
    args: &InitArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let path = folder(context)?;
    let path = args.directory.as_deref().unwrap_or(path);
    let wish = Wish {
        message: &args.message,
        down_revision: Vec::new(),
        depends_on: Vec::new(),
        file: &args.file,
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
    answer_written(draft, &args.file, context.subfolders(), output).await?;
    output.progress(&to_paste(path));
    Ok(0)
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
