//! Columns and their defaults.

use super::Writer;
use super::drops::parents;
use super::graph::Node;
use crate::autogenerate::postgres::names::{ident, quoted};
use crate::autogenerate::postgres::placeholder::placeholder;
use crate::autogenerate::postgres::types::{Cast, cast};
use crate::autogenerate::schema::{
    Attributes, Column, ConstraintKind, Identity, Name, ObjectKind, Thing,
};

/// As in `CREATE TABLE`.
pub(super) fn definition(column: &Column, with_default: bool) -> String {
    with_type(column) + &options(column, with_default)
}

/// A column without what stands behind its type.
pub(super) fn with_type(column: &Column) -> String {
    let mut sql = format!("{} {}", ident(&column.name), column.data_type);
    if let Some(compression) = column.attributes.get("compression") {
        sql.push_str(&format!(" COMPRESSION {compression}"));
    }
    if let Some(collation) = &column.collation {
        sql.push_str(&format!(" COLLATE {collation}"));
    }
    sql
}

/// A column of a typed table, which has its type from there: none where that says everything.
pub(super) fn typed(column: &Column, with_default: bool) -> Option<String> {
    let options = options(column, with_default);
    (!options.is_empty()).then(|| format!("{} WITH OPTIONS{options}", ident(&column.name)))
}

/// What stands behind a column's type.
fn options(column: &Column, with_default: bool) -> String {
    let mut sql = String::new();
    if !column.nullable {
        sql.push_str(" NOT NULL");
    }
    if let (Some(default), true) = (&column.default, with_default) {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(generated) = &column.generated {
        let stored = if generated.stored {
            "STORED"
        } else {
            "VIRTUAL"
        };
        sql.push_str(&format!(
            " GENERATED ALWAYS AS ({}) {stored}",
            generated.expression
        ));
    }
    if let Some(identity) = &column.identity {
        sql.push_str(&format!(" GENERATED {} AS IDENTITY", kind(identity)));
        if !identity.options.is_empty() {
            let options = super::objects::sequence_options(&identity.options);
            sql.push_str(&format!(" ({options})"));
        }
    }
    sql
}

fn kind(identity: &Identity) -> &'static str {
    if identity.always {
        "ALWAYS"
    } else {
        "BY DEFAULT"
    }
}

