//! The state in which a failure leaves the database: data for a caller, and its one wording.

use std::fmt;

/// The state of the database after an error, as far as the failed step goes. Steps that were reported as finished before it
/// stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case", tag = "state")
)]
#[non_exhaustive]
pub enum DatabaseState {
    /// No statement was sent.
    NothingSent,
    /// Statements were sent, and none of them changed anything.
    Unchanged,
    /// The step was rolled back: the database is as it was before the step, or before the run where that is one transaction.
    RolledBack,
    /// The step stands half done, and the ledger knows how far it came.
    #[non_exhaustive]
    Partly {
        /// The statements that took effect; batches of a `repeat` section.
        done: u64,
        /// The statements of the section.
        total: u64,
        /// The number of the statement of which nobody knows whether it took effect.
        in_doubt: Option<u64>,
    },
    /// The connection was lost, and could not be had again to look.
    Unknown,
}

/// The state after an error, with what to do next. Its `Display` is a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aftermath {
    state: DatabaseState,
    text: String,
}

impl fmt::Display for Aftermath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The progress of a section.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reached {
    pub done: u64,
    pub total: u64,
}

/// Statements that are one transaction, by their first and last numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub first: u64,
    pub last: u64,
}

impl Aftermath {
    /// The state as data.
    #[must_use]
    pub fn state(&self) -> DatabaseState {
        self.state
    }

    fn new(state: DatabaseState, text: impl Into<String>) -> Aftermath {
        let text = text.into();
        Aftermath { state, text }
    }

    fn partly(reached: Reached, in_doubt: Option<u64>, text: impl Into<String>) -> Aftermath {
        let Reached { done, total } = reached;
        let state = DatabaseState::Partly {
            done,
            total,
            in_doubt,
        };
        Aftermath::new(state, text)
    }

    // ---- Before a step -------------------------------------------------------------------------------------

    pub(crate) fn not_connected() -> Aftermath {
        let text = "Nothing was sent. Look at the URL, the server and the pool's size";
        Aftermath::new(DatabaseState::NothingSent, text)
    }

    pub(crate) fn not_let_in() -> Aftermath {
        Aftermath::new(DatabaseState::NothingSent, "Nothing was sent")
    }

    pub(crate) fn unchanged() -> Aftermath {
        Aftermath::new(DatabaseState::Unchanged, "Nothing was changed")
    }

    pub(crate) fn unchanged_by_it() -> Aftermath {
        let text = "Nothing was changed by it. Start again";
        Aftermath::new(DatabaseState::Unchanged, text)
    }

    pub(crate) fn no_step_begun() -> Aftermath {
        Aftermath::new(DatabaseState::Unchanged, "No step was begun. Start again")
    }

    pub(crate) fn nothing_else() -> Aftermath {
        Aftermath::new(DatabaseState::Unchanged, "Nothing else was changed")
    }

    pub(crate) fn nothing_run() -> Aftermath {
        Aftermath::new(DatabaseState::Unchanged, "Nothing of the step was run")
    }

    // ---- A transactional step ------------------------------------------------------------------------------

    pub(crate) fn rolled_back() -> Aftermath {
        Aftermath::new(
            DatabaseState::RolledBack,
            "The step was rolled back: the database is as it was before it. Correct the cause and start again",
        )
    }

    pub(crate) fn run_rolled_back() -> Aftermath {
        Aftermath::new(
            DatabaseState::RolledBack,
            "The whole run was rolled back, it is one transaction: the database is as it was before. Correct the file \
             and start again",
        )
    }

    /// A lost connection whose step was looked for again.
    pub(crate) fn seen_rolled_back() -> Aftermath {
        Aftermath::new(
            DatabaseState::RolledBack,
            "limbeck connected again and looked: the step was rolled back, the database is as it was before it. Start \
             again",
        )
    }

    pub(crate) fn rolls_back() -> Aftermath {
        Aftermath::new(
            DatabaseState::RolledBack,
            "The server rolls the step back itself when it notices that the connection is gone",
        )
    }

    pub(crate) fn unknown() -> Aftermath {
        Aftermath::new(
            DatabaseState::Unknown,
            "Whether the server committed the step is not known here; it is wholly done or wholly undone. Start again: \
             limbeck looks before it acts",
        )
    }

    pub(crate) fn code_rolled_back() -> Aftermath {
        Aftermath::new(DatabaseState::RolledBack, "The step was rolled back")
    }

    /// Code that ended the transaction that it was given.
    pub(crate) fn code_committed() -> Aftermath {
        Aftermath::new(
            DatabaseState::Unknown,
            "What it committed stays, the head was not moved. Let it neither commit nor roll back: limbeck does that",
        )
    }

