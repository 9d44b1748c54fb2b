//! Other tools' migrations become revision files. What a database makes of them is tested in `adopt`.

use chrono::{DateTime, FixedOffset, SecondsFormat};
use limbeck::revision::{Mode, SectionKind};
use limbeck::{Migrations, Revision};

use crate::calls::{Folder, texts};

/// Reads what was written into `migrations/`.
fn written(folder: &Folder) -> Migrations {
    Migrations::from_dir(folder.path("migrations")).expect("valid revisions")
}

fn date(date: DateTime<FixedOffset>) -> String {
    date.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn modes(revision: &Revision) -> Vec<(SectionKind, Mode)> {
    let sections = revision.sections().iter();
    sections
        .map(|section| (section.kind(), section.mode()))
        .collect()
}

fn body(revision: &Revision, kind: SectionKind) -> &str {
    let section = revision
        .section(kind, limbeck::Dialect::Sqlite)
        .expect("a section");
    revision.body(section).trim()
}

/// Imports twice, into folders that were not there, and compares both and the source before and after.
fn import_twice(folder: &Folder, tool: &str, source: &str, options: &[&str]) -> serde_json::Value {
    let before = folder.files(source);
    let call = |target: &str| {
        let arguments = [
            &["import", tool, source, "--dir", target, "--json"],
            options,
        ]
        .concat();
        folder.call(&arguments).json()
    };
    let document = call("migrations");
    call("again/and/again");
    assert_eq!(folder.files("migrations"), folder.files("again/and/again"));
    assert_eq!(folder.files(source), before, "the source is as it was");
    document
}

#[test]
fn sqlx_simple_and_reversible() {
    let folder = Folder::of(&[
        (
            "old/20240501123456_create_users.sql",
            "\u{feff}CREATE TABLE users (id INT);\r\n",
        ),
        (
            "old/20240601000000_posts_of_users.up.sql",
            "CREATE TABLE posts (id INT);\n",
        ),
        (
            "old/20240601000000_posts_of_users.down.sql",
            "DROP TABLE posts;\n",
        ),
        (
            "old/20240701000000_index.sql",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON posts (id);\n",
        ),
        ("old/0007_seven.sql", "-- nothing\n"),
        ("old/seed.sql", "INSERT INTO users VALUES (1);\n"),
        ("old/README.md", "About\n"),
    ]);
    let document = import_twice(&folder, "sqlx", "old", &[]);
    let ids = ["7", "20240501123456", "20240601000000", "20240701000000"];
    assert_eq!(texts(&document["revisions"], "revision"), ids);
    assert_eq!(
        texts(&document["revisions"], "message"),
        ["seven", "create users", "posts of users", "index"]
    );
    assert_eq!(texts(&document["left_out"], "path"), ["old/seed.sql"]);

    let migrations = written(&folder);
    let parents: Vec<_> = migrations
        .iter()
        .map(|one| one.down_revision().join(","))
        .collect();
    assert_eq!(parents, ["", ids[0], ids[1], ids[2]]);
    let dates: Vec<_> = migrations
        .iter()
        .map(|one| one.create_date().map_or(String::new(), date))
        .collect();
    assert_eq!(
        dates,
        [
            "",
            "2024-05-01T12:34:56Z",
            "2024-06-01T00:00:00Z",
            "2024-07-01T00:00:00Z"
        ]
    );
    let up = SectionKind::Upgrade;
    let modes: Vec<_> = migrations.iter().map(modes).collect();
    assert_eq!(
        modes,
        [
            vec![(up, Mode::Transactional)],
            vec![(up, Mode::Transactional)],
            vec![
                (up, Mode::Transactional),
                (SectionKind::Downgrade, Mode::Transactional)
            ],
            vec![(up, Mode::Autocommit)],
        ]
    );
    let names: Vec<String> = folder.files("migrations").into_keys().collect();
    assert_eq!(
        names,
        [
            "0007_seven.sql",
            "20240501123456_create_users.sql",
            "20240601000000_posts_of_users.sql",
            "20240701000000_index.sql",
        ]
    );
    insta::assert_snapshot!(folder.read("migrations/20240501123456_create_users.sql"), @r"
    -- create users
    --
    -- imported from sqlx: 20240501123456, sha384:e7bd8118573a5b06d5946eae9c2beb7b5ba2b513bc28ce2fa9bd4010b2fb3fc5e6d1d8c1da89042bc0a478c5e8719798, sha384:63a98a7f704d0b0b2fda252715b1d52b0a81505bcd6e60f852308ca8145cde0905bf5aab6af3e94e7f571e43a1d11533
    --
    -- revision: 20240501123456
    -- down_revision: 7
    -- create_date: 2024-05-01T12:34:56Z

    -- @upgrade
    CREATE TABLE users (id INT);
    ");
}

#[test]
fn diesel_with_and_without_a_transaction() {
    let mut files = vec![
        (
            "old/00000000000000_diesel_initial_setup/up.sql",
            "-- setup\n",
        ),
        (
            "old/00000000000000_diesel_initial_setup/down.sql",
            "-- back\n",
        ),
        (
            "old/2024-05-01-123456_create_users/up.sql",
            "CREATE TABLE users (id INT);\n",
        ),
        (
            "old/2024-05-01-123456_create_users/down.sql",
            "DROP TABLE users;\n",
        ),
        ("old/2024-06-01-000000_one_way/up.sql", "SELECT 1;\n"),
        ("old/.hidden/up.sql", "SELECT nothing;\n"),
        ("old/.keep", ""),
        ("old/stray.sql", "SELECT 1;\n"),
    ];
    // What diesel makes of each text is in `migrations_internals`: a key that is not there is false.
    let metadata = [
        ("run_in_transaction = true", Mode::Transactional),
        ("run_in_transaction = false  # an index", Mode::Autocommit),
        ("", Mode::Autocommit),
    ];
    let names: Vec<(String, String)> = (0..metadata.len())
        .map(|index| {
            let folder = format!("old/2025-01-0{}-000000_index", index + 1);
            (
                format!("{folder}/up.sql"),
                format!("{folder}/metadata.toml"),
            )
        })
        .collect();
    for ((up, toml), (text, _)) in names.iter().zip(metadata) {
        files.push((up, "SELECT 1;\n"));
        files.push((toml, text));
    }
    let folder = Folder::of(&files);
    let document = import_twice(&folder, "diesel", "old", &[]);
    assert_eq!(
        texts(&document["revisions"], "revision"),
        [
            "00000000000000",
            "20240501123456",
            "20240601000000",
            "20250101000000",
            "20250102000000",
            "20250103000000",
        ]
    );
    assert_eq!(texts(&document["left_out"], "path"), ["old/stray.sql"]);
    let migrations = written(&folder);
    let users = migrations.get("20240501123456").expect("it is there");
    assert_eq!(
        users.message(),
        "create users\n\nimported from diesel: 20240501123456"
    );
    assert_eq!(
        users.create_date().map(date).as_deref(),
        Some("2024-05-01T12:34:56Z")
    );
    assert_eq!(body(users, SectionKind::Downgrade), "DROP TABLE users;");
    assert_eq!(
        modes(migrations.get("20240601000000").expect("it is there")).len(),
        1
    );
    let found: Vec<Mode> = migrations
        .iter()
        .skip(3)
        .map(|one| modes(one)[0].1)
        .collect();
    assert_eq!(found, metadata.map(|(_, mode)| mode));
    assert!(
        folder
            .path("migrations/2024-05-01-123456_create_users.sql")
            .is_file()
    );
}

#[test]
fn refinery_in_the_order_of_its_versions() {
    let folder = Folder::of(&[
        (
            "old/V1__initial.sql",
            "CREATE TABLE persons (id INTEGER);\n",
        ),
        ("old/V10__last.sql", "SELECT 10;\n"),
        ("old/U4__out_of_order.sql", "SELECT 4;\n"),
        ("old/nested/V2__cars.sql", "SELECT 2;\n"),
        (
            "old/V3__built_in_rust.rs",
            "pub fn migration() -> String { todo!() }\n",
        ),
        ("old/mod.rs", "\n"),
        ("old/V5_one_underscore.sql", "SELECT 5;\n"),
    ]);
    let document = import_twice(&folder, "refinery", "old", &[]);
    assert_eq!(
        texts(&document["revisions"], "revision"),
        ["1", "2", "3", "4", "10"]
    );
    assert_eq!(
        texts(&document["left_out"], "path"),
        ["old/V5_one_underscore.sql"]
    );
    let open = &document["revisions"][2]["fill_in"];
    assert_eq!(texts(open, "section"), ["upgrade"]);
    assert_eq!(document["revisions"][1]["fill_in"], serde_json::json!([]));
    // What the file could not say does not run, and nothing before it does.
    let said = folder.call(&[
        "upgrade",
        "head",
        "--database-url",
        "sqlite:app.db",
        "--json",
    ]);
    let (kind, message) = said.error();
    assert_eq!(kind, "missing_code");
    assert!(message.contains("V3__built_in_rust.sql"), "{message}");
    let said = folder.call(&["status", "--database-url", "sqlite:app.db", "--json"]);
    assert_eq!(said.json()["current"], serde_json::json!([]));
    // Filled in, it does.
    let text = folder.read("migrations/V3__built_in_rust.sql");
    let (header, _) = text
        .split_once("-- @upgrade rust")
        .expect("to be filled in");
    folder.write(
        "migrations/V3__built_in_rust.sql",
        format!("{header}-- @upgrade\nSELECT 3;\n"),
    );
    let said = folder.call(&[
        "upgrade",
        "head",
        "--database-url",
        "sqlite:app.db",
        "--json",
    ]);
    assert_eq!(said.json()["heads"], serde_json::json!(["10"]));
}

/// Nothing is written where one thing is wrong, and the error names it.
#[test]
fn what_cannot_be_imported_is_told_before_anything_is_written() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);
    const GOOD: (&str, &str) = ("old/1_good.sql", "SELECT 1;\n");
    let cases: &[Case<'_>] = &[
        // Another tool's, or nobody's.
        ("sqlx", &[], "unreadable_source", &["old"]),
        (
            "sqlx",
            &[("old/notes.txt", "")],
            "no_migrations",
            &["<VERSION>_<DESCRIPTION>.sql"],
        ),
        (
            "sqlx",
            &[("old/1_a/up.sql", "")],
            "no_migrations",
            &["limbeck import diesel"],
        ),
        ("diesel", &[GOOD], "no_migrations", &["limbeck import sqlx"]),
        (
            "refinery",
            &[GOOD],
            "no_migrations",
            &["limbeck import sqlx"],
        ),
        ("alembic", &[GOOD], "no_migrations", &["alembic.ini"]),
        (
            "alembic",
            &[("old/versions/README", "")],
            "no_migrations",
            &[".py"],
        ),
        // Names.
        (
            "sqlx",
            &[
                GOOD,
                ("old/01_b.sql", ""),
                ("old/2_c.sql", ""),
                ("old/2_d.sql", ""),
            ],
            "refused_source",
            // All of them.
            &[
                "old/01_b.sql and old/1_good.sql",
                "old/2_c.sql and old/2_d.sql",
            ],
        ),
        (
            "sqlx",
            &[GOOD, ("old/1_b.up.sql", "")],
            "refused_source",
            &["have the same"],
        ),
        (
            "sqlx",
            &[("old/1_b.down.sql", "")],
            "no_migrations",
            &["<VERSION>"],
        ),
        (
            "diesel",
            &[("old/2024-1_a/up.sql", ""), ("old/20241_b/up.sql", "")],
            "refused_source",
            &["20241"],
        ),
        (
            "diesel",
            &[("old/_a/up.sql", "")],
            "refused_source",
            &["old/_a"],
        ),
        (
            "refinery",
            &[("old/V1__a.sql", ""), ("old/x/U1__b.sql", "")],
            "refused_source",
            &["have the same", "U1__b"],
        ),
        // Python.
        (
            "alembic",
            &[("old/versions/a.py", "import os\n")],
            "refused_source",
            &["a.py", "`revision`"],
        ),
        (
            "alembic",
            &[("old/versions/a.py", "revision = 'a'\n")],
            "refused_source",
            &["a.py", "`down_revision`"],
        ),
        (
            "alembic",
            &[("old/versions/a.py", "revision = 'a'\ndown_revision = f()\n")],
            "refused_source",
            &["a.py:2: ", "literal"],
        ),
        (
            "alembic",
            &[("old/versions/a.py", "revision = 'a\n")],
            "refused_source",
            &["a.py:1: "],
        ),
        (
            "alembic",
            &[("old/alembic.ini", "[alembic]\n")],
            "refused_source",
            &["script_location"],
        ),
        (
            "alembic",
            &[("old/alembic.ini", "[alembic]\nscript_location = x\n")],
            "refused_source",
            &["no such folder"],
        ),
        (
            "alembic",
            &[("old/alembic.ini", "[alembic]\nscript_location = x:y\n")],
            "refused_source",
            &["package"],
        ),
    ];
    for (tool, files, kind, words) in cases {
        let folder = Folder::of(files);
        let said = folder.call(&["import", tool, "old", "--json"]);
        let (found, message) = said.error();
        assert_eq!(&found, kind, "{tool} {files:?}: {message}");
        for word in *words {
            assert!(message.contains(word), "{word}: {message}");
        }
        assert!(!folder.path("migrations").exists(), "{message}");
        // For people: one line, and its causes.
        let said = folder.call(&["import", tool, "old"]);
        assert_eq!((said.code, &*said.stdout), (1, ""), "{said:?}");
        assert!(said.stderr.starts_with("error: "), "{said:?}");
    }
}

