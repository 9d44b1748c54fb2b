//! From the catalog's rows to a schema. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{full_text, parse, reference};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{
    Attributes, Constraint, ConstraintKind, Index, Name, Object, ObjectId, ObjectKind, Schema,
    Table, Thing,
};
use crate::dialect::Dialect;

/// What [`CATALOG`](super::query::CATALOG) found.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    objects: Vec<Entry>,
    virtual_tables: BTreeSet<String>,
    shadow_tables: BTreeSet<String>,
    /// By table: each column's place, name, `hidden` and place in the key.
    columns: BTreeMap<String, Vec<(usize, String, String, usize)>>,
    foreign_keys: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Entry {
    kind: String,
    name: String,
    table: String,
    sql: Option<String>,
}

impl Catalog {
    pub(super) fn of(rows: Vec<Vec<Option<String>>>) -> Self {
        let mut catalog = Catalog::default();
        for row in rows {
            let mut cells = row.into_iter();
            let mut next = || cells.next().flatten();
            let what = next().unwrap_or_default();
            let (a, b) = (next().unwrap_or_default(), next().unwrap_or_default());
            let (c, d, e) = (next().unwrap_or_default(), next(), next());
            let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
            match (what.as_str(), a.as_str()) {
                ("object", _) => catalog.objects.push(Entry {
                    kind: a,
                    name: b,
                    table: c,
                    sql: d,
                }),
                ("kind", "virtual") => {
                    catalog.virtual_tables.insert(b);
                }
                ("kind", _) => {
                    catalog.shadow_tables.insert(b);
                }
                ("column", _) => catalog.columns.entry(b).or_default().push((
                    a.parse().unwrap_or_default(),
                    c,
                    d.unwrap_or_default(),
                    number(e).unwrap_or_default(),
                )),
                _ => {
                    catalog
                        .foreign_keys
                        .insert(b, c.parse().unwrap_or_default());
                }
            }
        }
        for columns in catalog.columns.values_mut() {
            columns.sort();
        }
        catalog
    }

    pub(super) fn schema(self) -> Schema {
        let mut schema = Schema::new(Dialect::Sqlite);
        let (own, others): (Vec<&Entry>, Vec<&Entry>) = self
            .objects
            .iter()
            .filter(|entry| !is_reserved(&entry.name))
            .partition(|entry| entry.kind == "table");
        let mut contents = Vec::new();
        for entry in own {
            let is_virtual = self.virtual_tables.contains(&entry.name)
                || entry
                    .sql
                    .as_deref()
                    .is_some_and(|sql| starts_with(sql, "CREATE VIRTUAL"));
            if is_virtual {
                let words = format!("virtual table {}", entry.name);
                if let Some(content) = entry.sql.as_deref().and_then(full_text::content) {
                    contents.push((words.clone(), content));
                }
                schema.not_compared.insert(words);
            } else if !self.shadow_tables.contains(&entry.name) {
                self.add_table(entry, &mut schema);
            }
        }
        resolve(&mut schema);
        for (words, (name, columns)) in contents {
            let is_it = |table: &&Table| table.name.name.eq_ignore_ascii_case(&name);
            let Some(table) = schema.tables.values().find(is_it) else {
                continue;
            };
            let of_table = table.columns.iter().filter(|column| {
                let mut columns = columns.iter();
                columns.any(|name| name.eq_ignore_ascii_case(&column.name))
            });
            let columns = of_table
                .map(|column| Thing::Column(table.name.clone(), column.name.clone()))
                .chain([Thing::Table(table.name.clone())]);
            schema.needed.insert(words, columns.collect());
        }
        let names = Names::of(&schema, &others);
        for entry in &others {
            let Some(sql) = &entry.sql else {
                continue; // A constraint's index.
            };
            match entry.kind.as_str() {
                "index" => add_index(entry, sql, &mut schema, &names),
                "view" => {
                    let id = ObjectId::new(ObjectKind::View, Name::new(None, &entry.name));
                    add_object(id, sql, &mut schema, &names);
                }
                "trigger" => {
                    let mut id = ObjectId::new(ObjectKind::Trigger, Name::new(None, &entry.name));
                    id.on = Some(names.known(&entry.table).to_owned());
                    add_object(id, sql, &mut schema, &names);
                }
                other => {
                    let words = format!("{other} {}", entry.name);
                    schema.not_compared.insert(words);
                }
            }
        }
        for table in schema.tables.values_mut() {
            table.indexes.sort_by(|one, two| one.name.cmp(&two.name));
        }
        schema
    }

