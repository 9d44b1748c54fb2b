use super::*;

/// Nodes from lines of `id < parent, parent | dependency | label`, the later parts left out at will.
pub(crate) fn nodes(text: &str) -> Vec<Node> {
    let list = |part: &str| -> Vec<Arc<str>> {
        let items = part.split(',').map(str::trim);
        items
            .filter(|item| !item.is_empty())
            .map(Arc::from)
            .collect()
    };
    let line = |line: &str| {
        let mut parts = line.split('|');
        let joint = parts.next().unwrap_or_default();
        let (id, down) = joint.split_once('<').unwrap_or((joint, ""));
        Node {
            down_revision: list(down),
            depends_on: list(parts.next().unwrap_or_default()),
            branch_labels: list(parts.next().unwrap_or_default()),
            ..Node::new(id.trim())
        }
    };
    text.lines()
        .filter(|text| !text.trim().is_empty())
        .map(line)
        .collect()
}

pub(crate) fn graph(text: &str) -> Graph {
    Graph::new(nodes(text)).unwrap()
}

fn words<'a>(ids: impl IntoIterator<Item = &'a Arc<str>>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(|id| &**id).collect();
    ids.join(" ")
}

#[test]
fn one_branch_is_finished_before_the_next() {
    // a ─► b1 ─► b2 ──► m ─► z
    //  └─► c1 ─► c2 ──┘
    let graph = graph(
        "z < m
         m < c2, b2
         c2 < c1
         c1 < a
         b2 < b1
         b1 < a
         a",
    );
    assert_eq!(words(graph.ids()), "a b1 b2 c1 c2 m z");
    assert_eq!(words(graph.down_revision("m")), "c2 b2", "as written");
    assert_eq!(words(graph.children("a")), "b1 c1");
    assert_eq!(words(graph.branch_points()), "a");
}

#[test]
fn a_branch_goes_on_before_what_only_waited_for_it() {
    // 0 ─► c          c depends on b
    // a ─► b ─► d
    let graph = graph(
        "0
         c < 0 | b
         a
         b < a
         d < b",
    );
    // After b both are free, and c comes first by name; but d continues b's branch.
    assert_eq!(words(graph.ids()), "0 a b d c");
}

