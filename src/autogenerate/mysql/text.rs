//! What stands in the catalog's texts: the database's own name, names of other things, escapes. Pure.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::sql::{self, Piece, PieceKind};

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

/// `text` as a string literal where the grammar takes nothing else, such as in COMMENT, in one line. As all of limbeck's
/// reading of MySQL's SQL it holds while `sql_mode` is without `NO_BACKSLASH_ESCAPES`.
pub(super) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        match character {
            '\\' => literal.push_str("\\\\"),
            '\'' => literal.push_str("''"),
            '\0' => literal.push_str("\\0"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// An expression of the catalog's as it stands in SQL.
///
/// In MySQL's catalog each of its bytes stands there as one character, so that UTF-8 is encoded twice, and all of it has
/// the escapes of a literal.
pub(super) fn expression(dialect: Dialect, catalog: &str) -> String {
    if dialect == Dialect::Mariadb {
        return with_doubled_quotes(catalog);
    }
    let text = without_escapes(catalog);
    let sql = match bytes(&text) {
        Some(bytes) => String::from_utf8(bytes).ok().or_else(|| with_bytes(&text)),
        // No byte is that large: this server has encoded it once.
        None => None,
    };
    with_doubled_quotes(&sql.unwrap_or(text))
}

/// The servers escape a quote in a literal by a backslash. Two quotes mean the same under every `sql_mode`, and no other
/// end of the statement can be read out of them.
pub(super) fn with_doubled_quotes(sql: &str) -> String {
    if !sql.contains("\\'") {
        return sql.to_owned();
    }
    let mut doubled = String::with_capacity(sql.len());
    let mut copied = 0;
    for piece in sql::pieces(DIALECT, sql) {
        if piece.kind != PieceKind::Text {
            continue;
        }
        doubled.push_str(&sql[copied..piece.range.start]);
        copied = piece.range.end;
        let mut characters = piece.text.chars();
        while let Some(character) = characters.next() {
            match (character, character == '\\') {
                (_, true) => match characters.next() {
                    Some('\'') => doubled.push_str("''"),
                    Some(other) => doubled.extend(['\\', other]),
                    None => doubled.push('\\'),
                },
                (other, false) => doubled.push(other),
            }
        }
    }
    doubled.push_str(&sql[copied..]);
    doubled
}

fn without_escapes(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('0') => '\0',
                Some('Z') => '\u{1a}',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    plain
}

/// The bytes of which each stands there as a character.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let bytes = text.chars().map(|one| u8::try_from(u32::from(one)).ok());
    bytes.collect()
}

/// Where a literal of another character set (`_latin1'…'`) holds bytes that are no UTF-8, they are written in hex. None
/// where anything else does: then no text was encoded twice.
fn with_bytes(text: &str) -> Option<String> {
    let pieces = sql::pieces(Dialect::Mysql, text);
    let mut sql = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, piece) in pieces.iter().enumerate() {
        let plain = String::from_utf8(bytes(&text[copied..piece.range.start])?).ok()?;
        sql.push_str(&plain);
        copied = piece.range.end;
        match String::from_utf8(bytes(piece.text)?) {
            Ok(plain) => sql.push_str(&plain),
            Err(_) => {
                let introducer = at.checked_sub(1).map(|before| pieces[before].text)?;
                let inner = piece.text.strip_prefix('\'')?.strip_suffix('\'')?;
                if !introducer.starts_with('_') || introducer.starts_with("_utf8") {
                    return None;
                }
                sql.push_str(" 0x");
                for byte in bytes(&without_escapes(&inner.replace("''", "'")))? {
                    write!(sql, "{byte:02X}").expect("a String takes every write");
                }
            }
        }
    }
    sql.push_str(&String::from_utf8(bytes(&text[copied..])?).ok()?);
    Some(sql)
}

/// `template` with the character of four bytes in the place of every `????` that it has for one: as `text` has it, where
/// it occurs there.
pub(super) fn filled(template: &str, text: &str) -> Option<String> {
    let starts = text.char_indices().map(|(at, _)| at);
    starts.into_iter().find_map(|start| {
        let mut rest = &text[start..];
        let mut wanted = template;
        while !wanted.is_empty() {
            let next = rest.chars().next()?;
            if let Some(behind) = wanted.strip_prefix("????").filter(|_| next.len_utf8() == 4) {
                wanted = behind;
            } else {
                wanted = wanted.strip_prefix(next)?;
            }
            rest = &rest[next.len_utf8()..];
        }
        Some(text[start..text.len() - rest.len()].to_owned())
    })
}

