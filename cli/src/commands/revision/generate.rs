//! `revision --autogenerate`: the difference between the database and the desired schema, as revisions.

use limbeck::Migrations;
use limbeck::autogenerate::{Change, Class, Comparison, DraftOptions, PossibleRename};
use serde::Serialize;

use super::args::RevisionArgs;
use super::place::{dependencies, parents};
use crate::call::{Call, Exit};
use crate::commands::authoring::{
    AuthorError, Draft, Wish, edited, folder, note_heads_added, written_list,
};
use crate::commands::desired_schema::{self, ChangeDocument};
use crate::connect::Access;
use crate::document::ListDocument;
use crate::error::CliError;
use crate::files::Folder;
use crate::output::Output;

#[derive(Debug, Serialize)]
struct GeneratedDocument {
    #[serde(flatten)]
    list: ListDocument,
    changes: Vec<ChangeDocument>,
    notes: Vec<String>,
}

pub(super) async fn generate(args: &RevisionArgs, call: &Call<'_>) -> Result<Exit, CliError> {
    let folder = Folder::open(folder(call.context)?)?;
    let others = call.context.migrations()?;
    // Whatever can be said without the database is said first.
    let graph = others.graph();
    let down_revision = parents(graph, args)?;
    let depends_on = dependencies(graph, &args.depends_on)?;
    let wish = Wish {
        message: &args.message,
        down_revision,
        depends_on,
        file: &args.file,
        subfolders: call.context.subfolders(),
        sections: None,
    };
    Draft::new(wish.clone(), folder.path(), &others)?;
    let wanted = args.desired.read()?;

    let options = DraftOptions::default()
        .allow_lossy(args.allow_lossy)
        .online(args.online);
    let opened = call.open(Access::Read, &others).await?;
    let compared = async {
        let status = opened.database.status().await?;
        if let Some(reason) = desired_schema::behind(&status) {
            return Err(AuthorError::NotAtHead { reason }.into());
        }
        let comparison = opened.database.compare(&wanted).await?;
        let comparison = asked(comparison, call.output)?;
        let drafts = opened
            .database
            .drafts(&wanted, &comparison, options)
            .await?;
        Ok::<_, CliError>((comparison, drafts))
    };
    let compared = compared.await;
    opened.close().await;
    let (comparison, drafts) = compared?;

    let withheld: Vec<&Change> = comparison.withheld(options).collect();
    let mut notes = desired_schema::notes(&comparison);
    notes.extend(drafts.iter().flat_map(|draft| draft.notes.iter().cloned()));
    let is_written = !drafts.is_empty();
    tell(
        args,
        &comparison,
        &withheld,
        &notes,
        is_written,
        call.output,
    );
    let documents = comparison.changes().iter().map(|change| ChangeDocument {
        withheld: Some(withheld.iter().any(|other| std::ptr::eq(*other, change))),
        ..ChangeDocument::new(change)
    });
    let documents: Vec<ChangeDocument> = documents.collect();
    if drafts.is_empty() {
        let document = GeneratedDocument {
            list: written_list(&[], &others),
            changes: documents,
            notes,
        };
        let schema = args.desired.shown();
        call.output.answer(&document, || {
            if comparison.is_empty() {
                return format!("nothing differs from {schema}: no revision was written\n");
            }
            format!(
                "all that differs from {schema} is withheld: no revision was written. By hand, these would do it:\n{}",
                comparison.withheld_sql(options)
            )
        })?;
        return Ok(Exit::Done);
    }

    let heads_before = others.graph().heads().len();
    let (written, migrations) = chain(wish, drafts, &folder, others)?;
    let files: Vec<_> = written.iter().map(Draft::file).collect();
    folder.add_all(&files)?;
    drop(folder);
    let paths: Vec<_> = written.into_iter().map(|draft| draft.path).collect();
    let migrations = edited(
        &paths,
        migrations,
        &args.file,
        call.context.subfolders(),
        call.output,
    )
    .await?;
    let document = GeneratedDocument {
        list: written_list(&paths, &migrations),
        changes: documents,
        notes,
    };
    call.output.answer(&document, || {
        let lines = paths
            .iter()
            .map(|path| format!("wrote {}\n", path.display()));
        lines.collect()
    })?;
    note_heads_added(&migrations, heads_before, call.output);
    Ok(Exit::Done)
}

/// A revision for each draft, the second on the first and so on. Where they branch off, what they depend on and their
/// label are the first one's alone.
fn chain(
    first: Wish<'_>,
    drafts: Vec<limbeck::autogenerate::Draft>,
    folder: &Folder,
    others: Migrations,
) -> Result<(Vec<Draft>, Migrations), CliError> {
    let total = drafts.len();
    let mut file = first.file.clone();
    let mut down_revision = first.down_revision;
    let mut depends_on = first.depends_on;
    let mut migrations = others;
    let mut written = Vec::with_capacity(total);
    for (number, draft) in (1..).zip(drafts) {
        let message = numbered(first.message, number, total);
        let wish = Wish {
            message: &message,
            down_revision: std::mem::take(&mut down_revision),
            depends_on: std::mem::take(&mut depends_on),
            file: &file,
            subfolders: first.subfolders,
            sections: Some(draft.sections().collect()),
        };
        let one = Draft::new(wish, folder.path(), &migrations)?;
        migrations = one.migrations.clone();
        down_revision.push(one.id.as_str().into());
        written.push(one);
        file.rev_id = None;
        file.branch_labels.clear();
    }
    Ok((written, migrations))
}

