//! Revision files: what is read, what is refused and how, what is written.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, FixedOffset, Utc};
use limbeck::embedding::{Embedded, EmbeddedRevision, GraphTables};
use limbeck::revision::{
    Checksum, FileStatement, FileTemplate, FileTemplateError, ForeignKeys, Mode, NewRevision,
    NewSection, RevisionErrorKind, Section, SectionKind,
};
use limbeck::{Dialect, Migrations, Revision};
use proptest::prelude::*;

const HEADER: &str = "-- Add the users table\n--\n-- revision: a1\n-- down_revision: none\n";

fn date(text: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text).expect("a date")
}

fn parse(text: &str) -> Revision {
    Revision::parse("a.sql", text.to_owned()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn with_sections(sections: &str) -> Revision {
    parse(&format!("{HEADER}\n{sections}"))
}

/// The name of the error that a file with these sections gives, and its place.
fn refused(sections: &str) -> (&'static str, usize, usize) {
    let text = format!("{HEADER}\n{sections}");
    match Revision::parse("a.sql", text) {
        Ok(_) => panic!("accepted:\n{sections}"),
        Err(error) => (error.kind().name(), error.line(), error.column()),
    }
}

fn bodies<'r>(revision: &'r Revision, sections: &[Section]) -> Vec<&'r str> {
    sections
        .iter()
        .map(|section| revision.body(section))
        .collect()
}

/// PostgreSQL runs what stands behind a lone CR: it is not dropped where no SQL may stand.
#[test]
fn a_comment_before_the_sections_or_in_code_hides_no_sql() {
    let sections = "-- note\rCREATE TABLE lost(id INT);\n-- @upgrade\nSELECT 1;\n";
    assert_eq!(refused(sections), ("before_first_section", 6, 9));
    let sections = "-- @upgrade rust\n-- note\rCREATE TABLE lost(id INT);\n";
    assert_eq!(refused(sections), ("sql_in_rust", 7, 9));
    with_sections("-- @upgrade [sqlite]\nSELECT 1; -- a\r/* b\n");
}

#[test]
fn a_whole_file() {
    let revision = parse(
        "-- Add the users table\n\
         --\n\
         -- It is *not* yet filled:\n\
         --   that comes next.\n\
         --\n\
         -- revision: 3f2a9c1d7b04\n\
         -- down_revision: 1c0e5a77d9b2, 2222\n\
         -- branch_labels: accounts,größe\n\
         -- lint: allow(no-lock-timeout)\n\
         -- depends_on:9d1e0c33aa10 , 77\n\
         -- create_date: 2026-11-22T12:00:00Z\n\
         -- requires_binary: 1c0e5a77d9b2\n\
         \n\
         -- a comment that belongs to nothing\n\
         /* and\n another */\n\
         -- @require\n\
         SELECT id FROM users WHERE email IS NULL;\n\
         -- @upgrade [postgres,  sqlite] lock_timeout=2s statement_timeout=1500ms\n\
         CREATE TABLE users (id BIGINT);\n\
         \n\
         \x20 -- @upgrade is only a comment when indented; so is\n\
         -- @param\n\
         INSERT INTO users VALUES (1);\n\
         -- @upgrade [mariadb] autocommit\n\
         -- @upgrade repeat\n\
         UPDATE users SET id = 2 WHERE id = 1\n\
         -- @downgrade rust\n\
         -- in code\n\
         -- @verify [sqlite]",
    );
    assert_eq!(revision.id(), "3f2a9c1d7b04");
    let strings = |words: &[std::sync::Arc<str>]| words.join(" ");
    assert_eq!(revision.down_revision(), ["1c0e5a77d9b2", "2222"]);
    assert_eq!(strings(revision.branch_labels()), "accounts größe");
    assert_eq!(strings(revision.depends_on()), "9d1e0c33aa10 77");
    assert_eq!(
        revision.message(),
        "Add the users table\n\nIt is *not* yet filled:\n  that comes next."
    );
    assert_eq!(revision.summary(), "Add the users table");
    assert_eq!(revision.create_date(), Some(date("2026-11-22T12:00:00Z")));
    assert_eq!(revision.requires_binary(), Some("1c0e5a77d9b2"));
    assert_eq!(revision.path(), "a.sql");
    assert_eq!(revision.line_of("revision"), Some(6));
    assert_eq!(revision.line_of("depends_on"), Some(10));
    assert_eq!(revision.line_of("author"), None);
    assert!(revision.check().is_ok());

    let sections = revision.sections();
    let kinds: Vec<String> = sections
        .iter()
        .map(|section| section.kind().to_string())
        .collect();
    assert_eq!(
        kinds,
        [
            "@require",
            "@upgrade",
            "@upgrade",
            "@upgrade",
            "@downgrade",
            "@verify"
        ]
    );
    assert_eq!(
        sections[1].databases(),
        [Dialect::Postgres, Dialect::Sqlite]
    );
    assert_eq!(sections[1].lock_timeout().unwrap().as_millis(), 2_000);
    assert_eq!(sections[1].statement_timeout().unwrap().as_millis(), 1_500);
    assert_eq!(sections[3].lock_timeout(), None);
    let modes: Vec<Mode> = sections.iter().map(Section::mode).collect();
    use Mode::{Autocommit, Repeat, Rust, Transactional};
    assert_eq!(
        modes,
        [
            Transactional,
            Transactional,
            Autocommit,
            Repeat,
            Rust,
            Transactional
        ]
    );
    assert_eq!(sections[0].line(), 17);
    assert_eq!(sections[5].line(), 30);
    assert_eq!(revision.body(&sections[2]), "");
    assert_eq!(revision.body(&sections[4]), "-- in code\n");
    assert_eq!(revision.body(&sections[5]), "");
    for section in sections {
        let above: String = revision.text()[..section.body().start].into();
        assert_eq!(above.lines().count(), section.line());
    }

    let places = |section: &Section, database| -> Vec<(usize, usize)> {
        let statements = revision.statements(section, database).unwrap();
        statements
            .iter()
            .map(|statement| (statement.line(), statement.column()))
            .collect()
    };
    assert_eq!(places(&sections[1], Dialect::Sqlite), [(20, 1), (24, 1)]);
    assert_eq!(places(&sections[3], Dialect::Mysql), [(27, 1)]);
    assert_eq!(places(&sections[4], Dialect::Postgres), []);
}

