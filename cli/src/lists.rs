//! The commands that only look: `current`, `history`, `heads`, `branches`, `show`, `status`.

use std::sync::Arc;
use std::time::Duration;

use super::command::{BranchesArgs, CurrentArgs, HeadsArgs, HistoryArgs, ShowArgs};
use super::connect::Access;
use super::context::{Context, Naming};
use super::database::{Answer, Database};
use super::document::{ListDocument, Listed, StatusDocument};
use super::error::CliError;
use super::graph;
use super::output::Output;
use super::runs::open;
use super::text::{self, Writer};
use limbeck::ledger::LedgerEntry;
use limbeck::status::RevisionInfo;
use limbeck::target::Bound;
use limbeck::{Migrations, Range, plan};

/// Exit code where `--check-heads` finds what it looks for.
const NOT_AT_HEADS: u8 = 3;

pub(super) async fn current(
    args: &CurrentArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let opened = open(Access::Read, &migrations, context, output).await?;
    let (rows, pending) = if args.check_heads {
        let status = opened.database.status().await?;
        (status.current, Some(status.pending))
    } else {
        (opened.database.current().await?, None)
    };
    let are_known = rows.iter().all(|id| migrations.graph().contains(id));
    let ledger = if are_known {
        Vec::new()
    } else {
        opened.database.ledger().await?
    };
    opened.close().await;

    let document = ListDocument {
        revisions: rows
            .iter()
            .map(|id| current_row(&migrations, &rows, id, &ledger))
            .collect(),
        at_heads: pending.as_ref().map(Vec::is_empty),
    };
    answer(&document, &migrations, args.verbose, Writer::line, output)?;
    match pending {
        Some(pending) if !pending.is_empty() => {
            output.note(&format!(
                "the database is not at the heads: {} not applied",
                pending.join(", ")
            ));
            Ok(NOT_AT_HEADS)
        }
        _ => Ok(0),
    }
}

pub(super) async fn history(
    args: &HistoryArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let range: Range = match &args.rev_range {
        Some(range) => range.parse()?,
        None => Range::all(),
    };
    if !output.is_json() && !args.no_graph && (args.graph || output.is_terminal()) {
        return graph::history(args, &range, context, output).await;
    }
    let migrations = context.migrations()?;
    let is_asked = is_asked(args.indicate_current, &range);
    let rows = rows(is_asked, &migrations, context, output).await?;
    let ids = plan::history(migrations.graph(), &embedded(&migrations, &rows), &range)?;
    let document = listed(&migrations, &ids, rows.as_deref());
    let line = Writer::line_with_parents;
    answer(&document, &migrations, args.verbose, line, output)?;
    Ok(0)
}

pub(super) async fn heads(
    args: &HeadsArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let graph = migrations.graph();
    let ids = if args.resolve_dependencies {
        graph.effective_heads()
    } else {
        graph.heads()
    };
    let rows = rows(false, &migrations, context, output).await?;
    let document = listed(&migrations, &ids, rows.as_deref());
    answer(&document, &migrations, args.verbose, Writer::line, output)?;
    Ok(0)
}

pub(super) async fn branches(
    args: &BranchesArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let rows = rows(false, &migrations, context, output).await?;
    let ids: Vec<Arc<str>> = migrations.graph().branch_points().cloned().collect();
    let document = listed(&migrations, &ids, rows.as_deref());
    answer(&document, &migrations, args.verbose, Writer::branch, output)?;
    Ok(0)
}

pub(super) async fn show(
    args: &ShowArgs,
    context: &dyn Context,
    output: &Output,
) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let (ids, rows) = named(&args.revision, &migrations, context, output).await?;
    let document = listed(&migrations, &ids, rows.as_deref());
    answer(&document, &migrations, true, Writer::line, output)?;
    Ok(0)
}

pub(super) async fn status(context: &dyn Context, output: &Output) -> Result<u8, CliError> {
    let migrations = context.migrations()?;
    let opened = open(Access::Read, &migrations, context, output).await?;
    let status = opened.database.status().await;
    opened.close().await;
    let status = status?;
    let document = StatusDocument {
        ready: status.is_ready(),
        status: &status,
    };
    output.answer(&document, || text::status(&status))?;
    Ok(0)
}

