//! What is a difference, and what is only another way to write the same.

use super::*;

/// Every feature, in one schema.
const FIXTURE: &str = include_str!("fixture.sql");

#[tokio::test]
async fn nothing_is_found_on_itself() {
    let pool = database(FIXTURE).await;
    if let Err(error) = crate::autogenerate::dumped(&pool, None).await {
        panic!("{error}");
    }
    let comparison = compare(&pool, FIXTURE).await;
    assert_eq!(told(&comparison), Vec::<String>::new());
    assert_eq!(comparison.notes(), ["not compared: virtual table search"]);
}

/// What sqlite3's `.dump` writes: the texts as they stand, rows, a transaction around the whole.
#[tokio::test]
async fn nothing_is_found_after_a_dump_and_restore() {
    let Ok(known) = std::process::Command::new("sqlite3")
        .arg("--version")
        .output()
    else {
        crate::support::servers::left_out("a dump by sqlite3, which is not installed");
        return;
    };
    assert!(known.status.success());
    let folder = tempfile::tempdir().expect("a folder");
    let sqlite3 = |file: &str, input: &str| {
        use std::io::Write as _;
        let mut child = std::process::Command::new("sqlite3")
            .arg(folder.path().join(file))
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("sqlite3");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.as_bytes()).expect("what it reads");
        drop(stdin);
        let output = child.wait_with_output().expect("its end");
        String::from_utf8(output.stdout).expect("text")
    };
    sqlite3("one.db", FIXTURE);
    let dump = sqlite3("one.db", ".dump\n");
    sqlite3("two.db", &dump);
    let url = format!("sqlite://{}", folder.path().join("two.db").display());
    let pool = SqlitePool::connect(&url).await.expect("the copy");
    assert_eq!(told(&compare(&pool, FIXTURE).await), Vec::<String>::new());

    // And as the desired schema, but for virtual tables, which a dump writes into the catalog.
    let plain: Vec<&str> = dump
        .lines()
        .filter(|line| !line.contains("writable_schema") && !line.contains("sqlite_schema"))
        .filter(|line| !line.contains("sqlite_master") && !line.contains("search"))
        .collect();
    let pool = database(FIXTURE).await;
    let found = told(&compare(&pool, &plain.join("\n")).await);
    assert_eq!(found, Vec::<String>::new());
}

/// Pairs that mean the same.
#[tokio::test]
async fn spellings_are_no_differences() {
    for (one, other) in [
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY)",
            "create table T (Id integer, primary key (ID))",
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY)",
        ),
        (
            "CREATE TABLE t (a UNIQUE)",
            "CREATE TABLE \"t\" ([a], UNIQUE (`a` ASC))",
        ),
        (
            "CREATE TABLE t (a INT CHECK (a>0))",
            "CREATE TABLE t (a INT, CHECK(t.a > 0 /* positive */))",
        ),
        (
            "CREATE TABLE t (a INT CHECK (a>0), b)",
            "CREATE TABLE t (a INT, b CHECK(a > 0))",
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p)",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a, FOREIGN KEY (a) REFERENCES P (ID) ON DELETE NO ACTION NOT DEFERRABLE INITIALLY IMMEDIATE)",
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p ON UPDATE CASCADE ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a, FOREIGN KEY (a) REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED)",
        ),
        (
            "CREATE TABLE t (a DEFAULT 1, b DEFAULT abc)",
            "CREATE TABLE t (a DEFAULT (1), b DEFAULT 'abc')",
        ),
        (
            "CREATE TABLE t (a DEFAULT x'ff')",
            "CREATE TABLE t (a DEFAULT (x'ff'))",
        ),
        (
            "CREATE TABLE t (a VARCHAR( 10 ), b AS (a||'x'))",
            "CREATE TABLE t (a VARCHAR(10), b GENERATED ALWAYS AS ( a || 'x' ) VIRTUAL)",
        ),
        (
            "CREATE TABLE t (a TEXT COLLATE nocase)",
            "CREATE TABLE t (a TEXT COLLATE NOCASE NULL)",
        ),
        (
            "CREATE TABLE t (a TEXT COLLATE BINARY NOT NULL ON CONFLICT ABORT)",
            "CREATE TABLE t (a TEXT NOT NULL)",
        ),
        (
            "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID, STRICT",
            "CREATE TABLE t (a TEXT NOT NULL, PRIMARY KEY (a)) STRICT, WITHOUT ROWID",
        ),
        (
            "CREATE TABLE t (a); CREATE INDEX i ON t (a ASC) WHERE a>1",
            "CREATE TABLE t (a); CREATE INDEX I ON T (A) WHERE t.a > 1",
        ),
        (
            "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t",
            "CREATE TABLE t (a); CREATE VIEW \"V\" AS\n  select A from [T] -- all\n",
        ),
        (
            "CREATE TABLE t (a, CONSTRAINT c UNIQUE (a))",
            "CREATE TABLE t (a CONSTRAINT C UNIQUE)",
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",
            "CREATE TABLE t (id INTEGER, PRIMARY KEY (id AUTOINCREMENT))",
        ),
        (
            "CREATE TABLE t AS SELECT 1 AS a, 'x' AS b",
            "CREATE TABLE t (\"a\", b)",
        ),
    ] {
        assert_eq!(
            differences(one, other).await,
            Vec::<String>::new(),
            "{one}\n{other}"
        );
        assert_eq!(
            differences(other, one).await,
            Vec::<String>::new(),
            "{other}\n{one}"
        );
    }
}

