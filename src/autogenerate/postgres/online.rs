//! Forms that do not lock large tables for long, as schemas on the way.
//!
//! First everything but what reads whole tables: new checks and foreign keys are not validated, what becomes NOT NULL
//! gets such a check. Then indexes, concurrently, those of new keys among them. Then the checks are validated and the
//! keys take their indexes; and last, NOT NULL is set on the strength of the check, which goes.

use std::collections::BTreeSet;

use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{
    Attributes, Constraint, ConstraintKind, Index, Schema, Table, Thing,
};

/// The stages before the last, which is `to`.
pub(super) fn split(from: &Schema, to: &Schema, stages: &mut Vec<Schema>) {
    let mut first = to.clone();
    let mut indexed = to.clone();
    let mut validated = to.clone();
    let (mut is_split, mut has_indexes, mut has_not_null) = (false, false, false);
    let needed = needed_keys(to);
    for (name, new) in &to.tables {
        let Some(old) = from.tables.get(name) else {
            continue;
        };
        // Neither form is there for partitioned tables.
        if new.attributes.contains_key("partition_by")
            || old.attributes.contains_key("partition_by")
        {
            continue;
        }
        let is_needed = |key: &str| needed.contains(&(name, key));
        let mut before = new.clone();
        before.constraints.clear();
        let mut keys = Vec::new();
        for constraint in &new.constraints {
            let is_there = old.constraints.iter().any(|one| one.does_same(constraint));
            let key = constraint.name.as_deref().unwrap_or_default();
            match constraint.kind {
                ConstraintKind::Check | ConstraintKind::Foreign
                    if !is_there && !is_unchecked(constraint) =>
                {
                    before.constraints.push(unchecked(constraint));
                    is_split = true;
                }
                ConstraintKind::Unique | ConstraintKind::Primary
                    if !is_there && !is_needed(key) =>
                {
                    match index_of(constraint) {
                        Some(index) => {
                            keys.push(index);
                            has_indexes = true;
                        }
                        None => before.constraints.push(constraint.clone()),
                    }
                }
                _ => before.constraints.push(constraint.clone()),
            }
        }
        let strict: Vec<String> = new
            .columns
            .iter()
            .filter(|column| {
                let was = old.column(&column.name).is_some_and(|old| old.nullable);
                !column.nullable
                    && was
                    && column.identity.is_none()
                    && column.generated.is_none()
                    && !column.attributes.contains_key("inherited")
            })
            .map(|column| column.name.clone())
            .collect();
        for column in &strict {
            loosen(&mut before, column);
            before.constraints.push(not_null(new, column, true));
            is_split = true;
            has_not_null = true;
        }
        let mut within = before.clone();
        before.indexes.retain(|index| {
            old.indexes.iter().any(|one| one.does_same(index)) || is_needed(&index.name)
        });
        has_indexes |= before.indexes.len() != within.indexes.len();
        let mut after = new.clone();
        // A primary key wants NOT NULL first.
        after
            .constraints
            .retain(|one| !keys.iter().any(|key| Some(&key.name) == one.name.as_ref()));
        after.indexes.extend(keys.iter().cloned());
        within.indexes.extend(keys);
        for column in &strict {
            loosen(&mut after, column);
            after.constraints.push(not_null(new, column, false));
        }
        first.tables.insert(name.clone(), before);
        indexed.tables.insert(name.clone(), within);
        validated.tables.insert(name.clone(), after);
    }
    if !is_split && !has_indexes {
        return;
    }
    stages.push(first);
    if has_indexes {
        indexed.concurrently = true;
        stages.push(indexed);
    }
    if has_not_null {
        stages.push(validated);
    }
}

/// Keys that something else stands on, which has to find them.
fn needed_keys(to: &Schema) -> BTreeSet<(&crate::autogenerate::schema::Name, &str)> {
    let of_tables = to.tables.values().flat_map(|table| {
        let constraints = table.constraints.iter().flat_map(|one| &one.depends_on);
        constraints.chain(table.indexes.iter().flat_map(|one| &one.depends_on))
    });
    let of_objects = to.objects.values().flat_map(|object| &object.depends_on);
    of_tables
        .chain(of_objects)
        .filter_map(|thing| match thing {
            Thing::Key(table, key) => Some((table, key.as_str())),
            _ => None,
        })
        .collect()
}

fn is_unchecked(constraint: &Constraint) -> bool {
    constraint.definition.as_str().ends_with(" NOT VALID")
}

fn unchecked(constraint: &Constraint) -> Constraint {
    Constraint {
        definition: Sql::exact(format!("{} NOT VALID", constraint.definition)),
        ..constraint.clone()
    }
}

fn loosen(table: &mut Table, column: &str) {
    if let Some(column) = table.columns.iter_mut().find(|one| one.name == column) {
        column.nullable = true;
    }
}

fn not_null(table: &Table, column: &str, is_new: bool) -> Constraint {
    let mut name = format!("{}_{column}_not_null", table.name.name);
    while name.len() > 63 {
        name.pop();
    }
    let column_sql = super::names::ident(column);
    let state = if is_new { " NOT VALID" } else { "" };
    Constraint {
        name: Some(name),
        kind: ConstraintKind::Check,
        definition: Sql::exact(format!("CHECK (({column_sql} IS NOT NULL)){state}")),
        columns: vec![column.to_owned()],
        references: None,
        comment: None,
        depends_on: BTreeSet::new(),
    }
}

/// The index that a key can take: it must be the key's own in everything.
pub(super) fn index_of(constraint: &Constraint) -> Option<Index> {
    let definition = constraint.definition.as_str();
    let rest = definition
        .strip_prefix("PRIMARY KEY ")
        .or_else(|| definition.strip_prefix("UNIQUE "))?;
    let is_plain = rest.starts_with('(') && (rest.ends_with(')') || rest.contains(" DEFERRABLE"));
    let keys = rest.split(" DEFERRABLE").next()?;
    (is_plain && !constraint.columns.is_empty()).then(|| Index {
        name: constraint.name.clone().unwrap_or_default(),
        unique: true,
        definition: Sql::exact(format!("USING btree {keys}")),
        columns: constraint.columns.clone(),
        comment: None,
        attributes: Attributes::new(),
        depends_on: BTreeSet::new(),
    })
}
