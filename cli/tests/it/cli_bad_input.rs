//! What goes wrong before and around a run: one line that says what, its cause, and what to do; never a panic.

use crate::cli::{Place, Said};

/// The error's lines, for people.
fn told(said: &Said) -> &str {
    assert_eq!(said.stdout, "", "{}", said.stderr);
    for word in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!said.stderr.contains(word), "{}", said.stderr);
    }
    let first = said.stderr.lines().next().unwrap_or_default();
    assert!(first.starts_with("error: "), "{}", said.stderr);
    &said.stderr
}

fn contains_all(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_folder_or_file_that_cannot_be_read() {
    let place = Place::diamond();
    let upgrade = ["upgrade", "heads", "--database-url", "sqlite:app.db"];
    let said = place.call(&[&upgrade[..], &["--dir", "nowhere"]].concat());
    assert_eq!(said.code, 1);
    contains_all(
        told(&said),
        &["nowhere", "could not be read", "caused by: "],
    );

    std::fs::write(place.path("migrations/f1.sql"), b"-- revision: \xff\n").expect("a file");
    let said = place.call(&upgrade);
    assert_eq!(said.code, 1);
    contains_all(told(&said), &["migrations/f1.sql:1:14", "UTF-8"]);

    place.write("migrations/f1.sql", "SELECT 1;\n");
    let said = place.call(&upgrade);
    assert_eq!(said.code, 1);
    contains_all(told(&said), &["migrations/f1.sql"]);
    assert!(!place.path("app.db").exists(), "nothing was begun");

    std::fs::remove_file(place.path("migrations/f1.sql")).expect("it is there");
    std::fs::create_dir(place.path("app.db")).expect("a folder where the file should be");
    let said = place.call(&upgrade);
    assert_eq!(said.code, 1);
    contains_all(told(&said), &["app.db", "caused by: "]);
}

#[test]
fn a_database_that_is_none_or_does_not_answer() {
    let place = Place::diamond();
    for (url, words) in [
        (
            "postgres://nobody:hunter2-x@127.0.0.1:1/none",
            &["no connection to", "127.0.0.1:1", "refused"][..],
        ),
        (
            "mysql://nobody:hunter2-x@127.0.0.1:1/none",
            &["no connection to", "127.0.0.1:1", "refused"],
        ),
        (
            "postgres://nobody@no-such-host.invalid/none",
            &["no connection to", "caused by: "],
        ),
        (
            "oracle://localhost/none",
            &["`oracle:`", "sqlite:, postgres:"],
        ),
        ("app.db", &["names no database system"]),
        (
            "postgres://127.0.0.1:notaport/none",
            &["cannot be read", "caused by: "],
        ),
        (
            "postgresql+asyncpg://localhost/none",
            &["leave out the driver"],
        ),
    ] {
        let said = place.call(&["upgrade", "heads", "--database-url", url]);
        assert_eq!(said.code, 1, "{url}");
        contains_all(told(&said), words);
        assert!(!said.stderr.contains("hunter2"), "{}", said.stderr);
    }
    let said = place.call(&["upgrade", "heads"]);
    assert_eq!(said.code, 1);
    contains_all(told(&said), &["--database-url", "DATABASE_URL", ".env"]);
}

#[test]
fn words_that_are_no_command() {
    let place = Place::diamond();
    for arguments in [
        &["upgrad"][..],
        &["upgrade"],
        &["--nonsense"],
        &["upgrade", "head", "--yes-please"],
    ] {
        let said = place.call(arguments);
        assert_eq!(said.code, 2, "{arguments:?}");
        contains_all(told(&said), &["--help"]);
    }
    assert!(
        place.call(&["upgrad"]).stderr.contains("upgrade"),
        "the nearest command is named"
    );
    let said = place.call(&["upgrade", "1.2.3:4@5", "--database-url", "sqlite:app.db"]);
    assert_eq!(said.code, 1);
    told(&said);
}

/// Nothing but what a role needs to connect, and then nothing but reading.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_role_without_rights_on_postgres() {
    let Some(db) = crate::support::servers::postgres_database().await else {
        return;
    };
    let (_, database) = db.url.rsplit_once('/').expect("a database");
    let role = format!("weak_{database}");
    db.run(&format!(
        "CREATE ROLE {role} LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ))
    .await;
    let place = Place::diamond();
    let url = db.url.replacen("postgres@", &format!("{role}@"), 1);
    assert_ne!(url, db.url);
    let said = place.call(&["upgrade", "heads", "--database-url", &url]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    contains_all(
        told(&said),
        &["permission denied for schema public", "othing"],
    );
    assert_eq!(db.tables().await, Vec::<String>::new());

    let said = place.call(&["upgrade", "a1", "--database-url", &db.url]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = place.call(&["upgrade", "heads", "--database-url", &url]);
    assert_eq!(said.code, 1, "{}", said.stdout);
    contains_all(told(&said), &["permission denied for table limbeck_"]);
    // A boot at the head needs no more than to read.
    db.run(&format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ))
    .await;
    let said = place.call(&["upgrade", "a1", "--database-url", &url]);
    assert_eq!((said.code, &*said.stderr), (0, ""), "{}", said.stdout);
    db.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await;
}
