//! What stays as it is while changes are withheld. Pure.

use super::change::{Change, Operation};
use super::entangled;
use super::held::hold_dependents;
use super::schema::{Schema, Thing};
use super::sqlite;
use crate::dialect::Family;

/// `to` without what `withheld` of the changes would do: where the database is when the others are done. What the
/// things that stay need stays with them.
pub(crate) fn without<'a>(
    from: &Schema,
    to: &Schema,
    withheld: impl Iterator<Item = &'a Change>,
) -> Schema {
    let withheld: Vec<&Change> = withheld.collect();
    let mut kept = to.clone();
    let mut needed: Vec<Thing> = Vec::new();
    if to.dialect.is_mysql_family() {
        entangled::mend(from, &mut kept, &withheld);
    }
    if to.dialect.family() == Family::Sqlite {
        sqlite::waits::mend(from, &mut kept, &withheld);
    }
    let mut held: Vec<Thing> = Vec::new();
    for change in withheld {
        match &change.operation {
            Operation::DropTable(name) => needed.push(Thing::Table(name.clone())),
            Operation::DropColumn { table, column } => {
                needed.push(Thing::Column(table.clone(), column.clone()));
            }
            Operation::AlterColumn { table, column, .. } => {
                let old = from
                    .tables
                    .get(table)
                    .and_then(|table| table.column(column));
                let new = kept.tables.get_mut(table);
                let new = new
                    .and_then(|table| table.columns.iter_mut().find(|other| other.name == *column));
                if let (Some(old), Some(new)) = (old, new) {
                    *new = old.clone();
                    needed.extend(old.depends_on.iter().cloned());
                    held.push(Thing::Column(table.clone(), column.clone()));
                }
            }
            Operation::AlterTable {
                table,
                attributes,
                comment,
            } => {
                if let (Some(old), Some(new)) = (from.tables.get(table), kept.tables.get_mut(table))
                {
                    for key in attributes {
                        match old.attributes.get(key) {
                            Some(value) => new.attributes.insert(key, value.clone()),
                            None => new.attributes.remove(key),
                        };
                    }
                    new.depends_on = old.depends_on.clone();
                    if *comment {
                        new.comment = old.comment.clone();
                    }
                    needed.extend(old.depends_on.iter().cloned());
                    held.push(Thing::Table(table.clone()));
                }
            }
            Operation::DropConstraint { table, constraint } => {
                if let Some(new) = kept.tables.get_mut(table) {
                    new.constraints.push(constraint.clone());
                    needed.extend(constraint.depends_on.iter().cloned());
                    needed.extend(
                        constraint
                            .references
                            .iter()
                            .map(|to| Thing::Table(to.table.clone())),
                    );
                }
            }
            Operation::AddConstraint { table, constraint } => {
                if let Some(new) = kept.tables.get_mut(table) {
                    new.constraints.retain(|one| !one.is_same(constraint));
                }
            }
            Operation::AddColumn { table, column } => {
                if let Some(new) = kept.tables.get_mut(table) {
                    new.columns.retain(|one| one.name != *column);
                }
            }
            Operation::CreateObject(id) => {
                kept.objects.remove(id);
            }
            Operation::AddIndex { table, index } => {
                if let Some(new) = kept.tables.get_mut(table) {
                    new.indexes.retain(|one| !one.is_same(index));
                }
            }
            Operation::AlterConstraint {
                table,
                from: old,
                to: new,
            } => {
                let kept = kept.tables.get_mut(table);
                let part =
                    kept.and_then(|kept| kept.constraints.iter_mut().find(|one| one.is_same(new)));
                if let Some(part) = part {
                    *part = old.clone();
                }
            }
            Operation::AlterIndex {
                table,
                from: old,
                to: new,
            } => {
                let kept = kept.tables.get_mut(table);
                let part =
                    kept.and_then(|kept| kept.indexes.iter_mut().find(|one| one.is_same(new)));
                if let Some(part) = part {
                    *part = old.clone();
                }
            }
            Operation::DropIndex { table, index } => {
                if let Some(new) = kept.tables.get_mut(table) {
                    new.indexes.push(index.clone());
                    needed.extend(index.depends_on.iter().cloned());
                }
            }
            Operation::DropObject(id) | Operation::AlterObject(id) => {
                if let Some(old) = from.objects.get(id) {
                    kept.objects.insert(id.clone(), old.clone());
                    needed.extend(old.depends_on.iter().cloned());
                    held.push(Thing::Object(id.clone()));
                }
            }
            _ => {}
        }
    }
    if from.dialect.family() == Family::Postgres {
        needed.extend(hold_dependents(from, &mut kept, held));
    }
    while let Some(thing) = needed.pop() {
        match &thing {
            Thing::Table(name) => {
                let Some(old) = from
                    .tables
                    .get(name)
                    .filter(|_| !kept.tables.contains_key(name))
                else {
                    continue;
                };
                kept.tables.insert(name.clone(), old.clone());
                needed.extend(old.all_dependencies());
                for (id, object) in &from.objects {
                    if id.table().as_ref() == Some(name) && !kept.objects.contains_key(id) {
                        kept.objects.insert(id.clone(), object.clone());
                        needed.extend(object.depends_on.iter().cloned());
                    }
                }
            }
            Thing::Column(name, column) => {
                needed.push(Thing::Table(name.clone()));
                let old = from.tables.get(name).and_then(|table| table.column(column));
                if let (Some(old), Some(table)) = (old, kept.tables.get_mut(name))
                    && table.column(column).is_none()
                {
                    table.columns.push(old.clone());
                    needed.extend(old.depends_on.iter().cloned());
                }
            }
            Thing::Key(name, _) => needed.push(Thing::Table(name.clone())),
            Thing::Object(id) => {
                if let Some(old) = from.objects.get(id)
                    && !kept.objects.contains_key(id)
                {
                    kept.objects.insert(id.clone(), old.clone());
                    needed.extend(old.depends_on.iter().cloned());
                }
            }
        }
    }
    kept
}
