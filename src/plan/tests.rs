use super::*;
use crate::aim::{Range, Target, TargetError};
use crate::graph::tests::graph;
use crate::graph::{Graph, LOOKED_AT, Node};

/// What was asked and what came: `upgrade from… to…`, as an operator would say it.
fn ask(graph: &Graph, question: &str) -> Result<Plan, TargetError> {
    let (command, rest) = question.split_once(' ').unwrap();
    let (from, to) = rest.split_once("->").unwrap();
    let from: Vec<&str> = from.split_whitespace().collect();
    let targets =
        || -> Result<Vec<Target>, TargetError> { to.split_whitespace().map(str::parse).collect() };
    // What only lists revisions is told as rows of a plan without steps.
    let listing = |heads| {
        let nothing = upgrade(graph, &from, &[])?;
        Ok(Plan { heads, ..nothing })
    };
    match command {
        "upgrade" => upgrade(graph, &from, &targets()?),
        "downgrade" => downgrade(graph, &from, &Target::only(targets()?)?),
        "stamp" => stamp(graph, &from, &targets()?, Purge::Keep),
        "purge" => stamp(graph, &from, &targets()?, Purge::Clear),
        "history" => listing(history(graph, &from, &to.trim().parse()?)?),
        "resolve" => listing(resolve(graph, &to.trim().parse()?)?),
        _ => panic!("no such command: {command}"),
    }
}

/// Each step as `revision -rows that go +rows that come`, then the rows at the end.
fn told(graph: &Graph, question: &str) -> String {
    let plan = ask(graph, question).unwrap_or_else(|error| panic!("{question}: {error}"));
    let mut told = String::new();
    for step in plan.steps() {
        told += &step.revision;
        step.removes
            .iter()
            .for_each(|id| told += &format!(" -{id}"));
        step.adds.iter().for_each(|id| told += &format!(" +{id}"));
        told += "; ";
    }
    told + "= " + &words(plan.heads())
}

fn kind(graph: &Graph, question: &str) -> &'static str {
    ask(graph, question).unwrap_err().kind()
}

fn words<'a>(ids: impl IntoIterator<Item = &'a Arc<str>>) -> String {
    let ids: Vec<&str> = ids.into_iter().map(|id| &**id).collect();
    ids.join(" ")
}

/// ```text
///           ┌─► b1 (left) ──┐
/// a ────────┤               ├─► m ─► z
///           └─► c1 (right) ─┘
/// ```
fn diamond() -> Graph {
    graph(
        "a
         b1 < a || left
         c1 < a || right
         m < b1, c1
         z < m",
    )
}

/// ```text
/// a1 (main) ─► a2 ─► a3       a2 depends on p2
/// p1 (plug) ─► p2 ─► p3
/// ```
fn two_bases() -> Graph {
    graph(
        "a1 || main
         a2 < a1 | p2
         a3 < a2
         p1 || plug
         p2 < p1
         p3 < p2",
    )
}

#[test]
fn a_merge_runs_the_other_branch_too() {
    let graph = diamond();
    assert_eq!(
        told(&graph, "upgrade -> m"),
        "a +a; b1 -a +b1; c1 +c1; m -b1 -c1 +m; = m"
    );
    assert_eq!(
        told(&graph, "upgrade b1 -> left@head"),
        "c1 +c1; m -b1 -c1 +m; z -m +z; = z"
    );
    assert_eq!(told(&graph, "upgrade m -> b1"), "= m", "applied already");
    assert_eq!(
        told(&graph, "upgrade b1 -> +1"),
        "c1 +c1; m -b1 -c1 +m; = m"
    );
}

#[test]
fn to_one_parent_of_a_merge_undoes_the_merge_alone() {
    let graph = diamond();
    assert_eq!(
        told(&graph, "downgrade z -> b1"),
        "z -z +m; m -m +b1 +c1; = b1 c1"
    );
    assert_eq!(told(&graph, "downgrade b1 c1 -> left@a"), "b1 -b1; = c1");
    assert_eq!(told(&graph, "downgrade b1 c1 -> left@-1"), "b1 -b1; = c1");
    assert_eq!(told(&graph, "downgrade b1 -> -1"), "b1 -b1 +a; = a");
    assert_eq!(
        told(&graph, "downgrade b1 c1 -> a"),
        "c1 -c1; b1 -b1 +a; = a"
    );
}

