//! The fixed point: after what was generated nothing differs, the rows are there, and the way back leads back.
//!
//! `LIMBECK_AUTOGENERATE_SEED=<n>` runs one pair and prints it.

use std::collections::{BTreeMap, BTreeSet};

use limbeck::autogenerate::Class;

use super::generator::{Column, Foreign, Generator, Model, Renamed, Table, quoted};
use super::*;
use crate::support::soak;

/// Everything that the generator must have met.
const MET: &[&str] = &[
    "rename_table",
    "rename_column",
    "create_table",
    "drop_table",
    "alter_table strict",
    "alter_table without_rowid",
    "add_column",
    "drop_column",
    "alter_column type",
    "alter_column nullability",
    "alter_column default",
    "alter_column generated expression",
    "alter_column collation",
    "alter_column attributes",
    "add_constraint primary key",
    "add_constraint unique constraint",
    "add_constraint check constraint",
    "add_constraint foreign key",
    "drop_constraint primary key",
    "drop_constraint unique constraint",
    "drop_constraint check constraint",
    "drop_constraint foreign key",
    "alter_constraint check constraint",
    "add_index",
    "drop_index",
    "alter_index",
    "create_object view",
    "drop_object view",
    "alter_object view",
    "create_object trigger",
    "drop_object trigger",
    "alter_object trigger",
    "has STRICT",
    "has WITHOUT ROWID",
    "has AUTOINCREMENT",
    "has STORED",
    "has a virtual column",
    "has COLLATE",
    "has ON CONFLICT",
    "has DESC",
    "has WHERE",
    "has an expression index",
    "has a unique index",
    "has INSTEAD OF",
    "has DEFERRABLE",
    "has CASCADE",
    "has a self-reference",
    "has a composite key",
    "has REFERENCES without columns",
    "a rebuild",
    "no rebuild",
    "a rename beside a rebuild",
    "a rename of what is referred to",
    "a column added in place",
    "a column dropped in place",
    "a table with rows rebuilt",
    "rows behind a foreign key",
    "withheld",
    "everything withheld",
    "a placeholder",
    "a CAST",
];

type Counts = BTreeMap<String, usize>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_generated_leads_there_and_back() {
    if let Ok(seed) = std::env::var("LIMBECK_AUTOGENERATE_SEED") {
        let mut counts = Counts::new();
        pair(seed.parse().expect("a number"), &mut counts, true).await;
        return;
    }
    let pairs = soak::times(1000, 10_000) as u64;
    let start = std::time::Instant::now();
    let halves = [0, 1].map(|half| {
        tokio::spawn(async move {
            let mut counts = Counts::new();
            for seed in (0..pairs).filter(|seed| seed % 2 == half) {
                let told = Told(seed);
                pair(seed, &mut counts, false).await;
                std::mem::forget(told);
            }
            counts
        })
    });
    let mut counts = Counts::new();
    for half in halves {
        for (what, count) in half.await.expect("a seed that is printed above") {
            *counts.entry(what).or_default() += count;
        }
    }
    for (what, count) in &counts {
        println!("{count:6} {what}");
    }
    soak::tell(
        "SQLite: random pairs of schemas, there and back",
        pairs as usize,
        0,
        format!("{:.0?}", start.elapsed()),
    );
    let missing: Vec<&&str> = MET
        .iter()
        .filter(|what| !counts.contains_key(**what))
        .collect();
    assert!(missing.is_empty(), "the generator met none of: {missing:?}");
}

/// Says which pair it was when a test fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        eprintln!("LIMBECK_AUTOGENERATE_SEED={}", self.0);
    }
}

