//! Where answers go: text for people, or one JSON document.

use std::io::{IsTerminal as _, Write as _};

use serde::Serialize;

use super::error::CliError;
use super::redact::Redactor;

/// Standard output, in one of two forms.
#[derive(Debug, Clone)]
pub(super) struct Output {
    json: bool,
    redactor: Redactor,
}

impl Output {
    pub(super) fn new(json: bool, redactor: Redactor) -> Self {
        Output { json, redactor }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Whether a person reads the answer on a terminal.
    pub(super) fn is_terminal(&self) -> bool {
        !self.json && std::io::stdout().is_terminal()
    }

    /// The whole answer: the document under `--json`, else the text.
    pub(super) fn answer(
        &self,
        document: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), CliError> {
        let mut stdout = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut stdout, document).map_err(|error| {
                if error.is_io() {
                    CliError::Io(error.into())
                } else {
                    CliError::Json(error)
                }
            })?;
            stdout.write_all(b"\n")?;
        } else {
            stdout.write_all(text().as_bytes())?;
        }
        stdout.flush()?;
        Ok(())
    }

    /// A line that is no answer: progress, or why an answer lacks something.
    pub(super) fn note(&self, line: &str) {
        // Who cannot read notes goes on without them.
        let _ = writeln!(std::io::stderr(), "{}", self.redactor.clean(line));
    }

    /// A line of an answer that is still coming. A document has no such lines.
    pub(super) fn progress(&self, line: &str) {
        if !self.json {
            // Where nobody reads, the work goes on.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// Whether a person is there to be asked.
    pub(super) fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether that person says yes.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, CliError> {
        write!(std::io::stderr(), "{question} [y/N] ")?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
