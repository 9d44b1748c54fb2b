//! Pictures of the graph: what the binary draws, and what `dot` and mermaid make of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use limbeck::revision::{NewRevision, NewSection, SectionKind};
use serde_json::{Value, json};

use crate::cli::{Place, ids};
use crate::support::file;
use crate::support::servers::server;

const DATABASE: &str = "--database-url=sqlite:app.db";

fn drawn(place: &Place, arguments: &[&str]) -> String {
    let said = place.call(arguments);
    assert_eq!((said.code, &*said.stderr), (0, ""), "{arguments:?}");
    said.stdout
}

#[test]
fn branches_and_merges_are_drawn() {
    let place = Place::diamond();
    insta::assert_snapshot!(drawn(&place, &["graph"]), @r#"
    *  e1 (head), Revision e1
    *    d1, Revision d1
    ├─╮
    * │  c1 (web), Revision c1
    │ *  b1 (billing), Revision b1
    ├─╯
    *  a1, Revision a1
    "#);
    place.write(
        "migrations/f1.sql",
        &file("f1", "", "-- depends_on: b1\n", "-- @upgrade\n"),
    );
    insta::assert_snapshot!(drawn(&place, &["graph"]), @r#"
    *  e1 (head), Revision e1
    *    d1, Revision d1
    ├─╮
    * │  c1 (web), Revision c1
    │ │ *  f1 (head), Revision f1
    │ ├─╯
    │ *  b1 (billing), Revision b1
    ├─╯
    *  a1, Revision a1
    "#);
    // A part of it: where lines would lead outside, words tell.
    insta::assert_snapshot!(drawn(&place, &["graph", "-r", "b1:e1"]), @r#"
    *  e1 (head), Revision e1
    *  d1, Revision d1 (after c1)
    *  b1 (billing), Revision b1 (after a1)
    │
    ~
    "#);
}

#[test]
fn what_the_database_says_is_marked() {
    let place = Place::diamond();
    assert_eq!(place.call(&["upgrade", "billing", DATABASE]).code, 0);
    let picture = drawn(&place, &["graph", "-i", DATABASE]);
    insta::assert_snapshot!(picture, @r#"
    ○  e1 (head) (pending), Revision e1
    ○    d1 (pending), Revision d1
    ├─╮
    ○ │  c1 (web) (pending), Revision c1
    │ @  b1 (billing) (current), Revision b1
    ├─╯
    ●  a1, Revision a1
    "#);
    // Naming the database is asking it, too; one of the environment is left alone.
    assert_eq!(drawn(&place, &["graph", DATABASE]), picture);
    let around = place.call_with(&["graph"], &[("DATABASE_URL", "sqlite:app.db")]);
    assert_eq!(around.stdout, drawn(&place, &["graph"]));

    let edited = file("a1", "", "", "-- @upgrade\nSELECT 2;\n-- @downgrade\n");
    place.write("migrations/a1.sql", &edited);
    insta::assert_snapshot!(drawn(&place, &["graph", "-i", DATABASE]), @r#"
    ○  e1 (head) (pending), Revision e1
    ○    d1 (pending), Revision d1
    ├─╮
    ○ │  c1 (web) (pending), Revision c1
    │ @  b1 (billing) (current), Revision b1
    ├─╯
    ×  a1 (edited), Revision a1
    "#);
    let part = drawn(&place, &["graph", "-r", "current:", DATABASE]);
    insta::assert_snapshot!(part, @r#"
    ○  e1 (head) (pending), Revision e1
    ○  d1 (pending), Revision d1 (after c1)
    @  b1 (billing) (current), Revision b1 (after a1)
    │
    ~
    "#);

    fs::remove_file(place.path("migrations/e1.sql")).expect("a file");
    fs::remove_file(place.path("migrations/d1.sql")).expect("a file");
    fs::remove_file(place.path("migrations/b1.sql")).expect("a file");
    insta::assert_snapshot!(drawn(&place, &["graph", "-i", DATABASE]), @r#"
    ?  b1 (not in these files)
    ○  c1 (web) (head) (pending), Revision c1
    ×  a1 (edited), Revision a1
    "#);
    for (format, expected) in [
        ("dot", "\"b1\" [label=\"b1\\n(not in these files)\""),
        ("mermaid", "n2[\"b1<br/>(not in these files)\"]"),
    ] {
        let source = drawn(&place, &["graph", "-i", DATABASE, "--format", format]);
        assert!(source.contains(expected), "{source}");
    }
}

#[test]
fn history_draws_for_people() {
    let place = Place::diamond();
    let plain = drawn(&place, &["history"]);
    assert!(
        plain.starts_with("d1 -> e1 (billing, web) (head)"),
        "{plain}"
    );
    assert_eq!(
        drawn(&place, &["history", "--graph"]),
        drawn(&place, &["graph"])
    );
    assert_eq!(drawn(&place, &["history", "--graph", "--no-graph"]), plain);
    insta::assert_snapshot!(drawn(&place, &["history", "--graph", "-v", "-r", "web:d1"]), @r#"
    *  Revision:   d1 (billing, web) (merge) (after b1)
    │  Parent:     b1, c1
    │  Children:   e1
    │  File:       migrations/d1.sql
    │
    │      Revision d1
    │
    *  Revision:   c1 (web) (after a1)
    │  Parent:     a1
    ~  Children:   d1
       File:       migrations/c1.sql

           Revision c1
    "#);

    let on_terminal = |arguments: &str| {
        let output = Command::new("script")
            .args([
                "-qec",
                &format!("{} {arguments}", env!("CARGO_BIN_EXE_limbeck")),
            ])
            .arg("/dev/null")
            .env_remove("DATABASE_URL")
            .current_dir(place.path(""))
            .stdin(Stdio::null())
            .output()
            .expect("script gives a terminal");
        assert!(output.status.success());
        String::from_utf8(output.stdout)
            .expect("UTF-8")
            .replace('\r', "")
    };
    assert_eq!(
        on_terminal("history --color never"),
        drawn(&place, &["graph"])
    );
    assert_eq!(on_terminal("history --no-graph --color never"), plain);
    let document: Value = serde_json::from_str(&on_terminal("history --json")).expect("JSON");
    assert_eq!(document, place.call(&["history", "--json"]).json());
}

#[test]
fn documents_and_usage() {
    let place = Place::diamond();
    let document = place.call(&["graph", "--json", "-r", "b1:"]).json();
    assert_eq!(ids(&document["revisions"]), ["e1", "d1", "b1"]);
    assert_eq!(
        place.call(&["graph", "--json"]).json(),
        place.call(&["history", "--json"]).json()
    );
    // A database that is named and does not answer costs the marks, not the picture.
    let said = place.call(&["graph", "--database-url=postgres://u@127.0.0.1:1/x"]);
    assert_eq!(said.stdout, drawn(&place, &["graph"]));
    assert!(
        said.stderr
            .starts_with("note: what is current is not known: ")
    );
    let said = place.call(&["graph", "--json", "--format", "dot"]);
    assert_eq!((said.code, &*said.kind()), (2, "usage"));
    assert_eq!(place.call(&["graph", "--format", "png"]).code, 2);
    for (arguments, kind) in [
        (&["graph", "-i"][..], "no_database_url"),
        (&["graph", "-r", "c1:b1"], "not_ancestor"),
        (&["graph", "--dir=nowhere"], "io"),
    ] {
        let said = place.call(&[arguments, &["--json"]].concat());
        assert_eq!((said.code, &*said.kind()), (1, kind), "{arguments:?}");
    }
    assert_eq!(drawn(&Place::new(&[]), &["graph"]), "");
}

/// Words that mean something to Graphviz, mermaid, Markdown or HTML. None has two spaces together: browsers and
/// SVG show one.
const HOSTILE: [(&str, &str); 14] = [
    ("end", "end"),
    ("q\"uote", "say \"no\" --> x"),
    ("back\\slash", "ends in \\"),
    ("\\N", "\\N \\G \\n \\l"),
    ("<b>bold</b>", "<script>alert(1)</script> < > </text>"),
    ("a&lt;b", "&amp; &#60; #60; #quot; &nbsp;"),
    ("[x](y)", "[brackets] {braces} (parens) ((twice)) [[x]]"),
    ("n1", "-- %% comment ;;; --- ~~~ ==> -.->"),
    ("größe", "ünïcödé 漢字 😀 ﬂ°°60¶ß עברית"),
    ("`code`", "`code` **bold** _it_ # head"),
    ("1.x", "1. a list"),
    ("%%{init}%%", "%%{init: {'theme':'dark'}}%%"),
    ("subgraph", "class n0 head"),
    ("style;n0", "fa:fa-car :::current |text| @{ shape: x }"),
];

/// Each with the one before as its parent; every third depends on the first, too; one label.
fn hostile() -> Place {
    let place = Place::new(&[]);
    for (at, (id, message)) in HOSTILE.iter().enumerate() {
        let mut new = NewRevision::new(*id)
            .message(message)
            .section(NewSection::new(SectionKind::Upgrade));
        if at > 0 {
            new = new.down_revision([HOSTILE[at - 1].0]);
        }
        if at > 0 && at % 3 == 0 {
            new = new.depends_on([HOSTILE[0].0]);
        }
        if at == 4 {
            new = new.branch_labels(["la\"b<e>l\\"]);
        }
        let text = new.to_text().expect("a revision file");
        place.write(&format!("migrations/{at}.sql"), &text);
    }
    place
}

/// What stands in the box of each.
fn labels() -> BTreeSet<Vec<String>> {
    let boxes = HOSTILE.iter().enumerate().map(|(at, (id, message))| {
        let marks = match at {
            4 => " (la\"b<e>l\\)",
            13 => " (head)",
            _ => "",
        };
        vec![format!("{id}{marks}"), (*message).to_owned()]
    });
    boxes.collect()
}

const EDGES: (usize, usize) = (HOSTILE.len() - 1, (HOSTILE.len() - 1) / 3);

#[test]
fn graphviz_draws_it() {
    let Some(dot) = server("LIMBECK_TEST_DOT") else {
        return;
    };
    let svg = |source: &str| fed(Command::new(&dot).arg("-Tsvg"), source);
    let source = drawn(&hostile(), &["graph", "--format", "dot"]);
    let svg = svg(&source);
    let mut boxes = BTreeSet::new();
    for node in svg.split("class=\"node\"").skip(1) {
        let node = node.split("</g>").next().expect("an end");
        boxes.insert(texts(node));
    }
    assert_eq!(boxes, labels());
    assert_eq!(svg.matches("class=\"edge\"").count(), EDGES.0 + EDGES.1);
    assert_eq!(svg.matches("stroke-dasharray").count(), EDGES.1);
    // An arrow leads from what comes first.
    assert!(source.contains("\"end\" -> \"q\\\"uote\"\n"), "{source}");
}

/// The lines of text in a part of an SVG.
fn texts(svg: &str) -> Vec<String> {
    let texts = svg.split("<text").skip(1).map(|text| {
        let text = text.split_once('>').expect("the tag's end").1;
        let text = text.split("</text>").next().expect("an end");
        let text = text
            .replace("&#45;", "-")
            .replace("&#160;", " ")
            .replace("&quot;", "\"")
            .replace("&#39;", "'");
        text.replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
    });
    texts.collect()
}

#[test]
fn mermaid_reads_it() {
    let Some(folder) = server("LIMBECK_TEST_MERMAID") else {
        return;
    };
    let script = crate::support::repository().join("tests/mermaid.mjs");
    let read = |source: &str| -> Value {
        let said = fed(Command::new("node").arg(&script).arg(&folder), source);
        serde_json::from_str(&said).expect("JSON")
    };
    let document = read(&drawn(&hostile(), &["graph", "--format", "mermaid"]));
    let nodes = document["nodes"].as_object().expect("nodes");
    let boxes: BTreeSet<Vec<String>> = nodes
        .values()
        .map(|lines| serde_json::from_value(lines.clone()).expect("lines"))
        .collect();
    assert_eq!(boxes, labels());
    let edges = document["edges"].as_array().expect("edges");
    let of = |stroke: &str| edges.iter().filter(|edge| edge[2] == stroke).count();
    assert_eq!((of("normal"), of("dotted")), EDGES);
    assert_eq!(edges.len(), EDGES.0 + EDGES.1);
    assert!(edges.contains(&json!(["n0", "n1", "normal"])), "{document}");
    assert_eq!(document["classes"]["n13"], json!(["head"]));

    let place = Place::diamond();
    assert_eq!(place.call(&["upgrade", "billing", DATABASE]).code, 0);
    let document = read(&drawn(
        &place,
        &["graph", "-i", DATABASE, "--format", "mermaid"],
    ));
    assert_eq!(
        document["classes"],
        json!({
            "n0": ["applied"], "n1": ["current"], "n2": ["pending"], "n3": ["pending"],
            "n4": ["pending", "head"],
        })
    );
    assert_eq!(
        document["nodes"]["n1"],
        json!(["b1 (billing) (current)", "Revision b1"])
    );

    // Edited, and ahead of the files.
    let edited = file("a1", "", "", "-- @upgrade\nSELECT 2;\n");
    place.write("migrations/a1.sql", &edited);
    for name in ["b1", "d1", "e1"] {
        fs::remove_file(place.path(&format!("migrations/{name}.sql"))).expect("a file");
    }
    let document = read(&drawn(
        &place,
        &["graph", "-i", DATABASE, "--format", "mermaid"],
    ));
    assert_eq!(
        document["classes"],
        json!({ "n0": ["edited"], "n1": ["pending", "head"], "n2": ["unknown"] })
    );
    assert_eq!(
        document["nodes"]["n2"],
        json!(["b1", "(not in these files)"])
    );
}

/// What a program says to this on its standard input.
fn fed(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{errors}\n{input}"
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A graph of `branches` branches of ten revisions.
fn wide(branches: usize, shape: fn(usize, usize, usize) -> Vec<String>) -> Place {
    let place = Place::new(&[]);
    for branch in 0..branches {
        for at in 0..10 {
            let id = revision(branch, at);
            let down = shape(branches, branch, at).join(", ");
            place.write(
                &format!("migrations/{id}.sql"),
                &file(&id, &down, "", "-- @upgrade\n"),
            );
        }
    }
    place
}

fn revision(branch: usize, at: usize) -> String {
    format!("r{branch:03}x{at}")
}

/// All branches begin at the first revision, and the last one of the last branch joins them all.
fn fan(branches: usize, branch: usize, at: usize) -> Vec<String> {
    match (branch, at) {
        (0, 0) => Vec::new(),
        (_, 0) => vec![revision(0, 0)],
        (branch, 9) if branch + 1 == branches => {
            let ends = (0..branch).map(|other| revision(other, 9));
            ends.chain([revision(branch, 8)]).collect()
        }
        _ => vec![revision(branch, at - 1)],
    }
}

/// A trunk, and a branch from each of its revisions.
fn comb(_: usize, branch: usize, at: usize) -> Vec<String> {
    match (branch, at) {
        (0, 0) => Vec::new(),
        (_, 0) => vec![revision(branch - 1, 0)],
        _ => vec![revision(branch, at - 1)],
    }
}

/// Each revision joins its branch and one far away.
fn lattice(branches: usize, branch: usize, at: usize) -> Vec<String> {
    let other = branch * 7 % branches;
    let mut down = Vec::new();
    if at > 0 {
        down.push(revision(branch, at - 1));
    }
    if at > 0 && other != branch {
        down.push(revision(other, at - 1));
    }
    down
}

/// Twice the graph is twice the picture, each revision has one row, and no line is wider than the columns and
/// words that one may have: so the work is linear, too, since what is drawn is all that is kept.
#[test]
fn two_thousand_revisions_in_two_hundred_branches() {
    /// Twelve columns of two, one more for the revision itself, the glyph's margin.
    const MARGIN: usize = 2 * 13 + 3;
    for shape in [fan, comb, lattice] {
        let sizes = [100, 200].map(|branches| {
            let place = wide(branches, shape);
            let picture = drawn(&place, &["graph"]);
            let mut seen = BTreeSet::new();
            for line in picture.lines() {
                let text = line.find(|c: char| c.is_ascii_alphabetic());
                let lines = text.map_or(line, |start| &line[..start]);
                assert!(lines.chars().count() <= MARGIN, "{line}");
                assert!(line.chars().count() <= 200, "{line}");
                if let Some(start) = text {
                    let id: String = line[start..].chars().take(6).collect();
                    assert!(seen.insert(id), "{line}");
                }
            }
            assert_eq!(seen.len(), branches * 10);
            for format in ["dot", "mermaid"] {
                let source = drawn(&place, &["graph", "--format", format]);
                let arrow = if format == "dot" { " -> " } else { " --> " };
                let edges: usize = (0..branches)
                    .flat_map(|branch| (0..10).map(move |at| (branch, at)))
                    .map(|(branch, at)| shape(branches, branch, at).len())
                    .sum();
                assert_eq!(source.matches(arrow).count(), edges);
            }
            picture.lines().count()
        });
        assert!(sizes[1] <= 2 * sizes[0] + 50, "{sizes:?}");
        assert!(sizes[1] <= 2 * 2000, "{sizes:?}");
    }
}
