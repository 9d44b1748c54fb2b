//! Tables and views, with their columns, constraints and indexes.

use std::collections::{BTreeMap, BTreeSet};

use super::wording::settled;
use super::{Catalog, cell, is_true, numbers, text};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::postgres::query::Part;
use crate::autogenerate::schema::{
    Attributes, Column, Constraint, ConstraintKind, Generated, Identity, Index, Name, Object,
    ObjectId, ObjectKind, Reference, Table, Thing,
};

use crate::dialect::Dialect;

impl Catalog {
    pub(super) fn read_relations(&mut self) {
        let rows = self.take(Part::Relations);
        for row in &rows {
            let (id, kind) = (text(row, 0), text(row, 3));
            let name = self.name(text(row, 1), text(row, 2));
            if kind == "c" || self.is_member("pg_class", id) {
                continue;
            }
            let thing = if matches!(kind, "v" | "m") {
                let object = self.view(row, name);
                let what = object.id.clone();
                self.views.insert(id.to_owned(), what.clone());
                self.add("pg_class", id, object);
                Thing::Object(what)
            } else {
                self.tables.insert(id.to_owned(), name.clone());
                let table = self.table(row, name.clone());
                self.schema.tables.insert(name.clone(), table);
                Thing::Table(name)
            };
            self.note("pg_class", id, thing.clone());
            self.note("pg_type", text(row, 5), thing.clone());
            self.note("pg_type", text(row, 6), thing);
        }
        let mut parents: BTreeMap<String, Vec<Name>> = BTreeMap::new();
        for row in self.take(Part::Parents) {
            if let Some(parent) = self.tables.get(text(&row, 1)) {
                let child = text(&row, 0).to_owned();
                parents.entry(child).or_default().push(parent.clone());
            }
        }
        for row in &rows {
            let id = text(row, 0);
            let (Some(parents), Some(name)) = (parents.get(id), self.tables.get(id)) else {
                continue;
            };
            let Some(table) = self.schema.tables.get_mut(name) else {
                continue;
            };
            let words: Vec<String> = parents.iter().map(quoted).collect();
            let words = words.join(", ");
            match cell(row, 8) {
                Some(bounds) => table
                    .attributes
                    .insert("partition_of", format!("{words} {bounds}")),
                None => table.attributes.insert("inherits", words),
            };
            let parents = parents.iter().cloned().map(Thing::Table);
            table.depends_on.extend(parents);
        }
    }

    fn table(&self, row: &[Option<String>], name: Name) -> Table {
        let mut table = Table::new(name);
        table.comment = self.comment("pg_class", text(row, 0));
        let attributes = &mut table.attributes;
        if text(row, 4) == "u" {
            attributes.insert("unlogged", "true".to_owned());
        }
        for (key, at) in [
            ("partition_by", 7),
            ("with", 11),
            ("access_method", 12),
            ("of_type", 13),
        ] {
            if let Some(value) = cell(row, at).filter(|value| !value.is_empty()) {
                attributes.insert(key, value.to_owned());
            }
        }
        for (key, at) in [("row_security", 9), ("force_row_security", 10)] {
            if is_true(row, at) {
                attributes.insert(key, "true".to_owned());
            }
        }
        match text(row, 16) {
            "f" => attributes.insert("replica_identity", "FULL".to_owned()),
            "n" => attributes.insert("replica_identity", "NOTHING".to_owned()),
            "i" => cell(row, 17)
                .and_then(|index| attributes.insert("replica_identity", using_index(index))),
            _ => None,
        };
        if let Some(index) = cell(row, 18) {
            attributes.insert("cluster", index.to_owned());
        }
        table
    }

    fn view(&self, row: &[Option<String>], name: Name) -> Object {
        let (kind, words) = match text(row, 3) {
            "v" => (ObjectKind::View, "VIEW"),
            _ => (ObjectKind::MaterializedView, "MATERIALIZED VIEW"),
        };
        let mut definition = format!("CREATE {words} {}", quoted(&name));
        if let Some(method) = cell(row, 12) {
            definition.push_str(&format!(" USING {}", ident(method)));
        }
        if let Some(options) = cell(row, 11).filter(|options| !options.is_empty()) {
            definition.push_str(&format!(" WITH ({options})"));
        }
        let query = text(row, 14).trim().trim_end_matches(';');
        definition.push_str(&format!(" AS\n {}", settled(query)));
        let id = ObjectId::new(kind, name);
        self.object("pg_class", text(row, 0), id, definition)
    }

