//! What changes in a table that stays.

use std::collections::BTreeSet;

use super::keys::Keys;
use super::{Writer, foreign_keys};
use crate::autogenerate::change::Class;
use crate::autogenerate::engine::Direction;
use crate::autogenerate::mysql::render::{self, implied_index};
use crate::autogenerate::mysql::text::{names, quoted};
use crate::autogenerate::mysql::types;
use crate::autogenerate::schema::{Column, Constraint, ConstraintKind, Index, Table};
use crate::dialect::Dialect;

/// What a column's default may call and a statement in MySQL's binary log may not.
const UNSAFE: [&str; 9] = [
    "uuid",
    "uuid_short",
    "rand",
    "random_bytes",
    "sysdate",
    "user",
    "current_user",
    "session_user",
    "system_user",
];

/// The parts of one ALTER TABLE, and what belongs around it.
#[derive(Default)]
struct Parts {
    sql: Vec<String>,
    notes: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
    /// Values are narrowed, which is allowed: by default the server refuses.
    lenient: bool,
    numbers: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn alter_tables(&mut self, keys: &Keys<'_>) {
        for (old, new) in self.kept() {
            // A virtual column holds no values that could stay: it is stored first.
            let mut stored = old.clone();
            let mut changes = false;
            for column in &mut stored.columns {
                let is_plain = new
                    .column(&column.name)
                    .is_some_and(|one| one.generated.is_none() && can_be_kept(column, one));
                if let Some(generated) = &mut column.generated
                    && !generated.stored
                    && is_plain
                {
                    generated.stored = true;
                    changes = true;
                }
            }
            if changes {
                self.alter_table(old, &stored, keys);
                self.alter_table(&stored, new, keys);
            } else {
                self.alter_table(old, new, keys);
            }
        }
    }

    fn alter_table(&mut self, old: &Table, new: &Table, keys: &Keys<'_>) {
        let mut parts = Parts::default();
        let rebuilt = rebuilt(old, new);
        self.drop_parts(old, new, &rebuilt, keys, &mut parts);
        self.columns(old, new, &rebuilt, &mut parts);
        self.add_parts(old, new, &rebuilt, keys, &mut parts);
        self.options(old, new, &mut parts);
        for sql in parts.before {
            self.script.push(sql);
        }
        if let Some(sql) = self.altered(&new.name, &parts.sql) {
            let mode = match (parts.lenient, parts.numbers) {
                (false, false) => None,
                (true, false) => Some("'NO_ENGINE_SUBSTITUTION'"),
                (true, true) => Some("'NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'"),
                (false, true) => {
                    Some("'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'")
                }
            };
            let is_mariadb = self.dialect == Dialect::Mariadb;
            let mut settings: Vec<String> = Vec::new();
            settings.extend(
                mode.filter(|_| is_mariadb)
                    .map(|mode| format!("sql_mode = {mode}")),
            );
            if new.attributes.contains_key("versioning")
                && old.attributes.contains_key("versioning")
            {
                settings.push("system_versioning_alter_history = KEEP".to_owned());
            }
            let sql = match settings.is_empty() {
                true => sql,
                false => format!("SET STATEMENT {} FOR\n{sql}", settings.join(", ")),
            };
            // MySQL sets it for more than a statement, and so back again.
            let mode = mode.filter(|_| !is_mariadb);
            if let Some(mode) = mode {
                self.script.push(format!("SET SESSION sql_mode = {mode}"));
            }
            match parts.notes.is_empty() {
                true => self.script.push(sql),
                false => self.script.push_with_note(sql, parts.notes.join("\n")),
            }
            if mode.is_some() {
                self.script.push("SET SESSION sql_mode = @@GLOBAL.sql_mode");
            }
        }
        for sql in parts.after {
            self.script.push(sql);
        }
        self.partitions(old, new);
    }

