//! The documented rebuild of a table (<https://sqlite.org/lang_altertable.html#otheralter>): a new one under another
//! name, its rows, the old one dropped, the new one renamed. Runs with foreign keys off, so that dropping the old
//! table touches no row that refers to it.

use super::super::names::ident;
use super::super::types::{Affinity, conversion, is_strict_type};
use super::table::{
    create, is_autoincrement, is_strict, is_without_rowid, primary_key, rowid_column,
};
use crate::autogenerate::change::Class;
use crate::autogenerate::engine::{Direction, Lowering, Script};
use crate::autogenerate::schema::{Column, Constraint, ConstraintKind, Schema, Table};
use crate::dialect::Dialect;

pub(super) fn rebuild(lowering: &Lowering<'_>, old: &Table, new: &Table, script: &mut Script) {
    let temporary = free_name(&new.name.name, &[lowering.from, lowering.to]);
    let (name, temporary_sql) = (ident(&new.name.name), ident(&temporary));
    script.push_with_note(
        create(new, &temporary),
        format!(
            "SQLite cannot alter {} so far: it is built anew, with its rows.",
            new.name
        ),
    );

    let mut copy = Copy::of(old, new, lowering.direction);
    if lowering.direction == Direction::Down {
        copy.free_references(lowering, old, new);
    }
    let (into, values): (Vec<&str>, Vec<&str>) = copy
        .columns
        .iter()
        .map(|(into, value)| (into.as_str(), value.as_str()))
        .unzip();
    // Else a row that violates a constraint with `ON CONFLICT IGNORE` or `REPLACE` would be lost in silence.
    let or_abort = if has_conflict_clause(new) {
        " OR ABORT"
    } else {
        ""
    };
    let insert = format!(
        "INSERT{or_abort} INTO {temporary_sql} ({})\nSELECT {}\nFROM {name}",
        into.join(", "),
        values.join(", ")
    );
    script.push(insert);
    if let Some(last) = script.statements.last_mut() {
        last.notes = copy.notes;
    }

    if is_autoincrement(old) && is_autoincrement(new) {
        // The next number, which may be beyond every row.
        let literal = |name: &str| Dialect::Sqlite.literal(name);
        let (old_literal, new_literal) = (literal(&new.name.name), literal(&temporary));
        script.push(format!(
            "DELETE FROM sqlite_sequence WHERE name = {new_literal}"
        ));
        script.push(format!(
            "INSERT INTO sqlite_sequence (name, seq)\n\
             SELECT {new_literal}, seq FROM sqlite_sequence WHERE name = {old_literal}"
        ));
    }
    script.push(format!("DROP TABLE {name}"));
    script.push(format!("ALTER TABLE {temporary_sql} RENAME TO {name}"));
}

/// A name that nothing has, in either schema.
fn free_name(table: &str, schemas: &[&Schema]) -> String {
    let is_taken = |candidate: &str| {
        schemas.iter().any(|schema| {
            let tables = schema.tables.values();
            let indexes = tables
                .clone()
                .flat_map(|table| table.indexes.iter().map(|index| index.name.as_str()));
            let objects = schema.objects.keys().map(|id| id.name.name.as_str());
            let mut names = tables
                .map(|table| table.name.name.as_str())
                .chain(indexes)
                .chain(objects);
            names.any(|name| name.eq_ignore_ascii_case(candidate))
        })
    };
    let first = format!("limbeck_new_{table}");
    let others = (2..).map(|number| format!("limbeck_new_{number}_{table}"));
    std::iter::once(first.clone())
        .chain(others)
        .find(|candidate| !is_taken(candidate))
        .unwrap_or(first)
}

fn has_conflict_clause(table: &Table) -> bool {
    let of_column = |column: &Column| column.attributes.contains_key("not_null_on_conflict");
    let of_constraint = |constraint: &Constraint| {
        matches!(
            constraint.kind,
            ConstraintKind::Primary | ConstraintKind::Unique
        ) && constraint.definition.as_str().contains(" ON CONFLICT ")
    };
    table.columns.iter().any(of_column) || table.constraints.iter().any(of_constraint)
}

/// Columns of the new table, and what they get of each row of the old one.
struct Copy {
    columns: Vec<(String, String)>,
    notes: Vec<String>,
}