/// Each: tool, files, how many come over, and what the answer says.
#[test]
fn one_odd_file_is_named_and_the_rest_comes_over() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], usize, &'a [&'a str]);
    const GOOD: (&str, &str) = ("old/1_good.sql", "SELECT 1;\n");
    let cases: &[Case<'_>] = &[
        (
            "sqlx",
            &[GOOD, ("old/V1__a.sql", "")],
            1,
            &["`V1` is no version"],
        ),
        (
            "sqlx",
            &[GOOD, ("old/2_b.down.sql", ""), ("old/3_c.down.sql", "")],
            1,
            &["2_b.down.sql", "3_c.down.sql", "has no `.up.sql`"],
        ),
        (
            "diesel",
            &[("old/1_a/up.sql", ""), ("old/2_b/down.sql", "")],
            1,
            &["old/2_b", "up.sql"],
        ),
        (
            "refinery",
            &[("old/V1__a.sql", ""), ("old/V1.2__a.sql", "")],
            1,
            &["`1.2`"],
        ),
        (
            "sqlx",
            &[
                GOOD,
                ("old/2023/03/2_b.sql", ""),
                ("old/empty/notes.txt", ""),
            ],
            1,
            &["old/2023: sqlx passes over"],
        ),
        (
            "diesel",
            &[("old/1_a/up.sql", ""), ("old/2023/2_b/up.sql", "")],
            1,
            &["old/2023", "diesel passes over its files"],
        ),
        (
            "diesel",
            &[("old/1_a/up.sql", ""), ("old/1_a/metadata.toml", "run_in_")],
            1,
            &["metadata.toml"],
        ),
        (
            "sqlx",
            &[
                GOOD,
                ("old/2_a.sql", "SELECT 1;\n\nBEGIN;\nSELECT 2;\nCOMMIT;\n"),
            ],
            2,
            &["@upgrade", "old/2_a.sql:3: `BEGIN`"],
        ),
        (
            "sqlx",
            &[
                GOOD,
                ("old/2_a.up.sql", ""),
                ("old/2_a.down.sql", "SELECT 'x"),
            ],
            2,
            &["@downgrade", "old/2_a.down.sql:1: "],
        ),
        (
            "sqlx",
            &[GOOD, ("old/2_a.sql", "-- one\n-- @downgrade\n")],
            2,
            &["old/2_a.sql:2: "],
        ),
        (
            "diesel",
            &[
                ("old/1_a/up.sql", "SELECT 1;\nROLLBACK;"),
                ("old/2_b/up.sql", "COMMIT"),
            ],
            2,
            &["old/1_a/up.sql:2: ", "old/2_b/up.sql:1: "],
        ),
        (
            "sqlx",
            &[GOOD, ("old/2_a.sql", "UPDATE t SET a = ?;")],
            2,
            &["`?` is a parameter"],
        ),
    ];
    for (tool, files, count, words) in cases {
        let folder = Folder::of(files);
        let said = folder.call(&["import", tool, "old"]);
        assert_eq!(said.code, 0, "{said:?}");
        for word in *words {
            assert!(said.stdout.contains(word), "{word}: {said:?}");
        }
        let migrations = written(&folder);
        assert_eq!(migrations.iter().count(), *count, "{said:?}");
        // A section to be filled in runs nothing, and keeps the text.
        let is_open = said.stdout.contains("to be filled in");
        let kept = |line: &str| {
            let line = format!("--   | {line}");
            migrations.iter().any(|one| one.text().contains(&line))
        };
        let (_, last) = files.last().expect("a file");
        assert!(!is_open || last.lines().all(|line| line.is_empty() || kept(line)));
    }
}

