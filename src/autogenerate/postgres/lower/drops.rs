//! What goes, and in what order.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Node;
use super::plan::constraint;
use super::{Writer, object_words};
use crate::autogenerate::order::sorted;
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::schema::{ConstraintKind, Name, ObjectId, ObjectKind};

impl Writer<'_> {
    /// Tables that stay leave parents that go; sequences that stay leave columns that go.
    pub(super) fn let_go(&mut self) {
        for (name, old) in &self.plan.from.tables {
            let Some(new) = self.plan.to.tables.get(name) else {
                continue;
            };
            let (before, after) = (
                old.attributes.get("inherits"),
                new.attributes.get("inherits"),
            );
            if before != after {
                for parent in parents(old) {
                    self.script.push(format!(
                        "ALTER TABLE {} NO INHERIT {}",
                        quoted(name),
                        quoted(&parent)
                    ));
                }
            }
            let (before, after) = (
                old.attributes.get("partition_of"),
                new.attributes.get("partition_of"),
            );
            if before != after {
                for parent in parents(old) {
                    self.script.push(format!(
                        "ALTER TABLE {} DETACH PARTITION {}",
                        quoted(&parent),
                        quoted(name)
                    ));
                }
            }
        }
        // Its sequence has a name that another may need.
        let mut identities = Vec::new();
        for (name, old) in &self.plan.from.tables {
            for column in old
                .columns
                .iter()
                .filter(|column| column.identity.is_some())
            {
                let new = self
                    .plan
                    .to
                    .tables
                    .get(name)
                    .and_then(|new| new.column(&column.name));
                let node = Node::Column(name.clone(), column.name.clone());
                let is_inherited = column.attributes.contains_key("inherited");
                if new.is_some_and(|new| new.identity.is_none())
                    && self.plan.stays(&node)
                    && !is_inherited
                {
                    identities.push(format!(
                        "ALTER TABLE {} ALTER COLUMN {} DROP IDENTITY",
                        quoted(name),
                        ident(&column.name)
                    ));
                }
            }
        }
        for statement in identities {
            self.push(statement);
        }
        let sequences = self.plan.from.objects.values();
        let mut freed = Vec::new();
        for old in sequences.filter(|old| old.id.kind == ObjectKind::Sequence) {
            let Some(new) = self.plan.to.objects.get(&old.id) else {
                continue;
            };
            let Some((table, column)) = self.owner(&old.labels, true) else {
                continue;
            };
            let is_gone = !self.plan.stays(&Node::Column(table, column));
            if is_gone || new.labels.is_empty() {
                freed.push(quoted(&old.id.name));
            }
        }
        for sequence in freed {
            self.push(format!("ALTER SEQUENCE {sequence} OWNED BY NONE"));
        }
    }

    pub(super) fn drop_early(&mut self) {
        let gone: Vec<Node> = self
            .plan
            .before
            .nodes
            .iter()
            .filter(|node| self.plan.gone.contains(node) && !self.plan.late.contains(node))
            .cloned()
            .collect();
        let groups: BTreeMap<Node, Node> = gone
            .iter()
            .map(|node| (node.clone(), self.group(node)))
            .collect();
        let mut needs: BTreeMap<Node, BTreeSet<Node>> = BTreeMap::new();
        for node in &gone {
            let group = &groups[node];
            let entry = needs.entry(group.clone()).or_default();
            for needed in self.plan.before.needs_of(node) {
                if let Some(other) = groups.get(needed).filter(|other| *other != group) {
                    entry.insert(other.clone());
                }
            }
        }
        let heads: Vec<Node> = gone
            .iter()
            .filter(|node| groups[node] == **node)
            .cloned()
            .collect();
        let mut order = sorted(&heads, |node| {
            needs.get(node).into_iter().flatten().cloned().collect()
        });
        order.reverse();
        self.break_circles(&order);
        for node in &order {
            self.drop_node(node);
        }
        for statement in std::mem::take(&mut self.local) {
            self.push(statement);
        }
    }

    /// What it goes with, without a statement of its own; itself, if it has one.
    fn group(&self, node: &Node) -> Node {
        let table_of = |table: &Name| Node::Table(table.clone());
        match node {
            Node::Object(id) if id.kind == ObjectKind::Sequence => {
                let labels = self.plan.from.objects.get(id).map(|old| &old.labels[..]);
                match labels.and_then(|labels| self.owner(labels, true)) {
                    Some((table, _)) if self.plan.is_gone_table(&table) => table_of(&table),
                    Some((table, column)) => {
                        let owner = Node::Column(table, column);
                        if self.plan.gone.contains(&owner) {
                            owner
                        } else {
                            node.clone()
                        }
                    }
                    None => node.clone(),
                }
            }
            Node::Object(id) => match id.table() {
                Some(table) if self.plan.is_gone_table(&table) => table_of(&table),
                Some(table) => {
                    let views = [ObjectKind::View, ObjectKind::MaterializedView];
                    let view = views.into_iter().find_map(|kind| {
                        let id = ObjectId::new(kind, table.clone());
                        let view = Node::Object(id);
                        self.plan.gone.contains(&view).then_some(view)
                    });
                    view.unwrap_or_else(|| node.clone())
                }
                None => node.clone(),
            },
            Node::Table(_) => node.clone(),
            Node::Column(table, _) => {
                if self.plan.is_gone_table(table) {
                    table_of(table)
                } else {
                    node.clone()
                }
            }
            Node::Default(table, column) => {
                let owner = Node::Column(table.clone(), column.clone());
                if self.plan.is_gone_table(table) {
                    table_of(table)
                } else if self.plan.gone.contains(&owner) {
                    owner
                } else {
                    node.clone()
                }
            }
            Node::Constraint(table, name) => {
                let old = self.plan.from.tables.get(table);
                let columns = old
                    .and_then(|old| constraint(old, name))
                    .map(|one| &one.columns);
                self.group_of_part(node, table, columns)
            }
            Node::Index(table, name) => {
                let old = self.plan.from.tables.get(table);
                let columns = old
                    .and_then(|old| super::plan::index(old, name))
                    .map(|one| &one.columns);
                self.group_of_part(node, table, columns)
            }
        }
    }

    /// A key goes with any of its columns.
    fn group_of_part(&self, node: &Node, table: &Name, columns: Option<&Vec<String>>) -> Node {
        if self.plan.is_gone_table(table) {
            return Node::Table(table.clone());
        }
        let columns = columns.into_iter().flatten();
        let mut owners = columns.map(|column| Node::Column(table.clone(), column.clone()));
        owners
            .find(|owner| self.plan.gone.contains(owner))
            .unwrap_or_else(|| node.clone())
    }

    /// Tables that point at each other: the foreign keys that would be in the way go first.
    fn break_circles(&mut self, order: &[Node]) {
        let place = |name: &Name| {
            let node = Node::Table(name.clone());
            order.iter().position(|other| *other == node)
        };
        let mut first = Vec::new();
        for (at, node) in order.iter().enumerate() {
            let Node::Table(name) = node else {
                continue;
            };
            let Some(table) = self.plan.from.tables.get(name) else {
                continue;
            };
            for constraint in &table.constraints {
                let Some(reference) = &constraint.references else {
                    continue;
                };
                let is_before = place(&reference.table).is_some_and(|other| other < at);
                if constraint.kind == ConstraintKind::Foreign
                    && is_before
                    && let Some(key) = &constraint.name
                {
                    first.push(format!(
                        "ALTER TABLE {} DROP CONSTRAINT {}",
                        quoted(name),
                        ident(key)
                    ));
                }
            }
        }
        for statement in first {
            self.push(statement);
        }
    }

    fn old_name<'n>(&'n self, node: &Node, name: &'n str) -> &'n str {
        self.plan.old_names.get(node).map_or(name, String::as_str)
    }

    fn drop_node(&mut self, node: &Node) {
        let inherited = |table: &Name, column: &str| {
            let old = self.plan.from.tables.get(table);
            old.and_then(|old| old.column(column))
                .filter(|old| old.attributes.contains_key("inherited"))
        };
        let statement = match node {
            Node::Object(id) => format!("DROP {}", object_words(id)),
            Node::Table(table) => format!("DROP TABLE {}", quoted(table)),
            Node::Column(table, _) if self.is_typed(table) => return,
            Node::Column(table, column) => {
                if let Some(old) = inherited(table, column) {
                    // The parent's column takes it along, unless it is the child's own as well.
                    if old.is_local {
                        self.local.push(format!(
                            "ALTER TABLE {} DROP COLUMN {}",
                            quoted(table),
                            ident(column)
                        ));
                    }
                    return;
                }
                format!(
                    "ALTER TABLE {} DROP COLUMN {}",
                    quoted(table),
                    ident(column)
                )
            }
            Node::Default(table, column) => format!(
                "ALTER TABLE {}{} ALTER COLUMN {} DROP DEFAULT",
                self.only(table),
                quoted(table),
                ident(column)
            ),
            // It goes when it has served.
            Node::Constraint(table, name) if self.is_proof(table, name).is_some() => return,
            Node::Constraint(table, name) => format!(
                "ALTER TABLE {} DROP CONSTRAINT {}",
                quoted(table),
                ident(self.old_name(node, name))
            ),
            Node::Index(table, name) => {
                if self.takes_index(table, name) {
                    return;
                }
                let concurrently = if self.is_concurrent() {
                    "CONCURRENTLY "
                } else {
                    ""
                };
                let index = Name::new(table.schema.as_deref(), self.old_name(node, name));
                format!("DROP INDEX {concurrently}{}", quoted(&index))
            }
        };
        self.push(statement);
    }

    /// Types, schemas and extensions that nothing has any more.
    pub(super) fn drop_late(&mut self) {
        let late: Vec<Node> = self
            .plan
            .before
            .nodes
            .iter()
            .filter(|node| self.plan.late.contains(node))
            .cloned()
            .collect();
        let mut order = sorted(&late, |node| {
            self.plan.before.needs_of(node).cloned().collect()
        });
        order.reverse();
        for node in &order {
            if let Node::Object(id) = node {
                let sql = self.drop_aside(id);
                self.push(sql);
            }
        }
    }

    /// By the names that types have since they were set aside.
    fn drop_aside(&self, id: &ObjectId) -> String {
        let mut id = id.clone();
        if self.is_set_aside(&id) {
            id.name = super::types::aside(&id.name);
        }
        if let Some(arguments) = &mut id.arguments {
            let types = self.plan.late.iter().filter_map(|node| match node {
                Node::Object(id) if self.is_set_aside(id) => Some(&id.name),
                _ => None,
            });
            for name in types {
                let (old, new) = (quoted(name), quoted(&super::types::aside(name)));
                let all = arguments.split(", ").map(|argument| {
                    match argument.strip_prefix(old.as_str()) {
                        Some("") => new.clone(),
                        Some("[]") => format!("{new}[]"),
                        _ => argument.to_owned(),
                    }
                });
                *arguments = all.collect::<Vec<_>>().join(", ");
            }
        }
        format!("DROP {}", object_words(&id))
    }
}

/// The tables that a table inherits from, or whose partition it is.
pub(super) fn parents(table: &crate::autogenerate::schema::Table) -> Vec<Name> {
    let things = table.depends_on.iter();
    things
        .filter_map(|thing| match thing {
            crate::autogenerate::schema::Thing::Table(parent) => Some(parent.clone()),
            _ => None,
        })
        .collect()
}
