//! Revision files written by the binary: read back by it, and refused before anything is written.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use chrono::SecondsFormat;
use limbeck::{Migrations, Revision};
use serde_json::{Value, json};

use crate::cli::{Place, Said, ids};
use crate::support::embed::{Built, Crate};
use crate::support::file;
use crate::support::servers::server;

/// The files of a folder, hidden ones too, and what is in them.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let text = fs::read_to_string(&path).unwrap_or_else(|_| "a folder".to_owned());
            (name.into_owned(), text)
        })
        .collect();
    files.sort();
    files
}

/// The one revision of a document.
fn one(document: &Value) -> &Value {
    match document["revisions"]
        .as_array()
        .expect("revisions")
        .as_slice()
    {
        [one] => one,
        others => panic!("{others:?}"),
    }
}

fn done(said: Said) -> String {
    assert_eq!(said.code, 0, "{}", said.stderr);
    said.stdout
}

fn empty() -> Place {
    Place::new(&[])
}

#[test]
fn the_first_folder() {
    let place = empty();
    let said = place.call(&["init", "service/schema", "--rev-id=a1", "-m", "Begin here"]);
    assert_eq!(said.stderr, "");
    insta::assert_snapshot!(done(said), @r#"
    wrote service/schema/a1_begin_here.sql

    A service carries the folder with these lines.

    # Cargo.toml: or "sqlite", "mysql"
    [dependencies]
    limbeck = { version = "0.1", default-features = false, features = ["postgres"] }

    [build-dependencies]
    limbeck = { version = "0.1", default-features = false, features = ["codegen"] }

    // build.rs: the folder as it is seen from there
    fn main() {
        limbeck::codegen::embed("service/schema");
    }

    // where the service starts, with its pool
    limbeck::Migrator::new(&pool, limbeck::embedded!()).upgrade_to_head().await?;
    "#);
    let path = place.path("service/schema/a1_begin_here.sql");
    let text = fs::read_to_string(&path).expect("the file");
    let revision = Revision::parse("a1.sql", text.clone()).expect("a revision file");
    let date = revision.create_date().expect("a date");
    let date = date.to_rfc3339_opts(SecondsFormat::Secs, true);
    assert!(date.ends_with('Z') && text.contains(&date), "{date}");
    insta::assert_snapshot!(text.replace(&date, "NOW"), @r#"
    -- Begin here
    --
    -- revision: a1
    -- down_revision: none
    -- create_date: NOW

    -- @upgrade

    -- @downgrade
    "#);

    // What is there stays: nothing is added to it.
    let before = files(&place.path("service/schema"));
    let said = place.call(&["init", "service/schema"]);
    assert_eq!((said.code, &*said.stdout), (1, ""));
    insta::assert_snapshot!(said.stderr, @"error: service/schema is not empty (it has 1 .sql file): `limbeck revision -m MESSAGE` adds to the revisions of a folder, --dir names another folder");
    let said = place.call(&["init", "service/schema", "--json"]);
    assert_eq!(said.kind(), "not_empty");
    assert_eq!(files(&place.path("service/schema")), before);

    // --dir names the folder as well, and hidden files do not fill one.
    fs::create_dir(place.path("other")).expect("a folder");
    place.write("other/.gitkeep", "");
    let document = place.call(&["--dir=other", "init", "--json"]).json();
    let revision = one(&document);
    let id = revision["revision"].as_str().expect("an id");
    assert_eq!(revision["message"], json!("First revision"));
    assert_eq!(
        revision["path"],
        json!(format!("other/{id}_first_revision.sql"))
    );
    assert_eq!(files(&place.path("other")).len(), 2);

    // What cannot be written leaves no folder either.
    let said = place.call(&["init", "third", "--rev-id=head", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "invalid_file"));
    assert!(!place.path("third").exists());
    let said = place.call(&["init", "other/.gitkeep", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "io"));
}

/// The lines that `init` prints make a crate that carries the folder.
#[test]
fn what_init_prints_builds() {
    let place = empty();
    let said = done(place.call(&["init", "--dir=schema", "--rev-id=a1"]));
    let part = |from: &str, to: &str| {
        let (_, rest) = said.split_once(from).expect("the part's first line");
        let (_, rest) = rest.split_once('\n').expect("its end");
        rest.split(to).next().unwrap_or_default().to_owned()
    };
    let dependencies = part("# Cargo.toml", "// build.rs");
    let build = part("// build.rs", "// where");
    let start = part("// where", "\0");

    let service = Crate::new();
    let manifest = service.read("Cargo.toml");
    let path = manifest
        .lines()
        .find_map(|line| line.strip_prefix("limbeck = { "))
        .and_then(|line| line.split(',').next())
        .expect("where limbeck is");
    let (package, _) = manifest.split_once("[dependencies]").expect("a manifest");
    // Not from a registry, and without a database: that one builds is seen elsewhere.
    let version = format!(
        "version = \"{}\"",
        env!("CARGO_PKG_VERSION")
            .rsplit_once('.')
            .expect("a version")
            .0
    );
    assert_eq!(dependencies.matches(&version).count(), 2, "{dependencies}");
    let dependencies = dependencies
        .replace(&version, path)
        .replace("features = [\"postgres\"]", "features = []");
    service.write("Cargo.toml", &format!("{package}{dependencies}"));
    service.write("build.rs", &build);
    let main = service.read("src/main.rs");
    let expression = "limbeck::embedded!()";
    assert!(start.contains(expression), "{start}");
    service.write(
        "src/main.rs",
        &main.replace("limbeck::embedded!(\"billing\")", expression),
    );
    fs::create_dir(service.path("schema")).expect("a folder");
    let name = "schema/a1_first_revision.sql";
    service.write(
        name,
        &fs::read_to_string(place.path(name)).expect("the file"),
    );
    assert_eq!(service.build(), Built::Anew);
    assert_eq!(service.ids(), "a1");
}

#[test]
fn revisions_follow_the_head() {
    let place = empty();
    let add = |arguments: &[&str]| {
        let document = place
            .call(&[&["revision", "--json"], arguments].concat())
            .json();
        one(&document).clone()
    };
    let first = add(&["-m", "Add the users table\n\nAnd why."]);
    let id = first["revision"].as_str().expect("an id");
    assert!(
        id.len() == 12 && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
        "{id}"
    );
    assert_eq!(first["down_revision"], json!([]));
    assert_eq!(first["message"], json!("Add the users table\n\nAnd why."));
    assert_eq!(
        first["path"],
        json!(format!("migrations/{id}_add_the_users_table.sql"))
    );
    let second = add(&[
        "-m",
        "Größe",
        "--rev-id=b1",
        "--file-template={year}_{slug}_{revision}.sql",
    ]);
    assert_eq!(second["down_revision"], json!([id]));
    let date = second["create_date"].as_str().expect("a date");
    assert_eq!(
        second["path"],
        json!(format!("migrations/{}_größe_b1.sql", &date[..4]))
    );
    // No message is a message, as in Alembic.
    let third = add(&["--rev-id=c1"]);
    assert_eq!(
        (&third["message"], &third["path"]),
        (&json!(""), &json!("migrations/c1.sql"))
    );
    assert_eq!(
        add(&["--head=head", "--rev-id=d1"])["down_revision"],
        json!(["c1"])
    );
}

#[test]
fn branches_dependencies_and_splices() {
    let place = empty();
    let add = |arguments: &[&str]| {
        let document = place
            .call(&[&["revision", "--json"], arguments].concat())
            .json();
        one(&document).clone()
    };
    let base = add(&["--rev-id=aaaa11"]);
    assert_eq!(base["head"], json!(true));
    let billing = add(&[
        "--head=base",
        "--branch-label=billing",
        "--branch-label=money",
        "--rev-id=bbbb11",
    ]);
    assert_eq!(billing["branch_labels"], json!(["billing", "money"]));
    assert_eq!(billing["down_revision"], json!([]));
    // A label, a part of an id, an id twice: labels stay, all else becomes an id.
    let web = add(&[
        "--head=aaa",
        "--rev-id=cccc11",
        "--depends-on=billing",
        "--depends-on=bbbb",
        "--depends-on=bbbb11",
    ]);
    assert_eq!(web["down_revision"], json!(["aaaa11"]));
    assert_eq!(web["depends_on"], json!(["bbbb11"]));
    let text = fs::read_to_string(place.path("migrations/cccc11.sql")).expect("the file");
    assert!(
        text.contains("\n-- depends_on: billing, bbbb11\n"),
        "{text}"
    );
    assert_eq!(
        add(&["--head=billing@head", "--rev-id=dddd11"])["down_revision"],
        json!(["bbbb11"])
    );
    let spliced = add(&["--head=billing", "--splice", "--rev-id=eeee11"]);
    assert_eq!(spliced["down_revision"], json!(["bbbb11"]));
    let all = add(&["--head=heads", "--rev-id=ffff11"]);
    let mut joined: Vec<String> =
        serde_json::from_value(all["down_revision"].clone()).expect("ids");
    joined.sort();
    assert_eq!(joined, ["cccc11", "dddd11", "eeee11"]);
    // What was written is what is run.
    let said = place.call(&["upgrade", "head", "--database-url=sqlite:app.db", "--json"]);
    assert_eq!(said.json()["heads"], json!(["ffff11"]));
}

/// A head more is worth a word, another revision on one of several is not.
#[test]
fn several_heads_are_noted_once() {
    let place = Place::diamond();
    let said = place.call(&["revision", "--head=b1", "--splice", "--rev-id=f1"]);
    assert_eq!(said.stdout, "wrote migrations/f1.sql\n");
    insta::assert_snapshot!(said.stderr, @"note: there are 2 heads: `e1`, `f1`; `limbeck merge` joins them, and `upgrade head` and build scripts want one, or labels");
    let said = place.call(&["revision", "--head=f1", "--rev-id=g1"]);
    assert_eq!((said.code, &*said.stderr), (0, ""));
}

#[test]
fn what_would_break_the_graph_is_refused_first() {
    let place = Place::diamond();
    place.write(
        "migrations/f1.sql",
        &file("f1f1f1", "d1", "", "-- @upgrade\n"),
    );
    place.write(
        "migrations/taken.sql",
        &file("g1g1g1", "e1", "", "-- @upgrade\n"),
    );
    place.write(
        "migrations/dep.sql",
        &file("h1", "g1g1g1", "-- depends_on: f1f1\n", "-- @upgrade\n"),
    );
    place.write("migrations/i1.sql", &file("i1", "d1", "", "-- @upgrade\n"));
    let before = files(&place.path("migrations"));
    let revision =
        |arguments: &'static [&'static str]| [&["revision", "-m", "x"], arguments].concat();
    let merge = |arguments: &'static [&'static str]| [&["merge"], arguments].concat();
    let table = [
        (revision(&[]), "multiple_heads"),
        (revision(&["--head=head"]), "multiple_heads"),
        (revision(&["--head=b1"]), "not_a_head"),
        (revision(&["--head=a1"]), "not_a_head"),
        (revision(&["--head=nosuch"]), "unknown_revision"),
        (revision(&["--head=a b"]), "malformed_target"),
        (
            revision(&["--head=h1", "--depends-on=nosuch"]),
            "unknown_revision",
        ),
        (
            revision(&["--head=h1", "--depends-on=base"]),
            "invalid_target",
        ),
        (
            revision(&["--head=h1", "--depends-on=heads"]),
            "invalid_target",
        ),
        (revision(&["--head=h1", "--rev-id=e1"]), "invalid_graph"),
        (revision(&["--head=h1", "--rev-id=E1"]), "invalid_graph"),
        (revision(&["--head=h1", "--rev-id=web"]), "invalid_graph"),
        (revision(&["--head=h1", "--rev-id=f1f1ff"]), "invalid_graph"),
        (
            revision(&["--head=h1", "--branch-label=web", "--rev-id=n1"]),
            "invalid_graph",
        ),
        (
            revision(&["--head=h1", "--branch-label=e1", "--rev-id=n1"]),
            "invalid_graph",
        ),
        (
            revision(&["--head=h1", "--branch-label=a b"]),
            "invalid_file",
        ),
        (revision(&["--head=h1", "--rev-id=a b"]), "invalid_file"),
        (revision(&["--head=h1", "--rev-id=heads"]), "invalid_file"),
        (revision(&["--head=h1", "--rev-id="]), "invalid_file"),
        (
            revision(&["--head=h1", "--file-template=taken.sql"]),
            "file_exists",
        ),
        (revision(&["--dir=nowhere"]), "io"),
        (merge(&["--dir=nowhere"]), "io"),
        (merge(&["h1"]), "nothing_to_merge"),
        (merge(&["h1", "h1"]), "nothing_to_merge"),
        (merge(&["h1", "web"]), "not_a_head"),
        (merge(&["h1", "nosuch"]), "unknown_revision"),
        (merge(&["--rev-id=e1"]), "invalid_graph"),
        (vec!["edit", "base"], "invalid_target"),
        (vec!["edit", "nosuch"], "unknown_revision"),
        (vec!["edit", "current"], "no_database_url"),
        (vec!["edit", "h1"], "editor"),
    ];
    let mut texts = String::new();
    for (arguments, kind) in table {
        let said = place.call_with(&arguments, &[("EDITOR", ""), ("VISUAL", "")]);
        assert_eq!((said.code, &*said.stdout), (1, ""), "{arguments:?}");
        texts += &format!("limbeck {}\n{}\n", arguments.join(" "), said.stderr);
        let said = place.call_with(
            &[&arguments[..], &["--json"]].concat(),
            &[("EDITOR", ""), ("VISUAL", "")],
        );
        assert_eq!((said.code, &*said.kind()), (1, kind), "{arguments:?}");
        assert!(files(&place.path("migrations")) == before, "{arguments:?}");
    }
    insta::assert_snapshot!(texts);
    for arguments in [
        &["revision", "--file-template={nosuch}.sql"][..],
        &["revision", "--file-template=../x.sql"],
        &["merge", "-m"],
        &["edit"],
    ] {
        let said = place.call(&[arguments, &["--json"]].concat());
        assert_eq!((said.code, &*said.kind()), (2, "usage"), "{arguments:?}");
    }
    // One head, and none.
    let place = Place::diamond();
    insta::assert_snapshot!(place.call(&["merge"]).stderr, @"error: a merge joins two heads or more, and there is one: `e1`");
    insta::assert_snapshot!(empty().call(&["merge"]).stderr, @"error: a merge joins two heads or more, and there is none");
}

