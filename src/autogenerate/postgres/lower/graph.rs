//! What needs what, down to columns, defaults and constraints.

use std::collections::{BTreeMap, BTreeSet};

use crate::autogenerate::schema::{
    Column, ConstraintKind, Name, ObjectId, ObjectKind, Schema, Thing,
};
use crate::dialect::Dialect;
use crate::sql;

/// Something that statements make, change and drop by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    Object(ObjectId),
    Table(Name),
    Column(Name, String),
    /// A column's default, which may need more than the column does.
    Default(Name, String),
    Constraint(Name, String),
    Index(Name, String),
}

impl Node {
    pub(super) fn table(&self) -> Option<Name> {
        match self {
            Node::Object(id) => id.table(),
            Node::Table(table)
            | Node::Column(table, _)
            | Node::Default(table, _)
            | Node::Constraint(table, _)
            | Node::Index(table, _) => Some(table.clone()),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    pub needs: BTreeMap<Node, BTreeSet<Node>>,
    pub users: BTreeMap<Node, BTreeSet<Node>>,
    /// In the order in which they are made, as far as nothing needs another order.
    pub nodes: Vec<Node>,
}

impl Graph {
    pub(super) fn of(schema: &Schema) -> Graph {
        let mut graph = Graph::default();
        let builder = Builder { schema };
        for (id, object) in &schema.objects {
            let mut needs = builder.nodes(&object.depends_on);
            if let Some(on) = id.table() {
                needs.insert(builder.relation(&on));
            }
            needs.extend(builder.schema_of(&id.name));
            graph.add(Node::Object(id.clone()), needs);
        }
        for (name, table) in &schema.tables {
            let mut needs = builder.nodes(&table.depends_on);
            needs.extend(builder.schema_of(name));
            // What it is made with.
            needs.extend(builder.defaults_of_parents(name));
            let node = Node::Table(name.clone());
            graph.add(node.clone(), needs);
            for column in &table.columns {
                builder.add_column(name, column, &mut graph);
            }
            for constraint in &table.constraints {
                let Some(key) = &constraint.name else {
                    continue;
                };
                let mut needs = builder.nodes(&constraint.depends_on);
                needs.insert(node.clone());
                needs.extend(builder.columns(name, &constraint.columns));
                if let Some(reference) = &constraint.references {
                    needs.insert(Node::Table(reference.table.clone()));
                    needs.extend(builder.columns(&reference.table, &reference.columns));
                }
                graph.add(Node::Constraint(name.clone(), key.clone()), needs);
            }
            for index in &table.indexes {
                let mut needs = builder.nodes(&index.depends_on);
                needs.insert(node.clone());
                needs.extend(builder.columns(name, &index.columns));
                graph.add(Node::Index(name.clone(), index.name.clone()), needs);
            }
        }
        for (node, needs) in &mut graph.needs {
            needs.remove(node);
            for needed in needs.iter() {
                let users = graph.users.entry(needed.clone()).or_default();
                users.insert(node.clone());
            }
        }
        graph.nodes = graph.needs.keys().cloned().collect();
        graph
            .nodes
            .sort_by_cached_key(|node| (rank(schema, node), node.clone()));
        graph
    }

    fn add(&mut self, node: Node, needs: BTreeSet<Node>) {
        self.needs.insert(node, needs);
    }

    pub(super) fn has(&self, node: &Node) -> bool {
        self.needs.contains_key(node)
    }

    pub(super) fn users_of(&self, node: &Node) -> impl Iterator<Item = &Node> {
        self.users.get(node).into_iter().flatten()
    }

    pub(super) fn needs_of(&self, node: &Node) -> impl Iterator<Item = &Node> {
        self.needs.get(node).into_iter().flatten()
    }

    /// Everything that needs the node, directly or through others.
    pub(super) fn all_users(&self, node: &Node) -> BTreeSet<Node> {
        let mut found = BTreeSet::new();
        let mut open = vec![node];
        while let Some(next) = open.pop() {
            for user in self.users_of(next) {
                if found.insert(user.clone()) {
                    open.push(user);
                }
            }
        }
        found
    }
}

struct Builder<'a> {
    schema: &'a Schema,
}

impl Builder<'_> {
    fn add_column(&self, table: &Name, column: &Column, graph: &mut Graph) {
        let node = Node::Column(table.clone(), column.name.clone());
        let all = self.nodes(&column.depends_on);
        let mut needs: BTreeSet<Node> = match column.generated {
            Some(_) => all.clone(),
            // What else there is, the default needs.
            None => all.iter().filter(|need| is_type(need)).cloned().collect(),
        };
        needs.insert(Node::Table(table.clone()));
        if column.attributes.contains_key("inherited") {
            for parent in self.parents(table) {
                needs.insert(Node::Column(parent, column.name.clone()));
            }
            let defaults = self.defaults_of_parents(table);
            needs.extend(defaults.filter(
                |default| matches!(default, Node::Default(_, name) if *name == column.name),
            ));
        }
        graph.add(node.clone(), needs);
        if column.default.is_some() {
            let mut needs = all;
            needs.insert(node);
            graph.add(Node::Default(table.clone(), column.name.clone()), needs);
        }
    }

    fn defaults_of_parents(&self, table: &Name) -> impl Iterator<Item = Node> {
        let parents = self.parents(table).into_iter();
        let tables = parents.filter_map(|parent| self.schema.tables.get(&parent));
        tables.flat_map(|parent| {
            let columns = parent.columns.iter().filter(|one| one.default.is_some());
            columns.map(|one| Node::Default(parent.name.clone(), one.name.clone()))
        })
    }