#[test]
fn heads_and_effective_heads() {
    // a ─► b
    // x ─► y          y depends on b
    let graph = graph(
        "a
         b < a
         x
         y < x | b",
    );
    assert_eq!(words(&graph.heads()), "b y");
    assert_eq!(words(&graph.effective_heads()), "y");
    assert_eq!(words(&graph.bases()), "a x");
    assert_eq!(words(&graph.effective_heads_of(["a", "b", "x"])), "b x");
    assert_eq!(words(&graph.effective_heads_of(["y", "a", "nowhere"])), "y");
    assert_eq!(words(graph.ancestors(["y"]).iter()), "a b x y");
    assert_eq!(words(graph.descendants(["b", "nowhere"]).iter()), "b y");
    assert!(graph.is_ancestor("a", "y") && !graph.is_ancestor("y", "a"));
    assert!(!graph.is_ancestor("a", "a") && !graph.is_ancestor("a", "nowhere"));
    let below = graph.ancestors(["b"]);
    assert!(below.contains("a") && !below.contains("x") && !below.contains("nowhere"));
    assert_eq!((below.len(), below.is_empty()), (2, false));
    assert_eq!(format!("{below:?}"), r#"{"a", "b"}"#);
    assert_eq!(
        format!("{graph:?}"),
        r#"{"a": [], "b": ["a"], "x": [], "y": ["b", "x"]}"#
    );
}

#[test]
fn dependencies_are_resolved_by_id_label_and_part() {
    let graph = graph(
        "abc123
         abd456 ||billing
         xyz < abc123 | billing, abc1, abc123, abd456",
    );
    assert_eq!(words(graph.depends_on("xyz")), "abc123 abd456");
    assert_eq!(words(graph.down_revision("xyz")), "abc123");
    assert_eq!(words(&graph.effective_heads()), "xyz");
}

/// What Alembic's `RevisionMap` puts into each revision's `branch_labels`.
#[test]
fn a_label_covers_what_follows_and_a_linear_way_down() {
    //           ┌─► c1 ─► c2 (low) ─► c3
    // a ─► b ───┤
    //           └─► d1 (fork) ─► d2
    //                        └─► d3
    let graph = graph(
        "a
         b < a
         c1 < b
         c2 < c1 || low
         c3 < c2
         d1 < b || fork
         d2 < d1
         d3 < d1",
    );
    assert_eq!(
        words(graph.labelled("low").iter()),
        "c1 c2 c3",
        "not the branch point"
    );
    assert_eq!(words(graph.labelled("fork").iter()), "d1 d2 d3");
    assert_eq!(words(&graph.covering_labels("c1")), "low");
    assert_eq!(words(&graph.covering_labels("b")), "");
    assert_eq!(words(graph.branch_labels("c1")), "");
    assert_eq!(words(graph.branch_labels("c2")), "low");
    assert_eq!(graph.labelled("nowhere").len(), 0);
    let all: Vec<_> = graph
        .labels()
        .map(|(label, id)| format!("{label}={id}"))
        .collect();
    assert_eq!(all, ["fork=d1", "low=c2"]);
}

#[test]
fn a_label_stops_where_another_branch_depends_on_the_way() {
    // a ─► b ─► c (l)
    // x                x depends on b
    let graph = graph(
        "a
         b < a
         c < b || l
         x | b",
    );
    assert_eq!(words(graph.labelled("l").iter()), "c");
}

#[test]
fn a_label_stops_at_a_merge() {
    // a ─► m ─► c (l)
    // b ──┘
    let graph = graph(
        "a
         b
         m < a, b
         c < m || l",
    );
    assert_eq!(words(graph.labelled("l").iter()), "c");
}

#[test]
fn nothing_is_a_graph() {
    let graph = Graph::new([]).unwrap();
    assert!(graph.is_empty() && graph.heads().is_empty() && graph.ids().next().is_none());
    assert!(graph.ancestors(["a"]).is_empty());
    assert_eq!(words(graph.down_revision("a")), "");
}

#[test]
fn a_part_of_a_name_is_enough_from_four_characters_on() {
    let graph = graph(
        "abcd1
         abce1 || abcf1
         xyz",
    );
    let found = |prefix| {
        let found = graph.with_prefix(prefix);
        words(found.into_iter().map(|(name, _)| name))
    };
    assert_eq!(found("a"), "abcd1 abce1 abcf1");
    assert_eq!(found("abcd"), "abcd1");
    assert_eq!(found("xy"), "");
}

/// One case for each variant, and for each way it reads.
#[test]
fn what_graph_errors_say() {
    let table = [
        (
            "a-b",
            "`a-b` cannot be a revision id: it is one word without white space, comma, `@`, `+`, `-` or `:`, \
             and not `head`, `heads`, `base`, `current` or `none`",
        ),
        (
            "a || Head",
            "`Head`, a branch label of revision `a`, cannot be one: it is one word without white space, comma, \
             `@`, `+`, `-` or `:`, and not `head`, `heads`, `base`, `current` or `none`",
        ),
        ("a\nb\na", "revision id `a` is there twice"),
        (
            "abc\nAbC",
            "revision ids `AbC` and `abc` differ in case only, which not every database can tell apart",
        ),
        (
            "b || x, y\na < b || y",
            "branch label `y` stands on revision `a` and again on revision `b`",
        ),
        (
            "a || x, x",
            "branch label `x` stands on revision `a` and again on revision `a`",
        ),
        (
            "a\nb || a",
            "branch label `a` of revision `b` is the id of a revision: choose another",
        ),
        (
            "b < 3f2a9c1d7b40\n3f2a9c1d7b04",
            "revision `b` has `3f2a9c1d7b40` in its down_revision, which is not there; did you mean \
             `3f2a9c1d7b04`?",
        ),
        (
            "a || billing\nb | biling",
            "revision `b` has `biling` in its depends_on, which is not there; did you mean `billing`?",
        ),
        (
            "a\nb < non",
            "revision `b` has `non` in its down_revision, which is not there; did you mean `none`?",
        ),
        (
            "b | elsewhere",
            "revision `b` has `elsewhere` in its depends_on, which is not there",
        ),
        (
            "a || billing\nb < billing",
            "revision `b` has `billing` in its down_revision, which is not there",
        ),
        (
            "a\nb < a, a",
            "revision `b` names `a` twice in its down_revision",
        ),
        (
            "abcd1\nabcd2\nb | abcd",
            "revision `b` has `abcd` in its depends_on, which fits several revisions: `abcd1`, `abcd2`; write \
             more of the id",
        ),
        (
            "r\na < r, c\nb < a\nc < b\nd < c",
            "a cycle through down_revision: `a` needs `c` needs `b` needs `a`",
        ),
        (
            "a | b\nb < a",
            "a cycle through down_revision and depends_on: `a` needs `b` needs `a`",
        ),
        ("a < a", "a cycle through down_revision: `a` needs `a`"),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (text, message) in table {
        let error = Graph::new(nodes(text)).unwrap_err();
        assert_eq!(error.to_string(), message, "{text}");
        let named = error.revision().unwrap();
        assert!(message.contains(&format!("`{named}`")), "{text}: {named}");
        assert!(
            ["revision", "branch_labels", "down_revision", "depends_on"].contains(&error.key())
        );
        let mut reversed = nodes(text);
        reversed.reverse();
        assert_eq!(Graph::new(reversed).unwrap_err(), error, "in another order");
        // Without a wildcard: a new variant does not compile until it has a number and a case.
        seen.insert(match error {
            GraphError::InvalidRevision { .. } => 0,
            GraphError::InvalidLabel { .. } => 1,
            GraphError::DuplicateRevision { .. } => 2,
            GraphError::DuplicateLabel { .. } => 3,
            GraphError::LabelIsRevision { .. } => 4,
            GraphError::MissingReference { .. } => 5,
            GraphError::RepeatedReference { .. } => 6,
            GraphError::AmbiguousReference { .. } => 7,
            GraphError::Cycle { .. } => 8,
        });
    }
    assert_eq!(seen.len(), 9, "a variant has no case");
}

#[test]
fn graph_errors_point_at_a_header_and_a_key() {
    let of = |text| {
        let error = Graph::new(nodes(text)).unwrap_err();
        format!("{} {}", error.revision().unwrap(), error.key())
    };
    assert_eq!(of("a-b"), "a-b revision");
    assert_eq!(of("abc\nAbC"), "abc revision");
    assert_eq!(of("b || x, y\na < b || y"), "b branch_labels");
    assert_eq!(of("b | elsewhere"), "b depends_on");
    assert_eq!(of("b < elsewhere"), "b down_revision");
    assert_eq!(of("a\nb < a, a"), "b down_revision");
    assert_eq!(of("r\na < r, c\nb < a\nc < b"), "a down_revision");
    // The edge from a to b is a down_revision, the one that closes the cycle is not.
    assert_eq!(of("a < b\nb | a"), "b depends_on");
}

#[test]
fn a_list_of_names_stays_short() {
    let names: Vec<Arc<str>> = (0..100).map(|n| format!("r{n}").into()).collect();
    assert_eq!(Names(&names[..2]).to_string(), "`r0`, `r1`");
    assert_eq!(
        Names(&names).to_string(),
        "`r0`, `r1`, `r2`, `r3`, `r4`, `r5`, `r6`, `r7` and 92 more"
    );
}
