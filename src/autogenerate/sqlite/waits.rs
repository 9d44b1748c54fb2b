//! What has to wait for a change that is withheld. Pure.
//!
//! Such changes are classed as what they wait for, so that what is withheld is all that remains: a key, for a foreign
//! key that stays and has no other; a type that a STRICT table does not know, for the table's STRICT; and what names
//! a column that does not come yet.

use std::collections::BTreeSet;

use super::types::is_strict_type;
use crate::autogenerate::change::{Change, Class, Operation};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Constraint, ConstraintKind, Name, Schema, Table, Thing};
use crate::dialect::Dialect;

/// Classes what waits for others of `changes`, until nothing is left that does.
pub(crate) fn wait(from: &Schema, to: &Schema, changes: &mut [Change]) {
    loop {
        let held = Held::of(from, changes.iter());
        let mut found = false;
        for change in changes.iter_mut().filter(|it| it.class == Class::Safe) {
            if let Some(reason) = held.reason(to, &change.operation) {
                change.class = Class::Lossy;
                change.reason = Some(reason);
                found = true;
            }
        }
        if !found {
            return;
        }
    }
}

/// Leaves out the foreign keys of new tables that point at a key or column which does not come yet: they come with it.
pub(crate) fn mend(from: &Schema, kept: &mut Schema, withheld: &[&Change]) {
    let held = Held::of(from, withheld.iter().copied());
    let fresh = kept
        .tables
        .values_mut()
        .filter(|table| !from.tables.contains_key(&table.name));
    for table in fresh {
        let name = table.name.clone();
        table
            .constraints
            .retain(|constraint| held.unnamed(&name, constraint).is_none());
    }
}

/// What stays as it is while lossy changes are withheld.
#[derive(Default)]
struct Held {
    foreign_keys: Vec<(Name, Constraint)>,
    /// Tables whose primary key stays.
    primary: BTreeSet<Name>,
    /// Tables that stay STRICT.
    strict: BTreeSet<Name>,
    /// Columns that do not come yet.
    missing: BTreeSet<(Name, String)>,
    /// Columns that stay generated: no key can have them.
    generated: BTreeSet<(Name, String)>,
    /// Tables whose new primary key does not.
    no_primary: BTreeSet<Name>,
    /// Keys that do not.
    missing_keys: Vec<(Name, Vec<String>)>,
}

