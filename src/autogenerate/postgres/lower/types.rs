//! Enums, domains and composite types: in place where the server can, else anew beside the old one.

use super::graph::Node;
use super::plan::first_word;
use super::{Writer, object_words};
use crate::autogenerate::postgres::alteration::typed_tables;
use crate::autogenerate::postgres::names::ident;
use crate::autogenerate::schema::{Name, Object, ObjectId, ObjectKind};
use crate::dialect::Dialect;

/// Where an old type is kept until nothing has it any more.
pub(super) fn aside(name: &Name) -> Name {
    let mut short = name.name.clone();
    // The server cuts names after 63 bytes.
    while short.len() > 58 {
        short.pop();
    }
    Name::new(name.schema.as_deref(), &format!("{short}__old"))
}

impl Writer<'_> {
    /// Whether the old type leaves its name to a new one, or to a table or view, whose rows are types as well.
    pub(super) fn is_set_aside(&self, id: &ObjectId) -> bool {
        if !is_type(id.kind) {
            return false;
        }
        let to = self.plan.to;
        self.plan.swapped.contains(id)
            || to.tables.contains_key(&id.name)
            || to.objects.keys().any(|other| {
                other.name == id.name
                    && other.on.is_none()
                    && (is_type(other.kind)
                        || matches!(
                            other.kind,
                            ObjectKind::View | ObjectKind::MaterializedView | ObjectKind::Sequence
                        ))
                    && other != id
            }) && !to.objects.contains_key(id)
    }

    pub(super) fn begin_types(&mut self) {
        let old: Vec<ObjectId> = self
            .plan
            .from
            .objects
            .keys()
            .filter(|id| {
                let is_gone =
                    !self.plan.to.objects.contains_key(id) || self.plan.swapped.contains(id);
                let is_late = self.plan.late.contains(&Node::Object((*id).clone()));
                is_type(id.kind) && is_gone && is_late && self.is_set_aside(id)
            })
            .cloned()
            .collect();
        for id in old {
            self.push(format!(
                "ALTER {} RENAME TO {}",
                object_words(&id),
                ident(&aside(&id.name).name)
            ));
        }
    }

    pub(super) fn create_type(&mut self, new: &Object) {
        let words = object_words(&new.id);
        match new.id.kind {
            ObjectKind::Enum => {
                let labels = new
                    .labels
                    .iter()
                    .map(|label| Dialect::Postgres.literal(label));
                let labels: Vec<String> = labels.collect();
                self.push(format!("CREATE {words} AS ENUM ({})", labels.join(", ")));
            }
            ObjectKind::Domain => {
                let attribute = |key: &str| new.attributes.get(key);
                let mut sql = format!(
                    "CREATE {words} AS {}",
                    attribute("type").map_or("text", String::as_str)
                );
                if let Some(collation) = attribute("collation") {
                    sql.push_str(&format!(" COLLATE {collation}"));
                }
                if let Some(default) = attribute("default") {
                    sql.push_str(&format!(" DEFAULT {default}"));
                }
                if attribute("not_null").is_some() {
                    sql.push_str(" NOT NULL");
                }
                let mut later = Vec::new();
                for constraint in &new.labels {
                    if constraint.ends_with(" NOT VALID") {
                        later.push(format!("ALTER {words} ADD CONSTRAINT {constraint}"));
                    } else {
                        sql.push_str(&format!(" CONSTRAINT {constraint}"));
                    }
                }
                self.push(sql);
                for statement in later {
                    self.push(statement);
                }
            }
            _ => self.push(format!("CREATE {words} AS ({})", new.labels.join(", "))),
        }
    }

    pub(super) fn alter_type(&mut self, old: &Object, new: &Object) {
        match new.id.kind {
            ObjectKind::Enum => self.add_values(old, new),
            ObjectKind::Domain => self.alter_domain(old, new),
            _ => self.alter_composite(old, new),
        }
    }

    /// Each where it belongs among those that are there by then.
    fn add_values(&mut self, old: &Object, new: &Object) {
        let words = object_words(&new.id);
        let literal = |label: &str| Dialect::Postgres.literal(label);
        let is_old = |label: &String| old.labels.contains(label);
        for (at, label) in new.labels.iter().enumerate() {
            if is_old(label) {
                continue;
            }
            let rest_is_new = !new.labels[at..].iter().any(is_old);
            let place = match (
                at.checked_sub(1).and_then(|at| new.labels.get(at)),
                rest_is_new,
            ) {
                (_, true) => String::new(),
                (Some(before), false) => format!(" AFTER {}", literal(before)),
                (None, false) => match old.labels.first() {
                    Some(first) => format!(" BEFORE {}", literal(first)),
                    None => String::new(),
                },
            };
            self.push(format!("ALTER {words} ADD VALUE {}{place}", literal(label)));
        }
    }

    fn alter_domain(&mut self, old: &Object, new: &Object) {
        let words = format!("ALTER {}", object_words(&new.id));
        for constraint in &old.labels {
            if !new.labels.contains(constraint) && !is_validated(constraint, &new.labels) {
                self.push(format!(
                    "{words} DROP CONSTRAINT {}",
                    first_word(constraint)
                ));
            }
        }
        let (before, after) = (old.attributes.get("default"), new.attributes.get("default"));
        if before != after {
            self.push(match after {
                Some(default) => format!("{words} SET DEFAULT {default}"),
                None => format!("{words} DROP DEFAULT"),
            });
        }
        if old.attributes.get("not_null") != new.attributes.get("not_null") {
            let set = if new.attributes.contains_key("not_null") {
                "SET"
            } else {
                "DROP"
            };
            self.push(format!("{words} {set} NOT NULL"));
        }
        for constraint in &new.labels {
            if old.labels.contains(constraint) {
                continue;
            }
            let unchecked = format!("{constraint} NOT VALID");
            if old.labels.contains(&unchecked) {
                self.push(format!(
                    "{words} VALIDATE CONSTRAINT {}",
                    first_word(constraint)
                ));
            } else {
                self.push(format!("{words} ADD CONSTRAINT {constraint}"));
            }
        }
    }

    fn alter_composite(&mut self, old: &Object, new: &Object) {
        let words = format!("ALTER {}", object_words(&new.id));
        // Tables of this type follow only where that is said.
        let cascade = match typed_tables(&self.plan.from, &new.id).next() {
            Some(_) => " CASCADE",
            None => "",
        };
        let by_name = |labels: &[String], label: &str| {
            let name = first_word(label).to_owned();
            labels.iter().any(|one| first_word(one) == name)
        };
        let gone = old.labels.iter().filter(|one| !by_name(&new.labels, one));
        for attribute in gone {
            self.push(format!(
                "{words} DROP ATTRIBUTE {}{cascade}",
                first_word(attribute)
            ));
        }
        for attribute in new.labels.iter().filter(|one| !old.labels.contains(one)) {
            let name = first_word(attribute);
            self.push(match by_name(&old.labels, attribute) {
                true => {
                    let data_type = attribute[name.len()..].trim_start();
                    format!("{words} ALTER ATTRIBUTE {name} TYPE {data_type}{cascade}")
                }
                false => format!("{words} ADD ATTRIBUTE {attribute}{cascade}"),
            });
        }
    }
}

/// Whether the same constraint stands there without its `NOT VALID`.
fn is_validated(constraint: &str, labels: &[String]) -> bool {
    let checked = constraint.strip_suffix(" NOT VALID");
    checked.is_some_and(|checked| labels.iter().any(|label| label == checked))
}

fn is_type(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType
    )
}
