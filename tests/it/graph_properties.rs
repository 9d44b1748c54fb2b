//! What must hold on any graph, against an implementation too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use limbeck::graph::Node;
use limbeck::plan::Action;
use limbeck::target::{Bound, TargetError};
use limbeck::{Graph, Plan, Range, Target, plan};
use proptest::prelude::*;
use proptest::sample::Index;

type Ids = BTreeSet<String>;

/// A graph as its author wrote it, with the edges spelled out.
#[derive(Debug, Clone)]
struct Case {
    /// Each after what it names.
    nodes: Vec<Node>,
    /// `down_revision` and the revisions that `depends_on` means.
    parents: BTreeMap<String, Ids>,
    down: BTreeMap<String, Ids>,
    /// The same nodes, in another order.
    shuffled: Vec<Node>,
}

impl Case {
    fn ids(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.id.to_string()).collect()
    }

    fn graph(&self) -> Graph {
        Graph::new(self.nodes.clone()).expect("a case is a graph")
    }

    /// All that `ids` need, themselves included: asked again until nothing comes.
    fn closure(&self, ids: &Ids) -> Ids {
        let mut all = ids.clone();
        loop {
            let more: Ids = all
                .iter()
                .flat_map(|id| &self.parents[id])
                .cloned()
                .collect();
            if more.is_subset(&all) {
                return all;
            }
            all.extend(more);
        }
    }

    /// Those of `ids` that no other of them needs.
    fn tips(&self, ids: &Ids) -> Ids {
        let needed: Ids = ids
            .iter()
            .flat_map(|id| self.closure(&self.parents[id]))
            .collect();
        ids.difference(&needed).cloned().collect()
    }

    /// The revisions from which `down_revision` leads to `id`, itself included.
    fn branch_above(&self, id: &str) -> Ids {
        let mut above = Ids::from([id.to_owned()]);
        for node in &self.nodes {
            if !self.down[&*node.id].is_disjoint(&above) {
                above.insert(node.id.to_string());
            }
        }
        above
    }
}

/// How one revision is joined to those before it.
#[derive(Debug, Clone)]
struct Joint {
    down: Vec<Index>,
    depends: Vec<(Index, Reference)>,
    labelled: bool,
}

#[derive(Debug, Clone, Copy)]
enum Reference {
    Id,
    Partial,
    Label,
}

fn joint() -> impl Strategy<Value = Joint> {
    let down = prop_oneof![
        1 => Just(0_usize),
        6 => Just(1_usize),
        2 => Just(2_usize),
        1 => Just(3_usize),
    ]
    .prop_flat_map(|count| prop::collection::vec(any::<Index>(), count));
    let reference = prop_oneof![
        Just(Reference::Id),
        Just(Reference::Partial),
        Just(Reference::Label)
    ];
    let depends = prop_oneof![
        5 => Just(0_usize),
        2 => Just(1_usize),
        1 => Just(2_usize),
    ]
    .prop_flat_map(move |count| prop::collection::vec((any::<Index>(), reference.clone()), count));
    (down, depends, prop::bool::weighted(0.2)).prop_map(|(down, depends, labelled)| Joint {
        down,
        depends,
        labelled,
    })
}