    fn drop_parts(
        &self,
        old: &Table,
        new: &Table,
        rebuilt: &BTreeSet<String>,
        keys: &Keys<'_>,
        parts: &mut Parts,
    ) {
        for check in table_checks(old) {
            if !stays_check(check, new, rebuilt) {
                let name = check.name.as_deref().unwrap_or_default();
                parts
                    .sql
                    .push(format!("DROP CONSTRAINT {}", self.ident(name)));
            }
        }
        for index in &old.indexes {
            let becomes_implied = foreign_keys(new).any(|key| render::is_implied(index, key));
            if !stays_index(index, new, rebuilt)
                && renamed_to(index, old, new, rebuilt).is_none()
                && !becomes_implied
            {
                parts
                    .sql
                    .push(format!("DROP INDEX {}", self.ident(&index.name)));
            }
        }
        // One that was made for a foreign key, where another index takes its name.
        for key in foreign_keys(old) {
            if let Some(index) = implied_index(key)
                && new.indexes.iter().any(|other| other.name == *index)
                && !keys.taken_over.contains(&(new.name.clone(), index.clone()))
            {
                parts.sql.push(format!("DROP INDEX {}", self.ident(index)));
            }
        }
        if let Some(before) = primary(old)
            && !primary(new).is_some_and(|after| after.is_same(before))
        {
            parts.sql.push("DROP PRIMARY KEY".to_owned());
        }
        for column in &old.columns {
            if new.column(&column.name).is_none() || rebuilt.contains(&column.name) {
                parts
                    .sql
                    .push(format!("DROP COLUMN {}", self.ident(&column.name)));
            }
        }
    }

    fn columns(&self, old: &Table, new: &Table, rebuilt: &BTreeSet<String>, parts: &mut Parts) {
        let collation = |table: &Table| table.attributes.get("collation").cloned();
        let default = collation(new).filter(|after| Some(after) == collation(old).as_ref());
        let is_fresh = |column: &Column| old.column(&column.name).is_none();
        for (at, column) in new.columns.iter().enumerate() {
            let before = old
                .column(&column.name)
                .filter(|_| !rebuilt.contains(&column.name));
            let behind = || match at.checked_sub(1) {
                None => " FIRST".to_owned(),
                Some(before) => format!(" AFTER {}", self.ident(&new.columns[before].name)),
            };
            // MySQL takes no such default beside a new column.
            let mut bare = column.clone();
            bare.default = bare.default.filter(|_| !self.is_unsafe(column));
            let of = |table: &Table, column: &Column| {
                render::definition(self.dialect, table, column, None)
            };
            match before {
                Some(before) => {
                    if of(old, before) == of(new, column) {
                        continue;
                    }
                    let mut held = self.modified(before, column, new, parts);
                    held.default = bare.default.clone();
                    let mut was = before.clone();
                    was.default = was.default.filter(|_| !self.is_unsafe(column));
                    if of(old, &was) != of(new, &held) {
                        let sql = render::column(self.dialect, new, &held, default.as_deref());
                        parts.sql.push(format!("MODIFY COLUMN {sql}"));
                    }
                }
                None => match self.added(column, new, parts) {
                    held if self.is_filled_first(&held) => {
                        self.filled_first(&held, old, new, parts);
                        // It stands behind all others meanwhile.
                        let sql = render::column(self.dialect, new, &bare, default.as_deref());
                        parts.sql.push(format!("MODIFY COLUMN {sql}{}", behind()));
                    }
                    held => {
                        let place = match new.columns[at..].iter().all(is_fresh) {
                            true => String::new(),
                            false => behind(),
                        };
                        let is_held = held.default != column.default;
                        let sql = render::column(self.dialect, new, &held, default.as_deref());
                        parts.sql.push(format!("ADD COLUMN {sql}{place}"));
                        if is_held {
                            parts.after.push(format!(
                                "ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT",
                                self.quoted(&new.name),
                                self.ident(&column.name)
                            ));
                        }
                        continue;
                    }
                },
            }
            if self.is_unsafe(column)
                && let Some(value) = &column.default
            {
                parts.after.push(format!(
                    "ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {value}",
                    self.quoted(&new.name),
                    self.ident(&column.name)
                ));
            }
        }
    }

