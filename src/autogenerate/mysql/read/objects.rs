//! What is no table: views, sequences, routines, triggers, events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Reading, Row, rows};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::mysql::text::quoted;
use crate::autogenerate::schema::{Attributes, Name, Object, ObjectId, ObjectKind, Thing};
use crate::backend::StatementResult;
use crate::sql;

impl Reading {
    fn object(&mut self, id: ObjectId, definition: String, attributes: Attributes) {
        let object = Object {
            id: id.clone(),
            definition: Sql::exact(definition),
            labels: Vec::new(),
            attributes,
            comment: None,
            depends_on: Default::default(),
        };
        self.schema.objects.insert(id, object);
    }

    /// Definer, `sql_mode` and character set that a view remembers are left out: they are the session's that made
    /// it, and so never the same on the scratch database.
    pub(super) fn views(&mut self, result: &StatementResult) {
        for row in rows(result) {
            let name = self.name(row.text(0));
            let query = self.strip(row.text(1));
            if query.is_empty() {
                let words = format!("view {name}: this role may not read its definition");
                self.schema.not_compared.insert(words);
                continue;
            }
            let mut definition = "CREATE ".to_owned();
            if !matches!(row.text(4), "UNDEFINED" | "") {
                let _ = write!(definition, "ALGORITHM = {} ", row.text(4));
            }
            if row.text(3) == "INVOKER" {
                definition.push_str("SQL SECURITY INVOKER ");
            }
            let _ = write!(definition, "VIEW {} AS {query}", name.quoted(self.dialect));
            if !matches!(row.text(2), "NONE" | "") {
                let _ = write!(definition, " WITH {} CHECK OPTION", row.text(2));
            }
            self.object(
                ObjectId::new(ObjectKind::View, name),
                definition,
                Attributes::new(),
            );
        }
    }

    pub(super) fn sequence(&mut self, row: Row<'_>) {
        let name = self.name(row.text(0));
        let mut attributes = Attributes::new();
        for (at, key) in ["start", "increment", "minvalue", "maxvalue", "cache"]
            .into_iter()
            .enumerate()
        {
            attributes.insert(key, row.text(at + 1).to_owned());
        }
        if row.text(6) == "1" {
            attributes.insert("cycle", "yes".to_owned());
        }
        self.object(
            ObjectId::new(ObjectKind::Sequence, name),
            String::new(),
            attributes,
        );
    }

    pub(super) fn routines(&mut self, result: &StatementResult, parameters: &StatementResult) {
        let mut by_routine: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for row in rows(parameters) {
            let mut words = String::new();
            if row.text(1) == "PROCEDURE" {
                let _ = write!(words, "{} ", row.text(2));
            }
            let name = self.dialect.ident(row.text(3));
            let _ = write!(
                words,
                "{name} {}",
                typed(row.text(4), row.word(5), row.word(6))
            );
            by_routine
                .entry((row.text(0), row.text(1)))
                .or_default()
                .push(words);
        }
        for row in rows(result) {
            let name = self.name(row.text(0));
            let (kind, word) = match row.text(1) {
                "FUNCTION" => (ObjectKind::Function, "FUNCTION"),
                "PROCEDURE" => (ObjectKind::Procedure, "PROCEDURE"),
                other => {
                    let words = format!("{} {name}", other.to_lowercase());
                    self.schema.not_compared.insert(words);
                    continue;
                }
            };
            let Some(body) = row.word(5) else {
                let words = format!(
                    "{} {name}: this role may not read its body",
                    word.to_lowercase()
                );
                self.schema.not_compared.insert(words);
                continue;
            };
            let arguments = by_routine.get(&(row.text(0), row.text(1)));
            let arguments = arguments.map(|all| all.join(", ")).unwrap_or_default();
            let aggregate = if is_aggregate(body) { "AGGREGATE " } else { "" };
            let quoted_name = name.quoted(self.dialect);
            let mut definition = format!("CREATE {aggregate}{word} {quoted_name}({arguments})");
            if kind == ObjectKind::Function {
                let _ = write!(
                    definition,
                    " RETURNS {}",
                    typed(row.text(2), row.word(3), row.word(4))
                );
            }
            if row.text(6) == "YES" {
                definition.push_str("\nDETERMINISTIC");
            }
            if row.text(7) != "CONTAINS SQL" {
                let _ = write!(definition, "\n{}", row.text(7));
            }
            if row.text(8) == "INVOKER" {
                definition.push_str("\nSQL SECURITY INVOKER");
            }
            if let Some(comment) = row.word(9) {
                let _ = write!(definition, "\nCOMMENT {}", quoted(comment));
            }
            // As it was written: that the own database is named in it makes a difference to nobody.
            let body = self.own.strip(body, &self.relations);
            let _ = write!(definition, "\n{body}");
            self.object(ObjectId::new(kind, name), definition, Attributes::new());
        }
    }

