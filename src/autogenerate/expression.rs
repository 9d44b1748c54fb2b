//! A piece of SQL that is compared.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::dialect::Dialect;
use crate::sql::{self, Piece, PieceKind};

/// SQL as it is written, compared by what it means as far as that shows without a parser.
///
/// PostgreSQL and MariaDB give expressions back in their own words, and are compared to the letter. SQLite keeps
/// what was written: there white space, comments, the case of words and needless quotes do not count.
#[derive(Debug, Clone)]
pub(crate) struct Sql {
    text: String,
    /// None where it is the text.
    key: Option<String>,
}

impl Sql {
    /// Compared to the letter.
    pub(crate) fn exact(text: impl Into<String>) -> Self {
        Sql {
            text: text.into(),
            key: None,
        }
    }

    /// Compared token by token.
    pub(crate) fn tokens(dialect: Dialect, text: impl Into<String>) -> Self {
        let text = text.into();
        let key = key(dialect, &text);
        Sql {
            text,
            key: Some(key),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The names in it, unquoted or in the quotes of names, without those. Keywords are among them.
    pub(crate) fn names(&self, dialect: Dialect) -> Vec<String> {
        let pieces = sql::pieces(dialect, &self.text);
        let names = pieces.iter().filter_map(Piece::name);
        names.map(Cow::into_owned).collect()
    }

    /// With every name that is `from` replaced; case is ignored where the database ignores it.
    pub(crate) fn renamed(&self, dialect: Dialect, from: &str, to: &str) -> Sql {
        self.with_names(dialect, &[(from.to_owned(), to.to_owned())])
    }

    /// The same of several names at once, each `(from, to)`.
    pub(crate) fn with_names(&self, dialect: Dialect, names: &[(String, String)]) -> Sql {
        let new_name = |name: &str| {
            let mut names = names.iter();
            let found = names.find(|(from, _)| match dialect {
                Dialect::Postgres => name == from,
                _ => name.eq_ignore_ascii_case(from),
            });
            found.map(|(_, to)| to.as_str())
        };
        let mut text = String::with_capacity(self.text.len());
        let mut copied = 0;
        for piece in sql::pieces(dialect, &self.text) {
            // MySQL's and MariaDB's quote all names of columns and tables: a word is a function or keyword.
            let may_be = !dialect.is_mysql_family() || piece.kind == PieceKind::Quoted;
            let Some(to) = piece
                .name()
                .filter(|_| may_be)
                .and_then(|name| new_name(&name))
            else {
                continue;
            };
            text.push_str(&self.text[copied..piece.range.start]);
            if is_plain(to) && piece.kind == PieceKind::Word {
                text.push_str(to);
            } else {
                text.push_str(&dialect.ident(to));
            }
            copied = piece.range.end;
        }
        if copied == 0 {
            return self.clone();
        }
        text.push_str(&self.text[copied..]);
        match self.key {
            None => Sql::exact(text),
            Some(_) => Sql::tokens(dialect, text),
        }
    }

    fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.text)
    }
}

impl PartialEq for Sql {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Sql {}

impl Hash for Sql {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a name needs no quotes, unless it is a keyword.
fn is_plain(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Tokens joined by one space; names in lower case, without quotes where they need none.
fn key(dialect: Dialect, text: &str) -> String {
    let words = sql::pieces(dialect, text).into_iter().map(|piece| {
        let name = piece.name().map(|name| name.to_ascii_lowercase());
        match name {
            Some(name) if is_plain(&name) => name,
            Some(name) => dialect.ident(&name),
            None => piece.text.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_compared_and_not_their_form() {
        let sql = |text| Sql::tokens(Dialect::Sqlite, text);
        assert_eq!(sql("A > 0"), sql("\"a\">0 -- positive\n"));
        assert_eq!(sql("[A] > 0"), sql("`a`>0"));
        assert_eq!(sql("[a b]"), sql("\"A B\""));
        assert_ne!(sql("a = 'X'"), sql("a = 'x'"));
        assert_ne!(sql("a > 0"), sql("a > 1"));
    }

    #[test]
    fn names_are_replaced_and_strings_are_not() {
        let sql = Sql::exact("CHECK ((old > 0) AND (x <> 'old') AND (\"old\" < olden))");
        assert_eq!(
            sql.renamed(Dialect::Postgres, "old", "fresh").as_str(),
            "CHECK ((fresh > 0) AND (x <> 'old') AND (\"fresh\" < olden))"
        );
        let odd = Sql::exact("CHECK (old > 0)");
        assert_eq!(
            odd.renamed(Dialect::Postgres, "old", "New One").as_str(),
            "CHECK (\"New One\" > 0)"
        );
    }
}
