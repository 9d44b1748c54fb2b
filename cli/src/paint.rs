//! Colours for people. They are in every text, and [`Output`](super::output::Output) leaves them out where nobody sees
//! them.
//!
//! A text holds marks and no codes of a terminal: [`finished`] puts these in their place, and spells out whatever else
//! a terminal would take for one. The marks differ in each process, so that nothing that is shown can hold one.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use anstyle::{AnsiColor, Style};

use crate::show;

/// A mark's letter and its style.
const STYLES: [(char, Style); 4] = [
    (ID, AnsiColor::Yellow.on_default()),
    (LABEL, AnsiColor::Magenta.on_default()),
    (GOOD, AnsiColor::Green.on_default().bold()),
    (BAD, AnsiColor::Red.on_default().bold()),
];
const ID: char = 'i';
const LABEL: char = 'l';
const GOOD: char = 'g';
const BAD: char = 'b';
/// The mark that ends a style.
const END: char = '.';

/// What each mark begins with: a noncharacter, and a number that nobody else knows.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("\u{fdd0}{:016x}", RandomState::new().hash_one("mark")));

/// A revision's id.
pub(super) fn id(text: &str) -> String {
    paint(ID, text)
}

/// A branch's label.
pub(super) fn label(text: &str) -> String {
    paint(LABEL, text)
}

/// What is as it should be, or where the database is.
pub(super) fn good(text: &str) -> String {
    paint(GOOD, text)
}

/// What is wrong.
pub(super) fn bad(text: &str) -> String {
    paint(BAD, text)
}

fn paint(style: char, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mark = &*MARK;
    format!("{mark}{style}{text}{mark}{END}")
}

/// The text for a terminal: colours for the marks, all else harmless.
pub(super) fn finished(text: &str) -> String {
    let mut pieces = text.split(&**MARK);
    let mut finished = pieces
        .next()
        .map(show::escaped)
        .unwrap_or_default()
        .into_owned();
    for piece in pieces {
        let mut rest = piece.chars();
        let letter = rest.next();
        match STYLES.iter().find(|(style, _)| Some(*style) == letter) {
            Some((_, style)) => {
                let _ = write!(finished, "{style}");
            }
            None => {
                let _ = write!(finished, "{}", anstyle::Reset);
            }
        }
        finished.push_str(&show::escaped(rest.as_str()));
    }
    finished
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_painted_has_colours() {
        let text = format!("{}, {}\n", id("a\u{1b}[7m"), "\u{fdd0}i\u{9b}0m");
        assert_eq!(
            finished(&text),
            "\u{1b}[33ma\\u{1b}[7m\u{1b}[0m, \\u{fdd0}i\\u{9b}0m\n"
        );
        assert_eq!(finished("plain"), "plain");
        assert_eq!(finished(&bad("")), "");
    }
}