    /// A table whose text was read otherwise than SQLite reads it must never be built again from that: it is not
    /// compared.
    fn add_table(&self, entry: &Entry, schema: &mut Schema) {
        let read = entry.sql.as_deref();
        let read = read.and_then(|sql| parse::table(&entry.name, sql));
        match read.filter(|table| self.agrees(table)) {
            Some(table) => {
                schema.tables.insert(table.name.clone(), table);
            }
            None => {
                let words = format!("table {}, whose text limbeck cannot read", entry.name);
                schema.not_compared.insert(words);
            }
        }
    }

    fn agrees(&self, table: &Table) -> bool {
        let none = Vec::new();
        let columns = self.columns.get(&table.name.name).unwrap_or(&none);
        let key = table
            .constraints
            .iter()
            .find(|constraint| constraint.kind == ConstraintKind::Primary);
        let foreign_keys = table
            .constraints
            .iter()
            .filter(|constraint| constraint.kind == ConstraintKind::Foreign)
            .count();
        let counted = self.foreign_keys.get(&table.name.name).copied();
        columns.len() == table.columns.len()
            && counted.unwrap_or_default() == foreign_keys
            && columns
                .iter()
                .zip(&table.columns)
                .all(|((_, name, hidden, place), column)| {
                    let generated = column.generated.as_ref();
                    let expected = generated.map_or("0", |it| if it.stored { "3" } else { "2" });
                    let in_key = key.is_some_and(|key| {
                        key.columns
                            .iter()
                            .any(|of_key| of_key.eq_ignore_ascii_case(name))
                    });
                    *name == column.name && hidden == expected && in_key == (*place > 0)
                })
    }
}

/// SQLite's own: `sqlite_sequence`, `sqlite_stat1`, the indexes of constraints.
fn is_reserved(name: &str) -> bool {
    starts_with(name, "sqlite_")
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Gives every name of a column the spelling of its table, and foreign keys the columns that they leave out.
fn resolve(schema: &mut Schema) {
    let tables: BTreeMap<String, Table> = schema
        .tables
        .values()
        .map(|table| (table.name.name.to_ascii_lowercase(), table.clone()))
        .collect();
    for table in schema.tables.values_mut() {
        let own = table.columns.clone();
        for constraint in &mut table.constraints {
            for column in &mut constraint.columns {
                spell(column, own.iter().map(|known| known.name.as_str()));
            }
            if constraint.kind == ConstraintKind::Check {
                constraint.columns = named(&constraint.definition, &own);
            }
            complete(constraint, &tables);
        }
    }
}

fn complete(constraint: &mut Constraint, tables: &BTreeMap<String, Table>) {
    let Some(reference) = &mut constraint.references else {
        return;
    };
    if let Some(target) = tables.get(&reference.table.name.to_ascii_lowercase()) {
        reference.table = target.name.clone();
        for column in &mut reference.columns {
            spell(
                column,
                target.columns.iter().map(|known| known.name.as_str()),
            );
        }
        let key = target
            .constraints
            .iter()
            .find(|constraint| constraint.kind == ConstraintKind::Primary);
        if let Some(key) = key.filter(|key| key.columns.len() == constraint.columns.len())
            && reference.columns.is_empty()
        {
            reference.columns = key.columns.clone();
            reference.implicit = true;
            for column in &mut reference.columns {
                spell(
                    column,
                    target.columns.iter().map(|known| known.name.as_str()),
                );
            }
        }
    }
    let clauses = constraint.definition.as_str();
    let text = reference::foreign(&constraint.columns, reference, clauses);
    constraint.definition = Sql::tokens(Dialect::Sqlite, text);
}

fn spell<'a>(name: &mut String, known: impl Iterator<Item = &'a str>) {
    let mut known = known.filter(|known| known.eq_ignore_ascii_case(name));
    if let Some(known) = known.next() {
        *name = known.to_owned();
    }
}

