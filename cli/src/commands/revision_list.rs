//! Lists of revisions, and what the database says of them.

use std::time::Duration;

use limbeck::graph::RevisionId;
use limbeck::ledger::LedgerEntry;
use limbeck::status::RevisionInfo;
use limbeck::target::Bound;
use limbeck::{Migrations, Range, plan};

use crate::call::Call;
use crate::connect::Access;
use crate::context::Naming;
use crate::database::{Answer, Database};
use crate::document::{ListDocument, Listed};
use crate::error::CliError;
use crate::output::Output;
use crate::text::Writer;

/// The revisions that an identifier names, `current` among them, and the rows of the version table.
pub(super) async fn named(
    identifier: &str,
    migrations: &Migrations,
    call: &Call<'_>,
) -> Result<(Vec<RevisionId>, Option<Vec<RevisionId>>), CliError> {
    let is_current = identifier == "current";
    let rows = rows(is_current, migrations, call).await?;
    let ids = match &rows {
        Some(rows) if is_current => rows.iter().map(|id| RevisionId::from(&**id)).collect(),
        _ => plan::resolve(migrations.graph(), &identifier.parse()?)?,
    };
    Ok((ids, rows))
}

/// Whether a list of this range cannot do without the database.
pub(super) fn is_asked(is_indicated: bool, range: &Range) -> bool {
    is_indicated || *range.lower() == Bound::Current || *range.upper() == Bound::Current
}

/// The rows of the version table.
pub(super) async fn rows(
    is_asked: bool,
    migrations: &Migrations,
    call: &Call<'_>,
) -> Result<Option<Vec<RevisionId>>, CliError> {
    look(is_asked, migrations, call, |database| database.current()).await
}

/// What the database says: for a command that asks for them, or does without where no database
/// answers.
pub(super) async fn look<T>(
    is_asked: bool,
    migrations: &Migrations,
    call: &Call<'_>,
    ask: impl for<'d> Fn(&'d dyn Database) -> Answer<'d, T>,
) -> Result<Option<T>, CliError> {
    /// Nobody waits long for what was not asked for.
    const SHORT: Duration = Duration::from_secs(3);
    if is_asked {
        let opened = call.open(Access::Read, migrations).await?;
        let said = ask(&*opened.database).await;
        opened.close().await;
        return Ok(Some(said?));
    }
    let naming = call.context.naming();
    // A database of the environment is looked at only where the answer has a place for what it says.
    if naming == Naming::Nowhere || naming == Naming::Around && !call.output.is_json() {
        return Ok(None);
    }
    let look = async {
        let opened = call
            .context
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
                call.output
                    .note(&format!("note: what is current is not known: {error}"));
            }
            Ok(None)
        }
    }
}

pub(super) fn embedded(migrations: &Migrations, rows: &Option<Vec<RevisionId>>) -> Vec<RevisionId> {
    let rows = rows.iter().flatten();
    rows.filter(|id| migrations.graph().contains(id))
        .cloned()
        .collect()
}

pub(super) fn listed(
    migrations: &Migrations,
    ids: &[RevisionId],
    rows: Option<&[RevisionId]>,
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

/// What the ledger says of a row that the files do not hold.
pub(super) fn unknown(id: &str, ledger: &[LedgerEntry]) -> Listed {
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

pub(super) fn answer<'m>(
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