async fn pair(seed: u64, counts: &mut Counts, show: bool) {
    let mut generator = Generator::new(seed.wrapping_mul(0x1234_5678_9abc_def1));
    let before = generator.model();
    let mut renamed = Renamed::default();
    let after = if generator.random.percent(15) {
        generator.model()
    } else {
        generator.changed(&before, &mut renamed)
    };
    let pair = Pair {
        before,
        after,
        renamed,
    };
    if show {
        println!("{}\n---\n{}", pair.before.sql(), pair.after.sql());
    }
    for (has, text) in [
        ("STRICT", "STRICT"),
        ("WITHOUT ROWID", "WITHOUT ROWID"),
        ("AUTOINCREMENT", "AUTOINCREMENT"),
        ("STORED", "STORED"),
        ("COLLATE", "COLLATE"),
        ("ON CONFLICT", "ON CONFLICT"),
        ("DESC", "DESC"),
        ("WHERE", " WHERE "),
        ("a unique index", "UNIQUE INDEX"),
        ("INSTEAD OF", "INSTEAD OF"),
        ("DEFERRABLE", "DEFERRABLE INITIALLY"),
        ("CASCADE", "CASCADE"),
        ("an expression index", "(lower("),
    ] {
        if pair.after.sql().contains(text) {
            count(counts, format!("has {has}"));
        }
    }
    for table in &pair.after.tables {
        if table
            .columns
            .iter()
            .any(|column| column.generated.as_ref().is_some_and(|it| !it.1))
        {
            count(counts, "has a virtual column");
        }
        if table.foreign.iter().any(|key| key.table == table.name) {
            count(counts, "has a self-reference");
        }
        if table.foreign.iter().any(|key| key.implicit) {
            count(counts, "has REFERENCES without columns");
        }
        if table
            .primary
            .as_ref()
            .is_some_and(|key| key.columns.len() > 1)
        {
            count(counts, "has a composite key");
        }
    }
    pair.all_the_way(counts, show).await;
    pair.without_what_loses_data(counts, show).await;
}

fn count(counts: &mut Counts, what: impl Into<String>) {
    *counts.entry(what.into()).or_default() += 1;
}

struct Pair {
    before: Model,
    after: Model,
    renamed: Renamed,
}

impl Pair {
    async fn all_the_way(&self, counts: &mut Counts, show: bool) {
        let pool = self.database().await;
        if let Err(error) = crate::autogenerate::dumped(&pool, None).await {
            panic!("{error}");
        }
        let comparison = self.compare(&pool).await;
        for change in comparison.changes() {
            let text = change.to_string();
            let kind = change.kind();
            let details: Vec<&str> = match kind {
                "alter_column" | "alter_table" => {
                    let list = text.rsplit_once(": ").expect("aspects").1;
                    let list = text
                        .split(" (lossy")
                        .next()
                        .and_then(|text| text.rsplit_once(": "))
                        .map_or(list, |it| it.1);
                    list.split(", ").collect()
                }
                _ => [
                    "primary key",
                    "unique constraint",
                    "check constraint",
                    "foreign key",
                    " view ",
                    " trigger ",
                ]
                .into_iter()
                .filter(|word| {
                    kind.ends_with("constraint") && text.contains(word)
                        || kind.ends_with("object") && text.contains(word)
                })
                .take(1)
                .collect(),
            };
            count(counts, kind);
            for detail in details {
                count(counts, format!("{kind} {}", detail.trim()));
            }
        }
        assert!(
            comparison
                .changes()
                .iter()
                .all(|change| change.class() != Class::Manual)
        );
        let Some(revision) = revision(&comparison, lossy()) else {
            return;
        };
        let text = revision.text().to_owned();
        if show {
            println!("--- all\n{text}");
        }
        let upgrade = text.split("-- @downgrade").next().expect("text").to_owned();
        let rebuilds = upgrade.contains("foreign_keys=off");
        let renames = !self.renamed.tables.is_empty() || !self.renamed.columns.is_empty();
        for (what, met) in [
            ("a rebuild", rebuilds),
            ("no rebuild", !rebuilds),
            (
                "a rename beside a rebuild",
                rebuilds && renames && upgrade.contains("PRAGMA legacy_alter_table = OFF"),
            ),
            (
                "a rename of what is referred to",
                self.renamed.tables.iter().any(|(_, new)| {
                    self.after
                        .tables
                        .iter()
                        .any(|table| table.foreign.iter().any(|key| key.table == *new))
                }),
            ),
            ("a column added in place", upgrade.contains(" ADD COLUMN ")),
            (
                "a column dropped in place",
                upgrade.contains(" DROP COLUMN "),
            ),
            (
                "a table with rows rebuilt",
                rebuilds && !self.with_rows().is_empty(),
            ),
            (
                "rows behind a foreign key",
                self.before.tables.iter().any(|table| {
                    !table.foreign.is_empty() && self.with_rows().contains(&table.name)
                }),
            ),
            ("a placeholder", text.contains("placeholder")),
            ("a CAST", text.contains("CAST(")),
        ] {
            if met {
                count(counts, what);
            }
        }
        let kept = self.kept_columns();
        let before = self.rows(&pool, &kept, false).await;
        let migrator = migrator(&pool, &revision);
        let up = migrator.upgrade_to_head().await;
        let _ = up.unwrap_or_else(|error| panic!("upgrade: {}\n{text}", full(&error)));
        let left = told(&self.compare(&pool).await);
        assert!(left.is_empty(), "after the upgrade: {left:#?}\n{text}");
        assert_eq!(
            before,
            self.rows(&pool, &kept, true).await,
            "rows after the upgrade\n{text}"
        );
        let down = migrator.downgrade("base").await;
        let _ = down.unwrap_or_else(|error| panic!("downgrade: {}\n{text}", full(&error)));
        let left = told(&compare(&pool, &self.before.sql()).await);
        assert!(left.is_empty(), "after the downgrade: {left:#?}\n{text}");
        assert_eq!(
            before,
            self.rows(&pool, &kept, false).await,
            "rows after the downgrade\n{text}"
        );
        let pragmas = rows(
            &pool,
            "SELECT * FROM pragma_foreign_keys, pragma_legacy_alter_table",
        )
        .await;
        assert_eq!(pragmas, ["1|0"]);
    }

