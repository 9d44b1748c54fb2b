//! The schema on the way while changes are withheld. Pure.

use std::collections::BTreeSet;

use super::change::{Change, Operation};
use super::engine::imply;
use super::entangled;
use super::schema::{Name, ObjectId, Schema, Thing};
use super::settle::strip;
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
    // What is not compared is there as it is.
    kept.not_compared = from.not_compared.clone();
    kept.needed = from.needed.clone();
    let mut needed: Vec<Thing> = Vec::new();
    if to.dialect.is_mysql_family() {
        entangled::mend(from, &mut kept, &withheld);
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
            Operation::CreateTable(name) => {
                kept.tables.remove(name);
                held.push(Thing::Table(name.clone()));
            }
            Operation::CreateObject(id) => {
                kept.objects.remove(id);
                held.push(Thing::Object(id.clone()));
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
            Thing::Other(_) => {}
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
    strip(from, to, &mut kept);
    imply(&mut kept);
    kept
}

/// Takes out of `kept` what is new or changed and stands on one of `held`, which stays as it was: a check on a column
/// whose type is withheld, a view on it, what stands on these. What was there before stays; the things that it needs
/// are returned.
fn hold_dependents(from: &Schema, kept: &mut Schema, mut held: Vec<Thing>) -> Vec<Thing> {
    let mut needed = Vec::new();
    let mut seen: BTreeSet<Thing> = BTreeSet::new();
    while let Some(thing) = held.pop() {
        if !seen.insert(thing.clone()) {
            continue;
        }
        let tables: Vec<Name> = kept.tables.keys().cloned().collect();
        for name in tables {
            hold_in_table(from, kept, &name, &thing, &mut held, &mut needed);
        }
        let objects: Vec<ObjectId> = kept.objects.keys().cloned().collect();
        for id in objects {
            let object = &kept.objects[&id];
            let old = from.objects.get(&id);
            let is_on = |table: &Name| thing == Thing::Table(table.clone());
            let stands =
                object.depends_on.contains(&thing) || id.table().is_some_and(|table| is_on(&table));
            if !stands || old.is_some_and(|old| old.is_same(object)) {
                continue;
            }
            held.push(Thing::Object(id.clone()));
            match old {
                Some(old) => {
                    needed.extend(old.depends_on.iter().cloned());
                    kept.objects.insert(id, old.clone());
                }
                None => {
                    kept.objects.remove(&id);
                }
            }
        }
    }
    needed
}

fn hold_in_table(
    from: &Schema,
    kept: &mut Schema,
    name: &Name,
    thing: &Thing,
    held: &mut Vec<Thing>,
    needed: &mut Vec<Thing>,
) {
    let old = from.tables.get(name);
    let Some(table) = kept.tables.get_mut(name) else {
        return;
    };
    // A new partition of a table whose partitioning is withheld, a new table with a column of a type that does not come.
    if old.is_none() && table.all_dependencies().contains(thing) {
        kept.tables.remove(name);
        held.push(Thing::Table(name.clone()));
        return;
    }
    // A new table is made whole, or not at all.
    if old.is_none() {
        return;
    }
    let own = |columns: &[String]| match thing {
        Thing::Column(of, column) => of == name && columns.contains(column),
        _ => false,
    };
    let mut columns = Vec::new();
    for column in std::mem::take(&mut table.columns) {
        let before = old.and_then(|old| old.column(&column.name));
        let stands = column.depends_on.contains(thing)
            || matches!((thing, &column.generated), (Thing::Column(of, other), Some(generated))
                if of == name && generated.expression.names(from.dialect).contains(other));
        if !stands || before.is_some_and(|before| before.is_same(&column)) {
            columns.push(column);
            continue;
        }
        held.push(Thing::Column(name.clone(), column.name.clone()));
        if let Some(before) = before {
            needed.extend(before.depends_on.iter().cloned());
            columns.push(before.clone());
        }
    }
    table.columns = columns;

    let mut constraints = Vec::new();
    for constraint in std::mem::take(&mut table.constraints) {
        let refers = match (&constraint.references, thing) {
            (Some(to), Thing::Column(of, column)) => to.table == *of && to.columns.contains(column),
            (Some(to), Thing::Table(of)) => to.table == *of && !from.tables.contains_key(of),
            _ => false,
        };
        let stands = own(&constraint.columns) || refers || constraint.depends_on.contains(thing);
        let mut all = old.into_iter().flat_map(|old| &old.constraints);
        if !stands || all.clone().any(|before| before.does_same(&constraint)) {
            constraints.push(constraint);
            continue;
        }
        if let Some(key) = &constraint.name {
            held.push(Thing::Key(name.clone(), key.clone()));
        }
        let before = all
            .find(|before| before.name.is_some() && before.name == constraint.name)
            .filter(|before| before.kind == constraint.kind);
        if let Some(before) = before {
            needed.extend(before.depends_on.iter().cloned());
            let columns = before.columns.iter();
            needed.extend(columns.map(|column| Thing::Column(name.clone(), column.clone())));
            constraints.push(before.clone());
        }
    }
    table.constraints = constraints;

    let mut indexes = Vec::new();
    for index in std::mem::take(&mut table.indexes) {
        let stands = own(&index.columns) || index.depends_on.contains(thing);
        let mut all = old.into_iter().flat_map(|old| &old.indexes);
        if !stands || all.clone().any(|before| before.does_same(&index)) {
            indexes.push(index);
            continue;
        }
        held.push(Thing::Key(name.clone(), index.name.clone()));
        if let Some(before) = all.find(|before| before.name == index.name) {
            needed.extend(before.depends_on.iter().cloned());
            let columns = before.columns.iter();
            needed.extend(columns.map(|column| Thing::Column(name.clone(), column.clone())));
            indexes.push(before.clone());
        }
    }
    table.indexes = indexes;
}
