//! `diff`: what somebody changed by hand.

use crate::cli::Place;
use crate::support::on_each;

on_each! {
    /// What somebody changed by hand is told, and the SQL that is printed mends it.
    async fn changes_by_hand(db) {
        let place = Place::new(&[
            ("a1", "", "", "-- @upgrade\n\
                CREATE TABLE users (id INTEGER PRIMARY KEY, mail VARCHAR(80) NOT NULL);\n\
                CREATE INDEX users_mail ON users (mail);\n\
                INSERT INTO users VALUES (1, 'a; -- b');\n\
                LEAVE\n\
                -- @downgrade\n"
                .replace("LEAVE\n", match db.dialect {
                    // The next revision finds its session as new.
                    limbeck::Dialect::Postgres => "SELECT set_config('search_path', '', false);\n",
                    _ => "",
                }).as_str()),
            ("b1", "a1", "", "-- @upgrade autocommit\nCREATE TABLE orders (id INTEGER PRIMARY KEY);\n-- @downgrade\n"),
            ("c1", "b1", "", "-- @upgrade\nCREATE TABLE later (id INTEGER);\n-- @downgrade\n"),
        ]);
        let call = |arguments: &[&str]| place.call_with(arguments, &[("DATABASE_URL", &db.url)]);
        let said = call(&["upgrade", "b1"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let said = call(&["diff"]);
        assert_eq!(
            (said.code, &*said.stdout, &*said.stderr),
            (0, "nothing differs from what the applied revisions make\n", "")
        );

        db.run("DROP TABLE orders").await;
        db.run("ALTER TABLE users ADD COLUMN age INTEGER").await;
        let said = call(&["diff"]);
        assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
        assert!(said.stdout.contains("drop column users.age (lossy"), "{}", said.stdout);
        assert!(said.stdout.contains("create table orders"), "{}", said.stdout);
        assert!(!said.stdout.contains("later"), "{}", said.stdout);
        place.write(
            "schema.sql",
            "CREATE TABLE users (id INTEGER PRIMARY KEY, mail VARCHAR(80) NOT NULL);\n\
             CREATE INDEX users_mail ON users (mail);\n\
             CREATE TABLE orders (id INTEGER PRIMARY KEY);\nCREATE TABLE later (id INTEGER);\n",
        );
        let said = call(&["check"]);
        assert_eq!(said.code, 3);
        assert!(
            said.stderr.contains("note: 2 of these are no revision's work: `limbeck diff`"),
            "{}",
            said.stderr
        );

        // What loses data is a comment; the rest runs as it is printed.
        let said = call(&["diff", "--sql"]);
        assert_eq!(said.code, 3);
        assert!(said.stdout.contains("\n-- ALTER TABLE "), "{}", said.stdout);
        for statement in limbeck::sql::split(db.dialect, &said.stdout).expect("SQL") {
            let text = statement.text();
            if !["BEGIN", "COMMIT"].contains(&text) {
                db.run(text).await;
            }
        }
        let said = call(&["diff", "--json"]);
        let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
        assert_eq!((said.code, document["changes"].as_array().map(Vec::len)), (3, Some(1)));
        db.run("ALTER TABLE users DROP COLUMN age").await;
        assert_eq!(call(&["diff"]).code, 0);
    }

    /// Code and what reaches beyond the database are not run, and named.
    async fn what_a_diff_does_not_run(db) {
        let role = format!("diff_{}", std::process::id());
        let wide = match db.dialect {
            limbeck::Dialect::Sqlite => "ATTACH ':memory:' AS other".to_owned(),
            _ => format!("CREATE ROLE {role}"),
        };
        let sections = format!("-- @upgrade autocommit\n{wide};\nCREATE TABLE t (id INTEGER);\n-- @downgrade\n");
        let place = Place::new(&[
            ("a1", "", "", &sections),
            ("b1", "a1", "", "-- @upgrade rust\n-- @downgrade rust\n"),
        ]);
        let call = |arguments: &[&str]| place.call_with(arguments, &[("DATABASE_URL", &db.url)]);
        let said = call(&["upgrade", "a1"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let said = call(&["stamp", "b1"]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let said = call(&["diff"]);
        if db.dialect != limbeck::Dialect::Sqlite {
            db.run(&format!("DROP ROLE {role}")).await;
        }
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains("note: statement 1 of a1 (migrations/a1.sql:"), "{}", said.stderr);
        assert!(said.stderr.contains("note: the code of b1 is not run"), "{}", said.stderr);
    }
}

#[test]
fn a_diff_of_what_is_not_there() {
    let sections = "-- @upgrade\nCREATE TABLE users (id INTEGER PRIMARY KEY);\n-- @downgrade\n";
    let place = Place::new(&[("a1", "", "", sections)]);
    let call = |arguments: &[&str]| {
        place.call(&[arguments, &["--database-url", "sqlite:app.db"]].concat())
    };
    assert_eq!(call(&["upgrade", "head"]).code, 0);
    std::fs::rename(place.path("migrations/a1.sql"), place.path("a1.sql")).expect("a file");
    let said = call(&["diff"]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("a1"), "{}", said.stderr);
    // The scratch database says what it does not take, by file and line.
    std::fs::rename(place.path("a1.sql"), place.path("migrations/a1.sql")).expect("a file");
    let text = std::fs::read_to_string(place.path("migrations/a1.sql")).expect("a file");
    let text = text.replace("users (id", "users (\n  id NO, id");
    place.write("migrations/a1.sql", &text);
    let said = call(&["diff"]);
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("migrations/a1.sql:"),
        "{}",
        said.stderr
    );
}

/// On a scratch database of the role's own all revisions run in one transaction, as what the last left of its session is gone.
#[tokio::test]
async fn a_scratch_database_that_is_given() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let scratch = crate::support::servers::postgres_database()
        .await
        .expect("a server");
    let place = Place::new(&[
        (
            "a1",
            "",
            "",
            "-- @upgrade\nSET check_function_bodies = off;\nCREATE TABLE public.t (id int);\nCREATE TEMP TABLE x (n int);\n\
             SELECT set_config('search_path', '', false);\n-- @downgrade\n",
        ),
        (
            "b1",
            "a1",
            "",
            "-- @upgrade autocommit\nCREATE TEMP TABLE x (n int);\nCREATE INDEX CONCURRENTLY t_id ON t (id);\nVACUUM t;\n\
             CREATE TABLE u (n int);\n-- @downgrade\n",
        ),
    ]);
    let call = |arguments: &[&str]| place.call_with(arguments, &[("DATABASE_URL", &db.url)]);
    let said = call(&["upgrade", "heads"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    for _ in 0..2 {
        let said = call(&["diff", "--scratch-url", &scratch.url]);
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
    db.run("DROP INDEX t_id").await;
    let said = call(&["diff", "--scratch-url", &scratch.url, "--sql"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert_eq!(
        said.stdout,
        "BEGIN;\nCREATE INDEX t_id ON t USING btree (id);\nCOMMIT;\n"
    );
}
