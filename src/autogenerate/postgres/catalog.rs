//! From the rows of the catalog to the model. Pure.

mod kept;
mod relations;
mod wording;

use std::collections::{BTreeSet, HashMap};

use self::wording::settled;
use super::names::{ident, quoted};
use super::query::Part;
use crate::autogenerate::error::AutogenerateError;
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Attributes, Name, Object, ObjectId, ObjectKind, Schema, Thing};
use crate::dialect::Dialect;

pub(super) type Rows = Vec<Vec<Option<String>>>;

/// A catalog table's name and the id of a row in it.
type Address = (String, String);

/// What the message of [`query`](super::query) gave, joined by ids.
pub(super) struct Catalog {
    results: Vec<Rows>,
    current: Option<String>,
    schema: Schema,
    /// What each row is, for those that point at it.
    things: HashMap<Address, Thing>,
    /// The names of columns by table and number.
    columns: HashMap<(String, String), String>,
    comments: HashMap<(String, String, String), String>,
    /// What belongs to an extension.
    members: HashMap<Address, Thing>,
    /// A table's or view's name by its id.
    tables: HashMap<String, Name>,
    views: HashMap<String, ObjectId>,
}

/// A cell, NULL as none.
fn cell(row: &[Option<String>], at: usize) -> Option<&str> {
    row.get(at).and_then(Option::as_deref)
}

fn text(row: &[Option<String>], at: usize) -> &str {
    cell(row, at).unwrap_or_default()
}

fn is_true(row: &[Option<String>], at: usize) -> bool {
    text(row, at) == "t"
}

fn numbers(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .filter(|number| !number.is_empty() && *number != "0")
}

impl Catalog {
    pub(super) fn new(results: Vec<Rows>) -> Result<Self, AutogenerateError> {
        if results.len() < super::query::RESULTS {
            return Err(AutogenerateError::Catalog(format!(
                "the server gave {} results where {} were asked for",
                results.len(),
                super::query::RESULTS
            )));
        }
        let current = results[Part::Place as usize]
            .first()
            .and_then(|row| cell(row, 0))
            .map(str::to_owned);
        Ok(Catalog {
            results,
            current,
            schema: Schema::new(Dialect::Postgres),
            things: HashMap::new(),
            columns: HashMap::new(),
            comments: HashMap::new(),
            members: HashMap::new(),
            tables: HashMap::new(),
            views: HashMap::new(),
        })
    }

    pub(super) fn into_schema(mut self) -> Result<Schema, AutogenerateError> {
        self.read_comments();
        self.read_schemas_and_extensions();
        self.read_types();
        self.read_relations();
        self.read_columns();
        self.read_typed_tables();
        self.read_sequences();
        self.read_functions();
        self.read_constraints();
        self.read_indexes();
        self.read_triggers();
        self.read_trigger_states();
        self.read_policies();
        self.read_rules();
        self.read_rights();
        self.read_security_labels();
        self.read_index_targets();
        self.read_statistics();
        self.read_not_compared();
        self.read_dependencies();
        Ok(self.schema)
    }

    /// The rows of a part, out of the catalog so that the rest can be changed.
    fn take(&mut self, part: Part) -> Rows {
        std::mem::take(&mut self.results[part as usize])
    }

    fn name(&self, schema: &str, name: &str) -> Name {
        let is_current = self.current.as_deref() == Some(schema);
        Name::new((!is_current).then_some(schema), name)
    }

    fn comment(&self, class: &str, id: &str) -> Option<String> {
        self.comment_of_part(class, id, "0")
    }

    fn comment_of_part(&self, class: &str, id: &str, part: &str) -> Option<String> {
        let key = (class.to_owned(), id.to_owned(), part.to_owned());
        self.comments.get(&key).cloned()
    }

    fn is_member(&self, class: &str, id: &str) -> bool {
        self.members
            .contains_key(&(class.to_owned(), id.to_owned()))
    }

    fn note(&mut self, class: &str, id: &str, thing: Thing) {
        self.things.insert((class.to_owned(), id.to_owned()), thing);
    }

