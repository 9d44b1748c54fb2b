//! Control characters, directions of writing and what has no width, in whatever limbeck shows: a terminal gets none of
//! them, JSON and files all of them.

use crate::cli::Place;
use crate::cli_terminal::on_terminal;
use crate::support::on_each;

/// ESC with a code that limbeck never uses, CSI of one character, BEL, an override and an isolate of direction, zero
/// width.
const HOSTILE: &str = "x\u{1b}[5my\u{9b}5m\u{7}\u{202e}\u{2066}\u{200b}\u{feff}z";
/// The same as it is shown.
const SHOWN: &str = "x\\u{1b}[5my\\u{9b}5m\\u{7}\\u{202e}\\u{2066}\\u{200b}\\u{feff}z";

fn is_harmless(text: &str) -> bool {
    !text.contains("\u{1b}[5m")
        && !text.contains([
            '\u{9b}', '\u{7}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}',
        ])
}

/// One file's name and message are hostile, and so is the table that the second one asks for.
fn place() -> Place {
    let place = Place::new(&[]);
    place.write(
        &format!("migrations/a1_{HOSTILE}.sql"),
        &format!(
            "-- {HOSTILE}\n--\n-- revision: a1\n-- down_revision: none\n\n-- @upgrade\nCREATE TABLE t (x INTEGER);\n\
             INSERT INTO t SELECT 1 WHERE '{HOSTILE}' = '';\n-- @downgrade\nDROP TABLE t;\n"
        ),
    );
    place.write(
        "migrations/b1.sql",
        &format!(
            "-- {HOSTILE}\n--\n-- revision: b1\n-- down_revision: a1\n\n-- @upgrade autocommit\n\
             SELECT * FROM \"{HOSTILE}\";\n-- @downgrade\n"
        ),
    );
    place
}

const DATABASE: &[&str] = &["--database-url", "sqlite:app.db"];

#[test]
fn files_and_errors_on_sqlite() {
    let place = place();
    let mut shown = 0;
    let mut call = |arguments: &[&str]| {
        let said = place.call(&[arguments, DATABASE].concat());
        let text = said.stdout + &said.stderr;
        assert!(is_harmless(&text), "{arguments:?}: {text:?}");
        shown += text.matches(SHOWN).count();
        text
    };
    for arguments in [
        &["plan"][..],
        &["history"],
        &["history", "-v", "--graph", "--color", "always"],
        &["graph"],
        &["graph", "--format", "dot"],
        &["graph", "--format", "mermaid"],
        &["heads", "-v"],
        &["show", "a1"],
        &["upgrade", "a1"],
        &["current", "-v"],
        &["upgrade", HOSTILE],
        &["status", HOSTILE],
        &["show", HOSTILE],
        &["history", "--dir", HOSTILE],
    ] {
        call(arguments);
    }
    let error = call(&["upgrade", "heads"]);
    assert!(
        error.contains(&format!("no such table: {SHOWN}")),
        "{error}"
    );
    assert!(error.lines().count() > 1, "lines stay: {error}");
    // An edited file is named with its path.
    let path = format!("migrations/a1_{HOSTILE}.sql");
    let text = std::fs::read_to_string(place.path(&path)).expect("a file");
    place.write(&path, &text.replace("INTEGER", "TEXT"));
    let status = call(&["status"]);
    assert!(status.contains(&format!("a1_{SHOWN}.sql)")), "{status}");
    assert!(shown > 15, "{shown}");
}

#[test]
fn a_terminal_that_is_drawn_on_and_asked() {
    let place = place();
    let command = |arguments: &str| {
        format!(
            "{} --dir {} --database-url sqlite://{} {arguments}",
            env!("CARGO_BIN_EXE_limbeck"),
            place.path("migrations").display(),
            place.path("app.db").display()
        )
    };
    for (arguments, typed, expected) in [
        ("upgrade a1", "", "upgrade <base> -> \u{1b}[33ma1"),
        ("history -i", "", "\u{1b}[33ma1"),
        ("upgrade head", "", SHOWN),
        ("downgrade base", "n\n", "Undo this?"),
        ("upgrade head --sql", "", SHOWN),
    ] {
        let (text, _) = on_terminal(&command(arguments), &[], typed);
        assert!(is_harmless(&text), "{arguments}: {text:?}");
        assert!(text.contains(expected), "{arguments}: {text:?}");
        assert!(text.contains("\\u{202e}"), "{arguments}: {text:?}");
    }
}

