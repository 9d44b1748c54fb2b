//! What comes before what.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Schema, Thing};

/// `nodes` so that each stands behind those that it needs, else in their order. Where they need each other in a
/// circle, the one that comes first in `nodes` comes first.
pub(crate) fn sorted<T: Clone + Ord>(nodes: &[T], needs: impl Fn(&T) -> Vec<T>) -> Vec<T> {
    enum Visit<T> {
        Enter(T),
        Leave(T),
    }
    let known: BTreeSet<&T> = nodes.iter().collect();
    let mut seen: BTreeSet<T> = BTreeSet::new();
    let mut sorted = Vec::with_capacity(nodes.len());
    let mut stack: Vec<Visit<T>> = nodes.iter().rev().cloned().map(Visit::Enter).collect();
    while let Some(visit) = stack.pop() {
        match visit {
            Visit::Leave(node) => sorted.push(node),
            Visit::Enter(node) => {
                if !seen.insert(node.clone()) {
                    continue;
                }
                let needed: Vec<T> = needs(&node)
                    .into_iter()
                    .filter(|other| known.contains(other) && !seen.contains(other))
                    .collect();
                stack.push(Visit::Leave(node));
                stack.extend(needed.into_iter().rev().map(Visit::Enter));
            }
        }
    }
    sorted
}

/// Everything that needs one of `things`, directly or through others: tables where one of their parts does, and
/// objects. What is on a table or column counts as needing it; a thing that needs a column needs its table.
pub(crate) fn dependents(schema: &Schema, things: &BTreeSet<Thing>) -> BTreeSet<Thing> {
    let mut users: BTreeMap<Thing, BTreeSet<Thing>> = BTreeMap::new();
    let mut note = |needed: &Thing, user: &Thing| {
        users
            .entry(needed.clone())
            .or_default()
            .insert(user.clone());
        if let (Thing::Column(table, _) | Thing::Key(table, _), false) = (needed, needed == user) {
            let table = Thing::Table(table.clone());
            if table != *user {
                users.entry(table).or_default().insert(user.clone());
            }
        }
    };
    for (name, table) in &schema.tables {
        let user = Thing::Table(name.clone());
        for needed in &table.all_dependencies() {
            note(needed, &user);
        }
    }
    for (id, object) in &schema.objects {
        let user = Thing::Object(id.clone());
        for needed in &object.depends_on {
            note(needed, &user);
        }
        if let Some(table) = id.table() {
            note(&Thing::Table(table), &user);
        }
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<&Thing> = things.iter().collect();
    while let Some(thing) = open.pop() {
        for user in users.get(thing).into_iter().flatten() {
            if !things.contains(user) && found.insert(user.clone()) {
                open.push(user);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ```text
    /// c ─> b ─> a      x ⇄ y
    /// ```
    #[test]
    fn what_is_needed_comes_first() {
        let needs = |node: &&str| match *node {
            "c" => vec!["b"],
            "b" => vec!["a", "elsewhere"],
            "x" => vec!["y"],
            "y" => vec!["x"],
            _ => Vec::new(),
        };
        assert_eq!(sorted(&["c", "a", "b"], needs), ["a", "b", "c"]);
        assert_eq!(sorted(&["x", "y"], needs).len(), 2);
    }
}