/// A folder that the old tool passes over may hold anything: it is named, and stops nothing.
#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_in_a_folder_passed_over() {
    for (tool, good) in [("sqlx", "old/1_a.sql"), ("diesel", "old/1_a/up.sql")] {
        let folder = Folder::of(&[(good, "SELECT 1;\n"), ("old/aside/notes.txt", "")]);
        std::os::unix::fs::symlink("nowhere", folder.path("old/aside/x")).expect("a link");
        let said = folder.call(&["import", tool, "old"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.stdout.contains("old/aside"), "{said:?}");
        assert_eq!(written(&folder).iter().count(), 1, "{said:?}");
    }
}

/// A checkout on another system gives other line ends.
/// As diesel compares versions: without their dashes, so that a folder's name says nothing of its place.
#[test]
fn diesels_versions_have_their_order() {
    let folder = Folder::of(&[
        ("old/20240301000000_third/up.sql", "SELECT 3;\n"),
        ("old/2024-01-01-000000_first/up.sql", "SELECT 1;\n"),
        ("old/20240201000000_second/up.sql", "SELECT 2;\n"),
        ("old/2024-04-01-000000_last/up.sql", "SELECT 4;\n"),
    ]);
    let document = import_twice(&folder, "diesel", "old", &[]);
    let order = [
        "20240101000000",
        "20240201000000",
        "20240301000000",
        "20240401000000",
    ];
    assert_eq!(texts(&document["revisions"], "revision"), order);
}

