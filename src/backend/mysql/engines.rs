//! MySQL and MariaDB: which tables a statement may write whose engine knows no transactions. Its rows stay when
//! the transaction with their record is rolled back, so after a crash nobody could tell whether it ran.

use std::collections::BTreeSet;

use crate::dialect::Dialect;

/// A name in a statement that may be a table's, with its schema where one stands before it.
pub(super) type Word = (Option<String>, String);

/// The names in a text: whatever is no number, no string and no comment.
pub(super) fn words(text: &str) -> BTreeSet<Word> {
    let mut words = BTreeSet::new();
    let mut before: Option<String> = None;
    let mut is_qualified = false;
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        let word = match first {
            '`' | '"' => Some(quoted(&mut rest, first)),
            '\'' => {
                let _ = quoted(&mut rest, first);
                None
            }
            _ if is_word(first) => {
                let mut word = String::from(first);
                while let Some(next) = rest.next_if(|next| is_word(*next)) {
                    word.push(next);
                }
                (!word.chars().all(|digit| digit.is_ascii_digit())).then_some(word)
            }
            '.' => {
                is_qualified = before.is_some();
                continue;
            }
            _ if first.is_whitespace() => continue,
            _ => None,
        };
        if let Some(word) = &word {
            if is_qualified {
                words.insert((before.clone(), word.clone()));
            }
            words.insert((None, word.clone()));
        }
        is_qualified = false;
        before = word;
    }
    words
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$' || !character.is_ascii()
}

/// What stands up to the closing quote, which doubled or behind a backslash is none.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) -> String {
    let mut text = String::new();
    while let Some(next) = rest.next() {
        match next {
            '\\' if quote != '`' => {
                let _ = rest.next();
            }
            _ if next == quote => {
                if rest.next_if_eq(&quote).is_none() {
                    break;
                }
                text.push(quote);
            }
            _ => text.push(next),
        }
    }
    text
}

/// Rows of what stands behind these names: `engine` for a table without transactions, else `code` with the text
/// of a trigger, a view or a routine. One look-up for each name and sort, which the server answers from the
/// one object's definition, not from the whole catalog.
pub(super) fn behind(dialect: Dialect, words: &BTreeSet<Word>) -> String {
    let look_ups = words.iter().map(|(schema, name)| {
        let schema = schema
            .as_ref()
            .map_or("DATABASE()".to_owned(), |schema| dialect.literal(schema));
        let name = dialect.literal(name);
        let code = dialect.text("action_statement");
        let view = dialect.text("view_definition");
        let routine = dialect.text("routine_definition");
        format!(
            "SELECT 'engine', NULL FROM information_schema.tables t JOIN information_schema.engines e \
             ON e.engine = t.engine WHERE t.table_schema = {schema} AND t.table_name = {name} \
             AND e.transactions <> 'YES' AND t.table_schema NOT IN ('information_schema', 'performance_schema') \
             UNION ALL SELECT 'code', {code} FROM information_schema.triggers \
             WHERE event_object_schema = {schema} AND event_object_table = {name} \
             UNION ALL SELECT 'code', {view} FROM information_schema.views \
             WHERE table_schema = {schema} AND table_name = {name} \
             UNION ALL SELECT 'code', {routine} FROM information_schema.routines \
             WHERE routine_schema = {schema} AND routine_name = {name}"
        )
    });
    look_ups.collect::<Vec<_>>().join(" UNION ALL ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_is_no_number_and_no_string() {
        let found = words("INSERT INTO `a b`.t$1 (x) VALUES (12, 'it''s \\' u', 3e4) -- \"q\"");
        let names: Vec<(Option<&str>, &str)> = found
            .iter()
            .map(|(schema, name)| (schema.as_deref(), name.as_str()))
            .collect();
        assert!(names.contains(&(Some("a b"), "t$1")));
        assert!(
            names.contains(&(None, "q")),
            "as an identifier, or harmless"
        );
        assert!(
            !names
                .iter()
                .any(|(_, name)| ["12", "it", "it's", "u"].contains(name))
        );
    }
}
