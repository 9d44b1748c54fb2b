//! What fuzzing asks of parts that have no public door. Built for `cargo fuzz`, which sets `cfg(fuzzing)`, and
//! for this crate's own tests, which replay the corpus.

use std::collections::BTreeSet;

use crate::aim::Target;
use crate::dialect::Dialect;
use crate::graph::RevisionId;
use crate::ledger::look::{self, Look, Tables, TextRow};
use crate::ledger::{self, Known};
use crate::migrations::Migrations;
use crate::revision::Revision;
use crate::sql::lexer_steps;
use crate::standing::{self, BeyondError};

/// The splitter looks at no byte more than a few times.
pub fn split_is_linear(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    for dialect in Dialect::ALL {
        let (steps, bound) = (lexer_steps(dialect, text), 8 * text.len() + 64);
        assert!(
            steps <= bound,
            "{dialect}: {steps} steps over {} bytes",
            text.len()
        );
    }
}

/// The readers of what a database returns, whose rows anyone may have written: rows separated by line feeds,
/// cells by `|`, `~` for NULL. A row that begins with one of the look's words goes to the look, any other to
/// the ledger.
pub fn ledger(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let rows: Vec<TextRow> = text
        .split('\n')
        .take(64)
        .map(|row| {
            row.split('|')
                .map(|cell| (cell != "~").then(|| cell.to_owned()))
                .collect()
        })
        .collect();
    let is_looks = |row: &&TextRow| {
        let kind = row.first().and_then(Option::as_deref);
        matches!(kind, Some("head" | "running" | "lease" | "server"))
    };
    let seen: Vec<TextRow> = rows.iter().filter(is_looks).cloned().collect();
    let written: Vec<TextRow> = rows.iter().filter(|row| !is_looks(row)).cloned().collect();
    let look = check_look(&seen);
    check_ledger(&written, &look);
}

fn check_look(rows: &[TextRow]) -> Look {
    let look = look::read(rows, Tables::ALL);
    let count = |kind: &str| {
        let of_kind = |row: &&TextRow| row[0].as_deref() == Some(kind);
        rows.iter().filter(of_kind).count()
    };
    assert_eq!(look.heads.len(), count("head"));
    assert_eq!(look.running.len(), count("running"));
    assert_eq!(look.lease.is_some(), count("lease") > 0);
    assert!(look.heads.is_sorted_by(|a, b| a.revision <= b.revision));
    assert!(look.running.is_sorted_by(|a, b| a.id <= b.id));
    for row in &look.running {
        check_list(&row.down_revision);
        check_list(&row.depends_on);
    }
    for family in Dialect::ALL {
        let dialect = look.server.dialect(family);
        assert_eq!(dialect.is_mysql_family(), family.is_mysql_family());
    }
    look.server.version_number();
    look
}

fn check_list(ids: &[RevisionId]) {
    assert!(ids.iter().all(|id| !id.is_empty() && !id.contains(',')));
}

fn check_ledger(rows: &[TextRow], look: &Look) {
    let entries = ledger::row::read(&ledger::row::HISTORY, rows);
    assert_eq!(entries.len(), rows.len());
    for entry in &entries {
        check_list(&entry.down_revision);
        check_list(&entry.depends_on);
    }
    let mut known = Known::default();
    known.extend(entries);
    let migrations = embedded();
    let graph = migrations.graph();
    let ids: Vec<&str> = graph.ids().map(|id| &**id).collect();
    for edited in known.edited(&migrations, ids) {
        assert_ne!(edited.recorded, edited.embedded);
    }

    let heads: Vec<RevisionId> = look.heads.iter().map(|row| row.revision.clone()).collect();
    let unknown = known.unknown(&migrations, &heads);
    assert!(unknown.revisions.iter().all(|id| !graph.contains(id)));
    assert!(unknown.stands_on.iter().all(|id| graph.contains(id)));
    for head in &heads {
        assert!(unknown.revisions.contains(head) || unknown.stands_on.contains(head));
    }
    // Rows may name each other in a circle: asked again until nothing comes.
    let mut rooted: BTreeSet<&str> = BTreeSet::new();
    loop {
        let leads = |id: &str| {
            let entry = known.get(id)?;
            let mut parents = entry.down_revision.iter().chain(&entry.depends_on);
            parents.find(|parent| graph.contains(parent) || rooted.contains(parent.as_str()))
        };
        let more: BTreeSet<&str> = unknown
            .revisions
            .iter()
            .map(RevisionId::as_str)
            .filter(|id| leads(id).is_some())
            .collect();
        if more == rooted {
            break;
        }
        rooted = more;
    }
    let rootless: Vec<&str> = unknown
        .revisions
        .iter()
        .map(RevisionId::as_str)
        .filter(|id| !rooted.contains(id))
        .collect();
    assert_eq!(unknown.rootless, rootless);

    for target in [Target::head(), Target::heads(), Target::relative(1)] {
        match standing::beyond(&migrations, &known, &heads, &[target]) {
            Ok(beyond) => assert!(beyond.iter().all(|id| unknown.revisions.contains(id))),
            Err(BeyondError::Standing(error)) => assert!(!error.to_string().is_empty()),
            Err(BeyondError::Target(error)) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// r1 ─► r2 ─► r3, and r4 that depends on r2.
fn embedded() -> Migrations {
    let file = |id: &str, down: &str, keys: &str| {
        let text = format!(
            "-- {id}\n--\n-- revision: {id}\n-- down_revision: {down}\n{keys}\n-- @upgrade\nSELECT 1;\n"
        );
        Revision::parse(format!("{id}.sql"), text).expect("a valid file")
    };
    let files = [
        file("r1", "none", ""),
        file("r2", "r1", ""),
        file("r3", "r2", ""),
        file("r4", "none", "-- depends_on: r2\n"),
    ];
    Migrations::new(files).expect("a valid graph")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Every input of a target's corpus; none where this is the published crate, which leaves `tests` out.
    fn replay(target: &str, check: fn(&[u8])) {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        if !tests.exists() {
            return;
        }
        let folder = tests.join("fuzz/corpus").join(target);
        let inputs = std::fs::read_dir(&folder)
            .expect("the corpus")
            .map(|entry| {
                let path = entry.expect("an entry").path();
                std::fs::read(path).expect("an input")
            });
        let count = inputs.map(|input| check(&input)).count();
        assert!(count > 20, "{count} inputs in {}", folder.display());
    }

    #[test]
    fn the_corpus_of_the_ledger_reader() {
        replay("ledger", super::ledger);
    }

    #[test]
    fn the_splitter_is_linear_over_its_corpus() {
        replay("split", super::split_is_linear);
    }
}
