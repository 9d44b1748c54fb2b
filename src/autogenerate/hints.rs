//! Renames that a person states: `-- renamed from: old` in a desired schema, or the same by a call. Pure.

use std::borrow::Cow;
use std::ops::Range;

use super::rename::Renames;
use super::schema::{Name, Schema, Table};
use crate::dialect::{Dialect, Family};
use crate::sql::{self, Piece, PieceKind};

const HINT: &str = "renamed from:";

/// A hint that is none, or SQL that cannot be split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In bytes.
    pub offset: usize,
    pub message: String,
}

/// The hints of a schema, with names as they are written there.
///
/// A hint is a comment of its own line, or what stands behind it: directly above a `CREATE TABLE`, or behind its first
/// line, it is the table's; directly above a column, or behind it, the column's. One that stands elsewhere is a fault:
/// what it was meant for would be dropped.
pub(crate) fn read(dialect: Dialect, text: &str) -> Result<Renames, Fault> {
    let statements = sql::split(dialect, text).map_err(|error| Fault {
        offset: error.offset(),
        message: error.kind().to_string(),
    })?;
    let mut renames = Renames::default();
    // Most schemas have none, and their tokens are not looked at again.
    if !contains(text, HINT) {
        return Ok(renames);
    }
    let pieces = sql::pieces(dialect, text);
    let tables: Vec<TableText> = statements
        .iter()
        .filter_map(|statement| TableText::find(dialect, &pieces, statement.span()))
        .collect();
    let mut end = 0;
    for (next, start) in (0..).zip(
        pieces
            .iter()
            .map(|piece| piece.range.start)
            .chain([text.len()]),
    ) {
        for comment in line_comments(dialect, &text[end..start]) {
            let comment = end + comment.start..end + comment.end;
            let Some(old) = hint(&text[comment.clone()]) else {
                continue;
            };
            let fault = |message: String| Fault {
                offset: comment.start,
                message,
            };
            let Some(old_name) = name(dialect, old) else {
                return Err(fault(format!(
                    "`{HINT}` wants one name, and `{old}` is none"
                )));
            };
            let place = Comment {
                text,
                start: comment.start,
                pieces: &pieces,
                next,
            };
            let Some((table, column)) = place.owner(&tables) else {
                return Err(fault(format!(
                    "`{HINT} {old}` belongs to no table or column here: it stands directly above a `CREATE TABLE` or \
                     a column, or behind the line on which one begins"
                )));
            };
            match column {
                None => {
                    let schema = old_name.schema.or_else(|| table.name.schema.clone());
                    let old = Name { schema, ..old_name };
                    renames.tables.push((old, table.name.clone()));
                }
                Some(_) if old_name.schema.is_some() => {
                    return Err(fault(format!(
                        "`{HINT} {old}` belongs to a column, and a column's name has no dot: name the old one alone"
                    )));
                }
                Some(column) => {
                    let renamed = (table.name.clone(), old_name.name, column.to_owned());
                    renames.columns.push(renamed);
                }
            }
        }
        end = pieces.get(next).map_or(text.len(), |piece| piece.range.end);
    }
    Ok(renames)
}

/// A table's name as a person writes it, with quotes where it needs them; else the text itself is the name.
pub(crate) fn stated_name(dialect: Dialect, text: &str) -> Name {
    name(dialect, text).unwrap_or_else(|| Name::new(None, text))
}

/// A column's.
pub(crate) fn stated_column(dialect: Dialect, text: &str) -> String {
    let name = name(dialect, text).filter(|name| name.schema.is_none());
    name.map_or_else(|| text.to_owned(), |name| name.name)
}

/// The renames that mean something between the two, with names as the catalogs have them; one for each thing, the
/// first of those that were stated.
pub(crate) fn resolved(
    stated: &Renames,
    live: &Schema,
    desired: &Schema,
    current: Option<&str>,
) -> Renames {
    let dialect = desired.dialect;
    let tables: Vec<(Name, Name)> = stated
        .tables
        .iter()
        .map(|(from, to)| (known(live, from, current), known(desired, to, current)))
        .collect();
    let mut columns = Vec::with_capacity(stated.columns.len());
    for (table, from, to) in &stated.columns {
        let table = known(desired, table, current);
        let before = tables
            .iter()
            .filter(|(_, to)| *to == table)
            .find_map(|(from, _)| live.tables.get(from));
        let before = before.or_else(|| live.tables.get(&table));
        let after = desired.tables.get(&table);
        let (from, to) = (
            known_column(dialect, before, from),
            known_column(dialect, after, to),
        );
        columns.push((table, from, to));
    }
    let mut renames = Renames {
        tables,
        columns,
        ..Renames::default()
    }
    .between(live, desired);
    let mut kept: Vec<(Name, Name)> = Vec::new();
    renames.tables.retain(|(from, to)| {
        let is_first = !kept.iter().any(|(a, b)| a == from || b == to);
        kept.push((from.clone(), to.clone()));
        is_first
    });
    let mut kept: Vec<(Name, String, String)> = Vec::new();
    renames.columns.retain(|(table, from, to)| {
        let is_first = !kept
            .iter()
            .any(|(of, a, b)| of == table && (a == from || b == to));
        kept.push((table.clone(), from.clone(), to.clone()));
        is_first
    });
    renames
}

