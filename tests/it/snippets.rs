//! The line of a file with a mark, as each error shows it.

use limbeck::{Error, Migrations, Migrator, Revision};

use crate::support::{file, migrations, on_each};

/// The snippet of a file that is no revision.
fn of_file(text: impl Into<Vec<u8>>) -> String {
    let error = Revision::parse_bytes("a.sql", text.into()).expect_err("a bad file");
    let snippet = error.snippet().expect("its line");
    let (line, column) = (error.line(), error.column());
    assert_eq!((snippet.line(), snippet.column()), (line, column));
    assert_eq!(snippet.path(), error.path());
    let refused = Error::from(error);
    snippet_text(&refused)
}

fn snippet_text(error: &Error) -> String {
    error.snippet().expect("its line").to_string()
}

const HEADER: &str = "-- Users\n--\n-- revision: a1\n-- down_revision: none\n\n";

#[test]
fn files() {
    insta::assert_snapshot!(of_file(HEADER.replace("down_revision", "down_revison")), @r"
     --> a.sql:4:4
      |
    4 | -- down_revison: none
      |    ^^^^^^^^^^^^
    ");
    let bom_and_crlf =
        format!("\u{feff}{HEADER}-- @upgrade\nSELECT 1;\n\tBEGIN;\n").replace('\n', "\r\n");
    insta::assert_snapshot!(of_file(bom_and_crlf), @r"
     --> a.sql:8:2
      |
    8 |     BEGIN;
      |     ^^^^^^
    ");
    insta::assert_snapshot!(of_file(format!("{HEADER}-- @upgrade [postgres, sqlight] rust\n")), @r"
     --> a.sql:6:24
      |
    6 | -- @upgrade [postgres, sqlight] rust
      |                        ^^^^^^^
    ");
    insta::assert_snapshot!(of_file(format!("{HEADER}-- @upgrade\nINSERT INTO 名前 VALUES ('é\n, 1);")), @r"
     --> a.sql:7:24
      |
    7 | INSERT INTO 名前 VALUES ('é
      |                          ^
    ");
    insta::assert_snapshot!(of_file(""), @r"
     --> a.sql:1:1
      |
    1 |
      | ^
    ");
    insta::assert_snapshot!(of_file(b"-- \xe9t\xe9\n-- revision: a1\n".to_vec()), @r"
     --> a.sql:1:4
      |
    1 | -- �t�
      |    ^
    ");
    insta::assert_snapshot!(of_file("-- a\u{0}b\n"), @r"
     --> a.sql:1:5
      |
    1 | -- a�b
      |     ^
    ");
    insta::assert_snapshot!(of_file(format!("{HEADER}-- @upgrade\nSELECT 1;\n>>>>>>> main\n")), @r"
     --> a.sql:8:1
      |
    8 | >>>>>>> main
      | ^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(of_file(HEADER.replace("none", "b1, a1, c1")), @r"
     --> a.sql:4:24
      |
    4 | -- down_revision: b1, a1, c1
      |                       ^^
    ");
}

/// Every bad file has the line that its error names.
#[test]
fn every_bad_file() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_files");
    let mut seen = 0;
    for folder in std::fs::read_dir(root).expect("the folder") {
        let folder = folder.expect("a folder").path();
        if !folder.is_dir() {
            continue;
        }
        let text = std::fs::read(folder.join("bad.sql"));
        let shown = of_file(text.expect("a file"));
        assert_eq!(shown.lines().count(), 4, "{shown}");
        assert!(shown.ends_with('^'), "{shown}");
        seen += 1;
    }
    assert!(seen > 130);
}

fn of_graph(files: &[(&'static str, String)]) -> String {
    let files = files
        .iter()
        .map(|(path, text)| Revision::parse(*path, text.clone()).expect("a file"));
    let error = Migrations::new(files).expect_err("no graph");
    snippet_text(&Error::from(error))
}

#[test]
fn graphs() {
    let plain = |id: &str, down: &str, header: &str| file(id, down, header, "-- @upgrade\n");
    insta::assert_snapshot!(of_graph(&[("a.sql", plain("a1", "", "")), ("b.sql", plain("b1", "a1, x1", ""))]), @r"
     --> b.sql:4:23
      |
    4 | -- down_revision: a1, x1
      |                       ^^
    ");
    insta::assert_snapshot!(of_graph(&[("a.sql", plain("a1", "", "")), ("b.sql", plain("a1", "", ""))]), @r"
     --> b.sql:3:14
      |
    3 | -- revision: a1
      |              ^^
    ");
    let header = "-- branch_labels: one, two\n";
    insta::assert_snapshot!(of_graph(&[("a.sql", plain("a1", "", header)), ("b.sql", plain("b1", "", "-- branch_labels: two\n"))]), @r"
     --> b.sql:5:19
      |
    5 | -- branch_labels: two
      |                   ^^^
    ");
    insta::assert_snapshot!(of_graph(&[("a.sql", plain("a1", "b1", "")), ("b.sql", plain("b1", "a1", ""))]), @r"
     --> a.sql:4:19
      |
    4 | -- down_revision: b1
      |                   ^^
    ");
    insta::assert_snapshot!(of_graph(&[("a.sql", plain("a1", "", "-- requires_binary: x1\n"))]), @r"
     --> a.sql:5:21
      |
    5 | -- requires_binary: x1
      |                     ^^
    ");
}

on_each! {
    /// A statement that fails is shown, at the server's position where it gives one.
    async fn of_statements(db) {
        let upgrade = "-- @upgrade\nCREATE TABLE t (id INT);\n  INSERT INTO t\n\tSELECT nothing FROM t;\n";
        let files = migrations(&[("a", "", "", upgrade)]);
        let error = Migrator::new(&db.pool, files).upgrade_to_head().await.expect_err("no column");
        let expected = if db.dialect == limbeck::Dialect::Postgres {
            " --> a.sql:9:9\n  |\n9 |     SELECT nothing FROM t;\n  |            ^^^^^^^"
        } else {
            " --> a.sql:8:3\n  |\n8 |   INSERT INTO t\n  |   ^^^^^^^^^^^^^"
        };
        // The statement ends before its semicolon.
        assert_eq!(snippet_text(&error), expected.replace("FROM t;", "FROM t"));
        let line = format!("{error:#}");
        assert!(!line.contains('\n') && line.starts_with("a.sql:"), "{line}");
    }

    /// A check that found rows is shown.
    async fn of_checks(db) {
        let sections = "-- @require\nSELECT 1;\n-- @upgrade\n";
        let files = migrations(&[("a", "", "", sections)]);
        let error = Migrator::new(&db.pool, files).upgrade_to_head().await.expect_err("a row");
        assert_eq!(snippet_text(&error), " --> a.sql:7:1\n  |\n7 | SELECT 1\n  | ^^^^^^^^");
    }
}

/// The line of the desired schema.
#[cfg(feature = "autogenerate")]
#[tokio::test]
async fn of_the_desired_schema() {
    use limbeck::autogenerate::Autogenerate;
    let db = crate::support::servers::sqlite().await;
    let shown = async |sql: &str| {
        let desired = Autogenerate::from_sql(sql).path("schema.sql");
        let error = desired.compare(&db.pool).await.expect_err("no schema");
        snippet_text(&Error::from(error))
    };
    insta::assert_snapshot!(shown("CREATE TABLE a (x INT);\r\nCREATE TABLE b (\r\n  x TEXT DEFAULT 'a\r\n);").await, @r"
     --> schema.sql:3:18
      |
    3 |   x TEXT DEFAULT 'a
      |                  ^
    ");
    insta::assert_snapshot!(shown("CREATE TABLE a (x INT);\n.import users.csv users\n").await, @r"
     --> schema.sql:2:1
      |
    2 | .import users.csv users
      | ^^^^^^^
    ");
}
