//! What SQLite keeps of a table only as text: the `CREATE TABLE` statement. Pure.
//!
//! SQLite accepted the text, so that this reads rather than checks. Where two spellings mean the same, both give the
//! same model: a constraint of a column or of the table, `REFERENCES t` or the key of `t` by name (once all tables are
//! known: see `model`), `DEFAULT (1)` or `DEFAULT 1`, a clause that says the default. Names that SQLite never shows
//! again, those of NOT NULL, DEFAULT and COLLATE, are left out.

mod column;
mod constraint;
mod text;

use self::text::{closing, expression, name_of};
use super::types::imply;
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{ConstraintKind, Name, Table};
use crate::dialect::Dialect;
use crate::sql::{Piece, pieces};

/// The table that a `CREATE TABLE` makes. The definition of a foreign key is what follows its reference only, and its
/// columns are those that are named: `model` completes both. None where the text is not what SQLite writes.
pub(super) fn table(name: &str, sql: &str) -> Option<Table> {
    let pieces = pieces(Dialect::Sqlite, sql);
    let open = pieces.iter().position(|piece| piece.text == "(")?;
    let close = closing(&pieces, open)?;
    let mut reader = Reader {
        sql,
        pieces: &pieces[..close],
        at: open + 1,
        table: Table::new(Name::new(None, name)),
        name: None,
        desc_key: None,
    };
    while reader.at < close {
        if reader.peek().is_some_and(|piece| piece.text == ",") {
            reader.at += 1;
            continue;
        }
        if ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"]
            .iter()
            .any(|word| reader.next_is(word))
        {
            reader.table_constraint()?;
        } else {
            reader.column()?;
        }
    }
    let (mut table, desc_key) = (reader.table, reader.desc_key);
    let words: Vec<&Piece<'_>> = pieces[close + 1..].iter().collect();
    for (at, word) in words.iter().enumerate() {
        if word.is("STRICT") {
            table.attributes.insert("strict", "true".to_owned());
        }
        if word.is("WITHOUT") && words.get(at + 1).is_some_and(|next| next.is("ROWID")) {
            table.attributes.insert("without_rowid", "true".to_owned());
        }
    }
    settle(&mut table, desc_key);
    Some(table)
}

/// An index: what stands after the table's name, and the names in it.
pub(super) fn index(table: &str, sql: &str) -> Option<Sql> {
    let pieces = pieces(Dialect::Sqlite, sql);
    let open = pieces.iter().position(|piece| piece.text == "(")?;
    let text = expression(sql, &pieces, open, pieces.len(), table);
    Some(Sql::tokens(Dialect::Sqlite, text))
}

/// What follows from several parts of a table together.
fn settle(table: &mut Table, desc_key: Option<String>) {
    let without_rowid = table.attributes.contains_key("without_rowid");
    let key = table
        .constraints
        .iter()
        .find(|constraint| constraint.kind == ConstraintKind::Primary)
        .map(|constraint| constraint.columns.clone())
        .unwrap_or_default();
    let single = key.len() == 1;
    for column in &mut table.columns {
        let is_integer = column.data_type.eq_ignore_ascii_case("INTEGER");
        let in_key = key
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&column.name));
        // The one place where a key's DESC means something else behind its column than in a list.
        let is_desc_key = desc_key.as_ref() == Some(&column.name) && is_integer && !without_rowid;
        if is_desc_key {
            column.attributes.insert("not_rowid", "true".to_owned());
        }
        if in_key && single && is_integer && !without_rowid && !is_desc_key {
            // The rowid is never NULL, whatever is said.
            column.nullable = true;
            column.attributes.remove("not_null_on_conflict");
        }
    }
    imply(table);
}

struct Reader<'a> {
    sql: &'a str,
    /// Those up to the parenthesis that closes the table.
    pieces: &'a [Piece<'a>],
    at: usize,
    table: Table,
    /// Of the constraint that follows.
    name: Option<String>,
    /// The column with `PRIMARY KEY DESC` behind it.
    desc_key: Option<String>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a Piece<'a>> {
        self.pieces.get(self.at)
    }

    fn next_is(&self, word: &str) -> bool {
        self.peek().is_some_and(|piece| piece.is(word))
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.next_is(word);
        self.at += usize::from(there);
        there
    }

    /// A name: SQLite takes strings for names too.
    fn name(&mut self) -> Option<String> {
        let name = name_of(self.peek()?)?;
        self.at += 1;
        Some(name)
    }

    /// What stands in the parentheses that open here.
    fn group(&mut self) -> Option<(usize, usize)> {
        if self.peek()?.text != "(" {
            return None;
        }
        let open = self.at;
        let close = closing(self.pieces, open)?;
        self.at = close + 1;
        Some((open + 1, close))
    }

    fn expression(&mut self) -> Option<String> {
        let (start, end) = self.group()?;
        let table = &self.table.name.name;
        Some(expression(self.sql, self.pieces, start, end, table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clause_of_a_column_is_read() {
        for column in [
            "a TEXT NOT NULL COLLATE NOCASE CONSTRAINT c UNIQUE",
            "a VARCHAR(30) DEFAULT 'it''s me' CHECK (length(a) <= 30)",
            "a DECIMAL(10, 2) NOT NULL ON CONFLICT REPLACE DEFAULT -0.5",
            "a TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP",
            "a BLOB DEFAULT (randomblob(8))",
            "a BLOB DEFAULT X'00'",
            "a INT DEFAULT (1 + 2) CHECK (t.a BETWEEN 0 AND 7)",
            "a INTEGER REFERENCES t ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED",
            "a TEXT GENERATED ALWAYS AS (coalesce(b, c)) VIRTUAL",
            "a TEXT AS (substr(b, instr(b, '@') + 1)) STORED",
            "a REAL DEFAULT 1e3",
            "a",
        ] {
            let sql = format!("CREATE TABLE t({column}, CONSTRAINT d CHECK (a IS NOT 1))");
            let read = table("t", &sql);
            assert!(read.is_some_and(|read| read.columns.len() == 1), "{column}");
        }
    }
}
