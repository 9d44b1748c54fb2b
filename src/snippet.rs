//! A line of a file with a mark under what an error is about.

use std::fmt;

/// The line of a file that an error is about, with the place in it: `Display` shows it as rustc does.
///
/// ```
/// use limbeck::{Error, Revision};
///
/// let error = Revision::parse("a.sql", "\
/// -- Users
/// --
/// -- revision: a1
/// -- down_revison: none
///
/// -- @upgrade
/// ").map_err(Error::from).unwrap_err();
/// assert_eq!(format!("\n{}\n", error.snippet().expect("its line")), "
///  --> a.sql:4:4
///   |
/// 4 | -- down_revison: none
///   |    ^^^^^^^^^^^^
/// ");
/// ```
///
/// The last line has no line feed. Tabs are shown as spaces, what has no width or moves the cursor as `\u{fffd}`, and of a
/// long line the part around the place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snippet {
    path: String,
    line: usize,
    column: usize,
    text: String,
    length: usize,
}

impl Snippet {
    /// The line in which this byte of a file's text stands, and in it the word that begins there.
    pub(crate) fn at(path: &str, text: &str, offset: usize) -> Snippet {
        let offset = text.floor_char_boundary(offset);
        let begin = text[..offset].rfind('\n').map_or(0, |end| end + 1);
        let line = 1 + text[..begin].bytes().filter(|&byte| byte == b'\n').count();
        let shown = text[begin..].split('\n').next().unwrap_or_default();
        let before = &text[begin..offset];
        Snippet::in_line(path, (line, 1 + before.chars().count()), shown)
    }

    /// The word that begins in this line and column.
    pub(crate) fn in_line(path: &str, (line, column): (usize, usize), text: &str) -> Snippet {
        let word = text.chars().skip(column - 1);
        let begins_word = text.chars().nth(column - 1).is_some_and(is_of_word);
        let length = if begins_word {
            word.take_while(|&c| is_of_word(c)).count()
        } else {
            1
        };
        Snippet {
            path: path.to_owned(),
            line,
            column,
            text: text.trim_end_matches(['\r', '\n']).to_owned(),
            length,
        }
    }

    /// The same place, with a mark up to the end of the line.
    pub(crate) fn up_to_end(mut self) -> Snippet {
        let all = self.text.trim_end().chars().count();
        self.length = (all + 1).saturating_sub(self.column).max(1);
        self
    }

    /// The same place, with a mark under so many characters.
    pub(crate) fn under(mut self, length: usize) -> Snippet {
        self.length = length.max(1);
        self
    }

    /// The file, as the error names it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The line's number, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The first marked character, from 1. One behind the last, where something is missing at the line's end.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The number of characters that are marked, at least one.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// The line, without its end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Tells whether a character goes on with a word, or with a key or number in one.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric()
        || matches!(
            c,
            '_' | '$' | '@' | '.' | '-' | '<' | '>' | '=' | '|' | '\\'
        )
}

/// The most columns of a terminal that a line takes.
const WIDEST: usize = 100;

/// The columns that are kept before a mark which stands further to the right.
const KEPT: usize = 40;

const TAB: usize = 4;

impl fmt::Display for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown {
            text,
            indent,
            marks,
        } = self.shown();
        let number = self.line.to_string();
        let gutter = number.len();
        let path: String = self
            .path
            .chars()
            .map(|c| if is_hidden(c) { HIDDEN } else { c })
            .collect();
        writeln!(f, "{:gutter$}--> {path}:{}:{}", "", self.line, self.column)?;
        writeln!(f, "{:gutter$} |", "")?;
        writeln!(f, "{}", format!("{number} | {text}").trim_end())?;
        write!(f, "{:gutter$} | {:indent$}{}", "", "", "^".repeat(marks))
    }
}

struct Shown {
    text: String,
    indent: usize,
    marks: usize,
}