fn case() -> impl Strategy<Value = Case> {
    prop::collection::btree_set("[0-9a-f]{6,8}", 1..24)
        .prop_map(|ids| ids.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
        .prop_flat_map(|ids| {
            let joints = prop::collection::vec(joint(), ids.len());
            (Just(ids), joints)
        })
        .prop_flat_map(|(ids, joints)| {
            let case = join(&ids, &joints);
            let shuffled = Just(case.nodes.clone()).prop_shuffle();
            (Just(case), shuffled)
        })
        .prop_map(|(case, shuffled)| Case { shuffled, ..case })
}

fn join(ids: &[String], joints: &[Joint]) -> Case {
    let mut nodes: Vec<Node> = Vec::new();
    let mut down_of = BTreeMap::new();
    let mut parents_of = BTreeMap::new();
    for (id, joint) in ids.iter().zip(joints) {
        // Mostly near ones: otherwise everything is a bush.
        let near = &nodes[nodes.len().saturating_sub(5)..];
        let parent = |at: &Index| (!near.is_empty()).then(|| at.get(near));
        let down: Ids = joint
            .down
            .iter()
            .filter_map(parent)
            .map(|node| node.id.to_string())
            .collect();
        let mut parents = down.clone();
        let mut depends_on: Vec<Arc<str>> = Vec::new();
        for (at, reference) in joint.depends.iter().filter(|_| !nodes.is_empty()) {
            let wanted = at.get(&nodes);
            parents.insert(wanted.id.to_string());
            let shortest = |len: &usize| {
                ids.iter()
                    .filter(|id| id.starts_with(&wanted.id[..*len]))
                    .count()
                    == 1
            };
            depends_on.push(match reference {
                Reference::Partial => (1..=wanted.id.len())
                    .find(shortest)
                    .map_or(Arc::clone(&wanted.id), |len| Arc::from(&wanted.id[..len])),
                Reference::Label if !wanted.branch_labels.is_empty() => {
                    Arc::clone(&wanted.branch_labels[0])
                }
                _ => Arc::clone(&wanted.id),
            });
        }
        nodes.push(Node {
            down_revision: down.iter().map(|id| Arc::from(&**id)).collect(),
            branch_labels: if joint.labelled {
                vec![format!("label_{id}").into()]
            } else {
                Vec::new()
            },
            depends_on,
            ..Node::new(&**id)
        });
        down_of.insert(id.clone(), down);
        parents_of.insert(id.clone(), parents);
    }
    Case {
        shuffled: nodes.clone(),
        nodes,
        parents: parents_of,
        down: down_of,
    }
}

/// A graph, and the rows of a database that may be anywhere in it.
fn case_and_heads() -> impl Strategy<Value = (Case, Ids)> {
    (case(), prop::collection::vec(any::<Index>(), 0..4)).prop_map(|(case, picks)| {
        let ids = case.ids();
        let picked: Ids = picks.iter().map(|at| at.get(&ids).clone()).collect();
        let heads = case.tips(&picked);
        (case, heads)
    })
}

fn owned<'a>(ids: impl IntoIterator<Item = &'a Arc<str>>) -> Ids {
    ids.into_iter().map(|id| id.to_string()).collect()
}

fn list(ids: &Ids) -> Vec<String> {
    ids.iter().cloned().collect()
}

