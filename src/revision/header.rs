//! The leading comment block: message, empty line, keys.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset};

use super::error::{Fault, RevisionErrorKind as Kind};
use super::nearest::nearest;
use super::section::{Marker, begins_section};
use super::text::{lines_from, offset_in};
use super::word::{WordError, check_word};
use crate::graph::RevisionId;

/// A key of the header, in the order in which they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Revision,
    DownRevision,
    BranchLabels,
    DependsOn,
    CreateDate,
    RequiresBinary,
}

impl Key {
    pub(super) const ALL: [Key; 6] = [
        Key::Revision,
        Key::DownRevision,
        Key::BranchLabels,
        Key::DependsOn,
        Key::CreateDate,
        Key::RequiresBinary,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Key::Revision => "revision",
            Key::DownRevision => "down_revision",
            Key::BranchLabels => "branch_labels",
            Key::DependsOn => "depends_on",
            Key::CreateDate => "create_date",
            Key::RequiresBinary => "requires_binary",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Key> {
        Key::ALL.into_iter().find(|key| key.name() == name)
    }

    /// What other tools call these, too far from our names for an edit distance to find.
    fn from_other_tools(name: &str) -> Option<Key> {
        Some(match name.to_ascii_lowercase().as_str() {
            "revises" | "parent" | "parents" => Key::DownRevision,
            "revision id" => Key::Revision,
            "label" | "labels" | "branch" => Key::BranchLabels,
            "depends" | "requires" => Key::DependsOn,
            "date" | "created" => Key::CreateDate,
            _ => return None,
        })
    }

    fn nearest(name: &str) -> Option<&'static str> {
        Key::from_other_tools(name)
            .map(Key::name)
            .or_else(|| nearest(name, Key::ALL.map(Key::name)))
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: RevisionId,
    pub(super) down_revision: Vec<RevisionId>,
    pub(super) branch_labels: Vec<Arc<str>>,
    pub(super) depends_on: Vec<Arc<str>>,
    pub(super) message: Cow<'static, str>,
    pub(super) create_date: Option<Cow<'static, str>>,
    pub(super) requires_binary: Option<RevisionId>,
}

/// Where a header's parts stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Layout {
    /// The line of each key, in [`Key::ALL`]'s order.
    lines: [Option<usize>; Key::ALL.len()],
    /// The linter's comments in the block, as written: no part of message or keys.
    pub(super) lint: Vec<String>,
    /// Where the first line after the block begins.
    pub(super) end: usize,
    /// Where the last key begins.
    pub(super) last_key: usize,
}

impl Layout {
    pub(super) fn line(&self, key: Key) -> Option<usize> {
        self.lines[key as usize]
    }
}

/// Whether a line of the header, from column 1 on, is the linter's.
pub(super) fn is_lint(line: &str) -> bool {
    line.starts_with("-- lint:")
}

#[derive(Clone, Copy)]
struct Line<'t> {
    number: usize,
    /// What follows `--` and one space, without white space at the end.
    content: &'t str,
}

impl Line<'_> {
    fn is_blank(&self) -> bool {
        self.content.is_empty()
    }

    fn has_known_key(&self) -> bool {
        self.key().is_some_and(|key| Key::from_name(key).is_some())
    }

    fn key(&self) -> Option<&str> {
        self.content.split_once(':').map(|(key, _)| key.trim())
    }
}

pub(super) fn parse(text: &str) -> Result<(Header, Layout), Fault> {
    let (lines, mut layout) = block(text)?;
    let (message, keys) = split(text, &lines)?;
    let values = Values::collect(text, keys, &mut layout)?;
    let header = values.header(message, keys, text)?;
    Ok((header, layout))
}

/// The lines of the block, without the linter's.
fn block(text: &str) -> Result<(Vec<Line<'_>>, Layout), Fault> {
    let mut lines = Vec::new();
    let mut layout = Layout {
        end: text.len(),
        ..Layout::default()
    };
    for (index, (start, line)) in lines_from(text, 0).enumerate() {
        let outside = match begins_section(line) {
            Some(Marker::Section(..)) => true,
            Some(Marker::NearMiss(nearest)) => {
                let marker = line.trim_end().to_owned();
                return Err(Fault::new(start, Kind::UnknownSection { marker, nearest }));
            }
            None => !line.trim_start().starts_with("--"),
        };
        if outside {
            if lines.is_empty() && line.trim().is_empty() {
                continue;
            }
            layout.end = start;
            break;
        }
        if is_lint(line) {
            layout.lint.push(line.trim_end().to_owned());
            continue;
        }
        let content = &line.trim_start()["--".len()..];
        let content = content.strip_prefix(' ').unwrap_or(content).trim_end();
        lines.push(Line {
            number: index + 1,
            content,
        });
    }
    Ok((lines, layout))
}