impl Copy {
    fn of(old: &Table, new: &Table, direction: Direction) -> Self {
        let mut copy = Copy {
            columns: Vec::new(),
            notes: Vec::new(),
        };
        copy.rowid(old, new);
        let rowid = rowid_column(new).map(|column| column.name.as_str());
        for column in new.columns.iter().filter(|it| it.generated.is_none()) {
            let into = ident(&column.name);
            match old.column(&column.name) {
                Some(before) => {
                    let mut value = value(new, before, column);
                    if direction == Direction::Down
                        && before.generated.is_some()
                        && !column.nullable
                    {
                        copy.notes.push(format!(
                            "The values of {} are gone: rows get what was computed, or a placeholder.",
                            column.name
                        ));
                        value = format!("coalesce({value}, {})", placeholder(new, column));
                    }
                    copy.columns.push((into, value));
                }
                None if rowid == Some(&column.name) => {} // Its values are the rowids.
                None if direction == Direction::Down
                    && !column.nullable
                    && !has_default(column) =>
                {
                    copy.notes.push(format!(
                        "The values of {} are gone: rows get a placeholder, since it is NOT NULL.",
                        column.name
                    ));
                    copy.columns.push((into, placeholder(new, column)));
                }
                None => {}
            }
        }
        if copy.columns.is_empty()
            && let Some(first) = new.columns.iter().find(|it| it.generated.is_none())
        {
            // As many rows as before, or an error: none is lost in silence.
            let value = first.default.as_ref().map(|default| format!("({default})"));
            let value = value.unwrap_or_else(|| "NULL".to_owned());
            copy.columns.push((ident(&first.name), value));
        }
        copy
    }

    /// On the way back, rows may refer to those of a table that was dropped and is empty now.
    fn free_references(&mut self, lowering: &Lowering<'_>, old: &Table, new: &Table) {
        for constraint in &new.constraints {
            let Some(other) = &constraint.references else {
                continue;
            };
            let is_new = !old.constraints.iter().any(|one| one.does_same(constraint));
            let is_empty = !lowering.from.tables.contains_key(&other.table);
            let of = constraint.columns.iter().map(|name| new.column(name));
            let is_free = of
                .clone()
                .all(|column| column.is_some_and(|one| one.nullable));
            if !(is_new && is_empty && is_free) {
                continue;
            }
            self.notes.push(format!(
                "the rows of {} that {} refers to are gone",
                other.table,
                constraint.columns.join(", ")
            ));
            for (into, value) in &mut self.columns {
                if constraint.columns.iter().any(|name| ident(name) == *into) {
                    "NULL".clone_into(value);
                }
            }
        }
    }

    /// Rows keep their rowids, by which full-text indexes and others may know them.
    fn rowid(&mut self, old: &Table, new: &Table) {
        if is_without_rowid(old) || is_without_rowid(new) {
            return;
        }
        let (was, is) = (rowid_column(old), rowid_column(new));
        if is.is_some_and(|column| old.column(&column.name).is_some()) {
            return; // Copied as any other column.
        }
        let is_free = |table: &Table, name: &str| {
            let mut columns = table.columns.iter();
            !columns.any(|column| column.name.eq_ignore_ascii_case(name))
        };
        let pseudo = |table: &Table| {
            let names = ["rowid", "_rowid_", "oid"].into_iter();
            names
                .filter(|name| is_free(table, name))
                .map(str::to_owned)
                .next()
        };
        let from = was.map_or_else(|| pseudo(old), |column| Some(ident(&column.name)));
        let into = is.map_or_else(|| pseudo(new), |column| Some(ident(&column.name)));
        if let (Some(from), Some(into)) = (from, into) {
            self.columns.push((into, from));
        }
    }
}

/// A value as the new column takes it. A STRICT table and a rowid refuse what is of another type rather than convert
/// it: where that was allowed, it is converted first.
fn value(new: &Table, before: &Column, column: &Column) -> String {
    let name = ident(&before.name);
    let is_any = column.data_type.eq_ignore_ascii_case("ANY");
    let is_rowid = rowid_column(new).is_some_and(|rowid| rowid.name == column.name);
    let strict = is_strict(new) && is_strict_type(&column.data_type) && !is_any;
    let converts = before.generated.is_some() || conversion(before, column).0 != Class::Safe;
    if (strict || is_rowid) && converts {
        return format!("CAST({name} AS {})", column.data_type);
    }
    name
}

/// `DEFAULT NULL` is none to a column that is NOT NULL.
fn has_default(column: &Column) -> bool {
    let default = column.default.as_ref();
    default.is_some_and(|default| !default.as_str().eq_ignore_ascii_case("NULL"))
}

/// A value for a NOT NULL column whose values are gone: numbers from 1 where they must differ.
fn placeholder(table: &Table, column: &Column) -> String {
    let affinity = Affinity::of(&column.data_type);
    if is_unique(table, &column.name) {
        let number = "row_number() OVER ()";
        return match affinity {
            Affinity::Text => format!("CAST({number} AS TEXT)"),
            Affinity::Blob => format!("CAST({number} AS BLOB)"),
            _ => number.to_owned(),
        };
    }
    match affinity {
        Affinity::Text => "''".to_owned(),
        Affinity::Blob => "x''".to_owned(),
        _ => "0".to_owned(),
    }
}

fn is_unique(table: &Table, column: &str) -> bool {
    let is_it = |columns: &[String]| columns.iter().any(|name| name == column);
    primary_key(table).is_some_and(|key| is_it(&key.columns))
        || table
            .constraints
            .iter()
            .any(|it| it.kind == ConstraintKind::Unique && is_it(&it.columns))
        || table
            .indexes
            .iter()
            .any(|index| index.unique && is_it(&index.columns))
}
