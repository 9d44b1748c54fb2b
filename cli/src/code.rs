//! Steps that are code (`rust` sections): only a program that has the code registered runs them.

use limbeck::graph::RevisionId;
use limbeck::revision::{Mode, Section, SectionKind};
use limbeck::{Migrations, Revision};

/// The mark of a revision's sections of that kind where one is code: `code`, or `code on sqlite`.
pub(super) fn mark(revision: &Revision, kind: SectionKind) -> Option<String> {
    let of_kind = || {
        let sections = revision.sections().iter();
        sections.filter(move |section| section.kind() == kind)
    };
    let is_code = |section: &&Section| section.mode() == Mode::Rust;
    let mut databases = Vec::new();
    for section in of_kind().filter(is_code) {
        if section.databases().is_empty() {
            databases.push("other databases");
        }
        databases.extend(section.databases().iter().map(|database| database.name()));
    }
    if databases.is_empty() {
        return None;
    }
    Some(match of_kind().all(|section| is_code(&section)) {
        true => "code".to_owned(),
        false => format!("code on {}", databases.join(", ")),
    })
}

/// The same for a step, by its action's name.
pub(super) fn mark_of_step(migrations: &Migrations, action: &str, id: &str) -> Option<String> {
    let mut directions = [SectionKind::Upgrade, SectionKind::Downgrade].into_iter();
    let kind = directions.find(|kind| kind.name() == action)?;
    mark(migrations.get(id)?, kind)
}

/// The revisions whose upgrade is code.
pub(super) fn of_upgrades(migrations: &Migrations, ids: &[RevisionId]) -> Vec<RevisionId> {
    let is_code = |id: &&RevisionId| {
        let revision = migrations.get(id);
        revision.is_some_and(|revision| mark(revision, SectionKind::Upgrade).is_some())
    };
    ids.iter().filter(is_code).cloned().collect()
}