impl Snippet {
    fn shown(&self) -> Shown {
        // Each character as it is shown, and the column behind it.
        let mut cells: Vec<(String, usize)> = Vec::new();
        let mut column = 0;
        for c in self.text.chars() {
            let (text, width) = match c {
                '\t' => {
                    let width = TAB - column % TAB;
                    (" ".repeat(width), width)
                }
                c if is_hidden(c) => (HIDDEN.to_string(), 1),
                c => (c.to_string(), width(c)),
            };
            column += width;
            cells.push((text, column));
        }
        let before = |at: usize| at.checked_sub(1).map_or(0, |at| cells[at].1);
        let first = (self.column - 1).min(cells.len());
        let last = first.saturating_add(self.length).min(cells.len());
        let from = match before(first) {
            place if place < WIDEST - KEPT => 0,
            place => (0..first)
                .find(|&at| before(at) + KEPT >= place)
                .unwrap_or(first),
        };
        let to = (from..cells.len())
            .find(|&at| cells[at].1 - before(from) > WIDEST)
            .unwrap_or(cells.len());
        let mut text: String = cells[from..to].iter().map(|(text, _)| &**text).collect();
        let cut = usize::from(from > 0);
        if from > 0 {
            text.insert(0, '…');
        }
        if to < cells.len() {
            text.push('…');
        }
        let last = last.min(to).max(first);
        Shown {
            text,
            indent: before(first) - before(from) + cut,
            marks: (before(last) - before(first)).max(1),
        }
    }
}

const HIDDEN: char = '\u{fffd}';

/// What would move the cursor, turn the direction of writing, or not show.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The columns that a terminal gives a character: Unicode's East Asian Width, without its ambiguous ones.
fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{483}'..='\u{489}'
        | '\u{591}'..='\u{5bd}'
        | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}'
        | '\u{e31}'
        | '\u{e34}'..='\u{e3a}'
        | '\u{e47}'..='\u{e4e}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff01}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{1fa70}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, needle: &str) -> String {
        let offset = text.find(needle).expect("it is there");
        Snippet::at("a.sql", text, offset).to_string()
    }

    #[test]
    fn tabs_wide_and_combining_characters_keep_the_mark_in_its_place() {
        assert_eq!(
            shown("x;\n\tSELECT\t名前, e\u{301}, 🦀 FORM t;\n", "FORM"),
            " --> a.sql:2:19\n  |\n2 |     SELECT  名前, e\u{301}, 🦀 FORM t;\n  |                         ^^^^"
        );
        insta::assert_snapshot!(shown("SELECT 名前;", "名前"), @r"
         --> a.sql:1:8
          |
        1 | SELECT 名前;
          |        ^^^^
        ");
    }

    #[test]
    fn what_hides_is_seen() {
        insta::assert_snapshot!(shown("a \u{202e}\u{1b}[31m\0b\rc", "b\rc"), @r"
         --> a.sql:1:10
          |
        1 | a ��[31m�b�c
          |          ^
        ");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place() {
        let long = format!("{}FORM{}", "word, ".repeat(100), ", word".repeat(100));
        insta::assert_snapshot!(shown(&long, "FORM"), @r"
         --> a.sql:1:601
          |
        1 | …rd, word, word, word, word, word, word, FORM, word, word, word, word, word, word, word, word, word, …
          |                                          ^^^^
        ");
        let mark = Snippet::at("a.sql", &long, 0).up_to_end().to_string();
        insta::assert_snapshot!(mark, @r"
         --> a.sql:1:1
          |
        1 | word, word, word, word, word, word, word, word, word, word, word, word, word, word, word, word, word…
          | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        ");
    }

    #[test]
    fn ends_and_empty_lines() {
        insta::assert_snapshot!(Snippet::at("a.sql", "", 0).to_string(), @r"
         --> a.sql:1:1
          |
        1 |
          | ^
        ");
        insta::assert_snapshot!(Snippet::at("a.sql", "a\nbc", 99).to_string(), @r"
         --> a.sql:2:3
          |
        2 | bc
          |   ^
        ");
        insta::assert_snapshot!(Snippet::at("a.sql", "a\r\n\r\nb", 3).up_to_end().to_string(), @r"
         --> a.sql:2:1
          |
        2 |
          | ^
        ");
        let tenth = "\n".repeat(9) + "'";
        insta::assert_snapshot!(Snippet::at("a.sql", &tenth, 9).to_string(), @r"
          --> a.sql:10:1
           |
        10 | '
           | ^
        ");
        // Inside of a character.
        assert_eq!(Snippet::at("a.sql", "é", 1).column(), 1);
    }
}
