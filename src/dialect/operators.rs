//! PostgreSQL: every operator of limbeck's own statements by its full name. A plain `=` is looked up along the
//! search_path, where an operator that fits the types more closely goes before the server's own: whoever may
//! create one in a schema of that path could make limbeck's statements mean something else.

use std::borrow::Cow;

use super::{Dialect, Family};

/// The operators that limbeck's statements use, longest first.
const OPERATORS: [(&str, &str); 6] = [
    (" <> ", " OPERATOR(pg_catalog.<>) "),
    (" || ", " OPERATOR(pg_catalog.||) "),
    (" LIKE ", " OPERATOR(pg_catalog.~~) "),
    (" = ", " OPERATOR(pg_catalog.=) "),
    (" + ", " OPERATOR(pg_catalog.+) "),
    (" > ", " OPERATOR(pg_catalog.>) "),
];

/// The lists that limbeck's statements use: `IN` compares with a plain `=`.
const LISTS: [(&str, &str); 2] = [
    (" NOT IN (", " OPERATOR(pg_catalog.<>) ALL (ARRAY["),
    (" IN (", " OPERATOR(pg_catalog.=) ANY (ARRAY["),
];

/// A statement of limbeck's own as it is sent to this database.
pub(crate) fn own(dialect: Dialect, statement: &str) -> Cow<'_, str> {
    match dialect.family() {
        Family::Postgres => full_names(statement).into(),
        _ => statement.into(),
    }
}

/// The same statement with its operators' full names. It knows limbeck's own way of writing, with a space on
/// either side of an operator, and nothing else: a user's statement never comes here.
fn full_names(statement: &str) -> String {
    // An assignment, and nothing that is looked up.
    if statement.starts_with("SET ") {
        return statement.to_owned();
    }
    let mut full = String::with_capacity(statement.len() + 64);
    // What closes each open parenthesis.
    let mut open: Vec<&str> = Vec::new();
    // How deep the list of assignments of an UPDATE stands.
    let mut assigning: Option<usize> = None;
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        if matches!(first, '\'' | '"') {
            let is_escaped = first == '\'' && full.ends_with('E');
            let (quoted, behind) = rest.split_at(quoted_length(rest, first, is_escaped));
            full.push_str(quoted);
            rest = behind;
            continue;
        }
        if rest.starts_with(" SET ") {
            assigning = Some(open.len());
        } else if rest.starts_with(" WHERE ") && assigning == Some(open.len()) {
            assigning = None;
        }
        if let Some((list, written)) = LISTS.iter().find(|(list, _)| rest.starts_with(list)) {
            full.push_str(written);
            open.push("])");
            rest = &rest[list.len()..];
            continue;
        }
        let operator = OPERATORS
            .iter()
            .find(|(operator, _)| rest.starts_with(operator));
        let operator =
            operator.filter(|(plain, _)| *plain != " = " || assigning != Some(open.len()));
        if let Some((plain, written)) = operator {
            full.push_str(written);
            rest = &rest[plain.len()..];
            continue;
        }
        match first {
            '(' => {
                open.push(")");
                full.push('(');
            }
            ')' => {
                full.push_str(open.pop().unwrap_or(")"));
                assigning = assigning.filter(|depth| *depth <= open.len());
            }
            _ => full.push(first),
        }
        rest = &rest[first.len_utf8()..];
    }
    full
}

/// The length of what stands in quotes at the beginning of a text, the quotes included.
fn quoted_length(text: &str, quote: char, is_escaped: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if is_escaped && character == '\\' {
            let _ = characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return index + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_get_their_full_names_and_assignments_stay() {
        let cases = [
            (
                "WITH c AS (UPDATE t SET a = 1, b = b + 1 WHERE c = E'\\' = ''' AND d IN ('x', ' = ') RETURNING 1) \
                 SELECT CASE WHEN (SELECT pg_catalog.count(*) FROM c) = 1 THEN 1 END",
                "WITH c AS (UPDATE t SET a = 1, b = b OPERATOR(pg_catalog.+) 1 WHERE c OPERATOR(pg_catalog.=) \
                 E'\\' = ''' AND d OPERATOR(pg_catalog.=) ANY (ARRAY['x', ' = ']) RETURNING 1) \
                 SELECT CASE WHEN (SELECT pg_catalog.count(*) FROM c) OPERATOR(pg_catalog.=) 1 THEN 1 END",
            ),
            (
                "UPDATE \"a = b\" SET x = (SELECT 1 WHERE y = z) WHERE n NOT IN (f(1), 2)",
                "UPDATE \"a = b\" SET x = (SELECT 1 WHERE y OPERATOR(pg_catalog.=) z) \
                 WHERE n OPERATOR(pg_catalog.<>) ALL (ARRAY[f(1), 2])",
            ),
            (
                "SET LOCAL lock_timeout = '1ms'",
                "SET LOCAL lock_timeout = '1ms'",
            ),
        ];
        for (plain, full) in cases {
            assert_eq!(full_names(plain), full);
        }
    }
}
