//! Foreign characters on a terminal: what would move its cursor, change its colours or the order of what stands there,
//! or not be seen at all, is spelled out.

use std::borrow::Cow;

/// The text as a terminal may have it; its lines stay.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    let is_harmless = |at: usize, character: char| match character {
        '\n' | '\t' => true,
        '\r' => text[at..].starts_with("\r\n"),
        _ => !is_deceptive(character),
    };
    escape(text, is_harmless)
}

/// The same where a line is to stay one.
pub(super) fn escaped_line(text: &str) -> Cow<'_, str> {
    escape(text, |_, character| !is_deceptive(character))
}

fn escape(text: &str, is_harmless: impl Fn(usize, char) -> bool) -> Cow<'_, str> {
    if text.char_indices().all(|(at, c)| is_harmless(at, c)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_harmless(at, character) => escaped.push(character),
            '\n' | '\r' | '\t' => escaped.extend(character.escape_default()),
            _ => escaped.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(escaped)
}

/// Controls (ESC and the C1 range with CSI among them), what sets the direction of writing, and what has no width.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                // Zero width, and the marks of direction.
                | '\u{200b}'..='\u{200f}'
                // Separators of lines and paragraphs, embeddings and overrides.
                | '\u{2028}'..='\u{202e}'
                // Joiners, invisible operators, isolates.
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                // Noncharacters: limbeck's own marks begin with one.
                | '\u{fdd0}'..='\u{fdef}' | '\u{fffe}' | '\u{ffff}'
                // Tags and selectors, which carry a text that nobody sees.
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_spelled_out() {
        for (text, shown) in [
            ("plain, ünïcode, 漢字, क्षि, ē 👍🏽", None),
            ("two\nlines\tand\r\na third", None),
            ("C:\\u{1b}", None),
            ("\u{1b}[31mred", Some("\\u{1b}[31mred")),
            ("\u{9b}31m", Some("\\u{9b}31m")),
            ("\u{1b}]0;title\u{7}", Some("\\u{1b}]0;title\\u{7}")),
            ("over\rwritten", Some("over\\rwritten")),
            ("ends\r", Some("ends\\r")),
            ("\u{8}\u{7f}\0", Some("\\u{8}\\u{7f}\\u{0}")),
            (
                "a\u{202e}b\u{2066}c\u{2069}",
                Some("a\\u{202e}b\\u{2066}c\\u{2069}"),
            ),
            ("a\u{200b}b\u{feff}c", Some("a\\u{200b}b\\u{feff}c")),
            ("\u{e0041}\u{fdd0}i", Some("\\u{e0041}\\u{fdd0}i")),
        ] {
            assert_eq!(escaped(text), shown.unwrap_or(text), "{text:?}");
        }
        assert_eq!(escaped_line("a\nb\t\r\nc"), "a\\nb\\t\\r\\nc");
    }
}