/// ` (1 of 3)` behind the message's first line.
fn numbered(message: &str, number: usize, total: usize) -> String {
    if total == 1 {
        return message.to_owned();
    }
    let message = message.trim_start();
    let (first, rest) = match message.split_once('\n') {
        Some((first, rest)) => (first.trim_end(), format!("\n{rest}")),
        None => (message, String::new()),
    };
    format!("{first} ({number} of {total}){rest}")
        .trim_start()
        .to_owned()
}

/// Asks whether what looks like a rename is one. Where nobody can be asked, none is.
fn asked(mut comparison: Comparison, output: &Output) -> Result<Comparison, CliError> {
    if !output.can_ask() {
        return Ok(comparison);
    }
    let mut denied: Vec<PossibleRename> = Vec::new();
    loop {
        let possible = comparison.possible_renames();
        let Some(next) = possible.into_iter().find(|one| !denied.contains(one)) else {
            return Ok(comparison);
        };
        let question = format!("Was {} renamed to {}?", next.old(), next.new_name());
        if output.confirm(&question)? {
            comparison = comparison.with_renames([&next]);
        } else {
            denied.push(next);
        }
    }
}

/// What was found, on standard error.
fn tell(
    args: &RevisionArgs,
    comparison: &Comparison,
    withheld: &[&Change],
    notes: &[String],
    is_written: bool,
    output: &Output,
) {
    if !output.is_json() {
        let changes = comparison.changes();
        if !changes.is_empty() {
            let list = desired_schema::listed(changes);
            let schema = args.desired.shown();
            output.note(&format!(
                "{list}{}",
                desired_schema::counted(changes, &schema)
            ));
        }
        for note in notes {
            output.note(&format!("note: {note}"));
        }
    }
    for change in withheld {
        let why = match change.class() {
            Class::Manual => "for a person to decide",
            _ => "without --allow-lossy",
        };
        let how = match is_written {
            true => "written as a comment",
            false => "withheld",
        };
        output.note(&format!("warning: {how}, {why}: {change}"));
    }
}

#[cfg(test)]
mod tests {
    use limbeck::autogenerate;
    use limbeck::revision::{Mode, NewSection, SectionKind};

    use super::*;
    use crate::commands::authoring::NewFileArgs;
    use crate::context::Subfolders;

    #[test]
    fn several_drafts_are_a_chain() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let draft = |number: usize| {
            let upgrade = NewSection::new(SectionKind::Upgrade)
                .mode(Mode::Autocommit)
                .body(format!("SELECT {number};"));
            autogenerate::Draft::new(upgrade, NewSection::new(SectionKind::Downgrade))
        };
        let file = NewFileArgs {
            rev_id: Some("a1".to_owned()),
            branch_labels: vec!["billing".to_owned()],
            file_template: Default::default(),
            edit: false,
        };
        let wish = Wish {
            message: "Totals\n\nOf all.",
            down_revision: Vec::new(),
            depends_on: Vec::new(),
            file: &file,
            subfolders: Subfolders::Refused,
            sections: None,
        };
        let drafts = (1..=3).map(draft).collect();
        let others = Migrations::new([]).unwrap();
        let (written, migrations) = chain(wish, drafts, &folder, others).unwrap();
        assert_eq!(migrations.len(), 3);
        let mut before: Option<String> = None;
        for (number, one) in (1..).zip(&written) {
            let revision = migrations.get(&one.id).unwrap();
            assert_eq!(revision.summary(), format!("Totals ({number} of 3)"));
            assert_eq!(
                revision.message(),
                format!("Totals ({number} of 3)\n\nOf all.")
            );
            let parents: Vec<String> = revision
                .down_revision()
                .iter()
                .map(|id| id.to_string())
                .collect();
            assert_eq!(parents, Vec::from_iter(before.take()));
            assert_eq!(revision.branch_labels().len(), usize::from(number == 1));
            let (path, text) = one.file();
            assert!(
                path.starts_with(temporary.path()) && text.contains(&format!("SELECT {number};"))
            );
            before = Some(one.id.clone());
        }
        assert_eq!(written[0].id, "a1");
    }

    #[test]
    fn messages_of_a_chain() {
        for (message, expected) in [
            ("Add users", "Add users (2 of 3)"),
            ("Add users\n\nBecause.", "Add users (2 of 3)\n\nBecause."),
            ("", "(2 of 3)"),
        ] {
            assert_eq!(numbered(message, 2, 3), expected);
            assert_eq!(numbered(message, 1, 1), message);
        }
    }
}
