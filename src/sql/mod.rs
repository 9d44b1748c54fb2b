//! Splits SQL text into statements, as the database itself would, and says what a statement does.
//!
//! ```
//! use limbeck::{Dialect, sql};
//!
//! let text = "CREATE TABLE a (b TEXT DEFAULT ';'); -- one; really\nDROP TABLE a;";
//! let statements = sql::split(Dialect::Sqlite, text)?;
//! let texts: Vec<&str> = statements.iter().map(sql::Statement::text).collect();
//! assert_eq!(texts, ["CREATE TABLE a (b TEXT DEFAULT ';')", "DROP TABLE a"]);
//! assert_eq!(sql::position(text, statements[1].span().start), (2, 1));
//! assert!(sql::classify(Dialect::Sqlite, texts[1]).ddl().is_some());
//! # Ok::<(), sql::SplitError>(())
//! ```
//!
//! Both work on tokens, not on a grammar: text that the database would refuse is split somehow and
//! is the database's to refuse. Both take time linear in the text.
//!
//! What a token is depends on settings of the session, and these are assumed to be the defaults: MySQL's `sql_mode` is
//! without `ANSI_QUOTES`. What a backslash in a string means is found from the text, or refused: see [`split()`].

#[cfg(any(feature = "_sqlx", test))]
#[cfg_attr(not(all(feature = "postgres", feature = "mysql")), allow(dead_code))]
pub(crate) mod carry;
mod classify;
mod client;
mod compound;
mod conflict;
mod ddl;
mod error;
mod kind;
mod lexer;
mod mask;
mod parameter;
// A database uses its own part.
#[cfg(feature = "_sqlx")]
#[cfg_attr(
    not(all(feature = "autogenerate", feature = "mysql")),
    allow(dead_code)
)]
mod pieces;
mod split;
mod tracker;

pub use classify::classify;
pub(crate) use conflict::{mark_at as conflict_mark, unresolved as unresolved_conflict};
pub use error::{SplitError, SplitErrorKind};
pub use kind::{
    Class, Ddl, DdlVerb, InTransaction, Kind, ObjectKind, ObjectName, TransactionControl,
};
pub(crate) use mask::mask;
pub(crate) use parameter::unbound;
#[cfg(any(feature = "autogenerate", feature = "mysql"))]
pub(crate) use pieces::Piece;
#[cfg(feature = "autogenerate")]
pub(crate) use pieces::PieceKind;
#[cfg(feature = "_sqlx")]
pub(crate) use pieces::pieces;
#[cfg(any(test, fuzzing))]
pub(crate) use split::lexer_steps;
pub use split::{Statement, split};

/// The line and column of a byte offset in `text`, both counted from 1, the column in characters.
///
/// An offset beyond the end is the end's; one inside a character is that character's.
#[must_use]
pub fn position(text: &str, byte_offset: usize) -> (usize, usize) {
    let offset = text.floor_char_boundary(byte_offset);
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "aé\nb";
        let cases = [
            (0, (1, 1)),
            (1, (1, 2)),
            (2, (1, 2)),
            (3, (1, 3)),
            (4, (2, 1)),
            (5, (2, 2)),
            (99, (2, 2)),
        ];
        for (offset, expected) in cases {
            assert_eq!(position(text, offset), expected, "offset {offset}");
        }
        assert_eq!(position("", 0), (1, 1));
    }
}
