//! Colours for people. They are in every text, and [`Output`](super::output::Output) leaves them out where nobody sees
//! them.

use anstyle::{AnsiColor, Style};

const ID: Style = AnsiColor::Yellow.on_default();
const LABEL: Style = AnsiColor::Magenta.on_default();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

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

fn paint(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{style}{text}{style:#}")
}