    async fn without_what_loses_data(&self, counts: &mut Counts, show: bool) {
        let pool = self.database().await;
        let comparison = self.compare(&pool).await;
        let options = DraftOptions::default();
        let subjects = |changes: &mut dyn Iterator<Item = &limbeck::autogenerate::Change>| -> BTreeSet<String> {
            changes.map(|change| format!("{} {}", change.kind(), change.subject())).collect()
        };
        let withheld = subjects(&mut comparison.withheld(options));
        if withheld.is_empty() {
            return;
        }
        count(counts, "withheld");
        let is_all = withheld.len() == comparison.changes().len();
        let revision = revision(&comparison, options);
        assert_eq!(
            revision.is_none(),
            is_all,
            "a file where something is written, else none"
        );
        let Some(revision) = revision else {
            count(counts, "everything withheld");
            assert!(!comparison.withheld_sql(options).is_empty());
            return;
        };
        let text = revision.text().to_owned();
        if show {
            println!("--- without what loses data\n{text}");
        }
        let all: Vec<(String, Vec<String>)> = self.all_columns();
        let before = self.rows(&pool, &all, false).await;
        let migrator = migrator(&pool, &revision);
        let up = migrator.upgrade_to_head().await;
        let _ = up.unwrap_or_else(|error| panic!("upgrade without: {}\n{text}", full(&error)));
        let found = self.compare(&pool).await;
        // A view that is named by what is kept is kept with it; a key that is kept in a
        // STRICT table forbids NULL, and AUTOINCREMENT goes with its key.
        let implied = |change: &&limbeck::autogenerate::Change| {
            let text = change.to_string();
            let table = change.table().unwrap_or_default();
            let of_key = [": nullability", ": attributes", ": nullability, attributes"]
                .iter()
                .any(|end| text.ends_with(end));
            // A foreign key of a new table comes with the key that it points at.
            let of_new = change.kind() == "add_constraint"
                && text.contains("foreign key")
                && self.table_here(&table).is_none();
            change.kind() != "drop_object" && !of_key && !of_new
        };
        let more = subjects(&mut found.changes().iter().filter(implied));
        let more: Vec<&String> = more.difference(&withheld).collect();
        let left = subjects(&mut found.changes().iter());
        assert!(
            left.is_superset(&withheld),
            "{withheld:?} was withheld, and there is only {left:?}\n{text}"
        );
        assert!(more.is_empty(), "withheld and not said: {more:?}\n{text}");
        let down = migrator.downgrade("base").await;
        let _ = down.unwrap_or_else(|error| panic!("downgrade without: {}\n{text}", full(&error)));
        let left = told(&compare(&pool, &self.before.sql()).await);
        assert!(
            left.is_empty(),
            "after the downgrade without: {left:#?}\n{text}"
        );
        assert_eq!(
            before,
            self.rows(&pool, &all, false).await,
            "every value is there\n{text}"
        );
    }

