//! What is no table.

use std::collections::BTreeSet;

use super::Writer;
use crate::autogenerate::change::Operation;
use crate::autogenerate::mysql::render;
use crate::autogenerate::order::{dependents, sorted};
use crate::autogenerate::schema::{Kept, Object, ObjectId, ObjectKind, Thing};
use crate::dialect::Dialect;
use crate::sql;

/// What happens to them.
#[derive(Default)]
pub(super) struct Objects {
    drop: BTreeSet<ObjectId>,
    create: BTreeSet<ObjectId>,
    /// Made over what stands.
    replace: BTreeSet<ObjectId>,
}

impl Writer<'_> {
    pub(super) fn objects(&self) -> Objects {
        let (from, to) = (self.lowering.from, self.lowering.to);
        let mut objects = Objects::default();
        for change in self.lowering.changes {
            match &change.operation {
                Operation::DropObject(id) => {
                    objects.drop.insert(id.clone());
                }
                Operation::CreateObject(id) => {
                    objects.create.insert(id.clone());
                }
                Operation::AlterObject(id) => {
                    objects.replace.insert(id.clone());
                }
                _ => {}
            }
        }
        // A trigger that stands behind one that is made again would stand before it.
        loop {
            let behind: Vec<ObjectId> = to
                .objects
                .values()
                .filter(|object| object.id.kind == ObjectKind::Trigger)
                .filter(|object| {
                    !objects.replace.contains(&object.id) && !objects.create.contains(&object.id)
                })
                .filter(|object| {
                    object.depends_on.iter().any(|needed| match needed {
                        Thing::Object(id) => {
                            id.kind == ObjectKind::Trigger && objects.replace.contains(id)
                        }
                        _ => false,
                    })
                })
                .map(|object| object.id.clone())
                .collect();
            if behind.is_empty() {
                break;
            }
            objects.replace.extend(behind);
        }
        let again: Vec<ObjectId> = objects
            .replace
            .iter()
            .filter(|id| match id.kind {
                ObjectKind::Trigger => true,
                ObjectKind::Function | ObjectKind::Procedure | ObjectKind::Event => {
                    self.dialect == Dialect::Mysql
                }
                // A view cannot be put under one that stands on it.
                ObjectKind::View => {
                    let users = dependents(from, &BTreeSet::from([Thing::Object((*id).clone())]));
                    let needs = to.objects.get(id).map(|object| &object.depends_on);
                    needs.is_some_and(|needs| needs.iter().any(|needed| users.contains(needed)))
                }
                _ => false,
            })
            .cloned()
            .collect();
        for id in again {
            objects.replace.remove(&id);
            objects.drop.insert(id.clone());
            objects.create.insert(id);
        }
        objects
    }

    /// All but sequences, which defaults still call.
    pub(super) fn drop_objects(&mut self, objects: &Objects) {
        let to = self.lowering.to;
        let order = [
            (ObjectKind::Trigger, "TRIGGER"),
            (ObjectKind::Event, "EVENT"),
            (ObjectKind::View, "VIEW"),
            (ObjectKind::Procedure, "PROCEDURE"),
            (ObjectKind::Function, "FUNCTION"),
        ];
        for (kind, word) in order {
            let of_kind = self.in_order(&objects.drop, kind, false);
            for id in of_kind.into_iter().rev() {
                // A table takes its triggers with it.
                let goes_with_table = id
                    .table()
                    .is_some_and(|table| !to.tables.contains_key(&table));
                if !goes_with_table {
                    let name = self.quoted(&id.name);
                    self.script.push(format!("DROP {word} {name}"));
                }
            }
        }
    }

    pub(super) fn drop_sequences(&mut self, objects: &Objects) {
        for id in self.in_order(&objects.drop, ObjectKind::Sequence, false) {
            let name = self.quoted(&id.name);
            self.script.push(format!("DROP SEQUENCE {name}"));
        }
    }

    pub(super) fn create_objects(&mut self, objects: &Objects, kinds: &[ObjectKind]) {
        for kind in kinds {
            let both: BTreeSet<ObjectId> =
                objects.create.union(&objects.replace).cloned().collect();
            for id in self.in_order(&both, *kind, true) {
                let Some(object) = self.lowering.to.objects.get(&id) else {
                    continue;
                };
                let replaces = objects.replace.contains(&id);
                let kept = self.lowering.to.kept.get(&Thing::Object(id.clone()));
                let kept = kept.map_or(&[][..], |kept| kept);
                let sql = self.created(object, replaces, kept);
                let mode = kept.iter().find_map(|kept| match kept {
                    Kept::Mode(mode) => Some(self.dialect.literal(mode)),
                    _ => None,
                });
                if let Some(mode) = &mode {
                    self.script.push(format!("SET SESSION sql_mode = {mode}"));
                }
                self.script.push(sql);
                if mode.is_some() {
                    self.script.push("SET SESSION sql_mode = DEFAULT");
                }
                if replaces {
                    continue;
                }
                for kept in kept {
                    if let Kept::Privilege(before, after) = kept {
                        let name = self.quoted(&id.name);
                        self.script.push(format!("{before}{name}{after}"));
                    }
                }
            }
        }
    }

    fn created(&self, object: &Object, replaces: bool, kept: &[Kept]) -> String {
        if object.id.kind == ObjectKind::Sequence {
            let verb = if replaces { "ALTER" } else { "CREATE" };
            let name = self.quoted(&object.id.name);
            return format!(
                "{verb} SEQUENCE {name}{}",
                render::sequence(object, replaces)
            );
        }
        let mut definition = object.definition.as_str().to_owned();
        if let Some(rest) = definition.strip_prefix("CREATE ") {
            let replace = if replaces { "OR REPLACE " } else { "" };
            let definer = kept.iter().find_map(|kept| match kept {
                Kept::Owner(definer) => Some(format!("DEFINER = {definer} ")),
                _ => None,
            });
            let definer = definer.unwrap_or_default();
            // A view's algorithm comes first.
            let (algorithm, rest) = match rest.strip_prefix("ALGORITHM = ") {
                Some(behind) => rest
                    .split_at(rest.len() - behind.len() + behind.find(' ').map_or(0, |at| at + 1)),
                None => ("", rest),
            };
            definition = format!("CREATE {replace}{algorithm}{definer}{rest}");
        }
        // A comment at the end would swallow what ends the statement.
        let pieces = sql::pieces(self.dialect, &definition);
        let end = pieces.last().map_or(0, |piece| piece.range.end);
        if end < definition.trim_end().len() {
            definition.push('\n');
        }
        definition
    }

    /// What is needed first.
    fn in_order(&self, ids: &BTreeSet<ObjectId>, kind: ObjectKind, new: bool) -> Vec<ObjectId> {
        let schema = if new {
            self.lowering.to
        } else {
            self.lowering.from
        };
        let ids: Vec<ObjectId> = ids.iter().filter(|id| id.kind == kind).cloned().collect();
        sorted(&ids, |id| {
            let needed = schema.objects.get(id).map(|object| &object.depends_on);
            let needed = needed.into_iter().flatten();
            needed
                .filter_map(|thing| match thing {
                    Thing::Object(id) => Some(id.clone()),
                    _ => None,
                })
                .collect()
        })
    }
}
