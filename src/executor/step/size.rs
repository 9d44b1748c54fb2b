//! The sizes of what a plan sends, before the first of it is sent: a server ends the connection at a message that is too long, and
//! that looks like a lost one.

use super::Steps;
use crate::backend::{Conduct as _, Source};
use crate::dialect::Dialect;
use crate::executor::error::Error;
use crate::executor::state::Aftermath;
use crate::executor::wire::Wire;
use crate::ledger::State;
use crate::prepare::{Prepared, RefusedError, Work};

/// The smallest default of any limit: what is shorter is not looked at.
const SMALL: usize = 900 * 1024;

/// The room for limbeck's own statements in a message.
const ROOM: usize = 64 * 1024;

/// The longest message of a step.
struct Longest {
    bytes: usize,
    what: String,
}

impl<S: Source> Steps<'_, S> {
    /// Refuses a step of which a message is longer than the database takes.
    pub(super) async fn check_size(&mut self, steps: &[Prepared]) -> Result<(), Error> {
        let mut known = None;
        for prepared in steps {
            let Some(longest) = self
                .longest(prepared)
                .filter(|longest| longest.bytes > SMALL)
            else {
                continue;
            };
            let (limit, setting) = match known {
                Some(known) => known,
                None => *known.insert(self.longest_message().await?),
            };
            if longest.bytes.saturating_add(ROOM) > limit {
                return Err(RefusedError::TooLong {
                    revision: prepared.step.revision.to_string(),
                    path: prepared.path.clone(),
                    what: longest.what,
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

    fn longest(&self, prepared: &Prepared) -> Option<Longest> {
        let dialect = self.gate.view.wire.dialect();
        let statements = prepared.statements();
        let lengths = statements.iter().map(|statement| statement.text.len());
        let body = match prepared.work {
            Work::Transaction(_) => Longest {
                bytes: lengths.sum(),
                what: "its section, which is one message".to_owned(),
            },
            _ => {
                let longest = lengths.enumerate().max_by_key(|(_, bytes)| *bytes);
                let (number, bytes) = longest.unwrap_or_default();
                Longest {
                    bytes,
                    what: format!("its statement {}", number + 1),
                }
            }
        };
        let record = self.record_length(dialect, prepared);
        let record = Longest {
            bytes: record,
            what: "the ledger's row with its `@downgrade` section".to_owned(),
        };
        let whole = matches!(prepared.work, Work::Transaction(_));
        if whole && record.bytes > 0 {
            return Some(Longest {
                bytes: body.bytes.saturating_add(record.bytes),
                what: "its section and the ledger's row with its `@downgrade` section, which are one message"
                    .to_owned(),
            });
        }
        [body, record]
            .into_iter()
            .max_by_key(|longest| longest.bytes)
    }

    /// The length of the statement that keeps the step's downgrade, about.
    fn record_length(&self, dialect: Dialect, prepared: &Prepared) -> usize {
        let line = &self.gate.view.wire.line;
        let row = self.gate.record.row::<S>(line, &prepared.step, State::Done);
        let down = row.down_sql.as_deref().unwrap_or_default();
        if down.len() * 2 <= SMALL {
            return 0;
        }
        dialect.literal(down).len()
    }
}