    async fn compare(&self, pool: &SqlitePool) -> Comparison {
        let mut desired = Autogenerate::from_sql(self.after.sql());
        for (old, new) in &self.renamed.tables {
            desired = desired.renamed_table(quoted(old), quoted(new));
        }
        for (table, old, new) in &self.renamed.columns {
            desired = desired.renamed_column(quoted(table), quoted(old), quoted(new));
        }
        let compared = desired.compare(pool).await;
        compared.unwrap_or_else(|error| panic!("{}\n{}", full(&error), self.after.sql()))
    }

    /// The first schema, with rows.
    async fn database(&self) -> SqlitePool {
        let pool = database(&self.before.tables_sql()).await;
        let mut sql = String::from("PRAGMA foreign_keys = OFF;\n");
        let filled = self.with_rows();
        for table in self
            .before
            .tables
            .iter()
            .filter(|table| filled.contains(&table.name))
        {
            for row in 1..=3 {
                sql += &self.insert(table, row);
            }
            if table.autoincrement {
                let name = table.name.replace('\'', "''");
                sql += &format!("UPDATE sqlite_sequence SET seq = 40 WHERE name = '{name}';\n");
            }
        }
        sql += "PRAGMA foreign_keys = ON;\n";
        sql += &self.before.rest_sql();
        run(&pool, &sql).await;
        let wrong = rows(&pool, "PRAGMA foreign_key_check").await;
        assert!(wrong.is_empty(), "the generator's rows: {wrong:?}");
        pool
    }

    fn insert(&self, table: &Table, row: usize) -> String {
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for column in table
            .columns
            .iter()
            .filter(|column| column.generated.is_none())
        {
            columns.push(quoted(&column.name));
            let there = self.there(&table.name, &column.name);
            let may_be_null = !table.requires(column)
                && there.is_some_and(|(table, column)| {
                    !table.requires(column) && column.generated.is_none()
                });
            let in_list = table
                .unique_lists()
                .iter()
                .any(|list| list.contains(&column.name));
            if row == 3 && may_be_null && !in_list && column.name.len() % 2 == 0 {
                values.push("NULL".to_owned());
            } else {
                values.push(value(&column.data_type, row));
            }
        }
        format!(
            "INSERT INTO {} ({}) VALUES ({});\n",
            quoted(&table.name),
            columns.join(", "),
            values.join(", ")
        )
    }

    /// What a table and column of the first schema are in the second.
    fn there(&self, table: &str, column: &str) -> Option<(&Table, &Column)> {
        let table = self.table_there(table)?;
        let name = self
            .renamed
            .columns
            .iter()
            .find(|(of, old, _)| *of == table.name && old == column);
        let name = name.map_or(column, |(_, _, new)| new);
        Some((table, table.column(name)?))
    }

    fn table_there(&self, table: &str) -> Option<&Table> {
        let name = self
            .renamed
            .tables
            .iter()
            .find(|(old, _)| old == table)
            .map_or(table, |(_, new)| new);
        self.after.table(name)
    }

