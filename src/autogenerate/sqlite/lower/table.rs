//! `CREATE TABLE`, whole, from the model.

use super::super::names::ident;
use super::super::reference::renamed;
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Column, Constraint, ConstraintKind, Reference, Table};
use crate::dialect::Dialect;
use crate::sql::{PieceKind, pieces};

/// The statement that makes `table` under this name.
pub(super) fn create(table: &Table, name: &str) -> String {
    let inline = table.constraints.iter().position(|constraint| {
        constraint.kind == ConstraintKind::Primary && inline_key(table, constraint).is_some()
    });
    let mut lines: Vec<String> = Vec::new();
    for of_table in &table.columns {
        let mut line = column(of_table);
        let key = inline.map(|at| &table.constraints[at]);
        if let Some(key) = key.filter(|key| key.columns == [of_table.name.clone()])
            && let Some(words) = inline_key(table, key)
        {
            line.push_str(&words);
        }
        lines.push(line);
    }
    for (at, constraint) in table.constraints.iter().enumerate() {
        if Some(at) != inline {
            lines.push(format!("{}{}", named(constraint), written(constraint)));
        }
    }
    let options: Vec<&str> = [
        is_strict(table).then_some("STRICT"),
        is_without_rowid(table).then_some("WITHOUT ROWID"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut sql = format!(
        "CREATE TABLE {} (\n    {}\n)",
        ident(name),
        lines.join(",\n    ")
    );
    if !options.is_empty() {
        sql.push(' ');
        sql.push_str(&options.join(", "));
    }
    sql
}

/// A column without the constraints that the model has at the table.
pub(super) fn column(column: &Column) -> String {
    let mut text = ident(&column.name);
    if !column.data_type.is_empty() {
        text.push(' ');
        text.push_str(&column.data_type);
    }
    if !column.nullable {
        text.push_str(" NOT NULL");
        if let Some(action) = column.attributes.get("not_null_on_conflict") {
            text.push_str(&format!(" ON CONFLICT {action}"));
        }
    }
    if let Some(default) = &column.default {
        if is_literal(default) {
            text.push_str(&format!(" DEFAULT {default}"));
        } else {
            text.push_str(&format!(" DEFAULT ({default})"));
        }
    }
    if let Some(collation) = &column.collation {
        text.push_str(&format!(" COLLATE {}", ident(collation)));
    }
    if let Some(generated) = &column.generated {
        let stored = if generated.stored {
            "STORED"
        } else {
            "VIRTUAL"
        };
        text.push_str(&format!(
            " GENERATED ALWAYS AS ({}) {stored}",
            generated.expression
        ));
    }
    text
}

/// All that stands after `CONSTRAINT name`.
pub(super) fn written(constraint: &Constraint) -> Sql {
    match &constraint.references {
        Some(other) if other.implicit => {
            let other = Reference {
                columns: Vec::new(),
                ..other.clone()
            };
            renamed(&constraint.definition, &constraint.columns, &other)
        }
        _ => constraint.definition.clone(),
    }
}

/// `CONSTRAINT name `, or nothing.
pub(super) fn named(constraint: &Constraint) -> String {
    let name = constraint.name.as_deref();
    name.map_or_else(String::new, |name| format!("CONSTRAINT {} ", ident(name)))
}

pub(super) fn is_strict(table: &Table) -> bool {
    table.attributes.contains_key("strict")
}

pub(super) fn is_without_rowid(table: &Table) -> bool {
    table.attributes.contains_key("without_rowid")
}

pub(in crate::autogenerate::sqlite) fn primary_key(table: &Table) -> Option<&Constraint> {
    table
        .constraints
        .iter()
        .find(|constraint| constraint.kind == ConstraintKind::Primary)
}

/// The column that is another name of the rowid.
pub(in crate::autogenerate::sqlite) fn rowid_column(table: &Table) -> Option<&Column> {
    let [column] = &primary_key(table)?.columns[..] else {
        return None;
    };
    let column = table.column(column)?;
    let is_rowid = column.data_type.eq_ignore_ascii_case("INTEGER")
        && !is_without_rowid(table)
        && !column.attributes.contains_key("not_rowid");
    is_rowid.then_some(column)
}

pub(super) fn is_autoincrement(table: &Table) -> bool {
    rowid_column(table).is_some_and(|column| column.attributes.contains_key("autoincrement"))
}

/// What stands behind the column, where the key can stand there.
fn inline_key(table: &Table, constraint: &Constraint) -> Option<String> {
    let [column] = &constraint.columns[..] else {
        return None;
    };
    let column = table.column(column)?;
    let words = pieces(Dialect::Sqlite, constraint.definition.as_str());
    let close = words.iter().position(|piece| piece.text == ")")?;
    // PRIMARY, KEY, the parenthesis, the name.
    let order = match &words.get(4..close)? {
        [] => "",
        [one] if one.is("DESC") => " DESC",
        _ => return None,
    };
    let is_integer = column.data_type.eq_ignore_ascii_case("INTEGER");
    let means_more = is_integer && !is_without_rowid(table);
    // Behind the column, DESC makes an ordinary column of what would be the rowid.
    if !order.is_empty() && means_more != column.attributes.contains_key("not_rowid") {
        return None;
    }
    let conflict: Vec<&str> = words[close + 1..].iter().map(|piece| piece.text).collect();
    let mut text = format!(" {}PRIMARY KEY{order}", named(constraint));
    if !conflict.is_empty() {
        text.push(' ');
        text.push_str(&conflict.join(" "));
    }
    if is_autoincrement(table) {
        text.push_str(" AUTOINCREMENT");
    }
    Some(text)
}

/// Whether a default is a value: what `ADD COLUMN` takes, and what needs no parentheses.
pub(super) fn is_constant(default: &Sql) -> bool {
    is_literal(default)
        && !default
            .as_str()
            .to_ascii_uppercase()
            .starts_with("CURRENT_")
}

/// A value that stands by itself: a number, a string, a blob, or a word for one.
fn is_literal(default: &Sql) -> bool {
    let text = default.as_str();
    let unsigned = text.trim_start_matches(['-', '+']);
    let begins_a_number =
        unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    if begins_a_number && text.len() - unsigned.len() < 2 {
        let hexadecimal = unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X"));
        return hexadecimal.map_or_else(
            || unsigned.parse::<f64>().is_ok(),
            |digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        );
    }
    match &pieces(Dialect::Sqlite, text)[..] {
        [one] => one.kind == PieceKind::Text || is_value_word(one.text),
        [x, bytes] => x.is("X") && bytes.kind == PieceKind::Text,
        _ => false,
    }
}

/// The words that are values where a default stands without parentheses.
pub(in crate::autogenerate::sqlite) fn is_value_word(word: &str) -> bool {
    let known = [
        "NULL",
        "TRUE",
        "FALSE",
        "CURRENT_TIME",
        "CURRENT_DATE",
        "CURRENT_TIMESTAMP",
    ];
    known.iter().any(|value| word.eq_ignore_ascii_case(value))
}
