//! Names compare without case in SQLite, and so do types and collations. Pure.

use std::collections::BTreeMap;

use crate::autogenerate::rename::Renames;
use crate::autogenerate::schema::{Name, ObjectId, Schema, Thing};

/// `desired` in the spelling of `live`, so that what differs in case only is no difference. What only `desired` has
/// keeps its own spelling.
pub(crate) fn like(live: &Schema, desired: Schema) -> Schema {
    let lower = |name: &str| name.to_ascii_lowercase();
    let tables: BTreeMap<String, &Name> = live
        .tables
        .keys()
        .map(|name| (lower(&name.name), name))
        .collect();
    let mut spelt = Renames::default();
    for (name, table) in &desired.tables {
        let Some(known) = tables.get(&lower(&name.name)) else {
            continue;
        };
        if *known != name {
            spelt.tables.push((name.clone(), (*known).clone()));
        }
        let columns = live.tables.get(known).map(|table| &table.columns);
        for column in &table.columns {
            let known_column = columns.into_iter().flatten().find(|other| {
                other.name != column.name && other.name.eq_ignore_ascii_case(&column.name)
            });
            if let Some(other) = known_column {
                let renamed = ((*known).clone(), column.name.clone(), other.name.clone());
                spelt.columns.push(renamed);
            }
        }
    }
    let (mut desired, _) = spelt.apply(&desired);
    spell_parts(live, &mut desired);
    spell_objects(live, &mut desired);
    desired
}

fn spell_parts(live: &Schema, desired: &mut Schema) {
    for (name, table) in &mut desired.tables {
        let Some(known) = live.tables.get(name) else {
            continue;
        };
        for column in &mut table.columns {
            let Some(other) = known.column(&column.name) else {
                continue;
            };
            adopt(&mut column.data_type, [&other.data_type]);
            if let Some(collation) = &mut column.collation {
                adopt(collation, &other.collation);
            }
        }
        for constraint in &mut table.constraints {
            if let Some(name) = &mut constraint.name {
                let names = known.constraints.iter();
                adopt(name, names.filter_map(|other| other.name.as_ref()));
            }
        }
        for index in &mut table.indexes {
            let names = known.indexes.iter().map(|other| &other.name);
            adopt(&mut index.name, names);
        }
    }
}

fn spell_objects(live: &Schema, desired: &mut Schema) {
    let key = |id: &ObjectId| {
        let on = id.on.as_ref().map(|on| on.to_ascii_lowercase());
        (id.kind, id.name.name.to_ascii_lowercase(), on)
    };
    let known: BTreeMap<_, &ObjectId> = live.objects.keys().map(|id| (key(id), id)).collect();
    let spelt = |id: &ObjectId| {
        known
            .get(&key(id))
            .map_or_else(|| id.clone(), |id| (*id).clone())
    };
    let objects = std::mem::take(&mut desired.objects);
    for (id, mut object) in objects {
        object.id = spelt(&id);
        object.depends_on = object
            .depends_on
            .into_iter()
            .map(|thing| match thing {
                Thing::Object(id) => Thing::Object(spelt(&id)),
                other => other,
            })
            .collect();
        desired.objects.insert(object.id.clone(), object);
    }
}

fn adopt<'a>(name: &mut String, known: impl IntoIterator<Item = &'a String>) {
    let mut known = known.into_iter();
    if let Some(known) = known.find(|known| known.eq_ignore_ascii_case(name)) {
        known.clone_into(name);
    }
}
