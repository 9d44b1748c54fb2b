//! What a full-text table whose text another table holds needs of that one (<https://sqlite.org/fts5.html>, section 4.4.3).
//! Pure.

use crate::dialect::Dialect;
use crate::sql::{Piece, pieces};

/// The table that holds the text, and its columns that the full-text table names: none for one that holds its own text.
pub(super) fn content(sql: &str) -> Option<(String, Vec<String>)> {
    let pieces = pieces(Dialect::Sqlite, sql);
    let module = pieces.iter().position(|piece| piece.is("USING"))? + 1;
    let name = pieces.get(module)?.name()?;
    if !name.to_ascii_lowercase().starts_with("fts") {
        return None;
    }
    let arguments = pieces.get(module + 2..pieces.len().checked_sub(1)?)?;
    let (mut table, mut columns) = (None, Vec::new());
    for argument in arguments.split(|piece| piece.text == ",") {
        match argument {
            [key, equals, value, ..] if equals.text == "=" => {
                let value = || plain(value).filter(|name| !name.is_empty());
                if key.is("content") {
                    table = value();
                } else if key.is("content_rowid") {
                    columns.extend(value());
                }
            }
            [column, ..] => columns.extend(plain(column)),
            [] => {}
        }
    }
    Some((table?, columns))
}

/// A name, which may be written as a string here.
fn plain(piece: &Piece<'_>) -> Option<String> {
    let literal = piece.text.strip_prefix('\'');
    match literal.and_then(|text| text.strip_suffix('\'')) {
        Some(text) => Some(text.replace("''", "'")),
        None => piece.name().map(|name| name.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_text_table_needs() {
        for (sql, expected) in [
            (
                "CREATE VIRTUAL TABLE f USING fts5(a, \"b c\" UNINDEXED, content='t', content_rowid='id', tokenize='porter ascii')",
                Some(("t", &["a", "b c", "id"][..])),
            ),
            (
                "CREATE VIRTUAL TABLE main.f USING FTS4(content=\"T x\", a)",
                Some(("T x", &["a"])),
            ),
            ("CREATE VIRTUAL TABLE f USING fts5(a, content='')", None),
            ("CREATE VIRTUAL TABLE f USING fts5(a, b)", None),
            ("CREATE VIRTUAL TABLE f USING fts5", None),
            ("CREATE VIRTUAL TABLE f USING rtree(id, x, y)", None),
        ] {
            let found = content(sql);
            let found = found
                .as_ref()
                .map(|(table, columns)| (table.as_str(), columns.as_slice()));
            let columns = expected.map(|(table, columns)| {
                let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
                (table, columns)
            });
            let expected = columns
                .as_ref()
                .map(|(table, columns)| (*table, columns.as_slice()));
            assert_eq!(found, expected, "{sql}");
        }
    }
}
