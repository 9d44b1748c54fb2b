//! From the catalog's rows to the model. Pure.

mod objects;
mod shown;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use super::query::Question;
use super::text::{Own, names};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Name, ObjectId, ObjectKind, Schema, Thing};
use crate::backend::StatementResult;
use crate::dialect::Dialect;
use objects::Begun;

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

/// What a [`Question`] brought: rows, or the server's words why not.
pub(super) type Answer = Result<Vec<Vec<Option<String>>>, String>;

/// A schema that is being read.
pub(super) struct Reading {
    dialect: Dialect,
    own: Own,
    schema: Schema,
    /// The names of tables, views and sequences, which share one space.
    relations: BTreeSet<String>,
    views: BTreeSet<String>,
    sequences: Vec<Name>,
    /// Objects of which the catalog tells how they begin.
    begun: BTreeMap<ObjectId, Begun>,
    /// Columns whose literals the catalog may not show as they are.
    unclear_columns: Vec<Question>,
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
            begun: BTreeMap::new(),
            unclear_columns: Vec::new(),
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

    /// What is asked in the third message.
    pub(super) fn questions(&self) -> Vec<Question> {
        let tables = self.unclear.iter().cloned().map(Question::Table);
        let objects = self.begun.keys().cloned().map(Question::Object);
        let mut questions: Vec<Question> = tables.chain(objects).collect();
        questions.extend(self.unclear_columns.iter().cloned());
        if self.begun.keys().any(is_routine) {
            questions.push(Question::Rights);
        }
        if !self.sequences.is_empty() {
            questions.push(Question::Sequences(self.sequences.clone()));
        }
        questions
    }

    pub(super) fn finish<'a>(
        mut self,
        answers: impl Iterator<Item = (&'a Question, &'a Answer)>,
    ) -> Schema {
        for (question, answer) in answers {
            self.answered(question, answer);
        }
        self.dependencies();
        self.schema
    }

    fn answered(&mut self, question: &Question, answer: &Answer) {
        let rows = answer.as_deref().unwrap_or_default();
        let cell = |at: usize| rows.first().and_then(|row| row.get(at)?.as_deref());
        match question {
            Question::Table(table) => self.clear_up(table, cell(1).unwrap_or_default()),
            Question::Object(id) => {
                let at = match id.kind {
                    ObjectKind::View => 1,
                    ObjectKind::Event => 3,
                    _ => 2,
                };
                self.object_shown(id, cell(at), answer.as_ref().err());
            }
            Question::Default(table, column) => match cell(0) {
                Some(value) => self.default_is(table, column, value),
                None => self.unknown(&format!("the default of {table}.{column}"), answer),
            },
            Question::Values { table, column, .. } => {
                let values: Vec<&str> = rows
                    .iter()
                    .filter_map(|row| row.first()?.as_deref())
                    .collect();
                match values.is_empty() {
                    false => self.values_are(table, column, &values),
                    true => self.unknown(&format!("the values of {table}.{column}"), answer),
                }
            }
            Question::Rights => self.rights(answer),
            Question::Sequences(_) => {
                for row in rows {
                    self.sequence(Row(row));
                }
            }
        }
    }

    /// A character of four bytes may stand where the catalog has a `?`.
    fn unknown(&mut self, what: &str, answer: &Answer) {
        let why = answer.as_ref().err().map(|error| format!(": {error}"));
        let words = format!(
            "{what}, of which the catalog shows a question mark{}",
            why.unwrap_or_default()
        );
        self.schema.not_compared.insert(words);
    }

    fn name(&self, name: &str) -> Name {
        Name::new(None, name)
    }

    fn expression(&self, text: &str) -> Sql {
        Sql::exact(self.strip(text))
    }

    /// An expression of the catalog's, as it stands in SQL.
    fn strip(&self, text: &str) -> String {
        let text = super::text::expression(self.dialect, text);
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

fn is_routine(id: &ObjectId) -> bool {
    matches!(id.kind, ObjectKind::Function | ObjectKind::Procedure)
}

/// Where a text of the server's own wording holds a backslash. Bodies stay as they were written.
pub(super) fn with_backslash(schema: &Schema) -> Option<String> {
    let has = |text: &str| text.contains('\\');
    let said = |text: &Option<String>| text.as_deref().is_some_and(has);
    for table in schema.tables.values() {
        let in_column = table.columns.iter().any(|column| {
            has(&column.data_type)
                || said(&column.comment)
                || column.default.as_ref().is_some_and(|sql| has(sql.as_str()))
                || column
                    .generated
                    .as_ref()
                    .is_some_and(|one| has(one.expression.as_str()))
        });
        let mut constraints = table.constraints.iter();
        let mut indexes = table.indexes.iter();
        if in_column
            || said(&table.comment)
            || table.attributes.values().any(|value| has(value))
            || constraints.any(|one| has(one.definition.as_str()) || said(&one.comment))
            || indexes.any(|one| has(one.definition.as_str()) || said(&one.comment))
        {
            return Some(format!("table {}", table.name));
        }
    }
    let mut views = schema
        .objects
        .values()
        .filter(|object| object.id.kind == ObjectKind::View);
    let view = views.find(|view| has(view.definition.as_str()))?;
    Some(view.id.to_string())
}
