//! `revision`: a new revision on a head.

mod args;
mod generate;
mod place;

pub use self::args::RevisionArgs;
use self::generate::generate;
use self::place::{dependencies, parents};
use super::authoring::{Draft, Wish, answer_written, folder};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::files::Folder;

impl Run for RevisionArgs {
    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        if self.autogenerate {
            return generate(self, call).await;
        }
        if let Some(option) = self.desired.given() {
            return Err(CliError::usage(format!(
                "{option} says what --autogenerate compares with, and --autogenerate was not given"
            )));
        }
        let folder = Folder::open(folder(call.context)?)?;
        let others = call.context.migrations()?;
        let graph = others.graph();
        let wish = Wish {
            message: &self.message,
            down_revision: parents(graph, self)?,
            depends_on: dependencies(graph, &self.depends_on)?,
            file: &self.file,
            subfolders: call.context.subfolders(),
            sections: None,
        };
        let draft = Draft::new(wish, folder.path(), &others)?;
        draft.write(&folder)?;
        drop(folder);
        answer_written(draft, &self.file, call.context.subfolders(), call.output).await?;
        Ok(Exit::Done)
    }

    fn scratch_url(&self) -> Option<&str> {
        self.desired.scratch_url.as_deref()
    }
}
