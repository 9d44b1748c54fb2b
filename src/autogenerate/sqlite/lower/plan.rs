//! Which statements there are: what can stay in place, and what has to go for a while.

use std::collections::{BTreeMap, BTreeSet};

use super::sound::is_sound;
use super::table::{column as column_sql, is_constant, named, written};
use crate::autogenerate::change::Operation;
use crate::autogenerate::engine::{Direction, Lowering};
use crate::autogenerate::order::sorted;
use crate::autogenerate::schema::{
    Constraint, ConstraintKind, Index, Name, ObjectId, ObjectKind, Schema, Table, Thing,
};
use crate::dialect::Dialect;
use crate::sql::pieces;

#[derive(Default)]
pub(super) struct Plan<'a> {
    pub objects_to_drop: BTreeSet<ObjectId>,
    pub indexes_to_drop: Vec<&'a Index>,
    pub altered: BTreeMap<&'a Name, Alter>,
    /// Those that others refer to last.
    pub tables_to_drop: Vec<Name>,
    pub rebuilt: BTreeSet<Name>,
    pub tables_to_create: Vec<Name>,
    pub indexes_to_create: Vec<(Name, Index)>,
    pub objects_to_create: BTreeSet<ObjectId>,
    /// A DROP TABLE with foreign keys on deletes the rows first, and so touches rows of others.
    drops_what_is_referred_to: bool,
}

/// What `ALTER TABLE` does to one table.
#[derive(Debug, Default)]
pub(super) struct Alter {
    /// Whole definitions.
    pub add: Vec<String>,
    pub drop: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn of(lowering: &Lowering<'a>) -> Self {
        let mut plan = Plan::default();
        let mut by_table: BTreeMap<&Name, Vec<&'a Operation>> = BTreeMap::new();
        for change in lowering.changes {
            match &change.operation {
                Operation::CreateTable(name) => plan.tables_to_create.push(name.clone()),
                Operation::DropTable(name) => plan.tables_to_drop.push(name.clone()),
                Operation::CreateObject(id) => {
                    plan.objects_to_create.insert(id.clone());
                }
                Operation::DropObject(id) => {
                    plan.objects_to_drop.insert(id.clone());
                }
                Operation::AlterObject(id) => {
                    plan.objects_to_drop.insert(id.clone());
                    plan.objects_to_create.insert(id.clone());
                }
                Operation::RenameTable { .. } | Operation::RenameColumn { .. } => {}
                other => {
                    if let Some(table) = other.table() {
                        by_table.entry(table).or_default().push(other);
                    }
                }
            }
        }
        for (name, operations) in by_table {
            if let (Some(old), Some(new)) =
                (lowering.from.tables.get(name), lowering.to.tables.get(name))
            {
                plan.change_table(lowering, old, new, &operations);
            }
        }
        plan.order_tables(lowering);
        for name in &plan.tables_to_create {
            if let Some(table) = lowering.to.tables.get(name) {
                let indexes = table.indexes.iter().cloned();
                plan.indexes_to_create
                    .extend(indexes.map(|index| (name.clone(), index)));
            }
        }
        plan.free_names(lowering);
        plan.follow_objects(lowering);
        plan
    }

    pub(super) fn foreign_keys_off(&self) -> bool {
        !self.rebuilt.is_empty() || self.drops_what_is_referred_to
    }

