//! `revision`: a new revision on a head.

use std::sync::Arc;

use clap::Args;

use super::draft::{Draft, Wish};
use super::error::AuthorError;
use super::generate::generate;
use super::{NewFileArgs, answer_written, folder};
use crate::context::Context;
use crate::desired::DesiredArgs;
use crate::error::CliError;
use crate::files::Folder;
use crate::output::Output;
use limbeck::{Graph, plan};

/// Arguments of `revision`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  \
    limbeck revision -m 'Add the users table'\n  \
    limbeck revision -m 'Invoices' --head base --branch-label billing\n  \
    limbeck revision -m 'Totals' --head billing@head --depends-on 1a6f --edit\n  \
    limbeck upgrade head && limbeck revision -m 'As schema.sql has it' --autogenerate")]
#[non_exhaustive]
pub struct RevisionArgs {
    /// What the revision does, in a line; it names the file too. Further lines may follow.
    #[arg(short, long, default_value = "", hide_default_value = true)]
    pub message: String,

    /// What the new revision follows: a revision, a branch as in billing@head, or base for a first revision.
    /// Default: the one head.
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    pub head: Option<String>,

    /// Let --head be a revision that others follow already: a branch begins there.
    #[arg(long)]
    pub splice: bool,

    /// What must be applied before, on whatever branch: a revision or a label; may be given several times.
    #[arg(long, value_name = "REV", allow_hyphen_values = true)]
    pub depends_on: Vec<String>,

    /// Write what leads from the database to the desired schema, both ways. The database has to be at the heads. Where
    /// nothing differs, nothing is written.
    #[arg(long)]
    pub autogenerate: bool,

    /// With --autogenerate, write what drops or narrows data as statements; else it is written as a comment.
    #[arg(long, requires = "autogenerate")]
    pub allow_lossy: bool,

    /// With --autogenerate on PostgreSQL, write forms that do not lock large tables for long, in several revisions where
    /// one cannot do it.
    #[arg(long, requires = "autogenerate")]
    pub online: bool,

    /// What --autogenerate compares with.
    #[command(flatten)]
    pub desired: DesiredArgs,

    /// The file.
    #[command(flatten)]
    pub file: NewFileArgs,
}

pub(crate) async fn revision(
    args: &RevisionArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    if args.autogenerate {
        return generate(args, context, output).await;
    }
    if let Some(option) = args.desired.given() {
        return Err(CliError::Usage(format!(
            "{option} says what --autogenerate compares with, and --autogenerate was not given"
        )));
    }
    let folder = Folder::open(folder(context)?)?;
    let others = context.migrations()?;
    let graph = others.graph();
    let wish = Wish {
        message: &args.message,
        down_revision: parents(graph, args)?,
        depends_on: dependencies(graph, &args.depends_on)?,
        file: &args.file,
        sections: None,
    };
    let draft = Draft::new(wish, folder.path(), &others)?;
    draft.write(&folder)?;
    drop(folder);
    answer_written(draft, &args.file, context.subfolders(), output).await?;
    Ok(0)
}

/// As in Alembic (`ScriptDirectory.generate_revision`): the one head, or what is named, which has to be a head
/// unless a branch is meant to begin.
pub(super) fn parents(graph: &Graph, args: &RevisionArgs) -> Result<Vec<Arc<str>>, CliError> {
    let Some(head) = &args.head else {
        let heads = graph.heads();
        return match heads.len() {
            0 | 1 => Ok(heads),
            _ => Err(AuthorError::MultipleHeads { heads }.into()),
        };
    };
    let parents = plan::resolve(graph, &head.parse()?)?;
    if args.splice {
        return Ok(parents);
    }
    for parent in &parents {
        let children: Vec<_> = graph.children(parent).cloned().collect();
        if !children.is_empty() {
            return Err(AuthorError::NotAHead {
                revision: Arc::clone(parent),
                children,
            }
            .into());
        }
    }
    Ok(parents)
}

/// Labels stay labels; all else becomes a full id, so that no later revision can make it ambiguous.
pub(super) fn dependencies(graph: &Graph, names: &[String]) -> Result<Vec<Arc<str>>, CliError> {
    let mut resolved: Vec<Arc<str>> = Vec::with_capacity(names.len());
    for name in names {
        let found = if graph.labels().any(|(label, _)| **label == **name) {
            Arc::from(&**name)
        } else {
            let mut found = plan::resolve(graph, &name.parse()?)?;
            match found.len() {
                1 => found.remove(0),
                0 => {
                    return Err(AuthorError::NoRevision {
                        expression: name.clone(),
                    }
                    .into());
                }
                _ => {
                    return Err(AuthorError::SeveralRevisions {
                        expression: name.clone(),
                        revisions: found,
                    }
                    .into());
                }
            }
        };
        if !resolved.contains(&found) {
            resolved.push(found);
        }
    }
    Ok(resolved)
}
