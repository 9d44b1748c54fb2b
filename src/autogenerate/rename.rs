//! Renames: what a person says was renamed, and what that does to a model.

use std::collections::{BTreeMap, BTreeSet};

use super::expression::Sql;
use super::schema::{Name, ObjectId, ObjectKind, Schema, Table, Thing};
use super::{mysql, sqlite};
use crate::dialect::{Dialect, Family};

/// New names by old ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Renames {
    /// Old name, new name.
    pub tables: Vec<(Name, Name)>,
    /// The table's new name, old name of the column, new name.
    pub columns: Vec<(Name, String, String)>,
    /// PostgreSQL's sequences that a renamed column owns, or a column of a renamed table: old name, new name. Nobody
    /// says them, [`between`](Self::between) finds them: what `serial` made keeps its position so.
    pub sequences: Vec<(Name, Name)>,
}

impl Renames {
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.columns.is_empty()
    }

    /// What undoes them.
    pub(crate) fn inverse(&self) -> Renames {
        let old_table = |new: &Name| {
            let renamed = self.tables.iter().find(|(_, to)| to == new);
            renamed.map_or_else(|| new.clone(), |(from, _)| from.clone())
        };
        Renames {
            tables: self
                .tables
                .iter()
                .map(|(from, to)| (to.clone(), from.clone()))
                .collect(),
            columns: self
                .columns
                .iter()
                .map(|(table, from, to)| (old_table(table), to.clone(), from.clone()))
                .collect(),
            sequences: self
                .sequences
                .iter()
                .map(|(from, to)| (to.clone(), from.clone()))
                .collect(),
        }
    }

    /// Those that mean something between two schemas: the old name stands in the one and not in the other, the new
    /// one the other way round. A hint that was followed already, or never can be, is none.
    pub(crate) fn between(&self, old: &Schema, new: &Schema) -> Renames {
        let possible = self
            .tables
            .iter()
            .filter(|(from, to)| old.tables.contains_key(from) && new.tables.contains_key(to));
        let alike = |from: &Name, to: &Name| match (old.tables.get(from), new.tables.get(to)) {
            (Some(old), Some(new)) => {
                let columns = new.columns.iter();
                let same = columns.filter(|column| {
                    let old = old.column(&column.name);
                    old.is_some_and(|old| old.data_type == column.data_type)
                });
                same.count()
            }
            _ => 0,
        };
        let possible = possible.cloned().collect();
        let tables = meant(possible, |name| old.tables.contains_key(name), alike);
        let mut columns = Vec::new();
        let of: BTreeSet<&Name> = self.columns.iter().map(|(table, _, _)| table).collect();
        for table in of {
            let before = tables.iter().find(|(_, renamed)| renamed == table);
            let before = before.map_or(table, |(from, _)| from);
            let (Some(old), Some(new)) = (old.tables.get(before), new.tables.get(table)) else {
                continue;
            };
            let own = self.columns.iter().filter(|(of, _, _)| of == table);
            let own = own.map(|(_, from, to)| (from.clone(), to.clone()));
            let own =
                own.filter(|(from, to)| old.column(from).is_some() && new.column(to).is_some());
            let alike = |from: &String, to: &String| match (old.column(from), new.column(to)) {
                (Some(old), Some(new)) => usize::from(old.data_type == new.data_type),
                _ => 0,
            };
            let own = meant(own.collect(), |name| old.column(name).is_some(), alike);
            columns.extend(own.into_iter().map(|(from, to)| (table.clone(), from, to)));
        }
        let mut renames = Renames {
            tables,
            columns,
            sequences: Vec::new(),
        };
        renames.sequences = renames.owned_sequences(old, new);
        renames
    }

    /// Moves aside what has a new name and is to go: on the way back of a rename that freed a name for something new.
    pub(crate) fn make_room(&mut self, from: &Schema) {
        let in_the_way = |name: &Name| {
            let leaves = self.tables.iter().any(|(old, _)| old == name);
            from.tables.contains_key(name) && !leaves
        };
        let names = self.tables.iter().map(|(_, to)| to);
        let room: Vec<Name> = names.filter(|name| in_the_way(name)).cloned().collect();
        let room = room.into_iter().map(|name| (name.clone(), name.spare()));
        self.tables.extend(room);
        let in_the_way = |table: &Name, column: &String| {
            let mut own = self.columns.iter().filter(|(of, _, _)| of == table);
            let old = self.old_name(table).unwrap_or(table);
            let old = from.tables.get(old);
            old.is_some_and(|old| old.column(column).is_some())
                && !own.any(|(_, from, _)| from == column)
        };
        let columns = self.columns.iter().map(|(table, _, to)| (table, to));
        let room: Vec<(Name, String)> = columns
            .filter(|(table, column)| in_the_way(table, column))
            .map(|(table, column)| (table.clone(), column.clone()))
            .collect();
        let room = room.into_iter().map(|(table, column)| {
            let spare = column.spare();
            (table, column, spare)
        });
        self.columns.extend(room);
    }

    /// The tables' renames one by one: where names are swapped, one waits under a name of limbeck's.
    pub(crate) fn table_steps(&self) -> Vec<(Name, Name)> {
        let all = self.tables.iter();
        let all = all.map(|(from, to)| ((), from.clone(), to.clone()));
        let all = steps(all.collect()).into_iter();
        all.map(|((), from, to)| (from, to)).collect()
    }

    /// The same of the columns, each with the table's new name.
    pub(crate) fn column_steps(&self) -> Vec<(Name, String, String)> {
        let mut all = Vec::new();
        let tables: BTreeSet<&Name> = self.columns.iter().map(|(table, _, _)| table).collect();
        for table in tables {
            let own = self.columns.iter().filter(|(of, _, _)| of == table);
            let own = own.map(|(of, from, to)| (of.clone(), from.clone(), to.clone()));
            all.extend(steps(own.collect()));
        }
        all
    }

    /// The sequences whose columns are renamed, where the same columns own others in the new schema.
    fn owned_sequences(&self, old: &Schema, new: &Schema) -> Vec<(Name, Name)> {
        let mut sequences = Vec::new();
        for (id, sequence) in &old.objects {
            let Some((table, column)) = sequence.owning_column() else {
                continue;
            };
            let owner = self.renamed_column(&table, column);
            if owner == (table, column.to_owned()) || new.objects.contains_key(id) {
                continue;
            }
            let successor = new.objects.iter().find(|(id, object)| {
                let of = object.owning_column();
                of.is_some_and(|(table, column)| table == owner.0 && column == owner.1)
                    && !old.objects.contains_key(*id)
            });
            if let Some((successor, _)) = successor {
                sequences.push((id.name.clone(), successor.name.clone()));
            }
        }
        sequences
    }

    /// What renames the sequences, before anything else is renamed: they move to another schema with their tables.
    pub(crate) fn of_sequences(&self) -> impl Iterator<Item = String> {
        let renamed = self
            .sequences
            .iter()
            .filter(|(from, to)| from.name != to.name);
        renamed.map(|(from, to)| {
            let from = spelled_sequence(from);
            format!("ALTER SEQUENCE {from} RENAME TO {}", spelled(&to.name))
        })
    }

    /// The name that a table had.
    fn old_name(&self, table: &Name) -> Option<&Name> {
        let mut renamed = self.tables.iter();
        renamed.find(|(_, to)| to == table).map(|(from, _)| from)
    }

    /// The names that a column has afterwards.
    fn renamed_column(&self, table: &Name, column: &str) -> (Name, String) {
        let renamed = self.tables.iter().find(|(from, _)| from == table);
        let table = renamed.map_or(table, |(_, to)| to).clone();
        let renamed = self
            .columns
            .iter()
            .find(|(of, from, _)| *of == table && from == column);
        let column = renamed.map_or(column, |(_, _, to)| to).to_owned();
        (table, column)
    }

    /// `schema` as the database has it after the renames, and the objects that name something renamed: what their
    /// texts are then is the database's to say, so they are made again.
    pub(crate) fn apply(&self, schema: &Schema) -> (Schema, BTreeSet<ObjectId>) {
        let mut renamed = schema.clone();
        if self.is_empty() {
            return (renamed, BTreeSet::new());
        }
        let dialect = schema.dialect;
        let tables: BTreeMap<&Name, &Name> =
            self.tables.iter().map(|(from, to)| (from, to)).collect();
        let new_table = |name: &Name| -> Name { tables.get(name).map_or(name, |to| to).clone() };
        let new_column = |table: &Name, column: &str| -> String {
            let known = self
                .columns
                .iter()
                .find(|(of, from, _)| of == table && from == column);
            known.map_or(column, |(_, _, to)| to).to_owned()
        };
        let new_sequence = |id: &ObjectId| -> Name {
            let mut renamed = self.sequences.iter();
            let renamed = renamed
                .find(|(from, _)| id.kind == ObjectKind::Sequence && *from == id.name)
                .map(|(_, to)| to);
            renamed.unwrap_or(&id.name).clone()
        };
        let new_thing = |thing: &Thing| -> Thing {
            match thing {
                Thing::Table(table) => Thing::Table(new_table(table)),
                Thing::Column(table, column) => {
                    let table = new_table(table);
                    let column = new_column(&table, column);
                    Thing::Column(table, column)
                }
                Thing::Key(table, key) => Thing::Key(new_table(table), key.clone()),
                Thing::Other(words) => Thing::Other(words.clone()),
                Thing::Object(id) => Thing::Object(ObjectId {
                    on: id.table().map(|table| new_table(&table).name),
                    name: new_sequence(id),
                    ..id.clone()
                }),
            }
        };
        let new_things = |things: &BTreeSet<Thing>| things.iter().map(new_thing).collect();

        renamed.kept = schema
            .kept
            .iter()
            .map(|(thing, kept)| (new_thing(thing), kept.clone()))
            .collect();
        for needed in renamed.needed.values_mut() {
            *needed = needed.iter().map(new_thing).collect();
        }
        renamed.tables.clear();
        for table in schema.tables.values() {
            let mut table: Table = table.clone();
            table.name = new_table(&table.name);
            let own: Vec<(String, String)> = self
                .columns
                .iter()
                .filter(|(of, _, _)| *of == table.name)
                .map(|(_, from, to)| (from.clone(), to.clone()))
                .collect();
            table.depends_on = new_things(&table.depends_on);
            for column in &mut table.columns {
                column.name = new_column(&table.name, &column.name);
                column.depends_on = new_things(&column.depends_on);
                for (from, to) in &self.sequences {
                    if let Some(default) = &mut column.default {
                        *default = with_sequence(default, from, to);
                    }
                }
                // Elsewhere no default can name a column.
                if dialect.is_mysql_family()
                    && let Some(default) = &mut column.default
                {
                    *default = default.with_names(dialect, &own);
                }
                if let Some(generated) = &mut column.generated {
                    generated.expression = generated.expression.with_names(dialect, &own);
                }
            }
            if let Some(clause) = table.attributes.get_mut("partition_by") {
                for (from, to) in &own {
                    *clause = mysql::partition_renamed(clause, from, to);
                }
            }
            for constraint in &mut table.constraints {
                if let (Some(before), Some(name)) =
                    (self.old_name(&table.name), &mut constraint.name)
                    && let Some(renamed) =
                        mysql::renamed_with_table(dialect, name, &before.name, &table.name.name)
                {
                    *name = renamed;
                }
                let written = constraint.definition.clone();
                constraint.depends_on = new_things(&constraint.depends_on);
                for column in &mut constraint.columns {
                    *column = new_column(&table.name, column);
                }
                constraint.definition = constraint.definition.with_names(dialect, &own);
                let Some(reference) = &mut constraint.references else {
                    continue;
                };
                let target = new_table(&reference.table);
                if target != reference.table {
                    let (from, to) = (&reference.table.name, &target.name);
                    constraint.definition = constraint.definition.renamed(dialect, from, to);
                }
                for column in &mut reference.columns {
                    let to = new_column(&target, column);
                    if to != *column && target != table.name {
                        constraint.definition = constraint.definition.renamed(dialect, column, &to);
                    }
                    *column = to;
                }
                reference.table = target;
                if dialect.family() == Family::Sqlite {
                    constraint.definition =
                        sqlite::reference::renamed(&written, &constraint.columns, reference);
                }
            }
            for index in &mut table.indexes {
                index.depends_on = new_things(&index.depends_on);
                for column in &mut index.columns {
                    *column = new_column(&table.name, column);
                }
                index.definition = index.definition.with_names(dialect, &own);
            }
            renamed.tables.insert(table.name.clone(), table);
        }

        let moved = |thing: &Thing| match thing {
            Thing::Table(table) => tables.contains_key(table),
            Thing::Column(table, column) => {
                let new = new_table(table);
                new != *table || new_column(&new, column) != *column
            }
            Thing::Key(..) | Thing::Object(_) | Thing::Other(_) => false,
        };
        let mut stale = BTreeSet::new();
        renamed.objects.clear();
        for object in schema.objects.values() {
            let mut object = object.clone();
            let is_stale = object.depends_on.iter().any(moved)
                || object.id.table().is_some_and(|table| {
                    tables.contains_key(&table)
                        || self
                            .columns
                            .iter()
                            .any(|(of, _, _)| *of == new_table(&table))
                });
            object.depends_on = new_things(&object.depends_on);
            object.id.name = new_sequence(&object.id);
            if let Some((table, column)) = object.owning_column() {
                let (table, column) = self.renamed_column(&table, column);
                object.labels = vec![table.schema.unwrap_or_default(), table.name, column];
            }
            object.id.on = object.id.table().map(|table| new_table(&table).name);
            if is_stale {
                stale.insert(object.id.clone());
            }
            renamed.objects.insert(object.id.clone(), object);
        }
        (renamed, stale)
    }
}

