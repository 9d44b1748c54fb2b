//! The binary on a terminal, and what it leaves out where there is none. `script` of util-linux makes the terminal.

use std::io::Write as _;
use std::process::{Command, Stdio};

use limbeck::{Migrations, Revision};

use crate::support::boots::Files;
use crate::support::{self, migrations};

const YELLOW: &str = "\u{1b}[33m";

/// What a command prints on a terminal, of standard output and standard error together, and its exit code.
pub(crate) fn on_terminal(
    command: &str,
    environment: &[(&str, &str)],
    typed: &str,
) -> (String, i32) {
    let mut script = Command::new("script");
    let mut child = script
        .args([
            "--quiet",
            "--return",
            "--flush",
            "--command",
            command,
            "/dev/null",
        ])
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .env("SHELL", "/bin/sh")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script of util-linux");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(typed.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("its end");
    drop(stdin);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, output.status.code().expect("an exit code"))
}

/// A folder of two revisions, the second with statements of their own and one that takes a while, and the command line
/// of the binary on it.
struct Place {
    files: Files,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let slow = "-- @upgrade autocommit\nCREATE TABLE n (x);\n\
                    INSERT INTO n WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000000) \
                    SELECT max(x) FROM c;\n-- @downgrade\nDROP TABLE n;\n";
        Place {
            files: Files::of(&migrations(&[
                (
                    "aa11",
                    "",
                    "",
                    "-- @upgrade\nCREATE TABLE t (x);\n-- @downgrade\nDROP TABLE t;\n",
                ),
                ("bb22", "aa11", "", slow),
            ])),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn command(&self, arguments: &str) -> String {
        format!(
            "{} --dir {} --database-url sqlite://{}/test.db {arguments}",
            env!("CARGO_BIN_EXE_limbeck"),
            self.files.path().display(),
            self.folder.path().display()
        )
    }

    /// Without a terminal.
    fn piped(&self, arguments: &str) -> (String, String, i32) {
        let output = Command::new("sh")
            .args(["-c", &self.command(arguments)])
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("an exit code");
        (text(&output.stdout), text(&output.stderr), code)
    }

    fn current(&self) -> String {
        self.piped("current").0
    }
}

#[test]
fn a_run_shows_where_it_is() {
    let place = Place::new();
    let (text, code) = on_terminal(&place.command("upgrade head"), &[], "");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("step 2 of 2: "), "{text:?}");
    assert!(
        text.contains("statement 2 of 2: INSERT INTO n WITH"),
        "{text:?}"
    );
    // The line is gone at the end, and what was done stands above it.
    let end = text
        .rsplit("\u{1b}[2K")
        .next()
        .expect("the line was cleared");
    assert!(
        end.contains("heads: bb22") && !end.contains("step 2 of 2"),
        "{text:?}"
    );
    assert!(
        text.contains(&format!("upgrade <base> -> {YELLOW}aa11")),
        "{text:?}"
    );
}

#[test]
fn a_run_that_is_piped_prints_plain_lines() {
    let place = Place::new();
    let (stdout, stderr, code) = place.piped("upgrade head");
    assert_eq!(
        (&*stdout, &*stderr, code),
        (
            "upgrade <base> -> aa11, Revision aa11\nupgrade aa11 -> bb22, Revision bb22\nheads: bb22\n",
            "",
            0
        )
    );
}

#[test]
fn a_downgrade_asks_on_a_terminal_alone() {
    let place = Place::new();
    assert_eq!(place.piped("upgrade head").2, 0);
    let (text, code) = on_terminal(&place.command("downgrade -1"), &[], "n\n");
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains("downgrade ") && text.contains("Undo this? [y/N]"),
        "{text:?}"
    );
    assert!(text.contains("nothing was changed"), "{text:?}");
    assert!(place.current().starts_with("bb22"));

    let (text, code) = on_terminal(&place.command("downgrade -1"), &[], "y\n");
    assert_eq!(code, 0, "{text}");
    assert!(place.current().starts_with("aa11"));

    let (text, code) = on_terminal(&place.command("downgrade base --yes"), &[], "");
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("[y/N]"), "{text:?}");
    assert_eq!(place.current(), "");

    // As Alembic: where nobody can answer, nobody is asked.
    assert_eq!(place.piped("upgrade head").2, 0);
    let (stdout, stderr, code) = place.piped("downgrade base");
    assert_eq!(code, 0, "{stderr}");
    assert!(
        !stdout.contains("[y/N]") && stderr.is_empty(),
        "{stdout}{stderr}"
    );
}

