//! What `SHOW CREATE` of a view, trigger, routine or event says and the catalog does not. Pure.

use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::sql::{self, Piece};

/// The statement that makes a view, without its definer and what goes without saying.
pub(super) fn view(dialect: Dialect, text: &str) -> Option<String> {
    let pieces = sql::pieces(dialect, text);
    let word = keyword(&pieces, "VIEW")?;
    let option = |words: &[&str]| -> Option<&str> {
        let at = pieces[..word].windows(words.len()).position(|pieces| {
            let mut both = pieces.iter().zip(words);
            both.all(|(piece, word)| piece.is(word))
        })?;
        Some(pieces.get(at + words.len())?.text)
    };
    let mut definition = "CREATE ".to_owned();
    if let Some(algorithm) = option(&["ALGORITHM", "="]).filter(|word| *word != "UNDEFINED") {
        let _ = write!(definition, "ALGORITHM = {algorithm} ");
    }
    if option(&["SQL", "SECURITY"]) == Some("INVOKER") {
        definition.push_str("SQL SECURITY INVOKER ");
    }
    let next = pieces.get(word + 2)?;
    if next.text != "(" && !next.is("AS") {
        return None;
    }
    definition.push_str(text[pieces[word].range.start..].trim_end());
    Some(definition)
}

/// A trigger's body. The order of triggers stands nowhere in it.
pub(super) fn trigger(dialect: Dialect, text: &str) -> Option<&str> {
    let pieces = sql::pieces(dialect, text);
    let at = pieces
        .windows(3)
        .position(|words| words[0].is("FOR") && words[1].is("EACH") && words[2].is("ROW"))?;
    Some(behind(text, &pieces, at + 2))
}

/// An event's body.
pub(super) fn event(dialect: Dialect, text: &str) -> Option<&str> {
    let pieces = sql::pieces(dialect, text);
    let event = keyword(&pieces, "EVENT")?;
    let at = pieces.iter().skip(event).position(|piece| piece.is("DO"))?;
    Some(behind(text, &pieces, event + at))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Routine<'a> {
    /// As they were written.
    pub parameters: &'a str,
    /// The type of its result, empty for a procedure.
    pub returns: &'a str,
    pub body: &'a str,
    /// Of another language than SQL.
    pub language: Option<&'a str>,
}

pub(super) fn routine(dialect: Dialect, text: &str) -> Option<Routine<'_>> {
    let pieces = sql::pieces(dialect, text);
    let word = pieces
        .iter()
        .position(|piece| piece.is("FUNCTION") || piece.is("PROCEDURE"))?;
    let open = word + pieces[word..].iter().position(|piece| piece.text == "(")?;
    let close = closing(&pieces, open)?;
    let mut routine = Routine {
        parameters: text[pieces[open].range.end..pieces[close].range.start].trim(),
        returns: "",
        body: "",
        language: None,
    };
    let mut at = close + 1;
    if pieces.get(at)?.is("RETURNS") {
        let start = pieces.get(at + 1)?.range.start;
        at += 2;
        // The server goes on in a line of its own.
        while !text[pieces[at - 1].range.end..pieces.get(at)?.range.start].contains('\n') {
            at = match pieces[at].text {
                "(" => closing(&pieces, at)? + 1,
                _ => at + 1,
            };
        }
        routine.returns = &text[start..pieces[at - 1].range.end];
    }
    loop {
        let is = |of: usize, word: &str| pieces.get(at + of).is_some_and(|piece| piece.is(word));
        at += match () {
            () if is(0, "DETERMINISTIC") => 1,
            () if is(0, "NOT") && is(1, "DETERMINISTIC") => 2,
            () if (is(0, "NO") || is(0, "CONTAINS")) && is(1, "SQL") => 2,
            () if (is(0, "READS") || is(0, "MODIFIES")) && is(1, "SQL") => 3,
            () if is(0, "SQL") && is(1, "SECURITY") => 3,
            () if is(0, "COMMENT") => 2,
            () if is(0, "LANGUAGE") => {
                let language = pieces.get(at + 1)?.text;
                routine.language = Some(language).filter(|name| !name.eq_ignore_ascii_case("SQL"));
                2
            }
            () => break,
        };
    }
    routine.body = behind(text, &pieces, at - 1);
    Some(routine)
}

/// The first piece that is the keyword. Before a kind of object stands nothing but options, and a definer in quotes.
fn keyword(pieces: &[Piece<'_>], word: &str) -> Option<usize> {
    pieces.iter().position(|piece| piece.is(word))
}

fn closing(pieces: &[Piece<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, piece) in pieces.iter().enumerate().skip(open) {
        match piece.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// What stands behind a piece, with the comments at its begin.
fn behind<'a>(text: &'a str, pieces: &[Piece<'_>], at: usize) -> &'a str {
    text[pieces[at].range.end..].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALECT: Dialect = Dialect::Mysql;

    #[test]
    fn what_stands_behind_a_head_is_found() {
        let text = "CREATE ALGORITHM=UNDEFINED DEFINER=`view`@`as` SQL SECURITY DEFINER VIEW `as` (`x`) AS select 'as'";
        let expected = "CREATE VIEW `as` (`x`) AS select 'as'";
        assert_eq!(view(DIALECT, text).as_deref(), Some(expected));
        let text =
            "CREATE ALGORITHM=MERGE DEFINER=`a`@`b` SQL SECURITY INVOKER VIEW `v` AS select 1";
        let expected = "CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW `v` AS select 1";
        assert_eq!(view(DIALECT, text).as_deref(), Some(expected));
        assert_eq!(view(DIALECT, "<BLOB>"), None);
        let text = "CREATE DEFINER=`a`@`b` trigger tr before insert on t for each row /* c */ set new.a='it''s'";
        assert_eq!(trigger(DIALECT, text), Some("/* c */ set new.a='it''s'"));
        let text = "CREATE DEFINER=`a`@`b` EVENT `do` ON SCHEDULE EVERY 1 DAY ENABLE COMMENT 'DO x' DO select 1";
        assert_eq!(event(DIALECT, text), Some("select 1"));
    }

    #[test]
    fn a_routine_is_taken_apart() {
        let text = "CREATE DEFINER=`a`@`b` FUNCTION `f`(x int, y enum('a)','b''c')) RETURNS varchar(20) CHARSET utf8mb4\n    \
                    NO SQL\n    DETERMINISTIC\n    SQL SECURITY INVOKER\n    COMMENT 'it''s'\nreturn '\\\\d'";
        let expected = Routine {
            parameters: "x int, y enum('a)','b''c')",
            returns: "varchar(20) CHARSET utf8mb4",
            body: "return '\\\\d'",
            language: None,
        };
        assert_eq!(routine(DIALECT, text), Some(expected));
        let text = "CREATE PROCEDURE `p`()\nbegin select 1; end";
        let found = routine(DIALECT, text).expect("a routine");
        assert_eq!((found.returns, found.body), ("", "begin select 1; end"));
    }
}