#[test]
fn merges_join_heads() {
    let tips = |labels: &[&str]| {
        let place = Place::new(&[("a1", "", "", "-- @upgrade\n")]);
        for (at, label) in labels.iter().enumerate() {
            let header = match *label {
                "" => String::new(),
                label => format!("-- branch_labels: {label}\n"),
            };
            let id = format!("b{at}");
            let text = file(&id, "a1", &header, "-- @upgrade\n");
            place.write(&format!("migrations/{id}.sql"), &text);
        }
        place
    };
    let merged = |place: &Place, arguments: &[&str]| {
        let said = place.call(&[&["merge", "--rev-id=m1", "--json"], arguments].concat());
        let document = said.json();
        let merge = one(&document);
        assert!(
            merge["path"]
                .as_str()
                .is_some_and(|path| place.path(path).exists())
        );
        let down: Vec<String> =
            serde_json::from_value(merge["down_revision"].clone()).expect("ids");
        (
            down.join(" "),
            merge["message"].as_str().expect("text").to_owned(),
        )
    };
    let says = |down: &str, message: &str| (down.to_owned(), message.to_owned());
    assert_eq!(
        merged(&tips(&["", ""]), &[]),
        says("b0 b1", "Merge b0 and b1")
    );
    assert_eq!(
        merged(&tips(&["billing", "", "web"]), &[]),
        says("b0 b1 b2", "Merge billing, b1 and web")
    );
    assert_eq!(
        merged(&tips(&["billing", "", "web"]), &["web@head", "b0"]),
        says("b2 b0", "Merge web and billing")
    );
    assert_eq!(
        merged(&tips(&["", "", "", "", "", ""]), &["heads", "b1"]),
        says("b0 b1 b2 b3 b4 b5", "Merge b0, b1, b2 and 3 more")
    );
    let place = tips(&["", ""]);
    assert_eq!(
        merged(&place, &["-m", "Back together", "--branch-label=all"]),
        says("b0 b1", "Back together")
    );
    assert_eq!(
        ids(&place.call(&["show", "all", "--json"]).json()["revisions"]),
        ["m1"]
    );
    assert_eq!(
        place.call(&["heads"]).stdout,
        "m1 (all) (head) (merge), Back together\n"
    );
}

