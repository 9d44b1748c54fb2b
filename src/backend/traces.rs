//! The words by which a section shows what it may leave in its session.

use crate::dialect::Dialect;
use crate::prepare::{Prepared, Sql};
use crate::sql;

/// The statements of a section and of its checks.
pub(super) fn statements(prepared: &Prepared) -> impl Iterator<Item = &Sql> {
    let checks = [&prepared.require, &prepared.verify];
    let checks = checks.into_iter().flat_map(|check| &check.statements);
    prepared.statements().iter().chain(checks)
}

/// Tells whether one of these words, in upper case, stands in a statement: as a keyword or as a name.
pub(super) fn has_word(dialect: Dialect, statement: &Sql, words: &[&str]) -> bool {
    sql::pieces(dialect, &statement.text).iter().any(|piece| {
        piece
            .name()
            .is_some_and(|name| words.iter().any(|word| name.eq_ignore_ascii_case(word)))
    })
}
