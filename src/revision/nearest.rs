//! The known word that a mistyped one is most likely meant to be.

/// Longer words are never compared: the distance costs the product of both lengths.
const LONGEST: usize = 32;

/// The known word nearest to `word` when case and `-` for `_` are forgiven, if one is near enough to
/// be what was meant: at most a third of its characters, and never fewer than two, may differ.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> = word
        .chars()
        .take(LONGEST + 1)
        .flat_map(char::to_lowercase)
        .map(|c| if c == '-' || c == ' ' { '_' } else { c })
        .collect();
    if word.len() < 2 || word.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .filter_map(|candidate| {
            let length = candidate.chars().count();
            let most = (length / 3).max(2).min(word.len().min(length) - 1);
            // Each character too many or too few is a difference: no table is needed to see that.
            let near = word.len().abs_diff(length) <= most;
            let distance = near.then(|| distance(&word, candidate))?;
            (distance <= most).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut best = (above[j] + usize::from(x != y))
                .min(above[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let between = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), b);
        assert_eq!(between("", "abc"), 3);
        assert_eq!(between("upgarde", "upgrade"), 1);
        assert_eq!(between("kitten", "sitting"), 3);
    }

    #[test]
    fn what_was_meant() {
        let keys = ["revision", "down_revision", "branch_labels", "depends_on"];
        assert_eq!(nearest("Revision", keys), Some("revision"));
        assert_eq!(nearest("revison", keys), Some("revision"));
        assert_eq!(nearest("Down-Revision", keys), Some("down_revision"));
        assert_eq!(nearest("branch_label", keys), Some("branch_labels"));
        assert_eq!(nearest("author", keys), None);
        assert_eq!(nearest("x", ["xy"]), None);
        assert_eq!(nearest("on", ["off"]), None);
        assert_eq!(nearest(&"revision".repeat(1000), keys), None);
    }
}