    fn change_table(
        &mut self,
        lowering: &Lowering<'a>,
        old: &'a Table,
        new: &'a Table,
        operations: &[&'a Operation],
    ) {
        let alter = in_place(lowering.direction, old, new, operations);
        if alter.is_none() {
            self.rebuilt.insert(new.name.clone());
            let indexes = new.indexes.iter().cloned();
            self.indexes_to_create
                .extend(indexes.map(|index| (new.name.clone(), index)));
            return;
        }
        for operation in operations {
            match operation {
                Operation::AddIndex { index, .. } => {
                    self.indexes_to_create
                        .push((new.name.clone(), index.clone()));
                }
                Operation::DropIndex { index, .. } => self.indexes_to_drop.push(index),
                Operation::AlterIndex { from, to, .. } => {
                    self.indexes_to_drop.push(from);
                    self.indexes_to_create.push((new.name.clone(), to.clone()));
                }
                _ => {}
            }
        }
        if let Some(alter) = alter.filter(|it| !it.add.is_empty() || !it.drop.is_empty()) {
            self.altered.insert(&new.name, alter);
        }
    }

    /// Who refers goes first and comes last.
    fn order_tables(&mut self, lowering: &Lowering<'_>) {
        let referenced = |schema: &Schema, name: &Name| -> Vec<Name> {
            let table = schema.tables.get(name);
            let constraints = table.into_iter().flat_map(|table| &table.constraints);
            constraints
                .filter_map(|constraint| Some(constraint.references.as_ref()?.table.clone()))
                .collect()
        };
        self.tables_to_create =
            sorted(&self.tables_to_create, |name| referenced(lowering.to, name));
        self.tables_to_drop = sorted(&self.tables_to_drop, |name| referenced(lowering.from, name));
        self.tables_to_drop.reverse();
        let mut gone: BTreeSet<&Name> = BTreeSet::new();
        let dropped: Vec<Name> = self.tables_to_drop.clone();
        for name in &dropped {
            let mut others = lowering.from.tables.keys();
            self.drops_what_is_referred_to |= others.any(|other| {
                !gone.contains(other) && referenced(lowering.from, other).contains(name)
            });
            gone.insert(name);
        }
    }

    /// An index of a table that goes, or is built anew, goes with it, unless its name is wanted before that.
    fn free_names(&mut self, lowering: &Lowering<'a>) {
        let wanted: Vec<&str> = lowering
            .renames
            .tables
            .iter()
            .map(|(_, to)| to.name.as_str())
            .collect();
        for name in self.rebuilt.iter().chain(&self.tables_to_drop) {
            let table = lowering.from.tables.get(name);
            for index in table.into_iter().flat_map(|table| &table.indexes) {
                if wanted
                    .iter()
                    .any(|one| one.eq_ignore_ascii_case(&index.name))
                {
                    self.indexes_to_drop.push(index);
                }
            }
        }
    }

    /// A rename, and the drop of a column, makes SQLite read every view and trigger: those that name the table go
    /// before and come again after, with all that stands on them. Triggers go with their table or view.
    fn follow_objects(&mut self, lowering: &Lowering<'_>) {
        let dropping = self.altered.iter().filter(|(_, it)| !it.drop.is_empty());
        let mut read_again: BTreeSet<Thing> = dropping
            .map(|(name, _)| Thing::Table((*name).clone()))
            .collect();
        let renamed = lowering.renames.tables.iter().map(|(_, to)| to);
        let renamed = renamed.chain(lowering.renames.columns.iter().map(|(table, _, _)| table));
        read_again.extend(renamed.cloned().map(Thing::Table));

        let reads_all = !read_again.is_empty();
        let mut open: Vec<Thing> = read_again.into_iter().collect();
        if reads_all {
            let broken = lowering.from.objects.values();
            let broken = broken.filter(|object| !is_sound(lowering.from, object));
            self.objects_to_drop
                .extend(broken.map(|object| object.id.clone()));
        }
        open.extend(self.objects_to_drop.iter().cloned().map(Thing::Object));
        while let Some(thing) = open.pop() {
            for (id, object) in &lowering.from.objects {
                let stands_on_it = match &thing {
                    Thing::Object(view) => {
                        id.kind == ObjectKind::Trigger
                            && id.on.as_deref() == Some(view.name.name.as_str())
                            && view.kind == ObjectKind::View
                    }
                    _ => false,
                };
                let reads_it = reads_all && object.depends_on.contains(&thing);
                if (stands_on_it || reads_it) && self.objects_to_drop.insert(id.clone()) {
                    open.push(Thing::Object(id.clone()));
                }
            }
        }
        if !reads_all {
            // A trigger goes with its table.
            self.objects_to_drop.retain(|id| {
                let table = id.table();
                !table.is_some_and(|table| self.tables_to_drop.contains(&table))
            });
        }
        let is_rebuilt = |id: &ObjectId| {
            id.table()
                .is_some_and(|table| self.rebuilt.contains(&table))
        };
        let again: Vec<ObjectId> = lowering
            .to
            .objects
            .keys()
            .filter(|id| self.objects_to_drop.contains(*id) || is_rebuilt(id))
            .cloned()
            .collect();
        self.objects_to_create.extend(again);
    }
}

/// What `ALTER TABLE` does, if that is all that is to be done (https://sqlite.org/lang_altertable.html).
fn in_place(
    direction: Direction,
    old: &Table,
    new: &Table,
    operations: &[&Operation],
) -> Option<Alter> {
    let mut added: Vec<&str> = Vec::new();
    let mut alter = Alter::default();
    for operation in operations {
        match operation {
            Operation::AddColumn { column, .. } => added.push(column),
            Operation::DropColumn { column, .. } => {
                if !can_drop(old, new, column) {
                    return None;
                }
                alter.drop.push(column.clone());
            }
            Operation::AddConstraint { .. }
            | Operation::AddIndex { .. }
            | Operation::DropIndex { .. }
            | Operation::AlterIndex { .. } => {}
            _ => return None,
        }
    }
    // A constraint of one new column comes with it.
    let mut inline: BTreeMap<&str, Vec<&Constraint>> = BTreeMap::new();
    for operation in operations {
        if let Operation::AddConstraint { constraint, .. } = operation {
            let [column] = &constraint.columns[..] else {
                return None;
            };
            let fits = matches!(
                constraint.kind,
                ConstraintKind::Check | ConstraintKind::Foreign
            );
            if !fits || !added.contains(&column.as_str()) {
                return None;
            }
            inline.entry(column).or_default().push(constraint);
        }
    }
    // Computed columns last: they may name the others.
    let mut columns: Vec<_> = added.iter().filter_map(|name| new.column(name)).collect();
    columns.sort_by_key(|column| column.generated.is_some());
    for column in columns {
        let constraints = inline.remove(column.name.as_str()).unwrap_or_default();
        let is_foreign = |it: &&Constraint| it.kind == ConstraintKind::Foreign;
        let no_default = !column.nullable && column.default.is_none();
        let fits = match (&column.generated, &column.default) {
            (Some(generated), _) => {
                let names = generated.expression.names(Dialect::Sqlite);
                let computed = |name: &&&str| {
                    new.column(name).is_some_and(|it| it.generated.is_some())
                        && names.iter().any(|other| other.eq_ignore_ascii_case(name))
                };
                !generated.stored && column.nullable && !added.iter().any(|name| computed(&name))
            }
            (None, Some(default)) => {
                let is_null = default.as_str().eq_ignore_ascii_case("NULL");
                let refers = constraints.iter().any(is_foreign);
                is_constant(default) && if is_null { column.nullable } else { !refers }
            }
            // On the way up it works while there are no rows, and else SQLite says why not.
            (None, None) => !no_default || direction == Direction::Up,
        };
        if !fits {
            return None;
        }
        let mut text = column_sql(column);
        for constraint in constraints {
            let definition = written(constraint);
            text.push_str(&format!(" {}", named(constraint)));
            match constraint.kind {
                ConstraintKind::Foreign => text.push_str(reference_of(definition.as_str())?),
                _ => text.push_str(definition.as_str()),
            }
        }
        alter.add.push(text);
    }
    Some(alter)
}

/// From `REFERENCES` on.
fn reference_of(definition: &str) -> Option<&str> {
    let words = pieces(Dialect::Sqlite, definition);
    let close = words.iter().position(|piece| piece.text == ")")?;
    definition.get(words.get(close + 1)?.range.start..)
}

/// Nothing that stays may name it: the constraints that name it are changes of their own, which are none in place.
fn can_drop(old: &Table, new: &Table, column: &str) -> bool {
    let named_by_constraint = old
        .constraints
        .iter()
        .any(|constraint| constraint.columns.iter().any(|name| name == column));
    let named_by_column = old.columns.iter().any(|other| {
        other.generated.as_ref().is_some_and(|generated| {
            let names = generated.expression.names(Dialect::Sqlite);
            other.name != column && names.iter().any(|name| name.eq_ignore_ascii_case(column))
        })
    });
    let named_by_index = new
        .indexes
        .iter()
        .any(|index| index.columns.iter().any(|name| name == column));
    !named_by_constraint && !named_by_column && !named_by_index && stays_a_table(old, new)
}

/// A column that is stored is left at every moment.
fn stays_a_table(old: &Table, new: &Table) -> bool {
    let mut kept = new.columns.iter();
    kept.any(|column| {
        column.generated.is_none()
            && old
                .column(&column.name)
                .is_some_and(|it| it.generated.is_none())
    })
}
