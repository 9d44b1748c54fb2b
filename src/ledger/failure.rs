//! Failures as the ledger keeps them: of bounded length, and counted where a step fails again as it did before, so that a
//! service which fails at every boot fills no disk.

use super::LedgerEntry;
use super::recorded::State;

/// The number of rows that a revision has of failures that differ, one behind the other. From then on the last of them is counted up,
/// whatever its error says and whichever file it was of.
pub(crate) const DIFFERENT: usize = 8;

/// The characters of an error that are kept: its beginning, and its end, which says what state the database is in.
const BEGINNING: usize = 3000;
const END: usize = 1000;

/// An error, cut in the middle where it is long.
pub(crate) fn bounded(error: &str) -> String {
    let length = error.chars().count();
    if length <= BEGINNING + END {
        return error.to_owned();
    }
    let beginning: String = error.chars().take(BEGINNING).collect();
    let end: String = error.chars().skip(length - END).collect();
    format!("{beginning}\n…\n{end}")
}

/// The text of a failure that came `times` times.
pub(crate) fn counted(error: &str, times: u64) -> String {
    format!("{}\n({times} times)", bounded(error))
}

/// A row's error without its count, and the count.
pub(crate) fn uncounted(text: &str) -> (&str, u64) {
    text.rsplit_once("\n(")
        .and_then(|(error, count)| Some((error, count.strip_suffix(" times)")?.parse().ok()?)))
        .unwrap_or((text, 1))
}

/// The row that this failure is counted up in, and how often it has come then. `recent` are the revision's last rows, the
/// newest first.
pub(crate) fn repeats(recent: &[LedgerEntry], failed: &LedgerEntry) -> Option<(i64, u64)> {
    let in_a_row: Vec<&LedgerEntry> = recent
        .iter()
        .take_while(|row| row.state == State::Failed)
        .collect();
    let is_same =
        |row: &LedgerEntry| row.action == failed.action && row.checksum == failed.checksum;
    let same: Vec<&LedgerEntry> = in_a_row.iter().copied().filter(|r| is_same(r)).collect();
    let told = |row: &LedgerEntry| {
        let error = row.error.as_deref().unwrap_or_default();
        let (text, times) = uncounted(error);
        (shape(text), times)
    };
    let new = shape(&bounded(failed.error.as_deref().unwrap_or_default()));
    let equal = same.iter().find(|row| told(row).0 == new);
    let last = same.first().or(in_a_row.first());
    let row = equal.or(last.filter(|_| in_a_row.len() >= DIFFERENT))?;
    Some((row.id, told(row).1.saturating_add(1)))
}

/// A text in which the words with a digit are all the same: times, sessions, addresses of two failures differ.
fn shape(text: &str) -> String {
    let words = text.split_inclusive(|character: char| !character.is_alphanumeric());
    words
        .map(|word| {
            let end = word.trim_start_matches(char::is_alphanumeric);
            match word.contains(|character: char| character.is_ascii_digit()) {
                true => format!("0{end}"),
                false => word.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Action;

    fn row(id: i64, error: &str) -> LedgerEntry {
        LedgerEntry {
            id,
            action: Action::Upgrade.into(),
            state: State::Failed.into(),
            error: Some(error.to_owned()),
            ..LedgerEntry::default()
        }
    }

    #[test]
    fn a_long_error_keeps_its_beginning_and_its_end() {
        let long = format!("begin {} end", "é".repeat(100_000));
        let kept = bounded(&long);
        assert!(kept.starts_with("begin é") && kept.ends_with("é end"));
        assert_eq!(kept.chars().count(), BEGINNING + END + 3);
        assert_eq!(bounded("short"), "short");
    }

    #[test]
    fn a_count_is_read_as_it_is_written() {
        assert_eq!(uncounted(&counted("no\n(why)", 7)), ("no\n(why)", 7));
        for plain in ["no", "", "no\n(7 times", "no\n(many times)"] {
            assert_eq!(uncounted(plain), (plain, 1));
        }
    }

    #[test]
    fn a_failure_counts_up_in_the_row_of_its_like() {
        let recent = [row(9, "other"), row(8, "at 12:30, session 7\n(3 times)")];
        let like = row(0, "at 12:31, session 8");
        assert_eq!(repeats(&recent, &like), Some((8, 4)));
        assert_eq!(repeats(&recent, &row(0, "new")), None);
        assert_eq!(repeats(&[], &like), None);
        let edited = LedgerEntry {
            checksum: Some("another".into()),
            ..like.clone()
        };
        assert_eq!(repeats(&recent, &edited), None);
        // Behind a step that went well an error is a new one.
        let done = LedgerEntry {
            state: State::Done.into(),
            ..row(9, "")
        };
        assert_eq!(repeats(&[done, recent[1].clone()], &like), None);
    }

    #[test]
    fn rows_of_failures_that_differ_come_to_an_end() {
        let words = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut recent: Vec<LedgerEntry> = (1..).zip(words).map(|(id, it)| row(id, it)).collect();
        recent.reverse();
        assert_eq!(repeats(&recent, &row(0, "new")), Some((8, 2)));
        assert_eq!(repeats(&recent[1..], &row(0, "new")), None);
        let edited = LedgerEntry {
            checksum: Some("another".into()),
            ..row(0, "new")
        };
        assert_eq!(repeats(&recent, &edited), Some((8, 2)));
    }

    #[test]
    fn a_cut_error_is_like_itself() {
        let long = "word ".repeat(5000);
        let recent = [row(1, &counted(&long, 2))];
        assert_eq!(repeats(&recent, &row(0, &long)), Some((1, 3)));
    }
}
