//! A flowchart for mermaid.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::picture::{LineKind, Picture, Row, State};

/// The newest revisions are above, as in a terminal; an arrow leads from what comes first to what follows.
pub(crate) fn draw(picture: &Picture<'_>) -> String {
    let mut text = String::from("flowchart BT\n");
    // The oldest is `n0`. An id cannot name a node: `end` is a word of mermaid's, for one.
    let count = picture.rows.len();
    let node = |at: usize| format!("n{}", count - 1 - at);
    let mut states: BTreeMap<State, Vec<String>> = BTreeMap::new();
    let mut heads = Vec::new();
    for row in picture.rows.iter().rev() {
        let name = node(row.at);
        let _ = writeln!(text, "    {name}[\"{}\"]", label(row));
        if row.is_head {
            heads.push(name.clone());
        }
        states.entry(row.state).or_default().push(name);
    }
    for (id, at) in picture.unknown.iter().zip(count..) {
        let name = format!("n{at}");
        let id = escaped(id);
        let _ = writeln!(text, "    {name}[\"{id}<br/>(not in these files)\"]");
        states.entry(State::Unknown).or_default().push(name);
    }
    for row in picture.rows.iter().rev() {
        for line in &row.lines {
            let Some(to) = line.to else { continue };
            let arrow = match line.kind {
                LineKind::DownRevision => "-->",
                LineKind::DependsOn => "-.->",
            };
            let _ = writeln!(text, "    {} {arrow} {}", node(to), node(row.at));
        }
    }
    for (state, names) in &states {
        if let Some(look) = look(*state) {
            class(&mut text, look, names);
        }
    }
    class(&mut text, ("head", "stroke-width:3px"), &heads);
    text
}

fn label(row: &Row<'_>) -> String {
    let first = escaped(&format!("{}{}", row.id, row.marks()));
    match row.summary {
        "" => first,
        summary => format!("{first}<br/>{}", escaped(summary)),
    }
}

/// Letters, digits and spaces as they are, everything else by its number: what mermaid, its Markdown or HTML
/// would read as more than text cannot come to stand there.
fn escaped(words: &str) -> String {
    let mut label = String::with_capacity(words.len());
    for character in words.chars() {
        if character.is_alphanumeric() || character == ' ' {
            label.push(character);
        } else if character.is_control() {
            label.push(' ');
        } else {
            let _ = write!(label, "#{};", u32::from(character));
        }
    }
    label
}

fn class(text: &mut String, (name, style): (&str, &str), nodes: &[String]) {
    if !nodes.is_empty() {
        let _ = writeln!(text, "    classDef {name} {style}");
        let _ = writeln!(text, "    class {} {name}", nodes.join(","));
    }
}

/// A class and its style.
fn look(state: State) -> Option<(&'static str, &'static str)> {
    match state {
        State::Unasked => None,
        State::Pending => Some(("pending", "stroke-dasharray:4")),
        State::Applied => Some(("applied", "fill:#e6f4ea,color:#000")),
        State::Current => Some(("current", "fill:#a8dab5,color:#000")),
        State::Edited => Some(("edited", "fill:#f6aea9,color:#000")),
        State::Unknown => Some(("unknown", "fill:#fde293,color:#000")),
    }
}
