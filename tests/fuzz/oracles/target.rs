//! The parser of targets and ranges, and what they mean in a graph: a byte that chooses the graph, a byte that
//! chooses the heads, and a text.

use limbeck::graph::Node;
use limbeck::plan::Purge;
use limbeck::target::{Bound, TargetError};
use limbeck::{Graph, Plan, Range, Target, plan};

pub fn check(data: &[u8]) {
    let [which, heads, text @ ..] = data else {
        return;
    };
    let graph = graph(*which);
    let heads = heads_of(&graph, *heads);
    let text = &*String::from_utf8_lossy(text);
    let mut targets = Vec::new();
    for word in text.split('\n').take(3) {
        match word.parse::<Target>() {
            Ok(target) => {
                check_written(word, &target);
                check_in(&graph, &heads, &target);
                targets.push(target);
            }
            Err(error) => check_error(&error),
        }
        match word.parse::<Range>() {
            Ok(range) => {
                let written = range.to_string();
                assert_eq!(written.parse::<Range>().as_ref(), Ok(&range), "{word:?}");
                told(plan::history(&graph, &heads, &range));
            }
            Err(error) => check_error(&error),
        }
    }
    if targets.is_empty() {
        return;
    }
    if let Some(plan) = told(plan::upgrade(&graph, &heads, &targets)) {
        check_upgrade(&graph, &heads, &plan);
    }
    for purge in [Purge::Keep, Purge::Clear] {
        told(plan::stamp(&graph, &heads, &targets, purge));
    }
}

fn check_written(word: &str, target: &Target) {
    let written = target.to_string();
    assert_eq!(written.parse::<Target>().as_ref(), Ok(target), "{word:?}");
    // A target is no range, and alone a range's bound.
    assert!(written.parse::<Range>().is_err());
    let range: Range = format!("{written}:{written}")
        .parse()
        .expect("a range of it");
    assert_eq!(range.lower(), &Bound::At(target.clone()));
    assert_eq!(range.upper(), &Bound::At(target.clone()));
}

fn check_in(graph: &Graph, heads: &[String], target: &Target) {
    if let Some(ids) = told(plan::resolve(graph, target)) {
        assert!(ids.iter().all(|id| graph.contains(id)), "{target}: {ids:?}");
    }
    if let Some(plan) = told(plan::upgrade(graph, heads, std::slice::from_ref(target))) {
        check_upgrade(graph, heads, &plan);
    }
    if let Some(plan) = told(plan::downgrade(graph, heads, target)) {
        let before = graph.ancestors(heads);
        let mut left: Vec<_> = before.iter().cloned().collect();
        for step in plan.steps() {
            let at = left
                .iter()
                .position(|id| *id == step.revision)
                .expect("an applied revision is undone");
            left.remove(at);
            assert!(
                !left.iter().any(|id| graph.is_ancestor(&step.revision, id)),
                "what needs it goes first"
            );
        }
        check_heads(graph, &plan, &left);
    }
}

fn check_upgrade(graph: &Graph, heads: &[String], plan: &Plan) {
    let mut applied: Vec<_> = graph.ancestors(heads).iter().cloned().collect();
    for step in plan.steps() {
        assert!(!applied.contains(&step.revision), "applied once");
        let mut needed = graph
            .down_revision(&step.revision)
            .chain(graph.depends_on(&step.revision));
        assert!(
            needed.all(|id| applied.contains(id)),
            "what it needs comes first"
        );
        applied.push(step.revision.clone());
    }
    check_heads(graph, plan, &applied);
}

/// The version rows that the steps leave are the tips of what is applied then.
fn check_heads(graph: &Graph, plan: &Plan, applied: &[std::sync::Arc<str>]) {
    if plan.is_empty() {
        return;
    }
    let tips = graph.effective_heads_of(applied);
    assert_eq!(plan.heads(), tips);
    let mut walk = plan.walk();
    while walk.advance().is_some() {}
    assert!(walk.heads().iter().eq(&tips));
}

fn told<T>(result: Result<T, TargetError>) -> Option<T> {
    result.inspect_err(check_error).ok()
}

fn check_error(error: &TargetError) {
    const KINDS: [&str; 9] = [
        "multiple_heads",
        "ambiguous_revision",
        "unknown_revision",
        "not_ancestor",
        "invalid_target",
        "ambiguous_walk",
        "relative_out_of_range",
        "overlapping_targets",
        "malformed_target",
    ];
    assert!(KINDS.contains(&error.kind()), "{}", error.kind());
    assert!(!error.to_string().is_empty());
}

fn node(id: &str, down: &[&str], labels: &[&str], depends: &[&str]) -> Node {
    let words = |words: &[&str]| words.iter().map(|&word| word.into()).collect();
    Node {
        down_revision: words(down),
        branch_labels: words(labels),
        depends_on: words(depends),
        ..Node::new(id)
    }
}

fn graph(which: u8) -> Graph {
    let nodes = match which % 4 {
        0 => vec![],
        // a1f0 ─► a1f1 ─► a1f2
        1 => vec![
            node("a1f0", &[], &["line"], &[]),
            node("a1f1", &["a1f0"], &[], &[]),
            node("a1f2", &["a1f1"], &[], &[]),
        ],
        //        ┌─► abc1 (left) ─► abc3 ─┐
        // abc0 ──┤                        ├─► abd0      ab, é: bases of their own; é depends on left
        //        └─► abc2 ────────────────┘
        2 => vec![
            node("abc0", &[], &[], &[]),
            node("abc1", &["abc0"], &["left"], &[]),
            node("abc2", &["abc0"], &[], &[]),
            node("abc3", &["abc1"], &[], &[]),
            node("abd0", &["abc3", "abc2"], &[], &[]),
            node("ab", &[], &["lefty"], &[]),
            node("é", &[], &[], &["left"]),
        ],
        // Three branches from one root, two of which consume each other's middle.
        _ => vec![
            node("f000", &[], &["root"], &[]),
            node("f001", &["f000"], &["one"], &[]),
            node("f002", &["f000"], &["two"], &["f001"]),
            node("f003", &["f000"], &["three"], &[]),
            node("f011", &["f001"], &[], &["f003"]),
            node("f022", &["f002"], &[], &[]),
            node("f033", &["f003"], &[], &["f022"]),
        ],
    };
    Graph::new(nodes).expect("a graph")
}

/// Some of the revisions, chosen by the bits; some of them may imply others, and one may be nobody's.
fn heads_of(graph: &Graph, bits: u8) -> Vec<String> {
    let mut heads: Vec<String> = graph
        .ids()
        .enumerate()
        .filter(|(at, _)| bits >> (at % 7) & 1 == 1)
        .map(|(_, id)| id.to_string())
        .collect();
    if bits & 0x80 != 0 {
        heads.push("stranger".to_owned());
    }
    heads
}
