//! The parts of a table as they stand in `CREATE` and `ALTER TABLE`. Pure.

use std::fmt::Write as _;

use super::text::quoted;
use crate::autogenerate::schema::{
    Column, Constraint, ConstraintKind, Index, Object, Table, Thing,
};
use crate::dialect::Dialect;

/// A table's options by their key in `create_options`, with the value that is said when one is taken away.
pub(super) const OPTIONS: &[(&str, &str)] = &[
    ("row_format", "DEFAULT"),
    ("key_block_size", "0"),
    ("avg_row_length", "0"),
    ("checksum", "0"),
    ("compression", "''"),
    ("delay_key_write", "0"),
    ("encrypted", "DEFAULT"),
    ("encryption", "'N'"),
    ("encryption_key_id", "DEFAULT"),
    ("insert_method", "NO"),
    ("max_rows", "0"),
    ("min_rows", "0"),
    ("pack_keys", "DEFAULT"),
    ("page_checksum", "1"),
    ("page_compressed", "DEFAULT"),
    ("page_compression_level", "DEFAULT"),
    ("stats_auto_recalc", "DEFAULT"),
    ("stats_persistent", "DEFAULT"),
    ("stats_sample_pages", "DEFAULT"),
    ("transactional", "1"),
];

pub(super) fn list(dialect: Dialect, columns: &[String]) -> String {
    let columns: Vec<String> = columns.iter().map(|column| dialect.ident(column)).collect();
    columns.join(", ")
}

/// The character set of a collation.
fn charset(collation: &str) -> &str {
    collation.split('_').next().unwrap_or(collation)
}

pub(super) fn collate(collation: &str) -> String {
    format!("CHARACTER SET {} COLLATE {collation}", charset(collation))
}

/// A column as it stands in a table whose default collation is `default`; without one, its own is always said.
pub(super) fn column(
    dialect: Dialect,
    table: &Table,
    column: &Column,
    default: Option<&str>,
) -> String {
    format!(
        "{} {}",
        dialect.ident(&column.name),
        definition(dialect, table, column, default)
    )
}

/// What stands behind its name, with the check that is written at it.
pub(super) fn definition(
    dialect: Dialect,
    table: &Table,
    column: &Column,
    default: Option<&str>,
) -> String {
    let mut sql = column.data_type.clone();
    let has = |key: &str| column.attributes.contains_key(key);
    if has("compressed") {
        sql.push_str(" COMPRESSED");
    }
    if let Some(collation) = column
        .collation
        .as_deref()
        .filter(|one| Some(*one) != default)
    {
        let _ = write!(sql, " {}", collate(collation));
    }
    if let Some(row) = column.attributes.get("period_row") {
        let _ = write!(sql, " GENERATED ALWAYS AS {row}");
    } else if let Some(generated) = &column.generated {
        let kind = if generated.stored {
            "STORED"
        } else {
            "VIRTUAL"
        };
        let _ = write!(
            sql,
            " GENERATED ALWAYS AS ({}) {kind}",
            generated.expression
        );
        // Only MySQL has them.
        if !column.nullable && dialect == Dialect::Mysql {
            sql.push_str(" NOT NULL");
        }
    } else if !column.nullable {
        sql.push_str(" NOT NULL");
    } else if column.data_type.starts_with("timestamp") {
        // Which is NOT NULL unless it says so, under an old setting of the server's.
        sql.push_str(" NULL");
    }
    if let Some(srid) = column.attributes.get("srid") {
        let _ = write!(sql, " SRID {srid}");
    }
    if let Some(default) = &column.default {
        let _ = write!(sql, " DEFAULT {}", default_text(default.as_str()));
    }
    if let Some(update) = column.attributes.get("on_update") {
        let _ = write!(sql, " ON UPDATE {update}");
    }
    if has("auto_increment") {
        sql.push_str(" AUTO_INCREMENT");
    }
    if has("invisible") {
        sql.push_str(" INVISIBLE");
    }
    if has("without_versioning") {
        sql.push_str(" WITHOUT SYSTEM VERSIONING");
    }
    if let Some(comment) = &column.comment {
        let _ = write!(sql, " COMMENT {}", quoted(comment));
    }
    for check in column_checks(table, &column.name) {
        let _ = write!(sql, " {}", check.definition);
    }
    sql
}

/// An operator outside of all parentheses needs some.
fn default_text(text: &str) -> String {
    let pieces = crate::sql::pieces(Dialect::Mariadb, text);
    let mut depth = 0_usize;
    let mut operators = 0;
    for (at, piece) in pieces.iter().enumerate() {
        match piece.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "." | "," => {}
            // A sign.
            "-" | "+" if at == 0 => {}
            _ if depth == 0 && at > 0 => {
                let call = pieces[at - 1].text == "." || piece.text == ".";
                let introducer = pieces[at - 1].text.starts_with('_') && at == 1;
                let sign = at == 1 && matches!(pieces[0].text, "-" | "+");
                // `b'101'`, `x'ff'`.
                let bits = at == 1 && pieces[0].text.len() == 1 && piece.text.starts_with('\'');
                operators += usize::from(!(call || introducer || sign || bits));
            }
            _ => {}
        }
    }
    match operators {
        0 => text.to_owned(),
        _ => format!("({text})"),
    }
}

