//! What people read.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeZone};
use limbeck::graph::{RevisionId, RevisionSet};
use limbeck::plan::{Action, Step};
use limbeck::revision::SectionKind;
use limbeck::status::RevisionInfo;
use limbeck::{Migrations, Outcome, Plan, Report, Revision, Status};

use crate::code;
use crate::document::Listed;
use crate::paint;
use crate::show::escaped_line;

/// Writes revisions, knowing their graph.
pub(super) struct Writer<'m> {
    migrations: &'m Migrations,
    labels: Vec<(&'m Arc<str>, RevisionSet<'m>)>,
}

impl<'m> Writer<'m> {
    pub(super) fn new(migrations: &'m Migrations) -> Self {
        let graph = migrations.graph();
        let labels = graph.labels();
        Writer {
            migrations,
            labels: labels
                .map(|(label, _)| (label, graph.labelled(label)))
                .collect(),
        }
    }

    /// `id (labels) (head) …, message`.
    pub(super) fn line(&self, listed: &Listed) -> String {
        format!("{}{}\n", self.marked(listed), behind_comma(&listed.info))
    }

    /// `parents -> id (labels) (head) …, message`.
    pub(super) fn line_with_parents(&self, listed: &Listed) -> String {
        let parents = parents(&listed.info);
        format!("{parents} -> {}", self.line(listed))
    }

    /// A line, and below it one for each revision that follows.
    pub(super) fn branch(&self, listed: &Listed) -> String {
        let mut text = self.line(listed);
        let indent = " ".repeat(listed.info.revision.chars().count());
        for child in self.migrations.graph().children(&listed.info.revision) {
            let labels = self.labels_of(child);
            let _ = writeln!(text, "{indent} -> {}{labels}", paint::id(child));
        }
        text
    }

    /// All that the file says.
    pub(super) fn block(&self, listed: &Listed) -> String {
        let info = &listed.info;
        let mut text = format!("Revision:   {}\n", self.marked(listed));
        if listed.unknown {
            return text + "\n";
        }
        let _ = writeln!(text, "Parent:     {}", list_or_base(&info.down_revision));
        if !info.depends_on.is_empty() {
            let _ = writeln!(text, "Depends on: {}", info.depends_on.join(", "));
        }
        let children: Vec<&str> = self
            .migrations
            .graph()
            .children(&info.revision)
            .map(|id| &**id)
            .collect();
        if !children.is_empty() {
            let _ = writeln!(text, "Children:   {}", children.join(", "));
        }
        if let Some(date) = &info.create_date {
            let _ = writeln!(text, "Created:    {}", rfc_3339(*date));
        }
        let _ = writeln!(text, "File:       {}", escaped_line(&info.path));
        if let Some(revision) = self.migrations.get(&info.revision) {
            let code: Vec<String> = [SectionKind::Upgrade, SectionKind::Downgrade]
                .into_iter()
                .filter_map(|kind| Some(format!("{kind} is {}", code::mark(revision, kind)?)))
                .collect();
            if !code.is_empty() {
                let _ = writeln!(text, "Code:       {}", code.join(", "));
            }
        }
        if !info.message.is_empty() {
            text.push('\n');
            for line in info.message.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
        text.push('\n');
        text
    }

    /// The id and what is to be said of it in brackets.
    fn marked(&self, listed: &Listed) -> String {
        let info = &listed.info;
        let labels = self.labels_of(&info.revision);
        let mut text = format!("{}{labels}", paint::id(&info.revision));
        let is_branch_point = self.migrations.graph().children(&info.revision).len() > 1;
        for (applies, mark) in [
            (info.head, paint::good("(head)")),
            (info.current == Some(true), paint::good("(current)")),
            (is_branch_point, "(branch point)".to_owned()),
            (info.down_revision.len() > 1, "(merge)".to_owned()),
            (listed.unknown, paint::bad("(not in these files)")),
        ] {
            if applies {
                let _ = write!(text, " {mark}");
            }
        }
        text
    }

    fn labels_of(&self, id: &str) -> String {
        let covering: Vec<&str> = self
            .labels
            .iter()
            .filter(|(_, members)| members.contains(id))
            .map(|(label, _)| &***label)
            .collect();
        if covering.is_empty() {
            String::new()
        } else {
            format!(" {}", paint::label(&format!("({})", some_of(&covering))))
        }
    }
}

/// `a, b`, and of many their number before the first: `124: a, b, … and 116 more`.
fn counted(ids: &[RevisionId]) -> String {
    let names: Vec<&str> = ids.iter().map(|id| &**id).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > NAMED => format!("{count}: {}", some_of(&names)),
        _ => some_of(&names),
    }
}

/// So many names of a list are told.
const NAMED: usize = 8;

/// `a, b, …`: never a screenful.
pub(super) fn some_of(names: &[&str]) -> String {
    let named = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Names in a message: enough of them to go on with, never a screenful.
pub(super) struct Names<'a, N>(pub(super) &'a [N]);

impl<N: fmt::Display> fmt::Display for Names<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        for (at, name) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// `upgrade parent -> id, message`, and for a downgrade the other way round.
pub(super) fn step(migrations: &Migrations, step: &Step) -> String {
    let id = &step.revision;
    told(migrations, step.action, id, &paint::id(id), has_row(step))
}

/// The same without colours.
pub(super) fn plain_step(migrations: &Migrations, step: &Step) -> String {
    let id = &step.revision;
    told(migrations, step.action, id, id, has_row(step))
}