#[test]
fn small_files() {
    for text in [
        "-- revision: a\n-- down_revision: none\n-- @upgrade",
        "--revision:a\n--down_revision:b\n-- @upgrade\n",
        "\n \n  -- m\n  --\n\t-- revision: a\n--   down_revision : none  \n--\n--\n\n-- @upgrade \t\n",
        "-- a: b\n-- c\n--\n--\n-- revision: a\n-- down_revision: none\n\n-- @upgrade[sqlite]autocommit",
        "-- lint: allow\n-- m\n--\n-- revision: a\n-- down_revision: none\n-- lint: b\n-- @upgrade\n;;\n",
    ] {
        let revision = parse(text);
        assert_eq!(revision.id(), "a", "{text}");
        assert_eq!(revision.sections().len(), 1, "{text}");
    }
    assert_eq!(
        parse("-- revision: a\n-- down_revision: none\n-- @upgrade").message(),
        ""
    );
}

/// Which section serves which database.
#[test]
fn sections_for_databases() {
    let of = |text: &str| {
        let revision = with_sections(text);
        Dialect::ALL.map(|database| {
            revision
                .section(SectionKind::Upgrade, database)
                .map_or("", |section| revision.body(section).trim())
                .to_owned()
        })
    };
    // In the order sqlite, postgres, mysql, mariadb.
    assert_eq!(of("-- @upgrade\nSELECT 0"), ["SELECT 0"; 4]);
    assert_eq!(
        of("-- @upgrade [mysql]\nSELECT 1"),
        ["", "", "SELECT 1", "SELECT 1"]
    );
    assert_eq!(
        of("-- @upgrade [mariadb]\nSELECT 1"),
        ["", "", "", "SELECT 1"]
    );
    assert_eq!(
        of("-- @upgrade\nSELECT 0\n-- @upgrade [mariadb]\nSELECT 2\n-- @upgrade [mysql]\nSELECT 1"),
        ["SELECT 0", "SELECT 0", "SELECT 1", "SELECT 2"]
    );
    assert_eq!(
        of("-- @upgrade [sqlite, mariadb]\nSELECT 1\n-- @upgrade\nSELECT 0"),
        ["SELECT 1", "SELECT 0", "SELECT 0", "SELECT 1"]
    );
    let downgrades = with_sections("-- @upgrade\n-- @downgrade [sqlite]\n");
    assert!(
        downgrades
            .section(SectionKind::Downgrade, Dialect::Sqlite)
            .is_some()
    );
    assert!(
        downgrades
            .section(SectionKind::Downgrade, Dialect::Postgres)
            .is_none()
    );
}

