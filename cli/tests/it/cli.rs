//! The binary, as its users call it.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use limbeck::Dialect;
use limbeck::revision::{NewRevision, NewSection, SectionKind};
use serde_json::{Value, json};
use sqlx::Connection as _;

use crate::support::{file, servers};

const PASSWORD: &str = "hunter2-Kw9";

/// What a call of the binary gave.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.document()
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// The last line of standard error: nothing was answered.
    fn error(&self) -> Value {
        assert_eq!(self.stdout, "", "{}", self.stderr);
        let line = self.stderr.lines().last().expect("an error");
        let mut error: Value = serde_json::from_str(line).expect("a line of JSON");
        let keys: Vec<&String> = error.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["error"]);
        error["error"].take()
    }

    pub(crate) fn kind(&self) -> String {
        let error = self.error();
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        error["kind"].as_str().expect("a kind").to_owned()
    }
}

/// A folder with `migrations/` in it, to call the binary from.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// Of such files: id, parents, further header lines, sections.
    pub(crate) fn new(files: &[(&str, &str, &str, &str)]) -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        std::fs::create_dir(place.path("migrations")).expect("a folder");
        for (id, down, header, sections) in files {
            place.write(
                &format!("migrations/{id}.sql"),
                &file(id, down, header, sections),
            );
        }
        place
    }

    /// ```text
    /// a1 ─┬─ b1 (billing) ─┬─ d1 ─ e1
    ///     └─ c1 (web) ─────┘
    /// ```
    pub(crate) fn diamond() -> Place {
        let sections = |table: &str| {
            format!(
                "-- @upgrade\nCREATE TABLE {table} (id INTEGER);\n-- @downgrade\nDROP TABLE {table};\n"
            )
        };
        let tables = ["ta", "tb", "tc", "te"].map(sections);
        Place::new(&[
            (
                "a1",
                "",
                "-- create_date: 2026-11-22T12:00:00Z\n",
                &tables[0],
            ),
            ("b1", "a1", "-- branch_labels: billing\n", &tables[1]),
            ("c1", "a1", "-- branch_labels: web\n", &tables[2]),
            ("d1", "b1, c1", "", "-- @upgrade\n-- @downgrade\n"),
            ("e1", "d1", "", &tables[3]),
        ])
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Said {
        self.call_with(arguments, &[])
    }

    pub(crate) fn call_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_limbeck"))
            .args(arguments)
            .env_remove("DATABASE_URL")
            .envs(environment.iter().copied())
            .current_dir(self.0.path())
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        Said {
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// On this folder's SQLite database, with `--json`.
    fn on_db(&self, arguments: &[&str]) -> Said {
        self.call(&[arguments, &["--json", "--database-url", "sqlite:app.db"]].concat())
    }

    fn current(&self) -> Vec<String> {
        ids(&self.on_db(&["current"]).json()["revisions"])
    }

    /// What a query for one column gives.
    async fn column(&self, query: &'static str) -> Vec<String> {
        let mut connection = self.connection().await;
        sqlx::query_scalar(query)
            .fetch_all(&mut connection)
            .await
            .expect("a query")
    }

    async fn connection(&self) -> sqlx::SqliteConnection {
        let url = format!("sqlite:{}", self.path("app.db").display());
        sqlx::SqliteConnection::connect(&url).await.expect("SQLite")
    }

    /// Runs a script as the `sqlite3` client does, without its commands.
    async fn run_script(&self, script: &str) {
        let sql: String = script
            .lines()
            .filter(|line| !line.starts_with(".bail"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let mut connection = self.connection().await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut connection)
            .await
            .expect("the script runs");
    }
}

pub(crate) fn ids(revisions: &Value) -> Vec<String> {
    let revisions = revisions.as_array().expect("a list of revisions");
    revisions
        .iter()
        .map(|revision| revision["revision"].as_str().expect("an id").to_owned())
        .collect()
}

/// `action revision -> heads` of each step.
fn steps(document: &Value) -> Vec<String> {
    let steps = document["steps"].as_array().expect("a list of steps");
    steps
        .iter()
        .map(|step| {
            let text = |key: &str| step[key].as_str().expect("text").to_owned();
            let heads: Vec<&str> = step["heads"]
                .as_array()
                .expect("a list of heads")
                .iter()
                .map(|head| head.as_str().expect("an id"))
                .collect();
            format!(
                "{} {} -> {}",
                text("action"),
                text("revision"),
                heads.join(",")
            )
        })
        .collect()
}

#[test]
fn help_is_an_answer_and_wrong_usage_is_not() {
    let place = Place::diamond();
    let help = place.call(&["--help"]);
    assert_eq!((help.code, &*help.stderr), (0, ""));
    assert!(help.stdout.contains("--database-url") && help.stdout.contains("TLS"));
    assert!(place.call(&["--version"]).stdout.starts_with("limbeck "));

    for arguments in [
        &["upgrade"][..],
        &["downgrade"],
        &["show"],
        &["stamp"],
        &["conjure"],
        &["upgrade", "head", "--bogus"],
        &["upgrade", "head", "--sql", "--dry-run"],
        &["plan", "--downgrade"],
        &["plan", "--downgrade", "--from=e1", "--to=a1", "--to=b1"],
        &["upgrade", "b1", "c1", "--sql", "--dialect=sqlite"],
        &["upgrade", "b1", "--dialect=sqlite"],
        &["upgrade", "b1", "--sql", "--dialect=oracle"],
        &["resolve", "a1"],
        &["resolve", "a1", "--applied", "--accept"],
        &[],
    ] {
        let said = place.call(arguments);
        assert_eq!((said.code, &*said.stdout), (2, ""), "{arguments:?}");
        assert!(!said.stderr.is_empty(), "{arguments:?}");
        let said = place.call(&[arguments, &["--json"]].concat());
        assert_eq!((said.code, &*said.kind()), (2, "usage"), "{arguments:?}");
    }
}

#[test]
fn a_plan_needs_no_database() {
    let place = Place::diamond();
    let plan = place
        .call(&["plan", "--from=", "--to=heads", "--json"])
        .json();
    let step = |revision: &str, removes: &[&str], heads: &[&str]| {
        json!({
            "action": "upgrade", "revision": revision, "removes": removes, "adds": [revision], "heads": heads,
            "message": format!("Revision {revision}"),
        })
    };
    assert_eq!(
        plan,
        json!({
            "action": "upgrade",
            "from": [],
            "steps": [
                step("a1", &[], &["a1"]),
                step("b1", &["a1"], &["b1"]),
                step("c1", &[], &["b1", "c1"]),
                step("d1", &["b1", "c1"], &["d1"]),
                step("e1", &["d1"], &["e1"]),
            ],
            "heads": ["e1"],
        })
    );

    let table: &[(&[&str], &[&str])] = &[
        (&["--from=b1,c1", "--to=+1", "--to=d1"], &[]),
        (&["--from=b1, c1", "--to=d1"], &["upgrade d1 -> d1"]),
        (
            &["--from", "", "--to", "billing", "--to", "web"],
            &[
                "upgrade a1 -> a1",
                "upgrade b1 -> b1",
                "upgrade c1 -> b1,c1",
            ],
        ),
        (
            &["--from=e1", "--to=-1", "--downgrade"],
            &["downgrade e1 -> d1"],
        ),
        (
            &["--from", "e1", "--to", "-1", "--downgrade"],
            &["downgrade e1 -> d1"],
        ),
        (
            &["--from=d1", "--to=b1", "--downgrade"],
            &["downgrade d1 -> b1,c1"],
        ),
        (
            &["--from=b1,c1", "--to=web@base", "--downgrade"],
            &[
                "downgrade c1 -> b1",
                "downgrade b1 -> a1",
                "downgrade a1 -> ",
            ],
        ),
        (&["--from=e1"], &[]),
    ];
    for (arguments, expected) in table {
        let said = place.call(&[&["plan", "--json"], *arguments].concat());
        if arguments.contains(&"--to=+1") {
            assert_eq!((said.code, &*said.kind()), (1, "ambiguous_walk"));
            continue;
        }
        let plan = said.json();
        assert_eq!(steps(&plan), *expected, "{arguments:?}");
    }
}

#[test]
fn errors_have_their_kinds_and_exit_with_1() {
    let place = Place::diamond();
    place.write(
        "migrations/b2.sql",
        &file("b2aa", "a1", "", "-- @upgrade\n-- @downgrade\n"),
    );
    place.write(
        "migrations/b3.sql",
        &file("b2bb", "a1", "", "-- @upgrade\n-- @downgrade\n"),
    );
    let plan = |to: &'static str| vec!["plan", "--from=", "--to", to];
    let down = |from: &'static str, to: &'static str| vec!["plan", "--downgrade", from, "--to", to];
    let table = [
        (plan("head"), "multiple_heads"),
        (plan("b2"), "ambiguous_revision"),
        (plan("nosuch"), "unknown_revision"),
        (plan("web@b1"), "unknown_revision"),
        (
            vec!["plan", "--from=nosuch", "--to=heads"],
            "unknown_revision",
        ),
        (
            vec!["plan", "--from=a1,b", "--to=heads"],
            "unknown_revision",
        ),
        (down("--from=", "b1"), "invalid_target"),
        (down("--from=d1", "-1"), "ambiguous_walk"),
        (down("--from=a1", "-2"), "relative_out_of_range"),
        (
            vec!["plan", "--from=", "--to=a1", "--to=b1"],
            "overlapping_targets",
        ),
        (plan("a@b@c"), "malformed_target"),
        (plan("a1:b1"), "malformed_target"),
        (plan(""), "malformed_target"),
        (vec!["history", "-r", "b1:c1"], "not_ancestor"),
        (vec!["history", "-r", "b1"], "malformed_target"),
        (vec!["history", "--rev-range=a1:b2"], "ambiguous_revision"),
        (vec!["show", "head"], "multiple_heads"),
        (vec!["show", "nosuch"], "unknown_revision"),
        (
            vec!["downgrade", "base", "--sql", "--dialect=sqlite"],
            "malformed_target",
        ),
        (
            vec!["stamp", "current:heads", "--sql", "--dialect=sqlite"],
            "malformed_target",
        ),
        (vec!["upgrade", "heads", "--sql"], "no_dialect"),
        (vec!["upgrade", "heads"], "no_database_url"),
        (vec!["plan"], "no_database_url"),
        (vec!["current"], "no_database_url"),
        (vec!["status"], "no_database_url"),
        (vec!["show", "current"], "no_database_url"),
        (vec!["history", "-i"], "no_database_url"),
        (vec!["history", "-r", ":current"], "no_database_url"),
        (
            vec!["status", "--database-url=app.db"],
            "invalid_database_url",
        ),
        (
            vec!["status", "--database-url=oracle://h/x"],
            "invalid_database_url",
        ),
        (
            vec!["status", "--database-url=postgres://h:port/x"],
            "invalid_database_url",
        ),
        (
            vec!["status", "--database-url=postgres://u@127.0.0.1:1/x"],
            "connection",
        ),
        (
            vec!["status", "--database-url=sqlite:none.db?mode=ro"],
            "rejected",
        ),
        (vec!["heads", "--dir=nowhere"], "io"),
    ];
    for (arguments, kind) in table {
        let said = place.call(&[&arguments[..], &["--json"]].concat());
        assert_eq!((said.code, &*said.kind()), (1, kind), "{arguments:?}");
        let said = place.call(&arguments);
        assert_eq!((said.code, &*said.stdout), (1, ""), "{arguments:?}");
        assert!(said.stderr.starts_with("error: "), "{}", said.stderr);
    }
    let said = place.call(&["status", "--database-url=postgres://u@127.0.0.1:1/x"]);
    assert!(said.stderr.contains("\n  caused by: "), "{}", said.stderr);
}

#[test]
fn bad_files_are_told_by_name_and_line() {
    let place = Place::diamond();
    place.write(
        "migrations/x1.sql",
        "-- Broken\n--\n-- revision: x1\n\n-- @upgrade\n",
    );
    let said = place.call(&["heads", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "invalid_file"));
    assert!(said.stderr.contains("x1.sql:"), "{}", said.stderr);

    place.write(
        "migrations/x1.sql",
        &file("x1", "nosuch", "", "-- @upgrade\n"),
    );
    let said = place.call(&["plan", "--from=", "--to=heads", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "invalid_graph"));
    assert!(said.stderr.contains("x1.sql:4"), "{}", said.stderr);
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    let said = place.call(&["heads"]);
    let shown = " --> migrations/x1.sql:4:19\n  |\n4 | -- down_revision: nosuch\n  |                   ^^^^^^\n";
    assert!(said.stderr.ends_with(shown), "{}", said.stderr);
}

/// With the feature `serde` a tool reads what `--json` printed as the library's own types.
#[test]
fn documents_are_read_as_the_librarys_types() {
    fn read<T: serde::de::DeserializeOwned>(document: Value) -> T {
        let text = document.to_string();
        serde_json::from_value(document).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
    let place = Place::diamond();
    let planned: limbeck::Plan = read(place.on_db(&["plan"]).json());
    let steps: Vec<&str> = planned.steps().iter().map(|step| &*step.revision).collect();
    assert_eq!(steps, ["a1", "b1", "c1", "d1", "e1"]);
    let report: limbeck::Report = read(place.on_db(&["upgrade", "d1"]).json());
    let steps: Vec<_> = report.steps.iter().map(|report| &report.step).collect();
    assert_eq!(steps, planned.steps()[..4].iter().collect::<Vec<_>>());
    assert_eq!(
        (&report.outcome, &*report.current),
        (&limbeck::Outcome::Migrated, &["d1".into()][..])
    );
    assert!(report.duration >= report.steps[0].duration && !report.duration.is_zero());
    let again = serde_json::to_value(&report).expect("JSON");
    assert_eq!(read::<limbeck::Report>(again), report);
    let report: limbeck::Report = read(place.on_db(&["upgrade", "d1"]).json());
    assert_eq!(report.outcome, limbeck::Outcome::AlreadyThere);
    let status: limbeck::Status = read(place.on_db(&["status"]).json());
    assert_eq!(
        (&*status.current, &*status.pending),
        (&["d1".into()][..], &["e1".into()][..])
    );
    assert_eq!(status.refusal.expect("a reason").kind, "behind");
    let history: Vec<limbeck::status::RevisionInfo> =
        read(place.on_db(&["history"]).json()["revisions"].take());
    assert_eq!(history[0].revision, "e1");
}

#[test]
fn lists_have_one_shape_and_need_no_database() {
    let place = Place::diamond();
    let shape = json!({
        "revision": "a1", "down_revision": [], "branch_labels": [], "depends_on": [],
        "message": "Revision a1", "create_date": "2026-11-22T12:00:00Z", "head": false,
        "current": null, "applied": null, "path": "migrations/a1.sql", "unknown": false,
    });
    assert_eq!(
        place.call(&["show", "a1", "--json"]).json(),
        json!({ "revisions": [shape] })
    );

    let table: &[(&[&str], &[&str])] = &[
        (&["heads"], &["e1"]),
        (&["heads", "-v"], &["e1"]),
        (&["branches", "-v"], &["a1"]),
        (&["history"], &["e1", "d1", "c1", "b1", "a1"]),
        (&["history", "-v", "-r", "b1:"], &["e1", "d1", "b1"]),
        (&["history", "-r", "-1:"], &["e1", "d1"]),
        (&["history", "-r:web"], &["c1", "a1"]),
        (&["show", "heads"], &["e1"]),
        (&["show", "web"], &["c1"]),
        (&["show", "-1"], &["d1"]),
        (&["show", "base"], &[]),
    ];
    for (arguments, expected) in table {
        let document = place.call(&[*arguments, &["--json"]].concat()).json();
        assert_eq!(ids(&document["revisions"]), *expected, "{arguments:?}");
        let text = place.call(arguments);
        assert_eq!(text.code, 0);
        for id in *expected {
            assert!(text.stdout.contains(id), "{arguments:?}: {}", text.stdout);
        }
    }
    // A part of an id will do, of ids that are longer than three characters.
    place.write(
        "migrations/f.sql",
        &file("f3a9c1", "e1", "", "-- @upgrade\n"),
    );
    let shown = place.call(&["show", "f3a", "--json"]).json();
    assert_eq!(ids(&shown["revisions"]), ["f3a9c1"]);
    let merge = place.call(&["show", "d1", "--json"]).json();
    assert_eq!(merge["revisions"][0]["down_revision"], json!(["b1", "c1"]));
    let labelled = place.call(&["show", "web", "--json"]).json();
    assert_eq!(labelled["revisions"][0]["branch_labels"], json!(["web"]));

    assert_eq!(
        place.call(&["history"]).stdout,
        "e1 -> f3a9c1 (billing, web) (head), Revision f3a9c1\n\
         d1 -> e1 (billing, web), Revision e1\n\
         b1, c1 -> d1 (billing, web) (merge), Revision d1\n\
         a1 -> c1 (web), Revision c1\n\
         a1 -> b1 (billing), Revision b1\n\
         <base> -> a1 (branch point), Revision a1\n"
    );
}

#[test]
fn dependencies_make_heads_that_have_no_row() {
    let place = Place::new(&[
        ("a1", "", "", "-- @upgrade\n"),
        ("b1", "", "-- depends_on: a1\n", "-- @upgrade\n"),
    ]);
    let heads = |arguments: &[&str]| {
        let document = place.call(&[arguments, &["--json"]].concat()).json();
        ids(&document["revisions"])
    };
    assert_eq!(heads(&["heads"]), ["a1", "b1"]);
    assert_eq!(heads(&["heads", "--resolve-dependencies"]), ["b1"]);
    let shown = place.call(&["show", "b1", "--json"]).json();
    assert_eq!(shown["revisions"][0]["depends_on"], json!(["a1"]));
}

#[test]
fn who_looks_creates_nothing_and_who_writes_creates_the_file() {
    let place = Place::diamond();
    let status = place.on_db(&["status"]).json();
    assert_eq!(status["ready"], json!(false));
    assert_eq!(status["pending"], json!(["a1", "b1", "c1", "d1", "e1"]));
    for arguments in [
        &["current"][..],
        &["history", "-i"],
        &["plan"],
        &["upgrade", "heads", "--dry-run"],
    ] {
        place.on_db(arguments).json();
        assert!(!place.path("app.db").exists(), "{arguments:?}");
    }
    place.on_db(&["upgrade", "heads"]).json();
    assert!(place.path("app.db").exists());
    let status = place.on_db(&["status"]).json();
    let expected = json!({
        "ready": true, "heads": ["e1"], "current": ["e1"], "pending": [], "unknown": [], "drift": [],
        "unverified": [], "unfinished": null, "holder": null,
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn up_and_down_on_sqlite() {
    let place = Place::diamond();
    let run = |arguments: &[&str]| place.on_db(arguments).json();

    assert_eq!(steps(&run(&["upgrade", "+1"])), ["upgrade a1 -> a1"]);
    let both = run(&["upgrade", "billing", "web"]);
    assert_eq!(steps(&both), ["upgrade b1 -> b1", "upgrade c1 -> b1,c1"]);
    assert_eq!(both["heads"], json!(["b1", "c1"]));
    assert_eq!(both["outcome"], json!("migrated"));
    assert_eq!(place.current(), ["b1", "c1"]);

    let shown = run(&["upgrade", "heads", "--dry-run"]);
    assert_eq!(steps(&shown), ["upgrade d1 -> d1", "upgrade e1 -> e1"]);
    assert_eq!(steps(&run(&["plan"])), steps(&shown));
    assert_eq!(place.current(), ["b1", "c1"]);

    assert_eq!(steps(&run(&["upgrade", "heads"])), steps(&shown));
    let mut again = run(&["upgrade", "heads"]);
    assert!(again["duration"].take().is_number());
    assert_eq!(
        again,
        json!({ "steps": [], "heads": ["e1"], "outcome": "already_there", "duration": null })
    );

    assert_eq!(steps(&run(&["downgrade", "-1"])), ["downgrade e1 -> d1"]);
    let shown = run(&["downgrade", "web@a1", "--dry-run"]);
    assert_eq!(
        steps(&shown),
        ["downgrade d1 -> b1,c1", "downgrade c1 -> b1"]
    );
    assert_eq!(
        steps(&run(&["plan", "--downgrade", "--to=web@a1"])),
        steps(&shown)
    );
    assert_eq!(
        steps(&run(&["downgrade", "web@a1", "--yes"])),
        steps(&shown)
    );
    let tables = "SELECT name FROM sqlite_schema WHERE name LIKE 't_' ORDER BY name";
    assert_eq!(place.column(tables).await, ["ta", "tb"]);

    let history = run(&["history", "-r", "current:"]);
    assert_eq!(ids(&history["revisions"]), ["e1", "d1", "b1"]);
    let history = run(&["history"]);
    let marks: Vec<_> = history["revisions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|revision| (revision["current"].clone(), revision["applied"].clone()))
        .collect();
    let mark = |current: bool, applied: bool| (json!(current), json!(applied));
    let none = mark(false, false);
    assert_eq!(
        marks,
        [
            none.clone(),
            none.clone(),
            none,
            mark(true, true),
            mark(false, true)
        ]
    );
    assert_eq!(ids(&run(&["show", "current"])["revisions"]), ["b1"]);

    let kind = |arguments: &[&str]| {
        let said = place.on_db(arguments);
        assert_eq!(said.code, 1, "{arguments:?}");
        said.kind()
    };
    assert_eq!(kind(&["downgrade", "-5"]), "relative_out_of_range");
    assert_eq!(kind(&["upgrade", "-1"]), "relative_out_of_range");
    assert_eq!(kind(&["upgrade", "a1:b1"]), "malformed_target");
    assert_eq!(kind(&["downgrade", "e1"]), "invalid_target");

    assert_eq!(
        steps(&run(&["downgrade", "base"])),
        ["downgrade b1 -> a1", "downgrade a1 -> "]
    );
    assert!(place.column(tables).await.is_empty() && place.current().is_empty());
}

#[test]
fn text_for_people() {
    let place = Place::diamond();
    let said = place.call(&["upgrade", "billing", "--database-url=sqlite:app.db"]);
    assert_eq!(
        (said.code, &*said.stdout),
        (
            0,
            "upgrade <base> -> a1, Revision a1\nupgrade a1 -> b1, Revision b1\nheads: b1\n"
        )
    );
    let said = place.call(&["downgrade", "a1", "--database-url=sqlite:app.db"]);
    assert_eq!(said.stdout, "downgrade b1 -> a1, Revision b1\nheads: a1\n");
    let said = place.call(&["downgrade", "a1", "--database-url=sqlite:app.db"]);
    assert_eq!(said.stdout, "nothing to do\nheads: a1\n");
    let said = place.call(&["current", "--database-url=sqlite:app.db"]);
    assert_eq!(said.stdout, "a1 (current) (branch point), Revision a1\n");
    let said = place.call(&["status", "--database-url=sqlite:app.db"]);
    assert_eq!(
        said.stdout,
        "ready:      no\ncurrent:    a1\nheads:      e1\npending:    b1, c1, d1, e1\n"
    );
}

#[test]
fn check_heads_exits_with_3() {
    let place = Place::diamond();
    place.on_db(&["upgrade", "web"]).json();
    let said = place.on_db(&["current", "--check-heads"]);
    assert_eq!(said.code, 3);
    let document = said.document();
    assert_eq!(ids(&document["revisions"]), ["c1"]);
    assert_eq!(document["at_heads"], json!(false));
    assert!(said.stderr.contains("b1, d1, e1"), "{}", said.stderr);
    place.on_db(&["upgrade", "heads"]).json();
    let document = place.on_db(&["current", "-v", "--check-heads"]).json();
    assert_eq!(document["at_heads"], json!(true));
}

#[tokio::test]
async fn stamps_run_nothing() {
    let place = Place::diamond();
    let stamp = |arguments: &[&str]| place.on_db(&[&["stamp"], arguments].concat()).json();
    let stamped = stamp(&["billing", "web"]);
    assert_eq!(steps(&stamped), ["stamp b1 -> b1", "stamp c1 -> b1,c1"]);
    assert_eq!(place.current(), ["b1", "c1"]);
    let tables = "SELECT name FROM sqlite_schema WHERE name LIKE 't_'";
    assert!(place.column(tables).await.is_empty());

    let url = format!("--database-url=sqlite:{}", place.path("app.db").display());
    let said = place.call(&["stamp", "base", &url]);
    let removed = "stamp removes b1, Revision b1\nstamp removes c1, Revision c1\nheads: none\n";
    assert_eq!(format!("{}{}", said.stderr, said.stdout), removed);
    stamp(&["billing", "web"]);

    // A row that no file knows: only `--purge` gets past it.
    place
        .run_script("INSERT INTO limbeck_version VALUES ('zz')")
        .await;
    let said = place.on_db(&["stamp", "heads"]);
    assert_eq!((said.code, &*said.kind()), (1, "not_embedded"));
    let document = place.on_db(&["current"]).json();
    assert_eq!(ids(&document["revisions"]), ["b1", "c1", "zz"]);
    assert_eq!(document["revisions"][2]["unknown"], json!(true));
    assert_eq!(document["revisions"][2]["current"], json!(true));
    assert_eq!(stamp(&["heads", "--purge"])["heads"], json!(["e1"]));
    assert_eq!(place.current(), ["e1"]);
    let base = ["stamp", "base", "--database-url", "sqlite:app.db"];
    assert_eq!(
        place.call(&base).stdout,
        "stamp removes e1, Revision e1\nheads: none\n"
    );
    assert!(place.current().is_empty());
    assert_eq!(stamp(&["base"])["heads"], json!([]));
}

#[tokio::test]
async fn scripts_lead_where_runs_lead() {
    let place = Place::diamond();
    let script = |arguments: &[&str]| {
        let arguments = [arguments, &["--sql", "--dialect=sqlite", "--json"]].concat();
        let document = place.call(&arguments).json();
        document["sql"].as_str().expect("SQL").to_owned()
    };
    place.on_db(&["ensure_version"]).json();
    place.run_script(&script(&["upgrade", "web"])).await;
    assert_eq!(place.current(), ["c1"]);
    place.run_script(&script(&["upgrade", "web:heads"])).await;
    assert_eq!(place.on_db(&["status"]).json()["ready"], json!(true));
    place.run_script(&script(&["downgrade", "e1:d1"])).await;
    assert_eq!(place.current(), ["d1"]);
    assert_eq!(
        place
            .column("SELECT name FROM sqlite_schema WHERE name LIKE 't_' ORDER BY name")
            .await,
        ["ta", "tb", "tc"]
    );
    place.run_script(&script(&["stamp", "d1:e1"])).await;
    let status = place.on_db(&["status"]).json();
    assert_eq!(
        (&status["ready"], &status["unverified"]),
        (&json!(true), &json!([]))
    );
    place
        .run_script(&script(&["stamp", "billing", "web", "--purge"]))
        .await;
    assert_eq!(place.current(), ["b1", "c1"]);

    // Printed as it is without `--json`, for the dialect that the URL names, though nobody answers there.
    let said = place.call(&["upgrade", "heads", "--sql", "--database-url=mariadb://h/x"]);
    assert!(
        said.code == 0 && said.stdout.contains("ENGINE=InnoDB"),
        "{}",
        said.stderr
    );
}

#[test]
fn edits_are_refused_until_accepted() {
    let place = Place::diamond();
    place.on_db(&["upgrade", "heads"]).json();
    let edited = file(
        "e1",
        "d1",
        "",
        "-- @upgrade\nCREATE TABLE te (id BIGINT);\n",
    );
    place.write("migrations/e1.sql", &edited);
    let said = place.on_db(&["upgrade", "heads"]);
    assert_eq!((said.code, &*said.kind()), (1, "drift"));
    let status = place.on_db(&["status"]).json();
    assert_eq!(status["ready"], json!(false));
    assert_eq!(status["drift"][0]["revision"], json!("e1"));
    let said = place.on_db(&["resolve", "a1", "--accept"]);
    assert_eq!((said.code, &*said.kind()), (1, "nothing_to_resolve"));
    let settled = place.on_db(&["resolve", "e1", "--accept"]).json();
    assert_eq!(
        settled,
        json!({ "revision": "e1", "resolution": "accepted" })
    );
    assert_eq!(place.on_db(&["status"]).json()["ready"], json!(true));
    let said = place.on_db(&["downgrade", "-1"]);
    assert_eq!((said.code, &*said.kind()), (1, "irreversible"));
}

#[test]
fn a_failing_statement_is_told_with_its_place() {
    let place = Place::diamond();
    let failing = "-- @upgrade\nCREATE TABLE tf (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n";
    place.write("migrations/f1.sql", &file("f1", "e1", "", failing));
    let said = place.on_db(&["upgrade", "heads"]);
    assert_eq!((said.code, &*said.kind()), (1, "statement_failed"));
    let said = place.call(&["upgrade", "heads", "--database-url=sqlite:app.db"]);
    assert_eq!(said.code, 1);
    let first = said.stderr.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("error: migrations/f1.sql:8:"),
        "{}",
        said.stderr
    );
    assert!(first.contains("no such table: nowhere"), "{}", said.stderr);
    assert_eq!(place.current(), ["e1"]);
}

#[test]
fn the_url_comes_from_option_environment_or_file() {
    let place = Place::diamond();
    place.on_db(&["upgrade", "web"]).json();
    let current = |said: Said| ids(&said.json()["revisions"]);
    let url = [("DATABASE_URL", "sqlite:app.db")];
    assert_eq!(
        current(place.call_with(&["current", "--json"], &url)),
        ["c1"]
    );
    // The option before its command, and stronger than the environment.
    let said = place.call_with(
        &["--database-url=sqlite:other.db", "--json", "current"],
        &url,
    );
    assert!(current(said).is_empty());

    place.write(".env", "OTHER=1\nDATABASE_URL=\"sqlite:app.db\"\n");
    assert_eq!(current(place.call(&["current", "--json"])), ["c1"]);
    let said = place.call_with(&["current", "--json"], &[("DATABASE_URL", "sqlite:no.db")]);
    assert!(current(said).is_empty());
    // What is marked where a database answers is null where none does.
    let heads = |url: &str| {
        let said = place.call_with(&["heads", "--json"], &[("DATABASE_URL", url)]);
        said.json()["revisions"][0]["current"].clone()
    };
    assert_eq!(heads("sqlite:app.db"), json!(false));
    assert_eq!(heads("postgres://u@127.0.0.1:1/x"), Value::Null);

    place.write(
        ".env",
        &format!("DATABASE_URL=\"postgres://u:{PASSWORD}@h/x\n"),
    );
    let said = place.call(&["current", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "no_database_url"));
    assert!(!said.stderr.contains(PASSWORD), "{}", said.stderr);
}

#[test]
fn version_tables_of_their_own() {
    let place = Place::diamond();
    let name = "--version-table=billing_version";
    place.on_db(&["upgrade", "web", name]).json();
    assert!(place.current().is_empty());
    let document = place.on_db(&["current", name]).json();
    assert_eq!(ids(&document["revisions"]), ["c1"]);
}

#[test]
fn a_password_is_never_printed() {
    let place = Place::diamond();
    let urls = [
        format!("postgres://app:{PASSWORD}@127.0.0.1:1/x"),
        format!("mysql://app:{PASSWORD}@127.0.0.1:1/x"),
        format!("postgres://app:{PASSWORD}@127.0.0.1:99999/x"),
        format!("postgres://127.0.0.1:1/x?user=app&password={PASSWORD}"),
        format!("postgres://app:{PASSWORD}@[::1/x"),
        format!("sqlite://app:{PASSWORD}@h/x?mode={PASSWORD}"),
        format!("ftp://app:{PASSWORD}@h/x"),
        format!("app:{PASSWORD}@h"),
    ];
    for url in &urls {
        for arguments in [
            vec!["status"],
            vec!["upgrade", "heads"],
            vec!["heads"],
            vec!["history", "-v"],
            vec!["upgrade", "heads", "--sql"],
            vec!["upgrade"],
            vec!["--help"],
            vec!["status", &format!("--bogus={url}"), url],
            vec!["current", "--check-heads"],
        ] {
            for json in [&[][..], &["--json"]] {
                let arguments = [&arguments[..], json].concat();
                let by_option = [&arguments[..], &["--database-url", url]].concat();
                for said in [
                    place.call(&by_option),
                    place.call_with(&arguments, &[("DATABASE_URL", url)]),
                ] {
                    let all = said.stdout + &said.stderr;
                    assert!(!all.contains(PASSWORD), "{arguments:?} {url}: {all}");
                }
            }
        }
    }
}

/// One life on a server: up, seen, down, a wrong password.
fn on_server(url: &str) {
    let place = Place::diamond();
    let run =
        |arguments: &[&str]| place.call(&[arguments, &["--json", "--database-url", url]].concat());
    assert_eq!(run(&["status"]).json()["ready"], json!(false));
    let report = run(&["upgrade", "heads"]).json();
    let expected = [
        "upgrade a1 -> a1",
        "upgrade b1 -> b1",
        "upgrade c1 -> b1,c1",
        "upgrade d1 -> d1",
        "upgrade e1 -> e1",
    ];
    assert_eq!(steps(&report), expected);
    assert_eq!(run(&["status"]).json()["ready"], json!(true));
    assert_eq!(run(&["current", "--check-heads"]).code, 0);
    let picture = place.call(&["graph", "-i", "--database-url", url]).stdout;
    let rows = [
        "@  e1 (head) (current), Revision e1\n",
        "●  a1, Revision a1\n",
    ];
    assert!(rows.iter().all(|row| picture.contains(row)), "{picture}");
    assert_eq!(
        steps(&run(&["downgrade", "b1"]).json()),
        ["downgrade e1 -> d1", "downgrade d1 -> b1,c1"]
    );
    assert_eq!(run(&["stamp", "heads"]).json()["heads"], json!(["e1"]));
    assert_eq!(run(&["stamp", "d1"]).json()["heads"], json!(["d1"]));
    assert_eq!(steps(&run(&["downgrade", "base"]).json()).len(), 4);
    let ensured = run(&["ensure_version", "--version-table=other"]).json();
    assert_eq!(ensured, json!({ "heads": [] }));

    let (scheme, rest) = url.split_once("://").expect("a URL");
    let (_, host) = rest.split_once('@').expect("a URL with a user");
    let wrong = format!("{scheme}://nobody:{PASSWORD}@{host}");
    let said = place.call(&["status", "--json", "--database-url", &wrong]);
    assert_eq!(
        (said.code, &*said.kind()),
        (1, "rejected"),
        "{}",
        said.stderr
    );
    assert!(!said.stderr.contains(PASSWORD), "{}", said.stderr);
}

/// A stamp's script between two stamps' states, in a version table of its own: what it is to be run on, and
/// what is to be seen afterwards.
struct Scripted<'a> {
    place: Place,
    url: &'a str,
}

impl Scripted<'_> {
    fn call(&self, arguments: &[&str]) -> Said {
        let common = ["--version-table=scripted", "--database-url", self.url];
        self.place.call(&[arguments, &common].concat())
    }

    /// Its statements, without what only clients read.
    fn script(&self, dialect: Dialect) -> Vec<sqlx::AssertSqlSafe<String>> {
        assert_eq!(self.call(&["stamp", "web"]).code, 0);
        let said = self.call(&["stamp", "web:heads", "--sql", "--dialect", dialect.name()]);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let lines = said.stdout.lines().filter(|line| !line.starts_with('\\'));
        let sql: String = lines.flat_map(|line| [line, "\n"]).collect();
        let statements = limbeck::sql::split(dialect, &sql).expect("SQL");
        let texts = statements
            .iter()
            .map(|statement| statement.text().to_owned());
        texts.map(sqlx::AssertSqlSafe).collect()
    }

    fn check(&self) {
        let status = self.call(&["status", "--json"]).json();
        assert_eq!(status["current"], json!(["e1"]));
        assert_eq!(
            (&status["ready"], &status["unverified"]),
            (&json!(true), &json!([]))
        );
    }
}

#[tokio::test]
async fn up_and_down_on_postgres() {
    let Some((pool, url)) = servers::postgres().await else {
        return;
    };
    on_server(&url);
    let scripted = Scripted {
        place: Place::diamond(),
        url: &url,
    };
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in scripted.script(Dialect::Postgres) {
        let ran = sqlx::raw_sql(statement).execute(&mut *connection).await;
        ran.expect("the script runs");
    }
    scripted.check();
}

async fn up_and_down() {
    let Some((pool, url)) = servers::mysql().await else {
        return;
    };
    on_server(&url);
    let scripted = Scripted {
        place: Place::diamond(),
        url: &url,
    };
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in scripted.script(Dialect::Mariadb) {
        let ran = sqlx::raw_sql(statement).execute(&mut *connection).await;
        ran.expect("the script runs");
    }
    scripted.check();
}

/// Each eleventh graph of the conformance file, every third of its queries, through the binary.
#[test]
fn conformance_through_the_binary() {
    let path = crate::support::repository().join("tests/conformance/random.jsonl");
    let text = std::fs::read_to_string(path).expect("the cases are there");
    let mut asked = 0;
    for line in text.lines().step_by(11) {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let place = Place::new(&[]);
        for node in case["graph"].as_array().expect("a graph") {
            let id = node["revision"].as_str().expect("an id");
            let revision = NewRevision::new(id)
                .down_revision(strings(&node["down_revision"]))
                .branch_labels(strings(&node["branch_labels"]))
                .depends_on(strings(&node["depends_on"]))
                .section(NewSection::new(SectionKind::Upgrade))
                .section(NewSection::new(SectionKind::Downgrade))
                .to_text()
                .expect("a revision file");
            place.write(&format!("migrations/{id}.sql"), &revision);
        }
        for query in case["queries"]
            .as_array()
            .expect("queries")
            .iter()
            .step_by(3)
        {
            asked += 1;
            check_query(&place, query);
        }
    }
    assert!(asked > 50, "{asked}");
}

fn check_query(place: &Place, query: &Value) {
    let to = query["to"].as_str().unwrap_or_default();
    let from = format!("--from={}", strings(&query["from"]).join(","));
    let to_option = format!("--to={to}");
    let range = format!("--rev-range={to}");
    let arguments = match query["command"].as_str().expect("a command") {
        "upgrade" => vec!["plan", &from, &to_option],
        "downgrade" => vec!["plan", &from, &to_option, "--downgrade"],
        "history" => vec!["history", &range],
        "resolve" => vec!["show", to],
        command => vec![command],
    };
    let said = place.call(&[&arguments[..], &["--json"]].concat());
    let expect = &query["expect"];
    if let Some(kind) = expect["error"].as_str() {
        assert_eq!(said.code, 1, "{query}");
        let said = said.kind();
        assert!(kind == "any" || kind == said, "{query}: {said}");
        return;
    }
    let document = said.json();
    let key = if arguments[0] == "plan" {
        "steps"
    } else {
        "revisions"
    };
    let got: BTreeSet<String> = ids(&document[key]).into_iter().collect();
    let expected: BTreeSet<String> = strings(&expect["revisions"]).into_iter().collect();
    assert_eq!(got, expected, "{query}");
    if key == "steps" {
        assert_eq!(document["heads"], expect["heads"], "{query}");
        if let Some(last) = document["steps"].as_array().and_then(|steps| steps.last()) {
            assert_eq!(last["heads"], expect["heads"], "{query}");
        }
    }
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .map(|item| item.as_str().expect("an id is text").to_owned())
        .collect()
}

crate::support::on_mysql!(up_and_down);