/// The checks that are written at a column: those without a name, whose first column is that.
pub(super) fn column_checks<'a>(
    table: &'a Table,
    column: &'a str,
) -> impl Iterator<Item = &'a Constraint> {
    table.constraints.iter().filter(move |one| {
        one.kind == ConstraintKind::Check
            && one.name.is_none()
            && one.columns.first().is_some_and(|first| first == column)
    })
}

/// An index as it stands in a table.
pub(super) fn index(dialect: Dialect, index: &Index) -> String {
    let mut sql = String::new();
    let kind = index.attributes.get("type").map(String::as_str);
    match kind {
        Some(kind @ ("FULLTEXT" | "SPATIAL")) => {
            let _ = write!(sql, "{kind} ");
        }
        _ if index.unique => sql.push_str("UNIQUE "),
        _ => {}
    }
    let _ = write!(
        sql,
        "INDEX {} {}",
        dialect.ident(&index.name),
        index.definition
    );
    if let Some(kind @ ("BTREE" | "HASH" | "RTREE")) = kind {
        let _ = write!(sql, " USING {kind}");
    }
    if let Some(comment) = &index.comment {
        let _ = write!(sql, " COMMENT {}", quoted(comment));
    }
    if index.attributes.contains_key("ignored") {
        sql.push_str(if dialect == Dialect::Mysql {
            " INVISIBLE"
        } else {
            " IGNORED"
        });
    }
    sql
}

/// Whether the index is the one that InnoDB would make for a foreign key of these columns.
pub(super) fn is_plain_index_of(index: &Index, columns: &[String]) -> bool {
    !index.unique
        && index.columns == columns
        && index.comment.is_none()
        && index.attributes.is_empty()
        && !index.definition.as_str().contains(" DESC")
        && parts(index).iter().all(|whole| *whole)
}

/// Whether the index may be one that InnoDB made for the foreign key: it has the key's name, or without one its first
/// column's, with a number behind that where it was taken.
pub(super) fn is_implied(index: &Index, key: &Constraint) -> bool {
    is_implied_name(&index.name, key) && is_plain_index_of(index, &key.columns)
}

pub(super) fn is_implied_name(index: &str, key: &Constraint) -> bool {
    let first = key.columns.first().map_or("", String::as_str);
    let rest = index.strip_prefix(first).filter(|_| !first.is_empty());
    let by_column = rest.is_some_and(|rest| {
        let number = rest.strip_prefix('_').unwrap_or("");
        rest.is_empty() || !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    // The key is renamed with its table, and the index is not.
    let number = |name: &str| Some(name.split_once("_ibfk_")?.1.to_owned());
    let name = key.name.as_deref();
    by_column
        || name == Some(index)
        || name
            .and_then(number)
            .is_some_and(|of| number(index) == Some(of))
}

/// The index that InnoDB made for the key, if it stands.
pub(super) fn implied_index(key: &Constraint) -> Option<&String> {
    key.depends_on.iter().find_map(|thing| match thing {
        Thing::Key(_, name) => Some(name),
        _ => None,
    })
}

/// That index, where it would not come about by itself: the server calls it by its column only for a key without a name.
pub(super) fn implied_by_column(dialect: Dialect, key: &Constraint) -> Option<String> {
    let name = implied_index(key).filter(|name| Some(*name) != key.name.as_ref())?;
    Some(format!(
        "INDEX {} ({})",
        dialect.ident(name),
        list(dialect, &key.columns)
    ))
}

/// The key parts of an index that are expressions.
pub(super) fn expressions(index: &Index) -> String {
    let definition = index.definition.as_str();
    let mut depth = 0_usize;
    let mut inside = Vec::new();
    for piece in crate::sql::pieces(Dialect::Mariadb, definition) {
        match piece.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            text if depth > 1 => inside.push(text.to_owned()),
            _ => {}
        }
    }
    inside.join(" ")
}

/// Of each column of an index whether it is there as a whole, without a length.
fn parts(index: &Index) -> Vec<bool> {
    let mut depth = 0_usize;
    let mut parts = vec![true];
    for piece in crate::sql::pieces(Dialect::Mariadb, index.definition.as_str()) {
        match piece.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 1 => parts.push(true),
            _ => {}
        }
        if depth == 2
            && let Some(last) = parts.last_mut()
        {
            *last = false;
        }
    }
    parts
}

