//! A column with all that stands behind its name.

use super::super::lower::is_value_word;
use super::super::names::ident;
use super::Reader;
use super::text::{closing, expression};
use crate::autogenerate::expression::Sql;
use crate::autogenerate::schema::{Column, ConstraintKind, Generated};
use crate::dialect::Dialect;
use crate::sql::PieceKind;

/// A column's type ends before one of these.
const AFTER_TYPE: [&str; 11] = [
    "CONSTRAINT",
    "PRIMARY",
    "NOT",
    "NULL",
    "UNIQUE",
    "CHECK",
    "DEFAULT",
    "COLLATE",
    "REFERENCES",
    "AS",
    "DEFERRABLE",
];

impl Reader<'_> {
    pub(super) fn column(&mut self) -> Option<()> {
        let name = self.name()?;
        let mut column = Column::new(&name, "");
        column.data_type = self.data_type();
        self.name = None;
        while let Some(piece) = self.peek() {
            if piece.text == "," {
                break;
            }
            if self.take("CONSTRAINT") {
                self.name = Some(self.name()?);
                continue;
            }
            self.column_constraint(&mut column)?;
            self.name = None;
        }
        self.table.columns.push(column);
        Some(())
    }

    fn data_type(&mut self) -> String {
        let mut words: Vec<&str> = Vec::new();
        while let Some(piece) = self.peek() {
            let is_word = match piece.kind {
                PieceKind::Word => !AFTER_TYPE.iter().any(|word| piece.is(word)),
                PieceKind::Quoted | PieceKind::Text => true,
                PieceKind::Other => false,
            };
            if !is_word {
                break;
            }
            words.push(piece.text);
            self.at += 1;
        }
        let is = |word: Option<&&str>, keyword| {
            word.is_some_and(|word: &&str| word.eq_ignore_ascii_case(keyword))
        };
        if self.next_is("AS")
            && is(words.last(), "ALWAYS")
            && is(words.get(words.len().wrapping_sub(2)), "GENERATED")
        {
            words.truncate(words.len() - 2);
        }
        let mut text = words.join(" ");
        if !words.is_empty()
            && let Some((start, end)) = self.group()
        {
            text.push('(');
            text.extend(self.pieces[start..end].iter().map(|piece| piece.text));
            text.push(')');
        }
        text
    }

    fn column_constraint(&mut self, column: &mut Column) -> Option<()> {
        let here = || vec![column.name.clone()];
        if self.take("NOT") {
            if self.take("DEFERRABLE") {
                self.deferred();
                return Some(());
            }
            self.take("NULL").then_some(())?;
            column.nullable = false;
            if let Some(action) = self.on_conflict()? {
                column.attributes.insert("not_null_on_conflict", action);
            }
        } else if self.take("NULL") {
            self.on_conflict()?;
        } else if self.take("PRIMARY") {
            self.take("KEY").then_some(())?;
            let descending = self.take("DESC");
            if descending {
                self.desc_key = Some(column.name.clone());
            } else {
                self.take("ASC");
            }
            let mut definition = format!("PRIMARY KEY ({}", ident(&column.name));
            definition.push_str(if descending { " DESC)" } else { ")" });
            let columns = here();
            if let Some(action) = self.on_conflict()? {
                definition.push_str(&format!(" ON CONFLICT {action}"));
            }
            if self.take("AUTOINCREMENT") {
                column.attributes.insert("autoincrement", "true".to_owned());
            }
            self.push(ConstraintKind::Primary, definition, columns, None);
        } else if self.take("UNIQUE") {
            let mut definition = format!("UNIQUE ({})", ident(&column.name));
            let columns = here();
            if let Some(action) = self.on_conflict()? {
                definition.push_str(&format!(" ON CONFLICT {action}"));
            }
            self.push(ConstraintKind::Unique, definition, columns, None);
        } else if self.take("CHECK") {
            self.check()?;
        } else if self.take("DEFAULT") {
            column.default = Some(self.default()?);
        } else if self.take("COLLATE") {
            let name = self.name()?;
            column.collation = (!name.eq_ignore_ascii_case("BINARY")).then_some(name);
        } else if self.take("REFERENCES") {
            let columns = here();
            self.references(columns)?;
        } else if self.take("DEFERRABLE") {
            // Of the reference before it, which reads its own: a second one is no SQL.
            self.deferred();
        } else {
            if self.take("GENERATED") {
                self.take("ALWAYS").then_some(())?;
            }
            self.take("AS").then_some(())?;
            let text = self.expression()?;
            let stored = self.take("STORED");
            if !stored {
                self.take("VIRTUAL");
            }
            column.generated = Some(Generated {
                expression: Sql::tokens(Dialect::Sqlite, text),
                stored,
            });
        }
        Some(())
    }

    /// Without parentheses around the whole, and a name as the string that SQLite takes it for.
    fn default(&mut self) -> Option<Sql> {
        if self.peek()?.text == "(" {
            let (mut start, mut end) = self.group()?;
            while start + 1 < end
                && self.pieces[start].text == "("
                && closing(self.pieces, start) == Some(end - 1)
            {
                (start, end) = (start + 1, end - 1);
            }
            let text = expression(self.sql, self.pieces, start, end, &self.table.name.name);
            return Some(Sql::tokens(Dialect::Sqlite, text));
        }
        let mut text = String::new();
        if matches!(self.peek()?.text, "-" | "+") {
            text.push_str(self.peek()?.text);
            self.at += 1;
        }
        let piece = self.peek()?;
        self.at += 1;
        // A blob is a word and a string to the lexer.
        let blob = self.peek().filter(|next| {
            piece.is("X") && next.kind == PieceKind::Text && next.range.start == piece.range.end
        });
        if let Some(bytes) = blob {
            self.at += 1;
            let text = format!("x{}", bytes.text);
            return Some(Sql::tokens(Dialect::Sqlite, text));
        }
        match piece.kind {
            PieceKind::Quoted => text.push_str(&Dialect::Sqlite.literal(&piece.name()?)),
            PieceKind::Word if !is_value_word(piece.text) => {
                text.push_str(&Dialect::Sqlite.literal(piece.text));
            }
            PieceKind::Other => {
                // So is a number of several parts: `0`, `.`, `5e`, `-`, `3`.
                let mut end = piece.range.end;
                while let Some(next) = self.peek()
                    && next.range.start == end
                    && !matches!(next.text, "," | ")")
                {
                    end = next.range.end;
                    self.at += 1;
                }
                text.push_str(&self.sql[piece.range.start..end]);
            }
            _ => text.push_str(piece.text),
        }
        Some(Sql::tokens(Dialect::Sqlite, text))
    }
}
