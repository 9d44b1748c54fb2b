//! What a run is at: a line that is drawn over again on a terminal, and a line for each finished step wherever the
//! answer goes.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use limbeck::{Event, Migrations};

use crate::connect::Observer;
use crate::output::Output;
use crate::{show, text};

/// Tells what a run tells.
pub(super) fn observer(migrations: Migrations, output: Output) -> Observer {
    let line = output.can_draw().then(line);
    Box::new(move |event| match &line {
        Some(line) => draw(line, event, &migrations, &output),
        None => say(event, &migrations, &output),
    })
}

/// A line that nobody sees until there is something to tell, and that is gone when the run has ended.
fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}{wide_msg} {elapsed}");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())
        .with_style(style.expect("a template that is right"))
        .with_finish(ProgressFinish::AndClear)
}

fn show(line: &ProgressBar) {
    const TICK: Duration = Duration::from_millis(100);
    if line.is_hidden() {
        line.set_draw_target(ProgressDrawTarget::stderr());
        line.enable_steady_tick(TICK);
    }
}

fn draw(line: &ProgressBar, event: &Event<'_>, migrations: &Migrations, output: &Output) {
    match event {
        Event::StepStarted {
            step,
            number,
            total,
            ..
        } => {
            show(line);
            line.set_prefix(format!("step {number} of {total}: "));
            let step = text::plain_step(migrations, step);
            line.set_message(one_line(&step));
            line.reset_elapsed();
        }
        Event::StatementStarted {
            number,
            total,
            statement,
            ..
        } => line.set_message(format!(
            "statement {number} of {total}: {}",
            one_line(statement)
        )),
        Event::BatchDone { number, rows, .. } => {
            line.set_message(format!("batch {number}: {rows} rows"));
        }
        Event::Waiting { holder, .. } => {
            show(line);
            line.set_prefix("waiting for the migration lock: ");
            line.set_message(output.redactor().clean(&one_line(&holder.to_string())));
        }
        Event::NoHeartbeat { error, .. } => line.suspend(|| output.note(&no_heartbeat(error))),
        Event::StepFinished { step, .. } => {
            line.suspend(|| output.progress(&text::step(migrations, step)));
        }
        _ => {}
    }
}

fn say(event: &Event<'_>, migrations: &Migrations, output: &Output) {
    match event {
        Event::StepFinished { step, .. } => {
            output.progress(&text::step(migrations, step));
        }
        Event::Waiting { holder, waited, .. } => output.note(&format!(
            "waiting for the migration lock for {} s: {holder}",
            waited.as_secs()
        )),
        Event::NoHeartbeat { error, .. } => output.note(&no_heartbeat(error)),
        _ => {}
    }
}

fn no_heartbeat(error: &str) -> String {
    format!(
        "the server has no second connection for this run ({error}): its lease is renewed between statements, and one that \
         takes longer can be taken over by another process"
    )
}

/// White space of any kind and length is one space: the line is one. What a terminal would take for more than text is
/// spelled out, as [`Output`] does it.
fn one_line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    show::escaped_line(&flat).into_owned()
}
