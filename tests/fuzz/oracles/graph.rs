//! The graph builder, against sets that are asked again until nothing comes. A line of the input is a revision:
//! `id|down_revision|branch_labels|depends_on`, each list separated by commas.

use std::collections::{BTreeMap, BTreeSet};

use limbeck::Graph;
use limbeck::graph::Node;

type Ids = BTreeSet<String>;

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // The oracle takes cubic time.
    let nodes: Vec<Node> = text
        .split('\n')
        .filter(|line| !line.is_empty())
        .take(12)
        .map(node)
        .collect();
    let mut turned: Vec<Node> = nodes.clone();
    turned.reverse();
    match (Graph::new(nodes.clone()), Simple::new(&nodes)) {
        (Ok(graph), Some(simple)) => {
            simple.compare(&graph);
            let other = Graph::new(turned).expect("whatever the order of the files");
            assert!(graph.ids().eq(other.ids()), "the order is the graph's");
        }
        (Err(error), None) => {
            assert!(!error.to_string().is_empty() && !error.key().is_empty());
            let other = Graph::new(turned)
                .map(drop)
                .expect_err("whatever the order of the files");
            assert_eq!(error.to_string(), other.to_string());
        }
        (Ok(_), None) => panic!("no graph, but accepted: {nodes:?}"),
        (Err(error), Some(_)) => panic!("a graph, but refused: {error}: {nodes:?}"),
    }
}

fn node(line: &str) -> Node {
    let mut fields = line.split('|');
    let id = fields.next().unwrap_or_default();
    let mut words = || {
        let list = fields.next().unwrap_or_default();
        list.split(',')
            .filter(|word| !word.is_empty())
            .take(6)
            .map(Into::into)
            .collect()
    };
    Node {
        down_revision: words(),
        branch_labels: words(),
        depends_on: words(),
        ..Node::new(id)
    }
}

fn is_name(word: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || ",@+-:".contains(c);
    let reserved = ["head", "heads", "base", "current", "none"];
    !word.is_empty()
        && !word.contains(forbidden)
        && !reserved.contains(&&*word.to_ascii_lowercase())
}

/// Who names whom.
struct Simple {
    down: BTreeMap<String, Ids>,
    depends: BTreeMap<String, Ids>,
}

impl Simple {
    /// None where the revisions are no graph.
    fn new(nodes: &[Node]) -> Option<Simple> {
        let mut ids = Ids::new();
        let mut folded = Ids::new();
        for node in nodes {
            ids.insert(node.id.to_string());
            if !is_name(&node.id) || !folded.insert(node.id.to_lowercase()) {
                return None;
            }
        }
        let mut labels: BTreeMap<String, String> = BTreeMap::new();
        for node in nodes {
            for label in &node.branch_labels {
                let carrier = labels.insert(label.to_string(), node.id.to_string());
                if !is_name(label) || ids.contains(&**label) || carrier.is_some() {
                    return None;
                }
            }
        }
        let mut simple = Simple {
            down: BTreeMap::new(),
            depends: BTreeMap::new(),
        };
        for node in nodes {
            let down: Ids = node.down_revision.iter().map(|id| id.to_string()).collect();
            if !down.is_subset(&ids) || down.len() != node.down_revision.len() {
                return None;
            }
            let depends: Option<Ids> = node
                .depends_on
                .iter()
                .map(|word| meant(word, &ids, &labels))
                .collect();
            simple.down.insert(node.id.to_string(), down);
            simple.depends.insert(node.id.to_string(), depends?);
        }
        let is_cyclic = ids
            .iter()
            .any(|id| simple.ancestors(&simple.parents(id)).contains(id));
        (!is_cyclic).then_some(simple)
    }

    fn parents(&self, id: &str) -> Ids {
        self.down[id].union(&self.depends[id]).cloned().collect()
    }

    /// These and all that they need.
    fn ancestors(&self, ids: &Ids) -> Ids {
        closure(ids, |id| self.parents(id))
    }

