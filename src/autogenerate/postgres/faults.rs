//! Parts of a schema that PostgreSQL would refuse, and which of them are to blame. Pure: a schema alone is looked at, no change.

use std::collections::BTreeSet;

use crate::autogenerate::schema::{Schema, Thing};
use crate::autogenerate::settle::{Fault, Part};

/// All about what is not compared: the database has it as it is.
pub(crate) fn faults(schema: &Schema) -> Vec<Fault> {
    let mut faults = Vec::new();
    let missing = |needs: &BTreeSet<Thing>| -> Option<String> {
        needs.iter().find_map(|thing| match thing {
            Thing::Other(words) if !schema.not_compared.contains(words) => Some(words.clone()),
            _ => None,
        })
    };
    let mut blame = |needs: &BTreeSet<Thing>, parts: Vec<Part>| {
        if let Some(words) = missing(needs) {
            let reason =
                format!("it needs the {words}, which limbeck does not make: make it first");
            faults.push(Fault::new(reason, parts));
        }
    };
    for (name, table) in &schema.tables {
        // A new table comes with its parts.
        let with = |part: Part| vec![part, Part::Table(name.clone())];
        blame(&table.depends_on, vec![Part::Table(name.clone())]);
        for column in &table.columns {
            let part = Part::Column(name.clone(), column.name.clone());
            blame(&column.depends_on, with(part));
        }
        for constraint in &table.constraints {
            let part = Part::Constraint(name.clone(), constraint.clone());
            blame(&constraint.depends_on, with(part));
        }
        for index in &table.indexes {
            let part = Part::Index(name.clone(), index.clone());
            blame(&index.depends_on, with(part));
        }
    }
    for (id, object) in &schema.objects {
        blame(&object.depends_on, vec![Part::Object(id.clone())]);
    }
    faults
}