    /// What is to be done and said beside the change of a column.
    fn modified(
        &self,
        before: &Column,
        column: &Column,
        table: &Table,
        parts: &mut Parts,
    ) -> Column {
        let mut held = column.clone();
        let (class, _) = types::conversion(before, column);
        if class != Class::Safe && column.generated.is_none() {
            parts.lenient = true;
        }
        if column.attributes.contains_key("auto_increment")
            && !before.attributes.contains_key("auto_increment")
        {
            parts.numbers = true;
        }
        if !before.nullable || column.nullable || column.generated.is_some() {
            return held;
        }
        let name = &column.name;
        match self.lowering.direction {
            // A server that is not strict would make zeros of them.
            Direction::Up if column.attributes.contains_key("auto_increment") => {}
            Direction::Up => parts
                .notes
                .push(format!("{name} becomes NOT NULL: this fails where rows hold NULL, unless sql_mode is not strict")),
            Direction::Down => {
                parts.lenient = true;
                // MySQL makes no zeros of NULL.
                let value = placeholder(self.dialect, table, column)
                    .or_else(|| zero(column).filter(|_| self.dialect == Dialect::Mysql));
                let words = value.as_deref().unwrap_or("the zero of its type");
                parts
                    .notes
                    .push(format!("{name} was NOT NULL: rows that hold NULL by now get {words}"));
                if let Some(value) = value {
                    let (of, name) = (self.quoted(&table.name), self.ident(name));
                    let update = format!("UPDATE {of} SET {name} = {value} WHERE {name} IS NULL");
                    let is_of_type =
                        before.data_type == column.data_type && before.generated.is_none();
                    if is_of_type {
                        parts.before.push(update);
                    } else if !primary(table).is_some_and(|key| key.columns.contains(&column.name))
                    {
                        // It takes the value when it is what it was.
                        held.nullable = true;
                        let sql = render::column(self.dialect, table, column, None);
                        parts.after.push(update);
                        parts
                            .after
                            .push(format!("ALTER TABLE {of} MODIFY COLUMN {sql}"));
                    }
                }
            }
        }
        held
    }

    /// Whether MySQL would compute the default to another value on a replica: with a binary log it then adds no column
    /// (1674).
    fn is_unsafe(&self, column: &Column) -> bool {
        let default = column.default.as_ref();
        self.dialect == Dialect::Mysql
            && default.is_some_and(|default| {
                let names = names(&default.as_str().to_ascii_lowercase());
                default.as_str().starts_with('(')
                    && UNSAFE.iter().any(|function| names.contains(*function))
            })
    }

    /// Whether MySQL adds the column with its value to no table that has rows: a geometry's default is none to it (1138).
    fn is_filled_first(&self, column: &Column) -> bool {
        let has_default = self.dialect == Dialect::Mysql && column.default.is_some();
        self.is_unsafe(column) || has_default && !column.nullable && types::is_geometry(column)
    }

    /// The column without its default, and then rows that have a value.
    fn filled_first(&self, column: &Column, old: &Table, table: &Table, parts: &mut Parts) {
        let mut bare = column.clone();
        bare.default = None;
        bare.nullable = true;
        let bare = render::column(self.dialect, table, &bare, None);
        let (of, name) = (self.quoted(&table.name), self.ident(&column.name));
        parts
            .before
            .push(format!("ALTER TABLE {of} ADD COLUMN {bare}"));
        let default = column
            .default
            .as_ref()
            .map_or("", |default| default.as_str());
        // No row is touched otherwise.
        let same: String = old
            .columns
            .iter()
            .filter(|one| one.attributes.contains_key("on_update"))
            .map(|one| format!(", {0} = {0}", self.ident(&one.name)))
            .collect();
        parts
            .before
            .push(format!("UPDATE {of} SET {name} = {default}{same}"));
    }