    pub(super) fn read_columns(&mut self) {
        for row in self.take(Part::Columns) {
            let (of, number, name) = (text(&row, 0), text(&row, 1), text(&row, 2));
            self.columns
                .insert((of.to_owned(), number.to_owned()), name.to_owned());
            let comment = self.comment_of_part("pg_class", of, number);
            let collation = cell(&row, 8);
            if let Some(table) = self.tables.get(of) {
                let column = column(&row, comment);
                if let Some(table) = self.schema.tables.get_mut(table) {
                    table.columns.push(column);
                }
                continue;
            }
            // A view's columns, or the attributes of a composite type.
            let thing = self.things.get(&("pg_class".to_owned(), of.to_owned()));
            let Some(Thing::Object(id)) = thing else {
                continue;
            };
            let Some(object) = self.schema.objects.get_mut(id) else {
                continue;
            };
            let mut label = format!("{} {}", ident(name), text(&row, 3));
            if let Some(collation) = collation {
                label.push_str(&format!(" COLLATE {collation}"));
            }
            object.labels.push(label);
            if let Some(comment) = comment {
                let statement = format!(
                    "COMMENT ON COLUMN {}.{} IS {};\n",
                    quoted(&id.name),
                    ident(name),
                    Dialect::Postgres.literal(&comment)
                );
                let all = object.attributes.entry("column_comments").or_default();
                all.push_str(&statement);
            }
            if let Some(default) = cell(&row, 5) {
                let statement = format!(
                    "ALTER VIEW {} ALTER COLUMN {} SET DEFAULT {default};\n",
                    quoted(&id.name),
                    ident(name)
                );
                let all = object.attributes.entry("column_defaults").or_default();
                all.push_str(&statement);
            }
        }
    }

    /// The columns of a table `OF` a type need the type.
    pub(super) fn read_typed_tables(&mut self) {
        let types: BTreeMap<String, Thing> = self
            .schema
            .objects
            .keys()
            .filter(|id| id.kind == ObjectKind::CompositeType)
            .map(|id| (quoted(&id.name), Thing::Object(id.clone())))
            .collect();
        for table in self.schema.tables.values_mut() {
            let of = table.attributes.get("of_type");
            if let Some(of) = of.and_then(|of| types.get(of)) {
                for column in &mut table.columns {
                    column.depends_on.insert(of.clone());
                }
            }
        }
    }

    pub(super) fn read_constraints(&mut self) {
        for row in self.take(Part::Constraints) {
            let (id, of, name) = (text(&row, 0), text(&row, 1), text(&row, 3));
            if of == "0" {
                let domain = ("pg_type".to_owned(), text(&row, 2).to_owned());
                if let Some(Thing::Object(domain)) = self.things.get(&domain).cloned() {
                    if let Some(object) = self.schema.objects.get_mut(&domain) {
                        object
                            .labels
                            .push(format!("{} {}", ident(name), settled(text(&row, 5))));
                    }
                    self.note("pg_constraint", id, Thing::Object(domain));
                }
                continue;
            }
            let Some(table) = self.tables.get(of).cloned() else {
                continue;
            };
            let key = Thing::Key(table.clone(), name.to_owned());
            self.note("pg_constraint", id, key.clone());
            let kind = match text(&row, 4) {
                "p" => ConstraintKind::Primary,
                "u" => ConstraintKind::Unique,
                "f" => ConstraintKind::Foreign,
                "x" => ConstraintKind::Exclude,
                _ => ConstraintKind::Check,
            };
            if matches!(
                kind,
                ConstraintKind::Primary | ConstraintKind::Unique | ConstraintKind::Exclude
            ) {
                self.keep_index_comment(text(&row, 9), &key);
                self.note("pg_class", text(&row, 9), key);
                if cell(&row, 11).is_some_and(|options| !options.is_empty()) {
                    self.schema.not_compared.insert(format!(
                        "storage parameters of constraint {name} of {table}"
                    ));
                }
            }
            if !is_true(&row, 10) {
                continue;
            }
            let of_table = |of: &str, list: &str| -> Vec<String> {
                numbers(list)
                    .filter_map(|number| self.columns.get(&(of.to_owned(), number.to_owned())))
                    .cloned()
                    .collect()
            };
            let references = match (kind, self.tables.get(text(&row, 7))) {
                (ConstraintKind::Foreign, Some(table)) => Some(Reference {
                    table: table.clone(),
                    implicit: false,
                    columns: of_table(text(&row, 7), text(&row, 8)),
                }),
                _ => None,
            };
            let constraint = Constraint {
                name: Some(name.to_owned()),
                kind,
                definition: Sql::exact(settled(text(&row, 5))),
                columns: of_table(of, text(&row, 6)),
                references,
                comment: self.comment("pg_constraint", id),
                depends_on: BTreeSet::new(),
            };
            if let Some(table) = self.schema.tables.get_mut(&table) {
                table.constraints.push(constraint);
            }
        }
    }

