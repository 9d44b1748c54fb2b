//! What cannot be as desired because something under it is withheld. Pure.

use std::collections::BTreeSet;

use super::change::{Change, Class};
use super::compare::differences;
use super::schema::{Name, ObjectId, Schema, Thing};
use super::withhold::without;

/// Classes what stands on something withheld as that is: so what is withheld is all that remains.
pub(super) fn wait(from: &Schema, to: &Schema, changes: &mut [Change]) {
    for class in [Class::Manual, Class::Lossy] {
        loop {
            let withheld = changes.iter().filter(|change| change.class >= class);
            if withheld.clone().next().is_none() {
                break;
            }
            let kept = without(from, to, withheld);
            let remaining: BTreeSet<String> = differences(&kept, to, &BTreeSet::new())
                .iter()
                .map(|change| change.operation.to_string())
                .collect();
            let mut is_new = false;
            for change in changes.iter_mut().filter(|change| change.class < class) {
                if remaining.contains(&change.operation.to_string()) {
                    change.class = class;
                    change.reason = Some("it stands on something that stays as it is".to_owned());
                    is_new = true;
                }
            }
            if !is_new {
                break;
            }
        }
    }
}

/// Takes out of `kept` what is new or changed and stands on one of `held`, which stays as it was: a check on a column
/// whose type is withheld, a view on it, what stands on these. What was there before stays; the things that it needs
/// are returned.
pub(super) fn hold_dependents(
    from: &Schema,
    kept: &mut Schema,
    mut held: Vec<Thing>,
) -> Vec<Thing> {
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
            let stands = object.depends_on.contains(&thing);
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
    // A new partition of a table whose partitioning is withheld.
    if old.is_none() && table.depends_on.contains(thing) {
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