/// A name that another can be made of.
pub(crate) trait Spare {
    fn spare(&self) -> Self;
}

impl Spare for String {
    fn spare(&self) -> String {
        let mut name = format!("limbeck_tmp_{self}");
        // The shortest limit of the databases is 63 bytes.
        while name.len() > 63 {
            name.pop();
        }
        name
    }
}

impl Spare for Name {
    fn spare(&self) -> Name {
        Name::new(self.schema.as_deref(), &self.name.spare())
    }
}

/// Renames in an order in which each new name is free, each with what it is of.
pub(crate) fn steps<T: Clone, N: Spare + Clone + PartialEq>(
    mut renames: Vec<(T, N, N)>,
) -> Vec<(T, N, N)> {
    let mut steps = Vec::with_capacity(renames.len());
    while !renames.is_empty() {
        let free = renames
            .iter()
            .position(|(_, _, to)| !renames.iter().any(|(_, from, _)| from == to));
        match free {
            Some(at) => steps.push(renames.remove(at)),
            None => {
                let (of, from, _) = &mut renames[0];
                let spare = from.spare();
                steps.push((of.clone(), from.clone(), spare.clone()));
                *from = spare;
            }
        }
    }
    steps
}

/// Those of the renames that are to be done. One whose new name was taken before was followed already, unless what has
/// that name leaves it too. Of names in a circle nobody can say whether they were swapped already: they are where that
/// makes more of them alike.
fn meant<N: Clone + PartialEq>(
    mut open: Vec<(N, N)>,
    is_taken: impl Fn(&N) -> bool,
    alike: impl Fn(&N, &N) -> usize,
) -> Vec<(N, N)> {
    let mut meant: Vec<(N, N)> = Vec::new();
    loop {
        let leaves = |name: &N| meant.iter().any(|(from, _)| from == name);
        let next = open.iter().position(|(_, to)| !is_taken(to) || leaves(to));
        match next {
            Some(at) => meant.push(open.remove(at)),
            None => break,
        }
    }
    while let Some((start, _)) = open.first().cloned() {
        let mut circle: Vec<(N, N)> = Vec::new();
        let mut at = start.clone();
        while let Some(step) = open.iter().find(|(from, _)| *from == at).cloned() {
            at = step.1.clone();
            circle.push(step);
            if at == start || circle.len() > open.len() {
                break;
            }
        }
        open.retain(|one| !circle.contains(one));
        let swapped: usize = circle.iter().map(|(from, to)| alike(from, to)).sum();
        let kept: usize = circle.iter().map(|(from, _)| alike(from, from)).sum();
        if at == start && swapped > kept {
            meant.extend(circle);
        }
    }
    meant
}

