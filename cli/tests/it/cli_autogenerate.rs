//! `revision --autogenerate`: what it writes, what it withholds, and when it writes nothing.

use std::process::{Command, Stdio};

use chrono::SecondsFormat;
use limbeck::{Migrations, Revision};
use serde_json::{Value, json};

use crate::cli::{Place, Said, ids};

const ON_DB: &[&str] = &["--database-url", "sqlite:app.db"];

fn call(place: &Place, arguments: &[&str]) -> Said {
    place.call(&[arguments, ON_DB].concat())
}

fn done(said: Said) -> Said {
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    said
}

/// The file of a revision, without its date, which no two runs share.
fn text(place: &Place, id: &str) -> String {
    let migrations = Migrations::from_dir(place.path("migrations")).expect("a folder");
    let revision = migrations.get(id).expect("a revision");
    let date = revision.create_date().expect("a date");
    let date = date.to_rfc3339_opts(SecondsFormat::Secs, true);
    revision.text().replace(&date, "NOW")
}

/// How many files the folder has, hidden ones too.
fn files(place: &Place) -> usize {
    std::fs::read_dir(place.path("migrations"))
        .expect("a folder")
        .count()
}

/// At the head of a revision that makes one table.
fn users() -> Place {
    let sections = "-- @upgrade\n\
        CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, age INTEGER);\n\
        INSERT INTO users (mail, age) VALUES ('a@example.org', 30);\n\
        -- @downgrade\nDROP TABLE users;\n";
    let place = Place::new(&[("a1", "", "-- branch_labels: app\n", sections)]);
    done(call(&place, &["upgrade", "head"]));
    place
}

fn generate(place: &Place, schema: &str, arguments: &[&str]) -> Said {
    place.write("schema.sql", schema);
    let command = ["revision", "--autogenerate", "-m", "As desired"];
    call(place, &[&command, arguments].concat())
}