    fn add(&mut self, class: &str, id: &str, object: Object) {
        self.note(class, id, Thing::Object(object.id.clone()));
        self.schema.objects.insert(object.id.clone(), object);
    }

    fn object(&self, class: &str, id: &str, what: ObjectId, definition: String) -> Object {
        Object {
            id: what,
            definition: Sql::exact(definition),
            labels: Vec::new(),
            attributes: Attributes::new(),
            comment: self.comment(class, id),
            depends_on: BTreeSet::new(),
        }
    }

    fn read_comments(&mut self) {
        for mut row in self.take(Part::Comments) {
            let mut next = |at: usize| row[at].take().unwrap_or_default();
            let key = (next(0), next(1), next(2));
            let words = next(3);
            self.comments.insert(key, words);
        }
    }

    fn read_schemas_and_extensions(&mut self) {
        let extensions = self.take(Part::Extensions);
        for row in &extensions {
            let id = ObjectId::new(ObjectKind::Extension, Name::new(None, text(row, 1)));
            let mut object = self.object("pg_extension", text(row, 0), id, String::new());
            // What the extension itself says of itself.
            object.comment = None;
            if self.current.as_deref() != cell(row, 2) {
                object.attributes.insert("schema", text(row, 2).to_owned());
            }
            self.add("pg_extension", text(row, 0), object);
        }
        for row in &self.results[Part::Dependencies as usize] {
            if text(row, 6) == "e" {
                let extension = ("pg_extension".to_owned(), text(row, 4).to_owned());
                if let Some(thing) = self.things.get(&extension) {
                    let member = (text(row, 0).to_owned(), text(row, 1).to_owned());
                    self.members.insert(member, thing.clone());
                }
            }
        }
        for row in self.take(Part::Schemas) {
            let (id, name) = (text(&row, 0), text(&row, 1));
            if self.is_member("pg_namespace", id) {
                continue;
            }
            let what = ObjectId::new(ObjectKind::Schema, Name::new(None, name));
            let mut object = self.object("pg_namespace", id, what, String::new());
            if name == "public" && object.comment.as_deref() == Some("standard public schema") {
                object.comment = None;
            }
            self.add("pg_namespace", id, object);
        }
    }

    fn read_types(&mut self) {
        let mut labels: HashMap<String, Vec<String>> = HashMap::new();
        for mut row in self.take(Part::Labels) {
            let label = row[1].take().unwrap_or_default();
            labels
                .entry(text(&row, 0).to_owned())
                .or_default()
                .push(label);
        }
        for row in self.take(Part::Types) {
            let (id, array) = (text(&row, 0), text(&row, 4));
            let kind = match text(&row, 3) {
                "e" => ObjectKind::Enum,
                "d" => ObjectKind::Domain,
                _ => ObjectKind::CompositeType,
            };
            if self.is_member("pg_type", id) || self.is_member("pg_class", text(&row, 5)) {
                continue;
            }
            let what = ObjectId::new(kind, self.name(text(&row, 1), text(&row, 2)));
            let mut object = self.object("pg_type", id, what, String::new());
            match kind {
                ObjectKind::Enum => object.labels = labels.remove(id).unwrap_or_default(),
                ObjectKind::Domain => {
                    object.attributes.insert("type", text(&row, 6).to_owned());
                    if is_true(&row, 7) {
                        object.attributes.insert("not_null", "true".to_owned());
                    }
                    for (key, at) in [("default", 8), ("collation", 9)] {
                        if let Some(value) = cell(&row, at) {
                            object.attributes.insert(key, settled(value));
                        }
                    }
                }
                _ => self.note("pg_class", text(&row, 5), Thing::Object(object.id.clone())),
            }
            self.note("pg_type", array, Thing::Object(object.id.clone()));
            self.add("pg_type", id, object);
        }
    }

