//! Constraints and indexes.

use super::Writer;
use super::graph::Node;
use super::plan::{constraint, index, is_validation};
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::schema::{Constraint, Name, Thing};

impl Writer<'_> {
    pub(super) fn comment_constraint(
        &mut self,
        table: &Name,
        new: &Constraint,
        old: Option<&String>,
    ) {
        if let Some(name) = &new.name {
            let words = format!("CONSTRAINT {} ON {}", ident(name), quoted(table));
            self.comment(&words, old, new.comment.as_ref());
        }
    }

    pub(super) fn make_constraint(&mut self, table: &Name, name: &str) {
        let of = |schema: &crate::autogenerate::schema::Schema| {
            schema
                .tables
                .get(table)
                .and_then(|table| constraint(table, name))
                .cloned()
        };
        let Some(new) = of(self.plan.to) else {
            return;
        };
        let node = Node::Constraint(table.clone(), name.to_owned());
        let on = quoted(table);
        let Some(old) = of(&self.plan.from).filter(|_| self.plan.stays(&node)) else {
            if self.takes_index(table, name) {
                let definition = new.definition.as_str();
                let kind = definition.split(" (").next().unwrap_or_default();
                let rest = definition
                    .find(" DEFERRABLE")
                    .map_or("", |at| &definition[at..]);
                self.push(format!(
                    "ALTER TABLE {on} ADD CONSTRAINT {0} {kind} USING INDEX {0}{rest}",
                    ident(name)
                ));
                self.comment_constraint(table, &new, None);
                self.keep(&Thing::Key(table.clone(), name.to_owned()));
                return;
            }
            self.free_references(table, &new);
            self.push(format!(
                "ALTER TABLE {on} ADD CONSTRAINT {} {}",
                ident(name),
                new.definition
            ));
            self.comment_constraint(table, &new, None);
            self.keep(&Thing::Key(table.clone(), name.to_owned()));
            return;
        };
        if is_validation(&old, &new) {
            self.push(format!(
                "ALTER TABLE {on} VALIDATE CONSTRAINT {}",
                ident(name)
            ));
        }
        self.comment_constraint(table, &new, old.comment.as_ref());
    }

    /// On the way back, rows may refer to those of a table that was dropped and is empty now.
    fn free_references(&mut self, table: &Name, new: &Constraint) {
        let Some(reference) = &new.references else {
            return;
        };
        let is_empty = !self.plan.stays(&Node::Table(reference.table.clone()));
        let has_rows = self.plan.stays(&Node::Table(table.clone()));
        let own = self.plan.to.tables.get(table);
        let is_nullable = |column: &String| {
            own.and_then(|own| own.column(column))
                .is_some_and(|column| column.nullable)
        };
        let is_checked = !new.definition.as_str().ends_with(" NOT VALID");
        if self.is_down()
            && is_empty
            && has_rows
            && is_checked
            && new.columns.iter().all(is_nullable)
        {
            let set: Vec<String> = new
                .columns
                .iter()
                .map(|column| format!("{} = NULL", ident(column)))
                .collect();
            self.note(
                format!("UPDATE {} SET {}", quoted(table), set.join(", ")),
                format!(
                    "the rows of {} that these refer to are gone",
                    reference.table
                ),
            );
        }
    }

    pub(super) fn make_index(&mut self, table: &Name, name: &str) {
        let of = |schema: &crate::autogenerate::schema::Schema| {
            schema
                .tables
                .get(table)
                .and_then(|table| index(table, name))
                .cloned()
        };
        let Some(new) = of(self.plan.to) else {
            return;
        };
        let node = Node::Index(table.clone(), name.to_owned());
        let in_schema = |name: &str| quoted(&Name::new(table.schema.as_deref(), name));
        let old = of(&self.plan.from).filter(|_| self.plan.stays(&node));
        if old.is_none() {
            let unique = if new.unique { "UNIQUE " } else { "" };
            let concurrently = if self.is_concurrent() {
                "CONCURRENTLY "
            } else {
                ""
            };
            self.push(format!(
                "CREATE {unique}INDEX {concurrently}{} ON {} {}",
                ident(name),
                quoted(table),
                new.definition
            ));
            self.keep(&Thing::Key(table.clone(), name.to_owned()));
        }
        let words = format!("INDEX {}", in_schema(name));
        let before = old.and_then(|old| old.comment);
        self.comment(&words, before.as_ref(), new.comment.as_ref());
    }
}
