//! What stands in the catalog's texts: the database's own name, names of other things, escapes. Pure.

use std::collections::BTreeSet;

use crate::dialect::Dialect;
use crate::sql::{self, Piece};

const DIALECT: Dialect = Dialect::Mariadb;

/// The names by which a database's own objects may be called in its texts: its own, and on a scratch database the live
/// one's, which the desired schema may have named.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub names: BTreeSet<String>,
}

impl Own {
    pub(super) fn is(&self, database: &str) -> bool {
        self.names.contains(database)
    }

    /// `sql` with the own database's name taken away before the names of objects. `objects` decides where an alias is
    /// called as the database is, and `alias.column` looks like `database.table`.
    pub(super) fn strip(&self, sql: &str, objects: &BTreeSet<String>) -> String {
        if !self.names.iter().any(|name| sql.contains(name.as_str())) {
            return sql.to_owned();
        }
        let pieces = sql::pieces(DIALECT, sql);
        let is_own = |piece: &Piece<'_>| piece.name().is_some_and(|name| self.is(&name));
        let is_dot = |at: usize| pieces.get(at).is_some_and(|piece| piece.text == ".");
        let has_alias = (0..pieces.len())
            .any(|at| is_own(&pieces[at]) && !is_dot(at + 1) && !(at > 0 && is_dot(at - 1)));
        let mut stripped = String::with_capacity(sql.len());
        let mut copied = 0;
        for (at, piece) in pieces.iter().enumerate() {
            if !is_own(piece) || !is_dot(at + 1) || (at > 0 && is_dot(at - 1)) {
                continue;
            }
            let Some(next) = pieces.get(at + 2).and_then(Piece::name) else {
                continue;
            };
            if has_alias && !is_dot(at + 3) && !objects.contains(next.as_ref()) {
                continue;
            }
            stripped.push_str(&sql[copied..piece.range.start]);
            copied = pieces[at + 2].range.start;
        }
        stripped.push_str(&sql[copied..]);
        stripped
    }
}

/// All names in `sql`, in quotes or without.
pub(super) fn names(sql: &str) -> BTreeSet<String> {
    let pieces = sql::pieces(DIALECT, sql);
    let names = pieces.iter().filter_map(Piece::name);
    names.map(|name| name.into_owned()).collect()
}

/// `text` as a string literal where the grammar takes nothing else, such as in COMMENT. As all of limbeck's reading of
/// MySQL's SQL it holds while `sql_mode` is without `NO_BACKSLASH_ESCAPES`.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\'', "''")
        .replace('\0', "\\0");
    format!("'{escaped}'")
}

/// MySQL's catalog gives expressions with their quotes escaped.
pub(super) fn unescaped(dialect: Dialect, expression: &str) -> String {
    match dialect {
        Dialect::Mysql => expression.replace("\\'", "'"),
        _ => expression.to_owned(),
    }
}

/// The values of an `enum(…)` or `set(…)`, without quotes; empty for other types.
pub(super) fn values(data_type: &str) -> Vec<String> {
    let inner = data_type
        .strip_prefix("enum(")
        .or_else(|| data_type.strip_prefix("set("));
    let Some(inner) = inner else {
        return Vec::new();
    };
    let mut values = Vec::new();
    let mut rest = inner.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '\'' {
            continue;
        }
        let mut value = String::new();
        while let Some(inside) = rest.next() {
            if inside == '\'' {
                if rest.peek() != Some(&'\'') {
                    break;
                }
                rest.next();
            }
            value.push(inside);
        }
        values.push(value);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_name_goes_and_an_aliass_stays() {
        let own = Own {
            names: ["p1".to_owned()].into(),
        };
        let objects: BTreeSet<String> = ["t".to_owned(), "v1".to_owned()].into();
        let strip = |sql| own.strip(sql, &objects);
        assert_eq!(
            strip("select `p1`.`t`.`a` from `p1`.`t`"),
            "select `t`.`a` from `t`"
        );
        assert_eq!(strip("nextval(`p1`.`sq`)"), "nextval(`sq`)");
        assert_eq!(strip("`x`.`p1`.`t` = 'p1.t'"), "`x`.`p1`.`t` = 'p1.t'");
        assert_eq!(
            strip("select `p1`.`v1`.`a`, `p1`.`b` from (`p1`.`v1` `p1` join `p1`.`v1`)"),
            "select `v1`.`a`, `p1`.`b` from (`v1` `p1` join `v1`)"
        );
    }

    #[test]
    fn values_are_read_with_their_quotes() {
        assert_eq!(values("enum('a','b''c','d,e')"), ["a", "b'c", "d,e"]);
        assert!(values("int(11)").is_empty());
    }
}