    pub(crate) fn step_ended() -> Aftermath {
        Aftermath::new(DatabaseState::Unknown, "The step has ended")
    }

    // ---- Checks --------------------------------------------------------------------------------------------

    pub(crate) fn required() -> Aftermath {
        Aftermath::new(
            DatabaseState::Unchanged,
            "Nothing of the step was run. Correct the data and start again",
        )
    }

    pub(crate) fn require_lost() -> Aftermath {
        Aftermath::new(
            DatabaseState::Unchanged,
            "Nothing of the step was run. Start again",
        )
    }

    pub(crate) fn verified() -> Aftermath {
        Aftermath::new(
            DatabaseState::RolledBack,
            "The step was rolled back: the database is as it was before it. Correct the data or the file and start \
             again",
        )
    }

    /// Nothing is committed before or by a check.
    pub(crate) fn verify_lost() -> Aftermath {
        Aftermath::new(
            DatabaseState::RolledBack,
            "The step was not committed: the database is as it was before it. Start again",
        )
    }

    pub(crate) fn verified_behind(total: u64) -> Aftermath {
        Aftermath::partly(
            Reached { done: total, total },
            None,
            "The step's statements took effect and stay, the head was not moved. Correct the data and start again: only \
             the check is left",
        )
    }

    pub(crate) fn verify_lost_behind(total: u64) -> Aftermath {
        Aftermath::partly(
            Reached { done: total, total },
            None,
            "The step's statements took effect and stay, the head was not moved. Start again: only the check is left",
        )
    }

    // ---- A step under the lease ----------------------------------------------------------------------------

    pub(crate) fn recorded(reached: Reached) -> Aftermath {
        Aftermath::partly(
            reached,
            None,
            "The ledger says how far the step came; start again to go on",
        )
    }

    pub(crate) fn goes_on(reached: Reached) -> Aftermath {
        Aftermath::partly(
            reached,
            None,
            "The statements before it took effect and stay. Start again: the step goes on",
        )
    }

    /// A setting that took effect once and does not a second time.
    pub(crate) fn setting_not_repeated(reached: Reached) -> Aftermath {
        Aftermath::partly(
            reached,
            None,
            "The statements before it took effect and stay. This one sets what those behind it need, and was to be \
             repeated for that. Correct the cause and start again",
        )
    }

    pub(crate) fn index_left() -> Aftermath {
        Aftermath::new(DatabaseState::Unknown, "The index is still there, invalid")
    }

    /// A failed statement behind the `done` ones.
    pub(crate) fn statement_failed(reached: Reached) -> Aftermath {
        let Reached { done, total } = reached;
        let ran = took_effect(done);
        let number = done + 1;
        let rest = not_run(number, total);
        Aftermath::partly(
            reached,
            None,
            format!(
                "{ran}; statement {number} did not{rest}. Correct it, in the file or in the database, and start again: \
                 the step goes on with statement {number}"
            ),
        )
    }

    /// A failed statement that undid those before it, which are one transaction with it.
    pub(crate) fn unit_failed(reached: Reached, unit: Span, number: u64) -> Aftermath {
        if number == unit.first {
            return Aftermath::statement_failed(reached);
        }
        let Reached { done, total } = reached;
        let ran = took_effect(done);
        let undone = match number - unit.first {
            1 => format!("statement {} was", unit.first),
            _ => format!("statements {} to {} were", unit.first, number - 1),
        };
        let rest = not_run(number, total);
        Aftermath::partly(
            reached,
            None,
            format!(
                "{ran}; statement {number} did not, and {undone} rolled back with it, in one transaction{rest}. Correct \
                 it, in the file or in the database, and start again: the step goes on with statement {}",
                unit.first
            ),
        )
    }

    /// Statements of one transaction in which something committed.
    pub(crate) fn unit_in_doubt(reached: Reached, unit: Span) -> Aftermath {
        let ran = stays(reached.done);
        let Span { first, last } = unit;
        Aftermath::partly(
            reached,
            Some(last),
            format!(
                "{ran}Statements {first} to {last} are one transaction, and something in it committed: what came before \
                 that stays. Look at what they should have changed, then settle it: resolve it as applied (the step goes \
                 on after statement {last}) or as not applied (it goes on with statement {first})"
            ),
        )
    }

    /// A failed statement behind the `done` ones that may have left a part of its effect.
    pub(crate) fn statement_in_doubt(reached: Reached) -> Aftermath {
        let (done, number) = (reached.done, reached.done + 1);
        let ran = stays(done);
        Aftermath::partly(
            reached,
            Some(number),
            format!(
                "{ran}A part of statement {number} may have taken effect before it failed. Look at what it should have \
                 changed, then settle it: resolve it as applied (the step goes on after it) or as not applied (the \
                 statement runs again)"
            ),
        )
    }