    fn read_sequences(&mut self) {
        for row in self.take(Part::Sequences) {
            let id = text(&row, 0);
            if self.is_member("pg_class", id) {
                continue;
            }
            let owner = self.tables.get(text(&row, 10)).cloned();
            let column = self
                .columns
                .get(&(text(&row, 10).to_owned(), text(&row, 11).to_owned()));
            let owner = owner.zip(column.cloned());
            let options = sequence_options(&row);
            if text(&row, 12) == "i" {
                if let Some((table, column)) = owner {
                    let thing = Thing::Column(table.clone(), column.clone());
                    self.note("pg_class", id, thing);
                    let table = self.schema.tables.get_mut(&table);
                    let column = table
                        .and_then(|table| table.columns.iter_mut().find(|one| one.name == column));
                    if let Some(identity) = column.and_then(|column| column.identity.as_mut()) {
                        identity.options = options;
                    }
                }
                continue;
            }
            let what = ObjectId::new(
                ObjectKind::Sequence,
                self.name(text(&row, 1), text(&row, 2)),
            );
            let mut object = self.object("pg_class", id, what, String::new());
            object.attributes = options;
            if text(&row, 3) != "bigint" {
                object.attributes.insert("as", text(&row, 3).to_owned());
            }
            if let Some((table, column)) = owner {
                object.labels = vec![table.schema.unwrap_or_default(), table.name, column];
            }
            self.add("pg_class", id, object);
        }
    }

    fn read_functions(&mut self) {
        for row in self.take(Part::Functions) {
            let id = text(&row, 0);
            let (kind, words) = match text(&row, 3) {
                "p" => (ObjectKind::Procedure, "PROCEDURE"),
                _ => (ObjectKind::Function, "FUNCTION"),
            };
            let name = self.name(text(&row, 1), text(&row, 2));
            let mut what = ObjectId::new(kind, name);
            what.arguments = Some(text(&row, 9).to_owned());
            let definition = text(&row, 4).trim_end();
            // Relative to the current schema, as everything else is.
            let head = format!("CREATE OR REPLACE {words} ");
            let qualified = format!("{head}{}", text(&row, 8));
            let definition = match definition.strip_prefix(&qualified) {
                Some(rest) => format!("{head}{}{rest}", quoted(&what.name)),
                None => definition.to_owned(),
            };
            let mut object = self.object("pg_proc", id, what, definition);
            let result = cell(&row, 7).map(|result| format!(" -> {result}"));
            object.attributes.insert(
                "signature",
                format!("({}){}", text(&row, 6), result.unwrap_or_default()),
            );
            self.add("pg_proc", id, object);
        }
    }

    /// What a trigger or policy of this name is on.
    fn part_of(&self, kind: ObjectKind, on: &str, name: &str) -> Option<ObjectId> {
        let on = self
            .tables
            .get(on)
            .or_else(|| self.views.get(on).map(|view| &view.name))?;
        let mut id = ObjectId::new(kind, Name::new(on.schema.as_deref(), name));
        id.on = Some(on.name.clone());
        Some(id)
    }

    fn read_triggers(&mut self) {
        for row in self.take(Part::Triggers) {
            let id = text(&row, 0);
            let what = self.part_of(ObjectKind::Trigger, text(&row, 1), text(&row, 2));
            let Some(what) = what.filter(|_| !self.is_member("pg_trigger", id)) else {
                continue;
            };
            let mut object = self.object("pg_trigger", id, what, settled(text(&row, 3)));
            if let Some(words) = enabled(text(&row, 4)) {
                object.attributes.insert("enabled", words.to_owned());
            }
            self.add("pg_trigger", id, object);
        }
    }

    fn read_trigger_states(&mut self) {
        for row in self.take(Part::TriggerStates) {
            let table = self.tables.get(text(&row, 0));
            let Some(table) = table.and_then(|name| self.schema.tables.get_mut(name)) else {
                continue;
            };
            let words = enabled(text(&row, 2)).unwrap_or("ENABLE");
            let all = table.attributes.entry("trigger_states").or_default();
            all.push_str(&format!("{words} TRIGGER {};", text(&row, 1)));
        }
    }

