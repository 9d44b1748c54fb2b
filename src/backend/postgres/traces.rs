//! The words of a section that show what it may leave in its session, beside settings, temporary objects and the memory of
//! sequences, which each step ends.

use crate::backend::traces::{has_word, statements};
use crate::dialect::Dialect;
use crate::prepare::{Prepared, Sql, Work};
use crate::sql::Class;

const DIALECT: Dialect = Dialect::Postgres;

/// Names of temporary objects' places.
const TEMPORARY: [&str; 3] = ["TEMP", "TEMPORARY", "PG_TEMP"];

/// Tells whether the section may leave cursors, listens or locks: what a function that a change of rows calls does in secret
/// stays.
pub(super) fn is_wide(prepared: &Prepared) -> bool {
    let may_leave = |statement: &Sql| match statement.kind.class() {
        Class::Session => !begins(&statement.text, &["SET", "RESET"]),
        Class::Procedural | Class::Other => true,
        // A call.
        Class::Query => statement.text.contains('('),
        _ => statement
            .text
            .to_ascii_lowercase()
            .contains("pg_advisory_lock"),
    };
    matches!(prepared.work, Work::Code) || statements(prepared).any(may_leave)
}

/// Tells whether the section's SQL may leave prepared statements.
pub(super) fn prepares(prepared: &Prepared) -> bool {
    statements(prepared).any(|statement| match statement.kind.class() {
        Class::Session => begins(&statement.text, &["PREPARE"]),
        Class::Procedural | Class::Other => true,
        _ => false,
    })
}

fn begins(text: &str, words: &[&str]) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    words.iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Tells whether the section may make temporary objects.
pub(super) fn makes_temporary(prepared: &Prepared) -> bool {
    let may_make = |statement: &Sql| {
        matches!(statement.kind.class(), Class::Procedural | Class::Other)
            || has_word(DIALECT, statement, &TEMPORARY)
    };
    matches!(prepared.work, Work::Code) || statements(prepared).any(may_make)
}