#[test]
fn what_depends_on_it_goes_with_it() {
    let graph = two_bases();
    assert_eq!(
        told(&graph, "upgrade -> a3"),
        "a1 +a1; p1 +p1; p2 -p1 +p2; a2 -a1 -p2 +a2; a3 -a2 +a3; = a3"
    );
    assert_eq!(
        told(&graph, "downgrade a3 -> plug@base"),
        "a3 -a3 +a2; a2 -a2 +a1 +p2; p2 -p2 +p1; p1 -p1; = a1"
    );
    assert_eq!(
        told(&graph, "downgrade a2 p3 -> main@base"),
        "a2 -a2 +a1; a1 -a1; = p3"
    );
    assert_eq!(
        told(&graph, "downgrade a3 p3 -> p2"),
        "p3 -p3; = a3",
        "a2 depends on p2, not on p3"
    );
    assert_eq!(
        told(&graph, "downgrade a2 -> plug@-1"),
        "a2 -a2 +a1 +p2; p2 -p2 +p1; = a1 p1"
    );
}

#[test]
fn heads_leave_out_what_is_depended_on() {
    // a ─► b
    // x            x depends on b
    let graph = graph(
        "a
         b < a
         x | b",
    );
    assert_eq!(kind(&graph, "upgrade -> head"), "multiple_heads");
    assert_eq!(
        told(&graph, "upgrade -> heads"),
        "a +a; b -a +b; x -b +x; = x"
    );
    assert_eq!(told(&graph, "upgrade x -> heads"), "= x");
    assert_eq!(kind(&graph, "upgrade -> b x"), "overlapping_targets");
    assert_eq!(told(&graph, "upgrade -> b b"), "a +a; b -a +b; = b");
}

#[test]
fn a_row_made_redundant_goes_with_the_next_step() {
    let graph = two_bases();
    // p2's row is from before a2 depended on it.
    assert_eq!(
        told(&graph, "upgrade a2 p2 -> heads"),
        "p3 -p2 +p3; a3 -a2 +a3; = a3 p3"
    );
    assert_eq!(
        told(&graph, "upgrade a2 p2 -> a2"),
        "= a2 p2",
        "no step, no change"
    );
    assert_eq!(
        told(&graph, "downgrade a2 p2 -> a1"),
        "a2 -a2 +a1; = a1 p2",
        "needed again"
    );
    assert_eq!(
        told(&graph, "downgrade a3 p2 -> -1"),
        "a3 -a3 -p2 +a2; = a2",
        "one head really"
    );
    assert_eq!(told(&graph, "upgrade a2 p2 -> +1"), "a3 -a2 -p2 +a3; = a3");
}

#[test]
fn relative_steps() {
    let graph = two_bases();
    assert_eq!(kind(&graph, "upgrade -> +1"), "ambiguous_walk");
    assert_eq!(
        told(&graph, "upgrade -> plug@+2"),
        "p1 +p1; p2 -p1 +p2; = p2"
    );
    assert_eq!(
        told(&graph, "upgrade a3 -> plug@+1"),
        "p3 +p3; = a3 p3",
        "from p2, which a2 brought"
    );
    assert_eq!(kind(&graph, "upgrade a3 -> +1"), "relative_out_of_range");
    assert_eq!(kind(&graph, "upgrade a3 -> -1"), "relative_out_of_range");
    assert_eq!(kind(&graph, "upgrade a3 -> +0"), "relative_out_of_range");
    assert_eq!(told(&graph, "upgrade -> p1+1"), "p1 +p1; p2 -p1 +p2; = p2");
    assert_eq!(told(&graph, "upgrade -> p3-2"), "p1 +p1; = p1");
    assert_eq!(kind(&graph, "upgrade -> p3-3"), "relative_out_of_range");
    assert_eq!(told(&graph, "upgrade -> plug@base+1"), "p1 +p1; = p1");
    assert_eq!(kind(&graph, "downgrade a1 p1 -> -1"), "ambiguous_walk");
    assert_eq!(kind(&graph, "downgrade -> -1"), "relative_out_of_range");
    assert_eq!(kind(&graph, "downgrade p1 -> -2"), "relative_out_of_range");
    assert_eq!(kind(&graph, "downgrade p1 -> +1"), "relative_out_of_range");
    assert_eq!(
        kind(&graph, "downgrade p1 -> main@-1"),
        "relative_out_of_range"
    );
    assert_eq!(
        kind(&graph, "downgrade p1 -> base-1"),
        "relative_out_of_range"
    );
    assert_eq!(
        told(&graph, "downgrade a1 p2 -> plug@-2"),
        "p2 -p2 +p1; p1 -p1; = a1"
    );
    assert_eq!(told(&graph, "downgrade p3 -> p1+1"), "p3 -p3 +p2; = p2");
    assert_eq!(
        told(&graph, "downgrade a1 p1 -> p1-1"),
        "p1 -p1; a1 -a1; = ",
        "that is base"
    );
}

