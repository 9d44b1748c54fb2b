//! The marks that a version control system leaves in a file where a merge is not resolved.

use std::ops::Range;

/// Git's marks, jj's and Mercurial's too: seven characters in column 1, then a space and a name, or nothing.
const MARKS: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

/// The first mark of a conflict that begins and ends in this text, wherever its marks stand: inside a string or a body too,
/// since the conflict was there before anybody could say what is a string.
pub(crate) fn unresolved(text: &str) -> Option<Range<usize>> {
    let [begins, .., ends] = MARKS;
    let first = lines_with(text, begins).next()?;
    let closes = lines_with(&text[first.end..], ends).next().is_some();
    closes.then_some(first)
}

/// The mark in column 1 at `offset`, if one stands there. What one alone means depends on the code around it.
pub(crate) fn mark_at(text: &str, offset: usize) -> Option<Range<usize>> {
    if offset > 0 && text.as_bytes().get(offset - 1) != Some(&b'\n') {
        return None;
    }
    let line = text.get(offset..)?.lines().next()?;
    let is_mark = MARKS.into_iter().any(|mark| is_mark(line, mark));
    is_mark.then(|| offset..offset + line.trim_end().len())
}

fn is_mark(line: &str, mark: &str) -> bool {
    let rest = line.strip_prefix(mark);
    rest.is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with(' '))
}

fn lines_with<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let found = text.match_indices(mark).map(|(offset, _)| offset);
    found.filter_map(move |offset| mark_at(text, offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_is_found_wherever_it_stands() {
        let both = "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> feature\n";
        assert_eq!(unresolved(both), Some(2..14));
        assert_eq!(unresolved("'\n<<<<<<<\n|||||||\n>>>>>>> x"), Some(2..9));
        for text in [
            "",
            "<<<<<<< HEAD\n=======\n",
            ">>>>>>> x\n<<<<<<< y\n",
            " <<<<<<< HEAD\n>>>>>>> x\n",
            "<<<<<<<< HEAD\n>>>>>>>> x\n",
            "<<<<<<<HEAD\n>>>>>>>x\n",
        ] {
            assert_eq!(unresolved(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_mark_stands_in_column_1() {
        let text = "é\n======= \n =======\n=======x\n";
        assert_eq!(mark_at(text, 3), Some(3..10));
        assert_eq!(mark_at(text, 4), None);
        assert_eq!(mark_at(text, 13), None);
        assert_eq!(mark_at(text, 21), None);
        assert_eq!(mark_at(text, 1), None);
        assert_eq!(mark_at(text, 99), None);
    }
}
