//! Changes that wait for others which are withheld. Pure.
//!
//! A schema on the way has each of its parts from `from` or from `to`. The engine says what its database would refuse in
//! that schema, and which parts are to blame; the changes that made those parts what they are wait too. A database held
//! `from`, so nothing there is refused, and each round withholds one change more: the loop ends, at the latest where
//! nothing is changed at all.

use std::collections::HashSet;

use super::change::{Change, Class, Operation};
use super::compare::differences;
use super::engine::faults;
use super::schema::{Constraint, ConstraintKind, Index, Name, ObjectId, Schema, Table, Thing};
use super::withhold::without;

/// Something that a database would refuse in a schema.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    /// As the reason of a change that waits.
    pub reason: String,
    pub blamed: Vec<Part>,
    /// The column that is missing, where only a text names it: the name may be a function's or a keyword.
    column: Option<(Name, String)>,
}

/// A part of a schema that can be as it was before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Table(Name),
    Column(Name, String),
    Constraint(Name, Constraint),
    Index(Name, Index),
    Attribute(Name, &'static str),
    Object(ObjectId),
    /// The primary key that the table had or gets.
    PrimaryKey(Name),
    /// The key on these columns that the table had or gets.
    KeyOf(Name, Vec<String>),
    /// A thing that is not there any more.
    Gone(Thing),
}

impl Fault {
    pub(crate) fn new(reason: String, blamed: impl IntoIterator<Item = Part>) -> Self {
        Fault {
            reason,
            blamed: blamed.into_iter().collect(),
            column: None,
        }
    }

    /// The fault only exists where this is a column in one of the two schemas.
    pub(crate) fn if_column(self, table: Name, column: String) -> Self {
        Fault {
            column: Some((table, column)),
            ..self
        }
    }

    fn counts(&self, from: &Schema, to: &Schema) -> bool {
        self.column.as_ref().is_none_or(|(table, name)| {
            let has = |schema: &Schema| {
                let table = schema.tables.get(table);
                table.is_some_and(|table| has_column(table, name))
            };
            has(from) || has(to)
        })
    }

    /// Tells whether the change is why a blamed part is as it is.
    fn is_due_to(&self, operation: &Operation) -> bool {
        self.blamed.iter().any(|part| part.is_due_to(operation))
    }
}

impl Part {
    fn is_due_to(&self, operation: &Operation) -> bool {
        use Operation as Of;
        match (self, operation) {
            (Part::Table(table), Of::CreateTable(of)) => table == of,
            (Part::Gone(thing), operation) => operation.drops().as_ref() == Some(thing),
            (
                Part::Column(table, name),
                Of::AddColumn { table: of, column }
                | Of::AlterColumn {
                    table: of, column, ..
                },
            ) => table == of && name == column,
            (
                Part::Attribute(table, name),
                Of::AlterTable {
                    table: of,
                    attributes,
                    ..
                },
            ) => table == of && attributes.contains(name),
            (
                Part::Constraint(table, part),
                Of::AddConstraint {
                    table: of,
                    constraint,
                }
                | Of::AlterConstraint {
                    table: of,
                    to: constraint,
                    ..
                },
            ) => table == of && part == constraint,
            (
                Part::Index(table, part),
                Of::AddIndex { table: of, index }
                | Of::AlterIndex {
                    table: of,
                    to: index,
                    ..
                },
            ) => table == of && part == index,
            (Part::Object(id), Of::CreateObject(of) | Of::AlterObject(of)) => id == of,
            (
                Part::PrimaryKey(table),
                Of::DropConstraint {
                    table: of,
                    constraint,
                },
            ) => table == of && constraint.kind == ConstraintKind::Primary,
            (
                Part::KeyOf(table, columns),
                Of::DropConstraint {
                    table: of,
                    constraint,
                }
                | Of::AlterConstraint {
                    table: of,
                    from: constraint,
                    ..
                },
            ) => table == of && constraint.is_key() && same_columns(&constraint.columns, columns),
            (
                Part::KeyOf(table, columns),
                Of::DropIndex { table: of, index }
                | Of::AlterIndex {
                    table: of,
                    from: index,
                    ..
                },
            ) => table == of && index.unique && same_columns(&index.columns, columns),
            _ => false,
        }
    }
}

/// The same columns, in any order.
pub(crate) fn same_columns(one: &[String], other: &[String]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

pub(crate) fn has_column(table: &Table, name: &str) -> bool {
    let mut columns = table.columns.iter();
    columns.any(|column| column.name.eq_ignore_ascii_case(name))
}

/// Classes each change that waits as the change that it waits for: exactly the withheld changes remain then.
pub(super) fn settle(from: &Schema, to: &Schema, changes: &mut [Change]) {
    let is_other = !to.not_compared.is_subset(&from.not_compared) || !from.needed.is_empty();
    if !is_other && changes.iter().all(|change| change.class == Class::Safe) {
        return;
    }
    // A database may hold what it refuses to make, such as a foreign key to no key: no change of ours is to blame.
    let known: Vec<Fault> = [from, to].into_iter().flat_map(faults).collect();
    for class in [Class::Manual, Class::Lossy] {
        loop {
            let withheld = changes.iter().filter(|change| change.class >= class);
            if class == Class::Lossy && withheld.clone().next().is_none() {
                break;
            }
            let kept = without(from, to, withheld);
            let mut wrong = faults(&kept);
            wrong.retain(|fault| fault.counts(from, to) && !known.contains(fault));
            let remaining = differences(&kept, to, &Default::default());
            let remaining: HashSet<&Operation> =
                remaining.iter().map(|change| &change.operation).collect();
            let mut is_new = false;
            for change in changes.iter_mut().filter(|change| change.class < class) {
                let fault = wrong
                    .iter()
                    .find(|fault| fault.is_due_to(&change.operation));
                let reason = match fault {
                    Some(fault) => fault.reason.clone(),
                    None if remaining.contains(&change.operation) => {
                        "it stands on something that stays as it is".to_owned()
                    }
                    None => continue,
                };
                change.class = class;
                change.reason = Some(reason);
                is_new = true;
            }
            if !is_new {
                break;
            }
        }
    }
}

/// Leaves out the foreign keys of new tables that are to blame: they come with what they wait for.
pub(super) fn strip(from: &Schema, to: &Schema, kept: &mut Schema) {
    let known = faults(to);
    let mut wrong = faults(kept);
    wrong.retain(|fault| !known.contains(fault));
    for part in wrong.into_iter().flat_map(|fault| fault.blamed) {
        if let Part::Constraint(name, constraint) = part
            && constraint.references.is_some()
            && !from.tables.contains_key(&name)
            && let Some(table) = kept.tables.get_mut(&name)
        {
            table.constraints.retain(|one| *one != constraint);
        }
    }
}
