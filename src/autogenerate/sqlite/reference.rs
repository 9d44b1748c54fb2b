//! Foreign keys as text. Pure.

use super::names::{ident, idents};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::Reference;
use crate::dialect::Dialect;
use crate::sql::pieces;

/// The whole definition of a foreign key.
pub(super) fn foreign(columns: &[String], reference: &Reference, clauses: &str) -> String {
    let names = |columns: &[String]| idents(columns.iter().map(String::as_str));
    let mut text = format!(
        "FOREIGN KEY ({}) REFERENCES {}",
        names(columns),
        ident(&reference.table.name)
    );
    if !reference.columns.is_empty() {
        text.push_str(&format!(" ({})", names(&reference.columns)));
    }
    if !clauses.is_empty() {
        text.push(' ');
        text.push_str(clauses);
    }
    text
}

/// The definition of a foreign key whose columns and reference have new names: a table and a column may have the same
/// one, so that replacing names in the text is not enough.
pub(crate) fn renamed(definition: &Sql, columns: &[String], reference: &Reference) -> Sql {
    let text = definition.as_str();
    let words = pieces(Dialect::Sqlite, text);
    // `FOREIGN KEY (…) REFERENCES t (…) clauses`, the second list only where there is one.
    let close = |start: usize| {
        let found = words.iter().skip(start).position(|word| word.text == ")");
        found.map(|at| start + at)
    };
    let name = close(0).map_or(0, |at| at + 2);
    let last = match words.get(name + 1) {
        Some(open) if open.text == "(" => close(name).unwrap_or(name),
        _ => name,
    };
    let clauses = words.get(last + 1);
    let clauses = clauses.map_or("", |first| &text[first.range.start..]);
    Sql::tokens(Dialect::Sqlite, foreign(columns, reference, clauses))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autogenerate::schema::Name;

    #[test]
    fn tables_and_columns_of_one_name_are_told_apart() {
        let definition = Sql::tokens(
            Dialect::Sqlite,
            "FOREIGN KEY (state) REFERENCES state (state) ON DELETE CASCADE",
        );
        let reference = Reference {
            table: Name::new(None, "states"),
            implicit: false,
            columns: vec!["state".to_owned()],
        };
        assert_eq!(
            renamed(&definition, &["of".to_owned()], &reference).as_str(),
            "FOREIGN KEY (\"of\") REFERENCES states (state) ON DELETE CASCADE"
        );
        let bare = Sql::tokens(Dialect::Sqlite, "FOREIGN KEY (a) REFERENCES b");
        let reference = Reference {
            table: Name::new(None, "c"),
            implicit: false,
            columns: Vec::new(),
        };
        let text = renamed(&bare, &["a".to_owned()], &reference);
        assert_eq!(text.as_str(), "FOREIGN KEY (a) REFERENCES c");
    }
}