/// The catalog's spelling of a table's name.
fn known(schema: &Schema, name: &Name, current: Option<&str>) -> Name {
    let dialect = schema.dialect;
    let is_current = name
        .schema
        .as_deref()
        .zip(current)
        .is_some_and(|(one, other)| is_same(dialect, one, other));
    let name = Name {
        schema: name.schema.clone().filter(|_| !is_current),
        name: name.name.clone(),
    };
    if schema.tables.contains_key(&name) {
        return name;
    }
    let found = schema
        .tables
        .keys()
        .find(|other| other.schema == name.schema && is_same(dialect, &other.name, &name.name));
    found.cloned().unwrap_or(name)
}

fn known_column(dialect: Dialect, table: Option<&Table>, name: &str) -> String {
    let columns = || table.into_iter().flat_map(|table| &table.columns);
    let exact = columns().find(|column| column.name == name);
    let found = exact.or_else(|| columns().find(|column| is_same(dialect, &column.name, name)));
    found.map_or_else(|| name.to_owned(), |column| column.name.clone())
}

fn is_same(dialect: Dialect, one: &str, other: &str) -> bool {
    match dialect.family() {
        Family::Postgres => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

fn contains(text: &str, words: &str) -> bool {
    let (text, words) = (text.as_bytes(), words.as_bytes());
    text.windows(words.len())
        .any(|window| window.eq_ignore_ascii_case(words))
}

/// What stands behind the words of a hint, if the comment is one.
fn hint(comment: &str) -> Option<&str> {
    let words = comment.strip_prefix("--")?.trim_start();
    let (hint, rest) = words.split_at_checked(HINT.len())?;
    hint.eq_ignore_ascii_case(HINT).then(|| rest.trim())
}

/// `name` or `schema.name`, and nothing else.
fn name(dialect: Dialect, text: &str) -> Option<Name> {
    let pieces = sql::pieces(dialect, text);
    let (name, length) = name_at(dialect, &pieces)?;
    (length == pieces.len()).then_some(name)
}

/// The name that begins the pieces, and of how many it is made.
fn name_at(dialect: Dialect, pieces: &[Piece<'_>]) -> Option<(Name, usize)> {
    let part = |at: usize| Some(spelled(dialect, pieces.get(at)?)?.into_owned());
    let first = part(0)?;
    if pieces.get(1).is_none_or(|piece| piece.text != ".") {
        return Some((Name::new(None, &first), 1));
    }
    Some((Name::new(Some(&first), &part(2)?), 3))
}

/// A name as the catalog has it: PostgreSQL folds what stands without quotes.
fn spelled<'a>(dialect: Dialect, piece: &Piece<'a>) -> Option<Cow<'a, str>> {
    let name = piece.name()?;
    Some(match (dialect.family(), piece.kind) {
        (Family::Postgres, PieceKind::Word) => Cow::Owned(name.to_lowercase()),
        _ => name,
    })
}

/// The comments to the end of a line among white space and comments.
fn line_comments(dialect: Dialect, gap: &str) -> Vec<Range<usize>> {
    let ends: &[char] = match dialect {
        Dialect::Postgres => &['\n', '\r'],
        _ => &['\n'],
    };
    let mut comments = Vec::new();
    let mut at = 0;
    while at < gap.len() {
        let rest = &gap[at..];
        let line = rest.find(ends).unwrap_or(rest.len());
        if rest.starts_with("--") {
            comments.push(at..at + line);
            at += line;
        } else if rest.starts_with('#') {
            at += line;
        } else if rest.starts_with("/*") {
            at += block_length(dialect, rest);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    comments
}

/// PostgreSQL's comments stand in one another.
fn block_length(dialect: Dialect, text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] if depth == 0 || dialect.family() == Family::Postgres => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// A `CREATE TABLE`, by the numbers of its pieces.
struct TableText {
    name: Name,
    /// With the `;` behind it.
    whole: Range<usize>,
    /// What stands before the columns, with the parenthesis.
    head: Range<usize>,
    /// Name, pieces with the comma behind them.
    columns: Vec<(String, Range<usize>)>,
    /// Where the parenthesis of the columns closes.
    close: usize,
}

impl TableText {
    fn find(dialect: Dialect, pieces: &[Piece<'_>], span: Range<usize>) -> Option<TableText> {
        let start = pieces.partition_point(|piece| piece.range.start < span.start);
        let mut end = pieces.partition_point(|piece| piece.range.start < span.end);
        let own = &pieces[start..end];
        if pieces.get(end).is_some_and(|piece| piece.text == ";") {
            end += 1;
        }
        let mut at = 0;
        let mut skip = |words: &[&str]| {
            let is_there = words
                .iter()
                .enumerate()
                .all(|(offset, word)| own.get(at + offset).is_some_and(|piece| piece.is(word)));
            at += if is_there { words.len() } else { 0 };
            is_there
        };
        if !skip(&["CREATE"]) {
            return None;
        }
        skip(&["OR", "REPLACE"]);
        for word in ["GLOBAL", "LOCAL", "TEMP", "TEMPORARY", "UNLOGGED"] {
            skip(&[word]);
        }
        if !skip(&["TABLE"]) {
            return None;
        }
        skip(&["IF", "NOT", "EXISTS"]);
        let (name, length) = name_at(dialect, &own[at..])?;
        let body = at + length;
        let mut table = TableText {
            name,
            whole: start..end,
            head: start..start + body,
            columns: Vec::new(),
            close: start + body,
        };
        if own.get(body).is_some_and(|piece| piece.text == "(") {
            table.head.end += 1;
            table.read_columns(dialect, own, body + 1, start);
        }
        Some(table)
    }

    fn read_columns(&mut self, dialect: Dialect, own: &[Piece<'_>], from: usize, start: usize) {
        let mut depth = 0;
        let mut first = from;
        for (at, piece) in own.iter().enumerate().skip(from) {
            match piece.text {
                "(" => depth += 1,
                ")" if depth == 0 => {
                    self.push_column(dialect, own, first..at, start);
                    self.close = start + at;
                    return;
                }
                ")" => depth -= 1,
                "," if depth == 0 => {
                    self.push_column(dialect, own, first..at + 1, start);
                    first = at + 1;
                }
                _ => {}
            }
        }
        self.close = start + own.len();
    }

    fn push_column(
        &mut self,
        dialect: Dialect,
        own: &[Piece<'_>],
        range: Range<usize>,
        start: usize,
    ) {
        let first = own[range.clone()].first();
        let name = first
            .filter(|piece| !begins_constraint(dialect, piece))
            .and_then(|piece| spelled(dialect, piece));
        if let Some(name) = name {
            let range = start + range.start..start + range.end;
            self.columns.push((name.into_owned(), range));
        }
    }
}

/// Whether an entry of a `CREATE TABLE` is no column.
fn begins_constraint(dialect: Dialect, piece: &Piece<'_>) -> bool {
    let everywhere = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
    let here: &[&str] = match dialect.family() {
        Family::Sqlite => &[],
        Family::Postgres => &["EXCLUDE", "LIKE"],
        Family::Mysql => &["KEY", "INDEX", "FULLTEXT", "SPATIAL", "PERIOD", "LIKE"],
    };
    everywhere.iter().chain(here).any(|word| piece.is(word))
}

/// A hint among the pieces.
struct Comment<'a> {
    text: &'a str,
    start: usize,
    pieces: &'a [Piece<'a>],
    /// The piece behind it, by number.
    next: usize,
}

impl Comment<'_> {
    /// The table, and the column if it is a column's.
    fn owner<'t>(&self, tables: &'t [TableText]) -> Option<(&'t TableText, Option<&'t str>)> {
        match self.next.checked_sub(1) {
            Some(before) if self.shares_line(before) => self.owner_behind(tables, before),
            _ => {
                let table = tables
                    .iter()
                    .find(|table| table.whole.contains(&self.next))?;
                if table.whole.start == self.next {
                    return Some((table, None));
                }
                let column = table
                    .columns
                    .iter()
                    .find(|(_, range)| range.start == self.next)?;
                Some((table, Some(&column.0)))
            }
        }
    }

    fn owner_behind<'t>(
        &self,
        tables: &'t [TableText],
        before: usize,
    ) -> Option<(&'t TableText, Option<&'t str>)> {
        let table = tables.iter().find(|table| table.whole.contains(&before))?;
        if table.head.contains(&before) {
            return Some((table, None));
        }
        if before >= table.close {
            // `last INTEGER); -- …` could mean either.
            let is_own_line = self.shares_line(table.whole.start)
                || !self.shares_line(table.close.checked_sub(1)?);
            return is_own_line.then_some((table, None));
        }
        let column = table
            .columns
            .iter()
            .find(|(_, range)| range.contains(&before))?;
        Some((table, Some(&column.0)))
    }

    /// Whether no line ends between a piece and the comment.
    fn shares_line(&self, piece: usize) -> bool {
        self.pieces
            .get(piece)
            .is_some_and(|piece| !self.text[piece.range.end..self.start].contains('\n'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(dialect: Dialect, text: &str) -> String {
        match read(dialect, text) {
            Ok(renames) => {
                let tables = renames
                    .tables
                    .iter()
                    .map(|(from, to)| format!("{from} -> {to}"));
                let columns = renames
                    .columns
                    .iter()
                    .map(|(table, from, to)| format!("{table}: {from} -> {to}"));
                tables.chain(columns).collect::<Vec<_>>().join(", ")
            }
            Err(fault) => {
                let (line, column) = sql::position(text, fault.offset);
                format!("{line}:{column}: {}", fault.message)
            }
        }
    }

    #[test]
    fn a_hint_stands_above_or_behind() {
        let text = "\
-- The people.
-- renamed from: people
CREATE TABLE users ( -- all of them
    id INTEGER PRIMARY KEY, -- Renamed From: user_id
    -- renamed from: mail
    email TEXT CHECK (email LIKE '-- renamed from: no'),
    price DECIMAL(10, 2), /* -- renamed from: neither */
    name TEXT -- renamed from: \"Full Name\"
);

CREATE TABLE IF NOT EXISTS app.orders ( -- renamed from: bills
    \"Total\" INTEGER -- renamed from: sum
); -- the end
CREATE TABLE c (x INTEGER, y INTEGER); -- renamed from: old.c
CREATE TABLE d (x INTEGER
) -- renamed from: was_d
;";
        assert_eq!(
            told(Dialect::Sqlite, text),
            "people -> users, app.bills -> app.orders, old.c -> c, was_d -> d, users: user_id -> id, \
             users: mail -> email, users: Full Name -> name, app.orders: sum -> Total"
        );
    }

    #[test]
    fn names_are_as_the_catalog_has_them() {
        let text = "-- renamed from: Old\nCREATE TABLE New (\"Key\" INT -- renamed from: KEY\n);";
        assert_eq!(told(Dialect::Postgres, text), "old -> new, new: key -> Key");
        let text =
            "# renamed from: not\nCREATE TABLE a (\nKEY k (b),\n`b` INT -- renamed from: `a``b`\n)";
        assert_eq!(told(Dialect::Mysql, text), "a: a`b -> b");
        let text = "CREATE TABLE a (b INT); CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$\n-- renamed from: x\nSELECT '' $$;";
        assert_eq!(told(Dialect::Postgres, text), "");
    }

    #[test]
    fn a_hint_that_belongs_to_nothing_is_a_fault() {
        let sqlite = |text| told(Dialect::Sqlite, text);
        insta::assert_snapshot!(
            [
                sqlite("CREATE TABLE a (x INTEGER);\n-- renamed from: b\n"),
                sqlite("CREATE TABLE a (\n  x INTEGER,\n  -- renamed from: b\n  UNIQUE (x)\n);"),
                sqlite("-- renamed from: b\nCREATE VIEW a AS SELECT 1;"),
                sqlite("CREATE TABLE a (\n  x INTEGER); -- renamed from: b\n"),
                sqlite("-- renamed from: b c\nCREATE TABLE a (x INTEGER);"),
                sqlite("-- renamed from:\nCREATE TABLE a (x INTEGER);"),
                sqlite("CREATE TABLE a (\n  x INTEGER -- renamed from: a.y\n);"),
                sqlite("CREATE TABLE a (x TEXT DEFAULT 'b);"),
            ]
            .join("\n"),
            @r"
            2:1: `renamed from: b` belongs to no table or column here: it stands directly above a `CREATE TABLE` or a column, or behind the line on which one begins
            3:3: `renamed from: b` belongs to no table or column here: it stands directly above a `CREATE TABLE` or a column, or behind the line on which one begins
            1:1: `renamed from: b` belongs to no table or column here: it stands directly above a `CREATE TABLE` or a column, or behind the line on which one begins
            2:15: `renamed from: b` belongs to no table or column here: it stands directly above a `CREATE TABLE` or a column, or behind the line on which one begins
            1:1: `renamed from:` wants one name, and `b c` is none
            1:1: `renamed from:` wants one name, and `` is none
            2:13: `renamed from: a.y` belongs to a column, and a column's name has no dot: name the old one alone
            1:32: a string is not closed
            "
        );
    }
}