/// Follows a plan by hand: each revision in its turn, the rows exact at each step and at the end.
fn follow(case: &Case, stored: &Ids, plan: &Plan) -> Result<Ids, TestCaseError> {
    let mut applied = case.closure(stored);
    let mut rows = stored.clone();
    let mut walk = plan.walk();
    prop_assert_eq!(owned(walk.heads()), stored.clone());
    while let Some(step) = walk.advance() {
        let id = step.revision.to_string();
        match step.action {
            Action::Upgrade => {
                prop_assert!(
                    case.parents[&id].is_subset(&applied),
                    "{id} comes too early"
                );
                prop_assert!(applied.insert(id));
            }
            Action::Downgrade => {
                prop_assert!(applied.remove(&id));
                let left = case.closure(&applied);
                prop_assert!(
                    left == applied,
                    "something applied still needs what was undone"
                );
            }
            other => prop_assert!(false, "unexpected {other:?}"),
        }
        let (removes, adds) = (owned(&step.removes), owned(&step.adds));
        prop_assert!(
            removes.is_subset(&rows),
            "a row is removed that is not there"
        );
        prop_assert!(rows.is_disjoint(&adds), "a row is added that is there");
        rows = rows.difference(&removes).chain(&adds).cloned().collect();
        prop_assert_eq!(&rows, &case.tips(&applied));
        prop_assert_eq!(&rows, &owned(walk.heads()));
    }
    prop_assert_eq!(&rows, &owned(plan.heads()));
    Ok(applied)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn the_order_depends_on_the_content_alone(case in case()) {
        let graph = case.graph();
        let shuffled = Graph::new(case.shuffled.clone()).expect("the same graph");
        let order: Vec<_> = graph.ids().cloned().collect();
        prop_assert_eq!(&order, &shuffled.ids().cloned().collect::<Vec<_>>());
        prop_assert_eq!(owned(&order), case.ids().into_iter().collect::<Ids>());
        let mut seen = Ids::new();
        for id in &order {
            prop_assert!(case.parents[&**id].is_subset(&seen), "{} comes too early", id);
            seen.insert(id.to_string());
        }
    }

    #[test]
    fn sets_are_those_of_the_simple_implementation((case, picked) in case_and_heads()) {
        let graph = case.graph();
        let all: Ids = case.ids().into_iter().collect();
        let below = case.closure(&picked);
        prop_assert_eq!(owned(graph.ancestors(&picked).iter()), below.clone());
        let above: Ids = all
            .iter()
            .filter(|id| !case.closure(&Ids::from([(*id).clone()])).is_disjoint(&picked))
            .cloned()
            .collect();
        prop_assert_eq!(owned(graph.descendants(&picked).iter()), above);
        prop_assert_eq!(owned(&graph.effective_heads_of(&below)), case.tips(&below));
        prop_assert_eq!(owned(&graph.effective_heads()), case.tips(&all));
        let named: Ids = case.down.values().flatten().cloned().collect();
        prop_assert_eq!(owned(&graph.heads()), all.difference(&named).cloned().collect::<Ids>());
        for a in &all {
            for b in &all {
                let is = a != b && case.closure(&Ids::from([b.clone()])).contains(a);
                prop_assert_eq!(graph.is_ancestor(a, b), is);
            }
            prop_assert_eq!(owned(graph.down_revision(a)), case.down[a].clone());
            let depends = graph.depends_on(a).collect::<Vec<_>>();
            prop_assert!(depends.is_sorted());
            prop_assert_eq!(
                owned(depends).union(&case.down[a]).cloned().collect::<Ids>(),
                case.parents[a].clone()
            );
        }
    }

    #[test]
    fn labels_cover_the_same_from_both_sides(case in case()) {
        let graph = case.graph();
        for (label, id) in graph.labels() {
            let covered = owned(graph.labelled(label).iter());
            prop_assert!(covered.is_superset(&case.branch_above(id)));
            for other in case.ids() {
                prop_assert_eq!(
                    covered.contains(&other),
                    graph.covering_labels(&other).contains(label),
                    "{} on {}", label, other
                );
            }
        }
    }

    #[test]
    fn an_upgrade_applies_what_is_missing((case, heads) in case_and_heads(), at in any::<Index>()) {
        let graph = case.graph();
        let goal = at.get(&case.ids()).clone();
        let stored = list(&heads);
        let up = plan::upgrade(&graph, &stored, &[Target::revision(&*goal)]).unwrap();
        let after = follow(&case, &heads, &up)?;
        let wanted: Ids = case
            .closure(&heads)
            .union(&case.closure(&Ids::from([goal])))
            .cloned()
            .collect();
        prop_assert_eq!(&after, &wanted);

        let all = plan::upgrade(&graph, &stored, &[Target::heads()]).unwrap();
        prop_assert_eq!(follow(&case, &heads, &all)?.len(), graph.len());
        prop_assert_eq!(owned(all.heads()), owned(&graph.effective_heads()));
    }

    #[test]
    fn a_downgrade_leaves_what_does_not_need_what_it_undoes(
        (case, heads) in case_and_heads(),
        at in any::<Index>(),
    ) {
        let graph = case.graph();
        let goal = at.get(&case.ids()).clone();
        let before = case.closure(&heads);
        let stored = list(&heads);
        let children: Ids = case
            .down
            .iter()
            .filter(|(_, down)| down.contains(&goal))
            .map(|(id, _)| id.clone())
            .collect();
        let undone: Ids = before
            .iter()
            .filter(|id| !case.closure(&Ids::from([(*id).clone()])).is_disjoint(&children))
            .cloned()
            .collect();
        match plan::downgrade(&graph, &stored, &Target::revision(&*goal)) {
            Ok(down) => {
                let after = follow(&case, &heads, &down)?;
                prop_assert_eq!(after, before.difference(&undone).cloned().collect::<Ids>());
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), "invalid_target");
                prop_assert!(undone.is_empty() && !heads.contains(&goal));
            }
        }
        let base = plan::downgrade(&graph, &stored, &Target::base()).unwrap();
        prop_assert!(follow(&case, &heads, &base)?.is_empty());
        prop_assert!(base.heads().is_empty());
    }

    #[test]
    fn down_and_up_again_returns_the_heads((case, heads) in case_and_heads(), at in any::<Index>()) {
        let graph = case.graph();
        let stored = list(&heads);
        let goal = at.get(&case.ids()).clone();
        for target in [Target::base(), Target::revision(&*goal)] {
            let Ok(down) = plan::downgrade(&graph, &stored, &target) else { continue };
            let targets: Vec<_> = stored.iter().map(|id| Target::revision(&**id)).collect();
            let up = plan::upgrade(&graph, down.heads(), &targets).unwrap();
            prop_assert_eq!(owned(up.heads()), heads.clone());
            let mut undone: Vec<_> = down.steps().iter().map(|step| &step.revision).collect();
            undone.reverse();
            prop_assert_eq!(undone, up.steps().iter().map(|step| &step.revision).collect::<Vec<_>>());
        }
    }

    /// As after a `depends_on` that was added when both rows were there.
    #[test]
    fn the_first_step_removes_redundant_rows(
        (case, heads) in case_and_heads(),
        extra in prop::collection::vec(any::<Index>(), 1..4),
        at in any::<Index>(),
    ) {
        let graph = case.graph();
        let applied: Vec<_> = case.closure(&heads).into_iter().collect();
        prop_assume!(!applied.is_empty());
        let mut rows = heads;
        rows.extend(extra.iter().map(|at| at.get(&applied).clone()));
        let stored = list(&rows);
        let goal = Target::revision(&**at.get(&case.ids()));
        let up = plan::upgrade(&graph, &stored, std::slice::from_ref(&goal)).unwrap();
        follow(&case, &rows, &up)?;
        if let Ok(down) = plan::downgrade(&graph, &stored, &goal) {
            follow(&case, &rows, &down)?;
        }
    }

    #[test]
    fn a_stamp_moves_rows_and_says_what_that_means(
        (case, heads) in case_and_heads(),
        at in any::<Index>(),
        purge in prop_oneof![Just(plan::Purge::Keep), Just(plan::Purge::Clear)],
    ) {
        let graph = case.graph();
        let goal = at.get(&case.ids()).clone();
        let stored = list(&heads);
        let stamp = plan::stamp(&graph, &stored, &[Target::revision(&*goal)], purge).unwrap();
        let related = |id: &str| id == goal || graph.is_ancestor(id, &goal) || graph.is_ancestor(&goal, id);
        let mut wanted: Ids = match purge {
            plan::Purge::Keep => heads.iter().filter(|id| !related(id)).cloned().collect(),
            plan::Purge::Clear => Ids::new(),
        };
        wanted.insert(goal.clone());
        prop_assert_eq!(owned(stamp.heads()), wanted.clone());
        let mut walk = stamp.walk();
        while let Some(step) = walk.advance() {
            prop_assert_eq!(step.action, Action::Stamp);
        }
        prop_assert_eq!(owned(walk.heads()), wanted.clone());
        let (before, after) = (case.closure(&heads), case.closure(&wanted));
        prop_assert_eq!(owned(stamp.newly_implied()), after.difference(&before).cloned().collect::<Ids>());
        prop_assert_eq!(owned(stamp.no_longer_implied()), before.difference(&after).cloned().collect::<Ids>());
        prop_assert_eq!(stamp.is_empty(), wanted == heads);
    }

    #[test]
    fn history_lists_an_upper_bound_with_all_it_needs(case in case(), at in any::<Index>()) {
        let graph = case.graph();
        let nowhere: [&str; 0] = [];
        let everything = plan::history(&graph, &nowhere, &Range::all()).unwrap();
        let newest_first: Vec<_> = graph.ids().rev().cloned().collect();
        prop_assert_eq!(everything, newest_first);
        let upper = at.get(&case.ids()).clone();
        let range = Range::new(Bound::Open, Target::revision(&*upper));
        let listed = plan::history(&graph, &nowhere, &range).unwrap();
        prop_assert_eq!(owned(&listed), case.closure(&Ids::from([upper])));
    }

    /// Whatever is asked: an answer or an error of a known kind, and never a panic.
    #[test]
    fn any_target_is_answered((case, heads) in case_and_heads(), target in target(), at in any::<[Index; 2]>()) {
        let graph = case.graph();
        let names: Vec<String> = case
            .ids()
            .into_iter()
            .chain(graph.labels().map(|(label, _)| label.to_string()))
            .collect();
        let text = target.replace('X', &at[0].get::<String>(&names)[..]).replace('Y', &at[1].get::<String>(&names)[..]);
        let stored = list(&heads);
        let target: Target = text.parse().unwrap();
        if let Ok(up) = plan::upgrade(&graph, &stored, std::slice::from_ref(&target)) {
            follow(&case, &heads, &up)?;
        }
        if let Ok(down) = plan::downgrade(&graph, &stored, &target) {
            follow(&case, &heads, &down)?;
        }
        if let Ok(stamp) = plan::stamp(&graph, &stored, std::slice::from_ref(&target), plan::Purge::Keep) {
            let rows = owned(stamp.heads());
            prop_assert_eq!(case.tips(&rows), rows);
        }
        let _ = plan::resolve(&graph, &target);
        for range in [format!("{text}:"), format!(":{text}"), format!("{text}:Y"), format!("current:{text}")] {
            let range: Range = range.replace('Y', &at[1].get::<String>(&names)[..]).parse().unwrap();
            let _ = plan::history(&graph, &stored, &range);
        }
    }

    #[test]
    fn targets_write_what_they_read(target in target(), words in any::<[u8; 2]>()) {
        let text = target
            .replace('X', &format!("x{}", words[0]))
            .replace('Y', &format!("{:x}.é", words[1]));
        let read: Target = text.parse().unwrap();
        prop_assert_eq!(read.to_string(), text.clone());
        prop_assert_eq!(read.to_string().parse::<Target>().unwrap(), read);
        let range: Range = format!("{text}:current").parse().unwrap();
        prop_assert_eq!(range.to_string(), format!("{text}:current"));
    }

    #[test]
    fn no_text_makes_the_parsers_panic(text in "[ab@+:,0-9 -]{0,8}") {
        let malformed = |error: TargetError| error.kind() == "malformed_target";
        match text.parse::<Target>() {
            Ok(target) => prop_assert_eq!(target.to_string().parse::<Target>().unwrap(), target),
            Err(error) => prop_assert!(malformed(error)),
        }
        match text.parse::<Range>() {
            Ok(range) => prop_assert_eq!(range.to_string().parse::<Range>().unwrap(), range),
            Err(error) => prop_assert!(malformed(error)),
        }
    }
}

/// Every form of a target, X and Y for names.
fn target() -> impl Strategy<Value = String> {
    let place = prop_oneof![
        Just("head".to_owned()),
        Just("heads".to_owned()),
        Just("base".to_owned()),
        Just("Y".to_owned()),
        (-3_i64..4).prop_map(|steps| format!("{steps:+}")),
        (prop_oneof!["Y", "head", "heads", "base"], -3_i64..4)
            .prop_map(|(from, steps)| format!("{from}{steps:+}")),
    ];
    (prop_oneof!["", "X@"], place).prop_map(|(branch, place)| branch + &place)
}
