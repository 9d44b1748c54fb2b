//! Changes of types and functions: their class by what becomes of data, and those that the server never allows. Pure.

use std::collections::BTreeSet;

use crate::autogenerate::change::Class;
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Name, Object, ObjectId, ObjectKind, Schema, Thing};

use super::names::quoted;

pub(crate) fn alteration(from: &Schema, old: &Object, new: &Object) -> (Class, Option<String>) {
    let manual = |reason: String| (Class::Manual, Some(reason));
    if new.id.kind == ObjectKind::Enum
        && let Some(reason) = lost_values(old, new)
    {
        return manual(reason);
    }
    let both_ways = |check: fn(&Schema, &Object, &Object) -> bool| {
        check(from, old, new) || check(from, new, old)
    };
    if both_ways(is_made_anew)
        && let Some(table) = partitioned_by(from, &old.id)
    {
        return manual(format!(
            "the rows of {table} are partitioned by it: there and back it would have to be made anew"
        ));
    }
    if checks_container(from, old, new) {
        return manual(
            "arrays, rows or other domains hold values of it, which the server does not check there".to_owned(),
        );
    }
    let thing = Thing::Object(old.id.clone());
    let other = from
        .needed
        .iter()
        .find(|(_, needed)| needed.contains(&thing));
    if let Some((words, _)) = other.filter(|_| both_ways(is_made_anew)) {
        return manual(format!(
            "the {words}, which limbeck does not change, needs it as it is"
        ));
    }
    match new.id.kind {
        ObjectKind::CompositeType => {
            let typed = typed_tables(from, &old.id).next();
            if let Some(table) = typed.filter(|_| both_ways(is_made_anew)) {
                return manual(format!(
                    "the table {table} is of this type, which would have to be made anew"
                ));
            }
            // Rows hold values of it.
            let gone = old.labels.iter().find(|label| !new.labels.contains(label));
            match gone {
                Some(gone) => (
                    Class::Lossy,
                    Some(format!("values of the type lose `{gone}` as it is")),
                ),
                None => (Class::Safe, None),
            }
        }
        _ => (Class::Safe, None),
    }
}

/// Values may be added anywhere, and the others keep their order.
fn lost_values(old: &Object, new: &Object) -> Option<String> {
    if is_subsequence(&old.labels, &new.labels) {
        return None;
    }
    let gone = old
        .labels
        .iter()
        .filter(|label| !new.labels.contains(label));
    let gone: Vec<&str> = gone.map(String::as_str).collect();
    let values = match &gone[..] {
        [] => {
            return Some(
                "its values stand in another order, which rows and indexes depend on".to_owned(),
            );
        }
        [one] => format!("the value `{one}` is"),
        several => format!("the values `{}` are", several.join("`, `")),
    };
    Some(format!(
        "{values} removed or renamed: which, and what becomes of rows that hold it, only a person knows"
    ))
}

/// Tells whether the server cannot alter an object in place: a new one takes its name.
pub(super) fn is_made_anew(schema: &Schema, old: &Object, new: &Object) -> bool {
    let differs = |key: &str| old.attributes.get(key) != new.attributes.get(key);
    match new.id.kind {
        ObjectKind::Enum => !is_subsequence(&old.labels, &new.labels),
        ObjectKind::Domain => {
            differs("type") || differs("collation") || checks_container(schema, old, new)
        }
        ObjectKind::CompositeType => {
            let name = |label: &str| super::lower::first_word(label).to_owned();
            let is_retyped = |label: &&String| {
                let name_of = name(label);
                !new.labels.contains(label) && new.labels.iter().any(|one| name(one) == name_of)
            };
            let changed = old.labels.iter().any(|label| is_retyped(&label));
            let only_typed =
                typed_tables(schema, &old.id).next().is_some() && !is_used(schema, &old.id);
            let kept: Vec<String> = old.labels.iter().map(|one| name(one)).collect();
            let kept: Vec<String> = kept
                .into_iter()
                .filter(|one| new.labels.iter().any(|other| name(other) == *one))
                .collect();
            let in_order = new
                .labels
                .iter()
                .zip(&kept)
                .all(|(one, other)| name(one) == *other);
            !in_order || changed && !only_typed
        }
        ObjectKind::Function | ObjectKind::Procedure => differs("signature"),
        _ => false,
    }
}

