//! From changes to SQL.
//!
//! Every statement commits by itself here and a killed run goes on behind the last one that ended, so there are few,
//! each whole: what changes in a table is one `ALTER TABLE`, which also keeps every step between valid (an
//! `AUTO_INCREMENT` needs its key at every moment). The order is the same for every pair of schemas:
//!
//! 1. what is no table goes: triggers, events, views, routines;
//! 2. renames;
//! 3. foreign keys go: those that are dropped, and those that stand on something that changes;
//! 4. tables go;
//! 5. sequences come, since defaults call them;
//! 6. tables change;
//! 7. sequences go;
//! 8. tables come;
//! 9. foreign keys come, also those that tables need of each other;
//! 10. routines, views, triggers and events come.
//!
//! No view, trigger or routine stands in the way of a change to what it names, so only those that differ are made again.

mod alter;
mod keys;
mod objects;
mod rename;

use crate::autogenerate::engine::{Lowering, Script};
use crate::autogenerate::order::sorted;
use crate::autogenerate::schema::{Constraint, ConstraintKind, Name, ObjectKind, Table};
use crate::dialect::Dialect;

use super::render;

pub(crate) fn lower(lowering: &Lowering<'_>) -> Script {
    let mut writer = Writer {
        lowering,
        dialect: lowering.to.dialect,
        script: Script::default(),
    };
    let objects = writer.objects();
    writer.drop_objects(&objects);
    writer.rename();
    let keys = writer.foreign_keys();
    writer.drop_foreign_keys(&keys);
    writer.drop_tables();
    writer.create_objects(&objects, &[ObjectKind::Sequence]);
    writer.alter_tables(&keys);
    writer.drop_sequences(&objects);
    let late = writer.create_tables();
    writer.add_foreign_keys(&keys, late);
    for kinds in [
        &[ObjectKind::Function, ObjectKind::Procedure][..],
        &[ObjectKind::View],
        &[ObjectKind::Trigger],
        &[ObjectKind::Event],
    ] {
        writer.create_objects(&objects, kinds);
    }
    writer.script
}

struct Writer<'a> {
    lowering: &'a Lowering<'a>,
    dialect: Dialect,
    script: Script,
}

impl<'a> Writer<'a> {
    fn ident(&self, name: &str) -> String {
        self.dialect.ident(name)
    }

    fn quoted(&self, name: &Name) -> String {
        name.quoted(self.dialect)
    }

    /// Tables that are in both.
    fn kept(&self) -> Vec<(&'a Table, &'a Table)> {
        let (from, to) = (self.lowering.from, self.lowering.to);
        let kept = to.tables.values();
        kept.filter_map(|new| Some((from.tables.get(&new.name)?, new)))
            .collect()
    }

    fn rename(&mut self) {
        let renames = self.lowering.renames;
        for (from, to) in &renames.table_steps() {
            let (from, to) = (self.quoted(from), self.quoted(to));
            self.script.push(format!("RENAME TABLE {from} TO {to}"));
        }
        let mut tables: Vec<&Name> = renames.columns.iter().map(|(table, _, _)| table).collect();
        tables.sort();
        tables.dedup();
        for name in tables {
            let columns = renames.columns.iter().filter(|(of, _, _)| of == name);
            let columns: Vec<(&str, &str)> = columns
                .map(|(_, from, to)| (from.as_str(), to.as_str()))
                .collect();
            match self.lowering.from.tables.get(name) {
                Some(table) if self.dialect == Dialect::Mysql => {
                    self.rename_columns(table, &columns)
                }
                _ => {
                    let parts: Vec<String> = columns
                        .iter()
                        .map(|(from, to)| {
                            format!("RENAME COLUMN {} TO {}", self.ident(from), self.ident(to))
                        })
                        .collect();
                    self.alter(name, &parts);
                }
            }
        }
    }

    /// One ALTER TABLE of these parts, if there are any.
    fn alter(&mut self, table: &Name, parts: &[String]) {
        if let Some(sql) = self.altered(table, parts) {
            self.script.push(sql);
        }
    }

    fn altered(&self, table: &Name, parts: &[String]) -> Option<String> {
        let table = self.quoted(table);
        match parts {
            [] => None,
            [one] => Some(format!("ALTER TABLE {table} {one}")),
            several => Some(format!("ALTER TABLE {table}\n  {}", several.join(",\n  "))),
        }
    }

    /// Those that refer to others first.
    fn drop_tables(&mut self) {
        let (from, to) = (self.lowering.from, self.lowering.to);
        let gone: Vec<&Table> = from
            .tables
            .values()
            .filter(|table| !to.tables.contains_key(&table.name))
            .collect();
        let names: Vec<Name> = gone.iter().map(|table| table.name.clone()).collect();
        let referring = |name: &Name| -> Vec<Name> {
            let referring = gone.iter().filter(|table| {
                table.name != *name && foreign_keys(table).any(|key| refers_to(key, name))
            });
            referring.map(|table| table.name.clone()).collect()
        };
        let order = sorted(&names, referring);
        // In a circle of them, the first keys go alone.
        for (at, name) in order.iter().enumerate() {
            for other in &order[at + 1..] {
                let table = &from.tables[other];
                let parts: Vec<String> = foreign_keys(table)
                    .filter(|key| refers_to(key, name))
                    .map(|key| format!("DROP FOREIGN KEY {}", self.ident(key_name(key))))
                    .collect();
                self.alter(other, &parts);
            }
        }
        for name in &order {
            let name = self.quoted(name);
            self.script.push(format!("DROP TABLE {name}"));
        }
    }

    /// What is referred to first. Foreign keys to tables that come later are left over, and returned.
    fn create_tables(&mut self) -> Vec<(&'a Name, &'a Constraint)> {
        let (from, to) = (self.lowering.from, self.lowering.to);
        let fresh: Vec<&Table> = to
            .tables
            .values()
            .filter(|table| !from.tables.contains_key(&table.name))
            .collect();
        let names: Vec<Name> = fresh.iter().map(|table| table.name.clone()).collect();
        let order = sorted(&names, |name| {
            let keys = foreign_keys(&to.tables[name]);
            let targets = keys.filter_map(|key| Some(key.references.as_ref()?.table.clone()));
            targets.filter(|target| target != name).collect()
        });
        let mut late = Vec::new();
        for (at, name) in order.iter().enumerate() {
            let table = &to.tables[name];
            let is_late =
                |key: &&Constraint| order[at + 1..].iter().any(|other| refers_to(key, other));
            let early = foreign_keys(table).filter(|key| !is_late(key));
            self.script
                .push(render::create_table(self.dialect, table, early));
            late.extend(
                foreign_keys(table)
                    .filter(is_late)
                    .map(|key| (&table.name, key)),
            );
        }
        late
    }
}

fn foreign_keys(table: &Table) -> impl Iterator<Item = &Constraint> {
    let all = table.constraints.iter();
    all.filter(|one| one.kind == ConstraintKind::Foreign)
}

fn refers_to(key: &Constraint, table: &Name) -> bool {
    key.references
        .as_ref()
        .is_some_and(|other| other.table == *table)
}

fn key_name(key: &Constraint) -> &str {
    key.name.as_deref().unwrap_or_default()
}