    fn read_statistics(&mut self) {
        for row in self.take(Part::Statistics) {
            let id = text(&row, 0);
            if self.is_member("pg_statistic_ext", id) {
                continue;
            }
            let name = self.name(text(&row, 1), text(&row, 2));
            let what = ObjectId::new(ObjectKind::Statistics, name);
            // Relative to the current schema, as everything else is.
            let head = format!("CREATE STATISTICS {}", text(&row, 3));
            let definition = match text(&row, 4).strip_prefix(&head) {
                Some(rest) => format!("CREATE STATISTICS {}{rest}", quoted(&what.name)),
                None => text(&row, 4).to_owned(),
            };
            let mut object = self.object("pg_statistic_ext", id, what, settled(&definition));
            if let Some(target) = cell(&row, 5) {
                object.attributes.insert("target", target.to_owned());
            }
            self.add("pg_statistic_ext", id, object);
        }
    }

    fn read_rules(&mut self) {
        for row in self.take(Part::Rules) {
            let id = text(&row, 0);
            let what = self.part_of(ObjectKind::Rule, text(&row, 1), text(&row, 2));
            let Some(what) = what.filter(|_| !self.is_member("pg_rewrite", id)) else {
                continue;
            };
            let definition = text(&row, 3).trim_end().trim_end_matches(';');
            // Relative to the current schema, as everything else is.
            let on = what.table().unwrap_or_else(|| what.name.clone());
            let schema = on.schema.as_ref().or(self.current.as_ref());
            let qualified = Name::new(schema.map(String::as_str), &on.name);
            let (qualified, relative) = (quoted(&qualified), quoted(&on));
            let definition = ["\n", " DO "]
                .iter()
                .fold(definition.to_owned(), |text, end| {
                    let (old, new) = (
                        format!(" TO {qualified}{end}"),
                        format!(" TO {relative}{end}"),
                    );
                    text.replacen(&old, &new, 1)
                });
            let mut object = self.object("pg_rewrite", id, what, settled(&definition));
            if let Some(words) = enabled(text(&row, 4)) {
                object.attributes.insert("enabled", words.to_owned());
            }
            self.add("pg_rewrite", id, object);
        }
    }

    fn read_policies(&mut self) {
        for row in self.take(Part::Policies) {
            let id = text(&row, 0);
            let Some(what) = self.part_of(ObjectKind::Policy, text(&row, 1), text(&row, 2)) else {
                continue;
            };
            let Some(table) = what.table() else {
                continue;
            };
            let mut definition = format!(
                "CREATE POLICY {} ON {}",
                ident(text(&row, 2)),
                quoted(&table)
            );
            if !is_true(&row, 4) {
                definition.push_str(" AS RESTRICTIVE");
            }
            let command = match text(&row, 3) {
                "r" => " FOR SELECT",
                "a" => " FOR INSERT",
                "w" => " FOR UPDATE",
                "d" => " FOR DELETE",
                _ => "",
            };
            definition.push_str(command);
            if text(&row, 5) != "PUBLIC" {
                definition.push_str(&format!(" TO {}", text(&row, 5)));
            }
            for (words, at) in [("USING", 6), ("WITH CHECK", 7)] {
                if let Some(expression) = cell(&row, at) {
                    definition.push_str(&format!(" {words} ({expression})"));
                }
            }
            let object = self.object("pg_policy", id, what, settled(&definition));
            self.add("pg_policy", id, object);
        }
    }

    /// What stands at that address, a column where there is a number.
    fn resolve(&self, class: &str, id: &str, number: &str) -> Option<Thing> {
        let address = (class.to_owned(), id.to_owned());
        if let Some(extension) = self.members.get(&address) {
            return Some(extension.clone());
        }
        let thing = self.things.get(&address)?;
        match thing {
            Thing::Table(table) if number != "0" && class == "pg_class" => {
                let column = self.columns.get(&(id.to_owned(), number.to_owned()))?;
                Some(Thing::Column(table.clone(), column.clone()))
            }
            other => Some(other.clone()),
        }
    }