/// A file in another encoding is to be filled in, for each tool and either way.
#[test]
fn what_is_no_text_is_to_be_filled_in() {
    for (tool, good, bad) in [
        ("sqlx", "old/1_a.up.sql", "old/1_a.down.sql"),
        ("sqlx", "old/1_a.sql", "old/2_b.sql"),
        ("diesel", "old/1_a/up.sql", "old/1_a/down.sql"),
        ("refinery", "old/V1__a.sql", "old/V2__b.sql"),
    ] {
        let folder = Folder::of(&[(good, "SELECT 1;\n"), (bad, "")]);
        folder.write(bad, b"SELECT 'caf\xe9';\n");
        let said = folder.call(&["import", tool, "old"]).stdout;
        assert!(said.contains("is not UTF-8"), "{bad}: {said}");
        assert!(said.contains("1 to be filled in"), "{bad}: {said}");
    }
}

#[test]
fn line_ends_change_no_checksum() {
    let message = |tool: &str, name: &str, text: &str| {
        let folder = Folder::of(&[(name, text)]);
        import_twice(&folder, tool, "old", &[]);
        let migrations = written(&folder);
        migrations
            .get("1")
            .expect("it is there")
            .message()
            .to_owned()
    };
    for (tool, name) in [("sqlx", "old/1_a.sql"), ("refinery", "old/V1__a.sql")] {
        let unix = message(tool, name, "SELECT 1;\nSELECT 2;\n");
        assert_eq!(unix, message(tool, name, "SELECT 1;\r\nSELECT 2;\r\n"));
    }
}