/// A section without brackets may be meant for one database: it is refused when all refuse it.
#[test]
fn what_one_database_accepts_is_left_to_the_run() {
    let body = "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM b;\nEND;\n";
    let revision = with_sections(&format!("-- @upgrade\n{body}"));
    let section = &revision.sections()[0];
    assert_eq!(
        revision.statements(section, Dialect::Sqlite).unwrap().len(),
        1
    );
    let error = revision.statements(section, Dialect::Postgres).unwrap_err();
    assert_eq!((error.line(), error.column()), (9, 1));
    assert_eq!(error.kind().name(), "transaction_control");
    // For PostgreSQL alone the file itself is refused.
    let (name, line, column) = refused(&format!("-- @upgrade [postgres]\n{body}"));
    assert_eq!((name, line, column), ("transaction_control", 9, 1));

    let vacuum = with_sections("-- @upgrade\nVACUUM;\n");
    let error = vacuum
        .statements(&vacuum.sections()[0], Dialect::Sqlite)
        .unwrap_err();
    assert_eq!(error.kind().name(), "needs_autocommit");
    let autocommit = with_sections("-- @upgrade autocommit\nVACUUM;\n");
    let section = &autocommit.sections()[0];
    assert!(autocommit.statements(section, Dialect::Sqlite).is_ok());
}

#[test]
fn sql_that_may_stand_in_a_transaction() {
    for sections in [
        "-- @upgrade\nSAVEPOINT a; RELEASE a; ROLLBACK TO a;",
        "-- @upgrade [postgres]\nCREATE FUNCTION f() RETURNS void AS $$ BEGIN COMMIT; END $$ LANGUAGE plpgsql;",
        "-- @upgrade [mariadb]\nCREATE PROCEDURE p() BEGIN START TRANSACTION; COMMIT; END;",
        "-- @upgrade\nSELECT ' BEGIN; '; -- COMMIT;\n/* ROLLBACK; */",
        "-- @require\n(SELECT 1) UNION SELECT 2; WITH a AS (SELECT 1) SELECT * FROM a; VALUES (1)\n-- @upgrade",
        "-- @upgrade\n-- @verify statement_timeout=2s lock_timeout=1s\nselect 1;\n",
        "-- @upgrade [sqlite] foreign_keys=off\nDROP TABLE a;",
        "-- @upgrade repeat lock_timeout=2s\nDELETE FROM a LIMIT 100;;\n-- done",
        "-- @upgrade\nINSERT INTO a VALUES ('it\\'s $$ more');",
        "-- @upgrade\nDELIMITER $$\nCREATE PROCEDURE p() BEGIN SELECT 1; END $$\nDROP PROCEDURE q $$\n",
        "-- @upgrade\nDO $$ BEGIN COMMIT; END $$; SELECT '$a$';",
        "-- @upgrade rust foreign_keys=off\n/* here */",
    ] {
        let revision = with_sections(sections);
        assert!(revision.check().is_ok(), "{sections}");
    }
    let off = with_sections("-- @upgrade [sqlite] foreign_keys=off\nDROP TABLE a;");
    assert_eq!(off.sections()[0].foreign_keys(), ForeignKeys::Off);
}

/// Statements' places count characters, and lines of the file.
#[test]
fn statements_know_their_places() {
    let revision = with_sections(
        "-- @upgrade\nSELECT 'ä\n𝄞'; SELECT 'ö' ; SELECT 2; /* é\n*/ SELECT\n3\n\n-- @downgrade\n\tSELECT 4",
    );
    let place = |statement: &FileStatement<'_>| (statement.line(), statement.column());
    let up = revision
        .statements(&revision.sections()[0], Dialect::Postgres)
        .unwrap();
    assert_eq!(
        up.iter().map(place).collect::<Vec<_>>(),
        [(7, 1), (8, 5), (8, 18), (9, 4)]
    );
    assert_eq!(up[3].text(), "SELECT\n3");
    for statement in &up {
        assert!(revision.text()[statement.offset()..].starts_with(statement.text()));
    }
    let down = revision
        .statements(&revision.sections()[1], Dialect::Postgres)
        .unwrap();
    assert_eq!(down.iter().map(place).collect::<Vec<_>>(), [(13, 2)]);
}

