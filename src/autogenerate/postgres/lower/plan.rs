//! What cannot stay in place while something changes under it.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Node, is_type};
use crate::autogenerate::change::Operation;
use crate::autogenerate::engine::{Direction, Lowering};
use crate::autogenerate::postgres::alteration::is_made_anew;
use crate::autogenerate::postgres::placeholder::Type;
use crate::autogenerate::schema::{
    Column, Constraint, ConstraintKind, Index, Name, Object, ObjectId, ObjectKind, Schema, Table,
    Thing,
};

/// What becomes of everything in the old schema.
pub(super) struct Plan<'a> {
    /// The old schema with the new names of constraints and indexes.
    pub from: Schema,
    pub to: &'a Schema,
    pub before: Graph,
    pub after: Graph,
    /// Dropped, whether or not it is made again.
    pub gone: BTreeSet<Node>,
    /// Types that are made anew beside the old one, which goes last.
    pub swapped: BTreeSet<ObjectId>,
    /// Columns whose type is another, by name or because it is swapped.
    pub retyped: BTreeSet<(Name, String)>,
    /// Old names of constraints and indexes by new ones.
    pub old_names: BTreeMap<Node, String>,
    /// Objects that are to be made again though their text is the same.
    stale: BTreeSet<ObjectId>,
    is_down: bool,
    /// What goes behind everything that is made.
    pub late: BTreeSet<Node>,
}

/// What happens to something that others stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Dropped,
    Retyped,
}

