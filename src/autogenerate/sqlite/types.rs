//! What becomes of values when a column's type changes.

use super::lower::{primary_key, rowid_column};
use crate::autogenerate::change::Class;
use crate::autogenerate::schema::{Column, Table};

/// What a column makes of a value that it is given (https://sqlite.org/datatype3.html, section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    Text,
    Numeric,
    Integer,
    Real,
    Blob,
}

impl Affinity {
    pub(super) fn of(data_type: &str) -> Self {
        let data_type = data_type.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| data_type.contains(word));
        if has(&["INT"]) {
            Affinity::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Affinity::Text
        } else if data_type.is_empty() || has(&["BLOB"]) {
            Affinity::Blob
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Affinity::Real
        } else {
            Affinity::Numeric
        }
    }
}

/// Whether a STRICT table takes it.
pub(super) fn is_strict_type(data_type: &str) -> bool {
    ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"]
        .iter()
        .any(|known| data_type.eq_ignore_ascii_case(known))
}

/// A conversion that SQLite refuses for a row is safe: then nothing is changed.
///
/// Whether the table is STRICT does not show here, and decides what `BLOB` and `ANY` mean: lossy is what is lossy in
/// one of both.
pub(crate) fn conversion(from: &Column, to: &Column) -> (Class, Option<String>) {
    let lossy = |reason: &str| (Class::Lossy, Some(reason.to_owned()));
    // What was computed can be computed again.
    if from.data_type.eq_ignore_ascii_case(&to.data_type) || from.generated.is_some() {
        return (Class::Safe, None);
    }
    let (old, new) = (Affinity::of(&from.data_type), Affinity::of(&to.data_type));
    let is_any = |column: &Column| column.data_type.eq_ignore_ascii_case("ANY");
    match (old, new) {
        (_, Affinity::Blob) if !is_strict_type(&to.data_type) => (Class::Safe, None),
        _ if is_any(from) => lossy("values of any type are converted to the one"),
        (Affinity::Text | Affinity::Blob | Affinity::Real, Affinity::Numeric) if is_any(to) => {
            lossy("in a table that is not STRICT, what looks like a number becomes one")
        }
        _ if old == new => (Class::Safe, None),
        (Affinity::Integer, Affinity::Numeric) | (Affinity::Numeric, Affinity::Integer) => {
            (Class::Safe, None)
        }
        (_, Affinity::Blob) => lossy("in a STRICT table its values become blobs"),
        (Affinity::Text | Affinity::Blob, Affinity::Integer | Affinity::Numeric) => {
            lossy("what looks like a number becomes one, so that '007' is 7")
        }
        (Affinity::Text | Affinity::Blob, Affinity::Real) => {
            lossy("what looks like a number becomes one, so that '007' is 7.0")
        }
        (Affinity::Integer | Affinity::Numeric, Affinity::Real) => {
            lossy("integers beyond 2^53 lose digits")
        }
        (Affinity::Real, Affinity::Integer | Affinity::Numeric) => {
            lossy("whole numbers become integers, and are divided as such")
        }
        (_, _) => lossy("numbers become text of at most 15 digits"),
    }
}

/// Makes the columns of the primary key NOT NULL where SQLite does so without a word: in a STRICT table, and in one
/// WITHOUT ROWID.
pub(crate) fn imply(table: &mut Table) {
    let of_table = ["strict", "without_rowid"];
    if !of_table
        .iter()
        .any(|key| table.attributes.contains_key(key))
    {
        return;
    }
    let rowid = rowid_column(table).map(|column| column.name.clone());
    let key = primary_key(table).map_or_else(Vec::new, |key| key.columns.clone());
    for column in &mut table.columns {
        let in_key = key
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&column.name));
        if in_key && rowid.as_ref() != Some(&column.name) {
            column.nullable = false;
        }
    }
}

/// Why a table's STRICT cannot be added or removed without a lossy change of one of its columns: what is withheld of
/// the column has to be withheld of the table.
pub(crate) fn strict_goes_with(old: &Table, new: &Table) -> Option<String> {
    let mut plain = old
        .columns
        .iter()
        .filter(|column| column.generated.is_none());
    let is_lossy = |column: &Column| {
        new.column(&column.name)
            .is_none_or(|new| new.generated.is_some() || conversion(column, new).0 != Class::Safe)
    };
    if new.attributes.contains_key("strict") {
        let column = plain.find(|column| is_lossy(column) && !is_strict_type(&column.data_type))?;
        return Some(format!("it goes with the column {}", column.name));
    }
    let is_any = |column: &Column| column.data_type.eq_ignore_ascii_case("ANY");
    let column = plain.find(|column| {
        is_any(column) && (is_lossy(column) || new.column(&column.name).is_some_and(is_any))
    })?;
    Some(format!(
        "what looks like a number becomes one in the column {}, whose type ANY keeps everything in a STRICT table only",
        column.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions() {
        let class =
            |from: &str, to: &str| conversion(&Column::new("c", from), &Column::new("c", to)).0;
        for (from, to) in [
            ("VARCHAR(10)", "TEXT"),
            ("INT", "INTEGER"),
            ("INTEGER", "DECIMAL(10,2)"),
            ("BOOLEAN", "BIGINT"),
            ("TEXT", ""),
            ("REAL", "DOUBLE PRECISION"),
            ("INTEGER", "ANY"),
            ("ANY", ""),
        ] {
            assert_eq!(class(from, to), Class::Safe, "{from} to {to}");
        }
        for (from, to) in [
            ("TEXT", "INTEGER"),
            ("TEXT", "DATE"),
            ("INTEGER", "TEXT"),
            ("INTEGER", "REAL"),
            ("REAL", "INTEGER"),
            ("", "TEXT"),
            ("TEXT", "BLOB"),
            ("TEXT", "ANY"),
            ("ANY", "NUMERIC"),
        ] {
            assert_eq!(class(from, to), Class::Lossy, "{from} to {to}");
        }
    }
}
