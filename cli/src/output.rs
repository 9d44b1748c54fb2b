//! Where answers go: text for people, or one JSON document.

use std::io::{self, IsTerminal as _, Write};

use anstream::AutoStream;
use clap::ColorChoice;
use serde::Serialize;

use crate::error::CliError;
use crate::redact::Redactor;
use crate::{paint, show};

/// Standard output and standard error, in one of two forms.
#[derive(Debug, Clone)]
pub(super) struct Output {
    json: bool,
    color: ColorChoice,
    redactor: Redactor,
}

impl Output {
    pub(super) fn new(json: bool, color: ColorChoice, redactor: Redactor) -> Self {
        Output {
            json,
            color,
            redactor,
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person reads standard output on a screen.
    pub(super) fn is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// Whether a person sees what is drawn on standard error and drawn over again.
    pub(super) fn can_draw(&self) -> bool {
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        !self.json && io::stderr().is_terminal() && !is_dumb
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The whole answer: the document under `--json`, else the text, its colours left out where nobody sees them.
    pub(super) fn answer(
        &self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.json {
            return write_document(document);
        }
        self.print(&paint::finished(&text()))
    }

    /// The same for a picture beside a list: on a screen each line is cut to its width, so that the lines of the picture hold.
    pub(super) fn answer_drawn(
        &self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        let columns = console::Term::stdout().size_checked();
        let Some((_, columns)) = columns.filter(|_| self.is_terminal() && !self.json) else {
            return self.answer(document, text);
        };
        let text = paint::finished(&text());
        let cut = |line| console::truncate_str(line, usize::from(columns), "…") + "\n";
        self.print(&text.lines().map(cut).collect::<String>())
    }

    fn print(&self, text: &str) -> Result<(), CliError> {
        let mut stdout = self.painted(io::stdout());
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// The same for what is read by other programs: not a byte of the text is looked at, unless it goes to a terminal.
    pub(super) fn answer_raw(
        &self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        if self.json {
            return write_document(document);
        }
        let mut text = text();
        if self.is_terminal() {
            text = show::escaped(&text).into_owned();
        }
        let mut stdout = io::stdout();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()?;
        Ok(())
    }

    /// A line that is no answer: progress, or why an answer lacks something.
    pub(super) fn note(&self, line: &str) {
        // Who cannot read notes goes on without them.
        let line = paint::finished(&self.redactor.clean(line));
        let _ = writeln!(self.painted(io::stderr()), "{line}");
    }

    /// A line of an answer that is still coming. A document has no such lines.
    pub(super) fn progress(&self, line: &str) {
        if !self.json {
            // Where nobody reads, the work goes on.
            let line = paint::finished(line);
            let _ = writeln!(self.painted(io::stdout()), "{line}");
        }
    }

    /// What ends the command with an error: whole lines.
    pub(super) fn error(&self, text: &str) {
        // Who cannot read standard error has the exit code.
        let _ = if self.json {
            io::stderr().write_all(text.as_bytes())
        } else {
            let text = paint::finished(text);
            self.painted(io::stderr()).write_all(text.as_bytes())
        };
    }

    /// Whether a person is there to be asked.
    pub(super) fn can_ask(&self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether that person says yes.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, CliError> {
        let question = paint::finished(question);
        write!(self.painted(io::stderr()), "{question} [y/N] ")?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// The stream, which leaves colours out unless somebody sees them or they are asked for. NO_COLOR and the like
    /// decide where `--color` leaves it open (<https://no-color.org>).
    fn painted<S: anstream::stream::RawStream>(&self, stream: S) -> AutoStream<S> {
        match self.color {
            ColorChoice::Auto => AutoStream::auto(stream),
            ColorChoice::Always => AutoStream::always(stream),
            ColorChoice::Never => AutoStream::never(stream),
        }
    }
}

/// JSON is what it is: whoever reads it decodes it.
fn write_document(document: &impl Serialize) -> Result<(), CliError> {
    let mut stdout = io::stdout();
    serde_json::to_writer_pretty(&mut stdout, document).map_err(|error| {
        if error.is_io() {
            io::Error::from(error).into()
        } else {
            CliError::from(error)
        }
    })?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(())
}