impl Held {
    fn of<'a>(from: &Schema, changes: impl Iterator<Item = &'a Change>) -> Self {
        let mut held = Held::default();
        for change in changes.filter(|it| it.class != Class::Safe) {
            match &change.operation {
                Operation::DropTable(name) => {
                    let table = from.tables.get(name);
                    let all = table.into_iter().flat_map(|table| &table.constraints);
                    let foreign = all.filter(|it| it.kind == ConstraintKind::Foreign);
                    held.foreign_keys
                        .extend(foreign.map(|key| (name.clone(), key.clone())));
                }
                Operation::DropConstraint {
                    table, constraint, ..
                }
                | Operation::AlterConstraint {
                    table,
                    from: constraint,
                    ..
                } => {
                    match constraint.kind {
                        ConstraintKind::Foreign => {
                            held.foreign_keys.push((table.clone(), constraint.clone()));
                        }
                        ConstraintKind::Primary => {
                            held.primary.insert(table.clone());
                        }
                        _ => {}
                    }
                    if let Operation::AlterConstraint { to, .. } = &change.operation {
                        held.missing_key(table, to);
                    }
                }
                Operation::AlterTable {
                    table, attributes, ..
                } if attributes.contains("strict") => {
                    let old = from.tables.get(table);
                    if old.is_some_and(|table| table.attributes.contains_key("strict")) {
                        held.strict.insert(table.clone());
                    }
                }
                Operation::AddConstraint { table, constraint } => {
                    if constraint.kind == ConstraintKind::Primary {
                        held.no_primary.insert(table.clone());
                    }
                    held.missing_key(table, constraint);
                }
                Operation::AddColumn { table, column } => {
                    held.missing.insert((table.clone(), column.clone()));
                }
                Operation::AlterColumn { table, column, .. } => {
                    let old = from.tables.get(table).and_then(|old| old.column(column));
                    if old.is_some_and(|old| old.generated.is_some()) {
                        held.generated.insert((table.clone(), column.clone()));
                    }
                }
                _ => {}
            }
        }
        held
    }

    fn missing_key(&mut self, table: &Name, constraint: &Constraint) {
        if matches!(
            constraint.kind,
            ConstraintKind::Primary | ConstraintKind::Unique
        ) {
            let key = (table.clone(), constraint.columns.clone());
            self.missing_keys.push(key);
        }
    }

    fn reason(&self, to: &Schema, operation: &Operation) -> Option<String> {
        match operation {
            // The old key stays until the new one can come: a WITHOUT ROWID table has one at every moment.
            Operation::DropConstraint { table, constraint }
                if constraint.kind == ConstraintKind::Primary
                    && self.no_primary.contains(table) =>
            {
                Some(format!("it waits for the new primary key of {table}"))
            }
            Operation::DropConstraint { table, constraint } => self.needed(to, table, constraint),
            Operation::AlterConstraint {
                table,
                from: old,
                to: new,
            } => self
                .needed(to, table, old)
                .or_else(|| self.unnamed(table, new)),
            Operation::DropIndex { table, index } if index.unique => {
                self.needed_key(to, table, &index.columns)
            }
            Operation::AlterIndex {
                table,
                from: old,
                to: new,
            } => self
                .needed_key(to, table, &old.columns)
                .filter(|_| old.unique)
                .or_else(|| self.is_missing(table, &new.columns)),
            Operation::AddConstraint { table, constraint } => {
                let second =
                    constraint.kind == ConstraintKind::Primary && self.primary.contains(table);
                second
                    .then(|| format!("it waits for the old primary key of {table}"))
                    .or_else(|| self.unnamed(table, constraint))
            }
            Operation::AddIndex { table, index } => self.is_missing(table, &index.columns),
            Operation::AddColumn { table, column }
            | Operation::AlterColumn { table, column, .. } => {
                let column = to.tables.get(table)?.column(column)?;
                if self.strict.contains(table) && !is_strict_type(&column.data_type) {
                    return Some(format!(
                        "it waits for the table {table}, which stays STRICT"
                    ));
                }
                let names = |text: &Sql| text.names(Dialect::Sqlite);
                let names = column.generated.as_ref().map(|it| names(&it.expression));
                self.is_missing(table, &names?)
            }
            // Without a rowid there has to be a key.
            Operation::AlterTable {
                table, attributes, ..
            } if attributes.contains("without_rowid") && self.no_primary.contains(table) => {
                Some(format!("it waits for the primary key of {table}"))
            }
            Operation::CreateObject(id) | Operation::AlterObject(id) => {
                let needed = &to.objects.get(id)?.depends_on;
                needed.iter().find_map(|thing| match thing {
                    Thing::Column(table, column) => {
                        self.is_missing(table, std::slice::from_ref(column))
                    }
                    _ => None,
                })
            }
            _ => None,
        }
    }

    fn needed(&self, to: &Schema, table: &Name, constraint: &Constraint) -> Option<String> {
        let is_key = matches!(
            constraint.kind,
            ConstraintKind::Primary | ConstraintKind::Unique
        );
        self.needed_key(to, table, &constraint.columns)
            .filter(|_| is_key)
    }

    /// A foreign key that stays points at these columns, and they are no other key.
    fn needed_key(&self, to: &Schema, table: &Name, columns: &[String]) -> Option<String> {
        let new = to.tables.get(table)?;
        let mut keys = self.foreign_keys.iter();
        let (of, _) = keys.find(|(_, key)| {
            key.references.as_ref().is_some_and(|other| {
                other.table == *table
                    && same_columns(&other.columns, columns)
                    && !is_key(new, columns)
            })
        })?;
        Some(format!("it waits for a foreign key of {of}"))
    }

    fn unnamed(&self, table: &Name, constraint: &Constraint) -> Option<String> {
        let missing = named(&self.missing, table, &constraint.columns).or_else(|| {
            let of_key = constraint.kind == ConstraintKind::Primary;
            named(&self.generated, table, &constraint.columns).filter(|_| of_key)
        });
        let Some(other) = &constraint.references else {
            return missing;
        };
        let mut keys = self.missing_keys.iter();
        let key = keys.find(|(of, key)| *of == other.table && same_columns(key, &other.columns));
        missing
            .or_else(|| self.is_missing(&other.table, &other.columns))
            .or_else(|| key.map(|(of, _)| format!("it waits for a key of {of}")))
    }

    fn is_missing(&self, table: &Name, columns: &[String]) -> Option<String> {
        named(&self.missing, table, columns)
    }
}

fn named(
    waited_for: &BTreeSet<(Name, String)>,
    table: &Name,
    columns: &[String],
) -> Option<String> {
    let mut all = waited_for.iter();
    let (_, column) = all.find(|(of, column)| {
        of == table && columns.iter().any(|name| name.eq_ignore_ascii_case(column))
    })?;
    Some(format!("it waits for the column {table}.{column}"))
}

/// SQLite asks for the same columns, in any order.
fn same_columns(one: &[String], other: &[String]) -> bool {
    let sorted = |names: &[String]| names.iter().cloned().collect::<BTreeSet<String>>();
    one.len() == other.len() && sorted(one) == sorted(other)
}

fn is_key(table: &Table, columns: &[String]) -> bool {
    table.constraints.iter().any(|constraint| {
        matches!(
            constraint.kind,
            ConstraintKind::Primary | ConstraintKind::Unique
        ) && same_columns(&constraint.columns, columns)
    })
}
