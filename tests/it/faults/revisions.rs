//! The revisions that run under fault: one of each kind, and each leaves a row in a table without constraints
//! for each time that it ran.

use limbeck::migrator::TransactionMode;
use limbeck::{Dialect, Migrations};

use crate::support::migrations;

/// What one run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// From nothing to the head, a transaction for each revision.
    Up,
    /// The same in one transaction, without the revisions that have none.
    UpInOne,
    /// From the head to the first revision.
    Down,
}

impl Course {
    pub fn files(self, dialect: Dialect) -> Migrations {
        chain(
            revisions(dialect)
                .into_iter()
                .filter(|(id, _)| self.has(id)),
        )
    }

    fn has(self, id: &str) -> bool {
        // What no transaction can hold.
        self != Course::UpInOne || !["r3", "r5"].contains(&id)
    }

    pub fn mode(self) -> TransactionMode {
        match self {
            Course::UpInOne => TransactionMode::SingleTransaction,
            Course::Up | Course::Down => TransactionMode::PerRevision,
        }
    }

    pub fn is_down(self) -> bool {
        self == Course::Down
    }

    /// The heads at its end.
    pub fn heads(self) -> [&'static str; 1] {
        [if self.is_down() { "r1" } else { "r7" }]
    }
}

/// Each below the one before it.
fn chain(revisions: impl IntoIterator<Item = (&'static str, String)>) -> Migrations {
    let mut parent = "";
    let files: Vec<(&str, &str, String)> = revisions
        .into_iter()
        .map(|(id, sections)| {
            let file = (id, parent, sections);
            parent = id;
            file
        })
        .collect();
    let files: Vec<_> = files
        .iter()
        .map(|(id, down, text)| (*id, *down, "", text.as_str()))
        .collect();
    migrations(&files)
}

fn revisions(dialect: Dialect) -> Vec<(&'static str, String)> {
    let (alone, undo) = match dialect {
        Dialect::Postgres => (
            "CREATE INDEX CONCURRENTLY t_done ON t (done)",
            "DROP INDEX CONCURRENTLY t_done",
        ),
        Dialect::Sqlite => ("VACUUM", "VACUUM"),
        _ => ("CREATE INDEX t_done ON t (done)", "DROP INDEX t_done ON t"),
    };
    // What would leave another index each time that it runs.
    let again = if dialect.is_mysql_family() {
        "ALTER TABLE t ADD INDEX (x);\n"
    } else {
        ""
    };
    // Two rows a batch.
    let batch = |from: u8, change: &str| {
        format!(
            "UPDATE t SET done = done {change} WHERE done = {from} \
             AND id <= (SELECT m FROM (SELECT min(id) + 1 AS m FROM t WHERE done = {from}) AS q)"
        )
    };
    vec![
        (
            "r1",
            "-- @upgrade\nCREATE TABLE audit (rev VARCHAR(40) NOT NULL);\nINSERT INTO audit VALUES ('r1');\n\
             -- @downgrade\nDROP TABLE audit;\n"
                .to_owned(),
        ),
        (
            "r2",
            "-- @require\nSELECT rev FROM audit WHERE rev = 'r2';\n\
             -- @upgrade\nCREATE TABLE t (id INT PRIMARY KEY, done INT NOT NULL);\n\
             INSERT INTO t VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0);\nINSERT INTO audit VALUES ('r2');\n\
             -- @verify\nSELECT id FROM t WHERE done <> 0;\n\
             -- @downgrade\nINSERT INTO audit VALUES ('-r2');\nDROP TABLE t;\n"
                .to_owned(),
        ),
        (
            "r3",
            format!(
                "-- @upgrade autocommit\nINSERT INTO audit VALUES ('r3');\n{alone};\nINSERT INTO audit VALUES ('r3 again');\n\
                 -- @downgrade autocommit\nINSERT INTO audit VALUES ('-r3');\n{undo};\nINSERT INTO audit VALUES ('-r3 again');\n"
            ),
        ),
        (
            "r4",
            format!(
                "-- @upgrade\nALTER TABLE t ADD COLUMN x INT NOT NULL DEFAULT 0;\nUPDATE t SET x = x + id;\n{again}\
                 CREATE TABLE u (id INT);\nINSERT INTO audit VALUES ('r4');\n\
                 -- @downgrade\nINSERT INTO audit VALUES ('-r4');\nDROP TABLE u;\nALTER TABLE t DROP COLUMN x;\n"
            ),
        ),
        (
            "r5",
            format!(
                "-- @upgrade repeat\n{};\n-- @downgrade repeat\n{};\n",
                batch(0, "+ 1"),
                batch(1, "- 1")
            ),
        ),
        ("r6", "-- @upgrade rust\n-- @downgrade rust\n".to_owned()),
        (
            "r7",
            "-- @upgrade\nCREATE VIEW v AS SELECT id FROM t;\nINSERT INTO audit VALUES ('r7');\n\
             -- @downgrade\nINSERT INTO audit VALUES ('-r7');\nDROP VIEW v;\n"
                .to_owned(),
        ),
    ]
}
