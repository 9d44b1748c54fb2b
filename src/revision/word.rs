//! The rule for what may name a revision or a branch.

/// The most characters that an id or a label may have: what `limbeck_version.version_num` holds.
pub(super) const LONGEST: usize = 255;

/// Words that mean something else wherever a revision is expected.
const RESERVED: [&str; 5] = ["head", "heads", "base", "current", "none"];

/// Whether targets and headers keep `word` for themselves, in whatever case it is written.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// Whether a character can stand in no id and no label.
pub(crate) fn is_forbidden(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character, ',' | '@' | '+' | '-' | ':')
}

/// Why a word can be neither a revision's id nor a branch label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// There is no word.
    #[error("it is empty")]
    Empty,
    /// It has more than 255 characters.
    #[error("it has {characters} characters, and {LONGEST} is the most")]
    TooLong {
        /// How many it has.
        characters: usize,
    },
    /// A character that targets such as `ae10+1`, lists, or lines give another meaning.
    #[error("{} cannot stand in it", name(*.character))]
    Forbidden {
        /// The first such character.
        character: char,
    },
    /// `head`, `heads`, `base`, `current` or `none`, in any case.
    #[error("the word has a meaning of its own as a target")]
    Reserved,
}

fn name(character: char) -> String {
    match character {
        ' ' => "a space".to_owned(),
        ',' => "a comma".to_owned(),
        c if c.is_whitespace() || c.is_control() => format!("the character {}", c.escape_unicode()),
        c => format!("`{c}`"),
    }
}

/// Checks the rule of section "A revision file": up to 255 characters, without white space, comma or
/// one of `@ + - :`, and none of the reserved words. Control characters are refused beyond that:
/// they would garble every message that names the revision.
pub(super) fn check_word(word: &str) -> Result<(), WordError> {
    if word.is_empty() {
        return Err(WordError::Empty);
    }
    if let Some(character) = word.chars().find(|&c| is_forbidden(c)) {
        return Err(WordError::Forbidden { character });
    }
    if is_reserved(word) {
        return Err(WordError::Reserved);
    }
    // A character is at least one byte: only words that may be too long are counted.
    if word.len() > LONGEST {
        let characters = word.chars().count();
        if characters > LONGEST {
            return Err(WordError::TooLong { characters });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        for word in [
            "a",
            "3f2a9c1d7b04",
            "héads",
            "a/b",
            "header",
            "x.y_z",
            "ß'\"",
        ] {
            assert_eq!(check_word(word), Ok(()), "{word}");
        }
        for word in ["head", "HEADS", "Base", "current", "None"] {
            assert_eq!(check_word(word), Err(WordError::Reserved), "{word}");
        }
        for character in [' ', '\t', '\u{a0}', ',', '@', '+', '-', ':', '\u{1b}'] {
            assert_eq!(
                check_word(&format!("a{character}b")),
                Err(WordError::Forbidden { character })
            );
        }
        assert_eq!(check_word(""), Err(WordError::Empty));
        assert_eq!(check_word(&"ü".repeat(255)), Ok(()));
        assert_eq!(
            check_word(&"ü".repeat(256)),
            Err(WordError::TooLong { characters: 256 })
        );
    }
}