/// `nextval('old_seq'::regclass)` with the new name.
fn with_sequence(default: &Sql, from: &Name, to: &Name) -> Sql {
    let call = |name: &Name| {
        let name = Dialect::Postgres.literal(&spelled_sequence(name));
        format!("nextval({name}::regclass)")
    };
    if default.as_str() == call(from) {
        Sql::exact(call(to))
    } else {
        default.clone()
    }
}

/// As PostgreSQL words it: without quotes where it needs none. What `serial` makes is no keyword.
fn spelled_sequence(name: &Name) -> String {
    let schema = name.schema.as_deref().map(spelled);
    let schema = schema.map_or_else(String::new, |schema| format!("{schema}."));
    format!("{schema}{}", spelled(&name.name))
}

fn spelled(name: &str) -> String {
    let is_plain = |byte: u8| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.bytes().all(is_plain) {
        name.to_owned()
    } else {
        Dialect::Postgres.ident(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autogenerate::compare::compare;
    use crate::autogenerate::expression::Sql;
    use crate::autogenerate::schema::{
        Column, Constraint, ConstraintKind, Index, Object, ObjectKind, Reference,
    };
    use crate::dialect::Dialect;

    fn name(name: &str) -> Name {
        Name::new(None, name)
    }

    /// `people(id, mail, boss → people)`, with the names that are given.
    fn people(table: &str, mail: &str) -> Schema {
        let constraint = |name_: &str, kind, definition: String, columns: &[&str]| Constraint {
            name: Some(name_.to_owned()),
            kind,
            definition: Sql::exact(definition),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            references: None,
            comment: None,
            depends_on: BTreeSet::new(),
        };
        let mut people = Table::new(name(table));
        for column in ["id", mail, "boss"] {
            people.columns.push(Column::new(column, "text"));
        }
        let length = format!("CHECK ((length({mail}) > 3))");
        people
            .constraints
            .push(constraint("long", ConstraintKind::Check, length, &[mail]));
        let foreign = format!("FOREIGN KEY (boss) REFERENCES {table}(id)");
        people.constraints.push(Constraint {
            references: Some(Reference {
                table: name(table),
                implicit: false,
                columns: vec!["id".to_owned()],
            }),
            ..constraint("boss", ConstraintKind::Foreign, foreign, &["boss"])
        });
        people.indexes.push(Index {
            name: "by_mail".to_owned(),
            unique: true,
            definition: Sql::exact(format!(
                "USING btree ({mail}) WHERE ({mail} <> 'mail'::text)"
            )),
            columns: vec![mail.to_owned()],
            comment: None,
            attributes: Default::default(),
            depends_on: BTreeSet::new(),
        });
        let mut schema = Schema::new(Dialect::Postgres);
        schema.tables.insert(people.name.clone(), people);
        let id = ObjectId::new(ObjectKind::View, name("mails"));
        let view = Object {
            id: id.clone(),
            definition: Sql::exact(format!("CREATE VIEW mails AS SELECT {mail} FROM {table}")),
            labels: Vec::new(),
            attributes: Default::default(),
            comment: None,
            depends_on: BTreeSet::from([Thing::Column(name(table), mail.to_owned())]),
        };
        schema.objects.insert(id, view);
        schema
    }

    /// Everything that the database renames by itself is the same afterwards; what stands on it is made again.
    #[test]
    fn a_rename_is_all_that_differs() {
        let (old, new) = (people("people", "mail"), people("users", "email"));
        let said = Renames {
            tables: vec![(name("people"), name("users"))],
            columns: vec![(name("users"), "mail".to_owned(), "email".to_owned())],
            ..Renames::default()
        };
        for (from, to, renames) in [(&old, &new, said.clone()), (&new, &old, said.inverse())] {
            let renames = renames.between(from, to);
            assert!(!renames.tables.is_empty() && !renames.columns.is_empty());
            let (renamed, stale) = renames.apply(from);
            let changes = compare(&renamed, to, &stale);
            let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
            assert_eq!(told, ["alter view mails"]);
        }
        assert_eq!(said.inverse().inverse(), said);
    }

    /// What `serial` made goes with its column, and keeps its position.
    #[test]
    fn a_sequence_goes_with_its_column() {
        let schema = |table: &str, sequence: &str| {
            let mut schema = Schema::new(Dialect::Postgres);
            let id = ObjectId::new(ObjectKind::Sequence, name(sequence));
            let mut serial = Column::new("id", "bigint");
            serial.default = Some(Sql::exact(format!("nextval('{sequence}'::regclass)")));
            serial.depends_on.insert(Thing::Object(id.clone()));
            let mut owner = Table::new(name(table));
            owner.columns.push(serial);
            schema.tables.insert(owner.name.clone(), owner);
            let object = Object {
                id: id.clone(),
                definition: Sql::exact(""),
                labels: [String::new(), table.to_owned(), "id".to_owned()].into(),
                attributes: Default::default(),
                comment: None,
                depends_on: BTreeSet::new(),
            };
            schema.objects.insert(id, object);
            schema
        };
        let old = schema("people", "people_id_seq");
        let said = Renames {
            tables: vec![(name("people"), name("users"))],
            ..Renames::default()
        };
        for new in [
            schema("users", "users_id_seq"),
            schema("users", "people_id_seq"),
        ] {
            let renames = said.between(&old, &new);
            let (renamed, stale) = renames.apply(&old);
            assert!(compare(&renamed, &new, &stale).is_empty());
            let (back, stale) = renames.inverse().apply(&new);
            assert!(compare(&back, &old, &stale).is_empty());
        }
    }

    #[test]
    fn a_hint_that_was_followed_is_none() {
        let new = people("users", "email");
        let said = Renames {
            tables: vec![(name("people"), name("users"))],
            columns: vec![(name("users"), "mail".to_owned(), "email".to_owned())],
            ..Renames::default()
        };
        assert!(said.between(&new, &new).is_empty());
        assert!(
            said.between(&Schema::new(Dialect::Postgres), &new)
                .is_empty()
        );
    }
}
