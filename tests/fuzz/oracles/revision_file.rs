//! The parser of revision files: any bytes.

use limbeck::revision::{NewRevision, RevisionError, SectionKind};
use limbeck::{Dialect, Revision};

pub fn check(data: &[u8]) {
    match Revision::parse_bytes("a.sql", data.to_vec()) {
        Ok(revision) => check_revision(data, &revision),
        Err(error) => check_error(data, &error),
    }
}

fn check_error(data: &[u8], error: &RevisionError) {
    let text = String::from_utf8_lossy(data);
    let (line, column) = (error.line(), error.column());
    let lines = text.split('\n').count();
    assert!(
        (1..=lines).contains(&line),
        "line {line} of {lines}: {error}"
    );
    let longest = text.chars().count() + 1;
    assert!((1..=longest).contains(&column), "column {column}: {error}");
    assert!(error.to_string().contains("a.sql"));
}

fn check_revision(data: &[u8], revision: &Revision) {
    let text = revision.text();
    assert!(
        !text.contains('\0') && !text.starts_with('\u{feff}')
            || data.starts_with(b"\xef\xbb\xbf\xef\xbb\xbf")
    );
    assert!(revision.check().is_ok() && !revision.id().is_empty());

    // The same file, as an editor of another system would write it.
    let crlf = Revision::parse("b.sql", text.replace('\n', "\r\n")).expect("CRLF instead of LF");
    let marked = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    let marked = Revision::parse("c.sql", marked).expect("a byte-order mark");
    for other in [&crlf, &marked] {
        assert_eq!(other.text(), text);
        assert_eq!(other.checksum(), revision.checksum());
        assert_eq!(facts(other), facts(revision));
    }

    // Read, write, read.
    let new = NewRevision::try_from(revision).expect("what was read can be written");
    let written = new
        .to_text()
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let again = Revision::parse("d.sql", written.clone()).expect("what was written can be read");
    assert_eq!(facts(&again), facts(revision), "{text}\n--\n{written}");
    assert_eq!(again.text(), written);
    let twice = NewRevision::try_from(&again).expect("and written again");
    assert_eq!(twice, new);
    assert_eq!(
        twice.to_text().expect("the same"),
        written,
        "writing is a fixed point"
    );

    check_sections(revision);
}

fn check_sections(revision: &Revision) {
    let text = revision.text();
    let lines: Vec<&str> = text.split('\n').collect();
    for section in revision.sections() {
        assert!(
            lines[section.line() - 1].starts_with("--"),
            "a marker's line"
        );
        for dialect in Dialect::ALL {
            let Ok(statements) = revision.statements(section, dialect) else {
                continue;
            };
            for statement in statements {
                assert_eq!(
                    &text[statement.offset()..][..statement.text().len()],
                    statement.text()
                );
                let before = &text[..statement.offset()];
                let line = before.matches('\n').count() + 1;
                let column = before
                    .rsplit('\n')
                    .next()
                    .map_or(0, |line| line.chars().count())
                    + 1;
                assert_eq!((statement.line(), statement.column()), (line, column));
            }
        }
    }
}

/// All that a file says, without its layout.
fn facts(revision: &Revision) -> impl PartialEq + std::fmt::Debug {
    let served: Vec<_> = Dialect::ALL
        .into_iter()
        .flat_map(|dialect| {
            [
                SectionKind::Upgrade,
                SectionKind::Downgrade,
                SectionKind::Require,
                SectionKind::Verify,
            ]
            .map(|kind| (kind, dialect))
        })
        .map(|(kind, dialect)| {
            let section = revision.section(kind, dialect)?;
            let statements = revision.statements(section, dialect).map(|statements| {
                statements
                    .iter()
                    .map(|statement| without_cr(statement.text()))
                    .collect::<Vec<_>>()
            });
            Some((section.mode(), statements.ok()))
        })
        .collect();
    let words = |words: &[std::sync::Arc<str>]| {
        words
            .iter()
            .map(|word| word.to_string())
            .collect::<Vec<_>>()
    };
    (
        revision.id().to_owned(),
        words(revision.down_revision()),
        words(revision.branch_labels()),
        words(revision.depends_on()),
        revision.message().to_owned(),
        (
            revision.create_date(),
            revision.requires_binary().map(str::to_owned),
        ),
        served,
    )
}

/// The writer drops every CR before an LF, of which a text with two of them keeps one.
fn without_cr(text: &str) -> String {
    text.split('\n')
        .map(|line| line.trim_end_matches('\r'))
        .collect::<Vec<_>>()
        .join("\n")
}