    /// What is said beside a new column, which may be one with a default that only the rows that are there get.
    fn added(&self, column: &Column, table: &Table, parts: &mut Parts) -> Column {
        let mut held = column.clone();
        let has_value = column.nullable
            || column.default.is_some()
            || column.generated.is_some()
            || column.attributes.contains_key("auto_increment")
            || column.attributes.contains_key("period_row");
        if has_value {
            return held;
        }
        let name = &column.name;
        match self.lowering.direction {
            Direction::Up => {
                let words = match (self.dialect, data_type(column)) {
                    (Dialect::Mysql, "json") => {
                        "rows that are there already get the JSON value null"
                    }
                    (Dialect::Mysql, "date" | "datetime") => {
                        "this fails where rows are there already, unless sql_mode allows the zero date"
                    }
                    (Dialect::Mysql, _) if types::is_geometry(column) => {
                        "this fails where rows are there already"
                    }
                    _ => "rows that are there already get the zero of its type",
                };
                parts
                    .notes
                    .push(format!("{name} is NOT NULL and has no default: {words}"));
            }
            Direction::Down => {
                let value = placeholder(self.dialect, table, column);
                let words = value.as_deref().unwrap_or("the zero of its type");
                parts
                    .notes
                    .push(format!("the data of {name} are gone: rows get {words}"));
                held.default = value.map(crate::autogenerate::expression::Sql::exact);
            }
        }
        held
    }

    fn add_parts(
        &self,
        old: &Table,
        new: &Table,
        rebuilt: &BTreeSet<String>,
        keys: &Keys<'_>,
        parts: &mut Parts,
    ) {
        if let Some(after) = primary(new)
            && !primary(old).is_some_and(|before| before.is_same(after))
        {
            parts
                .sql
                .push(format!("ADD {}", render::constraint(self.dialect, after)));
        }
        for index in &old.indexes {
            if let Some(other) = renamed_to(index, old, new, rebuilt) {
                let (from, to) = (self.ident(&index.name), self.ident(&other.name));
                parts.sql.push(format!("RENAME INDEX {from} TO {to}"));
            }
        }
        for index in &new.indexes {
            // Dropped and added in one statement, it would stay as it is.
            let before = old.indexes.iter().find(|before| before.name == index.name);
            if before.is_some_and(|before| {
                is_ignored(before) != is_ignored(index) && stays_index(before, new, rebuilt)
            }) {
                let (ignored, used) = match self.dialect {
                    Dialect::Mysql => ("INVISIBLE", "VISIBLE"),
                    _ => ("IGNORED", "NOT IGNORED"),
                };
                let word = if is_ignored(index) { ignored } else { used };
                parts
                    .sql
                    .push(format!("ALTER INDEX {} {word}", self.ident(&index.name)));
            }
            let stood = old.indexes.iter().any(|before| {
                before.name == index.name && stays_index(before, new, rebuilt)
                    || renamed_to(before, old, new, rebuilt)
                        .is_some_and(|other| other.name == index.name)
            });
            let taken = keys
                .taken_over
                .contains(&(new.name.clone(), index.name.clone()))
                && foreign_keys(old).any(|key| implied_index(key) == Some(&index.name));
            if !stood && !taken {
                parts
                    .sql
                    .push(format!("ADD {}", render::index(self.dialect, index)));
            }
        }
        for check in table_checks(new) {
            let stood = table_checks(old)
                .any(|before| before.is_same(check) && stays_check(before, new, rebuilt));
            if !stood {
                parts
                    .sql
                    .push(format!("ADD {}", render::constraint(self.dialect, check)));
            }
        }
    }