/// Whether the index can serve a foreign key of these columns: they come first in it, whole.
pub(super) fn serves(index: &Index, columns: &[String]) -> bool {
    let kind = index.attributes.get("type").map(String::as_str);
    index.columns.starts_with(columns)
        && matches!(kind, None | Some("BTREE"))
        && parts(index).iter().take(columns.len()).all(|whole| *whole)
}

/// A constraint as it stands in a table: not the checks of columns.
pub(super) fn constraint(dialect: Dialect, constraint: &Constraint) -> String {
    match (&constraint.name, constraint.kind) {
        (_, ConstraintKind::Primary) => {
            let mut sql = constraint.definition.to_string();
            if let Some(comment) = &constraint.comment {
                let _ = write!(sql, " COMMENT {}", quoted(comment));
            }
            sql
        }
        (Some(name), _) => format!(
            "CONSTRAINT {} {}",
            dialect.ident(name),
            constraint.definition
        ),
        (None, _) => constraint.definition.to_string(),
    }
}

/// What stands behind the parentheses, all of it.
pub(super) fn options(table: &Table) -> String {
    let mut sql = String::new();
    if let Some(engine) = table.attributes.get("engine") {
        let _ = write!(sql, " ENGINE={engine}");
    }
    if let Some(collation) = table.attributes.get("collation") {
        let _ = write!(sql, " DEFAULT {}", collate(collation));
    }
    for (key, _) in OPTIONS {
        if let Some(value) = table.attributes.get(key) {
            let _ = write!(sql, " {}", option(key, value));
        }
    }
    if let Some(comment) = &table.comment {
        let _ = write!(sql, " COMMENT={}", quoted(comment));
    }
    if table.attributes.contains_key("versioning") {
        sql.push_str(" WITH SYSTEM VERSIONING");
    }
    if let Some(partitions) = table.attributes.get("partition_by") {
        let _ = write!(sql, "\n{partitions}");
    }
    sql
}

pub(super) fn option(key: &str, value: &str) -> String {
    let value = match key {
        "encrypted" | "page_compressed" | "compression" | "encryption"
            if value != "DEFAULT" && !value.starts_with('\'') =>
        {
            quoted(value)
        }
        _ => value.to_owned(),
    };
    format!("{}={value}", key.to_uppercase())
}

/// `CREATE TABLE` with these of its constraints.
pub(super) fn create_table<'a>(
    dialect: Dialect,
    table: &'a Table,
    foreign_keys: impl Iterator<Item = &'a Constraint>,
) -> String {
    let default = table.attributes.get("collation").map(String::as_str);
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|one| column(dialect, table, one, default))
        .collect();
    let of_kind = |kind: ConstraintKind| {
        let all = table.constraints.iter();
        all.filter(move |one| one.kind == kind && one.name.is_some())
    };
    lines.extend(of_kind(ConstraintKind::Primary).map(|one| constraint(dialect, one)));
    lines.extend(table.indexes.iter().map(|one| index(dialect, one)));
    let implied = of_kind(ConstraintKind::Foreign);
    lines.extend(implied.filter_map(|key| implied_by_column(dialect, key)));
    lines.extend(of_kind(ConstraintKind::Check).map(|one| constraint(dialect, one)));
    lines.extend(foreign_keys.map(|one| constraint(dialect, one)));
    lines.extend(table.attributes.get("versioning_period").cloned());
    format!(
        "CREATE TABLE {} (\n  {}\n){}",
        table.name.quoted(dialect),
        lines.join(",\n  "),
        options(table)
    )
}

/// A sequence's options, in one order; when it is made, only those that are not the defaults.
pub(super) fn sequence(object: &Object, all: bool) -> String {
    let of = |key: &str| object.attributes.get(key).map_or("", String::as_str);
    let is_default = |key: &str| match key {
        "start" => of("start") == of("minvalue"),
        "increment" | "minvalue" => of(key) == "1",
        "maxvalue" => of(key) == "9223372036854775806",
        "cache" => of(key) == "1000",
        _ => false,
    };
    let mut sql = String::new();
    for (key, words) in [
        ("start", "START WITH"),
        ("increment", "INCREMENT BY"),
        ("minvalue", "MINVALUE"),
        ("maxvalue", "MAXVALUE"),
        ("cache", "CACHE"),
    ] {
        if all || of("increment") != "1" || !is_default(key) {
            match (key, of(key)) {
                ("cache", "0") => sql.push_str(" NOCACHE"),
                (_, value) => {
                    let _ = write!(sql, " {words} {value}");
                }
            }
        }
    }
    match object.attributes.contains_key("cycle") {
        true => sql.push_str(" CYCLE"),
        false if all => sql.push_str(" NOCYCLE"),
        false => {}
    }
    sql
}
