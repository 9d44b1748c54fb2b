//! Foreign keys: which go, which come, and which do both because of what they stand on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Writer, foreign_keys, key_name};
use crate::autogenerate::engine::Direction;
use crate::autogenerate::mysql::render::{self, implied_index};
use crate::autogenerate::schema::{Column, Constraint, Index, Name, Table};
use crate::dialect::Dialect;

/// What happens to the foreign keys of the tables that stay.
#[derive(Default)]
pub(super) struct Keys<'a> {
    drop: BTreeMap<&'a Name, Vec<&'a Constraint>>,
    add: BTreeMap<&'a Name, Vec<&'a Constraint>>,
    /// Indexes that InnoDB made for a foreign key that goes, and that the new schema has as its own.
    pub taken_over: BTreeSet<(Name, String)>,
}

impl<'a> Writer<'a> {
    pub(super) fn foreign_keys(&self) -> Keys<'a> {
        let mut keys = Keys::default();
        for (old, new) in self.kept() {
            for key in foreign_keys(old) {
                let stays = foreign_keys(new).find(|other| other.is_same(key));
                match stays {
                    Some(other) if self.is_disturbed(old, new, key) => {
                        keys.drop.entry(&new.name).or_default().push(key);
                        keys.add.entry(&new.name).or_default().push(other);
                    }
                    Some(_) => {}
                    None => keys.drop.entry(&new.name).or_default().push(key),
                }
            }
            for key in foreign_keys(new) {
                if !foreign_keys(old).any(|other| other.is_same(key)) {
                    keys.add.entry(&new.name).or_default().push(key);
                }
            }
            for key in foreign_keys(old) {
                let implied = implied_index(key);
                let taken = new.indexes.iter().any(|index| {
                    Some(&index.name) == implied && render::is_plain_index_of(index, &key.columns)
                });
                if taken && let Some(implied) = implied {
                    keys.taken_over.insert((new.name.clone(), implied.clone()));
                }
            }
        }
        keys
    }

    /// Whether the key cannot stay while the two tables change: a column of it gets another type, or every index goes
    /// that serves it.
    fn is_disturbed(&self, old: &Table, new: &Table, key: &Constraint) -> bool {
        let Some(reference) = &key.references else {
            return false;
        };
        let (from, to) = (self.lowering.from, self.lowering.to);
        let own = self.changes_below(old, new, &key.columns);
        let other = match (
            from.tables.get(&reference.table),
            to.tables.get(&reference.table),
        ) {
            (Some(before), Some(after)) => self.changes_below(before, after, &reference.columns),
            _ => false,
        };
        own || other
    }

    fn changes_below(&self, old: &Table, new: &Table, columns: &[String]) -> bool {
        // MySQL changes no column of a key so (1832, 1833).
        let counts = |column: &Column| {
            self.dialect == Dialect::Mysql && column.attributes.contains_key("auto_increment")
        };
        let is_other = |before: &Column, after: &Column| {
            before.data_type != after.data_type
                || before.collation != after.collation
                || before.nullable != after.nullable
                || before.generated != after.generated
                || counts(before) != counts(after)
        };
        let column_changes =
            columns
                .iter()
                .any(|column| match (old.column(column), new.column(column)) {
                    (Some(before), Some(after)) => is_other(before, after),
                    _ => true,
                });
        column_changes
            || old.attributes.get("engine") != new.attributes.get("engine")
            || !is_served_throughout(old, new, columns)
    }

    pub(super) fn drop_foreign_keys(&mut self, keys: &Keys<'_>) {
        for (table, dropped) in &keys.drop {
            let new = &self.lowering.to.tables[*table];
            let mut parts = Vec::new();
            for key in dropped {
                parts.push(format!("DROP FOREIGN KEY {}", self.ident(key_name(key))));
            }
            for key in dropped {
                // What is made for a key goes with it, unless one of the same name and columns comes.
                if let Some(index) = implied_index(key)
                    && !foreign_keys(new).any(|other| {
                        other.columns == key.columns && render::is_implied_name(index, other)
                    })
                    && !new.indexes.iter().any(|other| other.name == *index)
                {
                    // Where another index served when the key came, there is none.
                    let word = match self.dialect {
                        Dialect::Mariadb => "DROP INDEX IF EXISTS",
                        _ => "DROP INDEX",
                    };
                    parts.push(format!("{word} {}", self.ident(index)));
                }
            }
            self.alter(table, &parts);
        }
    }

    pub(super) fn add_foreign_keys(&mut self, keys: &Keys<'_>, late: Vec<(&Name, &Constraint)>) {
        let mut all: BTreeMap<&Name, Vec<String>> = BTreeMap::new();
        for (table, added) in &keys.add {
            let parts = all.entry(table).or_default();
            for key in added {
                self.free_references(table, key);
                let stands = self.lowering.from.tables.get(*table).is_some_and(|old| {
                    foreign_keys(old).any(|other| {
                        other.columns == key.columns
                            && implied_index(other)
                                .is_some_and(|index| render::is_implied_name(index, key))
                    })
                });
                if let Some(index) =
                    render::implied_by_column(self.dialect, key).filter(|_| !stands)
                {
                    // Where another index serves, it may stand all the same.
                    let index = match self.dialect {
                        Dialect::Mariadb => index.replacen("INDEX ", "INDEX IF NOT EXISTS ", 1),
                        _ => index,
                    };
                    parts.push(format!("ADD {index}"));
                }
                parts.push(format!("ADD {}", render::constraint(self.dialect, key)));
            }
        }
        for (table, key) in late {
            let parts = all.entry(table).or_default();
            parts.push(format!("ADD {}", render::constraint(self.dialect, key)));
        }
        for (table, parts) in all {
            self.alter(table, &parts);
        }
    }

    /// On the way back, rows may refer to those of a table that was dropped and is empty now.
    fn free_references(&mut self, table: &Name, key: &Constraint) {
        let (from, to) = (self.lowering.from, self.lowering.to);
        let Some(other) = &key.references else {
            return;
        };
        let is_free = key.columns.iter().all(|name| {
            let column = to.tables.get(table).and_then(|table| table.column(name));
            column.is_some_and(|column| column.nullable && column.generated.is_none())
        });
        if self.lowering.direction == Direction::Up
            || from.tables.contains_key(&other.table)
            || !is_free
        {
            return;
        }
        let set: Vec<String> = key
            .columns
            .iter()
            .map(|column| format!("{} = NULL", self.ident(column)))
            .collect();
        self.script.push_with_note(
            format!("UPDATE {} SET {}", self.quoted(table), set.join(", ")),
            format!("the rows of {} that these refer to are gone", other.table),
        );
    }
}

/// Whether an index that serves a key of these columns stays as it is.
fn is_served_throughout(old: &Table, new: &Table, columns: &[String]) -> bool {
    let primary = |table: &Table| {
        let key = table
            .constraints
            .iter()
            .find(|one| one.name.as_deref() == Some("PRIMARY"))?;
        Some(key.definition.clone())
    };
    let by_primary = primary(old) == primary(new)
        && old
            .constraints
            .iter()
            .any(|one| one.name.as_deref() == Some("PRIMARY") && one.columns.starts_with(columns));
    let stays = |index: &&Index| new.indexes.iter().any(|other| other.is_same(index));
    let by_index = || {
        let mut served = old
            .indexes
            .iter()
            .filter(|index| render::serves(index, columns));
        served.any(|index| stays(&index))
    };
    // One that was made for a key that stays.
    let by_implied = || {
        foreign_keys(old).any(|key| {
            implied_index(key).is_some()
                && key.columns.starts_with(columns)
                && foreign_keys(new)
                    .any(|other| other.name == key.name && other.columns == key.columns)
        })
    };
    by_primary || by_index() || by_implied()
}