    /// And the other way.
    fn here(&self, table: &str, column: &str) -> Option<(&Table, &Column)> {
        let name = self
            .renamed
            .columns
            .iter()
            .find(|(of, _, new)| of == table && new == column);
        let column = name.map_or(column, |(_, old, _)| old);
        let table = self.table_here(table)?;
        Some((table, table.column(column)?))
    }

    fn table_here(&self, table: &str) -> Option<&Table> {
        let name = self
            .renamed
            .tables
            .iter()
            .find(|(_, new)| new == table)
            .map_or(table, |(old, _)| old);
        self.before.table(name)
    }

    /// The tables that can have rows, so that neither way a value is asked for that nobody knows.
    fn with_rows(&self) -> BTreeSet<String> {
        let mut filled: BTreeSet<String> = self
            .before
            .tables
            .iter()
            .map(|table| table.name.clone())
            .collect();
        for table in &self.before.tables {
            let Some(there) = self.table_there(&table.name) else {
                continue;
            };
            // Where STRICT is withheld, its key still forbids NULL.
            let mut strictest = there.clone();
            strictest.strict |= table.strict;
            let new_required = there.columns.iter().any(|column| {
                column.generated.is_none()
                    && strictest.requires(column)
                    && there.rowid() != Some(&column.name)
                    && column
                        .default
                        .as_deref()
                        .is_none_or(|default| default == "NULL")
                    && self
                        .here(&there.name, &column.name)
                        .is_none_or(|(_, column)| column.generated.is_some())
            });
            // Unique, and nothing of it keeps its values: all rows have the default, or what is computed of one.
            let same_values = |own: &Table, other: &dyn Fn(&str) -> Option<bool>| {
                own.unique_lists().iter().any(|list| {
                    !list.iter().any(|name| other(name) == Some(false))
                        && list.iter().any(|name| {
                            let column = own.column(name);
                            other(name) == Some(true)
                                || column.is_some_and(|column| column.default.is_some())
                        })
                })
            };
            let here = |name: &str| {
                let column = self.here(&there.name, name).map(|(_, column)| column);
                column.map(|column| column.generated.is_some())
            };
            let over_there = |name: &str| {
                let column = self.there(&table.name, name).map(|(_, column)| column);
                column.map(|column| column.generated.is_some())
            };
            // The placeholder of a NOT NULL column that comes back may be no number for a rowid, or none at all.
            if new_required || same_values(there, &here) || same_values(table, &over_there) {
                filled.remove(&table.name);
            }
        }
        loop {
            let count = filled.len();
            for table in &self.before.tables {
                let before = table
                    .foreign
                    .iter()
                    .all(|key| self.holds(table, key, true, &filled));
                let after = self.table_there(&table.name).is_none_or(|there| {
                    there
                        .foreign
                        .iter()
                        .all(|key| self.holds(there, key, false, &filled))
                });
                if !before || !after {
                    filled.remove(&table.name);
                }
            }
            if filled.len() == count {
                return filled;
            }
        }
    }

    /// Whether rows obey this foreign key, on the way there and back: the same values on both sides, or none.
    fn holds(
        &self,
        table: &Table,
        key: &Foreign,
        of_before: bool,
        filled: &BTreeSet<String>,
    ) -> bool {
        let other = |table: &str, column: &str| {
            if of_before {
                self.there(table, column)
            } else {
                self.here(table, column)
            }
        };
        let unknown = key.columns.iter().any(|name| {
            let column = table.column(name);
            other(&table.name, name).is_none()
                && column.is_some_and(|column| !table.requires(column) && column.default.is_none())
        });
        if unknown && !of_before {
            return true;
        }
        let parent = if of_before {
            self.before.table(&key.table)
        } else {
            self.table_here(&key.table)
        };
        let stays = |of: &str, names: &[String]| {
            names.iter().all(|name| {
                let own = if of_before {
                    self.before.table(of)
                } else {
                    self.after.table(of)
                };
                let own = own.and_then(|table| table.column(name));
                let kept = other(of, name);
                own.is_some_and(|own| {
                    kept.is_some_and(|(_, kept)| {
                        kept.data_type == own.data_type
                            && kept.generated.is_none()
                            && own.generated.is_none()
                    })
                })
            })
        };
        if unknown {
            return parent.is_some_and(|parent| filled.contains(&parent.name));
        }
        parent.is_some_and(|parent| filled.contains(&parent.name))
            && stays(&table.name, &key.columns)
            && stays(&key.table, &key.to)
    }