#[test]
fn editors() {
    let place = Place::diamond();
    let edit = |arguments: &[&str], visual: &str, editor: &str| {
        place.call_with(arguments, &[("VISUAL", visual), ("EDITOR", editor)])
    };
    let read = |name: &str| fs::read_to_string(place.path(name)).expect("the file");

    // Arguments and quotes in the variable are the shell's business. VISUAL comes first.
    let said = edit(
        &["edit", "web"],
        "sed -i 's/Revision c1/It was edited/'",
        "false",
    );
    assert_eq!(
        (said.code, &*said.stdout),
        (0, "edited migrations/c1.sql\n")
    );
    assert!(read("migrations/c1.sql").starts_with("-- It was edited\n"));
    let document = edit(&["edit", "heads", "--json"], "", "true").json();
    assert_eq!(ids(&document["revisions"]), ["e1"]);
    assert_eq!(one(&document)["path"], json!("migrations/e1.sql"));

    let said = edit(
        &["revision", "-m", "x", "--rev-id=f1", "--edit"],
        "",
        "sed -i 's/-- x/-- y/'",
    );
    assert_eq!(
        (said.code, &*said.stdout),
        (0, "wrote migrations/f1_x.sql\n")
    );
    assert!(read("migrations/f1_x.sql").starts_with("-- y\n"));
    let document = edit(
        &["revision", "--rev-id=g1", "--edit", "--json"],
        "",
        "sed -i s/g1/h1/",
    )
    .json();
    assert_eq!(ids(&document["revisions"]), ["h1"]);

    // The database is asked for `current`.
    let url = "--database-url=sqlite:app.db";
    assert_eq!(place.call(&["upgrade", "billing", url]).code, 0);
    let said = edit(&["edit", "current", url], "", "true");
    assert_eq!(said.stdout, "edited migrations/b1.sql\n");

    let said = edit(&["edit", "web"], "", "false");
    assert_eq!((said.code, &*said.stdout), (1, ""));
    insta::assert_snapshot!(said.stderr, @"error: the editor `false` ended with exit status: 1");
    let said = edit(&["edit", "web"], "", "no-such-editor");
    assert_eq!(said.code, 1);
    assert!(
        said.stderr
            .ends_with("error: the editor `no-such-editor` ended with exit status: 127\n")
    );
    assert_eq!(
        edit(&["edit", "web", "--json"], "", "no-such-editor").kind(),
        "editor"
    );
    // What does not fit afterwards is told; the file stays as it was left.
    let said = edit(
        &["edit", "web"],
        "",
        "sed -i 's/down_revision: a1/down_revision: a2/'",
    );
    assert_eq!((said.code, &*said.stdout), (1, ""));
    insta::assert_snapshot!(said.stderr, @r"
    error: migrations/c1.sql:4: revision `c1` has `a2` in its down_revision, which is not there
     --> migrations/c1.sql:4:19
      |
    4 | -- down_revision: a2
      |                   ^^
    ");
}

fn start(place: &Place, arguments: &[&str]) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_limbeck"))
        .args(arguments)
        .arg("--json")
        .env_remove("DATABASE_URL")
        .current_dir(place.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// Of these processes, all at once: how many wrote, and what kinds of error the others gave. Meanwhile whoever
/// reads the folder finds whole files only.
fn at_once(place: &Place, calls: &[Vec<String>]) -> (usize, Vec<String>) {
    let mut children: Vec<_> = calls
        .iter()
        .map(|call| start(place, &call.iter().map(String::as_str).collect::<Vec<_>>()))
        .collect();
    let mut looks = 0;
    loop {
        let migrations = Migrations::from_dir(place.path("migrations")).expect("a valid folder");
        looks += 1;
        let running = children
            .iter_mut()
            .any(|child| child.try_wait().expect("a child").is_none());
        if !running {
            assert!(looks > 1 && !migrations.is_empty());
            break;
        }
    }
    let (mut wrote, mut kinds) = (0, Vec::new());
    for child in children {
        let output = child.wait_with_output().expect("an end");
        if output.status.success() {
            wrote += 1;
            continue;
        }
        let errors = String::from_utf8(output.stderr).expect("UTF-8");
        let line = errors.lines().last().expect("an error");
        let error: Value = serde_json::from_str(line).expect("JSON");
        kinds.push(error["error"]["kind"].as_str().expect("a kind").to_owned());
    }
    assert!(
        files(&place.path("migrations"))
            .iter()
            .all(|(name, _)| name.ends_with(".sql"))
    );
    (wrote, kinds)
}

#[test]
fn two_who_write_at_once_do_not_meet() {
    const PROCESSES: usize = 12;
    let call = |arguments: &dyn Fn(usize) -> Vec<String>| -> Vec<Vec<String>> {
        (0..PROCESSES).map(arguments).collect()
    };
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let one_file = || Place::new(&[("a1", "", "", "-- @upgrade\n")]);

    // Each sees what the one before it wrote: a line, one head.
    let place = one_file();
    let (wrote, kinds) = at_once(&place, &call(&|_| words("revision -m same")));
    assert_eq!((wrote, kinds), (PROCESSES, Vec::new()));
    let migrations = Migrations::from_dir(place.path("migrations")).expect("a valid folder");
    assert_eq!(
        (migrations.len(), migrations.graph().heads().len()),
        (PROCESSES + 1, 1)
    );

    // One id under as many names: one of them.
    let place = one_file();
    let (wrote, kinds) = at_once(
        &place,
        &call(&|at| words(&format!("revision -m m{at} --rev-id=b1"))),
    );
    assert_eq!(
        (wrote, kinds),
        (1, vec!["invalid_graph".to_owned(); PROCESSES - 1])
    );

    // One name for as many ids: one of them, and nobody writes over it.
    let place = one_file();
    let (wrote, kinds) = at_once(&place, &call(&|_| words("revision --file-template=b.sql")));
    assert_eq!(
        (wrote, kinds),
        (1, vec!["file_exists".to_owned(); PROCESSES - 1])
    );

    // One folder.
    let place = empty();
    fs::create_dir(place.path("new")).expect("a folder");
    let mut children: Vec<_> = (0..PROCESSES)
        .map(|_| start(&place, &["init", "new"]))
        .collect();
    let codes: Vec<_> = children
        .iter_mut()
        .map(|child| child.wait().expect("an end").code())
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == Some(0)).count(),
        1,
        "{codes:?}"
    );
    assert_eq!(files(&place.path("new")).len(), 1);
}

