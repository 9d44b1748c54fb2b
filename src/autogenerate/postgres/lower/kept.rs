//! Owners, privileges and labels of what is made anew, and of what is new.

use super::graph::Node;
use super::{Writer, object_words};
use crate::autogenerate::engine::Statement;
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::schema::{Kept, Name, ObjectKind, Thing};

impl Writer<'_> {
    /// The server makes an index again when a column of it gets another type, and forgets some of that.
    pub(super) fn keep_rebuilt_indexes(&mut self) {
        let mut rebuilt = Vec::new();
        for (name, table) in &self.plan.to.tables {
            let is_retyped = |column: &String| {
                let place = (name.clone(), column.clone());
                self.plan.retyped.contains(&place)
            };
            for index in &table.indexes {
                let node = Node::Index(name.clone(), index.name.clone());
                if self.plan.stays(&node) && index.columns.iter().any(is_retyped) {
                    rebuilt.push(Thing::Key(name.clone(), index.name.clone()));
                }
            }
        }
        for key in rebuilt {
            self.keep(&key);
        }
    }

    /// Written behind everything else: what belongs to another role can only be changed by that one.
    pub(super) fn keep(&mut self, thing: &Thing) {
        for kept in self.plan.to.kept.get(thing).into_iter().flatten() {
            let sql = match kept {
                _ if matches!(thing, Thing::Other(_)) => continue,
                Kept::Owner(role) => format!("ALTER {} OWNER TO {role}", subject(thing)),
                Kept::Privilege(before, after) => format!("{before}{}{after}", granted(thing)),
                Kept::Statement(before, after) => format!("{before}{}{after}", subject(thing)),
                Kept::Mode(_) | Kept::Started(_) | Kept::Unknown(_) => continue,
            };
            self.kept.push(Statement {
                sql,
                notes: Vec::new(),
            });
        }
    }
}

/// As it stands behind `ALTER` and `COMMENT ON`.
fn subject(thing: &Thing) -> String {
    match thing {
        Thing::Table(table) => format!("TABLE {}", quoted(table)),
        Thing::Column(table, column) => format!("COLUMN {}.{}", quoted(table), ident(column)),
        Thing::Key(table, key) => {
            let index = Name::new(table.schema.as_deref(), key);
            format!("INDEX {}", quoted(&index))
        }
        Thing::Object(id) => object_words(id),
        Thing::Other(words) => words.clone(),
    }
}

/// As it stands behind `GRANT … ON`.
fn granted(thing: &Thing) -> String {
    match thing {
        Thing::Table(table) | Thing::Column(table, _) | Thing::Key(table, _) => {
            format!("TABLE {}", quoted(table))
        }
        Thing::Object(id) => match id.kind {
            ObjectKind::View | ObjectKind::MaterializedView => {
                format!("TABLE {}", quoted(&id.name))
            }
            ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType => {
                format!("TYPE {}", quoted(&id.name))
            }
            _ => object_words(id),
        },
        Thing::Other(words) => words.clone(),
    }
}