#[test]
fn a_stamp_moves_rows_of_its_own_lineage() {
    let two = two_bases();
    assert_eq!(
        told(&two, "stamp a3 -> p1"),
        "p1 -a3 +p1; = p1",
        "a3 needs p1"
    );
    assert_eq!(told(&two, "stamp a1 p3 -> p3"), "= a1 p3");
    assert_eq!(told(&two, "stamp a1 p3 -> base"), "a1 -a1; p3 -p3; = ");
    assert_eq!(told(&two, "stamp a1 p3 -> main@base"), "a1 -a1; = p3");
    assert_eq!(told(&two, "stamp p2 -> -1"), "p1 -p2 +p1; = p1");
    assert_eq!(told(&two, "stamp p2 -> +1"), "p3 -p2 +p3; = p3");
    assert_eq!(told(&two, "stamp a1 p1 -> plug@-1"), "p1 -p1; = a1");
    assert_eq!(kind(&two, "stamp -> a3 p2"), "overlapping_targets");
    assert_eq!(kind(&two, "stamp elsewhere -> a3"), "unknown_revision");
    assert_eq!(
        told(&two, "purge elsewhere p3 -> a1"),
        "a1 -elsewhere -p3 +a1; = a1"
    );
    assert_eq!(
        told(&two, "purge elsewhere a1 -> a1"),
        "a1 -elsewhere; = a1"
    );
    assert_eq!(
        told(&two, "purge elsewhere -> base"),
        "elsewhere -elsewhere; = "
    );

    let merged = diamond();
    assert_eq!(
        told(&merged, "stamp m -> b1 c1"),
        "b1 -m +b1; c1 +c1; = b1 c1"
    );
    assert_eq!(told(&merged, "stamp b1 c1 -> m"), "m -b1 -c1 +m; = m");
    let down = ask(&merged, "stamp z -> b1").unwrap();
    assert_eq!(words(down.no_longer_implied()), "z m c1", "newest first");
    assert_eq!(words(down.newly_implied()), "");
    let up = ask(&merged, "stamp a -> m").unwrap();
    assert_eq!(words(up.newly_implied()), "b1 c1 m", "oldest first");
    assert_eq!(words(up.no_longer_implied()), "");
    assert_eq!(
        (up.action(), words(up.from())),
        (Action::Stamp, "a".to_owned())
    );
}

#[test]
fn history_and_resolve() {
    let graph = two_bases();
    let told = |question| words(ask(&graph, question).unwrap().heads());
    assert_eq!(told("history -> :"), "a3 a2 p3 p2 p1 a1");
    assert_eq!(told("history -> a2:"), "a3 a2");
    assert_eq!(told("history -> :p2"), "p2 p1");
    assert_eq!(told("history p2 -> current:"), "p3 p2");
    assert_eq!(told("history p2 -> :current"), "p2 p1");
    assert_eq!(told("history -> :current"), "", "nothing is applied");
    assert_eq!(told("history -> p1:+1"), "p2 p1");
    assert_eq!(told("history -> p1:+9"), "p3 p2 p1");
    assert_eq!(told("history -> main@-1:main@head"), "a3 a2");
    assert_eq!(
        kind(&graph, "history -> -1:"),
        "multiple_heads",
        "a2 and p2"
    );
    assert_eq!(told("history -> main@base:main@head"), "a3 a2 p2 p1 a1");
    assert_eq!(
        told("history -> plug@base:heads"),
        "p3 p2 p1",
        "a3 is not covered by plug"
    );
    assert_eq!(kind(&graph, "history -> p3:a3"), "not_ancestor");
    assert_eq!(kind(&graph, "history -> p1:a3"), "not_ancestor");
    assert_eq!(told("resolve -> base"), "");
    assert_eq!(told("resolve -> heads"), "p3 a3");
    assert_eq!(told("resolve -> plug@-1"), "p2");
    assert_eq!(told("resolve -> plug@+2"), "p2");
    assert_eq!(told("resolve -> p3-3"), "");
}

