//! A placeholder for a value that nobody binds: a migration's statements are run without values.
//!
//! SQLite runs such a statement with NULL for the value (<https://sqlite.org/c3ref/bind_blob.html>). The servers refuse
//! it when it runs; here it is found before anything does.

use std::ops::Range;

use super::lexer::{Backslash, Keyword, Lexeme, Lexer, Token};
use crate::dialect::{Dialect, Family};

/// The first placeholder of a statement for which its database would want a value.
///
/// Nothing is found where the statement is one that declares parameters of its own, and nothing where the character may
/// be code: PostgreSQL's operators `?` and `@`, MySQL's variables.
pub(crate) fn unbound(dialect: Dialect, statement: &str) -> Option<Range<usize>> {
    if !statement.contains(['?', ':', '$', '@', '%']) {
        return None;
    }
    let default = Backslash::by_default(dialect);
    if dialect.family() == Family::Sqlite || !statement.contains('\\') {
        return read(dialect, default, statement)?.first().cloned();
    }
    // A placeholder is one by every reading of the backslashes that is sound: else it may stand in a string.
    let readings = [default, default.other()].map(|one| read(dialect, one, statement));
    match readings {
        [Some(found), Some(other)] => found.into_iter().find(|range| other.contains(range)),
        [Some(found), None] | [None, Some(found)] => found.first().cloned(),
        [None, None] => None,
    }
}

/// Every placeholder, if nothing is left open.
fn read(dialect: Dialect, backslash: Backslash, sql: &str) -> Option<Vec<Range<usize>>> {
    let mut lexer = Lexer::reading(dialect, backslash, sql);
    let mut tokens = Vec::new();
    while let Some(lexeme) = lexer.next().ok()? {
        tokens.push(lexeme);
    }
    if lexer.stray_backslash().is_some() {
        return None;
    }
    let tokens = Tokens { sql, tokens };
    Some(match dialect.family() {
        Family::Sqlite => tokens.of_sqlite(),
        Family::Postgres => tokens.of_postgres(),
        Family::Mysql => tokens.of_mysql(),
    })
}

struct Tokens<'s> {
    sql: &'s str,
    tokens: Vec<Lexeme>,
}

/// After these words of an expression's end no operand stands: PostgreSQL reserves them.
const RESERVED: [&str; 25] = [
    "AND",
    "ASC",
    "DESC",
    "ELSE",
    "END",
    "EXCEPT",
    "FETCH",
    "FOR",
    "FROM",
    "GROUP",
    "HAVING",
    "IN",
    "INTERSECT",
    "LIMIT",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "RETURNING",
    "THEN",
    "UNION",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];

