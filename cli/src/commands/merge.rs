//! `merge`: a revision that joins heads.

use std::sync::Arc;

use clap::Args;
use limbeck::graph::RevisionId;
use limbeck::{Graph, plan};

use super::authoring::{AuthorError, Draft, NewFileArgs, Wish, answer_written, folder};
use crate::call::{Call, Exit, Run};
use crate::error::CliError;
use crate::files::Folder;
use crate::options::Uses;

/// Write a revision that joins heads.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    limbeck merge\n  \
    limbeck merge 1a6f 5c09 -m 'Join the two fixes of last week'\n  \
    limbeck merge billing@head web@head")]
#[non_exhaustive]
pub struct MergeArgs {
    /// The heads to join. Default: all heads.
    #[arg(value_name = "REV", allow_negative_numbers = true)]
    pub revisions: Vec<String>,

    /// Join revisions that others follow already, too: the merge is a new head beside those.
    #[arg(long, requires = "revisions")]
    pub splice: bool,

    /// What the merge is for. Default: a line that names what is joined, by branch labels where they tell it.
    #[arg(short, long)]
    pub message: Option<String>,

    /// The file.
    #[command(flatten)]
    pub file: NewFileArgs,
}

impl Run for MergeArgs {
    const USES: Uses = Uses::Files;

    async fn run(&self, call: &Call<'_>) -> Result<Exit, CliError> {
        let folder = Folder::open(folder(call.context)?)?;
        let others = call.context.migrations()?;
        let graph = others.graph();
        let joined = joined(graph, &self.revisions, self.splice)?;
        let message = match &self.message {
            Some(message) => message.clone(),
            None => message(graph, &joined),
        };
        let wish = Wish {
            message: &message,
            down_revision: joined,
            depends_on: Vec::new(),
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
}

/// Two heads or more, each once; spliced, two revisions of which none is above another.
fn joined(graph: &Graph, named: &[String], splice: bool) -> Result<Vec<RevisionId>, CliError> {
    let heads = graph.heads();
    let mut joined: Vec<RevisionId> = Vec::new();
    for name in named {
        for revision in plan::resolve(graph, &name.parse()?)? {
            if !splice && !heads.contains(&revision) {
                return Err(AuthorError::MergeOfNoHead { revision, heads }.into());
            }
            if !joined.contains(&revision) {
                joined.push(revision);
            }
        }
    }
    if named.is_empty() {
        joined.clone_from(&heads);
    }
    // A head may depend on another one.
    for revision in joined.iter().filter(|_| splice) {
        let ancestor = joined
            .iter()
            .find(|other| *other != revision && graph.is_ancestor(other, revision));
        if let Some(ancestor) = ancestor {
            return Err(AuthorError::MergeOfAncestor {
                ancestor: ancestor.clone(),
                revision: revision.clone(),
            }
            .into());
        }
    }
    if joined.len() < 2 {
        return Err(AuthorError::NothingToMerge { heads }.into());
    }
    Ok(joined)
}

/// `Merge billing and web`: a head is called by a label that covers it and no other one that is joined.
fn message(graph: &Graph, joined: &[RevisionId]) -> String {
    /// More names than this tell nobody anything.
    const NAMED: usize = 4;
    let covering: Vec<Vec<Arc<str>>> = joined
        .iter()
        .map(|head| graph.covering_labels(head))
        .collect();
    let is_own = |label: &&Arc<str>| {
        let covered = covering.iter().filter(|labels| labels.contains(label));
        covered.count() == 1
    };
    let names: Vec<&str> = joined
        .iter()
        .zip(&covering)
        .map(|(head, labels)| {
            let own = labels.iter().find(is_own);
            own.map_or(head.as_str(), |label| label)
        })
        .collect();
    match &names[..] {
        [others @ .., last] if names.len() <= NAMED => {
            format!("Merge {} and {last}", others.join(", "))
        }
        _ => format!(
            "Merge {} and {} more",
            names[..NAMED - 1].join(", "),
            names.len() - (NAMED - 1)
        ),
    }
}
