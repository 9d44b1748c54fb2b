//! A plan and the steps of a run as documents: a step says the heads after it, which the types derive.

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Action, Plan, Step};
use crate::graph::RevisionId;

/// A step, or what is known of it, with the heads after it.
#[derive(Serialize)]
pub(crate) struct WithHeads<'p, T> {
    #[serde(flatten)]
    step: &'p T,
    heads: Vec<RevisionId>,
}

/// The steps of a run that ended at these heads.
pub(crate) fn with_heads<'p, T: AsRef<Step>>(
    steps: &'p [T],
    heads: impl IntoIterator<Item = RevisionId>,
) -> Vec<WithHeads<'p, T>> {
    let mut heads: BTreeSet<RevisionId> = heads.into_iter().collect();
    let mut document = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        document.push(WithHeads {
            step,
            heads: heads.iter().cloned().collect(),
        });
        for added in &step.as_ref().adds {
            heads.remove(added);
        }
        heads.extend(step.as_ref().removes.iter().cloned());
    }
    document.reverse();
    document
}

impl AsRef<Step> for Step {
    fn as_ref(&self) -> &Step {
        self
    }
}

#[derive(Serialize, Deserialize)]
struct Document<S> {
    action: Action,
    from: Vec<RevisionId>,
    steps: Vec<S>,
    heads: Vec<RevisionId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    newly_implied: Vec<RevisionId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    no_longer_implied: Vec<RevisionId>,
}

/// `{"action", "from": […], "steps": [{"action", "revision", "removes": […], "adds": […], "heads": […]}], "heads": […]}`.
impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = Document {
            action: self.action,
            from: self.from.clone(),
            steps: with_heads(&self.steps, self.heads.iter().cloned()),
            heads: self.heads.clone(),
            newly_implied: self.newly_implied.clone(),
            no_longer_implied: self.no_longer_implied.clone(),
        };
        document.serialize(serializer)
    }
}

/// The same document; one whose steps do not lead from `from` to `heads` is none.
impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::<Step>::deserialize(deserializer)?;
        let plan = Plan {
            action: document.action,
            from: document.from,
            steps: document.steps,
            heads: document.heads,
            newly_implied: document.newly_implied,
            no_longer_implied: document.no_longer_implied,
        };
        let mut heads: BTreeSet<&RevisionId> = plan.from.iter().collect();
        for step in &plan.steps {
            let is_exact = step.removes.iter().all(|row| heads.remove(row))
                && step.adds.iter().all(|row| heads.insert(row));
            if step.action != plan.action || !is_exact {
                let revision = &step.revision;
                let reason =
                    format!("the step of revision {revision} does not fit the rows before it");
                return Err(D::Error::custom(reason));
            }
        }
        if !heads.iter().copied().eq(&plan.heads) {
            return Err(D::Error::custom("the steps do not lead to `heads`"));
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Purge, downgrade, stamp, upgrade};
    use super::*;
    use crate::aim::Target;
    use crate::graph::{Graph, Node};

    fn graph() -> Graph {
        let node = |id: &str, parents: &[&str]| Node {
            down_revision: parents.iter().map(|&id| id.into()).collect(),
            ..Node::new(id)
        };
        let nodes = [
            node("a", &[]),
            node("b", &["a"]),
            node("c", &["a"]),
            node("d", &["b", "c"]),
        ];
        Graph::new(nodes).expect("a graph")
    }

    #[test]
    fn a_plan_is_read_again() {
        let graph = graph();
        let none: &[&str] = &[];
        for plan in [
            upgrade(&graph, none, &[Target::heads()]),
            upgrade(&graph, &["d"], &[Target::heads()]),
            downgrade(&graph, &["d"], &Target::base()),
            stamp(&graph, &["a"], &[Target::heads()], Purge::Keep),
        ] {
            let plan = plan.expect("a plan");
            let text = serde_json::to_string(&plan).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Plan>(&text).ok(),
                Some(plan),
                "{text}"
            );
        }
    }

    #[test]
    fn a_step_says_the_heads_after_it() {
        let plan = upgrade(&graph(), &["a"], &[Target::heads()]).expect("a plan");
        let document = serde_json::to_value(&plan).expect("JSON");
        let heads = |step: &serde_json::Value| step["heads"].to_string();
        let steps = document["steps"].as_array().expect("a list");
        let heads: Vec<String> = steps.iter().map(heads).collect();
        assert_eq!(heads, [r#"["b"]"#, r#"["b","c"]"#, r#"["d"]"#]);
    }

    #[test]
    fn what_does_not_fit_is_no_plan() {
        let plan = upgrade(&graph(), &["a"], &[Target::heads()]).expect("a plan");
        let text = serde_json::to_string(&plan).expect("JSON");
        for (right, wrong) in [
            (r#""from":["a"]"#, r#""from":[]"#),
            (r#""removes":["a"]"#, r#""removes":[]"#),
            (r#""adds":["d"]"#, r#""adds":["c"]"#),
            (
                r#"{"action":"upgrade","from""#,
                r#"{"action":"stamp","from""#,
            ),
        ] {
            assert!(text.contains(right), "{text}");
            let changed = text.replacen(right, wrong, 1);
            assert!(serde_json::from_str::<Plan>(&changed).is_err(), "{wrong}");
        }
    }
}
