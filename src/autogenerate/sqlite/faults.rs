//! Parts of a schema that SQLite would refuse, and which of them are to blame. Pure: a schema alone is looked at, no change.

use super::types::is_strict_type;
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Constraint, ConstraintKind, Index, Name, Schema, Table, Thing};
use crate::autogenerate::settle::{Fault, Part, has_column, same_columns};
use crate::dialect::Dialect;
use crate::sql::pieces;

pub(crate) fn faults(schema: &Schema) -> Vec<Fault> {
    let mut faults = Vec::new();
    for table in schema.tables.values() {
        columns(table, &mut faults);
        primary_key(table, &mut faults);
        for constraint in &table.constraints {
            if let Some(column) = missing(table, &constraint.columns) {
                let part = Part::Constraint(table.name.clone(), constraint.clone());
                faults.push(waits_for_column(&table.name, column, part));
            }
            faults.extend(foreign_key(schema, table, constraint));
        }
        for index in &table.indexes {
            if let Some(column) = missing(table, &index.columns) {
                let part = Part::Index(table.name.clone(), index.clone());
                faults.push(waits_for_column(&table.name, column, part));
            }
        }
    }
    for object in schema.objects.values() {
        for thing in &object.depends_on {
            if let Thing::Column(name, column) = thing
                && let Some(table) = schema.tables.get(name)
                && !has_column(table, column)
            {
                let part = Part::Object(object.id.clone());
                faults.push(waits_for_column(name, column, part));
            }
        }
    }
    faults
}

fn columns(table: &Table, faults: &mut Vec<Fault>) {
    let is_strict = table.attributes.contains_key("strict");
    for column in &table.columns {
        let part = || Part::Column(table.name.clone(), column.name.clone());
        if is_strict && !is_strict_type(&column.data_type) {
            let reason = format!("it waits for the table {}, which stays STRICT", table.name);
            let attribute = Part::Attribute(table.name.clone(), "strict");
            faults.push(Fault::new(reason, [part(), attribute]));
        }
        let names = |text: &Sql| text.names(Dialect::Sqlite);
        let read = column.generated.as_ref().map(|it| names(&it.expression));
        for name in read.unwrap_or_default() {
            if !has_column(table, &name) {
                let fault = waits_for_column(&table.name, &name, part());
                faults.push(fault.if_column(table.name.clone(), name));
            }
        }
    }
}

fn primary_key(table: &Table, faults: &mut Vec<Fault>) {
    let keys: Vec<&Constraint> = table
        .constraints
        .iter()
        .filter(|one| one.kind == ConstraintKind::Primary)
        .collect();
    let part = |key: &&Constraint| Part::Constraint(table.name.clone(), (*key).clone());
    if keys.len() > 1 {
        let reason = format!("it waits for the old primary key of {}", table.name);
        faults.push(Fault::new(reason, keys.iter().map(part)));
    }
    // Without a rowid there has to be a key.
    if keys.is_empty() && table.attributes.contains_key("without_rowid") {
        let reason = format!("it waits for the primary key of {}", table.name);
        let attribute = Part::Attribute(table.name.clone(), "without_rowid");
        let key = Part::PrimaryKey(table.name.clone());
        faults.push(Fault::new(reason, [attribute, key]));
    }
    for key in &keys {
        let is_generated = |name: &&String| {
            let mut columns = table.columns.iter();
            let column = columns.find(|one| one.name.eq_ignore_ascii_case(name));
            column.is_some_and(|column| column.generated.is_some())
        };
        if let Some(column) = key.columns.iter().find(is_generated) {
            let mut fault = waits_for_column(&table.name, column, part(key));
            fault
                .blamed
                .push(Part::Column(table.name.clone(), column.clone()));
            faults.push(fault);
        }
    }
}

/// A foreign key points at a key of the same columns, in any order; written without columns, at the primary key.
fn foreign_key(schema: &Schema, table: &Table, constraint: &Constraint) -> Option<Fault> {
    let other = constraint.references.as_ref()?;
    let target = schema.tables.get(&other.table)?;
    let own = Part::Constraint(table.name.clone(), constraint.clone());
    if let Some(column) = missing(target, &other.columns) {
        return Some(waits_for_column(&target.name, column, own));
    }
    let is_primary = |one: &Constraint| one.kind == ConstraintKind::Primary;
    let by_constraint = |one: &Constraint| match other.implicit {
        true => is_primary(one) && one.columns == other.columns,
        false => one.is_key() && same_columns(&one.columns, &other.columns),
    };
    let by_index = |index: &Index| {
        !other.implicit
            && index.unique
            && same_columns(&index.columns, &other.columns)
            && is_plain(target, index)
    };
    if target.constraints.iter().any(by_constraint) || target.indexes.iter().any(by_index) {
        return None;
    }
    let reason = format!(
        "it waits for a foreign key of {}, or for its key",
        table.name
    );
    let key = Part::KeyOf(target.name.clone(), other.columns.clone());
    Some(Fault::new(reason, [own, key]))
}

/// An index of columns alone, in the columns' own collations, and of all rows: only that serves a foreign key
/// (<https://sqlite.org/foreignkeys.html>, section 3).
fn is_plain(table: &Table, index: &Index) -> bool {
    let words = pieces(Dialect::Sqlite, index.definition.as_str());
    let mut collation: Option<&str> = None;
    for (at, word) in words.iter().enumerate() {
        if at > 0 && words[at - 1].is("COLLATE") {
            let own = collation.unwrap_or("BINARY");
            let is_own = |name: &str| name.eq_ignore_ascii_case(own);
            if !word.name().is_some_and(|name| is_own(&name)) {
                return false;
            }
        } else if word.is("WHERE") || word.name().is_none() && !matches!(word.text, "(" | ")" | ",")
        {
            return false;
        } else if let Some(column) = word.name().and_then(|name| table.column(&name)) {
            collation = column.collation.as_deref();
        }
    }
    true
}

fn missing<'n>(table: &Table, names: &'n [String]) -> Option<&'n String> {
    names.iter().find(|name| !has_column(table, name))
}

fn waits_for_column(table: &Name, column: &str, part: Part) -> Fault {
    Fault::new(format!("it waits for the column {table}.{column}"), [part])
}
