//! From changes to SQL.
//!
//! In this order: renames; what a kept thing must let go of; drops, users first; then everything that is made or
//! altered, what is needed first; old types, schemas and extensions; comments; owners and privileges.

mod columns;
mod drops;
mod graph;
mod kept;
mod objects;
mod parts;
mod plan;
mod tables;
mod types;

use std::collections::BTreeSet;

use self::graph::{Node, named_in_text};
use self::plan::Plan;
pub(super) use self::plan::first_word;
use super::names::{ident, quoted};
use super::online;
use crate::autogenerate::engine::{Direction, Lowering, Script, ScriptMode, Statement};
use crate::autogenerate::order::sorted;
use crate::autogenerate::rename::steps;
use crate::autogenerate::schema::{ConstraintKind, Name, ObjectId, ObjectKind, Schema};
use crate::dialect::Dialect;

pub(crate) fn lower(lowering: &Lowering<'_>) -> Script {
    let mut writer = Writer {
        lowering,
        plan: Plan::new(lowering),
        script: Script::default(),
        comments: Vec::new(),
        kept: Vec::new(),
        local: Vec::new(),
        done: BTreeSet::new(),
    };
    writer.rename();
    writer.let_go();
    writer.drop_early();
    writer.rename_parts();
    writer.begin_types();
    writer.make();
    writer.serve_indexes();
    writer.enable_on_partitions();
    writer.keep_rebuilt_indexes();
    writer.drop_late();
    writer.script.statements.append(&mut writer.comments);
    writer.script.statements.append(&mut writer.kept);
    if writer.is_concurrent() {
        writer.script.mode = ScriptMode::Autocommit;
    }
    writer.script
}

struct Writer<'a> {
    lowering: &'a Lowering<'a>,
    plan: Plan<'a>,
    script: Script,
    /// Written last.
    comments: Vec<Statement>,
    /// Written behind those.
    kept: Vec<Statement>,
    /// Drops of columns that are a child's own as well as its parent's, behind the parent's.
    local: Vec<String>,
    /// What was made as a part of something else.
    done: BTreeSet<Node>,
}

