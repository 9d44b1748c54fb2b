//! The words of a section that show what it may leave in its connection: pragmas, attached files, temporary objects.

use crate::backend::traces::{has_word, statements};
use crate::dialect::Dialect;
use crate::prepare::{Prepared, Sql, Work};
use crate::sql::Class;

const DIALECT: Dialect = Dialect::Sqlite;

/// Tells whether the section may leave anything.
pub(super) fn leaves(prepared: &Prepared) -> bool {
    let may_leave = |statement: &Sql| {
        matches!(statement.kind.class(), Class::Session | Class::Other)
            || has_word(DIALECT, statement, &["TEMP", "TEMPORARY"])
    };
    matches!(prepared.work, Work::Code) || statements(prepared).any(may_leave)
}
