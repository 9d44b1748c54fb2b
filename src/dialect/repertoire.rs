//! The characters that a server's encoding has.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The characters that limbeck's own statements may hold. A server whose encoding is not UTF-8 refuses a whole message for one
/// that its encoding lacks; what is written for a person must not make a step impossible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Repertoire {
    #[default]
    All,
    /// ASCII and these.
    Of(Arc<BTreeSet<char>>),
}

impl Repertoire {
    pub(crate) fn of(characters: impl IntoIterator<Item = char>) -> Self {
        Repertoire::Of(Arc::new(characters.into_iter().collect()))
    }

    fn has(&self, character: char) -> bool {
        match self {
            Repertoire::All => true,
            Repertoire::Of(characters) => character.is_ascii() || characters.contains(&character),
        }
    }

    /// The text with `<U+65E5>` in place of each character that is not among these. It may stand inside a literal.
    pub(crate) fn fit<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if text.chars().all(|character| self.has(character)) {
            return text.into();
        }
        let mut fitted = String::with_capacity(text.len() + 16);
        for character in text.chars() {
            if self.has(character) {
                fitted.push(character);
            } else {
                fitted.push_str(&format!("<U+{:04X}>", u32::from(character)));
            }
        }
        fitted.into()
    }
}

/// The text in ASCII, in the same way.
pub(crate) fn ascii(text: &str) -> Cow<'_, str> {
    Repertoire::of([]).fit(text)
}

/// The characters of these texts that are not ASCII, each once.
pub(crate) fn beyond_ascii<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<char> {
    let characters = texts.into_iter().flat_map(str::chars);
    let found: BTreeSet<char> = characters.filter(|it| !it.is_ascii()).collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_are_lacking_are_shown_by_their_number() {
        let text = "a é 日 😀";
        assert_eq!(Repertoire::All.fit(text), text);
        assert_eq!(Repertoire::of(['é']).fit(text), "a é <U+65E5> <U+1F600>");
        assert_eq!(Repertoire::of([]).fit("it's"), "it's");
        assert_eq!(beyond_ascii(["aéa", "日é"]), ['é', '日']);
    }
}
