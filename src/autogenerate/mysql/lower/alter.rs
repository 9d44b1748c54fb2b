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

/// The parts of one ALTER TABLE, and what belongs around it.
#[derive(Default)]
struct Parts {
    sql: Vec<String>,
    notes: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
    /// Columns that come without `NOT NULL` first, and the parts of the ALTER TABLE that ends it.
    late: BTreeSet<String>,
    late_sql: Vec<String>,
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
                    .is_some_and(|one| one.generated.is_none());
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
            let mut settings = Vec::new();
            if self.dialect == Dialect::Mariadb {
                match (parts.lenient, parts.numbers) {
                    (false, false) => {}
                    (true, false) => settings.push("sql_mode = 'NO_ENGINE_SUBSTITUTION'"),
                    (true, true) => settings
                        .push("sql_mode = 'NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'"),
                    (false, true) => settings.push(
                        "sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
                    ),
                }
                if new.attributes.contains_key("versioning")
                    && old.attributes.contains_key("versioning")
                {
                    settings.push("system_versioning_alter_history = KEEP");
                }
            } else if parts.lenient {
                parts.notes.push(
                    "under a strict sql_mode, as it is by default, this is refused where a value does not fit"
                        .to_owned(),
                );
            }
            let sql = match settings.is_empty() {
                true => sql,
                false => format!("SET STATEMENT {} FOR\n{sql}", settings.join(", ")),
            };
            match parts.notes.is_empty() {
                true => self.script.push(sql),
                false => self.script.push_with_note(sql, parts.notes.join("\n")),
            }
        }
        for sql in parts.after {
            self.script.push(sql);
        }
        self.alter(&new.name, &parts.late_sql);
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
            let sql = render::column(self.dialect, new, column, default.as_deref());
            match old
                .column(&column.name)
                .filter(|_| !rebuilt.contains(&column.name))
            {
                Some(before) => {
                    let was = render::definition(self.dialect, old, before, None);
                    let is = render::definition(self.dialect, new, column, None);
                    if was != is {
                        self.modified(before, column, new, parts);
                        parts.sql.push(format!("MODIFY COLUMN {sql}"));
                    }
                }
                None => {
                    let place = match at.checked_sub(1) {
                        _ if new.columns[at..].iter().all(is_fresh) => String::new(),
                        None => " FIRST".to_owned(),
                        Some(before) => format!(" AFTER {}", self.ident(&new.columns[before].name)),
                    };
                    let sql = self.added(column, new, sql, parts);
                    parts.sql.push(format!("ADD COLUMN {sql}{place}"));
                }
            }
        }
    }

    /// What is to be done and said beside the change of a column.
    fn modified(&self, before: &Column, column: &Column, table: &Table, parts: &mut Parts) {
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
            return;
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
                    let (table, name) = (self.quoted(&table.name), self.ident(name));
                    parts
                        .before
                        .push(format!("UPDATE {table} SET {name} = {value} WHERE {name} IS NULL"));
                }
            }
        }
    }

    fn added(&self, column: &Column, table: &Table, sql: String, parts: &mut Parts) -> String {
        if let Some(sql) = self.added_late(column, table, parts) {
            return sql;
        }
        let has_value = column.nullable
            || column.default.is_some()
            || column.generated.is_some()
            || column.attributes.contains_key("auto_increment")
            || column.attributes.contains_key("period_row");
        if has_value {
            return sql;
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
                    (Dialect::Mysql, other) if is_geometry(other) => {
                        "this fails where rows are there already"
                    }
                    _ => "rows that are there already get the zero of its type",
                };
                parts
                    .notes
                    .push(format!("{name} is NOT NULL and has no default: {words}"));
                sql
            }
            Direction::Down => {
                let value = placeholder(self.dialect, table, column);
                let words = value.as_deref().unwrap_or("the zero of its type");
                parts
                    .notes
                    .push(format!("the data of {name} are gone: rows get {words}"));
                let Some(value) = value else {
                    return sql;
                };
                parts.after.push(format!(
                    "ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT",
                    self.quoted(&table.name),
                    self.ident(name)
                ));
                let mut held = column.clone();
                held.default = Some(crate::autogenerate::expression::Sql::exact(value));
                let collation = table.attributes.get("collation").map(String::as_str);
                render::column(
                    self.dialect,
                    table,
                    &held,
                    collation.filter(|_| !sql.contains(" COLLATE ")),
                )
            }
        }
    }

    /// MySQL gives rows no default of a geometry (1138): the column comes without `NOT NULL`, then its values do.
    fn added_late(&self, column: &Column, table: &Table, parts: &mut Parts) -> Option<String> {
        let is_such = self.dialect == Dialect::Mysql
            && is_geometry(data_type(column))
            && !column.nullable
            && column.generated.is_none();
        let is_back = self.lowering.direction == Direction::Down;
        let value = match &column.default {
            Some(default) => Some(default.to_string()),
            None => placeholder(self.dialect, table, column).filter(|_| is_back),
        };
        let value = value.filter(|_| is_such)?;
        let name = &column.name;
        if is_back {
            parts
                .notes
                .push(format!("the data of {name} are gone: rows get {value}"));
        }
        parts.after.push(format!(
            "UPDATE {} SET {} = {value}",
            self.quoted(&table.name),
            self.ident(name)
        ));
        let whole = render::column(self.dialect, table, column, None);
        parts.late_sql.push(format!("MODIFY COLUMN {whole}"));
        parts.late.insert(name.clone());
        let mut first = column.clone();
        first.nullable = true;
        first.default = None;
        Some(render::column(self.dialect, table, &first, None))
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
                let waits = index.columns.iter().any(|one| parts.late.contains(one));
                let to = if waits {
                    &mut parts.late_sql
                } else {
                    &mut parts.sql
                };
                to.push(format!("ADD {}", render::index(self.dialect, index)));
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
            (None, Some(true)) | (Some(true), None) => false,
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

fn is_geometry(data_type: &str) -> bool {
    geometry(data_type).is_some()
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