#[test]
fn line_ends_and_byte_order_mark_change_nothing() {
    let unix = format!("{HEADER}\n-- @upgrade\nSELECT '\na';\n");
    let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    let plain = parse(&unix);
    let other = Revision::parse_bytes("b.sql", windows.clone().into_bytes()).unwrap();
    assert_eq!(plain.checksum(), other.checksum());
    assert_eq!(plain.text(), other.text());
    assert_eq!(plain.message(), other.message());
    assert_eq!(
        bodies(&plain, plain.sections()),
        bodies(&other, other.sections())
    );
    assert_eq!(plain.sections(), other.sections());
    assert_eq!(*plain.checksum(), Checksum::of(&unix));
    assert_ne!(*plain.checksum(), Checksum::of(&windows));
    // As `sha256sum` prints it for this file: a new version of limbeck must not change it.
    let fixed = Revision::parse(
        "a.sql",
        "-- revision: a\r\n-- down_revision: none\r\n-- @upgrade\r\n",
    );
    assert_eq!(
        fixed.unwrap().checksum().to_string(),
        "sha256:7bd7faea9a17bf7b34b8c5b43d0b5fbfe14c4f93967c949e4a1cd88e7647cef5"
    );
}

/// Text compiled in is used where it lies.
#[test]
fn static_text_is_not_copied() {
    static TEXT: &str = "-- revision: a\n-- down_revision: none\n-- @upgrade\nSELECT 1;\n";
    let revision = Revision::parse("a.sql", TEXT).unwrap();
    assert_eq!(revision.text().as_ptr(), TEXT.as_ptr());
    let revision = Revision::parse_bytes("a.sql", TEXT.as_bytes()).unwrap();
    assert_eq!(revision.text().as_ptr(), TEXT.as_ptr());
}

const EMBEDDED_TEXT: &str = "\u{feff}-- m\r\n--\r\n-- revision: a1\r\n-- down_revision: b1, b2\r\n\
                             -- branch_labels: l\r\n\r\n-- @upgrade\r\nSELECT 1;\r\n";

fn embedded(sha256: &'static [u8; 32]) -> EmbeddedRevision {
    EmbeddedRevision {
        path: "migrations/a.sql",
        text: EMBEDDED_TEXT,
        sha256,
        id: "a1",
        down_revision: &["b1", "b2"],
        branch_labels: &["l"],
        depends_on: &[],
        message: "m",
        create_date: None,
        requires_binary: None,
        lineage: "",
    }
}

