//! Constraints of a table, and the parts that they share with those behind a column.

use std::collections::BTreeSet;

use super::super::names::ident;
use super::Reader;
use super::text::{expression, name_of};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Constraint, ConstraintKind, Name, Reference};
use crate::dialect::Dialect;

impl Reader<'_> {
    pub(super) fn check(&mut self) -> Option<()> {
        let (start, end) = self.group()?;
        let table = self.table.name.name.clone();
        let text = expression(self.sql, self.pieces, start, end, &table);
        // An `ON CONFLICT` here is read and ignored by SQLite.
        self.on_conflict()?;
        self.push(
            ConstraintKind::Check,
            format!("CHECK ({text})"),
            Vec::new(),
            None,
        );
        Some(())
    }

    pub(super) fn table_constraint(&mut self) -> Option<()> {
        self.name = None;
        while self.take("CONSTRAINT") {
            self.name = Some(self.name()?);
        }
        if self.take("PRIMARY") {
            self.take("KEY").then_some(())?;
            self.key(ConstraintKind::Primary, "PRIMARY KEY")?;
        } else if self.take("UNIQUE") {
            self.key(ConstraintKind::Unique, "UNIQUE")?;
        } else if self.take("CHECK") {
            self.check()?;
        } else if self.take("FOREIGN") {
            self.take("KEY").then_some(())?;
            let (start, end) = self.group()?;
            let columns = self.pieces[start..end].iter().filter_map(name_of).collect();
            self.take("REFERENCES").then_some(())?;
            self.references(columns)?;
        } else {
            // A name with nothing behind it, which SQLite allows.
            return self
                .peek()
                .is_none_or(|piece| piece.text == ",")
                .then_some(());
        }
        self.name = None;
        Some(())
    }

    /// The list of a primary key or unique constraint.
    pub(super) fn key(&mut self, kind: ConstraintKind, words: &str) -> Option<()> {
        let (start, end) = self.group()?;
        let mut columns: Vec<String> = Vec::new();
        let mut parts: Vec<String> = Vec::new();
        let mut at = start;
        while at < end {
            let name = name_of(&self.pieces[at])?;
            let mut part = ident(&name);
            columns.push(name.clone());
            at += 1;
            while at < end && self.pieces[at].text != "," {
                let piece = &self.pieces[at];
                at += 1;
                if piece.is("COLLATE") {
                    let collation = name_of(self.pieces.get(at)?)?;
                    part.push_str(&format!(" COLLATE {}", ident(&collation)));
                    at += 1;
                } else if piece.is("DESC") {
                    part.push_str(" DESC");
                } else if piece.is("AUTOINCREMENT") {
                    let known = self.table.columns.iter_mut();
                    let mut known = known.filter(|column| column.name.eq_ignore_ascii_case(&name));
                    known
                        .next()?
                        .attributes
                        .insert("autoincrement", "true".to_owned());
                } else if !piece.is("ASC") {
                    return None;
                }
            }
            parts.push(part);
            at += 1;
        }
        let mut definition = format!("{words} ({})", parts.join(", "));
        if let Some(action) = self.on_conflict()? {
            definition.push_str(&format!(" ON CONFLICT {action}"));
        }
        self.push(kind, definition, columns, None);
        Some(())
    }

    /// What follows `REFERENCES`.
    pub(super) fn references(&mut self, columns: Vec<String>) -> Option<()> {
        let table = self.name()?;
        let mut referenced = Vec::new();
        if self.peek().is_some_and(|piece| piece.text == "(") {
            let (start, end) = self.group()?;
            referenced = self.pieces[start..end].iter().filter_map(name_of).collect();
        }
        let (mut on_delete, mut on_update, mut matching) = (None, None, None);
        let mut deferred = false;
        loop {
            if self.take("ON") {
                let slot = if self.take("DELETE") {
                    &mut on_delete
                } else if self.take("UPDATE") {
                    &mut on_update
                } else {
                    // `ON INSERT`, which SQLite's grammar has.
                    self.at += 1;
                    &mut None
                };
                let mut action = self.peek()?.text.to_ascii_uppercase();
                self.at += 1;
                if action == "SET" || action == "NO" {
                    action = format!("{action} {}", self.peek()?.text.to_ascii_uppercase());
                    self.at += 1;
                }
                *slot = (action != "NO ACTION").then_some(action);
            } else if self.take("MATCH") {
                let name = self.name()?;
                matching =
                    (!name.eq_ignore_ascii_case("SIMPLE")).then(|| name.to_ascii_uppercase());
            } else if self.next_is("NOT")
                && self
                    .pieces
                    .get(self.at + 1)
                    .is_some_and(|next| next.is("DEFERRABLE"))
            {
                self.at += 2;
                self.deferred();
                deferred = false;
            } else if self.take("DEFERRABLE") {
                deferred = self.deferred();
            } else {
                break;
            }
        }
        // Nothing else defers in SQLite: what only may be deferred never is.
        let clauses = [
            on_delete.map(|action| format!("ON DELETE {action}")),
            on_update.map(|action| format!("ON UPDATE {action}")),
            matching.map(|name| format!("MATCH {name}")),
            deferred.then(|| "DEFERRABLE INITIALLY DEFERRED".to_owned()),
        ];
        let clauses: Vec<String> = clauses.into_iter().flatten().collect();
        let reference = Reference {
            table: Name::new(None, &table),
            implicit: false,
            columns: referenced,
        };
        self.push(
            ConstraintKind::Foreign,
            clauses.join(" "),
            columns,
            Some(reference),
        );
        Some(())
    }

    pub(super) fn deferred(&mut self) -> bool {
        if !self.take("INITIALLY") {
            return false;
        }
        let deferred = self.take("DEFERRED");
        if !deferred {
            self.take("IMMEDIATE");
        }
        deferred
    }

    /// The word behind `ON CONFLICT`, unless it is the default.
    pub(super) fn on_conflict(&mut self) -> Option<Option<String>> {
        let there = self.next_is("ON")
            && self
                .pieces
                .get(self.at + 1)
                .is_some_and(|next| next.is("CONFLICT"));
        if !there {
            return Some(None);
        }
        self.at += 2;
        let action = self.peek()?.text.to_ascii_uppercase();
        self.at += 1;
        Some((action != "ABORT").then_some(action))
    }

    pub(super) fn push(
        &mut self,
        kind: ConstraintKind,
        definition: String,
        columns: Vec<String>,
        references: Option<Reference>,
    ) {
        self.table.constraints.push(Constraint {
            name: self.name.take(),
            kind,
            definition: Sql::tokens(Dialect::Sqlite, definition),
            columns,
            references,
            comment: None,
            depends_on: BTreeSet::new(),
        });
    }
}