    pub(super) fn read_indexes(&mut self) {
        for row in self.take(Part::Indexes) {
            let (id, of, name) = (text(&row, 0), text(&row, 1), text(&row, 2));
            let unique = is_true(&row, 3);
            let comment = self.comment("pg_class", id);
            if let Some(view) = self.views.get(of).cloned() {
                self.note("pg_class", id, Thing::Object(view.clone()));
                let mut statements = format!(
                    "CREATE {}INDEX {} ON {} {};\n",
                    if unique { "UNIQUE " } else { "" },
                    ident(name),
                    quoted(&view.name),
                    settled(text(&row, 4))
                );
                if let Some(comment) = comment {
                    let index = Name::new(view.name.schema.as_deref(), name);
                    statements.push_str(&format!(
                        "COMMENT ON INDEX {} IS {};\n",
                        quoted(&index),
                        Dialect::Postgres.literal(&comment)
                    ));
                }
                if let Some(view) = self.schema.objects.get_mut(&view) {
                    let all = view.attributes.entry("indexes").or_default();
                    all.push_str(&statements);
                }
                continue;
            }
            let Some(table) = self.tables.get(of).cloned() else {
                continue;
            };
            self.note("pg_class", id, Thing::Key(table.clone(), name.to_owned()));
            let mut columns: Vec<String> = Vec::new();
            for number in numbers(text(&row, 5)).chain(numbers(text(&row, 7))) {
                let column = self.columns.get(&(of.to_owned(), number.to_owned()));
                if let Some(column) = column.filter(|column| !columns.contains(column)) {
                    columns.push(column.clone());
                }
            }
            let mut attributes = Attributes::new();
            if !is_true(&row, 6) {
                attributes.insert("invalid", "true".to_owned());
            }
            let index = Index {
                name: name.to_owned(),
                unique,
                definition: Sql::exact(settled(text(&row, 4))),
                columns,
                comment,
                attributes,
                depends_on: BTreeSet::new(),
            };
            if let Some(table) = self.schema.tables.get_mut(&table) {
                table.indexes.push(index);
            }
        }
    }
}

/// As it stands behind `REPLICA IDENTITY`.
fn using_index(index: &str) -> String {
    format!("USING INDEX {index}")
}

fn column(row: &[Option<String>], comment: Option<String>) -> Column {
    let mut column = Column::new(text(row, 2), text(row, 3));
    column.nullable = !is_true(row, 4);
    let expression = cell(row, 5).map(|text| Sql::exact(settled(text)));
    match (text(row, 7), expression) {
        ("", default) => column.default = default,
        (kind, Some(expression)) => {
            column.generated = Some(Generated {
                expression,
                stored: kind == "s",
            });
        }
        (_, None) => {}
    }
    column.identity = match text(row, 6) {
        "" => None,
        kind => Some(Identity {
            always: kind == "a",
            options: Attributes::new(),
        }),
    };
    column.collation = cell(row, 8).map(str::to_owned);
    column.comment = comment;
    column.is_local = is_true(row, 9);
    if text(row, 12) != "0" {
        column.attributes.insert("inherited", "true".to_owned());
    }
    let storage = match text(row, 10) {
        "p" => "PLAIN",
        "e" => "EXTERNAL",
        "m" => "MAIN",
        "x" => "EXTENDED",
        _ => "",
    };
    if !storage.is_empty() {
        column.attributes.insert("storage", storage.to_owned());
    }
    for (key, at) in [("statistics", 13), ("options", 14)] {
        if let Some(value) = cell(row, at).filter(|value| !value.is_empty()) {
            column.attributes.insert(key, value.to_owned());
        }
    }
    match text(row, 11) {
        "p" => column.attributes.insert("compression", "pglz".to_owned()),
        "l" => column.attributes.insert("compression", "lz4".to_owned()),
        _ => None,
    };
    column
}