impl<'a> Plan<'a> {
    pub(super) fn new(lowering: &Lowering<'a>) -> Plan<'a> {
        let (from, old_names) = with_new_names(lowering);
        let stale = lowering
            .changes
            .iter()
            .filter_map(|change| match &change.operation {
                Operation::AlterObject(id) => Some(id.clone()),
                _ => None,
            });
        let mut plan = Plan {
            before: Graph::of(&from),
            after: Graph::of(lowering.to),
            from,
            to: lowering.to,
            gone: BTreeSet::new(),
            swapped: BTreeSet::new(),
            retyped: BTreeSet::new(),
            old_names,
            stale: stale.collect(),
            is_down: lowering.direction == Direction::Down,
            late: BTreeSet::new(),
        };
        plan.disturb();
        plan.find_late();
        plan
    }

    /// A type that something that stays had goes when that has the new one, and with it what the type needs.
    fn find_late(&mut self) {
        let is_gone = |node: &Node| self.gone.contains(node);
        let is_swapped =
            |node: &Node| matches!(node, Node::Object(id) if self.swapped.contains(id));
        let is_left = |node: &Node| {
            let mut users = self.before.users_of(node);
            users.any(|user| !is_gone(user) || is_swapped(user))
        };
        let nodes = self.before.nodes.iter().filter(|node| Self::is_late(node));
        let mut open: Vec<Node> = nodes
            .filter(|node| is_swapped(node) || is_gone(node) && (!is_type(node) || is_left(node)))
            .cloned()
            .collect();
        let mut late = BTreeSet::new();
        while let Some(node) = open.pop() {
            let needed = self.before.needs_of(&node);
            let needed = needed.filter(|one| matches!(one, Node::Object(_)) && is_gone(one));
            open.extend(needed.filter(|one| !late.contains(*one)).cloned());
            late.insert(node);
        }
        self.late = late;
    }

    /// Whether it is there before and stays.
    pub(super) fn stays(&self, node: &Node) -> bool {
        if let Node::Object(id) = node
            && self.swapped.contains(id)
        {
            return false;
        }
        self.before.has(node) && !self.gone.contains(node)
    }

    pub(super) fn is_gone_table(&self, name: &Name) -> bool {
        self.gone.contains(&Node::Table(name.clone()))
    }

    /// Whether it differs, or names something renamed.
    pub(super) fn is_altered(&self, old: &Object, new: &Object) -> bool {
        !old.is_same(new) || self.stale.contains(&new.id)
    }

    /// Types, schemas and extensions go when nothing is left that has them.
    pub(super) fn is_late(node: &Node) -> bool {
        match node {
            Node::Object(id) => matches!(
                id.kind,
                ObjectKind::Enum
                    | ObjectKind::Domain
                    | ObjectKind::CompositeType
                    | ObjectKind::Schema
                    | ObjectKind::Extension
            ),
            _ => false,
        }
    }

    fn disturb(&mut self) {
        let mut open: Vec<(Node, Event)> = Vec::new();
        let nodes = self.before.nodes.clone();
        for node in &nodes {
            match self.fate(node) {
                Fate::Stays => {}
                Fate::Drop => self.event(node, Event::Dropped, &mut open),
                Fate::Swap => {
                    if let Node::Object(id) = node {
                        self.swap(id, &mut open);
                    }
                }
                Fate::Retype => self.event(node, Event::Retyped, &mut open),
            }
        }
        while let Some((node, event)) = open.pop() {
            let users: Vec<Node> = self.before.users_of(&node).cloned().collect();
            for user in users {
                self.disturb_user(&node, event, &user, &mut open);
            }
        }
    }

    fn event(&mut self, node: &Node, event: Event, open: &mut Vec<(Node, Event)>) {
        let is_new = match (event, node) {
            (Event::Dropped, _) => self.gone.insert(node.clone()),
            (Event::Retyped, Node::Column(table, column)) => {
                self.retyped.insert((table.clone(), column.clone()))
            }
            (Event::Retyped, _) => false,
        };
        if is_new {
            open.push((node.clone(), event));
        }
    }

    fn swap(&mut self, id: &ObjectId, open: &mut Vec<(Node, Event)>) {
        if self.swapped.insert(id.clone()) {
            open.push((Node::Object(id.clone()), Event::Dropped));
        }
    }

    fn disturb_user(
        &mut self,
        node: &Node,
        event: Event,
        user: &Node,
        open: &mut Vec<(Node, Event)>,
    ) {
        let of_type = is_type(node) && !matches!(node, Node::Table(_));
        match user {
            // A parent is left, not followed.
            Node::Table(_) => {}
            Node::Column(table, column) => {
                let old = self
                    .from
                    .tables
                    .get(table)
                    .and_then(|table| table.column(column));
                let is_generated = old.is_some_and(|old| old.generated.is_some());
                let is_inherited = matches!(node, Node::Column(..))
                    && old.is_some_and(|old| old.attributes.contains_key("inherited"));
                if is_inherited {
                    if event == Event::Retyped {
                        self.event(user, Event::Retyped, open);
                    }
                } else if is_generated && !matches!(node, Node::Table(_)) {
                    self.event(user, Event::Dropped, open);
                } else if of_type {
                    self.event(user, Event::Retyped, open);
                }
            }
            // Handled with its column.
            Node::Default(..) if event == Event::Retyped => {}
            // The server makes them again itself.
            Node::Index(..) if event == Event::Retyped => {}
            Node::Constraint(table, name) if event == Event::Retyped => {
                let table = self.from.tables.get(table);
                let constraint = table.and_then(|table| constraint(table, name));
                if constraint.is_some_and(|one| one.kind == ConstraintKind::Foreign) {
                    self.event(user, Event::Dropped, open);
                }
            }
            Node::Object(id) if Self::is_late(user) => {
                if of_type && self.to.objects.contains_key(id) {
                    self.swap(&id.clone(), open);
                }
            }
            _ => self.event(user, Event::Dropped, open),
        }
    }

    /// What becomes of it for its own sake.
    fn fate(&self, node: &Node) -> Fate {
        if !self.after.has(node) {
            return Fate::Drop;
        }
        let tables = |name: &Name| self.from.tables.get(name).zip(self.to.tables.get(name));
        match node {
            Node::Table(_) => Fate::Stays,
            Node::Object(id) => {
                let pair = self.from.objects.get(id).zip(self.to.objects.get(id));
                pair.map_or(Fate::Stays, |(old, new)| self.fate_of_object(old, new))
            }
            Node::Column(table, name) => {
                let pair =
                    tables(table).and_then(|(old, new)| old.column(name).zip(new.column(name)));
                pair.map_or(Fate::Stays, |(old, new)| {
                    fate_of_column(old, new, self.is_down)
                })
            }
            Node::Default(table, name) => {
                let pair =
                    tables(table).and_then(|(old, new)| old.column(name).zip(new.column(name)));
                match pair {
                    // A default of the old type may have no cast to the new one.
                    Some((old, new)) if !default_survives(old, new) => Fate::Drop,
                    _ => Fate::Stays,
                }
            }
            Node::Constraint(table, name) => {
                let pair = tables(table)
                    .and_then(|(old, new)| constraint(old, name).zip(constraint(new, name)));
                match pair {
                    Some((old, new)) if !old.does_same(new) && !is_validation(old, new) => {
                        Fate::Drop
                    }
                    _ => Fate::Stays,
                }
            }
            Node::Index(table, name) => {
                let pair =
                    tables(table).and_then(|(old, new)| index(old, name).zip(index(new, name)));
                match pair {
                    Some((old, new)) if !old.does_same(new) => Fate::Drop,
                    _ => Fate::Stays,
                }
            }
        }
    }

    fn fate_of_object(&self, old: &Object, new: &Object) -> Fate {
        let differs = old.definition != new.definition;
        match new.id.kind {
            ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType
                if is_made_anew(&self.from, old, new) =>
            {
                Fate::Swap
            }
            ObjectKind::View if self.is_altered(old, new) => {
                // Columns may be added at the end, and nothing else.
                if new.labels.starts_with(&old.labels) {
                    Fate::Stays
                } else {
                    Fate::Drop
                }
            }
            ObjectKind::MaterializedView
                if differs || old.attributes.get("indexes") != new.attributes.get("indexes") =>
            {
                Fate::Drop
            }
            ObjectKind::Function | ObjectKind::Procedure if is_made_anew(&self.from, old, new) => {
                Fate::Drop
            }
            ObjectKind::Trigger
            | ObjectKind::Policy
            | ObjectKind::Rule
            | ObjectKind::Statistics
                if differs =>
            {
                Fate::Drop
            }
            _ => Fate::Stays,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Drop,
    Swap,
    Retype,
}

fn fate_of_column(old: &Column, new: &Column, is_down: bool) -> Fate {
    if old.attributes.contains_key("inherited") {
        return if old.data_type == new.data_type && old.collation == new.collation {
            Fate::Stays
        } else {
            Fate::Retype
        };
    }
    let is_other = old.data_type != new.data_type || old.collation != new.collation;
    match (&old.generated, &new.generated) {
        (None, Some(_)) => Fate::Drop,
        (Some(before), Some(after)) if before != after || is_other => Fate::Drop,
        // There is nothing stored that could stay.
        (Some(before), None) if !before.stored => Fate::Drop,
        // What was there before it was generated is gone, and what it computes may be no such value.
        (Some(_), None) if is_other && is_down => Fate::Drop,
        _ if is_other => Fate::Retype,
        _ => Fate::Stays,
    }
}

fn default_survives(old: &Column, new: &Column) -> bool {
    let of = |column: &Column| Type::new(&column.data_type).base;
    of(old) == of(new) || old.default == new.default && is_number(old) && is_number(new)
}

fn is_number(column: &Column) -> bool {
    matches!(
        Type::new(&column.data_type).base.as_str(),
        "smallint" | "integer" | "bigint" | "numeric"
    )
}

/// Whether only a check of the rows that are there is missing.
pub(super) fn is_validation(old: &Constraint, new: &Constraint) -> bool {
    let old = old.definition.as_str().strip_suffix(" NOT VALID");
    old == Some(new.definition.as_str())
}

pub(super) fn constraint<'t>(table: &'t Table, name: &str) -> Option<&'t Constraint> {
    let mut all = table.constraints.iter();
    all.find(|one| one.name.as_deref() == Some(name))
}

pub(super) fn index<'t>(table: &'t Table, name: &str) -> Option<&'t Index> {
    table.indexes.iter().find(|one| one.name == name)
}

