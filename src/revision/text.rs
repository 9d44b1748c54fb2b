//! The text of a file as everything else sees it, and places in it.

use std::borrow::Cow;

const BOM: &str = "\u{feff}";

/// Drops one leading byte-order mark and turns CRLF into LF; nothing else changes, ever: checksums
/// stored by an older limbeck are over exactly this text. A lone CR stays.
pub(super) fn normalize(text: Cow<'static, str>) -> Cow<'static, str> {
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(BOM).unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.starts_with(BOM) {
                text.drain(..BOM.len());
            }
            Cow::Owned(text)
        }
    };
    if text.contains("\r\n") {
        Cow::Owned(text.replace("\r\n", "\n"))
    } else {
        text
    }
}

/// Line and column of a byte offset, both from 1, the column in characters. An offset past the end
/// is the place after the last character; one inside a character is that character's.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.bytes().filter(|&byte| byte == b'\n').count();
    (line, 1 + before[line_start..].chars().count())
}

/// Where `part`, a slice of `whole`, begins in it.
pub(super) fn offset_in(whole: &str, part: &str) -> usize {
    let offset = part.as_ptr() as usize - whole.as_ptr() as usize;
    debug_assert!(offset + part.len() <= whole.len());
    offset
}

/// The lines of `text` from the byte offset `from` on, each with its offset and without its `\n`.
pub(super) fn lines_from(text: &str, from: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut next = from;
    text[from..].split_inclusive('\n').map(move |line| {
        let start = next;
        next += line.len();
        (start, line.strip_suffix('\n').unwrap_or(line))
    })
}

/// Where the first thing stands that is neither white space nor a `--` or `/* */` comment, if
/// anything does. A lone CR ends a `--` comment, as it does on PostgreSQL: SQL behind one is refused where no SQL
/// may stand, not dropped.
///
/// # Errors
/// The offset of a `/*` that no `*/` ends.
pub(super) fn first_code(text: &str) -> Result<Option<usize>, usize> {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.is_empty() {
            return Ok(None);
        } else if trimmed.starts_with("--") {
            match trimmed.find(['\n', '\r']) {
                Some(end) => at += end + 1,
                None => return Ok(None),
            }
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            match comment.find("*/") {
                Some(end) => at += "/*".len() + end + "*/".len(),
                None => return Err(at),
            }
        } else {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mark_is_dropped_and_only_crlf_changes() {
        let normal = |text: &'static str| normalize(Cow::Borrowed(text));
        assert_eq!(normal("\u{feff}a\r\nb\rc\r\r\n"), "a\nb\rc\r\n");
        assert_eq!(normal("\u{feff}\u{feff}a"), "\u{feff}a");
        assert!(matches!(
            normal("\u{feff}plain\n"),
            Cow::Borrowed("plain\n")
        ));
        assert_eq!(normalize(Cow::Owned("\u{feff}a\r\n".into())), "a\n");
    }

    #[test]
    fn columns_count_characters() {
        let text = "aé𝄞\nüb";
        assert_eq!(position(text, 0), (1, 1));
        assert_eq!(position(text, text.find('𝄞').unwrap()), (1, 3));
        assert_eq!(position(text, text.find('𝄞').unwrap() + 2), (1, 3));
        assert_eq!(position(text, text.find('\n').unwrap()), (1, 4));
        assert_eq!(position(text, text.find('b').unwrap()), (2, 2));
        assert_eq!(position(text, 999), (2, 3));
        assert_eq!(position("a\n", 2), (2, 1));
    }

    #[test]
    fn code_begins_after_comments() {
        assert_eq!(first_code(" \n-- a /* \n/* b\n*/ x"), Ok(Some(19)));
        assert_eq!(first_code("-- a"), Ok(None));
        assert_eq!(first_code("-- a\r\n-- b\rx"), Ok(Some(11)));
        assert_eq!(first_code("\n  "), Ok(None));
        assert_eq!(first_code(" /* a"), Err(1));
        assert_eq!(first_code("/*/ a"), Err(0));
    }
}