    fn options(&self, old: &Table, new: &Table, parts: &mut Parts) {
        let differs = |key: &str| old.attributes.get(key) != new.attributes.get(key);
        if let Some(engine) = new.attributes.get("engine").filter(|_| differs("engine")) {
            parts.sql.push(format!("ENGINE={engine}"));
        }
        if let Some(collation) = new
            .attributes
            .get("collation")
            .filter(|_| differs("collation"))
        {
            parts
                .sql
                .push(format!("DEFAULT {}", render::collate(collation)));
        }
        for (key, default) in render::OPTIONS {
            if differs(key) {
                let value = new.attributes.get(key).map_or(*default, String::as_str);
                parts.sql.push(render::option(key, value));
            }
        }
        if old.comment != new.comment {
            let comment = new.comment.as_deref().unwrap_or_default();
            parts.sql.push(format!("COMMENT={}", quoted(comment)));
        }
        if differs("versioning") {
            // Alone: a table with a history takes few other changes beside it.
            let table = self.quoted(&new.name);
            match new.attributes.contains_key("versioning") {
                true => parts
                    .after
                    .push(format!("ALTER TABLE {table} ADD SYSTEM VERSIONING")),
                false => parts
                    .before
                    .insert(0, format!("ALTER TABLE {table} DROP SYSTEM VERSIONING")),
            }
        }
        if differs("versioning_period") {
            parts
                .notes
                .push("the periods of the table differ, which is left to you".to_owned());
        }
    }

    fn partitions(&mut self, old: &Table, new: &Table) {
        if old.attributes.get("partition_by") == new.attributes.get("partition_by") {
            return;
        }
        let table = self.quoted(&new.name);
        let sql = match new.attributes.get("partition_by") {
            Some(clause) => format!("ALTER TABLE {table}\n{clause}"),
            None => format!("ALTER TABLE {table} REMOVE PARTITIONING"),
        };
        self.script.push_with_note(
            sql,
            "this copies all rows; those that fit into no partition make it fail",
        );
    }
}

fn primary(table: &Table) -> Option<&Constraint> {
    let mut all = table.constraints.iter();
    all.find(|one| one.kind == ConstraintKind::Primary)
}

pub(super) fn table_checks(table: &Table) -> impl Iterator<Item = &Constraint> {
    let all = table.constraints.iter();
    all.filter(|one| one.kind == ConstraintKind::Check && one.name.is_some())
}

fn stays_check(check: &Constraint, new: &Table, rebuilt: &BTreeSet<String>) -> bool {
    table_checks(new).any(|other| other.is_same(check))
        && !check.columns.iter().any(|column| rebuilt.contains(column))
}

/// As it is, or but for whether the optimizer may use it.
fn stays_index(index: &Index, new: &Table, rebuilt: &BTreeSet<String>) -> bool {
    let is_same = |other: &Index| index.is_same(&ignored_like(other, index));
    new.indexes.iter().any(is_same) && !index.columns.iter().any(|column| rebuilt.contains(column))
}

fn is_ignored(index: &Index) -> bool {
    index.attributes.contains_key("ignored")
}

fn ignored_like(index: &Index, other: &Index) -> Index {
    let mut index = index.clone();
    index.attributes.remove("ignored");
    if let Some(value) = other.attributes.get("ignored") {
        index.attributes.insert("ignored", value.clone());
    }
    index
}

/// The index that does the same under a new name.
fn renamed_to<'t>(
    index: &Index,
    old: &Table,
    new: &'t Table,
    rebuilt: &BTreeSet<String>,
) -> Option<&'t Index> {
    let named = |table: &Table, name: &str| table.indexes.iter().any(|other| other.name == name);
    let alike = |one: &Index, other: &Index| one.does_same(other) && one.comment == other.comment;
    if named(new, &index.name) || index.columns.iter().any(|column| rebuilt.contains(column)) {
        return None;
    }
    // Of several that do the same, the first takes the first.
    let mut before = old.indexes.iter();
    let place = before
        .by_ref()
        .filter(|other| alike(other, index) && !named(new, &other.name))
        .position(|other| other.name == index.name)?;
    let mut after = new.indexes.iter();
    after
        .by_ref()
        .filter(|other| alike(other, index) && !named(old, &other.name))
        .nth(place)
}

/// Whether a column's values can be made the other's.
fn can_be_kept(old: &Column, new: &Column) -> bool {
    types::conversion(old, new).0 != Class::Manual
}

