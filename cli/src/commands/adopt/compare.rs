//! What another tool applied, found again among the revisions. Pure.

use std::collections::{HashMap, HashSet};
use std::fmt;

use limbeck::graph::{RevisionId, RevisionSet};
use limbeck::{Graph, Migrations, Revision};

use super::table::Applied;
use crate::commands::origin::{Origin, Tool};

/// One thing in which table and revisions do not agree.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The tool did not get to its end.
    Failed { version: String },
    /// Applied there, and none of the revisions.
    NotHere { tool: Tool, version: String },
    /// Below something that is applied, and not applied itself.
    Gap { revision: String, above: String },
    /// The tool ran another text than the one that was imported.
    Changed { revision: String, recorded: String },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Failed { version } => write!(
                f,
                "{version}: it failed halfway there: finish it with the tool that began it"
            ),
            Difference::NotHere {
                tool: Tool::Alembic,
                version,
            } => {
                write!(
                    f,
                    "{version}: it is applied there, and there is no such revision here: import it"
                )
            }
            Difference::NotHere { tool, version } => write!(
                f,
                "{version}: it is applied there, and no revision here says `imported from {tool}: {version}`: \
                 import it"
            ),
            Difference::Gap { revision, above } => write!(
                f,
                "{revision}: it is not applied there, and {above} above it is: run it with the old tool, or \
                 leave it out here if it was never meant to run"
            ),
            Difference::Changed { revision, recorded } => write!(
                f,
                "{revision}: what ran there had the checksum {recorded}, and the file that was imported had \
                 another: import the file that ran, or, where it was edited on purpose, put this checksum \
                 into the revision's line `imported from`"
            ),
        }
    }
}

/// The revisions to stamp: those of the applied ones that no other implies.
pub(super) fn places(
    tool: Tool,
    migrations: &Migrations,
    applied: &[Applied],
) -> Result<Vec<RevisionId>, Vec<Difference>> {
    let imported: HashMap<String, (&Revision, Vec<String>)> = migrations
        .iter()
        .filter_map(|revision| match tool {
            // Its ids are limbeck's.
            Tool::Alembic => Some((revision.id().to_owned(), (revision, Vec::new()))),
            _ => Origin::of_message(revision.message())
                .filter(|origin| origin.tool == tool)
                .map(|origin| (origin.version, (revision, origin.checksums))),
        })
        .collect();
    let mut differences = Vec::new();
    let mut found: Vec<&str> = Vec::new();
    for row in applied {
        if row.failed {
            differences.push(Difference::Failed {
                version: row.version.clone(),
            });
        }
        let Some((revision, checksums)) = imported.get(&row.version) else {
            differences.push(Difference::NotHere {
                tool,
                version: row.version.clone(),
            });
            continue;
        };
        found.push(revision.id());
        if let Some(recorded) = &row.checksum
            && !checksums.is_empty()
            && !checksums.contains(recorded)
        {
            differences.push(Difference::Changed {
                revision: revision.id().to_owned(),
                recorded: recorded.clone(),
            });
        }
    }
    let graph = migrations.graph();
    let implied = graph.ancestors(&found);
    // Alembic's table holds heads alone: all below them is applied.
    if tool != Tool::Alembic {
        let applied: HashSet<&str> = found.iter().copied().collect();
        for revision in implied.iter().filter(|id| !applied.contains(&***id)) {
            let is_above = |id: &&&str| graph.ancestors([**id]).contains(revision);
            let above = found.iter().find(is_above).copied().unwrap_or_default();
            differences.push(Difference::Gap {
                revision: revision.to_string(),
                above: above.to_owned(),
            });
        }
    }
    if differences.is_empty() {
        Ok(tops(graph, &found))
    } else {
        Err(differences)
    }
}