/// The revisions that an identifier names, `current` among them, and the rows of the version table.
pub(super) async fn named(
    identifier: &str,
    migrations: &Migrations,
    context: &dyn Context,
    output: &Output,
) -> Result<(Vec<Arc<str>>, Option<Vec<String>>), CliError> {
    let is_current = identifier == "current";
    let rows = rows(is_current, migrations, context, output).await?;
    let ids = match &rows {
        Some(rows) if is_current => rows.iter().map(|id| Arc::from(&**id)).collect(),
        _ => plan::resolve(migrations.graph(), &identifier.parse()?)?,
    };
    Ok((ids, rows))
}

/// Whether a list of this range cannot do without the database.
pub(super) fn is_asked(is_indicated: bool, range: &Range) -> bool {
    is_indicated || *range.lower() == Bound::Current || *range.upper() == Bound::Current
}

/// The rows of the version table.
async fn rows(
    is_asked: bool,
    migrations: &Migrations,
    context: &dyn Context,
    output: &Output,
) -> Result<Option<Vec<String>>, CliError> {
    look(is_asked, migrations, context, output, |database| {
        database.current()
    })
    .await
}

/// What the database says: for a command that asks for them, or does without where no database
/// answers.
pub(super) async fn look<T>(
    is_asked: bool,
    migrations: &Migrations,
    context: &dyn Context,
    output: &Output,
    ask: impl for<'d> Fn(&'d dyn Database) -> Answer<'d, T>,
) -> Result<Option<T>, CliError> {
    /// Nobody waits long for what was not asked for.
    const SHORT: Duration = Duration::from_secs(3);
    if is_asked {
        let opened = open(Access::Read, migrations, context, output).await?;
        let said = ask(&*opened.database).await;
        opened.close().await;
        return Ok(Some(said?));
    }
    let naming = context.naming();
    // A database of the environment is looked at only where the answer has a place for what it says.
    if naming == Naming::Nowhere || naming == Naming::Around && !output.is_json() {
        return Ok(None);
    }
    let look = async {
        let opened = context
            .open(migrations.clone(), Access::Read, SHORT, None)
            .await?;
        let said = ask(&*opened.database).await;
        opened.close().await;
        Ok::<_, CliError>(said?)
    };
    match look.await {
        Ok(said) => Ok(Some(said)),
        Err(error) => {
            if naming == Naming::Here {
                output.note(&format!("note: what is current is not known: {error}"));
            }
            Ok(None)
        }
    }
}

pub(super) fn embedded(migrations: &Migrations, rows: &Option<Vec<String>>) -> Vec<String> {
    let rows = rows.iter().flatten();
    rows.filter(|id| migrations.graph().contains(id))
        .cloned()
        .collect()
}

pub(super) fn listed(
    migrations: &Migrations,
    ids: &[Arc<str>],
    rows: Option<&[String]>,
) -> ListDocument {
    let known = migrations.infos(ids, rows).into_iter().map(|info| Listed {
        info,
        unknown: false,
    });
    let unknown = ids
        .iter()
        .filter(|id| !migrations.graph().contains(id))
        .map(|id| unknown(id, &[]));
    ListDocument {
        revisions: known.chain(unknown).collect(),
        at_heads: None,
    }
}

/// A row of the version table.
fn current_row(
    migrations: &Migrations,
    rows: &[String],
    id: &str,
    ledger: &[LedgerEntry],
) -> Listed {
    match migrations.infos([id], Some(rows)).pop() {
        Some(info) => Listed {
            info,
            unknown: false,
        },
        None => unknown(id, ledger),
    }
}

/// What the ledger says of a row that the files do not hold.
fn unknown(id: &str, ledger: &[LedgerEntry]) -> Listed {
    let entry = ledger.iter().rev().find(|entry| entry.revision == id);
    let mut info = RevisionInfo::new(id);
    info.current = Some(true);
    info.applied = Some(true);
    if let Some(entry) = entry {
        info.down_revision = entry.down_revision.clone();
        info.depends_on = entry.depends_on.clone();
        info.message = entry.message.clone();
    }
    Listed {
        info,
        unknown: true,
    }
}

fn answer<'m>(
    document: &ListDocument,
    migrations: &'m Migrations,
    is_verbose: bool,
    line: fn(&Writer<'m>, &Listed) -> String,
    output: &Output,
) -> Result<(), CliError> {
    output.answer(document, || {
        let writer = Writer::new(migrations);
        let revisions = document.revisions.iter();
        if is_verbose {
            revisions.map(|listed| writer.block(listed)).collect()
        } else {
            revisions.map(|listed| line(&writer, listed)).collect()
        }
    })
}