/// The columns that no MODIFY can bring about: they go and come again, with all that stands on them.
fn rebuilt(old: &Table, new: &Table) -> BTreeSet<String> {
    let kind = |column: &Column| column.generated.as_ref().map(|generated| generated.stored);
    let mut rebuilt: BTreeSet<String> = BTreeSet::new();
    for column in &new.columns {
        let Some(before) = old.column(&column.name) else {
            continue;
        };
        let needed = match (kind(before), kind(column)) {
            (before, after) if before == after => false,
            // Values that are there become computed ones, or the other way round.
            (None, Some(true)) => false,
            (Some(true), None) => !can_be_kept(before, column),
            _ => true,
        };
        if needed {
            rebuilt.insert(column.name.clone());
        }
    }
    loop {
        let more: Vec<String> = new
            .columns
            .iter()
            .filter(|column| !rebuilt.contains(&column.name) && old.column(&column.name).is_some())
            .filter(|column| {
                let uses = |column: &Column| {
                    column.generated.as_ref().is_some_and(|generated| {
                        !names(generated.expression.as_str()).is_disjoint(&rebuilt)
                    })
                };
                uses(column) || old.column(&column.name).is_some_and(uses)
            })
            .filter(|column| {
                // Only what is computed before and after can be made again.
                column.generated.is_some()
                    && old
                        .column(&column.name)
                        .is_some_and(|before| before.generated.is_some())
            })
            .map(|column| column.name.clone())
            .collect();
        if more.is_empty() {
            return rebuilt;
        }
        rebuilt.extend(more);
    }
}

/// The word of its type.
fn data_type(column: &Column) -> &str {
    let word = column.data_type.split(['(', ' ']).next();
    word.unwrap_or_default()
}

/// Some geometry of that type. What has no place is none, and in no spatial index.
fn geometry(data_type: &str) -> Option<&'static str> {
    Some(match data_type {
        "point" | "geometry" => "POINT(0 0)",
        "linestring" => "LINESTRING(0 0,1 1)",
        "polygon" => "POLYGON((0 0,0 1,1 1,0 0))",
        "multipoint" => "MULTIPOINT(0 0)",
        "multilinestring" => "MULTILINESTRING((0 0,1 1))",
        "multipolygon" => "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))",
        "geometrycollection" | "geomcollection" => "GEOMETRYCOLLECTION(POINT(0 0))",
        _ => return None,
    })
}

/// What rows get where the zero of the type would be no value of it.
fn placeholder(dialect: Dialect, table: &Table, column: &Column) -> Option<String> {
    let is_json = column.data_type == "json"
        || render::column_checks(table, &column.name)
            .any(|check| check.definition.as_str().contains("json_valid("));
    if is_json {
        // MySQL takes no literal as the default of such a column.
        let value = match dialect {
            Dialect::Mysql => "('{}')",
            _ => "'{}'",
        };
        return Some(value.to_owned());
    }
    if let Some(text) = geometry(data_type(column)) {
        let srid = column.attributes.get("srid");
        let srid = srid.map_or_else(String::new, |srid| format!(",{srid}"));
        return Some(match text {
            "POINT(0 0)" if srid.is_empty() => "(point(0,0))".to_owned(),
            text => format!("(st_geomfromtext('{text}'{srid}))"),
        });
    }
    let value = match data_type(column) {
        "date" => "'1970-01-01'",
        "datetime" => "'1970-01-01 00:00:00'",
        // Everywhere on earth it is that day in UTC.
        "timestamp" => "'1970-01-02 00:00:00'",
        _ => return None,
    };
    Some(value.to_owned())
}

/// The zero of the type as a value; none where it is not known.
fn zero(column: &Column) -> Option<String> {
    let value = match data_type(column) {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float"
        | "double" | "bit" | "year" => "0",
        "time" => "'00:00:00'",
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary"
        | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "set" => "''",
        // The first.
        "enum" => "1",
        _ => return None,
    };
    Some(value.to_owned())
}
