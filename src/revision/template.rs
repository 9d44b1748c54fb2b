//! The names of new revision files.

use std::fmt;
use std::str::FromStr;

use super::nearest::nearest;

/// How new revision files are named.
///
/// Text with fields in braces: `{revision}`, `{slug}` (the message as [`slug`] shortens it) and the
/// parts of the creation date as it is written, `{year}`, `{month}`, `{day}`, `{hour}`, `{minute}`
/// and `{second}`, with leading zeros. `{{` and `}}` are braces. A name ends in `.sql`; a `/` puts the file into a folder, and
/// neither name begins with a dot. Where the slug is empty, a `_` or `-` before it is left out too, and
/// a character of the id that file names cannot hold everywhere becomes `_`.
///
/// The name means nothing to limbeck: a revision's identity is in its header. The default is
/// `{revision}_{slug}.sql`; `{year}{month}{day}_{hour}{minute}_{revision}_{slug}.sql` sorts by date.
///
/// ```
/// # use limbeck::revision::{FileTemplate, NewRevision};
/// let revision = NewRevision::new("3f2a9c1d7b04").message("Add the users table");
/// assert_eq!(
///     revision.file_name(&FileTemplate::default())?,
///     "3f2a9c1d7b04_add_the_users_table.sql"
/// );
/// # Ok::<(), limbeck::revision::FileTemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTemplate {
    // Adjacent texts are joined, so that equal templates are equal.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Revision,
    Slug,
    Date(DatePart),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DatePart {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Field {
    const ALL: [Field; 8] = [
        Field::Revision,
        Field::Slug,
        Field::Date(DatePart::Year),
        Field::Date(DatePart::Month),
        Field::Date(DatePart::Day),
        Field::Date(DatePart::Hour),
        Field::Date(DatePart::Minute),
        Field::Date(DatePart::Second),
    ];

    fn name(self) -> &'static str {
        match self {
            Field::Revision => "revision",
            Field::Slug => "slug",
            Field::Date(DatePart::Year) => "year",
            Field::Date(DatePart::Month) => "month",
            Field::Date(DatePart::Day) => "day",
            Field::Date(DatePart::Hour) => "hour",
            Field::Date(DatePart::Minute) => "minute",
            Field::Date(DatePart::Second) => "second",
        }
    }
}

impl DatePart {
    /// Its digits in RFC 3339's `date-time`, where each has a fixed place.
    fn of(self, date: &str) -> Option<&str> {
        date.get(match self {
            DatePart::Year => 0..4,
            DatePart::Month => 5..7,
            DatePart::Day => 8..10,
            DatePart::Hour => 11..13,
            DatePart::Minute => 14..16,
            DatePart::Second => 17..19,
        })
    }
}

impl FileTemplate {
    /// `date` is RFC 3339's.
    pub(super) fn render(
        &self,
        revision: &str,
        message: &str,
        date: Option<&str>,
    ) -> Result<String, FileTemplateError> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                Part::Field(Field::Revision) => name.extend(revision.chars().map(in_file_name)),
                Part::Field(Field::Slug) => match slug(message) {
                    slug if slug.is_empty() => {
                        let kept = name.strip_suffix(['_', '-']).unwrap_or(&name).len();
                        name.truncate(kept);
                    }
                    slug => name.push_str(&slug),
                },
                Part::Field(Field::Date(part)) => match date.and_then(|date| part.of(date)) {
                    Some(digits) => name.push_str(digits),
                    None => return Err(FileTemplateError::NoDate),
                },
            }
        }
        for part in name.split('/') {
            match part.len() {
                0 => return Err(FileTemplateError::Nameless),
                length if length > LONGEST => return Err(FileTemplateError::TooLong { length }),
                _ => {}
            }
        }
        Ok(name)
    }
}

/// The most bytes that file systems take for a name.
const LONGEST: usize = 255;

/// The default, `{revision}_{slug}.sql`.
impl Default for FileTemplate {
    fn default() -> Self {
        FileTemplate {
            parts: vec![
                Part::Field(Field::Revision),
                Part::Text("_".to_owned()),
                Part::Field(Field::Slug),
                Part::Text(".sql".to_owned()),
            ],
        }
    }
}

impl fmt::Display for FileTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Field(field) => write!(f, "{{{}}}", field.name()),
        })
    }
}

/// Why a text is no template, or a template gives no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileTemplateError {
    /// A field that does not exist.
    #[error("unknown field `{{{field}}}`{}", nearest.map(|nearest| format!(", did you mean `{{{nearest}}}`?")).unwrap_or_default())]
    UnknownField {
        /// The name in braces.
        field: String,
        /// The field that is nearest to it.
        nearest: Option<&'static str>,
    },
    /// `{` without `}`, or the other way round.
    #[error("a brace without its other half: `{{{{` and `}}}}` are plain braces")]
    Brace,
    /// `\` or another character that file names cannot hold everywhere.
    #[error("{0:?} cannot stand in a file's name")]
    Character(char),
    /// A name begins with a dot, which hides files and folders on Unix.
    #[error("the name of a file or a folder cannot begin with a dot")]
    Hidden,
    /// Nothing stands before a `/`, or a field there is empty.
    #[error("a folder has no name: something has to stand before each `/`")]
    Nameless,
    /// The name has another ending.
    #[error("a revision file's name ends in `.sql`")]
    Ending,
    /// A part of the date is wanted, and the revision has no `create_date`.
    #[error("the file's name wants a date, and the revision has no `create_date`")]
    NoDate,
    /// The name is longer than file systems take.
    #[error(
        "the file's name would have {length} bytes, and file systems take {LONGEST}: give the revision a shorter \
         id, or name the file without it (`{{slug}}.sql`)"
    )]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