/// Pairs that do not.
#[tokio::test]
async fn what_means_something_is_a_difference() {
    for (one, other) in [
        ("CREATE TABLE t (a INT)", "CREATE TABLE t (a INTEGER)"),
        ("CREATE TABLE t (a INT)", "CREATE TABLE t (a INT NOT NULL)"),
        (
            "CREATE TABLE t (a INT NOT NULL)",
            "CREATE TABLE t (a INT NOT NULL ON CONFLICT IGNORE)",
        ),
        (
            "CREATE TABLE t (a DEFAULT 'x')",
            "CREATE TABLE t (a DEFAULT 'X')",
        ),
        ("CREATE TABLE t (a DEFAULT 1)", "CREATE TABLE t (a)"),
        (
            "CREATE TABLE t (a TEXT)",
            "CREATE TABLE t (a TEXT COLLATE NOCASE)",
        ),
        (
            "CREATE TABLE t (a, b AS (a))",
            "CREATE TABLE t (a, b AS (a) STORED)",
        ),
        (
            "CREATE TABLE t (a, b AS (a))",
            "CREATE TABLE t (a, b AS (a + 1))",
        ),
        (
            "CREATE TABLE t (a UNIQUE)",
            "CREATE TABLE t (a UNIQUE ON CONFLICT REPLACE)",
        ),
        (
            "CREATE TABLE t (a UNIQUE)",
            "CREATE TABLE t (a CONSTRAINT c UNIQUE)",
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY DESC)",
        ),
        (
            "CREATE TABLE t (id INTEGER, PRIMARY KEY (id DESC))",
            "CREATE TABLE t (id INTEGER PRIMARY KEY DESC)",
        ),
        (
            "CREATE TABLE t (id INTEGER PRIMARY KEY)",
            "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        ),
        (
            "CREATE TABLE t (a TEXT PRIMARY KEY)",
            "CREATE TABLE t (a TEXT PRIMARY KEY) WITHOUT ROWID",
        ),
        ("CREATE TABLE t (a TEXT)", "CREATE TABLE t (a TEXT) STRICT"),
        (
            "CREATE TABLE t (a); CREATE INDEX i ON t (a)",
            "CREATE TABLE t (a); CREATE UNIQUE INDEX i ON t (a)",
        ),
        (
            "CREATE TABLE t (a); CREATE INDEX i ON t (a)",
            "CREATE TABLE t (a); CREATE INDEX i ON t (a DESC)",
        ),
        (
            "CREATE TABLE t (a); CREATE INDEX i ON t (a)",
            "CREATE TABLE t (a); CREATE INDEX i ON t (a COLLATE NOCASE)",
        ),
        (
            "CREATE TABLE t (a); CREATE INDEX i ON t (a)",
            "CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE a > 0",
        ),
        (
            "CREATE TABLE t (a); CREATE INDEX i ON t (lower(a))",
            "CREATE TABLE t (a); CREATE INDEX i ON t (upper(a))",
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p)",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p ON DELETE CASCADE)",
        ),
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p)",
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE t (a REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
        ),
        (
            "CREATE TABLE t (a); CREATE VIEW v AS SELECT a FROM t",
            "CREATE TABLE t (a); CREATE VIEW v AS SELECT a AS b FROM t",
        ),
        (
            "CREATE TABLE t (a); CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END",
            "CREATE TABLE t (a); CREATE TRIGGER g AFTER UPDATE ON t BEGIN SELECT 1; END",
        ),
    ] {
        assert_ne!(
            differences(one, other).await,
            Vec::<String>::new(),
            "{one}\n{other}"
        );
        // And each can be written, both ways.
        let pool = database(one).await;
        there_and_back(&pool, one, &Autogenerate::from_sql(other)).await;
    }
}