impl Tokens<'_> {
    /// `?`, `?1`, `:name`, `@name` and `$name`, wherever they stand (<https://sqlite.org/lang_expr.html#varparam>), but
    /// for the arguments of a virtual table, which are text to SQLite.
    fn of_sqlite(&self) -> Vec<Range<usize>> {
        if self.begins(&["CREATE", "VIRTUAL"]) {
            return Vec::new();
        }
        self.each(|at| match self.tokens[at].token {
            Token::Punct(b'?') => Some(self.with_word(at).unwrap_or(self.range(at))),
            Token::Punct(b':' | b'@') => self.with_word(at),
            Token::Word if self.text(at).starts_with('$') && self.text(at).len() > 1 => {
                Some(self.range(at))
            }
            _ => None,
        })
    }

    /// `?` stands nowhere but in what PREPARE is given, which is a string.
    fn of_mysql(&self) -> Vec<Range<usize>> {
        let is_trigger = self.begins(&["CREATE"]);
        self.each(|at| match self.tokens[at].token {
            Token::Punct(b'?') => Some(self.range(at)),
            // MariaDB's triggers in Oracle's language have `:NEW`.
            Token::Punct(b':') if !is_trigger && self.is_operand(at) => self.with_word(at),
            Token::Punct(b'%') if self.is_operand(at) => self.of_python(at),
            _ => None,
        })
    }

    /// `$1`, but for the statements that declare it or, as EXPLAIN (GENERIC_PLAN), want none; the drivers' placeholders
    /// where no operator can stand.
    fn of_postgres(&self) -> Vec<Range<usize>> {
        if self.begins(&["PREPARE"]) || self.begins(&["EXPLAIN"]) || self.creates_routine() {
            return Vec::new();
        }
        let is_query = self.begins_query();
        self.each(|at| match self.tokens[at].token {
            Token::Variable => Some(self.range(at)),
            Token::Punct(b'?') if is_query && self.lacks_operand(at) => Some(self.range(at)),
            Token::Punct(b':') if is_query && self.is_operand(at) => self.with_word(at),
            Token::Punct(b'%') if is_query && self.is_operand(at) => self.of_python(at),
            _ => None,
        })
    }

    fn each(&self, found: impl Fn(usize) -> Option<Range<usize>>) -> Vec<Range<usize>> {
        (0..self.tokens.len()).filter_map(found).collect()
    }

    fn text(&self, at: usize) -> &str {
        self.tokens
            .get(at)
            .map_or("", |token| &self.sql[token.start..token.end])
    }

    fn range(&self, at: usize) -> Range<usize> {
        self.tokens[at].start..self.tokens[at].end
    }

    fn keyword(&self, at: usize) -> Keyword {
        self.tokens
            .get(at)
            .map_or(Keyword::NONE, |&token| Keyword::of(token, self.sql))
    }

    fn begins(&self, words: &[&str]) -> bool {
        (0..words.len()).all(|at| self.keyword(at).as_str() == words[at])
    }

    fn begins_query(&self) -> bool {
        let first = (0..self.tokens.len()).find(|&at| self.text(at) != "(");
        matches!(
            self.keyword(first.unwrap_or_default()).as_str(),
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "WITH" | "VALUES" | "MERGE"
        )
    }

    fn creates_routine(&self) -> bool {
        let object = if self.begins(&["CREATE", "OR", "REPLACE"]) {
            3
        } else {
            1
        };
        self.begins(&["CREATE"])
            && matches!(self.keyword(object).as_str(), "FUNCTION" | "PROCEDURE")
    }

    /// The token together with the word or number that follows without a space.
    fn with_word(&self, at: usize) -> Option<Range<usize>> {
        let next = self.tokens.get(at + 1)?;
        let is_name = matches!(next.token, Token::Word | Token::Number);
        (is_name && next.start == self.tokens[at].end).then(|| self.tokens[at].start..next.end)
    }

    /// True if an operand is to begin here: behind an opening parenthesis, a comma or a comparison.
    fn is_operand(&self, at: usize) -> bool {
        at > 0
            && matches!(
                self.tokens[at - 1].token,
                Token::Punct(b'(' | b',' | b'=' | b'<' | b'>')
            )
    }

    /// True if nothing follows to which a `?` could be the operator.
    fn lacks_operand(&self, at: usize) -> bool {
        // `OPERATOR(pg_catalog.?)`
        let is_named = self.keyword(at.saturating_sub(2)).as_str() == "OPERATOR"
            || self.text(at.saturating_sub(1)) == ".";
        !is_named
            && match self.tokens.get(at + 1).map(|next| next.token) {
                None | Some(Token::Punct(b')' | b',' | b']') | Token::Delimiter) => true,
                Some(Token::Word) => RESERVED.contains(&self.keyword(at + 1).as_str()),
                _ => false,
            }
    }

    /// `%s` and `%(name)s`, as Python's drivers write them.
    fn of_python(&self, at: usize) -> Option<Range<usize>> {
        let start = self.tokens[at].start;
        let rest = &self.sql[start..];
        let name = rest
            .strip_prefix("%(")
            .map(|rest| rest.find(')').map(|end| &rest[..end]));
        let length = match name {
            Some(name) => name?.len() + "%()".len(),
            None => "%".len(),
        };
        let is_end = |rest: &str| {
            !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '('))
        };
        rest[length..]
            .strip_prefix('s')
            .is_some_and(is_end)
            .then(|| start..start + length + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(dialect: Dialect, sql: &str) -> Option<&str> {
        unbound(dialect, sql).map(|range| &sql[range])
    }

    #[test]
    fn a_placeholder_is_found() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        for (dialect, sql, placeholder) in [
            (Sqlite, "UPDATE t SET s = ?", "?"),
            (Sqlite, "UPDATE t SET s=?1", "?1"),
            (Sqlite, "UPDATE t SET s=:name", ":name"),
            (Sqlite, "UPDATE t SET s=@name", "@name"),
            (Sqlite, "UPDATE t SET s=$1", "$1"),
            (Sqlite, "UPDATE t SET s=$name", "$name"),
            (Sqlite, "INSERT INTO t VALUES ('?', \"?\", [?], ?2)", "?2"),
            (
                Sqlite,
                "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET s = ?; END",
                "?",
            ),
            (Mysql, "UPDATE t SET s=?", "?"),
            (Mariadb, "INSERT INTO t VALUES ('it\\'s ?', ?)", "?"),
            (Mysql, "UPDATE t SET s = :name", ":name"),
            (Mysql, "UPDATE t SET s=%s WHERE n=%s", "%s"),
            (Mariadb, "INSERT INTO t VALUES (1, %(name)s)", "%(name)s"),
            (Postgres, "UPDATE t SET s = $1", "$1"),
            (
                Postgres,
                "CREATE VIEW v AS SELECT * FROM t WHERE n = $12",
                "$12",
            ),
            (Postgres, "UPDATE t SET s = ?", "?"),
            (Postgres, "UPDATE t SET s=? WHERE n = 1", "?"),
            (Postgres, "INSERT INTO t VALUES (?, 1)", "?"),
            (Postgres, "UPDATE t SET s = :name", ":name"),
            (Postgres, "UPDATE t SET s = %(s)s", "%(s)s"),
            (Postgres, "SELECT j ? 'a' FROM t WHERE n = ?", "?"),
        ] {
            assert_eq!(found(dialect, sql), Some(placeholder), "{dialect}: {sql}");
        }
    }

    #[test]
    fn what_is_code_is_none() {
        use Dialect::{Mariadb, Mysql, Postgres, Sqlite};
        for (dialect, sql) in [
            (
                Sqlite,
                "UPDATE t SET s = '?1 :name @a $1', \"a?\" = [:b], `c@d` = x'00' -- ?\n",
            ),
            (Sqlite, "SELECT a$b, j ->> '$.a' FROM t"),
            (
                Sqlite,
                "CREATE VIRTUAL TABLE v USING m(a ?, :b, @c, path=$d)",
            ),
            (
                Mysql,
                "SET @x = 1, @@session.sql_mode = '?', @y := @x + 1 # ?",
            ),
            (Mysql, "PREPARE s FROM 'UPDATE t SET s = ?'"),
            (Mysql, "SELECT `a?`, \"?:a\", n % s, n %(s) FROM t"),
            (
                Mysql,
                "CREATE PROCEDURE p() BEGIN a: LOOP LEAVE a; END LOOP; END",
            ),
            (
                Mariadb,
                "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET :NEW.a = :NEW.b",
            ),
            (Mariadb, "INSERT INTO t VALUES ('it\\'s ? and \\\\', 1)"),
            (
                Postgres,
                "SELECT j ? 'a', j ?| ARRAY['b'], j ?& k, j @? '$.a', @ -1, @n FROM t",
            ),
            (
                Postgres,
                "SELECT j OPERATOR(pg_catalog.?) 'a', j OPERATOR(?) 'b', a[:n], a[1:n] FROM t",
            ),
            (Postgres, "SELECT '1'::int, f(a := 1), n %(s), n % s FROM t"),
            (Postgres, "SELECT JSON_OBJECT('a' :n, 'b': $$?$$, k :v)"),
            (Postgres, "CREATE OPERATOR ? (FUNCTION = f, COMMUTATOR = ?)"),
            (Postgres, "DROP OPERATOR ? (jsonb, text)"),
            (Postgres, "EXPLAIN (GENERIC_PLAN) SELECT $1"),
            (Postgres, "PREPARE p AS UPDATE t SET s = $1"),
            (
                Postgres,
                "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql RETURN $1 + 1",
            ),
            (
                Postgres,
                "CREATE OR REPLACE PROCEDURE f(int) BEGIN ATOMIC INSERT INTO t VALUES ($1); END",
            ),
            (Postgres, "DO $$ BEGIN EXECUTE 'SELECT $1' USING 1; END $$"),
            (
                Postgres,
                "SELECT a$1, E'it\\'s $1', '\\' || '?', $a$ ? $1 $a$ FROM t",
            ),
        ] {
            assert_eq!(found(dialect, sql), None, "{dialect}: {sql}");
        }
    }
}