#[test]
fn from_nothing_to_a_schema_and_back() {
    let place = Place::new(&[]);
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
CREATE UNIQUE INDEX users_email ON users (email);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    cents INTEGER NOT NULL CHECK (cents >= 0)
);
CREATE VIEW spent AS SELECT user_id, sum(cents) AS cents FROM orders GROUP BY user_id;";
    let said = done(generate(&place, schema, &["--rev-id", "a1"]));
    assert_eq!(said.stdout, "wrote migrations/a1_as_desired.sql\n");
    insta::assert_snapshot!(said.stderr, @r"
    note: there is no file app.db yet: it counts as an empty database
    orders:
      create table orders
    users:
      create table users
    other objects:
      create view spent
    3 changes lead from the database to schema.sql
    ");
    insta::assert_snapshot!(text(&place, "a1"), @r"
    -- As desired
    --
    -- revision: a1
    -- down_revision: none
    -- create_date: NOW

    -- @upgrade
    CREATE TABLE users (
        id INTEGER PRIMARY KEY,
        email TEXT NOT NULL
    );
    CREATE TABLE orders (
        id INTEGER PRIMARY KEY,
        user_id INTEGER NOT NULL,
        cents INTEGER NOT NULL,
        FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
        CHECK (cents >= 0)
    );
    CREATE UNIQUE INDEX users_email ON users (email);
    CREATE VIEW spent AS SELECT user_id, sum(cents) AS cents FROM orders GROUP BY user_id;

    -- @downgrade
    DROP VIEW spent;
    DROP TABLE orders;
    DROP TABLE users;
    ");

    done(call(&place, &["upgrade", "head"]));
    let said = done(generate(&place, schema, &[]));
    assert_eq!(
        (&*said.stdout, &*said.stderr),
        (
            "nothing differs from schema.sql: no revision was written\n",
            ""
        )
    );
    let said = done(generate(&place, schema, &["--json"]));
    assert_eq!(
        said.json(),
        json!({ "revisions": [], "changes": [], "notes": [] })
    );
    assert_eq!(files(&place), 1);
    done(call(&place, &["downgrade", "base"]));
    place.write("schema.sql", "");
    assert_eq!(call(&place, &["check"]).code, 0);
}

#[test]
fn what_loses_data_is_a_comment_until_it_is_allowed() {
    let place = users();
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, name TEXT);";
    let said = done(generate(&place, schema, &["--rev-id", "b1"]));
    insta::assert_snapshot!(said.stderr, @r"
    users:
      drop column users.age (lossy: its data are lost)
      add column users.name
    2 changes lead from the database to schema.sql (1 lossy)
    warning: written as a comment, without --allow-lossy: drop column users.age (lossy: its data are lost)
    ");
    insta::assert_snapshot!(text(&place, "b1"), @r"
    -- As desired
    --
    -- revision: b1
    -- down_revision: a1
    -- create_date: NOW

    -- @upgrade
    ALTER TABLE users ADD COLUMN name TEXT;

    -- WARNING: the following is left out, since it loses data or needs a person's decision:
    --   drop column users.age (lossy: its data are lost)
    -- To do it, remove the `-- ` before these statements, and before their undoing in @downgrade:
    -- ALTER TABLE users DROP COLUMN age;

    -- @downgrade
    -- What undoes the statements that are left out in @upgrade:
    -- ALTER TABLE users ADD COLUMN age INTEGER;

    ALTER TABLE users DROP COLUMN name;
    ");
    done(call(&place, &["upgrade", "head"]));
    let said = call(&place, &["check", "--json"]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    let document: Value = serde_json::from_str(&said.stdout).expect("a document");
    assert_eq!(
        document["changes"],
        json!([{
            "kind": "drop_column",
            "subject": "column users.age",
            "table": "users",
            "class": "lossy",
            "reason": "its data are lost"
        }])
    );

    let said = done(generate(
        &place,
        schema,
        &["--rev-id", "c1", "--allow-lossy", "--json"],
    ));
    assert_eq!(said.stderr, "");
    let document = said.json();
    assert_eq!(ids(&document["revisions"]), ["c1"]);
    assert_eq!(document["changes"][0]["withheld"], false);
    assert!(!text(&place, "c1").contains("WARNING"));
    done(call(&place, &["upgrade", "head"]));
    assert_eq!(call(&place, &["check"]).code, 0);
    done(call(&place, &["downgrade", "a1"]));
    let before = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, age INTEGER);";
    place.write("schema.sql", before);
    let said = call(&place, &["check"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
}

#[test]
fn a_withheld_change_is_so_in_the_document_too() {
    let place = users();
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL);";
    let said = generate(&place, schema, &["--json"]);
    let document = said.json();
    assert_eq!(document["changes"][0]["withheld"], true);
    assert!(
        said.stderr
            .contains("warning: withheld, without --allow-lossy: drop column users.age"),
        "{}",
        said.stderr
    );
    // A file of comments alone would be written each time.
    let none: Vec<String> = Vec::new();
    assert_eq!(ids(&document["revisions"]), none);
    let said = done(generate(&place, schema, &[]));
    assert_eq!(
        said.stdout,
        "all that differs from schema.sql is withheld: no revision was written. By hand, these would do it:\n\
         ALTER TABLE users DROP COLUMN age;\n"
    );
}

#[test]
fn a_database_that_is_not_at_the_heads() {
    let place = users();
    let pending = crate::support::file("b1", "a1", "", "-- @upgrade\n-- @downgrade\n");
    place.write("migrations/b1.sql", &pending);
    let refused = |place: &Place| {
        let before = files(place);
        let said = generate(place, "", &["--json"]);
        assert_eq!(
            (said.code, &*said.kind()),
            (1, "not_at_head"),
            "{}",
            said.stderr
        );
        let said = generate(place, "", &[]);
        assert_eq!((said.code, files(place)), (1, before));
        said.stderr
    };
    insta::assert_snapshot!(refused(&place), @"error: the database is not at the heads of the folder: `b1` is not applied (`limbeck upgrade heads` applies it); only what differs there is for a new revision to do");
    done(call(&place, &["upgrade", "head"]));
    std::fs::remove_file(place.path("migrations/b1.sql")).expect("a file");
    insta::assert_snapshot!(refused(&place), @"error: the database is not at the heads of the folder: it is at `b1`, which is not among these revisions; only what differs there is for a new revision to do");
}

/// What is wrong without a database is said without one.
/// A folder is one schema: its files in the order of their paths, or as its order file has them.
#[test]
fn a_schema_may_be_a_folder() {
    let place = users();
    std::fs::create_dir_all(place.path("schema/tables")).expect("a folder");
    let users = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, age INTEGER)";
    place.write("schema/tables/users.sql", users);
    place.write(
        "schema/users_mail.sql",
        "-- an index\nCREATE INDEX users_mail ON users (mail);\n",
    );
    place.write("schema/.old.sql", "SELECT nothing;");
    place.write("schema/notes.txt", "SELECT nothing;");
    let check = |place: &Place| call(place, &["check", "--schema=schema"]);
    let said = check(&place);
    assert_eq!(
        (said.code, said.stdout.contains("users_mail")),
        (3, true),
        "{}",
        said.stdout
    );

    place.write(
        "schema/users_mail.sql",
        "-- an index\n  CREATE INDEX i ON users (male);\n",
    );
    let said = check(&place);
    assert!(
        said.stderr.contains("schema/users_mail.sql:2:3: "),
        "{}",
        said.stderr
    );

    place.write("schema/a.sql", "CREATE INDEX users_mail ON users (mail);\n");
    std::fs::remove_file(place.path("schema/users_mail.sql")).expect("it is there");
    assert!(check(&place).stderr.contains("schema/a.sql:1:1: "));
    place.write(
        "schema/order",
        "# tables first\ntables/users.sql\n\na.sql # then indexes\n",
    );
    let said = check(&place);
    assert_eq!(
        (said.code, said.stdout.contains("users_mail")),
        (3, true),
        "{}",
        said.stderr
    );

    for (order, words) in [
        (
            "tables/users.sql\n",
            "schema/order: schema/a.sql is not named in it",
        ),
        (
            "a.sql\n\nb.sql\n",
            "schema/order:3: `b.sql` is no .sql file of this folder",
        ),
        ("a.sql\na.sql\n", "schema/order:2: `a.sql` is named twice"),
    ] {
        place.write("schema/order", order);
        let said = check(&place);
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    std::fs::create_dir(place.path("empty")).expect("a folder");
    let said = call(&place, &["check", "--schema=empty", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "unreadable_schema"));
}

#[test]
fn wrong_before_anything_is_compared() {
    let place = users();
    let kind = |arguments: &[&str]| {
        let said = generate(&place, "", &[arguments, &["--json"]].concat());
        assert_eq!(said.code, 1, "{}", said.stderr);
        said.kind()
    };
    assert_eq!(kind(&["--rev-id=a1"]), "invalid_graph");
    assert_eq!(kind(&["--head=nowhere"]), "unknown_revision");
    assert_eq!(kind(&["--depends-on=nowhere"]), "unknown_revision");
    assert_eq!(kind(&["--schema=nowhere.sql"]), "unreadable_schema");
    assert_eq!(kind(&["--dir=nowhere"]), "io");
    let said = place.call(&["revision", "--autogenerate", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "no_database_url"));
    for option in [
        "--schema=x",
        "--scratch-url=x",
        "--include=x",
        "--exclude=x",
        "--allow-lossy",
        "--online",
    ] {
        let said = call(&place, &["revision", "-m", "x", option]);
        assert_eq!((said.code, &*said.stdout), (2, ""), "{option}");
        assert!(said.stderr.contains("--autogenerate"), "{}", said.stderr);
    }
    assert_eq!(files(&place), 1);
}

#[test]
fn where_it_goes_and_who_edits_it() {
    let place = users();
    let schema = "CREATE TABLE users (id INTEGER PRIMARY KEY, mail TEXT NOT NULL, age INTEGER);
CREATE TABLE bills (id INTEGER);";
    place.write("schema.sql", schema);
    let arguments = [
        "revision",
        "--autogenerate",
        "-m",
        "Bills\n\nWhat is owed.",
        "--rev-id=b1",
        "--head=base",
        "--branch-label=billing",
        "--depends-on=app",
        "--edit",
    ];
    let environment = [("VISUAL", "sed -i 's/^-- @upgrade/-- Seen.\\n\\n&/'")];
    let said = done(place.call_with(&[&arguments, ON_DB].concat(), &environment));
    assert_eq!(said.stdout, "wrote migrations/b1_bills.sql\n");
    assert!(
        said.stderr.contains("note: there are 2 heads"),
        "{}",
        said.stderr
    );
    let migrations = Migrations::from_dir(place.path("migrations")).expect("a folder");
    let revision: &Revision = migrations.get("b1").expect("a revision");
    assert!(revision.text().contains("-- Seen.") && revision.text().contains("CREATE TABLE"));
    assert_eq!(revision.summary(), "Bills");
    assert!(revision.down_revision().is_empty());
    assert_eq!(
        revision.branch_labels().len() + revision.depends_on().len(),
        2
    );
    done(call(&place, &["upgrade", "heads"]));
    assert_eq!(call(&place, &["check"]).code, 0);
}

const RENAMED: &str =
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL, age INTEGER);";

#[test]
fn a_rename_is_said_and_never_guessed() {
    let place = users();
    let said = done(generate(&place, RENAMED, &["--rev-id=b1"]));
    assert!(
        said.stderr.contains(
            "note: perhaps column users.mail was renamed to email: if so, write `-- renamed from: mail` above the new one"
        ),
        "{}",
        said.stderr
    );
    assert!(!text(&place, "b1").contains("RENAME COLUMN"));
    std::fs::remove_file(place.path("migrations/b1_as_desired.sql")).expect("a file");

    let hinted = "\
-- renamed from: users
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL, -- renamed from: mail
    age INTEGER
);";
    let said = done(generate(&place, hinted, &["--rev-id=c1"]));
    insta::assert_snapshot!(said.stderr, @r"
    accounts:
      rename table users to accounts
      rename column accounts.mail to email
    2 changes lead from the database to schema.sql
    ");
    insta::assert_snapshot!(text(&place, "c1"), @r"
    -- As desired
    --
    -- revision: c1
    -- down_revision: a1
    -- create_date: NOW

    -- @upgrade
    ALTER TABLE users RENAME TO accounts;
    ALTER TABLE accounts RENAME COLUMN mail TO email;

    -- @downgrade
    ALTER TABLE accounts RENAME TO users;
    ALTER TABLE users RENAME COLUMN email TO mail;
    ");
    done(call(&place, &["upgrade", "head"]));
    // The hints may stay.
    assert_eq!(call(&place, &["check"]).code, 0);
}

/// On a terminal: `script` of util-linux makes one.
fn on_terminal(place: &Place, arguments: &str, typed: &str) -> String {
    use std::io::Write as _;
    let command = format!(
        "{} {arguments} --database-url sqlite:app.db --color never",
        env!("CARGO_BIN_EXE_limbeck")
    );
    let mut child = Command::new("script")
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            &command,
            "/dev/null",
        ])
        .current_dir(place.path(""))
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script of util-linux");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(typed.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("its end");
    drop(stdin);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn a_terminal_is_asked_about_renames() {
    let place = users();
    place.write("schema.sql", RENAMED);
    let arguments = "revision --autogenerate -m Renamed --rev-id b1";
    let said = on_terminal(&place, arguments, "n\n");
    assert!(
        said.contains("Was column users.mail renamed to email? [y/N]"),
        "{said}"
    );
    assert!(!text(&place, "b1").contains("RENAME COLUMN"), "{said}");
    std::fs::remove_file(place.path("migrations/b1_renamed.sql")).expect("a file");

    let said = on_terminal(&place, arguments, "y\n");
    assert!(said.contains("rename column users.mail to email"), "{said}");
    let written = text(&place, "b1");
    assert!(written.contains("RENAME COLUMN"), "{written}");
    done(call(&place, &["upgrade", "head"]));
    assert_eq!(call(&place, &["check"]).code, 0);
    done(call(&place, &["downgrade", "-1"]));
    done(call(&place, &["upgrade", "head"]));
}

/// PostgreSQL's new values of an enum can be used by the next transaction only: two revisions, one on the other.
#[tokio::test]
async fn what_one_revision_cannot_do() {
    let Some((pool, url)) = crate::support::servers::postgres().await else {
        return;
    };
    let live =
        "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE people (id INT, mood mood DEFAULT 'sad');";
    sqlx::raw_sql(live).execute(&pool).await.expect("a schema");
    let place = Place::new(&[]);
    place.write(
        "schema.sql",
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE TABLE people (id INT, mood mood DEFAULT 'glad');",
    );
    let call = |arguments: &[&str]| place.call_with(arguments, &[("DATABASE_URL", &url)]);
    let arguments = [
        "revision",
        "--autogenerate",
        "-m",
        "Glad",
        "--rev-id=a1",
        "--branch-label=moods",
        "--json",
    ];
    let document = done(call(&arguments)).json();
    let revisions = document["revisions"].as_array().expect("revisions");
    let field =
        |key: &str| -> Vec<Value> { revisions.iter().map(|one| one[key].clone()).collect() };
    assert_eq!(revisions.len(), 2, "{document}");
    let id = revisions
        .iter()
        .find_map(|one| one["revision"].as_str().filter(|id| *id != "a1"))
        .expect("another id");
    assert!(
        field("message").contains(&json!("Glad (1 of 2)")),
        "{document}"
    );
    assert!(
        field("message").contains(&json!("Glad (2 of 2)")),
        "{document}"
    );
    let migrations = Migrations::from_dir(place.path("migrations")).expect("a folder");
    let second = migrations.get(id).expect("a revision");
    let parents: Vec<&str> = second.down_revision().iter().map(|id| &**id).collect();
    assert_eq!(parents, ["a1"]);
    assert!(second.branch_labels().is_empty());
    done(call(&["upgrade", "head"]));
    done(call(&["check"]));
    done(call(&["downgrade", "base"]));
    done(call(&["upgrade", "head"]));
}

/// What `serial` made goes on counting where it was.
#[tokio::test]
async fn a_renamed_table_keeps_its_sequence() {
    let Some((pool, url)) = crate::support::servers::postgres().await else {
        return;
    };
    let live = "CREATE TABLE people (id BIGSERIAL PRIMARY KEY, mail TEXT);
        INSERT INTO people (mail) VALUES ('a'), ('b'), ('c');";
    sqlx::raw_sql(live).execute(&pool).await.expect("a schema");
    let place = Place::new(&[]);
    place.write(
        "schema.sql",
        "-- renamed from: people\nCREATE TABLE public.users (id BIGSERIAL PRIMARY KEY, mail TEXT);",
    );
    let call = |arguments: &[&str]| place.call_with(arguments, &[("DATABASE_URL", &url)]);
    let arguments = ["revision", "--autogenerate", "-m", "Users", "--rev-id=a1"];
    let said = done(call(&arguments));
    assert!(!said.stderr.contains("lossy"), "{}", said.stderr);
    for run in [
        &["upgrade", "head"][..],
        &["downgrade", "base"],
        &["upgrade", "head"],
    ] {
        done(call(run));
    }
    done(call(&["check"]));
    let next: i64 = sqlx::query_scalar("INSERT INTO users (mail) VALUES ('d') RETURNING id")
        .fetch_one(&pool)
        .await
        .expect("a key that is free");
    assert_eq!(next, 4);
}

/// The server is asked, and what it copies is said where a person reads, and in the file.
async fn a_copy_is_said() {
    let Some(db) = crate::support::servers::mysql_database().await else {
        return;
    };
    db.run("CREATE TABLE users (id INT PRIMARY KEY, age INT)")
        .await;
    let place = Place::new(&[]);
    let generate = |schema: &str, arguments: &[&str]| {
        place.write("schema.sql", schema);
        let command = ["revision", "--autogenerate", "--online", "-m", "Users"];
        let arguments = [&command, arguments].concat();
        done(place.call_with(&arguments, &[("DATABASE_URL", &db.url)]))
    };
    let copied = "CREATE TABLE users (id INT PRIMARY KEY, age BIGINT)";
    let note = "this copies `users`, and no row of it can be written meanwhile";
    let said = generate(copied, &["--rev-id=a1"]);
    assert!(said.stderr.contains(note), "{}", said.stderr);
    assert!(text(&place, "a1").contains(&format!("-- {note}")));
    std::fs::remove_dir_all(place.path("migrations")).expect("the folder");
    std::fs::create_dir(place.path("migrations")).expect("a folder");
    let document = generate(copied, &["--json"]).json();
    let notes = document["notes"].as_array().expect("notes");
    let is_note = |one: &Value| one.as_str().is_some_and(|one| one.starts_with(note));
    assert!(notes.iter().any(is_note), "{document}");
    std::fs::remove_dir_all(place.path("migrations")).expect("the folder");
    std::fs::create_dir(place.path("migrations")).expect("a folder");
    let instant = "CREATE TABLE users (id INT PRIMARY KEY, age INT, name TEXT)";
    let said = generate(instant, &["--rev-id=a1"]);
    assert!(!said.stderr.contains("copies"), "{}", said.stderr);
    assert!(text(&place, "a1").contains("ADD COLUMN `name` text,\n  ALGORITHM=INSTANT;"));
}

crate::support::on_mysql!(a_copy_is_said);