/// As Alembic's since 1.18.
#[test]
fn a_spliced_merge_joins_what_others_follow() {
    let place = Place::diamond();
    // Both are below d1 already, which is no head either.
    let merge = ["merge", "b1", "c1", "--rev-id=m1", "--json"];
    let said = place.call(&merge);
    assert_eq!((said.code, &*said.kind()), (1, "not_a_head"));
    assert!(said.stderr.contains("--splice"), "{}", said.stderr);
    let ancestor = place.call(&["merge", "a1", "c1", "--splice", "--json"]);
    assert_eq!((ancestor.code, &*ancestor.kind()), (1, "nothing_to_merge"));
    assert!(
        ancestor.stderr.contains("`a1` is below `c1` already"),
        "{}",
        ancestor.stderr
    );
    assert_eq!(place.call(&["merge", "--splice"]).code, 2);
    let document = place.call(&[&merge[..], &["--splice"]].concat()).json();
    assert_eq!(one(&document)["down_revision"], json!(["b1", "c1"]));
    let heads = place.call(&["heads", "--json"]).json();
    assert_eq!(ids(&heads["revisions"]), ["e1", "m1"]);
}

/// A template may put the file into a folder, where folders are read.
#[test]
fn a_file_in_a_folder_of_its_own() {
    let place = Place::diamond();
    let before = files(&place.path("migrations"));
    let template = "--file-template={year}/{slug}.sql";
    let write = ["revision", "-m", "Deep", "--rev-id=f1", template];
    let said = place.call(&[&write[..], &["--json"]].concat());
    assert_eq!((said.code, &*said.kind()), (1, "file_template"));
    assert!(said.stderr.contains("--subfolders"), "{}", said.stderr);
    assert_eq!(files(&place.path("migrations")), before);
    let said = done(place.call(&[&write[..], &["--subfolders"]].concat()));
    let path = said.trim().strip_prefix("wrote ").expect("the path");
    assert!(
        path.starts_with("migrations/20") && path.ends_with("/deep.sql"),
        "{path}"
    );
    assert!(place.path(path).exists());
    let heads = place.call(&["heads", "--subfolders", "--json"]).json();
    assert_eq!(ids(&heads["revisions"]), ["f1"]);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let place = Place::diamond();
    // Where root may write anywhere, a file in the folder's place says no as well.
    let said = place.call(&["revision", "--dir=migrations/a1.sql", "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "io"));
    let long = format!("--rev-id={}", "x".repeat(255));
    let said = place.call(&["revision", &long, "--json"]);
    assert_eq!((said.code, &*said.kind()), (1, "file_template"));
    assert!(
        said.stderr
            .contains("would have 259 bytes, and file systems take 255"),
        "{}",
        said.stderr
    );
    assert_eq!(files(&place.path("migrations")).len(), 5);
    assert_eq!(
        done(place.call(&["revision", &long, "--file-template={slug}r.sql"])),
        "wrote migrations/r.sql\n"
    );
}

/// The system lets a process write no byte to a file: it fails there, or is killed there. Either way no revision
/// is there in part.
#[test]
fn a_write_that_breaks_off_leaves_no_revision() {
    let place = Place::diamond();
    let before = files(&place.path("migrations"));
    let limited = |script: &str| {
        Command::new("sh")
            .args(["-c", script, env!("CARGO_BIN_EXE_limbeck")])
            .env_remove("DATABASE_URL")
            .current_dir(place.path(""))
            .stdin(Stdio::null())
            .output()
            .expect("a shell")
    };
    let output = limited("trap '' XFSZ; ulimit -f 0; exec \"$0\" revision -m x");
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        errors.starts_with(
            "error: migrations could not be written, and no file was left behind\n  caused by: "
        ),
        "{errors}"
    );
    assert!(files(&place.path("migrations")) == before);

    let output = limited("ulimit -c 0; ulimit -f 0; exec \"$0\" revision -m x");
    assert_eq!(output.status.code(), None, "killed by a signal");
    let left: Vec<_> = files(&place.path("migrations"))
        .into_iter()
        .filter(|file| !before.contains(file))
        .collect();
    // What is left means nothing to anybody.
    let [(name, text)] = &left[..] else {
        panic!("{left:?}")
    };
    assert!(name.starts_with(".limbeck-") && name.ends_with(".tmp") && text.is_empty());
    assert_eq!(
        done(place.call(&["heads"])),
        done(Place::diamond().call(&["heads"]))
    );
    assert_eq!(place.call(&["revision", "-m", "x"]).code, 0);
}

/// Each command's help ends with examples, and they work as they stand.
#[test]
fn the_examples_of_the_help_work() {
    const SECTIONS: &str = "-- @upgrade\n";
    let linear = || {
        Place::new(&[
            ("1a6f11", "", "-- branch_labels: billing\n", SECTIONS),
            ("5c0911", "1a6f11", "", SECTIONS),
        ])
    };
    let fork = || {
        Place::new(&[
            ("1a6f11", "", "", SECTIONS),
            ("5c0911", "", "", SECTIONS),
            ("b1", "", "-- branch_labels: billing\n", SECTIONS),
            ("w1", "", "-- branch_labels: web\n", SECTIONS),
        ])
    };
    let nothing = || {
        let place = empty();
        fs::remove_dir(place.path("migrations")).expect("a folder");
        place
    };
    let one = || Place::new(&[("1a6f11", "", "", SECTIONS)]);
    let with_schema = || {
        let place = one();
        fs::create_dir(place.path("db")).expect("a folder");
        place.write("schema.sql", "");
        place.write("db/schema.sql", "");
        place
    };
    let generating = with_schema();
    let table: [(&str, Vec<Place>); 7] = [
        ("init", vec![nothing(), nothing()]),
        // One after the other, in one place.
        ("revision", vec![one()]),
        ("merge", vec![fork(), fork(), fork()]),
        ("edit", vec![linear(), linear()]),
        ("graph", vec![linear()]),
        ("history", vec![linear()]),
        ("check", vec![with_schema()]),
    ];
    let binary = Path::new(env!("CARGO_BIN_EXE_limbeck"));
    let folder = binary.parent().expect("a folder").display();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    for (command, places) in table {
        let help = done(places[0].call(&[command, "--help"]));
        let (_, examples) = help.rsplit_once("Examples:\n").expect("examples");
        let examples: Vec<&str> = examples.lines().map(str::trim).collect();
        assert!(examples.len() >= 2 && examples.iter().all(|one| one.contains("limbeck ")));
        for (at, example) in examples.into_iter().enumerate() {
            if example.contains("| dot ") && server("LIMBECK_TEST_DOT").is_none() {
                continue;
            }
            let place = match example.contains("--autogenerate") {
                true => &generating,
                false => places.get(at).unwrap_or(&places[0]),
            };
            let output = Command::new("sh")
                .args(["-ec", example])
                .env("PATH", &path)
                .env("DATABASE_URL", "sqlite:app.db")
                .env("VISUAL", "true")
                .current_dir(place.path(""))
                .stdin(Stdio::null())
                .output()
                .expect("a shell");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{example}\n{errors}");
            assert!(!errors.contains("error"), "{example}\n{errors}");
        }
    }
}

#[test]
fn subfolders_are_read_where_they_are_asked_for() {
    let place = Place::new(&[("a1", "", "", "-- @upgrade\n")]);
    fs::create_dir(place.path("migrations/2026")).expect("a folder");
    place.write(
        "migrations/2026/b1.sql",
        &file("b1", "a1", "", "-- @upgrade\n"),
    );
    let url = "--database-url=sqlite:app.db";
    for command in [
        &["heads", "--json"][..],
        &["revision", "--rev-id=c1", "--json"],
        &["upgrade", "head", url, "--json"],
    ] {
        let said = place.call(command);
        assert_eq!((said.code, &*said.kind()), (1, "subfolder"), "{command:?}");
        assert!(
            said.stderr.contains("migrations/2026/b1.sql"),
            "{}",
            said.stderr
        );
    }
    done(place.call(&["revision", "--rev-id=c1", "--subfolders"]));
    done(place.call(&["merge", "--subfolders", "--help"]));
    assert_eq!(
        Migrations::from_tree(place.path("migrations"))
            .expect("a graph")
            .graph()
            .heads()[..],
        ["c1"]
    );
    done(place.call(&["upgrade", "head", url, "--subfolders"]));
}