/// What a build script wrote down is taken as it stands: no text is read, no digest and no order worked out.
#[test]
fn a_boot_works_out_nothing_that_the_build_did() {
    static REVISIONS: [EmbeddedRevision; 2] = {
        let parent = EmbeddedRevision {
            path: "migrations/z.sql",
            text: "no revision file at all",
            sha256: &[7; 32],
            id: "z",
            down_revision: &[],
            branch_labels: &["l"],
            depends_on: &[],
            message: "",
            create_date: None,
            requires_binary: None,
            lineage: "the digest of z",
        };
        let child = EmbeddedRevision {
            id: "a",
            down_revision: &["z"],
            branch_labels: &[],
            lineage: "the digest of a",
            ..parent
        };
        [parent, child]
    };
    static EMBEDDED: Embedded = Embedded::new(
        &REVISIONS,
        GraphTables {
            ids: &["z", "a"],
            by_id: &[1, 0],
            labels: &[("l", 0)],
            own_labels: &[(0, &["l"])],
            down: (&[0, 0, 1], &[0]),
            depends: (&[0, 0, 0], &[]),
            parents: (&[0, 0, 1], &[0]),
            children: (&[0, 1, 1], &[1]),
            dependants: (&[0, 1, 1], &[1]),
            heads: &[1],
            effective_heads: &[1],
            bases: &[0],
        },
    );
    static MIGRATIONS: Migrations = Migrations::from_embedded(&EMBEDDED, "limbeck");
    let migrations = MIGRATIONS.clone();
    assert_eq!(migrations.lineage("a"), Some("the digest of a"));
    assert_eq!(migrations.lineage("z"), Some("the digest of z"));
    let graph = migrations.graph();
    assert_eq!(graph.ids().map(|id| &**id).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!(graph.heads(), ["a"]);
    assert!(graph.labelled("l").contains("a"));
    assert_eq!(graph.branch_labels("z"), [std::sync::Arc::from("l")]);
    assert!(graph.branch_labels("a").is_empty());
    assert_eq!(migrations.get("a").map(Revision::id), Some("a"));
    assert!(migrations.get("a").expect("it").check().is_err());
}

#[test]
fn an_embedded_revision_is_the_parsed_one() {
    let parsed = Revision::parse("migrations/a.sql", EMBEDDED_TEXT).unwrap();
    let embedded = Revision::from(&embedded(Box::leak(Box::new(*parsed.checksum().digest()))));
    assert_eq!(format!("{embedded:?}"), format!("{parsed:?}"));
    assert_eq!(embedded.text(), parsed.text());
    assert_eq!(embedded.sections(), parsed.sections());
    assert_eq!(embedded.line_of("down_revision"), Some(4));
    assert!(embedded.check().is_ok());
    let section = embedded
        .section(SectionKind::Upgrade, Dialect::Mysql)
        .unwrap();
    assert_eq!(
        embedded.statements(section, Dialect::Mysql).unwrap()[0].text(),
        "SELECT 1"
    );
    assert_eq!(
        NewRevision::try_from(&embedded),
        NewRevision::try_from(&parsed)
    );
}

#[test]
fn an_embedded_revision_that_is_stale_says_so() {
    let stale = Revision::from(&embedded(&[0; 32]));
    assert_eq!(stale.id(), "a1");
    let error = stale.check().unwrap_err();
    assert_eq!(error.kind().name(), "stale");
    assert!(stale.sections().is_empty());
    assert_eq!(NewRevision::try_from(&stale), Err(error.clone()));
    insta::assert_snapshot!(error, @r"
    migrations/a.sql:1:1: the text compiled in has checksum sha256:de04e40518681faa4586137ddfc504ec53dedd16e3eec6e314dcf4a9f68fa21c, the build checked one with sha256:0000000000000000000000000000000000000000000000000000000000000000
    help: build the binary again, with one version of limbeck throughout
    ");
}

/// Each folder of `tests/bad_files` is a failure, named for it: the file and what is said to it.
/// `LIMBECK_BLESS=1` writes what is said now; read the difference before it is committed.
#[test]
fn bad_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_files");
    let bless = std::env::var_os("LIMBECK_BLESS").is_some();
    let mut names = BTreeSet::new();
    let mut failures = Vec::new();
    let folders = folders(&root);
    assert!(
        folders.len() >= 130,
        "only {} folders are there",
        folders.len()
    );
    for folder in folders {
        let case = folder.file_name().unwrap().to_str().unwrap();
        let bytes =
            fs::read(folder.join("bad.sql")).unwrap_or_else(|error| panic!("{case}: {error}"));
        let error = match Revision::parse_bytes("bad.sql", bytes) {
            Ok(_) => {
                failures.push(format!("{case}: accepted"));
                continue;
            }
            Err(error) => error,
        };
        names.insert(error.kind().name());
        let said = format!("{error}\n");
        let expected = folder.join("expected.txt");
        if bless {
            fs::write(expected, said).unwrap();
            continue;
        }
        match fs::read_to_string(expected) {
            Ok(expected) if expected == said => {}
            Ok(expected) => {
                failures.push(format!("{case}: expected\n{expected}but it says\n{said}"))
            }
            Err(error) => failures.push(format!("{case}/expected.txt: {error}; it says\n{said}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));

    // No file can give these: they have tests of their own here.
    names.extend(["stale", "marker_in_body"]);
    let all: BTreeSet<&str> = RevisionErrorKind::NAMES.iter().copied().collect();
    assert_eq!(names, all, "every kind of error needs a folder");
    assert_eq!(
        all.len(),
        RevisionErrorKind::NAMES.len(),
        "two kinds have one name"
    );
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

#[test]
fn what_cannot_be_written() {
    let upgrade = || NewSection::new(SectionKind::Upgrade);
    let said = |new: NewRevision| new.to_text().unwrap_err().to_string();
    let new = || NewRevision::new("a1").message("m").section(upgrade());
    let texts = [
        said(NewRevision::new("a1")),
        said(NewRevision::new("a\n-- down_revision: b").section(upgrade())),
        said(new().down_revision(["b1", "none"])),
        said(new().depends_on([""])),
        said(new().down_revision(["b1", "b1"])),
        said(new().create_date(DateTime::<Utc>::MAX_UTC)),
        said(new().message("NUL\0")),
        said(new().section(upgrade())),
        said(
            new().section(NewSection::new(SectionKind::Downgrade).body("SELECT '\n-- @verify\n'")),
        ),
        said(new().section(NewSection::new(SectionKind::Downgrade).body("\n-- @verify\nSELECT 1"))),
        said(new().section(NewSection::new(SectionKind::Verify).mode(Mode::Autocommit))),
        said(new().section(NewSection::new(SectionKind::Downgrade).body("COMMIT"))),
    ];
    insta::assert_snapshot!(texts.join("\n\n"));
}

#[test]
fn a_new_file() {
    let new = NewRevision::new("3f2a9c1d7b04")
        .message(
            "\r\nMove the totals  \r\n\r\n  in batches\n@upgrade is a word here\nlint: too\n\n",
        )
        .down_revision(["1c0e5a77d9b2", "2222"])
        .branch_labels(["accounts"])
        .depends_on(["9d1e", "stock"])
        .create_date(date("2026-11-22T12:00:00Z"))
        .requires_binary("2222")
        .section(
            NewSection::new(SectionKind::Upgrade)
                .databases([Dialect::Postgres, Dialect::Mysql])
                .mode(Mode::Repeat)
                .lock_timeout("2s".parse().unwrap())
                .statement_timeout("90s".parse().unwrap())
                .body("\n\nUPDATE a\nSET b = 1\nWHERE b IS NULL;\n\n"),
        )
        .section(
            NewSection::new(SectionKind::Upgrade)
                .foreign_keys(ForeignKeys::Off)
                .body("SELECT 1;\r\nSELECT 2;"),
        )
        .section(NewSection::new(SectionKind::Downgrade));
    let text = new.to_text().unwrap();
    insta::assert_snapshot!(text);
    assert_eq!(NewRevision::try_from(&parse(&text)).unwrap(), new);

    let dated: FileTemplate = "{year}-{month}-{day}_{slug}.sql".parse().unwrap();
    assert_eq!(
        new.file_name(&dated).unwrap(),
        "2026-11-22_move_the_totals.sql"
    );
    assert_eq!(
        new.file_name(&FileTemplate::default()).unwrap(),
        "3f2a9c1d7b04_move_the_totals.sql"
    );
    let undated = NewRevision::new("a");
    assert_eq!(undated.file_name(&dated), Err(FileTemplateError::NoDate));
}

/// What the writer makes of a file by hand: its own header, everything below as it stands.
#[test]
fn a_file_rewritten() {
    let text = "\r\n  --  m\r\n--\r\n--\r\n-- lint: allow(x)\r\n--down_revision:none\r\n--revision:a\r\n--\r\n \r\n\r\n  -- kept\r\n-- @upgrade[sqlite]\r\n\r\n\r\nSELECT 1";
    let rewritten = NewRevision::try_from(&parse(text))
        .unwrap()
        .to_text()
        .unwrap();
    assert_eq!(
        rewritten,
        "--  m\n--\n-- revision: a\n-- down_revision: none\n-- lint: allow(x)\n\n  -- kept\n-- @upgrade[sqlite]\n\n\nSELECT 1\n"
    );
}

/// A body's line ends are those that reading leaves alone.
#[test]
fn no_crlf_is_written() {
    let body = "SELECT '\r\r\n\r';\r\n";
    let new = NewRevision::new("a").section(NewSection::new(SectionKind::Upgrade).body(body));
    let text = new.to_text().unwrap();
    assert!(text.ends_with("-- @upgrade\nSELECT '\n\r';\n"));
    assert_eq!(NewRevision::try_from(&parse(&text)).unwrap(), new);
}

fn word() -> impl Strategy<Value = String> {
    // Any characters that the rule allows, quotes and other scripts among them.
    "[^\\s\\p{Cc},@+:-]{1,20}".prop_filter("reserved", |word| {
        !["head", "heads", "base", "current", "none"].contains(&word.to_ascii_lowercase().as_str())
    })
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::btree_set(word(), 0..4).prop_map(|words| words.into_iter().collect())
}

fn message() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[^\\x00]{0,30}",
        "[ \\t]{0,3}(@upgrade|@Downgrade|@verify \\[x\\]|lint: a|revision: b|--|down_revision: none|)[ \\t]{0,3}",
    ];
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.join("\n"))
}

fn section(kind: SectionKind) -> impl Strategy<Value = NewSection> {
    let sql = prop_oneof![
        Just(String::new()),
        "(SELECT '[^'\\\\\\x00]{0,20}';\n?){0,3}",
        "\n*  SELECT 1 -- [a-zäß';]{0,9}\n\n",
        "  /\\* [^*\\x00]{0,20} \\*/  ",
    ];
    let databases = proptest::sample::subsequence(Dialect::ALL.to_vec(), 0..4);
    let timeout = || proptest::option::of(1..i32::MAX as u64);
    let mode = proptest::sample::select(vec![Mode::Transactional, Mode::Autocommit]);
    (sql, databases, timeout(), timeout(), mode).prop_map(
        move |(sql, databases, lock, statement, mode)| {
            let timeout = |milliseconds: u64| {
                let duration = std::time::Duration::from_millis(milliseconds);
                limbeck::revision::Timeout::try_from(duration).unwrap()
            };
            let mut section = NewSection::new(kind).databases(databases).body(sql);
            if let Some(lock) = lock {
                section = section.lock_timeout(timeout(lock));
            }
            if let Some(statement) = statement {
                section = section.statement_timeout(timeout(statement));
            }
            match kind {
                SectionKind::Upgrade | SectionKind::Downgrade => section.mode(mode),
                _ => section,
            }
        },
    )
}

fn new_revision() -> impl Strategy<Value = NewRevision> {
    let header = (word(), words(), words(), words(), message());
    let dates = proptest::option::of("20[0-9]{2}-0[1-9]-1[0-9]T[01][0-9]:[0-5][0-9]:00Z");
    let sections = SectionKind::ALL.map(|kind| proptest::option::of(section(kind)));
    (
        header,
        dates,
        proptest::option::of(word()),
        section(SectionKind::Upgrade),
        sections,
    )
        .prop_map(
            |(
                (id, down, labels, depends, message),
                date,
                binary,
                upgrade,
                [_, down_section, require, verify],
            )| {
                let others =
                    |words: Vec<String>| words.into_iter().filter(|word| *word != id).collect();
                let (down, depends): (Vec<String>, Vec<String>) = (others(down), others(depends));
                let mut new = NewRevision::new(&id)
                    .message(message)
                    .down_revision(down)
                    .branch_labels(labels)
                    .depends_on(depends);
                if let Some(date) = date {
                    new = new.create_date(self::date(&date));
                }
                if let Some(binary) = binary {
                    new = new.requires_binary(binary);
                }
                [require, Some(upgrade), verify, down_section]
                    .into_iter()
                    .flatten()
                    .fold(new, NewRevision::section)
            },
        )
}

/// Text that reaches the parser's corners more often than chance would.
fn almost_a_file() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            "\n",
            "\r\n",
            "\r",
            "--",
            "-- ",
            " ",
            "\u{feff}",
            ":",
            ",",
            "none",
            "revision: a",
            "@",
            "[",
            "]",
            "=",
            "-- @upgrade",
            "-- @downgrade",
            "\n-- @verify",
            "'",
            "\"",
            "$$",
            "$a$",
            "/*",
            "*/",
            ";",
            "BEGIN",
            "SELECT 1",
            "\n-- revision: a\n-- down_revision: none\n",
            "--\n",
            "-- lint: x\n",
            " autocommit",
            " repeat",
            " rust",
            " lock_timeout=",
            "2s",
            "[sqlite]",
            " foreign_keys=off",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ];
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// parse(write(x)) == x
    #[test]
    fn what_is_written_reads_back(new in new_revision()) {
        let text = new.to_text().map_err(|error| TestCaseError::fail(error.to_string()))?;
        let read = Revision::parse("a.sql", text.clone()).unwrap();
        let again = NewRevision::try_from(&read).unwrap();
        prop_assert_eq!(&again, &new);
        prop_assert_eq!(again.to_text().unwrap(), text);
    }

    /// Arbitrary bytes never panic, and an error's place is one of the text's.
    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Revision::parse_bytes("a.sql", bytes);
    }

    #[test]
    fn almost_files_never_panic(text in almost_a_file(), header in any::<bool>()) {
        let text = if header { format!("{HEADER}{text}") } else { text };
        let normal = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
        match Revision::parse("a.sql", text) {
            Ok(revision) => {
                prop_assert_eq!(revision.text(), &*normal);
                // Sections and the header are all of the file, in order.
                let mut end = 0;
                for section in revision.sections() {
                    prop_assert!(end <= section.body().start);
                    end = section.body().end;
                }
                prop_assert_eq!(end, normal.len());
                let once = NewRevision::try_from(&revision).unwrap().to_text().unwrap();
                let twice = NewRevision::try_from(&parse(&once)).unwrap().to_text().unwrap();
                prop_assert_eq!(once, twice);
            }
            Err(error) => {
                let lines: Vec<&str> = normal.split('\n').collect();
                prop_assert!((1..=lines.len()).contains(&error.line()), "{}", error);
                let columns = lines[error.line() - 1].chars().count();
                prop_assert!((1..=columns + 1).contains(&error.column()), "{}", error);
            }
        }
    }

    /// An error stands where the offending word was put, whatever stands before it.
    #[test]
    fn places_are_right(
        message in proptest::collection::vec("[a-zäß𝄞']{1,9}", 1..5),
        blank in 0_usize..3,
        before in "(SELECT '[ä𝄞\n]{0,5}'; ?){0,3}",
    ) {
        let message: String = message.iter().map(|line| format!("-- {line}\n")).collect();
        let above = format!(
            "{message}--\n-- revision: a1\n-- down_revision: none\n{}-- @upgrade\n{before}",
            "\n".repeat(blank)
        );
        let line = above.split('\n').count();
        let column = above.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        let error = Revision::parse("a.sql", format!("{above}COMMIT;")).unwrap_err();
        prop_assert_eq!((error.line(), error.column()), (line, column));
        let error = Revision::parse("a.sql", format!("{above}\0")).unwrap_err();
        prop_assert_eq!((error.line(), error.column()), (line, column));
        let mut bytes = above.into_bytes();
        bytes.push(0xff);
        let error = Revision::parse_bytes("a.sql", Cow::Owned(bytes)).unwrap_err();
        prop_assert_eq!((error.line(), error.column()), (line, column));
    }
}