#[test]
fn a_stamp_leaves_no_redundant_row_of_another_branch() {
    // a
    // b            b depends on a
    // c
    let graph = graph(
        "a
         b | a
         c",
    );
    assert_eq!(told(&graph, "stamp a b -> c"), "c -a +c; = b c");
}

#[test]
fn a_branch_narrows_what_part_of_a_name_may_stand_for() {
    // abcd1 (one) ─► abce1
    // abcd2 (two) ─► abce2
    let graph = graph(
        "abcd1 || one
         abce1 < abcd1
         abcd2 || two
         abce2 < abcd2",
    );
    assert_eq!(told(&graph, "upgrade -> two@abcd"), "abcd2 +abcd2; = abcd2");
    assert_eq!(kind(&graph, "upgrade -> abcd"), "ambiguous_revision");
    assert_eq!(kind(&graph, "upgrade -> two@abc"), "ambiguous_revision");
    assert_eq!(kind(&graph, "upgrade -> two@abce1"), "unknown_revision");
}

#[test]
fn an_empty_graph_has_nothing_to_do() {
    let graph = graph("");
    for question in [
        "upgrade -> head",
        "upgrade -> heads",
        "downgrade -> base",
        "stamp -> head",
    ] {
        assert_eq!(told(&graph, question), "= ", "{question}");
    }
    assert_eq!(kind(&graph, "upgrade -> +1"), "relative_out_of_range");
    assert_eq!(kind(&graph, "upgrade a -> head"), "unknown_revision");
}

/// `-n` counts down from each head: together these ends bound a range, or it is said that the heads are several.
#[test]
fn a_range_down_from_several_heads() {
    let graph = graph(
        "a
         b < a
         c < b
         d < b
         e < d",
    );
    assert_eq!(kind(&graph, "history -> -2:"), "multiple_heads");
    assert_eq!(
        kind(&graph, "history -> -3:"),
        "not_ancestor",
        "below the base"
    );
    assert_eq!(kind(&graph, "history -> -9:"), "relative_out_of_range");
    let error = ask(&graph, "history -> -2:").unwrap_err();
    let text = "`-2:` asks for one head and there are 2: `c`, `e`; name one of them, `<branch>@head`, or, to \
                upgrade to all of them, `heads`";
    assert_eq!(error.to_string(), text);
}

