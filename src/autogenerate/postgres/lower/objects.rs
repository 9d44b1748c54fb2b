//! Everything that is no table and no type.

use super::graph::Node;
use super::{Writer, object_words};
use crate::autogenerate::engine::Statement;
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::schema::{Attributes, Object, ObjectId, ObjectKind, Thing};

const OPTIONS: [(&str, &str); 6] = [
    ("increment", "INCREMENT BY"),
    ("minvalue", "MINVALUE"),
    ("maxvalue", "MAXVALUE"),
    ("start", "START WITH"),
    ("cache", "CACHE"),
    ("cycle", "CYCLE"),
];

/// A sequence's options that are not the defaults.
pub(super) fn sequence_options(options: &Attributes) -> String {
    let words = OPTIONS.iter().filter_map(|(key, words)| {
        let value = options.get(key)?;
        Some(match *key {
            "cycle" => "CYCLE".to_owned(),
            _ => format!("{words} {value}"),
        })
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The options that differ, those that are gone with their defaults.
pub(super) fn changed_options(old: &Attributes, new: &Attributes, data_type: &str) -> Vec<String> {
    let is_changed = |key: &str| old.get(key) != new.get(key);
    // The defaults of the bounds and of the start depend on these.
    let all = is_changed("increment") || is_changed("minvalue") || is_changed("maxvalue");
    let descends = new.get("increment").is_some_and(|by| by.starts_with('-'));
    let (least, most) = match data_type {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let of = |key: &str, default: String| new.get(key).cloned().unwrap_or(default);
    let minvalue = of(
        "minvalue",
        if descends {
            least.to_string()
        } else {
            "1".to_owned()
        },
    );
    let maxvalue = of(
        "maxvalue",
        if descends {
            "-1".to_owned()
        } else {
            most.to_string()
        },
    );
    let start = of(
        "start",
        if descends {
            maxvalue.clone()
        } else {
            minvalue.clone()
        },
    );
    let mut words = Vec::new();
    for (key, name) in OPTIONS {
        let is_bound = matches!(key, "minvalue" | "maxvalue" | "start");
        if !(is_changed(key) || is_bound && all) {
            continue;
        }
        words.push(match key {
            "increment" => format!("{name} {}", of("increment", "1".to_owned())),
            "minvalue" => format!("{name} {minvalue}"),
            "maxvalue" => format!("{name} {maxvalue}"),
            "start" => format!("{name} {start}"),
            "cache" => format!("{name} {}", of("cache", "1".to_owned())),
            _ if new.contains_key("cycle") => "CYCLE".to_owned(),
            _ => "NO CYCLE".to_owned(),
        });
    }
    let descended = old.get("increment").is_some_and(|by| by.starts_with('-'));
    if descends != descended {
        // Where it stands is at the other end.
        words.push("RESTART".to_owned());
    }
    words
}

/// The bounds of a sequence.
fn bounds(options: &Attributes, data_type: &str) -> (i64, i64) {
    let descends = options
        .get("increment")
        .is_some_and(|by| by.starts_with('-'));
    let (least, most) = match data_type {
        "smallint" => (i64::from(i16::MIN), i64::from(i16::MAX)),
        "integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    };
    let of = |key: &str, default: i64| {
        let value = options.get(key).and_then(|value| value.parse().ok());
        value.unwrap_or(default)
    };
    (
        of("minvalue", if descends { least } else { 1 }),
        of("maxvalue", if descends { -1 } else { most }),
    )
}

/// What a view's columns have beside its query: the statements that are new, and those that undo what is gone. `set` is
/// what stands before the value.
fn changed_statements(old: Option<&Object>, new: &Object, key: &str, set: &str) -> Vec<String> {
    let of = |object: &Object| -> Vec<String> {
        let all = object.attributes.get(key).map_or("", String::as_str);
        let all = all.split(";\n").filter(|one| !one.is_empty());
        all.map(str::to_owned).collect()
    };
    let head = |statement: &str| match statement.split_once(set) {
        Some((head, _)) => head.to_owned(),
        None => statement.to_owned(),
    };
    let (before, after) = (old.map(of).unwrap_or_default(), of(new));
    let kept: Vec<String> = after.iter().map(|one| head(one)).collect();
    let gone = before.iter().map(|one| head(one));
    let gone = gone.filter(|one| !kept.contains(one));
    let unset = if set == " IS " {
        " IS NULL"
    } else {
        " DROP DEFAULT"
    };
    let gone = gone.map(|head| format!("{head}{unset}"));
    let fresh = after.iter().filter(|one| !before.contains(one)).cloned();
    gone.chain(fresh).collect()
}

impl Writer<'_> {
    pub(super) fn make_object(&mut self, id: &ObjectId) {
        let Some(new) = self.plan.to.objects.get(id) else {
            return;
        };
        let node = Node::Object(id.clone());
        let old = self
            .plan
            .from
            .objects
            .get(id)
            .filter(|_| self.plan.stays(&node))
            .cloned();
        match &old {
            Some(old) if self.plan.is_altered(old, new) => self.alter_object(old, new),
            Some(_) => {}
            None => self.create_object(new),
        }
        if id.kind != ObjectKind::Extension {
            let before = old.as_ref().and_then(|old| old.comment.as_ref());
            self.comment(&object_words(id), before, new.comment.as_ref());
        }
        for sql in changed_statements(old.as_ref(), new, "column_defaults", " SET DEFAULT ") {
            self.push(sql);
        }
        for sql in changed_statements(old.as_ref(), new, "column_comments", " IS ") {
            self.comments.push(Statement {
                sql,
                notes: Vec::new(),
            });
        }
        if old.is_none() {
            self.keep(&Thing::Object(id.clone()));
        }
    }

    fn create_object(&mut self, new: &Object) {
        match new.id.kind {
            ObjectKind::Schema => self.push(format!("CREATE {}", object_words(&new.id))),
            ObjectKind::Extension => {
                let schema = new.attributes.get("schema");
                let schema = schema.map(|schema| format!(" WITH SCHEMA {}", ident(schema)));
                self.push(format!(
                    "CREATE {}{}",
                    object_words(&new.id),
                    schema.unwrap_or_default()
                ));
            }
            ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType => {
                self.create_type(new);
            }
            ObjectKind::Sequence => {
                let mut sql = format!("CREATE {}", object_words(&new.id));
                if let Some(data_type) = new.attributes.get("as") {
                    sql.push_str(&format!(" AS {data_type}"));
                }
                let options = sequence_options(&new.attributes);
                if !options.is_empty() {
                    sql.push_str(&format!(" {options}"));
                }
                self.push(sql);
            }
            ObjectKind::MaterializedView => {
                self.push(new.definition.as_str());
                let indexes = new.attributes.get("indexes").cloned().unwrap_or_default();
                for statement in indexes.split(";\n").filter(|one| !one.is_empty()) {
                    self.push(statement);
                }
            }
            ObjectKind::Statistics => {
                self.push(new.definition.as_str());
                self.set_target(new, None);
            }
            ObjectKind::Trigger | ObjectKind::Rule => {
                self.push(new.definition.as_str());
                self.enable(new, None);
            }
            _ => self.push(new.definition.as_str()),
        }
    }

    fn set_target(&mut self, new: &Object, old: Option<&Object>) {
        let of = |object: &Object| object.attributes.get("target").cloned();
        let (before, after) = (old.and_then(of), of(new));
        if before != after {
            let target = after.as_deref().unwrap_or("-1");
            self.push(format!(
                "ALTER {} SET STATISTICS {target}",
                object_words(&new.id)
            ));
        }
    }

    /// A trigger or rule.
    fn enable(&mut self, new: &Object, old: Option<&Object>) {
        let of = |object: &Object| object.attributes.get("enabled").cloned();
        let (before, after) = (old.and_then(of), of(new));
        let Some(table) = new.id.table().filter(|_| before != after) else {
            return;
        };
        let words = after.as_deref().unwrap_or("ENABLE");
        let what = match new.id.kind {
            ObjectKind::Rule => "RULE",
            _ => "TRIGGER",
        };
        // Before version 15 the server leaves those of the partitions.
        let mut tables = vec![table];
        while let Some(table) = tables.pop() {
            self.push(format!(
                "ALTER TABLE {} {words} {what} {}",
                quoted(&table),
                ident(&new.id.name.name)
            ));
            let of = Thing::Table(table);
            let all = self.plan.to.tables.values();
            let partitions = all.filter(|one| {
                one.attributes.contains_key("partition_of") && one.depends_on.contains(&of)
            });
            tables.extend(partitions.map(|one| one.name.clone()));
        }
    }

    fn alter_object(&mut self, old: &Object, new: &Object) {
        match new.id.kind {
            ObjectKind::Extension
                if old.attributes.get("schema") != new.attributes.get("schema") =>
            {
                let schema = new.attributes.get("schema");
                let words = object_words(&new.id);
                match schema {
                    Some(schema) => {
                        self.push(format!("ALTER {words} SET SCHEMA {}", ident(schema)));
                    }
                    None => self.note(
                        "",
                        format!(
                            "{words} belongs into the current schema: ALTER {words} SET SCHEMA …"
                        ),
                    ),
                }
            }
            ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType => {
                self.alter_type(old, new);
            }
            ObjectKind::Sequence => self.alter_sequence(old, new),
            ObjectKind::View => {
                let is_other = old.definition != new.definition
                    || old.is_same(new)
                    || old.labels != new.labels;
                if is_other {
                    let definition = new.definition.as_str();
                    let query = definition
                        .strip_prefix("CREATE VIEW ")
                        .unwrap_or(definition);
                    self.push(format!("CREATE OR REPLACE VIEW {query}"));
                }
            }
            ObjectKind::Function | ObjectKind::Procedure
                if (old.definition != new.definition || old.is_same(new)) =>
            {
                self.push(new.definition.as_str());
            }
            ObjectKind::Trigger | ObjectKind::Rule => self.enable(new, Some(old)),
            ObjectKind::Statistics => self.set_target(new, Some(old)),
            _ => {}
        }
    }

    fn alter_sequence(&mut self, old: &Object, new: &Object) {
        let (before, after) = (old.attributes.get("as"), new.attributes.get("as"));
        let data_type = after.map_or("bigint", String::as_str);
        let mut words = Vec::new();
        if before != after {
            words.push(format!("AS {data_type}"));
        }
        words.extend(changed_options(&old.attributes, &new.attributes, data_type));
        let old_type = before.map_or("bigint", String::as_str);
        let (least, most) = bounds(&old.attributes, old_type);
        let (new_least, new_most) = bounds(&new.attributes, data_type);
        let name = quoted(&new.id.name);
        let is_within = |value: i64| (least..=most).contains(&value);
        if !words.iter().any(|word| word == "RESTART") {
            // Where it stands must be within the new bounds.
            let literal = crate::dialect::Dialect::Postgres.literal(&name);
            if new_least > least && is_within(new_least) {
                self.push(format!(
                    "SELECT setval({literal}, {new_least}, false) FROM {name} WHERE last_value < {new_least}"
                ));
            } else if new_least > most || new_most < least {
                words.push("RESTART".to_owned());
            }
            if new_most < most && is_within(new_most) {
                self.push(format!(
                    "SELECT setval({literal}, {new_most}) FROM {name} WHERE last_value > {new_most}"
                ));
            }
        }
        if !words.is_empty() {
            self.push(format!(
                "ALTER {} {}",
                object_words(&new.id),
                words.join(" ")
            ));
        }
    }
}
