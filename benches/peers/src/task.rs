//! What a peer is asked to do.

use std::sync::LazyLock;

use crate::workload::{self, REVISIONS};

/// One revision, in the form that each library makes its own from.
pub struct Revision {
    pub number: usize,
    /// The name of its table, by which it sorts as well.
    pub name: String,
    /// Its statements in one text.
    pub sql: String,
}

/// The revisions that a peer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Set {
    All,
    /// All but the last.
    Nearly,
    /// One alone, which writes down the settings of the SQLite connection that it runs on.
    Settings,
}

static ALL: LazyLock<Vec<Revision>> = LazyLock::new(|| {
    (1..=REVISIONS)
        .map(|number| revision(number, workload::sql(number)))
        .collect()
});

static SETTINGS: LazyLock<Vec<Revision>> = LazyLock::new(|| {
    let sql = "CREATE TABLE settings AS \
               SELECT j.journal_mode, s.synchronous FROM pragma_journal_mode j, pragma_synchronous s;\n";
    vec![revision(1, sql.to_owned())]
});

fn revision(number: usize, sql: String) -> Revision {
    Revision {
        number,
        name: workload::table(number),
        sql,
    }
}

impl Set {
    pub fn revisions(self) -> &'static [Revision] {
        match self {
            Set::All => &ALL,
            Set::Nearly => &ALL[..REVISIONS - 1],
            Set::Settings => &SETTINGS,
        }
    }

    /// A name for a folder.
    pub fn name(self) -> &'static str {
        match self {
            Set::All => "all",
            Set::Nearly => "nearly",
            Set::Settings => "settings",
        }
    }
}

/// Apply what is pending.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    pub set: Set,
    /// How many of the set are applied. The peers find that out by themselves; the plain clients, which keep no
    /// record, are told.
    pub applied: usize,
}

impl Task {
    /// A whole set, on an empty database.
    pub fn whole(set: Set) -> Task {
        Task { set, applied: 0 }
    }

    pub fn pending(self) -> &'static [Revision] {
        &self.set.revisions()[self.applied..]
    }
}
