//! The statements that each step sends to a scratch database, on which Alembic runs it as it would on any other.

use std::collections::HashMap;

use limbeck::Dialect;
use limbeck::revision::SectionKind;
use serde::Deserialize;

use super::error::ImportError;
use super::found::one_line;
use super::offline::{Open, Rendered, without_transactions};

/// Runs in the project's own Python.
pub(super) const SCRIPT: &str =
    concat!(include_str!("project.py"), "\n", include_str!("online.py"));

/// The steps that ran, in the graph's order up to the first that failed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Ran {
    pub failed: Option<String>,
    /// By revision.
    #[serde(default)]
    steps: HashMap<String, Steps>,
    stopped: Option<Stopped>,
}

/// Each direction that ran: downgrades where what they did can be taken back, on the schema that the upgrade has made.
#[derive(Debug, Deserialize)]
struct Steps {
    upgrade: Option<Step>,
    downgrade: Option<Step>,
}

/// The run of one function.
#[derive(Debug, Deserialize)]
struct Step {
    error: Option<String>,
    /// The reason for which its statements are not all that it does: it reads rows, for one.
    reason: Option<String>,
    /// The reason is a question alone. It does no harm where nobody looks at the answer, which offline mode shows.
    is_only_asked: bool,
    sql: String,
}

/// The step that failed: those behind it did not run.
#[derive(Debug, Deserialize)]
struct Stopped {
    revision: String,
    error: String,
}

impl Ran {
    /// The statements of a direction. None where it did not run, or where those written offline are better.
    pub(super) fn body(
        &self,
        revision: &str,
        kind: SectionKind,
        dialect: Dialect,
        is_written: bool,
    ) -> Option<Result<Rendered, Open>> {
        let steps = self.steps.get(revision)?;
        let step = match kind {
            SectionKind::Upgrade => &steps.upgrade,
            _ => &steps.downgrade,
        };
        let step = step.as_ref()?;
        let reason = match (&step.error, &step.reason) {
            (None, None) => match without_transactions(&step.sql, dialect) {
                Ok((rendered, _)) => return Some(Ok(rendered)),
                Err(_) if is_written => return None,
                Err(problem) => problem,
            },
            (Some(_), _) if is_written => return None,
            (None, Some(_)) if is_written && step.is_only_asked => return None,
            (Some(error), _) => format!("on a scratch database it ends with {error}"),
            (None, Some(reason)) => reason.clone(),
        };
        Some(Err(Open::new(&reason, &[&step.sql])))
    }

    /// None of them ran.
    pub(super) fn failed(error: ImportError) -> Ran {
        Ran {
            failed: Some(error.to_string()),
            ..Ran::default()
        }
    }

    /// The note about where it ended before the last step.
    pub(super) fn note(&self) -> Option<String> {
        self.stopped.as_ref().map(|Stopped { revision, error }| {
            let error = one_line(error);
            format!(
                "on a scratch database upgrade() of {revision} ended with {error}: the steps behind it did not run \
                 there, and are as alembic writes them offline"
            )
        })
    }
}