    pub(super) fn triggers(&mut self, result: &StatementResult) {
        let mut before: Option<(String, ObjectId)> = None;
        for row in rows(result) {
            let table = Name::new(None, row.text(1));
            let mut id = ObjectId::new(ObjectKind::Trigger, self.name(row.text(0)));
            id.on = Some(table.name.clone());
            let group = format!("{} {} {}", row.text(1), row.text(3), row.text(2));
            let mut definition = format!(
                "CREATE TRIGGER {} {} {} ON {} FOR EACH ROW ",
                id.name.quoted(self.dialect),
                row.text(3),
                row.text(2),
                table.quoted(self.dialect)
            );
            // Triggers of the same event stand in an order.
            let after = before
                .take()
                .filter(|(of, _)| *of == group)
                .map(|(_, id)| id);
            if let Some(after) = &after {
                let _ = write!(definition, "FOLLOWS {} ", after.name.quoted(self.dialect));
            }
            definition.push_str(&self.own.strip(row.text(4), &self.relations));
            before = Some((group, id.clone()));
            self.object(id.clone(), definition, Attributes::new());
            if let (Some(object), Some(after)) = (self.schema.objects.get_mut(&id), after) {
                object.depends_on.insert(Thing::Object(after));
            }
        }
    }

    /// The time zone of an event is left out, as is a STARTS that is the time of its creation.
    pub(super) fn events(&mut self, result: &StatementResult) {
        for row in rows(result) {
            let name = self.name(row.text(0));
            let mut definition = format!("CREATE EVENT {} ON SCHEDULE ", name.quoted(self.dialect));
            let time = |time: &str| quoted(time);
            if row.text(2) == "ONE TIME" {
                let _ = write!(definition, "AT {}", time(row.text(3)));
            } else {
                let _ = write!(
                    definition,
                    "EVERY {} {}",
                    quoted(row.text(4).trim_matches('\'')),
                    row.text(5)
                );
                for (word, at) in [("STARTS", 6), ("ENDS", 7)] {
                    if let Some(value) = row.word(at) {
                        let _ = write!(definition, " {word} {}", time(value));
                    }
                }
            }
            if row.text(9) == "PRESERVE" {
                definition.push_str(" ON COMPLETION PRESERVE");
            }
            match row.text(8) {
                "DISABLED" => definition.push_str(" DISABLE"),
                "SLAVESIDE_DISABLED" => definition.push_str(" DISABLE ON SLAVE"),
                _ => {}
            }
            if let Some(comment) = row.word(10) {
                let _ = write!(definition, " COMMENT {}", quoted(comment));
            }
            let body = self.own.strip(row.text(1), &self.relations);
            let _ = write!(definition, " DO {body}");
            self.object(
                ObjectId::new(ObjectKind::Event, name),
                definition,
                Attributes::new(),
            );
        }
    }
}

fn typed(data_type: &str, charset: Option<&str>, collation: Option<&str>) -> String {
    match (charset, collation) {
        (Some(charset), Some(collation)) => {
            format!("{data_type} CHARSET {charset} COLLATE {collation}")
        }
        _ => data_type.to_owned(),
    }
}

/// The catalog does not say so, but only an aggregate function can, and must, fetch its group's rows.
fn is_aggregate(body: &str) -> bool {
    let pieces = sql::pieces(crate::dialect::Dialect::Mariadb, body);
    pieces
        .windows(3)
        .any(|words| words[0].is("FETCH") && words[1].is("GROUP") && words[2].is("NEXT"))
}