    fn read_dependencies(&mut self) {
        for row in self.take(Part::Dependencies) {
            let (class, id, number) = (text(&row, 0), text(&row, 1), text(&row, 2));
            if text(&row, 6) == "e" || self.is_member(class, id) {
                continue;
            }
            let Some(needed) = self.resolve(text(&row, 3), text(&row, 4), text(&row, 5)) else {
                continue;
            };
            let user = match (class, cell(&row, 7)) {
                ("pg_attrdef", Some(table)) => self.resolve("pg_class", table, text(&row, 8)),
                _ => self.resolve(class, id, number),
            };
            let Some(user) = user.filter(|user| *user != needed) else {
                continue;
            };
            // Parts of something else go with it.
            if matches!(user, Thing::Other(_)) && text(&row, 6) != "n" {
                continue;
            }
            self.depend(&user, needed);
        }
    }

    fn depend(&mut self, user: &Thing, needed: Thing) {
        // The order of things knows that they stand in their schema.
        let is_schema = matches!(&needed, Thing::Object(id) if id.kind == ObjectKind::Schema);
        if is_schema {
            return;
        }
        match user {
            Thing::Object(id) => {
                // A sequence goes with the column that owns it, and does not need it.
                if id.kind == ObjectKind::Sequence {
                    return;
                }
                if let Some(object) = self.schema.objects.get_mut(id) {
                    object.depends_on.insert(needed);
                }
            }
            Thing::Table(name) => {
                if let (Some(table), Thing::Object(_) | Thing::Other(_)) =
                    (self.schema.tables.get_mut(name), &needed)
                {
                    table.depends_on.insert(needed);
                }
            }
            Thing::Column(name, column) => {
                let table = self.schema.tables.get_mut(name);
                let column = table
                    .and_then(|table| table.columns.iter_mut().find(|one| one.name == *column));
                if let Some(column) = column {
                    column.depends_on.insert(needed);
                }
            }
            Thing::Other(words) => {
                let all = self.schema.needed.entry(words.clone()).or_default();
                all.insert(needed);
            }
            Thing::Key(name, key) => {
                let Some(table) = self.schema.tables.get_mut(name) else {
                    return;
                };
                let is_own = matches!(&needed, Thing::Table(other) if other == name);
                if is_own {
                    return;
                }
                let constraint = table
                    .constraints
                    .iter_mut()
                    .find(|one| one.name.as_deref() == Some(key));
                if let Some(constraint) = constraint {
                    constraint.depends_on.insert(needed);
                } else if let Some(index) = table.indexes.iter_mut().find(|one| one.name == *key) {
                    index.depends_on.insert(needed);
                }
            }
        }
    }

    fn read_not_compared(&mut self) {
        for row in self.take(Part::NotCompared) {
            if !self.is_member(text(&row, 0), text(&row, 1)) {
                let words = text(&row, 2).to_owned();
                self.note(text(&row, 0), text(&row, 1), Thing::Other(words.clone()));
                self.schema.not_compared.insert(words);
            }
        }
    }
}

/// The words that enable a trigger or rule, where that is not the default.
fn enabled(state: &str) -> Option<&'static str> {
    match state {
        "D" => Some("DISABLE"),
        "R" => Some("ENABLE REPLICA"),
        "A" => Some("ENABLE ALWAYS"),
        _ => None,
    }
}

/// A sequence's options, where they are not the defaults of its type.
fn sequence_options(row: &[Option<String>]) -> Attributes {
    let (least, most) = match text(row, 3) {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let (least, most) = (least.to_string(), most.to_string());
    let descends = text(row, 5).starts_with('-');
    let (least, most) = if descends {
        (least.as_str(), "-1")
    } else {
        ("1", most.as_str())
    };
    let start = if descends { text(row, 7) } else { text(row, 6) };
    let mut options = Attributes::new();
    for (key, at, default) in [
        ("start", 4, start),
        ("increment", 5, "1"),
        ("minvalue", 6, least),
        ("maxvalue", 7, most),
        ("cache", 8, "1"),
        ("cycle", 9, "f"),
    ] {
        if text(row, at) != default {
            options.insert(key, text(row, at).to_owned());
        }
    }
    options
}
