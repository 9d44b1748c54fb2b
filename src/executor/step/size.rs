//! The sizes of what a plan sends, before the first of it is sent: a server ends the connection at a message that is too long, and
//! that looks like a lost one.

use std::fmt;

use super::Steps;
use crate::backend::{Conduct as _, Source};
use crate::executor::error::Error;
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::prepare::{self, Prepared, RefusedError, Work};

/// The smallest default of any limit: what is shorter is not looked at.
const SMALL: usize = 900 * 1024;

/// The room for limbeck's own statements in a message.
pub(super) const ROOM: usize = 64 * 1024;

/// The longest message of a step.
struct Longest {
    bytes: usize,
    what: Part,
}

/// The part of a step that a message holds.
enum Part {
    Whole { has_record: bool },
    Statement(usize),
    Record,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Whole { has_record: false } => f.write_str("its section, which is one message"),
            Part::Whole { has_record: true } => f.write_str(
                "its section and the ledger's row with its `@downgrade` section, which are one message",
            ),
            Part::Statement(number) => write!(f, "its statement {number}"),
            Part::Record => f.write_str("the ledger's row with its `@downgrade` section"),
        }
    }
}

impl<S: Source> Steps<'_, S> {
    /// Refuses a step of which a message is longer than the database takes.
    pub(super) async fn check_size(&mut self, steps: &[Prepared]) -> Result<(), Error> {
        let mut known = None;
        for prepared in steps {
            let longest = self.longest(prepared);
            if longest.bytes <= SMALL {
                continue;
            }
            let (limit, setting) = match known {
                Some(known) => known,
                None => *known.insert(self.longest_message().await?),
            };
            if longest.bytes.saturating_add(ROOM) > limit {
                return Err(RefusedError::TooLong {
                    revision: prepared.step.revision.clone(),
                    path: prepared.path.clone(),
                    what: longest.what.to_string(),
                    bytes: longest.bytes,
                    limit,
                    setting,
                }
                .into());
            }
        }
        Ok(())
    }

    async fn longest_message(&mut self) -> Result<(usize, &'static str), Error> {
        let Wire { line, conduct, .. } = self.wire();
        let asked = conduct.longest_message(line).await;
        asked.map_err(|fault| {
            fault.into_error("asking for the longest message", Aftermath::unchanged())
        })
    }

    fn longest(&self, prepared: &Prepared) -> Longest {
        let lengths = prepared.statements().iter().map(|sql| sql.text.len());
        let record = self.record_length(prepared);
        if matches!(prepared.work, Work::Transaction(_)) {
            return Longest {
                bytes: lengths.sum::<usize>().saturating_add(record),
                what: Part::Whole {
                    has_record: record > 0,
                },
            };
        }
        let longest = lengths.enumerate().max_by_key(|(_, bytes)| *bytes);
        let (index, bytes) = longest.unwrap_or_default();
        if record > bytes {
            return Longest {
                bytes: record,
                what: Part::Record,
            };
        }
        Longest {
            bytes,
            what: Part::Statement(index + 1),
        }
    }

    /// The length of the text that keeps the step's downgrade; none where it is short.
    fn record_length(&self, prepared: &Prepared) -> usize {
        let dialect = self.gate.view.wire.dialect();
        let revision = self.gate.record.migrations.get(&prepared.step.revision);
        let down = revision.and_then(|revision| prepare::down_sql(revision, dialect));
        // Each of its characters may be written as two.
        let long = down.filter(|down| down.len() * 2 > SMALL);
        long.map_or(0, |down| dialect.literal(down).len())
    }
}