impl Writer<'_> {
    pub(super) fn comment_column(&mut self, table: &Name, column: &Column, old: Option<&String>) {
        let words = format!("COLUMN {}.{}", quoted(table), ident(&column.name));
        self.comment(&words, old, column.comment.as_ref());
    }

    pub(super) fn make_column(&mut self, table: &Name, name: &str) {
        let of = |schema: &crate::autogenerate::schema::Schema| {
            schema
                .tables
                .get(table)
                .and_then(|table| table.column(name))
                .cloned()
        };
        let Some(new) = of(self.plan.to) else {
            return;
        };
        let node = Node::Column(table.clone(), name.to_owned());
        let old = of(&self.plan.from).filter(|_| self.plan.stays(&node));
        if new.attributes.contains_key("inherited") {
            self.override_inherited(table, &new, old.as_ref());
            self.comment_column(table, &new, old.and_then(|old| old.comment).as_ref());
            self.done
                .insert(Node::Default(table.clone(), name.to_owned()));
            return;
        }
        match old {
            // It was the parent's, and is left with the child.
            Some(old) => {
                self.alter_column(table, &old, &new);
                self.comment_column(table, &new, old.comment.as_ref());
            }
            // It came with its type's attribute.
            None if self.is_typed(table) => {
                self.comment_column(table, &new, None);
            }
            None => {
                self.add_column(table, &new);
                self.comment_column(table, &new, None);
                self.done
                    .insert(Node::Default(table.clone(), name.to_owned()));
            }
        }
    }

    /// Tells whether a table is of a type and stays so: its columns are the type's.
    pub(super) fn is_typed(&self, table: &Name) -> bool {
        let of = |schema: &crate::autogenerate::schema::Schema| {
            schema.tables.get(table)?.attributes.get("of_type").cloned()
        };
        self.plan.stays(&Node::Table(table.clone()))
            && of(&self.plan.from).is_some()
            && of(&self.plan.from) == of(self.plan.to)
    }

    fn add_column(&mut self, table: &Name, new: &Column) {
        let name = quoted(table);
        let is_filled = new.nullable
            || new.default.is_some()
            || new.generated.is_some()
            || new.identity.is_some()
            || !self.is_down();
        if is_filled {
            self.push(format!(
                "ALTER TABLE {name} ADD COLUMN {}",
                definition(new, true)
            ));
        } else {
            self.add_with_placeholder(table, new);
        }
        self.store_column(table, new, &Attributes::new());
        self.keep(&Thing::Column(table.clone(), new.name.clone()));
    }

    /// The values are gone, and the column is to be NOT NULL: rows get something.
    fn add_with_placeholder(&mut self, table: &Name, new: &Column) {
        let name = quoted(table);
        let column = ident(&new.name);
        let mut filled = new.clone();
        if let Some(key) = self.referenced(table, &new.name) {
            filled.nullable = true;
            self.note(
                format!(
                    "ALTER TABLE {name} ADD COLUMN {}",
                    definition(&filled, false)
                ),
                format!(
                    "the values of {}.{} are gone: rows get what they may refer to",
                    table, new.name
                ),
            );
            self.push(format!("UPDATE {name} SET {column} = {key}"));
            self.push(format!(
                "ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL"
            ));
            return;
        }
        if self.is_unique(table, &new.name)
            && let Some(value) = self.placeholder(new, Some("numbered.n"))
        {
            filled.nullable = true;
            self.note(
                format!(
                    "ALTER TABLE {name} ADD COLUMN {}",
                    definition(&filled, false)
                ),
                format!(
                    "the values of {}.{} are gone: each row gets one of its own",
                    table, new.name
                ),
            );
            self.push(format!(
                "UPDATE {name} SET {column} = {value} \
                 FROM (SELECT tableoid, ctid, row_number() OVER () AS n FROM {name}) numbered \
                 WHERE {name}.tableoid = numbered.tableoid AND {name}.ctid = numbered.ctid"
            ));
            self.push(format!(
                "ALTER TABLE {name} ALTER COLUMN {column} SET NOT NULL"
            ));
            return;
        }
        let Some(value) = self.placeholder(new, None) else {
            self.note(
                format!("ALTER TABLE {name} ADD COLUMN {}", definition(new, false)),
                format!(
                    "the values of {}.{} are gone: where there are rows, say what they get",
                    table, new.name
                ),
            );
            return;
        };
        filled.default = Some(crate::autogenerate::expression::Sql::exact(&value));
        self.note(
            format!(
                "ALTER TABLE {name} ADD COLUMN {}",
                definition(&filled, true)
            ),
            format!(
                "the values of {}.{} are gone: rows get {value}",
                table, new.name
            ),
        );
        self.push(format!(
            "ALTER TABLE {name} ALTER COLUMN {column} DROP DEFAULT"
        ));
    }

    /// A value that a foreign key on this column alone accepts.
    fn referenced(&self, table: &Name, column: &str) -> Option<String> {
        let new = self.plan.to.tables.get(table)?;
        let key = new.constraints.iter().find(|one| {
            one.kind == ConstraintKind::Foreign
                && one.columns.len() == 1
                && one.columns[0] == column
        })?;
        let reference = key.references.as_ref()?;
        let target = ident(reference.columns.first()?);
        Some(format!(
            "(SELECT {target} FROM {} ORDER BY 1 LIMIT 1)",
            quoted(&reference.table)
        ))
    }

    fn is_unique(&self, table: &Name, column: &str) -> bool {
        let Some(new) = self.plan.to.tables.get(table) else {
            return false;
        };
        let has = |columns: &[String]| columns.iter().any(|one| one == column);
        new.constraints.iter().any(|one| {
            matches!(
                one.kind,
                ConstraintKind::Primary | ConstraintKind::Unique | ConstraintKind::Exclude
            ) && has(&one.columns)
        }) || new
            .indexes
            .iter()
            .any(|one| one.unique && has(&one.columns))
    }

    fn placeholder(&self, column: &Column, n: Option<&str>) -> Option<String> {
        if let Some(value) = placeholder(&column.data_type, n) {
            return Some(value);
        }
        let mut types = column.depends_on.iter().filter_map(|thing| match thing {
            Thing::Object(id) => self.plan.to.objects.get(id),
            _ => None,
        });
        let of = types.find(|object| {
            matches!(
                object.id.kind,
                ObjectKind::Enum | ObjectKind::Domain | ObjectKind::CompositeType
            )
        })?;
        match of.id.kind {
            ObjectKind::Enum => {
                let label = of.labels.first()?;
                Some(crate::dialect::Dialect::Postgres.literal(label))
            }
            // A row of NULLs is none itself.
            ObjectKind::CompositeType => {
                let commas = of.labels.len().saturating_sub(1);
                Some(format!("'({})'", ",".repeat(commas)))
            }
            _ => {
                let base = of.attributes.get("type")?;
                let value = placeholder(base, n)?;
                Some(if n.is_some() {
                    format!("({value})::{base}")
                } else {
                    value
                })
            }
        }
    }

    /// How it is stored.
    pub(super) fn store_column(&mut self, table: &Name, new: &Column, before: &Attributes) {
        // Children have their own.
        let column = self.of_one(table, &new.name);
        if before.get("statistics") != new.attributes.get("statistics") {
            let target = new.attributes.get("statistics");
            let target = target.map_or("-1", String::as_str);
            self.push(format!("{column} SET STATISTICS {target}"));
        }
        if before.get("options") != new.attributes.get("options") {
            self.set_options(
                &column,
                before.get("options"),
                new.attributes.get("options"),
            );
        }
        if before.get("storage") != new.attributes.get("storage") {
            let storage = new
                .attributes
                .get("storage")
                .map_or_else(|| plain_storage(&new.data_type), String::as_str);
            self.push(format!("{column} SET STORAGE {storage}"));
        }
        if !before.is_empty() && before.get("compression") != new.attributes.get("compression") {
            let compression = new.attributes.get("compression");
            let compression = compression.map_or("default", String::as_str);
            self.push(format!("{column} SET COMPRESSION {compression}"));
        } else if before.is_empty()
            && self
                .plan
                .stays(&Node::Column(table.clone(), new.name.clone()))
            && let Some(compression) = new.attributes.get("compression")
        {
            self.push(format!("{column} SET COMPRESSION {compression}"));
        }
    }

    fn alter_column(&mut self, table: &Name, old: &Column, new: &Column) {
        let prefix = format!(
            "ALTER TABLE {} ALTER COLUMN {}",
            quoted(table),
            ident(&new.name)
        );
        let key = (table.clone(), new.name.clone());
        if old.generated.is_some() && new.generated.is_none() {
            self.push(format!("{prefix} DROP EXPRESSION"));
        }
        if self.plan.retyped.contains(&key) && !self.is_typed(table) {
            self.retype(&prefix, old, new);
        }
        if old.nullable != new.nullable {
            let words = if new.nullable { "DROP" } else { "SET" };
            if !new.nullable && self.is_down() && self.lacks_values(old, new) {
                self.fill(table, new);
            }
            self.push(format!("{prefix} {words} NOT NULL"));
            self.drop_proofs(table, &new.name);
        }
        if let Some(identity) = &new.identity {
            match &old.identity {
                None => self.add_identity(table, new, identity),
                Some(before) => self.alter_identity(&prefix, before, identity, &new.data_type),
            }
        }
        if old.attributes != new.attributes {
            self.store_column(table, new, &old.attributes);
        }
    }

    fn drop_proofs(&mut self, table: &Name, column: &str) {
        let old = self.plan.from.tables.get(table);
        let names = old.into_iter().flat_map(|old| &old.constraints);
        let proofs: Vec<String> = names
            .filter_map(|one| one.name.clone())
            .filter(|name| self.is_proof(table, name).as_deref() == Some(column))
            .collect();
        for name in proofs {
            self.push(format!(
                "ALTER TABLE {} DROP CONSTRAINT {}",
                quoted(table),
                ident(&name)
            ));
        }
    }

    /// On the way back a column that was generated or nullable may hold NULLs.
    fn lacks_values(&self, old: &Column, new: &Column) -> bool {
        old.nullable && new.identity.is_none() && new.generated.is_none()
    }

    fn fill(&mut self, table: &Name, new: &Column) {
        let value = match (&new.default, self.referenced(table, &new.name)) {
            (_, Some(value)) => Some(value),
            (Some(default), None) if !self.is_unique(table, &new.name) => {
                Some(default.as_str().to_owned())
            }
            _ if self.is_unique(table, &new.name) => None,
            _ => self.placeholder(new, None),
        };
        if let Some(value) = value {
            let column = ident(&new.name);
            self.note(
                format!(
                    "UPDATE {} SET {column} = {value} WHERE {column} IS NULL",
                    quoted(table)
                ),
                format!(
                    "rows without a value for {}.{} get {value}",
                    table, new.name
                ),
            );
        }
    }

    fn retype(&mut self, prefix: &str, old: &Column, new: &Column) {
        let column = ident(&new.name);
        let mut sql = format!("{prefix} TYPE {}", new.data_type);
        if let Some(collation) = &new.collation {
            sql.push_str(&format!(" COLLATE {collation}"));
        }
        let using = if old.data_type == new.data_type && old.collation == new.collation {
            // Its type was made anew under the same name.
            Some(through_text(&column, &new.data_type))
        } else if old.data_type == new.data_type {
            None
        } else {
            using(&column, &old.data_type, &new.data_type)
        };
        if let Some(using) = using {
            sql.push_str(&format!(" USING {using}"));
        }
        self.push(sql);
    }

    fn add_identity(&mut self, table: &Name, new: &Column, identity: &Identity) {
        let column = ident(&new.name);
        let name = quoted(table);
        let mut sql = format!(
            "ALTER TABLE {name} ALTER COLUMN {column} ADD GENERATED {} AS IDENTITY",
            kind(identity)
        );
        if !identity.options.is_empty() {
            let options = super::objects::sequence_options(&identity.options);
            sql.push_str(&format!(" ({options})"));
        }
        self.push(sql);
        let literal = |text: &str| crate::dialect::Dialect::Postgres.literal(text);
        let sequence = format!(
            "pg_get_serial_sequence({}, {})",
            literal(&name),
            literal(&new.name)
        );
        self.go_on(&sequence, &identity.options, table, &new.name);
    }

    /// Lets a sequence that was just made go on behind the values that rows have.
    fn go_on(&mut self, sequence: &str, options: &Attributes, table: &Name, column: &str) {
        let descends = options
            .get("increment")
            .is_some_and(|by| by.starts_with('-'));
        let (last, is_behind, bound, first) = match descends {
            true => ("min", "<=", "maxvalue", "-1"),
            false => ("max", ">=", "minvalue", "1"),
        };
        let bound = options.get(bound).or_else(|| options.get("start"));
        let bound = bound.map_or(first, String::as_str);
        let last = format!("{last}({})", ident(column));
        self.note(
            format!(
                "SELECT setval({sequence}, {last}) FROM {} HAVING {last} {is_behind} {bound}",
                quoted(table)
            ),
            format!("what {table}.{column} goes on from"),
        );
    }

    /// The sequences that a column's new default draws from, where they were made for it.
    fn go_on_from_rows(&mut self, table: &Name, column: &str) {
        if !self.plan.stays(&Node::Table(table.clone())) {
            return;
        }
        let node = Node::Default(table.clone(), column.to_owned());
        let sequences: Vec<(Name, Attributes)> = self
            .plan
            .after
            .needs_of(&node)
            .filter(|need| !self.plan.stays(need))
            .filter_map(|need| match need {
                Node::Object(id) if id.kind == ObjectKind::Sequence => {
                    let object = self.plan.to.objects.get(id)?;
                    Some((id.name.clone(), object.attributes.clone()))
                }
                _ => None,
            })
            .collect();
        for (name, options) in sequences {
            let literal = crate::dialect::Dialect::Postgres.literal(&quoted(&name));
            self.go_on(&literal, &options, table, column);
        }
    }

    /// `ALTER TABLE t ALTER COLUMN c`, of this table alone: children have defaults of their own.
    fn of_one(&self, table: &Name, column: &str) -> String {
        format!(
            "ALTER TABLE {}{} ALTER COLUMN {}",
            self.only(table),
            quoted(table),
            ident(column)
        )
    }

    pub(super) fn only(&self, table: &Name) -> &'static str {
        let is_parent = |schema: &crate::autogenerate::schema::Schema| {
            let mut tables = schema.tables.values();
            tables.any(|child| child.depends_on.contains(&Thing::Table(table.clone())))
        };
        match is_parent(&self.plan.from) || is_parent(self.plan.to) {
            true => "ONLY ",
            false => "",
        }
    }

    fn alter_identity(&mut self, prefix: &str, old: &Identity, new: &Identity, data_type: &str) {
        if old == new {
            return;
        }
        let mut words = Vec::new();
        if old.always != new.always {
            words.push(format!("SET GENERATED {}", kind(new)));
        }
        let options = super::objects::changed_options(&old.options, &new.options, data_type);
        words.extend(options.into_iter().map(|option| match option.as_str() {
            "RESTART" => option,
            _ => format!("SET {option}"),
        }));
        self.push(format!("{prefix} {}", words.join(" ")));
    }

    pub(super) fn make_default(&mut self, table: &Name, name: &str) {
        let of = |schema: &crate::autogenerate::schema::Schema| {
            let column = schema
                .tables
                .get(table)
                .and_then(|table| table.column(name));
            column.and_then(|column| column.default.clone())
        };
        let node = Node::Default(table.clone(), name.to_owned());
        let old = of(&self.plan.from).filter(|_| self.plan.stays(&node));
        let Some(new) = of(self.plan.to).filter(|new| old.as_ref() != Some(new)) else {
            return;
        };
        let of_one = self.of_one(table, name);
        self.push(format!("{of_one} SET DEFAULT {new}"));
        self.go_on_from_rows(table, name);
    }

    /// What a child has in another way than its parent, whose changes reach it.
    pub(super) fn override_inherited(&mut self, table: &Name, new: &Column, old: Option<&Column>) {
        let of_parents = |schema: &crate::autogenerate::schema::Schema| {
            let child = schema.tables.get(table)?;
            parents(child)
                .iter()
                .find_map(|parent| schema.tables.get(parent)?.column(&new.name).cloned())
        };
        let after = of_parents(self.plan.to);
        let before = of_parents(&self.plan.from);
        // A parent's NOT NULL reaches its children, its default only those that are made.
        let reached = match (old, &before, &after) {
            (Some(old), Some(before), Some(after)) if before.nullable == after.nullable => {
                Some(old.nullable)
            }
            (_, _, Some(after)) => Some(after.nullable),
            (Some(old), _, None) => Some(old.nullable),
            (None, _, None) => None,
        };
        let node = Node::Default(table.clone(), new.name.clone());
        let default = match old {
            Some(old) => old.default.clone().filter(|_| self.plan.stays(&node)),
            None => after.as_ref().and_then(|after| after.default.clone()),
        };
        let mut stored = match (old, &after) {
            (Some(old), _) => old.attributes.clone(),
            // The rest is no child's from its making.
            (None, Some(after)) => {
                let mut stored = after.attributes.clone();
                stored.retain(|key, _| matches!(*key, "storage" | "compression"));
                stored
            }
            (None, None) => Attributes::new(),
        };
        stored.insert("inherited", "true".to_owned());
        let prefix = format!(
            "ALTER TABLE {} ALTER COLUMN {}",
            quoted(table),
            ident(&new.name)
        );
        if reached.is_some_and(|there| there != new.nullable) {
            let words = if new.nullable { "DROP" } else { "SET" };
            self.push(format!("{prefix} {words} NOT NULL"));
        }
        if default != new.default {
            let of_one = self.of_one(table, &new.name);
            self.push(match &new.default {
                Some(default) => format!("{of_one} SET DEFAULT {default}"),
                None => format!("{of_one} DROP DEFAULT"),
            });
        }
        if stored != new.attributes {
            self.store_column(table, new, &stored);
        }
    }
}

/// The storage that a type has by itself.
fn plain_storage(data_type: &str) -> &'static str {
    let of = crate::autogenerate::postgres::placeholder::Type::new(data_type);
    match of.base.as_str() {
        "numeric" | "inet" | "cidr" if !of.is_array => "MAIN",
        "smallint" | "integer" | "bigint" | "boolean" | "date" | "real" | "double precision"
        | "uuid" | "name"
            if !of.is_array =>
        {
            "PLAIN"
        }
        _ => "EXTENDED",
    }
}

/// The expression that makes a value of the one type of a column of the other, where the server needs to be told.
fn using(column: &str, from: &str, to: &str) -> Option<String> {
    match cast(from, to) {
        Cast::Assignment => None,
        Cast::Explicit => Some(format!("{column}::{to}")),
        Cast::ThroughText => Some(through_text(column, to)),
    }
}

/// The same for what no cast leads to but text.
fn through_text(column: &str, to: &str) -> String {
    let array = if to.ends_with("[]") { "[]" } else { "" };
    format!("{column}::text{array}::{to}")
}