    fn parents(&self, table: &Name) -> Vec<Name> {
        let table = self.schema.tables.get(table);
        let things = table.into_iter().flat_map(|table| &table.depends_on);
        things
            .filter_map(|thing| match thing {
                Thing::Table(parent) => Some(parent.clone()),
                _ => None,
            })
            .collect()
    }

    fn columns(&self, table: &Name, columns: &[String]) -> impl Iterator<Item = Node> {
        columns
            .iter()
            .map(|column| Node::Column(table.clone(), column.clone()))
    }

    /// A table, or a view.
    fn relation(&self, name: &Name) -> Node {
        for kind in [ObjectKind::View, ObjectKind::MaterializedView] {
            let id = ObjectId::new(kind, name.clone());
            if self.schema.objects.contains_key(&id) {
                return Node::Object(id);
            }
        }
        Node::Table(name.clone())
    }

    fn schema_of(&self, name: &Name) -> Option<Node> {
        let schema = name.schema.as_deref()?;
        let id = ObjectId::new(ObjectKind::Schema, Name::new(None, schema));
        Some(Node::Object(id))
    }

    fn nodes(&self, things: &BTreeSet<Thing>) -> BTreeSet<Node> {
        let nodes = things.iter().filter_map(|thing| match thing {
            Thing::Other(_) => None,
            Thing::Table(table) => Some(Node::Table(table.clone())),
            Thing::Column(table, column) => Some(Node::Column(table.clone(), column.clone())),
            Thing::Object(id) => Some(Node::Object(id.clone())),
            Thing::Key(table, key) => {
                let is_index = self
                    .schema
                    .tables
                    .get(table)
                    .is_some_and(|table| table.indexes.iter().any(|index| index.name == *key));
                Some(if is_index {
                    Node::Index(table.clone(), key.clone())
                } else {
                    Node::Constraint(table.clone(), key.clone())
                })
            }
        });
        nodes.collect()
    }
}

/// Whether a column's type can be it.
pub(super) fn is_type(node: &Node) -> bool {
    match node {
        Node::Object(id) => matches!(
            id.kind,
            ObjectKind::Enum
                | ObjectKind::Domain
                | ObjectKind::CompositeType
                | ObjectKind::Extension
        ),
        Node::Table(_) => true,
        _ => false,
    }
}

fn rank(schema: &Schema, node: &Node) -> u8 {
    match node {
        Node::Object(id) => match id.kind {
            ObjectKind::Schema => 0,
            ObjectKind::Extension => 1,
            ObjectKind::Enum => 2,
            ObjectKind::Domain => 3,
            ObjectKind::CompositeType => 4,
            ObjectKind::Sequence => 5,
            ObjectKind::Function | ObjectKind::Procedure => 12,
            ObjectKind::View => 13,
            ObjectKind::MaterializedView => 14,
            ObjectKind::Trigger | ObjectKind::Rule | ObjectKind::Statistics => 15,
            ObjectKind::Policy | ObjectKind::Event => 16,
        },
        Node::Table(_) => 6,
        Node::Column(..) => 7,
        Node::Default(..) => 8,
        Node::Index(..) => 10,
        Node::Constraint(table, name) => {
            let constraint = schema.tables.get(table).and_then(|table| {
                let mut all = table.constraints.iter();
                all.find(|one| one.name.as_deref() == Some(name))
            });
            match constraint.map(|one| one.kind) {
                Some(ConstraintKind::Foreign) => 11,
                _ => 9,
            }
        }
    }
}

/// The tables, views and functions that a function's text seems to name: the server looks at them when it is made,
/// and keeps no record.
pub(super) fn named_in_text(schema: &Schema, id: &ObjectId) -> BTreeSet<Node> {
    let mut found = BTreeSet::new();
    let Some(object) = schema.objects.get(id) else {
        return found;
    };
    let mut words: BTreeSet<String> = BTreeSet::new();
    for piece in sql::pieces(Dialect::Postgres, object.definition.as_str()) {
        match piece.name() {
            Some(name) => {
                words.insert(name.into_owned());
            }
            // The body.
            None if piece.kind == sql::PieceKind::Text && piece.text.starts_with('$') => {
                // `$tag$ … $tag$`: a name may hold `$`, so that the last word must not meet the tag.
                let tag = piece.text[1..].find('$').map_or(0, |end| end + 2);
                let (tag, body) = piece.text.split_at(tag);
                let inner = body.strip_suffix(tag).unwrap_or(body);
                let pieces = sql::pieces(Dialect::Postgres, inner);
                words.extend(
                    pieces
                        .iter()
                        .filter_map(|one| Some(one.name()?.into_owned())),
                );
            }
            None => {}
        }
    }
    for name in schema.tables.keys() {
        if words.contains(&name.name) {
            found.insert(Node::Table(name.clone()));
            let table = &schema.tables[name];
            let columns = table.columns.iter().filter(|one| words.contains(&one.name));
            found.extend(columns.map(|one| Node::Column(name.clone(), one.name.clone())));
        }
    }
    for other in schema.objects.keys() {
        let is_named = matches!(
            other.kind,
            ObjectKind::View
                | ObjectKind::MaterializedView
                | ObjectKind::Function
                | ObjectKind::Procedure
                | ObjectKind::Sequence
                | ObjectKind::Enum
                | ObjectKind::Domain
                | ObjectKind::CompositeType
        ) && words.contains(&other.name.name);
        if is_named && other != id {
            found.insert(Node::Object(other.clone()));
        }
    }
    found
}