impl FromStr for FileTemplate {
    type Err = FileTemplateError;

    fn from_str(template: &str) -> Result<Self, FileTemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            rest = match c {
                '{' if after.starts_with('{') => {
                    text.push('{');
                    &after[1..]
                }
                '}' if after.starts_with('}') => {
                    text.push('}');
                    &after[1..]
                }
                '}' => return Err(FileTemplateError::Brace),
                '{' => {
                    let (name, after) = after.split_once('}').ok_or(FileTemplateError::Brace)?;
                    let field = Field::ALL.into_iter().find(|field| field.name() == name);
                    let field = field.ok_or_else(|| FileTemplateError::UnknownField {
                        field: name.to_owned(),
                        nearest: nearest(name, Field::ALL.map(Field::name)),
                    })?;
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Field(field));
                    after
                }
                c if c != '/' && in_file_name(c) != c => {
                    return Err(FileTemplateError::Character(c));
                }
                c => {
                    text.push(c);
                    after
                }
            };
        }
        if !text.ends_with(".sql") || template == ".sql" {
            return Err(FileTemplateError::Ending);
        }
        parts.push(Part::Text(text));
        for name in template.split('/') {
            match name.bytes().next() {
                None => return Err(FileTemplateError::Nameless),
                Some(b'.') => return Err(FileTemplateError::Hidden),
                Some(_) => {}
            }
        }
        Ok(FileTemplate { parts })
    }
}

/// `_` for what Windows or Unix cannot hold in a file's name.
fn in_file_name(c: char) -> char {
    match c {
        '/' | '\\' | '<' | '>' | '"' | '|' | '?' | '*' | ':' => '_',
        c if c.is_control() => '_',
        c => c,
    }
}

/// A message's first line as a part of a file's name: its words in lower case, joined by `_`, as many
/// of them as fit 40 characters, of the first one at least that much.
///
/// ```
/// assert_eq!(limbeck::revision::slug("Add users.email (unique)"), "add_users_email_unique");
/// ```
#[must_use]
pub fn slug(message: &str) -> String {
    const MOST: usize = 40;
    let line = message.lines().next().unwrap_or_default();
    let mut slug = String::new();
    let mut length = 0;
    for word in line.split(|c: char| !c.is_alphanumeric()) {
        let word: Vec<char> = word
            .chars()
            .flat_map(char::to_lowercase)
            .take(MOST + 1)
            .collect();
        if word.is_empty() {
            continue;
        }
        if length == 0 {
            slug.extend(word.iter().take(MOST));
            length = word.len();
        } else if length + 1 + word.len() <= MOST {
            slug.push('_');
            slug.extend(&word);
            length += 1 + word.len();
        } else {
            break;
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        for (message, expected) in [
            ("Add the users table", "add_the_users_table"),
            ("  --Größe: der Ärger! ", "größe_der_ärger"),
            ("first\nsecond", "first"),
            ("", ""),
            ("!?", ""),
            ("snake_case stays", "snake_case_stays"),
            (
                "move every order line of the warehouse to its own partition",
                "move_every_order_line_of_the_warehouse",
            ),
        ] {
            assert_eq!(slug(message), expected);
        }
        assert_eq!(slug(&"x".repeat(100)), "x".repeat(40));
        assert_eq!(
            slug(&format!("{} y", "x".repeat(38))),
            format!("{}_y", "x".repeat(38))
        );
    }

    #[test]
    fn names() {
        let name = |template: &str, message: &str| {
            let template: FileTemplate = template.parse().unwrap();
            assert_eq!(template.to_string().parse(), Ok(template.clone()));
            template
                .render("a/b", message, Some("2026-01-02T03:04:05+01:00"))
                .unwrap()
        };
        assert_eq!(name("{revision}_{slug}.sql", "Hello"), "a_b_hello.sql");
        assert_eq!(name("{revision}_{slug}.sql", ""), "a_b.sql");
        assert_eq!(
            name(
                "{{{year}{month}{day}}}-{hour}{minute}{second}_{slug}.sql",
                "x"
            ),
            "{20260102}-030405_x.sql"
        );
        assert_eq!("{revision}_{slug}.sql".parse(), Ok(FileTemplate::default()));
    }

    #[test]
    fn refusals() {
        let refused = |template: &str| template.parse::<FileTemplate>().unwrap_err().to_string();
        let texts: Vec<String> = [
            "{rev}.sql",
            "{Revison}.sql",
            "{slug.sql",
            "slug}.sql",
            "a\\{slug}.sql",
            "/{slug}.sql",
            "a//{slug}.sql",
            "../{slug}.sql",
            "a/.b/{slug}.sql",
            ".{slug}.sql",
            ".sql",
            "{slug}",
            "{slug}.SQL",
        ]
        .map(refused)
        .into();
        insta::assert_snapshot!(texts.join("\n"));
        let dated: FileTemplate = "{year}_{slug}.sql".parse().unwrap();
        assert_eq!(dated.render("a", "", None), Err(FileTemplateError::NoDate));

        let nested: FileTemplate = "{year}/{slug}/{revision}.sql".parse().unwrap();
        assert_eq!(nested.to_string(), "{year}/{slug}/{revision}.sql");
        let date = Some("2026-01-02T03:04:05Z");
        assert_eq!(
            nested.render("a/b", "Hello", date).unwrap(),
            "2026/hello/a_b.sql"
        );
        assert_eq!(
            nested.render("a", "", date),
            Err(FileTemplateError::Nameless)
        );

        let named = |id: &str| FileTemplate::default().render(id, "", None);
        assert_eq!(named(&"x".repeat(251)).unwrap().len(), 255);
        let refused = named(&"é".repeat(126)).unwrap_err();
        assert_eq!(refused, FileTemplateError::TooLong { length: 256 });
    }
}