/// Parts the message from the keys, which are the block's last paragraph.
fn split<'l, 't>(
    text: &'t str,
    lines: &'l [Line<'t>],
) -> Result<(&'l [Line<'t>], &'l [Line<'t>]), Fault> {
    let end = lines
        .iter()
        .rposition(|line| !line.is_blank())
        .map_or(0, |last| last + 1);
    let start = lines[..end]
        .iter()
        .rposition(Line::is_blank)
        .map_or(0, |blank| blank + 1);
    let (above, keys) = (&lines[..start], &lines[start..end]);
    if !keys.iter().any(Line::has_known_key) {
        let at = |line: &Line<'t>| offset_in(text, line.content);
        if let (Some(key), Some(first)) = (
            above.iter().rfind(|line| line.has_known_key()),
            keys.first(),
        ) {
            return Err(Fault::new(
                at(first),
                Kind::KeysNotLast {
                    keys_end: key.number,
                },
            ));
        }
        // Only what every header has: a stranger's comment may well hold a `Date:`.
        let required = [Key::Revision, Key::DownRevision].map(Key::name);
        let misspelt = keys.iter().find_map(|line| {
            let key = line.key()?;
            let nearest = Key::nearest(key).filter(|nearest| required.contains(nearest))?;
            Some((line, key, nearest))
        });
        return Err(match misspelt {
            Some((line, key, nearest)) => Fault::new(
                at(line) + offset_in(line.content, key),
                Kind::UnknownKey {
                    key: key.to_owned(),
                    nearest: Some(nearest),
                },
            ),
            None => {
                let begins = text.len() - text.trim_start().len();
                let begins = if begins == text.len() { 0 } else { begins };
                Fault::new(begins, Kind::NoHeader)
            }
        });
    }
    let message_end = above
        .iter()
        .rposition(|line| !line.is_blank())
        .map_or(0, |last| last + 1);
    let message_start = above.iter().position(|line| !line.is_blank()).unwrap_or(0);
    Ok((&above[message_start..message_end], keys))
}

/// The keys' values, none of them empty.
#[derive(Default)]
struct Values<'t> {
    values: [Option<&'t str>; Key::ALL.len()],
}

impl<'t> Values<'t> {
    fn collect(text: &'t str, keys: &[Line<'t>], layout: &mut Layout) -> Result<Self, Fault> {
        let mut found = Values::default();
        for line in keys {
            let at = offset_in(text, line.content);
            let Some((name, value)) = line.content.split_once(':') else {
                let line = line.content.trim().to_owned();
                return Err(Fault::new(at, Kind::NotAKey { line }));
            };
            let (name, value) = (name.trim(), value.trim());
            let at = offset_in(text, name);
            let Some(key) = Key::from_name(name) else {
                let nearest = Key::nearest(name);
                // A sentence with a colon in it is no misspelt key.
                return Err(Fault::new(
                    at,
                    if nearest.is_none() && name.contains(char::is_whitespace) {
                        Kind::NotAKey {
                            line: line.content.trim().to_owned(),
                        }
                    } else {
                        Kind::UnknownKey {
                            key: name.to_owned(),
                            nearest,
                        }
                    },
                ));
            };
            if let Some(first_line) = layout.lines[key as usize] {
                return Err(Fault::new(
                    at,
                    Kind::DuplicateKey {
                        key: key.name(),
                        first_line,
                    },
                ));
            }
            if value.is_empty() {
                return Err(Fault::new(at, Kind::EmptyValue { key: key.name() }));
            }
            layout.lines[key as usize] = Some(line.number);
            layout.last_key = at;
            found.values[key as usize] = Some(value);
        }
        Ok(found)
    }

    fn header(&self, message: &[Line<'t>], keys: &[Line<'t>], text: &str) -> Result<Header, Fault> {
        let keys_start = keys.first().map_or(0, |line| offset_in(text, line.content));
        let required = |key: Key| {
            self.values[key as usize].ok_or_else(|| {
                // The key's line, not its text: what is missing has no column of its own.
                let line_start = text[..keys_start]
                    .rfind('\n')
                    .map_or(0, |newline| newline + 1);
                Fault::new(line_start, Kind::MissingKey { key: key.name() })
            })
        };
        let id = required(Key::Revision)?;
        check(Key::Revision, id, text)?;
        let parents = required(Key::DownRevision)?;
        let down_revision = match parents {
            "none" => Vec::new(),
            list => self.list(Key::DownRevision, list, id, text)?,
        };
        let optional_list = |key: Key| -> Result<Vec<Arc<str>>, Fault> {
            match self.values[key as usize] {
                Some(list) => self.list(key, list, id, text),
                None => Ok(Vec::new()),
            }
        };
        let requires_binary = match self.values[Key::RequiresBinary as usize] {
            Some(word) => {
                check(Key::RequiresBinary, word, text)?;
                Some(word.into())
            }
            None => None,
        };
        Ok(Header {
            id: id.into(),
            down_revision,
            branch_labels: optional_list(Key::BranchLabels)?,
            depends_on: optional_list(Key::DependsOn)?,
            message: Cow::Owned(
                message
                    .iter()
                    .map(|line| line.content)
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            create_date: match self.values[Key::CreateDate as usize] {
                Some(date) if read_date(date).is_some() => Some(Cow::Owned(date.to_owned())),
                Some(date) => {
                    let kind = Kind::BadDate {
                        value: date.to_owned(),
                    };
                    return Err(Fault::new(offset_in(text, date), kind));
                }
                None => None,
            },
            requires_binary,
        })
    }

    fn list<W: for<'w> From<&'w str>>(
        &self,
        key: Key,
        list: &str,
        id: &str,
        text: &str,
    ) -> Result<Vec<W>, Fault> {
        let mut seen = HashSet::new();
        let several = list.contains(',');
        list.split(',')
            .map(|item| {
                let word = item.trim();
                let fault = |kind| Fault::new(offset_in(text, word), kind);
                if word.is_empty() {
                    return Err(fault(Kind::EmptyItem { key: key.name() }));
                }
                if key == Key::DownRevision && several && word.eq_ignore_ascii_case("none") {
                    return Err(fault(Kind::NoneAmongOthers));
                }
                check(key, word, text)?;
                if key != Key::BranchLabels && word == id {
                    let revision = word.to_owned();
                    return Err(fault(Kind::SelfReference {
                        key: key.name(),
                        revision,
                    }));
                }
                if !seen.insert(word) {
                    let item = word.to_owned();
                    return Err(fault(Kind::DuplicateItem {
                        key: key.name(),
                        item,
                    }));
                }
                Ok(word.into())
            })
            .collect()
    }
}

