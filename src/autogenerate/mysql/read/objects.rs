//! What is no table: views, sequences, routines, triggers, events.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Answer, Reading, Row, is_routine, rows, shown};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::mysql::text::{quoted, with_doubled_quotes};
use crate::autogenerate::schema::{Attributes, Kept, Name, Object, ObjectId, ObjectKind, Thing};
use crate::backend::StatementResult;
use crate::dialect::Dialect;
use crate::sql;

/// How the statement that makes an object begins, by the catalog.
pub(super) enum Begun {
    View,
    Routine {
        head: String,
        arguments: String,
        /// Empty for a procedure.
        returns: String,
        options: String,
    },
    Trigger(String),
    Event(String),
}

impl Begun {
    /// The whole statement, by what `SHOW CREATE` says. Bodies stay as they were written.
    fn ended(&self, dialect: Dialect, text: &str) -> Option<String> {
        Some(match self {
            Begun::View => with_doubled_quotes(&shown::view(dialect, text)?),
            Begun::Trigger(begin) => format!("{begin}{}", shown::trigger(dialect, text)?),
            Begun::Event(begin) => format!("{begin} DO {}", shown::event(dialect, text)?),
            Begun::Routine {
                head,
                arguments,
                returns,
                options,
            } => {
                let routine = shown::routine(dialect, text)?;
                if routine.language.is_some() {
                    return None;
                }
                // A character of four bytes may stand where the catalog has a `?`.
                let raw = arguments.contains('?') || returns.contains('?');
                let (arguments, returns) = match raw {
                    true => (routine.parameters, routine.returns),
                    false => (arguments.as_str(), returns.as_str()),
                };
                let returns = match returns {
                    "" => String::new(),
                    returns => format!(" RETURNS {returns}"),
                };
                format!("{head}({arguments}){returns}{options}\n{}", routine.body)
            }
        })
    }
}

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

    /// An object of which only `SHOW CREATE` tells the rest.
    fn begin(&mut self, id: ObjectId, begun: Begun) {
        self.object(id.clone(), String::new(), Attributes::new());
        self.begun.insert(id, begun);
    }

    /// The rest, or the server's words why it is not to be had.
    pub(super) fn object_shown(
        &mut self,
        id: &ObjectId,
        text: Option<&str>,
        error: Option<&String>,
    ) {
        let Some(begun) = self.begun.remove(id) else {
            return;
        };
        let definition = text.and_then(|text| begun.ended(self.dialect, text));
        match (definition, self.schema.objects.get_mut(id)) {
            (Some(definition), Some(object)) => {
                object.definition = Sql::exact(self.own.strip(&definition, &self.relations));
            }
            (Some(_), None) => {}
            (None, _) => {
                self.schema.objects.remove(id);
                let why = error.map_or("its definition is not to be read", String::as_str);
                self.schema.not_compared.insert(format!("{id}: {why}"));
            }
        }
    }

    /// The definer, and the mode that the object was made under, are kept and not compared: on the scratch database they
    /// are the builder's.
    fn keep(&mut self, id: &ObjectId, definer: Option<&str>, mode: Option<&str>) {
        // A role has no host.
        let quoted = |definer: &str| match definer.rsplit_once('@') {
            Some((user, host)) if !host.is_empty() => {
                format!("{}@{}", self.dialect.ident(user), self.dialect.ident(host))
            }
            _ => self.dialect.ident(definer.trim_end_matches('@')),
        };
        let definer = definer.map(|definer| Kept::Owner(quoted(definer)));
        let mode = mode.map(|mode| Kept::Mode(mode.to_owned()));
        let kept: Vec<Kept> = definer.into_iter().chain(mode).collect();
        if !kept.is_empty() {
            self.schema.kept.insert(Thing::Object(id.clone()), kept);
        }
    }

    /// Privileges of others on routines. On MySQL a routine that is altered is made anew, and they lose it.
    pub(super) fn rights(&mut self, answer: &Answer) {
        let rows = match answer {
            Ok(rows) => rows,
            Err(error) if self.dialect == Dialect::Mysql => {
                let routines = self.schema.objects.keys().filter(|id| is_routine(id));
                let routines: Vec<Thing> = routines.cloned().map(Thing::Object).collect();
                for routine in routines {
                    let why = format!(
                        "MySQL makes it anew, and the privileges on it, which would be lost, cannot be read: {error}"
                    );
                    let kept = self.schema.kept.entry(routine).or_default();
                    kept.push(Kept::Unknown(why));
                }
                return;
            }
            Err(_) => return,
        };
        for row in rows {
            let row = Row(row);
            let kind = match row.text(1) {
                "PROCEDURE" => ObjectKind::Procedure,
                "FUNCTION" => ObjectKind::Function,
                _ => continue,
            };
            let routines = self.schema.objects.keys();
            let mut routines = routines.filter(|id| id.kind == kind);
            // The server has these names in lower case.
            let same = |id: &&ObjectId| id.name.name.to_lowercase() == row.text(0).to_lowercase();
            let Some(id) = routines.find(same).cloned() else {
                continue;
            };
            let privileges = row.text(4).to_uppercase();
            let grantable = privileges.split(',').any(|one| one == "GRANT");
            let privileges: Vec<&str> = privileges
                .split(',')
                .filter(|one| *one != "GRANT")
                .collect();
            let privileges = match privileges.iter().all(|one| one.is_empty()) {
                true => "USAGE".to_owned(),
                false => privileges.join(", "),
            };
            let on = match grantable {
                true => " WITH GRANT OPTION",
                false => "",
            };
            let user = format!("{}@{}", quoted(row.text(2)), quoted(row.text(3)));
            let kept = Kept::Privilege(
                format!("GRANT {privileges} ON {} ", row.text(1)),
                format!(" TO {user}{on}"),
            );
            let all = self.schema.kept.entry(Thing::Object(id)).or_default();
            all.push(kept);
        }
    }

    pub(super) fn views(&mut self, result: &StatementResult) {
        for row in rows(result) {
            let name = self.name(row.text(0));
            if row.text(1).is_empty() {
                let words = format!("view {name}: this role may not read its definition");
                self.schema.not_compared.insert(words);
                continue;
            }
            let id = ObjectId::new(ObjectKind::View, name);
            self.keep(&id, row.word(2), None);
            self.begin(id, Begun::View);
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
            let returns = match kind {
                ObjectKind::Function => typed(row.text(2), row.word(3), row.word(4)),
                _ => String::new(),
            };
            let mut options = String::new();
            if row.text(6) == "YES" {
                options.push_str("\nDETERMINISTIC");
            }
            if row.text(7) != "CONTAINS SQL" {
                let _ = write!(options, "\n{}", row.text(7));
            }
            if row.text(8) == "INVOKER" {
                options.push_str("\nSQL SECURITY INVOKER");
            }
            if let Some(comment) = row.word(9) {
                let _ = write!(options, "\nCOMMENT {}", quoted(comment));
            }
            let begun = Begun::Routine {
                head: format!("CREATE {aggregate}{word} {quoted_name}"),
                arguments,
                returns,
                options,
            };
            let id = ObjectId::new(kind, name);
            self.keep(&id, row.word(10), row.get(11));
            self.begin(id, begun);
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
            before = Some((group, id.clone()));
            self.keep(&id, row.word(5), row.get(6));
            self.begin(id.clone(), Begun::Trigger(definition));
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
                "REPLICA_SIDE_DISABLED" => definition.push_str(" DISABLE ON REPLICA"),
                "SLAVESIDE_DISABLED" => definition.push_str(" DISABLE ON SLAVE"),
                _ => {}
            }
            if let Some(comment) = row.word(10) {
                let _ = write!(definition, " COMMENT {}", quoted(comment));
            }
            let id = ObjectId::new(ObjectKind::Event, name);
            self.keep(&id, row.word(11), row.get(12));
            if let (None, Some(time)) = (row.word(6), row.word(13)) {
                let kept = Kept::Started(quoted(time));
                let all = self.schema.kept.entry(Thing::Object(id.clone()));
                all.or_default().push(kept);
            }
            self.begin(id, Begun::Event(definition));
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
    let pieces = sql::pieces(Dialect::Mariadb, body);
    pieces
        .windows(3)
        .any(|words| words[0].is("FETCH") && words[1].is("GROUP") && words[2].is("NEXT"))
}