/// One case for each variant, and for each way it reads.
#[test]
fn what_target_errors_say() {
    let two = two_bases();
    let diamond = diamond();
    let named = graph(
        "3f2a9c1d7b04 || billing
         3f2b00000000
         3f2b11111111",
    );
    let apart = graph(
        "a
         b < a
         x | b
         c < b, x",
    );
    let table: &[(&Graph, &str, &str)] = &[
        (
            &two,
            "upgrade -> head",
            "`head` asks for one head and there are 2: `a3`, `p3`; name one of them, `<branch>@head`, or, to \
             upgrade to all of them, `heads`",
        ),
        (
            &two,
            "downgrade a3 p3 -> a1 p1",
            "`a1 p1` is 2 targets, and a downgrade goes back to one: name the one that stays applied",
        ),
        (
            &two,
            "downgrade a3 p3 -> heads",
            "`heads` stands where one revision is wanted, and there are 2 heads: `a3`, `p3`; name one of them, or \
             `<branch>@head`",
        ),
        (
            &named,
            "upgrade -> 3f2b",
            "`3f2b` begins several names: `3f2b00000000`, `3f2b11111111`; write more of it",
        ),
        (
            &named,
            "upgrade -> 3f2b+1",
            "`3f2b` in `3f2b+1` begins several names: `3f2b00000000`, `3f2b11111111`; write more of it",
        ),
        (
            &named,
            "upgrade -> 3f2a9c1d7b40",
            "no revision or label is `3f2a9c1d7b40` or begins so; did you mean `3f2a9c1d7b04`?",
        ),
        (
            &named,
            "upgrade -> biling@head",
            "no revision or label is `biling` in `biling@head` or begins so; did you mean `billing`?",
        ),
        (
            &named,
            "upgrade -> hed",
            "no revision or label is `hed` or begins so; did you mean `head`?",
        ),
        (
            &named,
            "upgrade -> haeds",
            "no revision or label is `haeds` or begins so; did you mean `heads`?",
        ),
        (
            &named,
            "upgrade -> billing@hed",
            "no revision or label is `hed` in `billing@hed` or begins so; did you mean `head`?",
        ),
        (
            &named,
            "upgrade -> hed@head",
            "no revision or label is `hed` in `hed@head` or begins so",
        ),
        (
            &named,
            "upgrade -> hed-1",
            "no revision or label is `hed` in `hed-1` or begins so; did you mean `head`?",
        ),
        (
            &named,
            "downgrade 3f2b00000000 -> bse",
            "no revision or label is `bse` or begins so; did you mean `base`?",
        ),
        (
            &named,
            "history -> curent:",
            "no revision or label is `curent` or begins so; did you mean `current`?",
        ),
        (
            &named,
            "history -> bsae:",
            "no revision or label is `bsae` or begins so; did you mean `base`?",
        ),
        (
            &named,
            "upgrade -> elsewhere",
            "no revision or label is `elsewhere` or begins so",
        ),
        (
            &named,
            "upgrade -> billing@3f2b00000000",
            "revision `3f2b00000000` in `billing@3f2b00000000` is not on branch `billing`: leave `billing@` out, \
             or name a revision of that branch",
        ),
        (
            &named,
            "upgrade 77 -> heads",
            "the database is at revision `77`, which these migrations do not hold: another version of the \
             program migrated it",
        ),
        (
            &named,
            "upgrade 3f2b00000001 -> heads",
            "the database is at revision `3f2b00000001`, which these migrations do not hold: another version of \
             the program migrated it; the nearest known is `3f2b00000000`",
        ),
        (
            &two,
            "history -> p3:a3",
            "`p3:a3` is no range: `p3` is no ancestor of `a3`",
        ),
        (
            &two,
            "history -> p3:base",
            "`p3:base` is no range: `p3` is no ancestor of the base",
        ),
        (
            &two,
            "history -> -3:",
            "`-3:` is no range: its lower end goes back to the base; leave it out to begin there",
        ),
        (
            &named,
            "history -> 3f2b00000000@base:",
            "`3f2b00000000@base:` is no range: no branch label covers `3f2b00000000`; write a label before the \
             `@`",
        ),
        (
            &diamond,
            "history -> z@base:",
            "`z@base:` is no range: several branch labels cover `z`: `left`, `right`; write one of them before \
             the `@`",
        ),
        (
            &two,
            "history -> p1:a3",
            "`p1:a3` is no range: only revisions outside of it lead from its upper end to `p1`",
        ),
        (
            &two,
            "downgrade p1 -> p3",
            "`p3` leaves nothing to undo: no applied revision follows `p3`; applied are `p1` and what they need",
        ),
        (
            &two,
            "downgrade -> p1+1",
            "`p1+1` leaves nothing to undo: no applied revision follows `p2`; nothing is applied",
        ),
        (
            &diamond,
            "downgrade z -> a@a",
            "`a@a` leaves nothing to undo: no applied revision follows `a` on branch `a`; applied are `z` and what \
             they need",
        ),
        (
            &two,
            "upgrade -> +1",
            "`+1` forks at the base: `a1`, `p1`; name the revision, or the branch as in `<branch>@+1`",
        ),
        (
            &two,
            "upgrade a1 p1 -> +1",
            "`+1` forks at the current heads: `a1`, `p1`; name the revision, or the branch as in `<branch>@+1`",
        ),
        (
            &diamond,
            "downgrade z -> -2",
            "`-2` forks at `m`: `b1`, `c1`; name the revision, or the branch as in `<branch>@-1`",
        ),
        (
            &diamond,
            "upgrade m -> +2",
            "`+2` leads out of the graph: the most from `m` is 1 step",
        ),
        (
            &two,
            "upgrade -> plug@+7",
            "`plug@+7` leads out of the graph: the most from the base is 3 steps",
        ),
        (
            &two,
            "downgrade -> -1",
            "`-1` leads out of the graph: no revision is applied to step down from",
        ),
        (
            &two,
            "upgrade a1 -> -1",
            "`-1` leads out of the graph: from where the database is, an upgrade goes up: `+1`",
        ),
        (
            &two,
            "downgrade a1 -> +1",
            "`+1` leads out of the graph: from where the database is, a downgrade goes down: `-1`",
        ),
        (
            &two,
            "upgrade -> p2-2",
            "`p2-2` leads out of the graph: it ends at the base, and a revision is wanted",
        ),
        (
            &two,
            "upgrade -> p1 plug@p3",
            "`p1 plug@p3` asks for `p1` and for `p3`, which includes it: leave `p1` out",
        ),
        (
            &two,
            "upgrade -> a@b@c",
            "`a@b@c` is no target: a name is one word without white space, comma, `@`, `+`, `-` or `:`",
        ),
        (
            &apart,
            "resolve -> a:b",
            "`a:b` is no target: a range stands in `history` and offline SQL only",
        ),
        (
            &two,
            "resolve -> head@x",
            "`head@x` is no target: the branch stands before the `@`, as in `accounts@head`",
        ),
        (
            &two,
            "resolve -> @x",
            "`@x` is no target: before the `@` stands a label or a revision",
        ),
        (&two, "resolve -> x@", "`x@` is no target: nothing is named"),
        (
            &two,
            "resolve -> HEAD",
            "`HEAD` is no target: it is a word of the language, which is written small",
        ),
        (
            &two,
            "upgrade -> current",
            "`current` is no target: `current` stands in ranges only; say `+1` or `-1` to go from there",
        ),
        (
            &two,
            "upgrade -> a1+x",
            "`a1+x` is no target: after a `+` or `-` stands a number of steps, and names hold neither sign",
        ),
        (
            &two,
            "upgrade -> +99999999999999999999",
            "`+99999999999999999999` is no target: no graph has that many steps",
        ),
        (
            &two,
            "history -> a1",
            "`a1` is no target: a range is written `a:b`, `a:` or `:b`",
        ),
        (
            &two,
            "history -> a1:a2:a3",
            "`a1:a2:a3` is no target: a range has one `:`",
        ),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (graph, question, message) in table {
        let error = ask(graph, question).unwrap_err();
        assert_eq!(error.to_string(), *message, "{question}");
        assert!(!error.expression().is_empty());
        // Without a wildcard: a new variant does not compile until it has a name and a case.
        let kind = match &error {
            TargetError::MultipleHeads { .. } => "multiple_heads",
            TargetError::AmbiguousRevision { .. } => "ambiguous_revision",
            TargetError::UnknownRevision { .. } => "unknown_revision",
            TargetError::NotAncestor { .. } => "not_ancestor",
            TargetError::InvalidTarget { .. } => "invalid_target",
            TargetError::AmbiguousWalk { .. } => "ambiguous_walk",
            TargetError::RelativeOutOfRange { .. } => "relative_out_of_range",
            TargetError::OverlappingTargets { .. } => "overlapping_targets",
            TargetError::SeveralTargets { .. } => "several_targets",
            TargetError::Malformed { .. } => "malformed_target",
        };
        assert_eq!(error.kind(), kind);
        seen.insert(kind);
    }
    assert_eq!(seen.len(), 10, "a variant has no case");
}

#[test]
fn errors_carry_their_candidates() {
    let graph = two_bases();
    let of = |question| words(ask(&graph, question).unwrap_err().candidates());
    assert_eq!(of("upgrade -> head"), "a3 p3");
    assert_eq!(of("upgrade -> +1"), "a1 p1");
    assert_eq!(of("upgrade -> maim"), "main");
    assert_eq!(of("upgrade -> elsewhere"), "");
}

/// Counts what is looked at instead of taking the time: a walk that looks at everything again in each
/// step needs some 10^10 looks here.
mod scale {
    use super::*;

    const SIZE: u32 = 100_000;

    fn id(n: u32) -> Arc<str> {
        format!("{n:08x}").into()
    }

    fn node(n: u32, down: impl IntoIterator<Item = u32>) -> Node {
        Node {
            down_revision: down.into_iter().map(id).collect(),
            ..Node::new(id(n))
        }
    }

    /// 0 ─► 1 ─► 2 ─► …
    fn chain() -> Graph {
        Graph::new((0..SIZE).map(|n| node(n, n.checked_sub(1)))).unwrap()
    }

    /// ```text
    ///     ┌─► 1 ─┐
    /// 0 ──┼─► 2 ─┼─► last
    ///     └─► … ─┘
    /// ```
    fn fan() -> Graph {
        let last = SIZE + 1;
        let ribs = (1..last).map(|n| node(n, [0]));
        let ends = [node(0, []), node(last, 1..last)];
        Graph::new(ribs.chain(ends)).unwrap()
    }

    /// ```text
    /// 0 ─┬─► 1 ─┬─► 3 ─┬─► 4 ─┬─► 6 …
    ///    └─► 2 ─┘      └─► 5 ─┘
    /// ```
    fn ladder() -> Graph {
        let rung = |n: u32| match n % 3 {
            0 if n == 0 => node(n, []),
            0 => node(n, [n - 2, n - 1]),
            offset => node(n, [n - offset]),
        };
        Graph::new((0..SIZE / 3 * 3 + 1).map(rung)).unwrap()
    }

    /// Each revision a branch of its own that depends on the one before.
    fn stairs() -> Graph {
        let step = |n: u32| Node {
            depends_on: n.checked_sub(1).map(id).into_iter().collect(),
            ..node(n, [])
        };
        Graph::new((0..SIZE).map(step)).unwrap()
    }

    /// What `run` looks at for each revision of the graph.
    fn looks<T>(graph: &Graph, run: impl FnOnce() -> T) -> (u64, T) {
        let before = LOOKED_AT.get();
        let done = run();
        ((LOOKED_AT.get() - before) / graph.len() as u64, done)
    }

    #[test]
    fn every_walk_is_linear() {
        let nowhere: [&str; 0] = [];
        for (name, graph) in [
            ("chain", chain()),
            ("fan", fan()),
            ("ladder", ladder()),
            ("stairs", stairs()),
        ] {
            let size = graph.len();
            let (up_looks, up) = looks(&graph, || {
                upgrade(&graph, &nowhere, &[Target::heads()]).unwrap()
            });
            assert_eq!(up.steps().len(), size, "{name}");
            let (down_looks, down) = looks(&graph, || {
                downgrade(&graph, up.heads(), &Target::base()).unwrap()
            });
            assert_eq!(down.steps().len(), size, "{name}");
            assert!(down.heads().is_empty());
            let (stamp_looks, stamp) = looks(&graph, || {
                stamp(&graph, &nowhere, &[Target::heads()], Purge::Keep).unwrap()
            });
            assert_eq!(stamp.newly_implied().len(), size, "{name}");
            let first = graph.ids().next().cloned().unwrap();
            let (history_looks, listed) = looks(&graph, || {
                let range = Range::new(
                    Target::revision(Arc::clone(&first)),
                    crate::target::Bound::Open,
                );
                history(&graph, &nowhere, &range)
            });
            assert!(listed.is_ok() || name == "stairs", "{name}");
            let (walk_looks, _) = looks(&graph, || {
                let far = Target::relative_to(Arc::clone(&first), 1_000_000).on(Arc::clone(&first));
                upgrade(&graph, &nowhere, &[far])
            });
            let (set_looks, ()) = looks(&graph, || {
                assert_eq!(graph.descendants([&first]).len(), size);
                assert_eq!(graph.ancestors(up.heads()).len(), size);
                assert_eq!(graph.effective_heads_of(graph.ids()), up.heads());
            });
            for (what, looks) in [
                ("upgrade", up_looks),
                ("downgrade", down_looks),
                ("stamp", stamp_looks),
                ("history", history_looks),
                ("walk", walk_looks),
                ("sets", set_looks),
            ] {
                assert!(
                    looks <= 24,
                    "{name}, {what}: {looks} looks for each revision"
                );
            }
            // Rows: each comes once and goes once, whatever the number of branches.
            let moved = |plan: &Plan| -> usize {
                let moves = plan.steps().iter();
                moves.map(|step| step.adds.len() + step.removes.len()).sum()
            };
            assert!(moved(&up) <= 2 * size && moved(&down) <= 2 * size, "{name}");
            let mut walk = down.walk();
            while walk.advance().is_some() {}
            assert!(walk.heads().is_empty(), "{name}");
        }
    }

    #[test]
    fn a_plan_over_a_hundred_thousand_heads() {
        let ribs = (1..SIZE).map(|n| node(n, [0]));
        let graph = Graph::new(ribs.chain([node(0, [])])).unwrap();
        let heads = graph.heads();
        let (looks, plan) = looks(&graph, || {
            upgrade(&graph, &heads, &[Target::heads()]).unwrap()
        });
        assert!(plan.is_empty() && looks <= 24, "{looks}");
        let kept = stamp(&graph, &heads, &[Target::heads()], Purge::Keep).unwrap();
        assert!(kept.is_empty());
        assert_eq!(
            history(&graph, &heads, &Range::all()).unwrap().len(),
            graph.len()
        );
    }
}