fn check(key: Key, word: &str, text: &str) -> Result<(), Fault> {
    check_word(word)
        .map_err(|problem| Fault::new(offset_in(text, word), bad_word(key, word, problem)))
}

pub(super) fn bad_word(key: Key, word: &str, problem: WordError) -> Kind {
    Kind::BadWord {
        key: key.name(),
        word: word.to_owned(),
        problem,
    }
}

/// The time of a `date-time` of RFC 3339, section 5.6, read strictly: chrono alone also takes a space for the `T`, and a
/// leap second in any minute. Digits behind the ninth of a fraction are dropped.
pub(super) fn read_date(date: &str) -> Option<DateTime<FixedOffset>> {
    let fits = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern
                .bytes()
                .zip(text.bytes())
                .all(|(pattern, byte)| match pattern {
                    b'0' => byte.is_ascii_digit(),
                    b'+' => matches!(byte, b'+' | b'-'),
                    pattern => pattern == byte.to_ascii_uppercase(),
                })
    };
    let (seconds, rest) = date.split_at_checked("2026-11-22T12:00:00".len())?;
    let offset = match rest.strip_prefix('.') {
        Some(fraction) => match fraction.trim_start_matches(|c: char| c.is_ascii_digit()) {
            offset if offset.len() < fraction.len() => offset,
            _ => return None,
        },
        None => rest,
    };
    let is_strict =
        fits("0000-00-00T00:00:00", seconds) && (fits("Z", offset) || fits("+00:00", offset));
    is_strict.then(|| DateTime::parse_from_rfc3339(date).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for date in [
            "2026-11-22T12:00:00Z",
            "2026-11-22t12:00:00z",
            "2026-11-22T12:00:00.123456+05:30",
            "2026-11-22T12:00:00.1234567890123-00:00",
            "2024-02-29T23:59:60Z",
        ] {
            assert!(read_date(date).is_some(), "{date}");
        }
        for date in [
            "2026-11-22",
            "2026-11-22 12:00:00Z",
            "2026-11-22T12:00:00",
            "2026-11-22T12:00Z",
            "2026-11-22T12:00:00.Z",
            "2026-11-22T12:00:00+0100",
            "2026-02-29T12:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T12:00:00Zü",
            "2026-11-22T12:00:0ü",
            "20261122T120000Z",
        ] {
            assert_eq!(read_date(date), None, "{date}");
        }
    }
}