#[test]
fn the_old_tools_own_table_is_named() {
    let folder = Folder::of(&[("old/1_a.sql", "DELETE FROM _sqlx_migrations;\n")]);
    let document = import_twice(&folder, "sqlx", "old", &[]);
    let notes = document["notes"].to_string();
    assert!(
        notes.contains("_sqlx_migrations is named in 1_a.sql"),
        "{notes}"
    );
}

#[test]
fn a_transaction_around_the_whole_file_is_taken_out() {
    let text =
        "-- why\nBEGIN;\nCREATE TABLE a (b INT);\nCREATE TABLE c (d INT);\nCOMMIT;\n-- end\n";
    let folder = Folder::of(&[
        ("old/1_a.sql", text),
        (
            "old/2_b.sql",
            "-- no-transaction\nBEGIN TRANSACTION;\nSELECT 1;\nEND;\n",
        ),
        ("old/3_c.sql", "START TRANSACTION;\nSELECT 1;\nCOMMIT"),
        (
            "old/4_d.sql",
            "BEGIN;\nSELECT 1;\nCOMMIT;\nBEGIN;\nSELECT 2;\nCOMMIT;\n",
        ),
    ]);
    let document = import_twice(&folder, "sqlx", "old", &[]);
    let open: Vec<usize> = document["revisions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["fill_in"].as_array().expect("a list").len())
        .collect();
    assert_eq!(open, [0, 0, 0, 1]);
    let migrations = written(&folder);
    let up = SectionKind::Upgrade;
    let first = migrations.get("1").expect("it is there");
    assert_eq!(
        body(first, up),
        "-- why\n\nCREATE TABLE a (b INT);\nCREATE TABLE c (d INT);\n\n-- end"
    );
    let second = migrations.get("2").expect("it is there");
    assert_eq!(modes(second), [(up, Mode::Transactional)]);
    // Not the checksum of what was written.
    let plain = Folder::of(&[("old/1_a.sql", body(first, up))]);
    import_twice(&plain, "sqlx", "old", &[]);
    let other = written(&plain);
    assert_ne!(
        other.get("1").expect("it is there").message(),
        first.message()
    );
}

/// diesel and refinery run a rebuild on a connection that does not look at foreign keys. limbeck's does, where DROP TABLE
/// deletes the rows that refer to the table.
#[test]
fn a_rebuild_keeps_the_rows_that_refer_to_the_table() {
    let tables = "CREATE TABLE users (id INTEGER PRIMARY KEY);\n\
                  CREATE TABLE posts (user_id INTEGER REFERENCES users ON DELETE CASCADE);\n\
                  INSERT INTO users VALUES (1);\nINSERT INTO posts VALUES (1);\n";
    let rebuild = "CREATE TABLE \"users new\" (id INTEGER PRIMARY KEY, name TEXT);\n\
                   INSERT INTO \"users new\" (id) SELECT id FROM users;\nDROP TABLE Users;\n\
                   ALTER TABLE \"users new\"\n  RENAME TO [users];\n";
    let pragmas = format!("PRAGMA foreign_keys = OFF;\n{rebuild}PRAGMA foreign_keys=ON; -- end\n");
    let with_rename = format!("{rebuild}ALTER TABLE posts RENAME TO articles;\n");
    for (text, first, is_open) in [
        (rebuild, "CREATE TABLE", false),
        (&pragmas, "CREATE TABLE", false),
        (&with_rename, "-- To be filled in", true),
    ] {
        for (tool, first_path, second_path) in [
            ("diesel", "old/1_a/up.sql", "old/2_b/up.sql"),
            ("refinery", "old/V1__a.sql", "old/V2__b.sql"),
        ] {
            let folder = Folder::of(&[(first_path, tables), (second_path, text)]);
            let document = import_twice(&folder, tool, "old", &[]);
            let migrations = written(&folder);
            let second = migrations.get("2").expect("it is there");
            assert!(
                body(second, SectionKind::Upgrade).starts_with(first),
                "{}",
                second.text()
            );
            let upgrade = ["upgrade", "head", "--database-url", "sqlite:app.db"];
            let said = folder.call(&upgrade);
            if is_open {
                let reason = document["revisions"][1]["fill_in"][0]["reason"].to_string();
                assert!(reason.contains("renames `posts` too"), "{reason}");
                assert_eq!(said.code, 1, "{said:?}");
            } else {
                assert_eq!(said.code, 0, "{said:?}");
                let rows = std::process::Command::new("sqlite3")
                    .arg(folder.path("app.db"))
                    .arg("SELECT count(*) FROM posts")
                    .output()
                    .expect("sqlite3");
                assert_eq!(
                    String::from_utf8_lossy(&rows.stdout),
                    "1\n",
                    "{}",
                    second.text()
                );
            }
        }
    }
}

#[test]
fn the_graph_is_checked_and_the_error_names_the_python_file() {
    let revision = |id: &str, down: &str, more: &str| {
        format!("revision = {id:?}\ndown_revision = {down}\n{more}\n")
    };
    for (two, word) in [
        (revision("b", "'x'", ""), "x"),
        (revision("a", "None", ""), "one.py"),
        (revision("b", "'b'", ""), "b"),
        (revision("b+c", "'a'", ""), "`+`"),
        (revision("b", "'a'", "depends_on = ('nobody',)"), "nobody"),
        (revision("b", "'a'", "branch_labels = 'a'"), "a"),
    ] {
        let folder = Folder::of(&[
            ("old/versions/one.py", &revision("a", "None", "")),
            ("old/versions/two.py", &two),
            ("old/versions/__init__.py", "raise SystemExit\n"),
        ]);
        let said = folder.call_with(&["import", "alembic", "old", "--json"], &[("PATH", "")]);
        let (kind, message) = said.error();
        assert_eq!(kind, "refused_source", "{message}");
        assert!(
            message.contains("two.py") && message.contains(word),
            "{two}: {message}"
        );
        assert!(!folder.path("migrations").exists());
    }
}

#[test]
fn nothing_is_written_over_and_nothing_into_the_source() {
    let folder = Folder::of(&[
        ("old/1_a.sql", "SELECT 1;\n"),
        ("old/2_b.sql", "SELECT 2;\n"),
    ]);
    let import = |target: &str| folder.call(&["import", "sqlx", "old", "--dir", target, "--json"]);
    for target in ["old", "./old/", "old/migrations", "old/x/y"] {
        assert_eq!(import(target).error().0, "same_folder", "{target}");
    }
    assert_eq!(folder.files("old").len(), 2);

    import("migrations").json();
    let before = folder.files("migrations");
    let (kind, message) = import("migrations").error();
    assert_eq!(kind, "exists");
    assert!(message.contains("revision 1 "), "{message}");
    assert_eq!(folder.files("migrations"), before);

    // A name that is taken by another revision.
    folder.write(
        "mine/2_b.sql",
        "-- Mine\n--\n-- revision: mine\n-- down_revision: none\n\n-- @upgrade\nSELECT 3;\n",
    );
    let before = folder.files("mine");
    let (kind, message) = import("mine").error();
    assert_eq!(kind, "file_exists");
    assert!(message.contains("2_b.sql"), "{message}");
    assert_eq!(folder.files("mine"), before);

    // What is there already is read with what comes.
    folder.write("bad/x.sql", "SELECT 1;\n");
    assert_eq!(import("bad").error().0, "invalid_file");
    assert_eq!(folder.files("bad").len(), 1);
    folder.write(
        "beside/own.sql",
        "-- Own\n--\n-- revision: own\n-- down_revision: none\n\n-- @upgrade\nSELECT 3;\n",
    );
    import("beside").json();
    let there = Migrations::from_dir(folder.path("beside")).expect("valid");
    assert_eq!(there.len(), 3);
}

/// Of several that import into one folder, one writes all of it.
#[test]
fn one_of_many_writes() {
    let folder = Folder::new();
    for version in 1..=40 {
        folder.write(
            &format!("old/{version}_a.sql"),
            format!("SELECT {version};\n"),
        );
    }
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| folder.call(&["import", "sqlx", "old", "--json"])))
            .collect();
        let called = calls.into_iter().map(|call| call.join().expect("it ends"));
        called
            .map(|called| {
                if called.code != 0 {
                    assert_eq!(called.error().0, "exists");
                }
                called.code
            })
            .collect()
    });
    assert_eq!(
        codes.iter().filter(|code| **code == 0).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(
        folder.files("migrations").len(),
        40,
        "and nothing beside them"
    );
    assert_eq!(written(&folder).len(), 40);
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_told() {
    for (tool, name) in [
        ("sqlx", "2_b.sql"),
        ("diesel", "2_b"),
        ("refinery", "V2__b.sql"),
        ("alembic", "versions/b.py"),
    ] {
        let folder = Folder::of(&[
            ("old/1_a.sql", "SELECT 1;\n"),
            ("old/1_a/up.sql", "SELECT 1;\n"),
            ("old/V1__a.sql", "SELECT 1;\n"),
            (
                "old/versions/a.py",
                "revision = 'a'\ndown_revision = None\n",
            ),
        ]);
        if tool == "sqlx" {
            std::fs::remove_file(folder.path("old/V1__a.sql")).expect("it is there");
        } else if tool == "diesel" {
            std::fs::remove_dir_all(folder.path("old/versions")).expect("it is there");
        }
        std::os::unix::fs::symlink("nowhere", folder.path("old").join(name)).expect("a link");
        let (kind, message) = folder.call(&["import", tool, "old", "--json"]).error();
        assert_eq!(kind, "unreadable_source", "{tool}: {message}");
        assert!(message.contains(name), "{message}");
        assert!(!folder.path("migrations").exists());
    }
}

#[test]
fn a_dialect_marks_the_sections_and_reads_them_strictly() {
    let folder = Folder::of(&[("old/1_a.sql", "CREATE INDEX CONCURRENTLY i ON t (c);\n")]);
    let import = |target: &str, options: &[&str]| {
        let arguments = [
            &["import", "sqlx", "old", "--json", "--dir", target],
            options,
        ]
        .concat();
        folder.call(&arguments)
    };
    let document = import("migrations", &["--dialect", "postgres"]).json();
    let reason = document["revisions"][0]["fill_in"].to_string();
    assert!(
        reason.contains("old/1_a.sql:1: ") && reason.contains("CONCURRENTLY"),
        "{reason}"
    );
    import("other", &["--dialect", "mysql"]).json();
    assert!(
        folder
            .read("other/1_a.sql")
            .contains("\n-- @upgrade [mysql]\n")
    );
}

#[test]
fn the_text_for_people_says_what_is_open() {
    let folder = Folder::of(&[
        ("old/V1__a.sql", "SELECT 1;\n"),
        ("old/V2__b.rs", ""),
        ("old/other.sql", ""),
    ]);
    let said = folder.call(&["import", "refinery", "old"]);
    assert_eq!((said.code, &*said.stderr), (0, ""));
    insta::assert_snapshot!(said.stdout, @r"
    migrations/V1__a.sql  1, a
    migrations/V2__b.sql  2, b
        @upgrade is to be filled in: V2__b.rs builds its SQL when the program runs
    left out: old/other.sql: refinery passes over a file that is not named V<VERSION>__<NAME>.sql
    2 revisions imported, 1 to be filled in before it can run
    ");
    let help = folder.call(&["import", "--help"]).stdout;
    assert!(help.contains("Example:\n  limbeck import sqlx"), "{help}");
}