/// The columns that a text names.
fn named(text: &Sql, columns: &[crate::autogenerate::schema::Column]) -> Vec<String> {
    let names = names_in(text);
    columns
        .iter()
        .filter(|column| names.contains(&column.name.to_ascii_lowercase()))
        .map(|column| column.name.clone())
        .collect()
}

fn names_in(text: &Sql) -> BTreeSet<String> {
    let names = text.names(Dialect::Sqlite).into_iter();
    names.map(|name| name.to_ascii_lowercase()).collect()
}

/// What can be depended on, by its name in lower case.
struct Names {
    tables: BTreeMap<String, Name>,
    views: BTreeMap<String, ObjectId>,
}

impl Names {
    fn of(schema: &Schema, others: &[&Entry]) -> Self {
        let tables = schema.tables.keys();
        let views = others.iter().filter(|entry| entry.kind == "view");
        Names {
            tables: tables
                .map(|name| (name.name.to_ascii_lowercase(), name.clone()))
                .collect(),
            views: views
                .map(|entry| {
                    let id = ObjectId::new(ObjectKind::View, Name::new(None, &entry.name));
                    (entry.name.to_ascii_lowercase(), id)
                })
                .collect(),
        }
    }

    fn known<'a>(&'a self, name: &'a str) -> &'a str {
        let lower = name.to_ascii_lowercase();
        let table = self.tables.get(&lower).map(|name| name.name.as_str());
        let view = self.views.get(&lower).map(|id| id.name.name.as_str());
        table.or(view).unwrap_or(name)
    }
}

fn add_index(entry: &Entry, sql: &str, schema: &mut Schema, names: &Names) {
    let lower = entry.table.to_ascii_lowercase();
    let table = names.tables.get(&lower);
    let Some(table) = table.and_then(|name| schema.tables.get_mut(name)) else {
        return; // Of a table that is not compared.
    };
    let Some(definition) = parse::index(&table.name.name, sql) else {
        let words = format!("index {}, whose text limbeck cannot read", entry.name);
        schema.not_compared.insert(words);
        return;
    };
    table.indexes.push(Index {
        name: entry.name.clone(),
        unique: starts_with(sql, "CREATE UNIQUE"),
        columns: named(&definition, &table.columns),
        definition,
        comment: None,
        attributes: Attributes::new(),
        depends_on: BTreeSet::new(),
    });
}

/// A view or trigger: what it depends on are the tables, columns and views that it names.
fn add_object(id: ObjectId, sql: &str, schema: &mut Schema, names: &Names) {
    let definition = Sql::tokens(Dialect::Sqlite, sql);
    let mut depends_on = BTreeSet::new();
    for name in &names_in(&definition) {
        if let Some(table) = names.tables.get(name) {
            depends_on.insert(Thing::Table(table.clone()));
            if let Some(known) = schema.tables.get(table) {
                let columns = named(&definition, &known.columns).into_iter();
                depends_on.extend(columns.map(|column| Thing::Column(table.clone(), column)));
            }
        }
        if let Some(view) = names.views.get(name).filter(|view| **view != id) {
            depends_on.insert(Thing::Object(view.clone()));
        }
    }
    schema.objects.insert(
        id.clone(),
        Object {
            id,
            definition,
            labels: Vec::new(),
            attributes: Attributes::new(),
            comment: None,
            depends_on,
        },
    );
}
