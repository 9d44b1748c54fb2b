//! Lines beside a list, for a terminal.

use std::fmt::Write as _;

use renderdag::{Ancestor, GraphRowRenderer, Renderer};

use super::picture::{Line, LineKind, Picture, Row, State};
use crate::paint;
use crate::text::some_of;

/// As many lines side by side leave room for the text. Beyond them only lines to the next row are drawn, and
/// the others are told in words: whatever the graph, the picture is as long as the list and no wider than this.
const COLUMNS: u64 = 12;

/// `id (labels) (head) …, message`.
pub(crate) fn line(row: &Row<'_>) -> String {
    let comma = if row.summary.is_empty() { "" } else { ", " };
    // A control character would tear the picture apart.
    let summary = row.summary.replace(char::is_control, " ");
    let (id, marks) = (paint::id(row.id), paint::good(&row.marks()));
    format!("{id}{marks}{comma}{summary}")
}

/// Each revision as `describe` has it, beside the lines.
pub(crate) fn draw(picture: &Picture<'_>, describe: impl Fn(&Row<'_>) -> String) -> String {
    let mut renderer = GraphRowRenderer::<usize>::new()
        .output()
        .with_min_row_height(1)
        .build_box_drawing();
    let mut text = String::new();
    for id in &picture.unknown {
        let _ = writeln!(text, "{}  {id} (not in these files)", glyph(State::Unknown));
    }
    // Who needs a row without a line that shows it.
    let mut undrawn: Vec<Vec<&str>> = vec![Vec::new(); picture.rows.len()];
    for row in &picture.rows {
        let mut lines = Vec::with_capacity(row.lines.len());
        let mut after = Vec::new();
        // The nearest first: where there is no room for all, the shortest are drawn.
        let mut wanted: Vec<&Line<'_>> = row.lines.iter().collect();
        wanted.sort_by_key(|line| line.to.unwrap_or(usize::MAX));
        for line in wanted {
            if let Some(to) = line.to {
                lines.push(match line.kind {
                    LineKind::DownRevision => Ancestor::Parent(to),
                    LineKind::DependsOn => Ancestor::Ancestor(to),
                });
                let width = |columns: u64| 2 * columns + 1;
                if to == row.at + 1 || renderer.width(Some(&row.at), Some(&lines)) <= width(COLUMNS)
                {
                    continue;
                }
                lines.pop();
                undrawn[to].push(row.id);
            }
            after.push(line.id);
        }
        if lines.is_empty() && !after.is_empty() {
            lines.push(Ancestor::Anonymous);
        }
        let described = describe(row);
        let (first, rest) = described.split_once('\n').unwrap_or((&described, ""));
        let message = format!(
            "{first}{}{}\n{rest}",
            in_words("after", &after),
            in_words("before", &undrawn[row.at])
        );
        let glyph = glyph(row.state).to_owned();
        text.push_str(&renderer.next_row(row.at, lines, glyph, message));
    }
    text
}

/// ` (after a, b)`.
fn in_words(word: &str, ids: &[&str]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    format!(" ({word} {})", some_of(ids))
}

fn glyph(state: State) -> &'static str {
    match state {
        State::Unasked => "*",
        State::Pending => "○",
        State::Applied => "●",
        State::Current => "@",
        State::Edited => "×",
        State::Unknown => "?",
    }
}
