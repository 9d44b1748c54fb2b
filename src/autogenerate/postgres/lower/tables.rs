//! Tables as a whole.

use std::collections::BTreeSet;

use super::Writer;
use super::drops::parents;
use super::graph::Node;
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::schema::{Attributes, ConstraintKind, Name, ObjectKind, Table, Thing};

impl Writer<'_> {
    /// What a new table is made with: its columns, and those defaults and constraints that need nothing that needs
    /// the table.
    pub(super) fn inline_parts(&self, name: &Name) -> Vec<Node> {
        let Some(table) = self.plan.to.tables.get(name) else {
            return Vec::new();
        };
        let node = Node::Table(name.clone());
        let is_part = |other: &Node| {
            !matches!(other, Node::Object(_)) && other.table().as_ref() == Some(name)
        };
        let mut circle: Option<BTreeSet<Node>> = None;
        let mut is_free = |part: &Node| {
            let needs: Vec<&Node> = self
                .plan
                .after
                .needs_of(part)
                .filter(|need| !is_part(need))
                .collect();
            if needs.is_empty() {
                return true;
            }
            let circle = circle.get_or_insert_with(|| self.plan.after.all_users(&node));
            needs.into_iter().all(|need| !circle.contains(need))
        };
        let mut parts = Vec::new();
        for column in &table.columns {
            if column.attributes.contains_key("inherited") {
                continue;
            }
            parts.push(Node::Column(name.clone(), column.name.clone()));
            let default = Node::Default(name.clone(), column.name.clone());
            if column.default.is_some() && is_free(&default) {
                parts.push(default);
            }
        }
        if table.attributes.contains_key("partition_of") {
            return parts;
        }
        for constraint in &table.constraints {
            let Some(key) = &constraint.name else {
                continue;
            };
            let part = Node::Constraint(name.clone(), key.clone());
            // Of two keys on the same columns, the server makes one here.
            let is_second = table.constraints.iter().any(|other| {
                constraint.kind == ConstraintKind::Unique
                    && other.is_key()
                    && other.name != constraint.name
                    && other.columns == constraint.columns
                    && (other.kind == ConstraintKind::Primary || other.name < constraint.name)
            });
            if constraint.kind != ConstraintKind::Foreign
                && !is_second
                && !constraint.definition.as_str().ends_with(" NOT VALID")
                && is_free(&part)
            {
                parts.push(part);
            }
        }
        parts
    }

    pub(super) fn make_table(&mut self, name: &Name) {
        let Some(new) = self.plan.to.tables.get(name) else {
            return;
        };
        let old = self.plan.from.tables.get(name);
        match old.filter(|_| self.plan.stays(&Node::Table(name.clone()))) {
            Some(old) => {
                let old = old.clone();
                self.alter_table(&old, new);
                self.comment_table(new, old.comment.as_ref());
            }
            None => {
                self.create_table(new);
                self.comment_table(new, None);
                self.keep(&Thing::Table(name.clone()));
            }
        }
    }

    fn comment_table(&mut self, new: &Table, old: Option<&String>) {
        let words = format!("TABLE {}", quoted(&new.name));
        self.comment(&words, old, new.comment.as_ref());
    }

    fn create_table(&mut self, new: &Table) {
        let parts: BTreeSet<Node> = self.inline_parts(&new.name).into_iter().collect();
        let mut lines = Vec::new();
        for column in &new.columns {
            let node = Node::Column(new.name.clone(), column.name.clone());
            if parts.contains(&node) {
                let default = Node::Default(new.name.clone(), column.name.clone());
                let with_default = parts.contains(&default);
                match new.attributes.contains_key("of_type") {
                    true => lines.extend(super::columns::typed(column, with_default)),
                    false => lines.push(super::columns::definition(column, with_default)),
                }
            } else if column.is_local && new.attributes.contains_key("inherits") {
                // Its own as well: what it has of its own follows below.
                lines.push(super::columns::with_type(column));
            }
            self.comment_column(&new.name, column, None);
            self.keep(&Thing::Column(new.name.clone(), column.name.clone()));
        }
        for constraint in &new.constraints {
            let Some(key) = &constraint.name else {
                continue;
            };
            if parts.contains(&Node::Constraint(new.name.clone(), key.clone())) {
                lines.push(format!(
                    "CONSTRAINT {} {}",
                    ident(key),
                    constraint.definition
                ));
                self.comment_constraint(&new.name, constraint, None);
                self.keep(&Thing::Key(new.name.clone(), key.clone()));
            }
        }
        let unlogged = match new.attributes.get("unlogged") {
            Some(_) => "UNLOGGED ",
            None => "",
        };
        let mut sql = format!("CREATE {unlogged}TABLE {}", quoted(&new.name));
        let attribute = |key: &str| new.attributes.get(key);
        let of_type = attribute("of_type");
        if let Some(of) = attribute("partition_of") {
            sql.push_str(&format!(" PARTITION OF {of}"));
        } else {
            if let Some(of) = of_type {
                sql.push_str(&format!(" OF {of}"));
            }
            if !lines.is_empty() {
                sql.push_str(&format!(" (\n    {}\n)", lines.join(",\n    ")));
            } else if of_type.is_none() {
                sql.push_str(" ()");
            }
        }
        if let Some(parents) = attribute("inherits") {
            sql.push_str(&format!(" INHERITS ({parents})"));
        }
        if let Some(key) = attribute("partition_by") {
            sql.push_str(&format!(" PARTITION BY {key}"));
        }
        if let Some(method) = attribute("access_method") {
            sql.push_str(&format!(" USING {}", ident(method)));
        }
        if let Some(options) = attribute("with") {
            sql.push_str(&format!(" WITH ({options})"));
        }
        self.push(sql);
        self.done.extend(parts);
        for column in &new.columns {
            if column.attributes.contains_key("inherited") {
                self.override_inherited(&new.name, column, None);
                self.done
                    .insert(Node::Column(new.name.clone(), column.name.clone()));
                self.done
                    .insert(Node::Default(new.name.clone(), column.name.clone()));
            } else {
                self.store_column(&new.name, column, &Attributes::new());
            }
        }
        self.secure(&new.name, &Attributes::new(), &new.attributes);
    }

    fn alter_table(&mut self, old: &Table, new: &Table) {
        let name = quoted(&new.name);
        let (before, after) = (&old.attributes, &new.attributes);
        if before == after {
            return;
        }
        let differs = |key: &str| before.get(key) != after.get(key);
        if differs("unlogged") {
            let words = match after.get("unlogged") {
                Some(_) => "UNLOGGED",
                None => "LOGGED",
            };
            self.push(format!("ALTER TABLE {name} SET {words}"));
        }
        if differs("with") {
            self.set_options(
                &format!("ALTER TABLE {name}"),
                before.get("with"),
                after.get("with"),
            );
        }
        if differs("access_method") {
            let method = after.get("access_method").map_or("heap", String::as_str);
            self.push(format!(
                "ALTER TABLE {name} SET ACCESS METHOD {}",
                ident(method)
            ));
        }
        if differs("of_type") {
            self.push(match after.get("of_type") {
                Some(of) => format!("ALTER TABLE {name} OF {of}"),
                None => format!("ALTER TABLE {name} NOT OF"),
            });
        }
        if differs("inherits") {
            for parent in parents(new) {
                self.push(format!("ALTER TABLE {name} INHERIT {}", quoted(&parent)));
            }
        }
        if differs("partition_of")
            && let Some(of) = after.get("partition_of")
        {
            for parent in parents(new) {
                let parent = quoted(&parent);
                let bounds = of.strip_prefix(&parent).unwrap_or_default();
                self.push(format!(
                    "ALTER TABLE {parent} ATTACH PARTITION {name}{bounds}"
                ));
            }
        }
        if differs("partition_by") {
            let there = after.get("partition_by").map_or("none", String::as_str);
            self.note(
                "",
                format!("the partitioning of {name} ({there}) has to be made by hand: make a new table and move the rows"),
            );
        }
        self.secure(&new.name, before, after);
    }

    /// Row-level security, and what is told to replicas.
    fn secure(&mut self, table: &Name, before: &Attributes, after: &Attributes) {
        let name = quoted(table);
        for (key, on, off) in [
            ("row_security", "ENABLE", "DISABLE"),
            ("force_row_security", "FORCE", "NO FORCE"),
        ] {
            if before.get(key) != after.get(key) {
                let words = if after.contains_key(key) { on } else { off };
                self.push(format!("ALTER TABLE {name} {words} ROW LEVEL SECURITY"));
            }
        }
        if before.get("replica_identity") != after.get("replica_identity") {
            let words = after
                .get("replica_identity")
                .map_or("DEFAULT", String::as_str);
            // The index may not be there yet.
            if !words.starts_with("USING INDEX") {
                self.push(format!("ALTER TABLE {name} REPLICA IDENTITY {words}"));
            }
        }
    }

    /// The indexes by which replicas know rows and by which the table is clustered: an index that is made anew is neither.
    pub(super) fn serve_indexes(&mut self) {
        let to = self.plan.to;
        for (name, new) in &to.tables {
            let is_kept = self.plan.stays(&Node::Table(name.clone()));
            let old = self.plan.from.tables.get(name).filter(|_| is_kept);
            let sql = quoted(name);
            let mut statements = Vec::new();
            for (key, before, without) in [
                ("replica_identity", "REPLICA IDENTITY ", None),
                ("cluster", "CLUSTER ON ", Some("SET WITHOUT CLUSTER")),
            ] {
                let was = old.and_then(|old| old.attributes.get(key));
                let Some(is) = new.attributes.get(key) else {
                    statements.extend(was.and(without).map(str::to_owned));
                    continue;
                };
                let index = is.strip_prefix("USING INDEX ").unwrap_or(is);
                if key == "replica_identity" && index == is {
                    continue;
                }
                let stays = |node: Node| self.plan.stays(&node);
                let parts = new.constraints.iter().filter_map(|one| one.name.clone());
                let is_made = parts
                    .map(|part| (Node::Constraint(name.clone(), part.clone()), part))
                    .chain(new.indexes.iter().map(|one| {
                        (
                            Node::Index(name.clone(), one.name.clone()),
                            one.name.clone(),
                        )
                    }))
                    .any(|(node, part)| ident(&part) == index && !stays(node));
                if was != Some(is) || is_made {
                    statements.push(format!("{before}{is}"));
                }
            }
            for statement in statements {
                self.push(format!("ALTER TABLE {sql} {statement}"));
            }
        }
    }

    /// Triggers of partitions that are enabled otherwise than the parent's: a trigger that is made or changed there is as
    /// the parent's first.
    pub(super) fn enable_on_partitions(&mut self) {
        let states = |table: &Table| -> Vec<String> {
            let all = table.attributes.get("trigger_states");
            let all = all.map_or("", String::as_str).split(';');
            let all = all.filter(|one| !one.is_empty());
            all.map(str::to_owned).collect()
        };
        let trigger = |state: &str| -> String {
            let (_, name) = state.split_once(" TRIGGER ").unwrap_or_default();
            name.to_owned()
        };
        let to = self.plan.to;
        let mut statements = Vec::new();
        for (name, new) in &to.tables {
            let is_kept = self.plan.stays(&Node::Table(name.clone()));
            let old = self.plan.from.tables.get(name).filter(|_| is_kept);
            let (was, is) = (old.map(states).unwrap_or_default(), states(new));
            let of_parent = |trigger: &str| {
                let mut all = to.objects.values();
                all.find(|one| {
                    one.id.kind == ObjectKind::Trigger && ident(&one.id.name.name) == trigger
                })
            };
            for state in &is {
                let is_touched = of_parent(&trigger(state)).is_some_and(|one| {
                    let node = Node::Object(one.id.clone());
                    let old = self.plan.from.objects.get(&one.id);
                    !self.plan.stays(&node) || !old.is_some_and(|old| old.is_same(one))
                });
                if is_touched || !was.contains(state) {
                    statements.push(format!("ALTER TABLE {} {state}", quoted(name)));
                }
            }
            for name_of in was.iter().map(|state| trigger(state)) {
                let is_left = is.iter().any(|state| trigger(state) == name_of);
                if let (false, Some(parent)) = (is_left, of_parent(&name_of)) {
                    let words = parent.attributes.get("enabled");
                    let words = words.map_or("ENABLE", String::as_str);
                    statements.push(format!(
                        "ALTER TABLE {} {words} TRIGGER {name_of}",
                        quoted(name)
                    ));
                }
            }
        }
        for statement in statements {
            self.push(statement);
        }
    }

    /// `what` is how the statement begins: `ALTER TABLE t`.
    pub(super) fn set_options(
        &mut self,
        what: &str,
        before: Option<&String>,
        after: Option<&String>,
    ) {
        let keys = |options: Option<&String>| -> Vec<String> {
            let options = options.map_or("", String::as_str);
            let pairs = options.split(", ").filter(|pair| !pair.is_empty());
            pairs
                .map(|pair| pair.split('=').next().unwrap_or_default().to_owned())
                .collect()
        };
        let stay = keys(after);
        let gone: Vec<String> = keys(before)
            .into_iter()
            .filter(|key| !stay.contains(key))
            .collect();
        if !gone.is_empty() {
            self.push(format!("{what} RESET ({})", gone.join(", ")));
        }
        if let Some(options) = after {
            self.push(format!("{what} SET ({options})"));
        }
    }
}
