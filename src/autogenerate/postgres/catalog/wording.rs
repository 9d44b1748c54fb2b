//! The server's own wording, where it words the same otherwise when it reads it again. Pure.

use crate::dialect::Dialect;
use crate::sql::{Piece, PieceKind, pieces};

/// `(ARRAY[a, b])::t[]`, which it makes of `x IN (a, b)`, becomes `ARRAY[(a)::t, (b)::t]` when that text is read, and
/// `ARRAY[a, b]::t[]` of a trigger `ARRAY[a::t, b::t]`.
pub(super) fn settled(text: &str) -> String {
    if !text.contains("ARRAY[") {
        return text.to_owned();
    }
    let words = pieces(Dialect::Postgres, text);
    let mut settled = String::with_capacity(text.len());
    let mut copied = 0;
    let mut at = 0;
    while at < words.len() {
        match array(&words, at) {
            Some(array) => {
                let elements = array.elements.iter();
                let elements = elements.map(|(first, last)| {
                    let element = &text[words[*first].range.start..words[*last].range.end];
                    let data_type = &text[array.data_type.clone()];
                    let element = self::settled(element);
                    match array.in_parentheses || !is_simple(&words[*first..=*last]) {
                        true => format!("({element})::{data_type}"),
                        false => format!("{element}::{data_type}"),
                    }
                });
                settled.push_str(&text[copied..words[at].range.start]);
                settled.push_str(&format!(
                    "ARRAY[{}]",
                    elements.collect::<Vec<_>>().join(", ")
                ));
                copied = array.end;
                at = array.next;
            }
            None => at += 1,
        }
    }
    settled.push_str(&text[copied..]);
    settled
}

/// An array that is cast as a whole.
struct Array {
    /// The first and the last word of each.
    elements: Vec<(usize, usize)>,
    data_type: std::ops::Range<usize>,
    in_parentheses: bool,
    /// Where it ends in the text, and the word behind it.
    end: usize,
    next: usize,
}

/// Names, values and casts alone, which a cast binds to.
fn is_simple(words: &[Piece<'_>]) -> bool {
    let mut depth = 0_usize;
    words.iter().all(|word| {
        match word.text {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_part = word.name().is_some()
            || word.kind == PieceKind::Text
            || word.text.starts_with(|first: char| first.is_ascii_digit())
            || matches!(word.text, "." | ":" | "::" | ")" | "]");
        depth > 0 || is_part
    })
}

fn array(words: &[Piece<'_>], at: usize) -> Option<Array> {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.text == text);
    let in_parentheses = is(at, "(");
    let start = at + usize::from(in_parentheses);
    if !(words.get(start)?.is("ARRAY") && is(start + 1, "[")) {
        return None;
    }
    let mut elements = Vec::new();
    let mut depth = 0;
    let mut first = start + 2;
    let mut close = first;
    loop {
        match words.get(close)?.text {
            "(" | "[" => depth += 1,
            "]" if depth == 0 => break,
            ")" | "]" => depth -= 1,
            "," if depth == 0 => {
                elements.push((first, close.checked_sub(1)?));
                first = close + 1;
            }
            _ => {}
        }
        close += 1;
    }
    if first == close {
        return None;
    }
    elements.push((first, close - 1));
    // `])::t[]`, the two colons as one word or as two.
    if in_parentheses && !is(close + 1, ")") {
        return None;
    }
    let behind = close + 1 + usize::from(in_parentheses);
    let mut from = behind;
    while is(from, ":") || is(from, "::") {
        from += 1;
    }
    if from == behind {
        return None;
    }
    let mut to = from;
    let mut inner = 0;
    while !(is(to, "[") && is(to + 1, "]")) {
        let word = words.get(to)?;
        match word.text {
            "(" => inner += 1,
            ")" if inner == 0 => return None,
            ")" => inner -= 1,
            "," if inner == 0 => return None,
            _ if inner == 0 && word.name().is_none() && word.text != "." => return None,
            _ => {}
        }
        to += 1;
    }
    if to == from {
        return None;
    }
    Some(Array {
        elements,
        in_parentheses,
        data_type: words[from].range.start..words[to - 1].range.end,
        end: words[to + 1].range.end,
        next: to + 2,
    })
}

#[cfg(test)]
mod tests {
    use super::settled;

    #[test]
    fn arrays_are_worded_as_they_are_read_again() {
        for (text, expected) in [
            (
                "CHECK (((a)::text = ANY ((ARRAY['x'::character varying, ');'::character varying])::text[])))",
                "CHECK (((a)::text = ANY (ARRAY[('x'::character varying)::text, (');'::character varying)::text])))",
            ),
            (
                "((b = ANY (ARRAY['x'::text])) OR (c = ANY ((ARRAY[f(1, 2)])::app.\"T\"[])))",
                "((b = ANY (ARRAY['x'::text])) OR (c = ANY (ARRAY[(f(1, 2))::app.\"T\"])))",
            ),
            (
                "(ARRAY[a])::character varying(5)[]",
                "ARRAY[(a)::character varying(5)]",
            ),
            (
                "(new.a::text = ANY (ARRAY['x'::character varying, a || b]::text[]))",
                "(new.a::text = ANY (ARRAY['x'::character varying::text, (a || b)::text]))",
            ),
            ("(ARRAY[a, b])[1]", "(ARRAY[a, b])[1]"),
            ("'(ARRAY[a])::text[]'", "'(ARRAY[a])::text[]'"),
        ] {
            assert_eq!(settled(text), expected, "{text}");
            assert_eq!(settled(expected), expected, "{text}");
        }
    }
}
