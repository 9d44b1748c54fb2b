//! What may be the name of a revision or a branch, and which known name an unknown one resembles.

use std::sync::Arc;

use crate::revision::is_forbidden;
pub(crate) use crate::revision::is_reserved;

/// Above this no name is taken for a misspelling of another.
const MOST_EDITS: usize = 2;

/// Longer words are not compared: the cost of one comparison stays bounded.
const LONGEST_COMPARED: usize = 64;

/// Whether `word` holds only what a revision id, a partial id or a label may hold.
pub(crate) fn is_word(word: &str) -> bool {
    !word.is_empty() && !word.chars().any(is_forbidden)
}

/// Whether a part of `name` may stand for it. One of up to three characters must be written out, as in
/// Alembic (`RevisionMap._revision_for_ident`).
pub(crate) fn may_be_shortened(name: &str) -> bool {
    name.chars().nth(3).is_some()
}

/// The candidate that `word` may be a slip of, if one is at most two edits away, case not counted. Among
/// equally near ones the first in sorted order, so that a message does not depend on the order given.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a Arc<str>>,
) -> Option<Arc<str>> {
    let word: Vec<char> = word
        .chars()
        .flat_map(char::to_lowercase)
        .take(LONGEST_COMPARED + 1)
        .collect();
    if word.len() > LONGEST_COMPARED {
        return None;
    }
    let limit = MOST_EDITS.min(word.len().saturating_sub(1) / 2);
    let mut other = Vec::new();
    candidates
        .into_iter()
        .filter_map(|candidate| {
            other.clear();
            other.extend(
                candidate
                    .chars()
                    .flat_map(char::to_lowercase)
                    .take(LONGEST_COMPARED + MOST_EDITS),
            );
            if other.len().abs_diff(word.len()) > limit {
                return None;
            }
            let edits = edits(&word, &other);
            (edits <= limit).then_some((edits, candidate))
        })
        .min()
        .map(|(_, candidate)| Arc::clone(candidate))
}

/// Characters to insert, drop or replace, and neighbours to swap, until one word is the other.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut two_above: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut here = Vec::with_capacity(above.len());
        here.push(row + 1);
        for (column, b) in to.iter().enumerate() {
            let replaced = above[column] + usize::from(a != b);
            let mut least = replaced.min(above[column + 1] + 1).min(here[column] + 1);
            if row > 0 && column > 0 && *a == to[column - 1] && from[row - 1] == *b {
                least = least.min(two_above[column - 1] + 1);
            }
            here.push(least);
        }
        two_above = std::mem::replace(&mut above, here);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for word in ["3f2a9c1d7b04", "accounts", "v1.2_x", "é", "0"] {
            assert!(is_word(word), "{word}");
        }
        for word in [
            "", "a b", "a,b", "a@b", "a+b", "a-b", "a:b", "a\u{0}", "a\n",
        ] {
            assert!(!is_word(word), "{word:?}");
        }
        assert!(is_reserved("Head") && is_reserved("none") && !is_reserved("header"));
    }

    #[test]
    fn a_slip_finds_its_word() {
        let known: Vec<Arc<str>> = ["3f2a9c1d7b04", "accounts", "ab", "acount5"]
            .map(Arc::from)
            .to_vec();
        let near = |word: &str| nearest(word, &known);
        assert_eq!(near("3f2a9c1d7b40").as_deref(), Some("3f2a9c1d7b04"));
        assert_eq!(near("ACCOUNTS").as_deref(), Some("accounts"));
        assert_eq!(near("acounts").as_deref(), Some("accounts"));
        assert_eq!(near("acconuts").as_deref(), Some("accounts"));
        assert_eq!(near("payments"), None);
        assert_eq!(near("xy"), None);
        assert_eq!(near(&"a".repeat(10_000)), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_slip() {
        let words = ["head", "heads", "base"].map(Arc::from).to_vec();
        for (word, meant) in [
            ("hed", "head"),
            ("haed", "head"),
            ("heda", "head"),
            ("heds", "heads"),
            ("haeds", "heads"),
            ("bse", "base"),
            ("baes", "base"),
        ] {
            assert_eq!(nearest(word, &words).as_deref(), Some(meant), "{word}");
        }
    }
}