/// The quoted name that a label begins with.
pub(in crate::autogenerate::postgres) fn first_word(label: &str) -> &str {
    let pieces = crate::sql::pieces(crate::dialect::Dialect::Postgres, label);
    pieces.first().map_or("", |piece| piece.text)
}

/// The old schema with what is renamed among constraints and indexes, and their old names.
fn with_new_names(lowering: &Lowering<'_>) -> (Schema, BTreeMap<Node, String>) {
    let mut from = lowering.from.clone();
    let mut old_names = BTreeMap::new();
    let mut keys: BTreeMap<(Name, String), String> = BTreeMap::new();
    for change in lowering.changes {
        match &change.operation {
            Operation::AlterConstraint {
                table,
                from: old,
                to: new,
            } if old.does_same(new) && old.name != new.name => {
                let (Some(old), Some(new)) = (&old.name, &new.name) else {
                    continue;
                };
                keys.insert((table.clone(), old.clone()), new.clone());
                old_names.insert(Node::Constraint(table.clone(), new.clone()), old.clone());
            }
            Operation::AlterIndex {
                table,
                from: old,
                to: new,
            } if old.does_same(new) && old.name != new.name => {
                keys.insert((table.clone(), old.name.clone()), new.name.clone());
                old_names.insert(
                    Node::Index(table.clone(), new.name.clone()),
                    old.name.clone(),
                );
            }
            _ => {}
        }
    }
    if keys.is_empty() {
        return (from, old_names);
    }
    let renamed = |table: &Name, name: &str| keys.get(&(table.clone(), name.to_owned())).cloned();
    let things = |things: &mut BTreeSet<Thing>| {
        let all = std::mem::take(things).into_iter().map(|thing| match thing {
            Thing::Key(table, key) => {
                let key = renamed(&table, &key).unwrap_or(key);
                Thing::Key(table, key)
            }
            other => other,
        });
        *things = all.collect();
    };
    for (name, table) in &mut from.tables {
        for constraint in &mut table.constraints {
            things(&mut constraint.depends_on);
            if let Some(new) = constraint
                .name
                .as_deref()
                .and_then(|old| renamed(name, old))
            {
                constraint.name = Some(new);
            }
        }
        for index in &mut table.indexes {
            if let Some(new) = renamed(name, &index.name) {
                index.name = new;
            }
        }
    }
    for object in from.objects.values_mut() {
        things(&mut object.depends_on);
    }
    (from, old_names)
}
