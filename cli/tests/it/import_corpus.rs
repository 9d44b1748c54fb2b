//! Made-up Alembic projects (`cli/tests/corpus`), under several kinds of env.py: what a real Alembic makes of a database, and
//! what limbeck makes of another one after the import, are the same by the dump programs, rows too.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::calls::Folder;
use crate::project::Project;
use crate::support::alembic::alembic;

/// A project, what is to be filled in by hand, and the way: upgrades and downgrades, each as both tools call it.
struct Case {
    name: &'static str,
    /// `revision section`.
    open: &'static [&'static str],
    way: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        name: "values",
        open: &[],
        way: &[
            ("upgrade", "v2"),
            ("upgrade", "v3"),
            ("upgrade", "heads"),
            ("downgrade", "v2"),
            ("upgrade", "heads"),
            ("downgrade", "base"),
        ],
    },
    Case {
        name: "graph",
        open: &[],
        way: &[
            ("upgrade", "audit@head"),
            ("upgrade", "heads"),
            ("downgrade", "audit@base"),
            ("upgrade", "heads"),
            ("downgrade", "base"),
        ],
    },
    Case {
        name: "history",
        open: &[],
        way: &[
            ("upgrade", "h1"),
            ("downgrade", "base"),
            ("upgrade", "h3"),
            ("downgrade", "base"),
            ("upgrade", "head"),
        ],
    },
    Case {
        name: "sections",
        open: &["s3 upgrade"],
        way: &[
            ("upgrade", "s2"),
            ("downgrade", "s1"),
            ("downgrade", "base"),
        ],
    },
    Case {
        name: "code",
        open: &["c3 upgrade", "c4 upgrade"],
        way: &[("upgrade", "c2"), ("downgrade", "base")],
    },
    Case {
        name: "online",
        open: &[],
        way: &[
            ("upgrade", "o2"),
            ("upgrade", "o3"),
            ("downgrade", "o2"),
            ("upgrade", "o5"),
            ("upgrade", "head"),
            ("downgrade", "o4"),
            ("downgrade", "o2"),
            ("downgrade", "base"),
        ],
    },
];

/// What it is called, and an env.py made of Alembic's own.
type Style = (&'static str, fn(&str) -> String);

const STYLES: &[Style] = &[
    // Half of the public projects: an offline run binds no values and doubles each `%`.
    ("bare", |env| {
        env.replace("        literal_binds=True,\n", "")
            .replace("        dialect_opts={\"paramstyle\": \"named\"},\n", "")
    }),
    ("template", str::to_owned),
    ("batch", |env| {
        env.replace(
            "target_metadata=target_metadata",
            "target_metadata=target_metadata, render_as_batch=True, transaction_per_migration=True",
        )
    }),
];

#[test]
fn on_sqlite() {
    for (at, (style, env)) in STYLES.iter().enumerate() {
        // The first project has what the styles differ in.
        for case in if at == 0 { CASES } else { &CASES[..1] } {
            on_sqlite_by("LIMBECK_TEST_ALEMBIC", case, style, *env);
        }
    }
    let (style, env) = STYLES[0];
    for case in CASES {
        on_sqlite_by("LIMBECK_TEST_ALEMBIC_OLD", case, style, env);
    }
}

fn on_sqlite_by(variable: &str, case: &Case, style: &str, env: fn(&str) -> String) {
    let folder = Folder::new();
    let url = |name: &str| format!("sqlite://{}", folder.path(name).display());
    let Some(project) = prepared(variable, &folder, &url("theirs.db"), case, env) else {
        return;
    };
    let picture = |name: &str| {
        let output = Command::new("sqlite3")
            .arg(folder.path(name))
            .arg(".dump")
            .output()
            .expect("sqlite3");
        assert!(output.status.success());
        without_tools(&String::from_utf8_lossy(&output.stdout))
    };
    both_ways(
        &format!("{variable}, {style}, SQLite"),
        case,
        &folder,
        &project,
        &[],
        &url("ours.db"),
        [&|| picture("theirs.db"), &|| picture("ours.db")],
    );
}

#[tokio::test]
async fn on_postgres() {
    for case in CASES {
        let (style, env) = STYLES[0];
        let (Some(theirs), Some(ours), Some(scratch)) = (
            crate::support::servers::postgres_database().await,
            crate::support::servers::postgres_database().await,
            crate::support::servers::postgres_database().await,
        ) else {
            return;
        };
        let folder = Folder::new();
        let variable = "LIMBECK_TEST_ALEMBIC";
        let Some(project) = prepared(variable, &folder, &theirs.url, case, env) else {
            return;
        };
        let picture = |url: &str| {
            let tables = ["alembic_version", "limbeck_*"];
            let output = Command::new("pg_dump")
                .args(["--no-owner", "--no-privileges", "--column-inserts"])
                .args(tables.map(|name| format!("--exclude-table={name}")))
                .arg(url)
                .output()
                .expect("pg_dump");
            assert!(output.status.success());
            without_tools(&String::from_utf8_lossy(&output.stdout))
        };
        both_ways(
            &format!("{style}, PostgreSQL"),
            case,
            &folder,
            &project,
            &["--scratch-url", &scratch.url],
            &ours.url,
            [&|| picture(&theirs.url), &|| picture(&ours.url)],
        );
    }
}

/// A project in `old/` whose revisions are the case's.
fn prepared<'f>(
    variable: &str,
    folder: &'f Folder,
    url: &str,
    case: &Case,
    env: fn(&str) -> String,
) -> Option<Project<'f>> {
    let project = Project::with(variable, folder, url)?;
    let text = env(&folder.read("old/scripts/env.py"));
    folder.write("old/scripts/env.py", text);
    let files = crate::support::repository()
        .join("cli/tests/corpus")
        .join(case.name);
    for file in fs::read_dir(files).expect("the corpus") {
        let path = file.expect("a file").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("a revision");
        folder.write(&format!("old/scripts/versions/{name}"), text);
    }
    Some(project)
}