    /// A connection lost in the statement behind the `done` ones.
    pub(crate) fn statement_lost(reached: Reached) -> Aftermath {
        let (done, number) = (reached.done, reached.done + 1);
        Aftermath::partly(
            reached,
            Some(number),
            format!(
                "Statements 1 to {done} took effect; whether statement {number} did is not known here. Start again: \
                 limbeck settles it or says what to look at"
            ),
        )
    }

    pub(crate) fn batch_failed(batches: u64, rows: u64) -> Aftermath {
        let reached = Reached {
            done: batches,
            total: 1,
        };
        Aftermath::partly(
            reached,
            None,
            format!(
                "{batches} batches ({rows} rows) are committed and stay, this one was rolled back. Correct the cause and \
                 start again: the step goes on with the next batch"
            ),
        )
    }

    /// Code that no transaction holds.
    pub(crate) fn code_failed() -> Aftermath {
        Aftermath::partly(
            Reached { done: 0, total: 1 },
            Some(1),
            "What it changed before the error stays, as far as this database commits by itself. Correct the cause and \
             start again: it runs from its beginning",
        )
    }

    /// A step under the lease that was looked for again after a lost connection.
    pub(crate) fn seen(found: Option<(Reached, Option<u64>)>) -> Aftermath {
        let Some((reached, running)) = found else {
            return Aftermath::new(
                DatabaseState::Unchanged,
                "limbeck connected again and looked: nothing of the step was run. Start again",
            );
        };
        let came = format!(
            "limbeck connected again and looked: {} of {} statements took effect and are recorded",
            reached.done, reached.total
        );
        let text = match running {
            None => format!(
                "{came}, nothing else was changed. Start again: the step goes on behind them"
            ),
            Some(number) => format!(
                "{came}; statement {number} was on its way. Start again: limbeck finds out whether it took effect, or \
                 says what to look at"
            ),
        };
        Aftermath::partly(reached, running, text)
    }
}

/// The words for the statements that stay.
fn took_effect(done: u64) -> String {
    match done {
        0 => "None of its statements took effect".to_owned(),
        1 => "Statement 1 took effect and stays".to_owned(),
        done => format!("Statements 1 to {done} took effect and stay"),
    }
}

/// The same as a sentence, which is none where nothing stays.
fn stays(done: u64) -> String {
    match done {
        0 => String::new(),
        done => took_effect(done) + ". ",
    }
}

/// The words for the statements behind a failed one.
fn not_run(number: u64, total: u64) -> String {
    match total.saturating_sub(number) {
        0 => String::new(),
        1 => format!(", statement {total} was not run"),
        _ => format!(", statements {} to {total} were not run", number + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_well() {
        let reached = |done| Reached { done, total: 5 };
        let unit = Span { first: 3, last: 5 };
        let all = [
            Aftermath::not_connected(),
            Aftermath::not_let_in(),
            Aftermath::unchanged(),
            Aftermath::unchanged_by_it(),
            Aftermath::no_step_begun(),
            Aftermath::nothing_else(),
            Aftermath::nothing_run(),
            Aftermath::rolled_back(),
            Aftermath::run_rolled_back(),
            Aftermath::seen_rolled_back(),
            Aftermath::rolls_back(),
            Aftermath::unknown(),
            Aftermath::code_rolled_back(),
            Aftermath::code_committed(),
            Aftermath::step_ended(),
            Aftermath::required(),
            Aftermath::require_lost(),
            Aftermath::verified(),
            Aftermath::verify_lost(),
            Aftermath::verified_behind(5),
            Aftermath::verify_lost_behind(5),
            Aftermath::recorded(reached(2)),
            Aftermath::goes_on(reached(2)),
            Aftermath::setting_not_repeated(reached(2)),
            Aftermath::index_left(),
            Aftermath::statement_failed(reached(0)),
            Aftermath::statement_failed(reached(1)),
            Aftermath::statement_failed(reached(2)),
            Aftermath::statement_failed(reached(4)),
            Aftermath::unit_failed(reached(2), unit, 3),
            Aftermath::unit_failed(reached(2), unit, 4),
            Aftermath::unit_failed(reached(2), unit, 5),
            Aftermath::unit_in_doubt(reached(2), unit),
            Aftermath::statement_in_doubt(reached(2)),
            Aftermath::statement_lost(reached(2)),
            Aftermath::batch_failed(3, 1200),
            Aftermath::code_failed(),
            Aftermath::seen(None),
            Aftermath::seen(Some((reached(2), None))),
            Aftermath::seen(Some((reached(2), Some(3)))),
        ];
        let text: Vec<String> = all
            .iter()
            .map(|one| format!("{:?}\n  {one}", one.state()))
            .collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
