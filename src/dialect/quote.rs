//! The one place where a name or a value becomes SQL text.

use std::fmt::Write as _;

use super::repertoire::ascii;
use super::{Dialect, Family};

impl Dialect {
    /// `name` as a quoted identifier, whatever it holds.
    ///
    /// ```
    /// assert_eq!(limbeck::Dialect::Postgres.ident("a\"b"), r#""a""b""#);
    /// assert_eq!(limbeck::Dialect::Mariadb.ident("order"), "`order`");
    /// ```
    #[must_use]
    pub fn ident(self, name: &str) -> String {
        let quote = if self.is_mysql_family() { '`' } else { '"' };
        let mut quoted = String::with_capacity(name.len() + 2);
        quoted.push(quote);
        for character in name.chars() {
            if character == quote {
                quoted.push(quote);
            }
            quoted.push(character);
        }
        quoted.push(quote);
        quoted
    }

    /// `value` as a string literal that means the same under every setting of the session: PostgreSQL's
    /// `standard_conforming_strings` and MySQL's `sql_mode` (`NO_BACKSLASH_ESCAPES`) included.
    ///
    /// No server stores a NUL in a text column: it is written as U+FFFD.
    pub(crate) fn literal(self, value: &str) -> String {
        // Beside quotes: MySQL reads what is not ASCII by the session's character set, which a migration may set.
        // And an empty one may be NULL to it, under `EMPTY_STRING_IS_NULL`.
        let plain = !value.contains(['\'', '\\', '\0'])
            && (!self.is_mysql_family() || (value.is_ascii() && !value.is_empty()));
        match self.family() {
            _ if plain => format!("'{value}'"),
            Family::Sqlite => format!("'{}'", value.replace('\0', "\u{fffd}").replace('\'', "''")),
            Family::Postgres => {
                let escaped = value
                    .replace('\0', "\u{fffd}")
                    .replace('\\', "\\\\")
                    .replace('\'', "''");
                format!("E'{escaped}'")
            }
            Family::Mysql => {
                let mut literal = String::with_capacity(value.len() * 2 + 32);
                literal.push_str("CONVERT(X'");
                for byte in value.replace('\0', "\u{fffd}").bytes() {
                    write!(literal, "{byte:02x}").expect("a String takes every write");
                }
                literal.push_str("' USING utf8mb4)");
                literal
            }
        }
    }

    /// A call of one of the server's own aggregates, whatever the search_path has of that name.
    pub(crate) fn aggregate(self, call: &str) -> String {
        match self.family() {
            Family::Postgres => format!("pg_catalog.{call}"),
            _ => call.to_owned(),
        }
    }

    /// [`Dialect::literal`], or `NULL`.
    pub(crate) fn literal_or_null(self, value: Option<&str>) -> String {
        value.map_or_else(|| "NULL".to_owned(), |value| self.literal(value))
    }

    /// `expression` as text that compares and unites with all other text of limbeck's queries.
    pub(crate) fn text(self, expression: &str) -> String {
        match self.family() {
            Family::Sqlite => format!("CAST({expression} AS TEXT)"),
            Family::Postgres => format!("({expression})::pg_catalog.text"),
            Family::Mysql => {
                format!("CONVERT({expression} USING utf8mb4) COLLATE utf8mb4_bin")
            }
        }
    }
}

/// `text` as it may stand in a comment to the end of the line, on every database and in every client: with a
/// space for each character that ends a line somewhere, or that changes how a terminal shows the rest. Tabs stay.
pub(crate) fn comment(text: &str) -> String {
    let is_harmless = |character: char| match character {
        '\t' => true,
        // Line and paragraph separators, and what turns the direction of writing.
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        character => !character.is_control(),
    };
    text.chars()
        .map(|character| {
            if is_harmless(character) {
                character
            } else {
                ' '
            }
        })
        .collect()
}

/// A comment that shows in the server's list of sessions who runs this message. It cannot end early and
/// holds no line break, so that what follows keeps its lines, and no character that an encoding could lack.
pub(crate) fn marker(words: &str) -> String {
    let harmless = comment(words).replace("*/", "* /").replace("/*", "/ *");
    let harmless = ascii(&harmless);
    format!("/* limbeck {harmless} */ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_double_their_quote() {
        assert_eq!(Dialect::Postgres.ident(r#"a"b"#), r#""a""b""#);
        assert_eq!(Dialect::Mysql.ident("a`b"), "`a``b`");
    }

    #[test]
    fn literals_survive_quotes_backslashes_and_nul() {
        assert_eq!(Dialect::Sqlite.literal("it's \\"), "'it''s \\'");
        assert_eq!(Dialect::Postgres.literal("it's \\"), "E'it''s \\\\'");
        assert_eq!(
            Dialect::Mariadb.literal("'"),
            "CONVERT(X'27' USING utf8mb4)"
        );
        assert_eq!(Dialect::Sqlite.literal("\0"), "'\u{fffd}'");
        assert_eq!(Dialect::Mysql.literal("plain"), "'plain'");
        assert_eq!(
            Dialect::Mysql.literal("é"),
            "CONVERT(X'c3a9' USING utf8mb4)"
        );
    }

    #[test]
    fn a_comment_stays_on_its_line() {
        assert_eq!(comment("it's\tplain: é"), "it's\tplain: é");
        let ends = "\n\r\u{b}\u{c}\0\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}";
        for end in ends.chars() {
            assert_eq!(comment(&format!("a{end}b")), "a b", "{end:?}");
        }
    }

    #[test]
    fn a_marker_cannot_be_closed_or_nested_from_inside() {
        assert_eq!(marker("a */ b /* c\nd"), "/* limbeck a * / b / * c d */ ");
    }
}
