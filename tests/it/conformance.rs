//! Alembic's own answers: see `tests/conformance/README.md`.

use std::path::Path;
use std::sync::Arc;

use limbeck::graph::Node;
use limbeck::target::TargetError;
use limbeck::{Graph, Plan, Range, Target, plan};
use serde_json::Value;

#[test]
fn random_graphs() {
    assert_eq!(answer("random.jsonl"), (128, 2560));
}

#[test]
fn a_real_project() {
    assert_eq!(answer("warehouse.jsonl"), (1, 300));
}

/// Puts every query of a file; how many graphs and queries it held.
fn answer(file: &str) -> (usize, usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/conformance")
        .join(file);
    let text = std::fs::read_to_string(path).expect("the cases are there");
    let mut graphs = 0;
    let mut queries = 0;
    let mut wrong = Vec::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("a case is JSON");
        let graph = graph_of(&case["graph"]);
        graphs += 1;
        for query in case["queries"].as_array().expect("a list of queries") {
            queries += 1;
            let got = ask(&graph, query);
            let is_of_several = matches!(&got, Err(TargetError::MultipleHeads { .. }))
                && query["command"] == "history"
                && query["expect"]["error"] == "not_ancestor";
            if !is_of_several && !fits(&got, &query["expect"]) {
                wrong.push(format!("{file}, graph {graphs}: {query}\n  got {got:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {queries} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    (graphs, queries)
}

#[derive(Debug)]
struct Answer {
    /// Sorted.
    revisions: Vec<Arc<str>>,
    heads: Option<Vec<Arc<str>>>,
}

fn ask(graph: &Graph, query: &Value) -> Result<Answer, TargetError> {
    let from = strings(&query["from"]);
    let to = || query["to"].as_str().expect("`to` is text");
    let listed = |mut revisions: Vec<Arc<str>>| {
        revisions.sort();
        Answer {
            revisions,
            heads: None,
        }
    };
    let run = |plan: Plan| {
        let steps = plan.steps().iter();
        Answer {
            heads: Some(plan.heads().to_vec()),
            ..listed(steps.map(|step| Arc::clone(&step.revision)).collect())
        }
    };
    match query["command"].as_str().expect("a command is text") {
        "upgrade" => plan::upgrade(graph, &from, &[to().parse()?]).map(run),
        "downgrade" => plan::downgrade(graph, &from, &to().parse::<Target>()?).map(run),
        "history" => plan::history(graph, &from, &to().parse::<Range>()?).map(listed),
        "resolve" => plan::resolve(graph, &to().parse()?).map(listed),
        "heads" => Ok(listed(graph.heads())),
        "branches" => Ok(listed(graph.branch_points().cloned().collect())),
        other => panic!("no such command: {other}"),
    }
}

fn fits(got: &Result<Answer, TargetError>, expect: &Value) -> bool {
    match (got, expect["error"].as_str()) {
        (Err(error), Some(kind)) => kind == "any" || kind == error.kind(),
        (Ok(answer), None) => {
            expect.get("revisions").is_some()
                && answer.revisions == strings(&expect["revisions"])
                && answer.heads == expect.get("heads").map(strings)
        }
        _ => false,
    }
}

fn graph_of(value: &Value) -> Graph {
    let nodes = value.as_array().expect("a graph is a list of revisions");
    Graph::new(nodes.iter().map(|node| Node {
        id: node["revision"].as_str().expect("an id is text").into(),
        down_revision: strings(&node["down_revision"]),
        branch_labels: strings(&node["branch_labels"]),
        depends_on: strings(&node["depends_on"]),
    }))
    .expect("Alembic loads it")
}

fn strings(value: &Value) -> Vec<Arc<str>> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items
        .iter()
        .map(|item| item.as_str().expect("an id is text").into())
        .collect()
}

/// The same answers once more, from runs: what Alembic would do is done to a database, and its rows are read.
/// Every revision of the real project's graph and of each random one is a step with a statement of its own.
#[tokio::test]
async fn runs_do_what_alembic_would() {
    let mut runs = 0;
    for file in ["random.jsonl", "warehouse.jsonl"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/conformance")
            .join(file);
        let text = std::fs::read_to_string(path).expect("the cases are there");
        for line in text.lines() {
            let case: Value = serde_json::from_str(line).expect("a case is JSON");
            let migrations = migrations_of(&case["graph"]);
            let pool = sqlx::sqlite::SqlitePoolOptions::new()
                .max_connections(1)
                .connect("sqlite::memory:")
                .await
                .expect("in memory");
            let migrator = limbeck::Migrator::new(&pool, migrations);
            // Makes the tables.
            let _ = migrator
                .stamp("heads", limbeck::plan::Purge::Keep)
                .await
                .expect("a stamp");
            for query in case["queries"].as_array().expect("a list of queries") {
                let expect = &query["expect"];
                let command = query["command"].as_str().expect("a command is text");
                if expect.get("heads").is_none() || !matches!(command, "upgrade" | "downgrade") {
                    continue;
                }
                runs += 1;
                place(&pool, &strings(&query["from"])).await;
                let to = query["to"].as_str().expect("`to` is text");
                let report = match command {
                    "upgrade" => migrator.upgrade(to).await,
                    _ => migrator.downgrade(to).await,
                };
                let report = report.unwrap_or_else(|error| panic!("{query}: {error}"));
                let mut ran: Vec<Arc<str>> = report
                    .steps
                    .iter()
                    .map(|step| step.step.revision.clone())
                    .collect();
                ran.sort();
                assert_eq!(ran, strings(&expect["revisions"]), "{query}");
                let expected: Vec<String> = strings(&expect["heads"])
                    .iter()
                    .map(|id| id.to_string())
                    .collect();
                let redundant = report.steps.is_empty();
                let current = migrator.current().await.expect("rows");
                // A run without a step leaves the rows as they are, redundant ones too.
                assert!(current == expected || redundant, "{query}: {current:?}");
            }
        }
    }
    assert_eq!(
        runs,
        490 + 782,
        "upgrades and downgrades that Alembic answers"
    );
}

fn migrations_of(graph: &Value) -> limbeck::Migrations {
    let join = |ids: &Value| strings(ids).join(", ");
    let revisions = graph
        .as_array()
        .expect("a graph is a list")
        .iter()
        .map(|node| {
            let id = node["revision"].as_str().expect("an id");
            let down = match join(&node["down_revision"]) {
                none if none.is_empty() => "none".to_owned(),
                some => some,
            };
            let mut header = format!("-- {id}\n--\n-- revision: {id}\n-- down_revision: {down}\n");
            for key in ["branch_labels", "depends_on"] {
                let list = join(&node[key]);
                if !list.is_empty() {
                    header.push_str(&format!("-- {key}: {list}\n"));
                }
            }
            let text = format!("{header}\n-- @upgrade\nSELECT 1;\n-- @downgrade\nSELECT 2;\n");
            limbeck::Revision::parse(format!("{id}.sql"), text).expect("a revision")
        });
    limbeck::Migrations::new(revisions).expect("a graph")
}

/// Puts the version table's rows where a query begins, and forgets the ledger.
async fn place(pool: &sqlx::SqlitePool, heads: &[Arc<str>]) {
    let mut script = "DELETE FROM limbeck_version; DELETE FROM limbeck_history;".to_owned();
    for head in heads {
        script.push_str(&format!("INSERT INTO limbeck_version VALUES ('{head}');"));
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(script))
        .execute(pool)
        .await
        .expect("rows");
}