/// What a constraint is called after its table was renamed, where the server calls it otherwise then: one that it named
/// after the table, or that is named as it would.
pub(in crate::autogenerate) fn renamed_with_table(
    dialect: Dialect,
    name: &str,
    from: &str,
    to: &str,
) -> Option<String> {
    let kinds: &[&str] = match dialect {
        Dialect::Mysql => &["_ibfk_", "_chk_"],
        Dialect::Mariadb => &["_ibfk_"],
        _ => return None,
    };
    let rest = name.strip_prefix(from)?;
    let number = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    (!number.is_empty()).then(|| format!("{to}{rest}"))
}

/// A partitioning with a column's new name: in what stands in the first parentheses behind `BY`.
pub(in crate::autogenerate) fn partition_renamed(clause: &str, from: &str, to: &str) -> String {
    let pieces = sql::pieces(DIALECT, clause);
    let is_plain = |name: &str| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    let mut renamed = String::with_capacity(clause.len());
    let mut copied = 0;
    let mut waits = false;
    let mut depth = 0_usize;
    for (at, piece) in pieces.iter().enumerate() {
        waits |= piece.is("BY");
        match piece.text {
            "(" if waits || depth > 0 => (depth, waits) = (depth + 1, false),
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let calls = pieces.get(at + 1).is_some_and(|next| next.text == "(");
        let is_from = || {
            piece
                .name()
                .is_some_and(|name| name.eq_ignore_ascii_case(from))
        };
        if depth == 0 || calls || !is_from() {
            continue;
        }
        renamed.push_str(&clause[copied..piece.range.start]);
        copied = piece.range.end;
        match piece.kind == PieceKind::Word && is_plain(to) {
            true => renamed.push_str(to),
            false => renamed.push_str(&DIALECT.ident(to)),
        }
    }
    renamed.push_str(&clause[copied..]);
    renamed
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
    fn what_the_catalog_encodes_twice_is_read() {
        let mysql = |text| expression(Dialect::Mysql, text);
        assert_eq!(
            mysql(r"(`a` <> _utf8mb4\'it\\\'s\')"),
            r"(`a` <> _utf8mb4'it''s')"
        );
        assert_eq!(mysql(r"_utf8mb4\'^\\\\d+$\'"), r"_utf8mb4'^\\d+$'");
        assert_eq!(mysql("_utf8mb4\\'\u{e2}\u{82}\u{ac}\\'"), "_utf8mb4'€'");
        assert_eq!(
            mysql("`\u{c3}\u{a9}` = _utf8mb4\\'\u{f0}\u{9f}\u{98}\u{80}\\'"),
            "`é` = _utf8mb4'😀'"
        );
        assert_eq!(
            mysql("`\u{c3}\u{a9}` = _latin1\\'\u{e9}\\\\\\'\\'"),
            "`é` = _latin1 0xE927"
        );
        // Encoded once.
        assert_eq!(mysql("`é` = _utf8mb4\\'€\\'"), "`é` = _utf8mb4'€'");
        assert_eq!(mysql("`é` = _utf8mb4\\'é\\'"), "`é` = _utf8mb4'é'");
    }

    #[test]
    fn question_marks_are_filled_in() {
        let text = "  CONSTRAINT `c` CHECK (`a` <> '😀' and `b` <> '????'),";
        let template = "`a` <> '????' and `b` <> '????'";
        assert_eq!(
            filled(template, text).as_deref(),
            Some("`a` <> '😀' and `b` <> '????'")
        );
        assert_eq!(filled("`c` <> '????'", text), None);
    }

    #[test]
    fn what_is_named_after_a_table_or_column_is_renamed() {
        let clause = "PARTITION BY RANGE (year(`a`) + a)\nSUBPARTITION BY HASH (a)\n(PARTITION a VALUES LESS THAN (10))";
        assert_eq!(
            partition_renamed(clause, "a", "x"),
            "PARTITION BY RANGE (year(`x`) + x)\nSUBPARTITION BY HASH (x)\n(PARTITION a VALUES LESS THAN (10))"
        );
        let renamed = |dialect, name| renamed_with_table(dialect, name, "old", "new");
        assert_eq!(
            renamed(Dialect::Mysql, "old_chk_2").as_deref(),
            Some("new_chk_2")
        );
        assert_eq!(renamed(Dialect::Mariadb, "old_chk_2"), None);
        assert_eq!(
            renamed(Dialect::Mariadb, "old_ibfk_1").as_deref(),
            Some("new_ibfk_1")
        );
        assert_eq!(
            renamed(Dialect::Mysql, "old_chk_x").as_deref(),
            Some("new_chk_x")
        );
        assert_eq!(renamed(Dialect::Mysql, "old_chk_"), None);
    }

    #[test]
    fn a_literal_stands_in_one_line() {
        assert_eq!(quoted("it's\n\\d\r\0"), r"'it''s\n\\d\r\0'");
    }

    #[test]
    fn values_are_read_with_their_quotes() {
        assert_eq!(values("enum('a','b''c','d,e')"), ["a", "b'c", "d,e"]);
        assert!(values("int(11)").is_empty());
    }
}