    /// Columns whose values no conversion touches, by table.
    fn kept_columns(&self) -> Vec<(String, Vec<String>)> {
        let tables = self
            .before
            .tables
            .iter()
            .filter(|table| self.table_there(&table.name).is_some());
        tables
            .map(|table| {
                let columns = table.columns.iter().filter(|column| {
                    let there = self
                        .there(&table.name, &column.name)
                        .map(|(_, column)| column);
                    column.generated.is_none()
                        && there.is_some_and(|there| {
                            there.generated.is_none() && there.data_type == column.data_type
                        })
                });
                (
                    table.name.clone(),
                    columns.map(|column| column.name.clone()).collect(),
                )
            })
            .collect()
    }

    fn all_columns(&self) -> Vec<(String, Vec<String>)> {
        let tables = self.before.tables.iter();
        tables
            .map(|table| {
                (
                    table.name.clone(),
                    table
                        .columns
                        .iter()
                        .map(|column| column.name.clone())
                        .collect(),
                )
            })
            .collect()
    }

    /// The values of these columns, their types with them; the rowid too, and the next AUTOINCREMENT.
    async fn rows(
        &self,
        pool: &SqlitePool,
        columns: &[(String, Vec<String>)],
        there: bool,
    ) -> Vec<String> {
        let mut all = Vec::new();
        for (table, columns) in columns {
            let before = self.before.table(table).expect("a table");
            let after = self.table_there(table);
            let (name, names): (&str, Vec<String>) = if there {
                let names = columns
                    .iter()
                    .map(|column| self.there(table, column).expect("a column").1.name.clone());
                (&after.expect("a table").name, names.collect())
            } else {
                (table, columns.clone())
            };
            let mut cells: Vec<String> = names
                .iter()
                .map(|column| format!("quote({})", quoted(column)))
                .collect();
            let has_rowid = |table: &Table| {
                !table.without_rowid && table.rowid().is_none() && table.column("rowid").is_none()
            };
            if has_rowid(before) && after.is_none_or(has_rowid) {
                cells.push("rowid".to_owned());
            }
            cells.push("''".to_owned());
            let sql = format!(
                "SELECT {} FROM {} ORDER BY 1, 2",
                cells.join(", ") + ", ''",
                quoted(name)
            );
            all.extend(
                rows(pool, &sql)
                    .await
                    .into_iter()
                    .map(|row| format!("{table}: {row}")),
            );
            if before.autoincrement
                && after.is_some_and(|after| {
                    after.autoincrement
                        && after.rowid().map(str::len) == before.rowid().map(str::len)
                })
            {
                let literal = name.replace('\'', "''");
                // A counter at 0 counts as one that is not there yet.
                let next = rows(
                    pool,
                    &format!(
                        "SELECT seq FROM sqlite_sequence WHERE name = '{literal}' AND seq > 0"
                    ),
                )
                .await;
                all.push(format!("{table}: next {next:?}"));
            }
        }
        all
    }
}

/// A value of the type, another one for each row, and the same for columns of the same type.
fn value(data_type: &str, row: usize) -> String {
    match data_type {
        "TEXT" | "VARCHAR(10)" => format!("'0{row}'"),
        "REAL" | "DOUBLE PRECISION" => format!("{row}.5"),
        "BLOB" | "" => format!("x'3{row}'"),
        _ => row.to_string(),
    }
}

/// An error with what is behind it.
fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}
