//! The place of a new revision in the graph.

use limbeck::graph::RevisionId;
use limbeck::{Graph, plan};

use super::args::RevisionArgs;
use crate::commands::authoring::AuthorError;
use crate::error::CliError;

/// As in Alembic (`ScriptDirectory.generate_revision`): the one head, or what is named, which has to be a head
/// unless a branch is meant to begin.
pub(super) fn parents(graph: &Graph, args: &RevisionArgs) -> Result<Vec<RevisionId>, CliError> {
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
                revision: RevisionId::clone(parent),
                children,
            }
            .into());
        }
    }
    Ok(parents)
}

/// Labels stay labels; all else becomes a full id, so that no later revision can make it ambiguous.
pub(super) fn dependencies(graph: &Graph, names: &[String]) -> Result<Vec<RevisionId>, CliError> {
    let mut resolved: Vec<RevisionId> = Vec::with_capacity(names.len());
    for name in names {
        let found = if graph.labels().any(|(label, _)| **label == **name) {
            RevisionId::from(&**name)
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