    fn compare(&self, graph: &Graph) {
        let ids: Ids = self.down.keys().cloned().collect();
        let sorted = |edges: &BTreeMap<String, Ids>| -> Vec<String> {
            let named: Ids = edges.values().flatten().cloned().collect();
            ids.difference(&named).cloned().collect()
        };
        assert_eq!(graph.len(), ids.len());
        assert_eq!(owned(graph.heads()), sorted(&self.down));
        let both: BTreeMap<String, Ids> = ids
            .iter()
            .map(|id| (id.clone(), self.parents(id)))
            .collect();
        assert_eq!(owned(graph.effective_heads()), sorted(&both));
        let bases: Vec<String> = ids
            .iter()
            .filter(|id| self.down[*id].is_empty())
            .cloned()
            .collect();
        assert_eq!(owned(graph.bases()), bases);

        let mut seen = Ids::new();
        for id in graph.ids() {
            assert!(
                self.parents(id).is_subset(&seen),
                "{id} stands after what it needs"
            );
            seen.insert(id.to_string());
        }
        assert_eq!(seen, ids);

        for id in &ids {
            let above = self.ancestors(&Ids::from([id.clone()]));
            assert_eq!(
                set(graph.ancestors([id]).iter()),
                above,
                "the ancestors of {id}"
            );
            let below: Ids = ids
                .iter()
                .filter(|other| self.ancestors(&Ids::from([(*other).clone()])).contains(id))
                .cloned()
                .collect();
            assert_eq!(
                set(graph.descendants([id]).iter()),
                below,
                "the descendants of {id}"
            );
            for other in &ids {
                assert_eq!(
                    graph.is_ancestor(other, id),
                    other != id && above.contains(other)
                );
            }
            let children: Ids = ids
                .iter()
                .filter(|other| self.down[*other].contains(id))
                .cloned()
                .collect();
            assert_eq!(set(graph.children(id)), children);
            assert_eq!(set(graph.down_revision(id)), self.down[id]);
            assert_eq!(set(graph.depends_on(id)), self.depends[id]);
            for label in graph.branch_labels(id) {
                let members = set(graph.labelled(label).iter());
                let on = closure(&Ids::from([id.clone()]), |id| {
                    ids.iter()
                        .filter(|other| self.down[*other].contains(id))
                        .cloned()
                        .collect()
                });
                assert!(on.is_subset(&members), "a label covers all that follows");
            }
        }
        let tips: Vec<String> = ids
            .iter()
            .filter(|id| {
                !ids.iter()
                    .any(|other| self.ancestors(&self.parents(other)).contains(*id))
            })
            .cloned()
            .collect();
        assert_eq!(owned(graph.effective_heads_of(&ids)), tips);
    }
}

/// What a word of `depends_on` means: an id, a label, or the beginning of exactly one id that may be shortened.
fn meant(word: &str, ids: &Ids, labels: &BTreeMap<String, String>) -> Option<String> {
    if ids.contains(word) {
        return Some(word.to_owned());
    }
    if let Some(carrier) = labels.get(word) {
        return Some(carrier.clone());
    }
    let mut fitting = ids
        .iter()
        .filter(|id| id.starts_with(word) && id.chars().count() > 3);
    let only = fitting.next()?;
    fitting.next().is_none().then(|| only.clone())
}

fn closure(ids: &Ids, next: impl Fn(&str) -> Ids) -> Ids {
    let mut all = ids.clone();
    loop {
        let more: Ids = all.iter().flat_map(|id| next(id)).collect();
        if more.is_subset(&all) {
            return all;
        }
        all.extend(more);
    }
}

fn set<'a>(ids: impl Iterator<Item = &'a std::sync::Arc<str>>) -> Ids {
    ids.map(|id| id.to_string()).collect()
}

fn owned(ids: Vec<std::sync::Arc<str>>) -> Vec<String> {
    ids.iter().map(|id| id.to_string()).collect()
}