#[test]
fn json_and_scripts_are_exact() {
    let place = place();
    let said = place.call(&["show", "a1", "--json"]);
    let shown = &said.json()["revisions"][0];
    assert_eq!(shown["message"], HOSTILE);
    assert!(
        shown["path"]
            .as_str()
            .is_some_and(|path| path.ends_with(&format!("a1_{HOSTILE}.sql")))
    );
    // As JSON has it: of the controls only the first 32 are escaped.
    assert!(
        said.stdout.contains("x\\u001b[5my\u{9b}5m"),
        "{:?}",
        said.stdout
    );
    let failed = place.call(&[&["upgrade", "heads", "--json"], DATABASE].concat());
    assert!(
        failed.stderr.contains("x\\u001b[5my\u{9b}5m"),
        "{:?}",
        failed.stderr
    );
    assert_eq!(failed.kind(), "statement_failed");

    let script = place.call(&["upgrade", "a1", "--sql", "--dialect", "sqlite"]);
    assert!(
        script.stdout.contains(&format!("WHERE '{HOSTILE}' = ''")),
        "{:?}",
        script.stdout
    );
}

on_each! {
    /// Another process has the lease, from a host and an application with such names, and runs a statement with a
    /// password: all can read who it is, what it does and to what.
    async fn the_holder_of_a_lease(db) {
        let place = Place::diamond();
        let url = ["--database-url", db.url.as_str()];
        assert_eq!(place.call(&[&["upgrade", "a1"][..], &url].concat()).code, 0);
        let literal = if db.dialect.is_mysql_family() { "ALTER USER x IDENTIFIED BY ''hunter2''" } else { "ALTER ROLE x PASSWORD ''hunter2''" };
        db.run(&format!(
            "UPDATE limbeck_history_lock SET holder = 'run', lease_ms = 3600000, since = '2026-01-01 00:00:00', \
             host = '{HOSTILE}', pid = 7, application = '{HOSTILE}'"
        )).await;
        db.run(&format!(
            "INSERT INTO limbeck_history (scope, revision, down_revision, depends_on, message, action, state, statements, \
             statements_done, statement_running, statement, rows_affected, started_at) SELECT scope, 'b1', 'a1', '', 'm', \
             'upgrade', 'running', 2, 1, 2, '{literal}', 0, '2026-01-01 00:00:00' FROM limbeck_history_lock"
        )).await;
        let masked = literal.replace("''hunter2''", "?");
        let said = place.call(&[&["status"][..], &url].concat());
        let line = said.stdout.lines().find(|line| line.starts_with("lock:"));
        let line = line.unwrap_or_else(|| panic!("{}{}", said.stdout, said.stderr));
        assert!(line.contains(&format!("held by {SHOWN} on host {SHOWN}, process 7")), "{line:?}");
        assert!(line.ends_with(&format!(", at revision b1, in: {masked}")), "{line:?}");
        let holder = &place.call(&[&["status", "--json"][..], &url].concat()).json()["holder"];
        assert_eq!(holder["application"], HOSTILE);
        assert_eq!(holder["statement"], masked);
        // Its owner is shown all of it.
        let status = limbeck::Migrator::new(&db.pool, crate::support::migrations(&[("a1", "", "", "-- @upgrade\n-- @downgrade\n")]))
            .status()
            .await
            .expect("a status");
        let unfinished = status.unfinished.as_ref().expect("a step").statement.clone();
        assert_eq!(unfinished, Some(literal.replace("''", "'")));
        assert!(!format!("{:?}", status.holder).contains("hunter2"));
        assert_eq!(status.holder.and_then(|holder| holder.statement), Some(masked));
    }
}