impl Writer<'_> {
    fn push(&mut self, sql: impl Into<String>) {
        self.script.push(sql);
    }

    fn note(&mut self, sql: impl Into<String>, note: impl Into<String>) {
        self.script.push_with_note(sql, note);
    }

    fn is_down(&self) -> bool {
        self.lowering.direction == Direction::Down
    }

    /// A stage of its own for indexes, on tables that are in use.
    fn is_concurrent(&self) -> bool {
        match self.lowering.direction {
            Direction::Up => self.lowering.to.concurrently,
            Direction::Down => self.lowering.from.concurrently,
        }
    }

    /// Whether a new key takes the index of its name that is there.
    fn takes_index(&self, table: &Name, name: &str) -> bool {
        let of = |schema: &'_ Schema| schema.tables.get(table).cloned();
        let (Some(old), Some(new)) = (of(&self.plan.from), of(self.plan.to)) else {
            return false;
        };
        let key = plan::constraint(&new, name)
            .filter(|one| matches!(one.kind, ConstraintKind::Primary | ConstraintKind::Unique));
        let index = key.and_then(online::index_of);
        let there = plan::index(&old, name);
        index
            .zip(there)
            .is_some_and(|(index, there)| index.does_same(there))
            && !self.is_down()
    }

    /// Whether a check goes that says that a column has no NULL, which becomes NOT NULL: it spares the server to look.
    fn is_proof(&self, table: &Name, name: &str) -> Option<String> {
        let old = self.plan.from.tables.get(table)?;
        let new = self.plan.to.tables.get(table)?;
        let check = plan::constraint(old, name)?;
        let [column] = &check.columns[..] else {
            return None;
        };
        let (before, after) = (old.column(column)?, new.column(column)?);
        let says = format!("CHECK (({} IS NOT NULL))", ident(column));
        let is_proof = check.definition.as_str() == says
            && before.nullable
            && !after.nullable
            && plan::constraint(new, name).is_none()
            && self
                .plan
                .stays(&Node::Column(table.clone(), column.clone()));
        is_proof.then(|| column.clone())
    }

    /// `COMMENT ON what IS …`, at the end.
    fn comment(&mut self, what: &str, old: Option<&String>, new: Option<&String>) {
        if old != new {
            let text = Dialect::Postgres.literal_or_null(new.map(String::as_str));
            self.comments.push(Statement {
                sql: format!("COMMENT ON {what} IS {text}"),
                notes: Vec::new(),
            });
        }
    }

    fn rename(&mut self) {
        let renames = self.lowering.renames;
        for (from, to) in &renames.table_steps() {
            let moved = Name::new(from.schema.as_deref(), &to.name);
            if from.name != to.name {
                self.push(format!(
                    "ALTER TABLE {} RENAME TO {}",
                    quoted(from),
                    ident(&to.name)
                ));
            }
            if let (true, Some(schema)) = (from.schema != to.schema, &to.schema) {
                self.push(format!(
                    "ALTER TABLE {} SET SCHEMA {}",
                    quoted(&moved),
                    ident(schema)
                ));
            }
        }
        for (table, from, to) in &renames.column_steps() {
            self.push(format!(
                "ALTER TABLE {} RENAME COLUMN {} TO {}",
                quoted(table),
                ident(from),
                ident(to)
            ));
        }
    }

    /// Constraints and indexes: a name that one leaves may be another's then.
    fn rename_parts(&mut self) {
        let parts: Vec<(Node, String, String)> = self
            .plan
            .old_names
            .iter()
            .filter(|(node, _)| self.plan.stays(node))
            .filter_map(|(node, old)| match node {
                Node::Constraint(_, new) | Node::Index(_, new) => {
                    Some((node.clone(), old.clone(), new.clone()))
                }
                _ => None,
            })
            .collect();
        for (node, from, to) in steps(parts) {
            self.push(match &node {
                Node::Constraint(table, _) => format!(
                    "ALTER TABLE {} RENAME CONSTRAINT {} TO {}",
                    quoted(table),
                    ident(&from),
                    ident(&to)
                ),
                _ => {
                    let schema = node.table().and_then(|table| table.schema);
                    let from = Name::new(schema.as_deref(), &from);
                    format!("ALTER INDEX {} RENAME TO {}", quoted(&from), ident(&to))
                }
            });
        }
    }

    /// Everything that is made or altered, each behind what it needs.
    fn make(&mut self) {
        let order = sorted(&self.plan.after.nodes, |node| {
            let mut needs: BTreeSet<Node> = self.plan.after.needs_of(node).cloned().collect();
            if let Node::Object(id) = node
                && matches!(id.kind, ObjectKind::Function | ObjectKind::Procedure)
            {
                // A word of the text may be no name of a table: what needs the function comes behind it.
                let users = self.plan.after.all_users(node);
                let named = named_in_text(self.plan.to, id).into_iter();
                needs.extend(named.filter(|named| {
                    let table = named.table();
                    let is_of = |user: &Node| table.is_some() && user.table() == table;
                    !users.contains(named) && !users.iter().any(is_of)
                }));
            }
            // A new table is made with its columns and keys, so it needs what they do.
            if let Node::Table(table) = node
                && !self.plan.stays(node)
            {
                for part in self.inline_parts(table) {
                    needs.extend(self.plan.after.needs_of(&part).cloned());
                }
                needs.retain(|need| {
                    matches!(need, Node::Object(_)) || need.table().as_ref() != Some(table)
                });
            }
            // Likewise a new column with its default.
            if let Node::Column(table, column) = node
                && !self.plan.stays(node)
            {
                let default = Node::Default(table.clone(), column.clone());
                needs.extend(self.plan.after.needs_of(&default).cloned());
            }
            needs.remove(node);
            needs.into_iter().collect()
        });
        for node in &order {
            if self.done.contains(node) {
                continue;
            }
            match node {
                Node::Object(id) => self.make_object(id),
                Node::Table(table) => self.make_table(table),
                Node::Column(table, column) => self.make_column(table, column),
                Node::Default(table, column) => self.make_default(table, column),
                Node::Constraint(table, name) => self.make_constraint(table, name),
                Node::Index(table, name) => self.make_index(table, name),
            }
        }
        self.own_sequences();
    }

    /// What a sequence's labels say: the column that owns it, by the new names if they are of the old schema.
    fn owner(&self, labels: &[String], is_old: bool) -> Option<(Name, String)> {
        let [schema, table, column] = labels else {
            return None;
        };
        let schema = Some(schema.as_str()).filter(|schema| !schema.is_empty());
        let mut table = Name::new(schema, table);
        let mut column = column.clone();
        if is_old {
            let renames = self.lowering.renames;
            if let Some((_, to)) = renames.tables.iter().find(|(from, _)| *from == table) {
                table = to.clone();
            }
            let renamed = renames
                .columns
                .iter()
                .find(|(of, from, _)| *of == table && *from == column);
            if let Some((_, _, to)) = renamed {
                column.clone_from(to);
            }
        }
        Some((table, column))
    }

    /// Sequences that a column owns by now.
    fn own_sequences(&mut self) {
        for (id, new) in &self.plan.to.objects {
            if id.kind != ObjectKind::Sequence {
                continue;
            }
            let Some((table, column)) = self.owner(&new.labels, false) else {
                continue;
            };
            let is_kept = self.plan.stays(&Node::Object(id.clone()))
                && self
                    .plan
                    .stays(&Node::Column(table.clone(), column.clone()));
            let old = self.plan.from.objects.get(id).filter(|_| is_kept);
            let before = old.and_then(|old| self.owner(&old.labels, true));
            if before.as_ref() != Some(&(table.clone(), column.clone())) {
                self.push(format!(
                    "ALTER SEQUENCE {} OWNED BY {}.{}",
                    quoted(&id.name),
                    quoted(&table),
                    ident(&column)
                ));
            }
        }
    }
}

/// As it stands after `DROP`, `ALTER` and `COMMENT ON`: `FUNCTION f(integer)`, `TRIGGER t ON users`.
fn object_words(id: &ObjectId) -> String {
    let kind = match id.kind {
        ObjectKind::Schema => "SCHEMA",
        ObjectKind::Extension => "EXTENSION",
        ObjectKind::Enum | ObjectKind::CompositeType => "TYPE",
        ObjectKind::Domain => "DOMAIN",
        ObjectKind::Sequence => "SEQUENCE",
        ObjectKind::Function => "FUNCTION",
        ObjectKind::Procedure => "PROCEDURE",
        ObjectKind::View => "VIEW",
        ObjectKind::MaterializedView => "MATERIALIZED VIEW",
        ObjectKind::Trigger => "TRIGGER",
        ObjectKind::Policy => "POLICY",
        ObjectKind::Rule => "RULE",
        ObjectKind::Statistics => "STATISTICS",
        ObjectKind::Event => "EVENT TRIGGER",
    };
    match (id.table(), &id.arguments) {
        (Some(table), _) => format!("{kind} {} ON {}", ident(&id.name.name), quoted(&table)),
        (None, Some(arguments)) => format!("{kind} {}({arguments})", quoted(&id.name)),
        (None, None) => format!("{kind} {}", quoted(&id.name)),
    }
}