#[test]
fn colours_are_where_somebody_sees_them() {
    let place = Place::new();
    let history = place.command("history");
    let (text, _) = on_terminal(&history, &[], "");
    assert!(text.contains(YELLOW), "{text:?}");
    let (text, _) = on_terminal(&history, &[("NO_COLOR", "1")], "");
    assert!(
        text.contains("aa11") && !text.contains('\u{1b}'),
        "{text:?}"
    );
    let (text, _) = on_terminal(&place.command("history --color never"), &[], "");
    assert!(
        text.contains("aa11") && !text.contains('\u{1b}'),
        "{text:?}"
    );

    assert!(!place.piped("history").0.contains('\u{1b}'));
    assert!(place.piped("history --color always").0.contains(YELLOW));
    assert!(
        !place
            .piped("--json --color always history")
            .0
            .contains('\u{1b}')
    );
    // A script's bytes are the database's.
    let script = place.piped("upgrade head --sql --color never").0;
    assert!(script.contains("CREATE TABLE t"), "{script}");
}

/// A long message is cut where the screen ends; where nobody has a screen it is whole.
#[test]
fn pictures_are_as_wide_as_the_screen() {
    let long = "words ".repeat(40);
    let (long, ideographs) = (long.trim_end(), "\u{6f22}\u{5b57}".repeat(30));
    let revision = |id: &str, parent: &str, message: &str| {
        let text = support::file(id, parent, "", "-- @upgrade\nSELECT 1;\n");
        let text = text.replace(&format!("Revision {id}"), message);
        Revision::parse(format!("{id}.sql"), text).expect("a file")
    };
    let revisions = vec![
        revision("aa11", "", long),
        revision("bb22", "aa11", &ideographs),
    ];
    let place = Place {
        files: Files::of(&Migrations::new(revisions).expect("a graph")),
        folder: tempfile::tempdir().expect("a folder"),
    };
    for arguments in ["history", "graph"] {
        let command = format!("stty rows 24 cols 40; {}", place.command(arguments));
        let (text, _) = on_terminal(&command, &[("NO_COLOR", "1")], "");
        let rows: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert!(rows.iter().any(|row| row.ends_with('…')), "{text}");
        for row in rows {
            let cells: usize = row
                .chars()
                .map(|one| 1 + usize::from(one > '\u{3000}'))
                .sum();
            assert!(cells <= 40, "{row}");
        }
        let (whole, ..) = place.piped(arguments);
        assert!(whole.contains(long), "{whole}");
    }
}

/// Steps that are code are seen before a run.
#[test]
fn what_is_code_is_marked() {
    let place = Place {
        files: Files::of(&migrations(&[
            (
                "aa11",
                "",
                "",
                "-- @upgrade\nSELECT 1;\n-- @downgrade rust\n",
            ),
            (
                "bb22",
                "aa11",
                "",
                "-- @upgrade [sqlite] rust\n-- @upgrade\nSELECT 1;\n",
            ),
        ])),
        folder: tempfile::tempdir().expect("a folder"),
    };
    let (shown, ..) = place.piped("show aa11");
    assert!(
        shown.contains("Code:       @downgrade is code\n"),
        "{shown}"
    );
    let (shown, ..) = place.piped("show bb22");
    let code = "Code:       @upgrade is code on sqlite\n";
    assert!(shown.contains(code), "{shown}");
    for (plan, line) in [
        (
            "plan --from=",
            "upgrade aa11 -> bb22, Revision bb22 (code on sqlite)\n",
        ),
        (
            "plan --downgrade --from=bb22 --to=base",
            "downgrade aa11 -> <base>, Revision aa11 (code)\n",
        ),
    ] {
        let (planned, ..) = place.piped(plan);
        assert!(planned.contains(line), "{planned}");
        assert_eq!(planned.matches("(code").count(), 1, "{planned}");
    }
    let (planned, ..) = place.piped("--json plan --from=");
    assert_eq!(
        planned.matches("\"code\": \"code on sqlite\"").count(),
        1,
        "{planned}"
    );
    let (status, ..) = place.piped("status");
    assert!(status.contains("code:       bb22 (pending"), "{status}");
}

/// Of many pending revisions their number is told, and the first.
#[test]
fn many_pending_revisions_are_counted() {
    let ids: Vec<String> = (0..124).map(|at| format!("r{at:03}")).collect();
    let revisions: Vec<(&str, &str, &str, &str)> = (0..ids.len())
        .map(|at| {
            let parent = at.checked_sub(1).map_or("", |parent| &*ids[parent]);
            (&*ids[at], parent, "", "-- @upgrade\nSELECT 1;\n")
        })
        .collect();
    let place = Place {
        files: Files::of(&migrations(&revisions)),
        folder: tempfile::tempdir().expect("a folder"),
    };
    let (status, ..) = place.piped("status");
    let line = "pending:    124: r000, r001, r002, r003, r004, r005, r006, r007 and 116 more\n";
    assert!(status.contains(line), "{status}");
}

#[test]
fn an_error_is_one_line_and_its_causes() {
    let place = Place::new();
    let (text, code) = on_terminal(&place.command("upgrade nowhere"), &[], "");
    assert_eq!(code, 1);
    assert!(text.contains("error:"), "{text:?}");
    assert!(!text.contains("panicked"), "{text:?}");
}