fn both_ways(
    what: &str,
    case: &Case,
    folder: &Folder,
    project: &Project<'_>,
    options: &[&str],
    url: &str,
    [theirs, ours]: [&dyn Fn() -> Vec<String>; 2],
) {
    let what = format!("{}, {what}", case.name);
    let arguments = [&project.import(), options].concat();
    let document = folder.call(&arguments).json();
    assert_eq!(open(&document), case.open, "{what}: {document:#}");
    for (at, (action, target)) in case.way.iter().enumerate() {
        let step = format!("{what}, step {at}: {action} {target}");
        alembic(&project.python, &folder.path("old"), &[], &[action, target]);
        let arguments = [action, *target, "--database-url", url, "--yes"];
        let arguments = match *action {
            "downgrade" => &arguments[..],
            _ => &arguments[..4],
        };
        let said = folder.call(arguments);
        assert_eq!(said.code, 0, "{step}: {said:?}");
        assert_eq!(ours(), theirs(), "{step}");
    }
    if !case.open.is_empty() {
        // What is to be filled in stops a run before anything of it is done.
        let before = ours();
        let said = folder.call(&["upgrade", "heads", "--database-url", url]);
        assert_eq!(said.code, 1, "{what}: {said:?}");
        assert_eq!(ours(), before, "{what}");
    }
}

/// `revision section` of what is to be filled in.
fn open(document: &Value) -> Vec<String> {
    let revisions = document["revisions"].as_array().expect("a list");
    let open = revisions.iter().flat_map(|revision| {
        let sections = revision["fill_in"].as_array().expect("a list");
        sections.iter().map(|one| {
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            format!("{} {}", text(&revision["revision"]), text(&one["section"]))
        })
    });
    open.collect()
}

/// A dump's statements, but for those about the tools' own tables.
fn without_tools(dump: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    for line in dump.lines() {
        // `pg_dump` writes a word of its own each time.
        if line.starts_with("--") || line.starts_with('\\') || line.is_empty() {
            continue;
        }
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') {
            let is_tools = ["alembic_version", "limbeck_", "sqlite_sequence"]
                .iter()
                .any(|name| statement.contains(name));
            let one = std::mem::take(&mut statement);
            if !is_tools {
                statements.push(one);
            }
        }
    }
    statements.push(statement);
    statements
}
