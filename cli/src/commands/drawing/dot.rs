//! A digraph for Graphviz.

use std::fmt::Write as _;

use super::picture::{LineKind, Picture, Row, State};

/// The newest revisions are above, as in a terminal; an arrow leads from what comes first to what follows.
pub(crate) fn draw(picture: &Picture<'_>) -> String {
    let mut text = String::from(
        "digraph limbeck {\n    rankdir=BT\n    node [shape=box, style=\"rounded,filled\", fillcolor=white]\n",
    );
    for row in picture.rows.iter().rev() {
        let _ = writeln!(
            text,
            "    {} [label=\"{}\"{}{}]",
            quoted(row.id),
            label(row),
            if row.is_head { ", penwidth=2" } else { "" },
            look(row.state)
        );
    }
    for id in &picture.unknown {
        let (name, look) = (quoted(id), look(State::Unknown));
        let label = in_label(id);
        let _ = writeln!(
            text,
            "    {name} [label=\"{label}\\n(not in these files)\"{look}]"
        );
    }
    for row in picture.rows.iter().rev() {
        for line in row.lines.iter().filter(|line| line.to.is_some()) {
            let style = match line.kind {
                LineKind::DownRevision => "",
                LineKind::DependsOn => " [style=dashed]",
            };
            let (from, to) = (quoted(line.id), quoted(row.id));
            let _ = writeln!(text, "    {from} -> {to}{style}");
        }
    }
    text.push_str("}\n");
    text
}

fn label(row: &Row<'_>) -> String {
    let first = in_label(&format!("{}{}", row.id, row.marks()));
    match row.summary {
        "" => first,
        summary => format!("{first}\\n{}", in_label(summary)),
    }
}

/// A name: of its characters only these two mean anything in quotes.
fn quoted(id: &str) -> String {
    format!("\"{}\"", id.replace('\\', "\\\\").replace('"', "\\\""))
}

/// In a label `&` begins an entity too, and a backslash a `\N` for the node's name.
fn in_label(words: &str) -> String {
    let mut label = String::with_capacity(words.len());
    for character in words.chars() {
        match character {
            '&' => label.push_str("&amp;"),
            '"' | '\\' => label.extend(['\\', character]),
            character if character.is_control() => label.push(' '),
            character => label.push(character),
        }
    }
    label
}

fn look(state: State) -> &'static str {
    match state {
        State::Unasked => "",
        State::Pending => ", style=\"rounded,dashed\"",
        State::Applied => ", fillcolor=\"#e6f4ea\"",
        State::Current => ", fillcolor=\"#a8dab5\"",
        State::Edited => ", fillcolor=\"#f6aea9\"",
        State::Unknown => ", fillcolor=\"#fde293\"",
    }
}