/// Those that no other of them implies.
fn tops(graph: &Graph, ids: &[&str]) -> Vec<RevisionId> {
    let ids: HashSet<&str> = ids.iter().copied().collect();
    let mut tops: Vec<RevisionId> = Vec::new();
    let mut below: Vec<RevisionSet<'_>> = Vec::new();
    // What needs a revision comes before it in this order.
    for id in graph
        .ancestors(&ids)
        .iter()
        .rev()
        .filter(|id| ids.contains(&***id))
    {
        if !below.iter().any(|set| set.contains(id)) {
            below.push(graph.ancestors([id]));
            tops.push(id.clone());
        }
    }
    tops
}

#[cfg(test)]
mod tests {
    use limbeck::revision::{NewRevision, NewSection, SectionKind};

    use super::*;

    /// Each: id, parents, and what its message says beside that.
    fn migrations(revisions: &[(&str, &[&str], &str)]) -> Migrations {
        let read = revisions.iter().map(|(id, down, message)| {
            let text = NewRevision::new(*id)
                .message(message)
                .down_revision(down.iter().copied())
                .section(NewSection::new(SectionKind::Upgrade))
                .to_text()
                .expect("a file");
            Revision::parse(format!("{id}.sql"), text).expect("a revision")
        });
        Migrations::new(read).expect("a graph")
    }

    fn row(version: &str, checksum: &str) -> Applied {
        Applied {
            version: version.to_owned(),
            checksum: Some(checksum.to_owned()),
            failed: false,
        }
    }

    #[test]
    fn a_chain_is_applied_up_to_one_place() {
        let chain = migrations(&[
            ("r1", &[], "imported from sqlx: 1, a"),
            ("r2", &["r1"], "imported from sqlx: 2, b, c"),
            ("r3", &["r2"], "imported from sqlx: 3"),
            ("own", &["r3"], ""),
        ]);
        let places = |rows: &[Applied]| places(Tool::Sqlx, &chain, rows);
        assert_eq!(places(&[row("1", "a")]), Ok(vec!["r1".into()]));
        let all = [
            row("1", "a"),
            row("2", "c"),
            row("3", "of a file that nobody has"),
        ];
        assert_eq!(places(&all), Ok(vec!["r3".into()]));

        let gap = |revision: &str, above: &str| Difference::Gap {
            revision: revision.to_owned(),
            above: above.to_owned(),
        };
        assert_eq!(
            places(&[row("3", "")]),
            Err(vec![gap("r1", "r3"), gap("r2", "r3")])
        );
        let changed = Difference::Changed {
            revision: "r2".to_owned(),
            recorded: "x".to_owned(),
        };
        let failed = Applied {
            failed: true,
            ..row("1", "a")
        };
        let strange = row("9", "a");
        let differences = places(&[failed, row("2", "x"), strange]).expect_err("they differ");
        assert_eq!(
            differences,
            [
                Difference::Failed {
                    version: "1".to_owned()
                },
                changed,
                Difference::NotHere {
                    tool: Tool::Sqlx,
                    version: "9".to_owned()
                },
            ]
        );
    }

    /// ```text
    /// a ─┬─ b ─┐
    ///    └─ c ─┴─ d
    /// ```
    #[test]
    fn alembics_heads_imply_what_is_below() {
        let tree = migrations(&[
            ("a", &[], ""),
            ("b", &["a"], ""),
            ("c", &["a"], ""),
            ("d", &["b", "c"], ""),
        ]);
        let heads = |ids: &[&str]| {
            let rows: Vec<Applied> = ids
                .iter()
                .map(|id| Applied {
                    checksum: None,
                    ..row(id, "")
                })
                .collect();
            places(Tool::Alembic, &tree, &rows).map(|mut places| {
                places.sort();
                places
            })
        };
        assert_eq!(heads(&["b", "c"]), Ok(vec!["b".into(), "c".into()]));
        assert_eq!(heads(&["b", "d"]), Ok(vec!["d".into()]));
        assert!(heads(&["b", "x"]).is_err());
    }
}