/// Tells whether the server would have to check values of a domain where it cannot.
fn checks_container(schema: &Schema, old: &Object, new: &Object) -> bool {
    let is_new = |check: &&String| !old.labels.contains(check) && !check.ends_with(" NOT VALID");
    let not_null = |domain: &Object| domain.attributes.contains_key("not_null");
    new.id.kind == ObjectKind::Domain
        && (new.labels.iter().any(|check| is_new(&check)) || not_null(new) && !not_null(old))
        && is_in_container(schema, &old.id)
}

/// Tells whether values of a domain stand in arrays, rows or other domains: the server cannot check those
/// (`find_composite_type_dependencies`).
fn is_in_container(schema: &Schema, id: &ObjectId) -> bool {
    let thing = Thing::Object(id.clone());
    let plain = quoted(&id.name);
    let columns = schema.tables.values().flat_map(|table| &table.columns);
    let mut columns = columns.filter(|column| column.depends_on.contains(&thing));
    let mut objects = schema.objects.values();
    columns.any(|column| column.data_type != plain && column.data_type.ends_with("[]"))
        || objects.any(|object| {
            let is_type = matches!(
                object.id.kind,
                ObjectKind::Domain | ObjectKind::CompositeType
            );
            is_type && object.depends_on.contains(&thing)
        })
}

/// The tables `OF` this type.
pub(super) fn typed_tables<'s>(
    schema: &'s Schema,
    id: &ObjectId,
) -> impl Iterator<Item = &'s Name> {
    let name = quoted(&id.name);
    let tables = schema.tables.values();
    let tables = tables.filter(move |table| table.attributes.get("of_type") == Some(&name));
    tables.map(|table| &table.name)
}

/// Tells whether a column, another type or a routine has the type, beside the tables of this type.
fn is_used(schema: &Schema, id: &ObjectId) -> bool {
    let thing = Thing::Object(id.clone());
    let mut objects = schema.objects.values();
    let mut tables = schema.tables.values();
    objects.any(|object| object.depends_on.contains(&thing))
        || tables.any(|table| {
            let is_typed = table.attributes.contains_key("of_type");
            let mut columns = table.columns.iter();
            !is_typed && columns.any(|column| column.depends_on.contains(&thing))
        })
}

/// The table whose partition key needs it: the server changes nothing there.
fn partitioned_by(schema: &Schema, id: &ObjectId) -> Option<Name> {
    let mut needed = BTreeSet::from([Thing::Object(id.clone())]);
    loop {
        let more = schema.objects.values().filter(|object| {
            let is_type = matches!(
                object.id.kind,
                ObjectKind::Domain | ObjectKind::CompositeType | ObjectKind::Function
            );
            is_type && object.depends_on.iter().any(|thing| needed.contains(thing))
        });
        let more: Vec<Thing> = more
            .map(|object| Thing::Object(object.id.clone()))
            .collect();
        let before = needed.len();
        needed.extend(more);
        if needed.len() == before {
            break;
        }
    }
    let mut tables = schema.tables.values();
    let table = tables.find(|table| {
        let Some(key) = table.attributes.get("partition_by") else {
            return false;
        };
        let names = Sql::exact(key.clone()).names(schema.dialect);
        let mut columns = table.columns.iter().filter(|one| names.contains(&one.name));
        table.depends_on.iter().any(|thing| needed.contains(thing))
            || columns.any(|one| one.depends_on.iter().any(|thing| needed.contains(thing)))
    });
    table.map(|table| table.name.clone())
}

pub(super) fn is_subsequence(short: &[String], long: &[String]) -> bool {
    let mut rest = long.iter();
    short.iter().all(|label| rest.any(|other| other == label))
}
