//! Views and triggers that name what is not there. SQLite keeps them, and refuses an `ALTER TABLE` of any other table until
//! they are gone (<https://sqlite.org/lang_altertable.html>).

use std::collections::BTreeSet;

use crate::autogenerate::schema::{Object, ObjectKind, Schema, Thing};
use crate::autogenerate::sqlite::names::is_keyword;
use crate::dialect::Dialect;
use crate::sql::{Piece, PieceKind, pieces};

/// Names that need no table.
const BUILT_IN: [&str; 8] = [
    "rowid", "_rowid_", "oid", "new", "old", "excluded", "main", "temp",
];

/// Tells whether every name in a view or trigger stands for something. One that is sound may be taken for broken, which costs two
/// statements.
pub(super) fn is_sound(schema: &Schema, object: &Object) -> bool {
    let mut known: BTreeSet<String> = BUILT_IN.iter().map(|name| (*name).to_owned()).collect();
    known.insert(lower(&object.id.name.name));
    known.extend(object.id.on.as_deref().map(lower));
    for thing in &object.depends_on {
        match thing {
            Thing::Table(name) => {
                known.insert(lower(&name.name));
                let columns = schema.tables.get(name).map(|table| &table.columns);
                let columns = columns.into_iter().flatten();
                known.extend(columns.map(|column| lower(&column.name)));
            }
            // The columns of a view are names in its text.
            Thing::Object(id) if id.kind == ObjectKind::View => {
                known.insert(lower(&id.name.name));
                let text = schema.objects.get(id).map(|view| view.definition.as_str());
                let words = pieces(Dialect::Sqlite, text.unwrap_or_default());
                known.extend(words.iter().filter_map(|word| Some(lower(&word.name()?))));
            }
            _ => {}
        }
    }
    let words = pieces(Dialect::Sqlite, object.definition.as_str());
    let is_name = |word: &&Piece<'_>| {
        word.kind == PieceKind::Quoted
            || word.kind == PieceKind::Word && !is_keyword(&lower(word.text))
    };
    let name = |word: &Piece<'_>| lower(&word.name().unwrap_or_default());
    for (at, word) in words.iter().enumerate().skip(1) {
        // `x AS y`, and `t y` behind the name of a table or a closing parenthesis.
        let before = &words[at - 1];
        let is_alias = before.is("AS") || before.text == ")" || is_name(&before);
        // `WITH y AS (…)`.
        let is_common = words.get(at + 1).is_some_and(|next| next.is("AS"));
        if is_name(&word) && (is_alias || is_common) {
            known.insert(name(word));
        }
    }
    words.iter().enumerate().all(|(at, word)| {
        let is_call = words.get(at + 1).is_some_and(|next| next.text == "(");
        let is_collation = at > 0 && words[at - 1].is("COLLATE");
        !is_name(&word)
            || is_collation
            || is_call && word.kind == PieceKind::Word
            || known.contains(&name(word))
    })
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autogenerate::expression::Sql;
    use crate::autogenerate::schema::{Column, Name, ObjectId, Table};

    #[test]
    fn names_that_stand_for_nothing_are_found() {
        let mut schema = Schema::new(Dialect::Sqlite);
        let mut table = Table::new(Name::new(None, "a"));
        table.columns = vec![Column::new("id", "INTEGER"), Column::new("Two Words", "")];
        schema.tables.insert(table.name.clone(), table);
        let is_sound = |sql: &str| {
            let object = Object {
                id: ObjectId::new(ObjectKind::View, Name::new(None, "v")),
                definition: Sql::tokens(Dialect::Sqlite, sql),
                labels: Vec::new(),
                attributes: Default::default(),
                comment: None,
                depends_on: BTreeSet::from([Thing::Table(Name::new(None, "a"))]),
            };
            super::is_sound(&schema, &object)
        };
        for sql in [
            "CREATE VIEW v AS SELECT id FROM a",
            "CREATE VIEW v AS SELECT x.id, count(*) AS n FROM a x GROUP BY x.id HAVING n > 1",
            "CREATE VIEW v AS SELECT [two words] COLLATE nocase AS w FROM a AS b",
            "CREATE VIEW v AS WITH c AS (SELECT id FROM a) SELECT c.id FROM c",
        ] {
            assert!(is_sound(sql), "{sql}");
        }
        for sql in [
            "CREATE VIEW v AS SELECT nothere FROM a",
            "CREATE VIEW v AS SELECT id FROM gone",
            "CREATE VIEW v AS SELECT gone.id FROM a",
        ] {
            assert!(!is_sound(sql), "{sql}");
        }
    }
}