#[test]
#[cfg(unix)]
fn a_folder_is_read_whole_or_not_at_all() {
    use limbeck::migrations::MigrationsError;
    use std::os::unix::fs::symlink;

    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("migrations");
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let revision = |id: &str| {
        format!("-- {id}\n--\n-- revision: {id}\n-- down_revision: none\n\n-- @upgrade\n")
    };
    let ids = |migrations: Migrations| -> Vec<String> {
        let mut ids: Vec<String> = migrations.iter().map(|one| one.id().to_owned()).collect();
        ids.sort();
        ids
    };
    write("a.sql", &revision("a"));
    write("README.md", "what these are");
    for hidden in [".sql", ".b.sql", "._a.sql", ".git/c.sql", ".SQL"] {
        write(hidden, "no revision");
    }
    write("notes/readme.txt", "none of SQL");
    assert_eq!(ids(Migrations::from_dir(&folder).unwrap()), ["a"]);

    // A link to a file and to a folder is what it leads to.
    let elsewhere = temporary.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("d.sql"), revision("d")).unwrap();
    symlink(elsewhere.join("d.sql"), folder.join("d.sql")).unwrap();
    assert_eq!(ids(Migrations::from_dir(&folder).unwrap()), ["a", "d"]);
    fs::remove_file(folder.join("d.sql")).unwrap();
    symlink(&elsewhere, folder.join("more")).unwrap();
    write("2026/q1/e.sql", &revision("e"));
    match Migrations::from_dir(&folder).unwrap_err() {
        MigrationsError::Subfolder {
            path, folder: of, ..
        } => {
            assert_eq!(path, folder.join("2026/q1/e.sql").to_str().unwrap());
            assert_eq!(of, folder.to_str().unwrap());
        }
        other => panic!("{other}"),
    }
    assert_eq!(
        ids(Migrations::from_tree(&folder).unwrap()),
        ["a", "d", "e"]
    );

    // A folder that looks like a file, and one that is empty, are folders.
    fs::create_dir(folder.join("f.sql")).unwrap();
    assert_eq!(
        ids(Migrations::from_tree(&folder).unwrap()),
        ["a", "d", "e"]
    );

    for (name, target) in [
        ("x.sql", "nowhere.sql"),
        ("x.sql", "x.sql"),
        ("x", "nowhere"),
        ("2026/x", ".."),
        ("x", "."),
    ] {
        symlink(target, folder.join(name)).unwrap();
        for read in [
            Migrations::from_dir(&folder),
            Migrations::from_tree(&folder),
        ] {
            match read.unwrap_err() {
                MigrationsError::Io { path, .. } => {
                    assert!(
                        path.starts_with(folder.join(name).to_str().unwrap()),
                        "{name}: {path}"
                    );
                }
                other => panic!("{name}: {other}"),
            }
        }
        fs::remove_file(folder.join(name)).unwrap();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_path_is_text_with_a_mark_for_what_is_no_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join(OsStr::from_bytes(b"\xfft"));
    let shown = format!("{}/\u{fffd}t", temporary.path().to_str().unwrap());
    let path_of_error = || {
        let error = limbeck::Error::from(Migrations::from_dir(&folder).unwrap_err());
        let path = error.path().map(str::to_owned).unwrap();
        assert!(error.to_string().starts_with(&path), "{error}");
        path
    };
    // One that is not there.
    assert_eq!(path_of_error(), shown);
    fs::create_dir_all(folder.join("b")).unwrap();
    fs::write(folder.join("a.sql"), "no revision").unwrap();
    assert_eq!(path_of_error(), format!("{shown}/a.sql"));
    fs::write(folder.join("b/c.sql"), "no revision").unwrap();
    assert_eq!(path_of_error(), format!("{shown}/b/c.sql"));
}
