//! From the catalog's rows to the model. Pure.

mod objects;
mod tables;

use std::collections::BTreeSet;

use super::text::{Own, names};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Name, ObjectId, ObjectKind, Schema, Thing};
use crate::backend::StatementResult;
use crate::dialect::Dialect;

/// A row's cells by their place; NULL is empty unless it matters.
#[derive(Clone, Copy)]
struct Row<'a>(&'a [Option<String>]);

impl<'a> Row<'a> {
    fn get(self, at: usize) -> Option<&'a str> {
        self.0.get(at)?.as_deref()
    }

    fn text(self, at: usize) -> &'a str {
        self.get(at).unwrap_or_default()
    }

    /// None where it is empty.
    fn word(self, at: usize) -> Option<&'a str> {
        self.get(at).filter(|text| !text.is_empty())
    }
}

fn rows(result: &StatementResult) -> impl Iterator<Item = Row<'_>> {
    result.rows.iter().map(|row| Row(row))
}

/// What the third message brought.
#[derive(Default)]
pub(super) struct Details {
    /// `SHOW CREATE TABLE` of each that was asked.
    pub tables: Vec<(Name, String)>,
    pub sequences: Vec<Vec<Option<String>>>,
}

/// A schema that is being read.
pub(super) struct Reading {
    dialect: Dialect,
    own: Own,
    schema: Schema,
    /// The names of tables, views and sequences, which share one space.
    relations: BTreeSet<String>,
    views: BTreeSet<String>,
    sequences: Vec<Name>,
    /// Tables of which only their `SHOW CREATE` tells everything.
    unclear: BTreeSet<Name>,
}

impl Reading {
    pub(super) fn new(dialect: Dialect, own: Own, results: &[StatementResult]) -> Self {
        let mut reading = Reading {
            dialect,
            own,
            schema: Schema::new(dialect),
            relations: BTreeSet::new(),
            views: BTreeSet::new(),
            sequences: Vec::new(),
            unclear: BTreeSet::new(),
        };
        let [
            tables,
            columns,
            indexes,
            key_columns,
            foreign,
            checks,
            views,
            routines,
            parameters,
            triggers,
            events,
        ] = results
        else {
            return reading;
        };
        reading.tables(tables);
        reading.columns(columns);
        reading.indexes(indexes);
        reading.foreign_keys(foreign, key_columns);
        reading.checks(checks);
        reading.routines(routines, parameters);
        reading.views(views);
        reading.triggers(triggers);
        reading.events(events);
        reading
    }

    /// Of which tables `SHOW CREATE` is wanted, and of which sequences the options.
    pub(super) fn wanted(&self) -> (Vec<Name>, Vec<Name>) {
        (
            self.unclear.iter().cloned().collect(),
            self.sequences.clone(),
        )
    }

    pub(super) fn finish(mut self, details: &Details) -> Schema {
        for (table, text) in &details.tables {
            self.clear_up(table, text);
        }
        for row in &details.sequences {
            self.sequence(Row(row));
        }
        self.dependencies();
        self.schema
    }

    fn name(&self, name: &str) -> Name {
        Name::new(None, name)
    }

    fn expression(&self, text: &str) -> Sql {
        Sql::exact(self.strip(text))
    }

    fn strip(&self, text: &str) -> String {
        let text = super::text::unescaped(self.dialect, text);
        self.own.strip(&text, &self.relations)
    }

    /// No catalog of MySQL's says what needs what, so names are looked for in the texts. One that only looks like a
    /// table's does no harm: it only decides about an order.
    fn dependencies(&mut self) {
        let schema = &self.schema;
        let functions: Vec<&ObjectId> = schema
            .objects
            .keys()
            .filter(|id| id.kind == ObjectKind::Function)
            .collect();
        let things = |text: &str, but: Option<&ObjectId>| -> BTreeSet<Thing> {
            let mut things = BTreeSet::new();
            let names = names(text);
            for word in &names {
                let name = Name::new(None, word);
                if let Some(table) = schema.tables.get(&name) {
                    let used = table
                        .columns
                        .iter()
                        .filter(|column| names.contains(&column.name));
                    things.extend(
                        used.map(|column| Thing::Column(name.clone(), column.name.clone())),
                    );
                    things.insert(Thing::Table(name.clone()));
                }
                for kind in [ObjectKind::View, ObjectKind::Sequence] {
                    let id = ObjectId::new(kind, name.clone());
                    if schema.objects.contains_key(&id) && Some(&id) != but {
                        things.insert(Thing::Object(id));
                    }
                }
                let called = functions
                    .iter()
                    .filter(|id| id.name.name.eq_ignore_ascii_case(word) && Some(**id) != but);
                things.extend(called.map(|id| Thing::Object((*id).clone())));
            }
            things
        };
        let of_objects: Vec<(ObjectId, BTreeSet<Thing>)> = schema
            .objects
            .values()
            .filter(|object| object.id.kind != ObjectKind::Sequence)
            .map(|object| {
                let needed = things(object.definition.as_str(), Some(&object.id));
                (object.id.clone(), needed)
            })
            .collect();
        let has_sequences = !self.sequences.is_empty();
        let of_columns: Vec<(Name, usize, BTreeSet<Thing>)> = schema
            .tables
            .values()
            .filter(|_| has_sequences)
            .flat_map(|table| {
                let columns = table.columns.iter().enumerate();
                columns.filter_map(|(at, column)| {
                    let default = column.default.as_ref()?;
                    let needed = things(default.as_str(), None);
                    let needed = needed
                        .into_iter()
                        .filter(|thing| matches!(thing, Thing::Object(_)));
                    Some((table.name.clone(), at, needed.collect()))
                })
            })
            .collect();
        for (id, needed) in of_objects {
            if let Some(object) = self.schema.objects.get_mut(&id) {
                object.depends_on.extend(needed);
            }
        }
        for (table, at, needed) in of_columns {
            if let Some(table) = self.schema.tables.get_mut(&table) {
                table.columns[at].depends_on.extend(needed);
            }
        }
    }
}
