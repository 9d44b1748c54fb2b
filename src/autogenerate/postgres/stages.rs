//! Where one revision cannot do it.

use crate::autogenerate::schema::{ObjectKind, Schema};

pub(crate) fn stages(from: &Schema, to: &Schema, online: bool) -> Vec<Schema> {
    let mut stages = Vec::new();
    stages.extend(enums_first(from, to));
    if online {
        super::online::split(from, to, &mut stages);
    }
    stages.push(to.clone());
    stages
}

/// `from` with the values that its enums get, where something in `to` may use one: no statement of the transaction
/// that adds a value may.
fn enums_first(from: &Schema, to: &Schema) -> Option<Schema> {
    let mut first = from.clone();
    let mut added: Vec<String> = Vec::new();
    for (id, object) in &mut first.objects {
        let Some(new) = to.objects.get(id).filter(|_| id.kind == ObjectKind::Enum) else {
            continue;
        };
        let is_grown = object.labels.len() < new.labels.len()
            && object.labels.iter().all(|label| new.labels.contains(label));
        if is_grown {
            let fresh = new
                .labels
                .iter()
                .filter(|label| !object.labels.contains(label));
            added.extend(fresh.cloned());
            object.labels.clone_from(&new.labels);
        }
    }
    (!added.is_empty() && uses(&first, to, &added)).then_some(first)
}

/// Whether something that is made on the way names one of the labels, or turns values into an enum's.
fn uses(from: &Schema, to: &Schema, labels: &[String]) -> bool {
    let quoted: Vec<String> = labels
        .iter()
        .map(|label| format!("'{}'", label.replace('\'', "''")))
        .collect();
    let names = |text: &str| quoted.iter().any(|label| text.contains(label.as_str()));
    for (id, object) in &to.objects {
        let is_same = from.objects.get(id).is_some_and(|old| old.is_same(object));
        let attributes = object.attributes.values();
        if !is_same
            && (names(object.definition.as_str())
                || attributes.chain(&object.labels).any(|text| names(text)))
            && id.kind != ObjectKind::Enum
        {
            return true;
        }
    }
    for (name, table) in &to.tables {
        let old = from.tables.get(name);
        for column in &table.columns {
            let before = old.and_then(|old| old.column(&column.name));
            let is_converted = before.is_some_and(|before| before.data_type != column.data_type);
            let default = column.default.as_ref();
            let generated = column.generated.as_ref().map(|one| &one.expression);
            let is_new = before.is_none_or(|before| !before.is_same(column));
            let texts = default.into_iter().chain(generated);
            let needs_enum = column.depends_on.iter().any(|thing| {
                matches!(thing, crate::autogenerate::schema::Thing::Object(id) if id.kind == ObjectKind::Enum)
            });
            if (is_converted && needs_enum) || (is_new && texts.map(|sql| sql.as_str()).any(names))
            {
                return true;
            }
        }
        let constraints = table.constraints.iter().filter(|one| {
            !old.is_some_and(|old| old.constraints.iter().any(|before| before.does_same(one)))
        });
        let indexes = table.indexes.iter().filter(|one| {
            !old.is_some_and(|old| old.indexes.iter().any(|before| before.does_same(one)))
        });
        let definitions = constraints
            .map(|one| one.definition.as_str())
            .chain(indexes.map(|one| one.definition.as_str()));
        let attributes = table.attributes.values().map(String::as_str);
        if definitions
            .chain(attributes.filter(|_| old.is_none()))
            .any(names)
        {
            return true;
        }
    }
    false
}