/// What SQLite makes of the text when it alters a table.
#[tokio::test]
async fn altered_tables_are_as_if_written_by_hand() {
    let altered = "CREATE TABLE people (id INTEGER PRIMARY KEY, mail TEXT CHECK (people.mail <> ''), CONSTRAINT u UNIQUE (mail));
        CREATE TABLE pets (id INTEGER PRIMARY KEY, boss INT REFERENCES people (id), CHECK (id > 0));
        CREATE INDEX by_mail ON people (lower(mail)) WHERE mail > 'a';
        CREATE VIEW mails AS SELECT mail FROM people;
        CREATE TRIGGER bark AFTER INSERT ON pets BEGIN UPDATE people SET mail = 'x' WHERE id = new.boss; END;
        ALTER TABLE people RENAME TO users;
        ALTER TABLE users RENAME COLUMN mail TO \"e mail\";
        ALTER TABLE pets ADD COLUMN name TEXT NOT NULL DEFAULT 'Rex';
        ALTER TABLE pets ADD COLUMN gone;
        ALTER TABLE pets DROP COLUMN gone;";
    let written = "CREATE TABLE users (id INTEGER PRIMARY KEY, \"e mail\" TEXT CHECK (\"e mail\" <> ''), CONSTRAINT u UNIQUE (\"e mail\"));
        CREATE TABLE pets (id INTEGER PRIMARY KEY, boss INT REFERENCES users, name TEXT NOT NULL DEFAULT 'Rex', CHECK (id > 0));
        CREATE INDEX by_mail ON users (lower(\"e mail\")) WHERE \"e mail\" > 'a';
        CREATE VIEW mails AS SELECT \"e mail\" FROM users;
        CREATE TRIGGER bark AFTER INSERT ON pets BEGIN UPDATE users SET \"e mail\" = 'x' WHERE id = new.boss; END;";
    assert_eq!(differences(altered, written).await, Vec::<String>::new());
}

/// A name in another case is the same name to SQLite, and stays as it is spelt; what is new keeps its own spelling.
#[tokio::test]
async fn names_compare_without_case() {
    let live = "CREATE TABLE Users (Id INTEGER PRIMARY KEY, Mail text);
        CREATE INDEX By_Mail ON Users (Mail); CREATE VIEW All_Users AS SELECT * FROM Users;
        CREATE TABLE pets (boss INT REFERENCES USERS (ID));";
    let desired = "create table users (id integer primary key, mail TEXT, Added TEXT);
        create index by_mail on users (mail); create view all_users as select * from users;
        create table Pets (Boss INT REFERENCES users);";
    let pool = database(live).await;
    let comparison = compare(&pool, desired).await;
    assert_eq!(told(&comparison), ["add column Users.Added"]);
    let desired = Autogenerate::from_sql(desired);
    let text = there_and_back(&pool, live, &desired).await;
    assert!(
        text.contains("ALTER TABLE Users ADD COLUMN Added TEXT;"),
        "{text}"
    );
}

/// A view that names nothing, and a virtual table of a module that is not there.
#[tokio::test]
async fn what_is_broken_can_be_read() {
    let live = "CREATE VIEW broken AS SELECT * FROM nowhere; CREATE TABLE t (a);";
    let desired = "CREATE VIEW broken AS SELECT * FROM nowhere; CREATE TABLE t (a, b);";
    assert_eq!(differences(live, desired).await, ["add column t.b"]);
}

#[tokio::test]
async fn errors_of_the_desired_schema_have_a_place() {
    let pool = database("").await;
    for (sql, expected) in [
        (
            "CREATE TABLE t (a);\n  CREATE TABLE t (b);",
            "2:3: statement 2",
        ),
        ("ATTACH 'x.db' AS x", "ATTACH reaches beyond"),
        ("VACUUM INTO 'x.db'", "VACUUM INTO reaches beyond"),
        (
            "SELECT load_extension('x')",
            "load_extension() reaches beyond",
        ),
        (
            "CREATE TABLE t (a COLLATE mine, UNIQUE (a))",
            "may register it on its own connections",
        ),
        ("CREATE TABLE t (a TEXT DEFAULT 'x)", "1:32"),
    ] {
        let error = Autogenerate::from_sql(sql).compare(&pool).await;
        let text = error.expect_err("an error").to_string();
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(
        rows(&pool, "SELECT name FROM sqlite_master").await,
        Vec::<String>::new()
    );
}

/// The scratch database of a user's own: empty before and after, and not the live one.
#[tokio::test]
async fn a_scratch_database_of_ones_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = |name: &str| format!("sqlite://{}?mode=rwc", folder.path().join(name).display());
    let pool = SqlitePool::connect(&url("live.db")).await.expect("SQLite");
    let scratch = SqlitePool::connect(&url("scratch.db"))
        .await
        .expect("SQLite");
    let desired = Autogenerate::from_sql(
        "BEGIN; CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (7); COMMIT;",
    );
    let error = desired
        .clone()
        .scratch_url(url("live.db"))
        .compare(&pool)
        .await;
    let text = error.expect_err("the live one").to_string();
    assert!(text.contains("is the live one"), "{text}");
    let found = desired
        .clone()
        .scratch_url(url("scratch.db"))
        .compare(&pool)
        .await;
    assert_eq!(told(&found.expect("a comparison")), ["create table t"]);
    let left = rows(&scratch, "SELECT name FROM sqlite_master").await;
    assert_eq!(left, Vec::<String>::new());
    run(&scratch, "CREATE TABLE mine (a)").await;
    let error = desired.scratch_url(url("scratch.db")).compare(&pool).await;
    let text = error.expect_err("not empty").to_string();
    assert!(text.contains("table mine"), "{text}");
    assert_eq!(
        rows(&scratch, "SELECT name FROM sqlite_master").await,
        ["mine"]
    );
}

/// 500 tables with 5 columns and 2 indexes each.
#[tokio::test]
async fn large_schemas_are_compared_quickly() {
    let mut sql = String::from("BEGIN;");
    for number in 0..500 {
        sql.push_str(&format!(
            "CREATE TABLE t{number} (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name VARCHAR(50), \
             amount NUMERIC DEFAULT 0, made TEXT DEFAULT CURRENT_TIMESTAMP);\n\
             CREATE UNIQUE INDEX t{number}_email ON t{number} (lower(email));\n\
             CREATE INDEX t{number}_name ON t{number} (name, made) WHERE name IS NOT NULL;\n"
        ));
    }
    sql.push_str("COMMIT;");
    let pool = database(&sql).await;
    let start = std::time::Instant::now();
    let comparison = compare(&pool, &sql).await;
    let took = start.elapsed();
    assert!(comparison.is_empty());
    println!("500 tables compared in {took:?}, scratch database included");
}

/// What the shell writes of a database with a full-text index, by `.dump` and by `.schema`.
#[tokio::test]
async fn what_the_shell_writes_is_read() {
    let live = "CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, label text NOT NULL);
        CREATE TABLE notes (uuid text NOT NULL, body text NOT NULL);
        CREATE VIRTUAL TABLE note_fts USING fts5(content=notes, body, tokenize=\"porter unicode61\");
        CREATE TRIGGER nai AFTER INSERT ON notes BEGIN INSERT INTO note_fts(rowid, body) VALUES (new.rowid, new.body); END;
        CREATE VIEW v AS SELECT * FROM books;";
    let dump = include_str!("../../../reported/dumps/sqlite_dump_with_fts5.sql");
    let schema = "CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, label text NOT NULL);
        CREATE TABLE sqlite_sequence(name,seq);
        CREATE TABLE notes (uuid text NOT NULL, body text NOT NULL);
        CREATE VIRTUAL TABLE note_fts USING fts5(content=notes, body, tokenize=\"porter unicode61\")
        /* note_fts(body) */;
        CREATE TABLE IF NOT EXISTS 'note_fts_data'(id INTEGER PRIMARY KEY, block BLOB);
        CREATE TABLE IF NOT EXISTS 'note_fts_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS 'note_fts_docsize'(id INTEGER PRIMARY KEY, sz BLOB);
        CREATE TABLE IF NOT EXISTS 'note_fts_config'(k PRIMARY KEY, v) WITHOUT ROWID;
        CREATE TRIGGER nai AFTER INSERT ON notes BEGIN INSERT INTO note_fts(rowid, body) VALUES (new.rowid, new.body); END;
        CREATE VIEW v AS SELECT * FROM books
        /* v(id,label) */;";
    for desired in [dump, schema] {
        let none: [&str; 0] = [];
        assert_eq!(differences(live, desired).await, none, "{desired}");
        // The index itself is there for the database to be read on, whatever becomes of it.
        let comparison = compare(&database("").await, desired).await;
        let notes = comparison.notes();
        assert!(
            notes.iter().any(|note| note.contains("note_fts")),
            "{notes:?}"
        );
    }
}

/// A full-text table does not follow the rename of what it reads: it is said, beside the statement too.
#[tokio::test]
async fn a_rename_below_a_full_text_table() {
    let pool = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER);
         CREATE VIRTUAL TABLE f USING fts5(a, content='t', content_rowid='id');",
    )
    .await;
    let desired = |column: &str, number: &str| {
        format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, {column} TEXT, {number} INTEGER);
             CREATE VIRTUAL TABLE f USING fts5({column}, content='t', content_rowid='id');"
        )
    };
    let said = "WARNING: the virtual table f names what is renamed and does not follow";
    for (sql, column, is_said) in [
        (desired("b", "n"), ("t", "a", "b"), true),
        (desired("a", "m"), ("t", "n", "m"), false),
    ] {
        let wish = Autogenerate::from_sql(sql).renamed_column(column.0, column.1, column.2);
        let comparison = wish.compare(&pool).await.expect("compared");
        let notes = comparison.notes();
        assert_eq!(
            notes.iter().any(|note| note.starts_with(said)),
            is_said,
            "{notes:?}"
        );
        let drafts = comparison.drafts(DraftOptions::default());
        let draft = drafts.into_iter().next().expect("a draft");
        let mut revision = NewRevision::new("a1");
        for section in draft.sections() {
            revision = revision.section(section);
        }
        let text = revision.to_text().expect("a file");
        assert_eq!(
            text.matches(said).count(),
            if is_said { 2 } else { 0 },
            "{text}"
        );
    }
}