/// Whether the step leaves its revision a row of the version table.
fn has_row(step: &Step) -> bool {
    !step.removes.contains(&step.revision)
}

fn told(migrations: &Migrations, action: Action, id: &str, shown: &str, has_row: bool) -> String {
    let parents: Vec<_> = migrations.graph().down_revision(id).collect();
    let parents = list_or_base(&parents);
    let summary = match migrations.get(id).map(Revision::summary) {
        None | Some("") => String::new(),
        Some(summary) => format!(", {summary}"),
    };
    match action {
        Action::Upgrade => format!("{action} {parents} -> {shown}{summary}"),
        Action::Downgrade => format!("{action} {shown} -> {parents}{summary}"),
        _ if !has_row => format!("{action} removes {shown}{summary}"),
        _ => format!("{action} {shown}{summary}"),
    }
}

/// A plan's steps and where they lead.
pub(super) fn plan(migrations: &Migrations, plan: &Plan) -> String {
    let mut text = String::new();
    let mut walk = plan.walk();
    while let Some(step) = walk.advance() {
        let id = &step.revision;
        let has_row = walk.heads().contains(id);
        text.push_str(&told(migrations, step.action, id, &paint::id(id), has_row));
        if let Some(mark) = code::mark_of_step(migrations, step.action.name(), id) {
            let _ = write!(text, " ({mark})");
        }
        text.push('\n');
    }
    if plan.is_empty() {
        text.push_str(NOTHING_TO_DO);
    }
    text.push_str(&heads(plan.heads()));
    text
}

const NOTHING_TO_DO: &str = "nothing to do\n";

/// The end of a run, its steps being told already.
pub(super) fn end_of_run(report: &Report) -> String {
    let mut text = String::new();
    if let Outcome::Ahead { unknown, .. } = &report.outcome {
        let unknown = unknown.join(", ");
        let _ = writeln!(
            text,
            "nothing to do: the database is ahead of these files by {unknown}"
        );
    } else if report.steps.is_empty() {
        text.push_str(NOTHING_TO_DO);
    }
    text.push_str(&heads(&report.current));
    text
}

/// `heads: a, b`.
pub(super) fn heads<S: std::borrow::Borrow<str>>(heads: &[S]) -> String {
    let list = if heads.is_empty() {
        "none".to_owned()
    } else {
        heads.join(", ")
    };
    format!("heads: {list}\n")
}

/// Where the database stands; `code` are the pending revisions that are code.
pub(super) fn status(status: &Status, code: &[RevisionId]) -> String {
    let list = |ids: &[RevisionId]| {
        if ids.is_empty() {
            "none".to_owned()
        } else {
            ids.join(", ")
        }
    };
    let mut text = format!(
        "ready:      {}\ncurrent:    {}\nheads:      {}\npending:    {}\n",
        if status.is_ready() {
            paint::good("yes")
        } else {
            paint::bad("no")
        },
        list(&status.current),
        list(&status.heads),
        counted(&status.pending),
    );
    if !code.is_empty() {
        let _ = writeln!(
            text,
            "code:       {} (pending, and run by a program that has the code registered)",
            counted(code)
        );
    }
    // Pending and edited revisions are listed by themselves.
    let refusal = status.refusal.as_ref();
    if let Some(refusal) = refusal.filter(|refusal| !["behind", "drift"].contains(&&*refusal.kind))
    {
        text.push_str(&format!("why not:    {}\n", refusal.message));
    }
    if !status.unknown.is_empty() {
        let _ = writeln!(
            text,
            "unknown:    {} (not in these files)",
            list(&status.unknown)
        );
    }
    for edited in &status.drift {
        let _ = writeln!(
            text,
            "edited:     {} ({}): recorded {}, now {}",
            edited.revision,
            escaped_line(&edited.path),
            edited.recorded,
            edited.embedded
        );
    }
    if !status.unverified.is_empty() {
        let _ = writeln!(
            text,
            "unverified: {} (no checksum was recorded)",
            list(&status.unverified)
        );
    }
    if let Some(step) = &status.unfinished {
        let _ = writeln!(
            text,
            "unfinished: {} of {}, since {}: {} of {} statements took effect",
            step.action,
            step.revision,
            step.started_at
                .map_or_else(|| "an unknown time".to_owned(), rfc_3339),
            step.statements_done,
            step.statements
        );
        if let Some(number) = step.statement_running {
            let statement = step.statement.as_deref().unwrap_or_default();
            let _ = writeln!(text, "            in statement {number}: {statement}");
        }
        if let Some(error) = &step.error {
            let _ = writeln!(text, "            stopped by: {error}");
        }
    }
    if let Some(holder) = &status.holder {
        let _ = writeln!(text, "lock:       {holder}");
    }
    text
}

/// `a, b`, with what it depends on besides in brackets.
fn parents(info: &RevisionInfo) -> String {
    let mut text = list_or_base(&info.down_revision);
    if !info.depends_on.is_empty() {
        let _ = write!(text, " ({})", info.depends_on.join(", "));
    }
    text
}

fn list_or_base<S: AsRef<str>>(ids: &[S]) -> String {
    if ids.is_empty() {
        return "<base>".to_owned();
    }
    let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
    ids.join(", ")
}

fn behind_comma(info: &RevisionInfo) -> String {
    match info.message.lines().next() {
        None | Some("") => String::new(),
        Some(summary) => format!(", {summary}"),
    }
}

fn rfc_3339<Z: TimeZone>(time: DateTime<Z>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
